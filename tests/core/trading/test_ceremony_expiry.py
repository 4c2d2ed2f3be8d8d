"""Whatever changes after an order was reviewed makes its ticket expire, at every step, and says what: nothing is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.messages import EditSetting, ThresholdsInForce
from core.trading.broker import VenueBalance
from core.venue import Instrument
from tests.core.trading.paper_hour import PLACE
from tests.core.trading.ticket_rig import D, TicketRig, ticket_rig

Change = Callable[[TicketRig], Awaitable[None]]


def rule(rig: TicketRig, **fields: object) -> None:
    """The venue's rules are others from now on."""
    old: Instrument = rig.provider.rules[rig.symbol]
    rig.rules.take([replace(old, **fields), *(one for one in rig.rules.all().values() if one.symbol != rig.symbol)])


async def mid_moves(rig: TicketRig) -> None:
    rig.quote(1.006)


async def quote_is_stale(rig: TicketRig) -> None:
    await rig.wait(25.0)


async def tick_changes(rig: TicketRig) -> None:
    rule(rig, tick_size=rig.provider.rules[rig.symbol].tick_size * 10)


async def lot_changes(rig: TicketRig) -> None:
    rule(rig, lot_size=rig.provider.rules[rig.symbol].lot_size * 10)


async def notional_changes(rig: TicketRig) -> None:
    rule(rig, min_notional=D("12.5"))


async def trading_stops(rig: TicketRig) -> None:
    rule(rig, status="BREAK", trading=False)


async def money_leaves(rig: TicketRig) -> None:
    rig.desk.risk.on_account({"USDT": VenueBalance(D("9999.99"))}, ())


async def thresholds_change(rig: TicketRig) -> None:
    rig.bus.publish(
        ThresholdsInForce(
            **PLACE, symbol=rig.symbol, asset_class="spot", class_hint="", values={"low_gate": 0.0, "high_gate": 0.5},
            sources={}, source="calibrated", is_default=False, since_ms=0, expires_ms=0, blended=False, previous=0,
            at_ms=rig.clock.now_ms(),
        )
    )  # fmt: skip


async def setting_changes(rig: TicketRig) -> None:
    rig.ask(EditSetting(key="confluence.enter", value="0.7"))


async def limit_changes(rig: TicketRig) -> None:
    rig.ask(EditSetting(key="risk.heat", value="0.1"))


async def trading_is_reduced(rig: TicketRig) -> None:
    rig.desk.risk.tighten("REDUCING", "a difference with the venue")


async def disarmed(rig: TicketRig) -> None:
    rig.desk.risk.disarm()


async def too_late(rig: TicketRig) -> None:
    for _ in range(7):
        await rig.wait(9.0)
        rig.quote()


CAUSES: list[tuple[Change, str]] = [
    (mid_moves, "mid "),
    (quote_is_stale, "quote is"),
    (tick_changes, "tick 0.01 -> 0.1"),
    (lot_changes, "lot 0.00001 -> 0.0001"),
    (notional_changes, "least notional 10 -> 12.5"),
    (trading_stops, "status TRADING -> BREAK, not trading"),
    (money_leaves, "free USDT 10000 -> 9999.99"),
    (thresholds_change, "threshold high_gate 1 -> 0.5"),
    (setting_changes, "confluence.enter "),
    (limit_changes, "risk.heat"),
    (trading_is_reduced, "trading ACTIVE -> REDUCING"),
    (disarmed, "armed -> disarmed"),
    (too_late, "reviewed more than 60 s ago"),
]


@pytest.mark.parametrize(("change", "words"), CAUSES, ids=[cause.__name__ for cause, _ in CAUSES])
async def test_it_expires_says_why_and_is_reviewed_anew(tmp_path: Path, change: Change, words: str) -> None:
    """At its last step, in the very turn of the confirmation or before it."""
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await rig.open()
        await rig.answer()
        await rig.answer()
        last = rig.confirmation()
        assert last.step == "AUTHORISE"
        await change(rig)
        told = await rig.do(last, 0.4)
        assert told.step == "EXPIRED", told.words
        assert any(words in sentence for sentence in told.changes), told.changes
        assert all(sentence.endswith(": review it again") for sentence in told.changes)
        assert (await rig.do(last, 0.4)).step == "EXPIRED"
        assert (await rig.answer(step="AUTHORISE")).step == "EXPIRED"
        assert rig.broker.sends == 0


async def test_the_mid_is_told_before_and_after(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        reviewed = (await rig.open()).reviewed_price
        rig.quote(1.006)  # nobody confirms: hearing of it is enough
        (sentence,) = rig.told.changes
        now = rig.desk.risk.market.best(rig.symbol)
        assert now is not None
        before, after = f"{D(repr(reviewed)):f}", f"{(now[0] + now[1]) / 2:f}"
        assert sentence == f"{rig.symbol} mid {before} -> {after}, 0.6 % off, limit 0.5 %: review it again"
        fresh = await rig.refresh()
        assert (fresh.step, fresh.changes, fresh.entry) == ("REVIEW", (), now[1])
        assert fresh.reviewed_price != reviewed
        assert (await rig.answer()).step == "SENT"


async def test_every_second_is_enough_for_what_no_message_tells(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await rig.open()
        rule(rig, max_qty=D(7))  # of no consequence for the review
        await rig.wait(1.5)
        assert not rig.told.changes
        rule(rig, min_notional=D(11))
        await rig.wait(1.5)
        assert rig.told.step == "EXPIRED"


async def test_a_small_move_and_a_word_repeated_change_nothing(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await rig.open()
        rig.quote(1.002)
        rig.tell_minute()
        rig.live.edit("screen.times", "local")
        await rig.wait(1.5)
        assert (rig.told.step, rig.told.nonce, rig.told.entry) == ("REVIEW", told.nonce, told.entry)


async def test_a_fill_of_the_same_symbol_expires_it(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        tick, told = rig.provider.rules[rig.symbol].tick_size, await rig.open()
        await rig.edit("entry", f"{told.entry * D('0.999') // tick * tick:f}")
        assert (await rig.answer()).step == "SENT"
        assert not (await rig.open()).allowed
        await rig.pass_time(3, **{rig.symbol: 0.998})
        assert rig.told.step == "EXPIRED"
        assert any(change.startswith("position 0 -> ") for change in rig.told.changes), rig.told.changes


async def test_what_did_not_hold_at_the_review_is_the_gates_matter(tmp_path: Path) -> None:
    """A limit beyond the collar, a stale quote, a session not armed: told by the gates until they hold; lost again, it expires."""
    async with ticket_rig(tmp_path, "LIVE", armed=False) as rig:
        tick = rig.provider.rules[rig.symbol].tick_size
        told = await rig.open()
        await rig.edit("entry", f"{told.entry * D('0.9880') // tick * tick:f}")
        await rig.edit("stop", f"{told.entry * D('0.98') // tick * tick:f}")
        await rig.wait(1.5)
        assert not rig.told.changes
        assert {words.split()[0] for words in rig.denied()} == {"ARMED", "PRICE_COLLAR"}
        rig.quote(0.997)
        await rig.wait(1.5)
        assert [words.split()[0] for words in rig.denied()] == ["ARMED"]
        rig.quote(1.0)
        assert rig.told.step == "EXPIRED"
        assert "% from mid" in rig.told.changes[0]
