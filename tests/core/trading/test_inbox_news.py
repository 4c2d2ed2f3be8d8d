"""Fills and alarms of the inbox: one item each, growing, counted, bounded, and still there after a restart until answered."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from core.messages import Replay
from core.trading.evidence import Reported, Sent
from core.trading.inbox_news import MOST
from core.trading.inbox_past import DAY_MS
from core.trading.journal_records import InboxAnswered
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.order_record import Intent
from core.trading.plan import TradeEnded
from tests.builders import NOW_MS
from tests.core.trading.inbox_rig import MINUTE, D, InboxRig, Kept
from tests.trading_builders import account, alarm, closed, discrepancy, execution, halt, order, position

STOP: dict[str, Any] = {
    "purpose": "PROTECTION", "parent": "tt-1-a", "side": "SELL", "kind": "STOP_LOSS_LIMIT", "stop_price": D("150.90"),
}  # fmt: skip


def words(rig: InboxRig, kind: str) -> list[str]:
    return [item.text for item in rig.waiting(kind)]


# --- fills -----------------------------------------------------------------------------------------------------------


async def test_an_orders_fills_are_one_item_that_grows_and_wakes_again() -> None:
    rig = InboxRig().send(order(), execution())
    assert words(rig, "FILL") == ["bought 1.28 SOLUSDT at 152.35, entry, 1.28 of 3.28"]
    item = rig.waiting("FILL")[0]
    assert (item.client_id, item.severity) == ("tt-1-a", "info")
    assert await rig.keeper.answer(item.item_id, "ACKNOWLEDGED", 0) == ""
    assert words(rig, "FILL") == []
    rig.send(execution(trade_id="5502", quantity=D("2"), price=D("152.45")))
    rig.send(order(state="FILLED", filled=D("3.28"), average_price=D("152.41098")))
    assert words(rig, "FILL") == ["bought 3.28 SOLUSDT at 152.41098, entry"]


def test_a_target_tells_its_gain_and_a_stop_the_result_of_the_trade() -> None:
    rig = InboxRig().send(account(), order(), position(trade_id="tt-1-a", result=4.76, r_multiple=1.0))
    target = order("tt-1-t", purpose="EXIT", parent="tt-1-a", side="SELL", price=D("155.25"), quantity=D("1.64"))
    rig.send(target, execution("tt-1-t", side="SELL", quantity=D("1.64"), price=D("155.25")))
    assert words(rig, "FILL") == ["sold 1.64 SOLUSDT at 155.25, target; +1.00 R, +4.76 USDT before fees"]
    rig.send(order("tt-1-s", quantity=D("1.64"), **STOP), execution("tt-1-s", side="SELL", quantity=D("1.64")))
    rig.send(closed(trade_id="tt-1-a"))
    assert "sold 1.64 SOLUSDT at 152.35, stop; trade over: −1.03 R, −4.92 USDT" in words(rig, "FILL")
    rig.send(closed("ETHUSDT", trade_id="tt-9-a", why="OUTSIDE"))
    assert "ETHUSDT: trade over, outside: −1.03 R, −4.92 USDT" in words(rig, "FILL")


def journal() -> Kept:
    """An entry that filled two hours ago, its stop that filled an hour ago, and one that filled two days ago."""
    kept = Kept()
    for client_id, parent, hours in (("tt-0-a", "", 48), ("tt-1-a", "", 2), ("tt-1-s", "tt-1-a", 1)):
        at_ms = NOW_MS - hours * 60 * MINUTE
        spec = OrderSpec(
            client_id=client_id, symbol="SOLUSDT", side="SELL" if parent else "BUY", type="STOP_LOSS_LIMIT" if parent else "LIMIT",
            quantity=D("3"), price=D("152"), stop_price=D("150.9") if parent else D("0"),
        )  # fmt: skip
        purpose: Any = "PROTECTION" if parent else "ENTRY"
        kept.keep(Intent(at_ms=at_ms, intent_id=client_id, purpose=purpose, spec=spec, parent=parent))
        kept.keep(Sent(client_id=client_id, at_ms=at_ms))
        fill = Fill(
            trade_id=client_id, order_id=client_id, client_id=client_id, symbol="SOLUSDT", side=spec.side, price=D("152"),
            quantity=D("3"), cumulative=D("3"), fee=D("0"), fee_asset="USDT", maker=True, at_ms=at_ms,
        )  # fmt: skip
        report = OrderReport(
            order_id=client_id, spec=spec, status="FILLED", filled=D("3"), filled_quote=D("456"), at_ms=at_ms, fill=fill
        )
        kept.keep(Reported(client_id=client_id, at_ms=at_ms, report=report, channel="STREAM"))
    kept.keep(TradeEnded(at_ms=NOW_MS - MINUTE, trade_id="tt-1-a", result=D("-4.5"), r_multiple=-1.0, why="STOP"))
    return kept


ENTRY = "bought 3 SOLUSDT at 152, entry"
EXIT = "sold 3 SOLUSDT at 152, stop; trade over: −1.00 R, −4.50"


async def test_after_a_restart_fills_of_the_last_day_wait_unless_they_were_answered() -> None:
    kept = journal()
    rig = InboxRig(kept=kept).send(Replay())
    assert words(rig, "FILL") == [EXIT, ENTRY]
    assert await rig.keeper.answer("f:tt-1-a", "ACKNOWLEDGED", 0) == ""
    assert await rig.keeper.answer("f:tt-1-s", "SNOOZED", 30) == ""
    again = InboxRig(kept=kept).send(Replay())
    assert words(again, "FILL") == []
    assert again.keeper.find("f:tt-1-s") is not None
    await again.pass_time(30)
    assert words(again, "FILL") == [EXIT]


def test_an_answer_holds_for_the_fills_before_it() -> None:
    kept = journal()
    answered = InboxAnswered(at_ms=NOW_MS, item_id="f:tt-1-a", answer="DISMISSED")
    kept.entries.insert(3, replace(kept.entries[3], record=answered))
    for place, entry in enumerate(kept.entries):
        kept.entries[place] = replace(entry, seq=place + 1)
    assert ENTRY in words(InboxRig(kept=kept).send(Replay()), "FILL")


async def test_what_ran_out_a_day_ago_is_not_read_again() -> None:
    kept = journal()
    kept.keep(InboxAnswered(at_ms=NOW_MS - DAY_MS - 1, item_id="f:tt-1-s", answer="DISMISSED"))
    assert words(InboxRig(kept=kept).send(Replay()), "FILL") == [EXIT, ENTRY]


# --- alarms ----------------------------------------------------------------------------------------------------------


async def test_a_repeated_alarm_is_one_item_with_its_count_and_wakes_after_an_answer() -> None:
    rig = InboxRig().send(alarm(text="bare"), alarm(text="bare"), alarm(severity="info", code="QUOTE_BACK"))
    assert words(rig, "ALARM") == ["bare (2 times)"]
    name = rig.waiting("ALARM")[0].item_id
    assert await rig.keeper.answer(name, "SNOOZED", 5) == ""
    rig.send(alarm(text="bare"))
    assert words(rig, "ALARM") == [], "snoozed"
    await rig.pass_time(5)
    assert words(rig, "ALARM") == ["bare (3 times)"]
    assert await rig.keeper.answer(name, "DISMISSED", 0) == ""
    rig.send(alarm(text="bare again"))
    assert words(rig, "ALARM") == ["bare again"]


async def test_a_difference_waits_until_it_is_settled() -> None:
    rig = InboxRig().send(discrepancy())
    [text] = words(rig, "ALARM")
    assert text.startswith("balance: the venue holds 1.280 SOL")
    name = rig.waiting("ALARM")[0].item_id
    assert await rig.keeper.answer(name, "ACKNOWLEDGED", 0) == ""
    rig.send(discrepancy(at_ms=NOW_MS))
    assert words(rig, "ALARM") == [], "told again, but nothing new"
    await rig.pass_time(1)
    rig.send(discrepancy(at_ms=NOW_MS + MINUTE))
    assert words(rig, "ALARM") == [], "it still stands, and was answered"
    rig.send(discrepancy(settled=True), discrepancy())
    assert len(words(rig, "ALARM")) == 1, "it was settled, and is there again"
    rig.send(discrepancy(settled=True))
    rig.send(discrepancy("OTHER"), discrepancy("OTHER", settled=True))
    assert words(rig, "ALARM") == []
    assert "EXPIRED" in [item.state for item in rig.gone()]
    await rig.pass_time(1)
    assert not rig.items


async def test_a_halt_is_one_alarm_that_becomes_urgent_when_a_cancel_fails() -> None:
    rig = InboxRig().send(halt(failed=()))
    [item] = rig.waiting("ALARM")
    assert (item.severity, item.text) == (
        "warning", "HALTED (operator): no new entries; 1 cancelled; 1 being cancelled; 2 stops kept",
    )  # fmt: skip
    assert await rig.keeper.answer(item.item_id, "ACKNOWLEDGED", 0) == ""
    await rig.pass_time(1)
    rig.send(halt(failed=(), waiting=(), done=True))
    assert words(rig, "ALARM") == [], "it went well"
    rig.send(halt(waiting=(), done=True))
    [item] = rig.waiting("ALARM")
    assert item.severity == "error"
    assert "not cancelled: tt-5-a (no answer)" in item.text


def test_errors_come_first() -> None:
    rig = InboxRig().send(execution(), alarm(code="A", severity="warning"), alarm(code="B"))
    assert [(item.kind, item.severity) for item in rig.items] == [
        ("ALARM", "error"), ("ALARM", "warning"), ("FILL", "info"),
    ]  # fmt: skip


def test_the_oldest_fills_give_way_and_that_is_said() -> None:
    rig = InboxRig().send(*(alarm(f"CODE{number}") for number in range(MOST - 1)))
    rig.send(execution("old"), execution("new"))
    assert len(rig.items) == MOST
    assert [item.client_id for item in rig.waiting("FILL")] == ["new"]
    assert rig.note == "1 of the oldest dropped unanswered: at most 200 are kept, answer some"
    rig.send(*(alarm(f"MORE{number}") for number in range(10)))
    assert (len(rig.items), rig.waiting("FILL")) == (MOST, [])
