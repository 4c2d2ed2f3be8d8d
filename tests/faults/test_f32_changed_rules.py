"""F32: tick, lot or least notional change mid-session, or between the yes and the send: looked at again, never rounded anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import GateReport, OrderStatus
from core.trading.authority import authorise
from core.trading.draft import Submission
from core.trading.journal_records import Record
from core.trading.opening import Proposal
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, floor, order_rig

TWO = ("binance_us-spot", "bybit-linear")
D = Decimal


def changes_of(rig: OrderRig) -> dict[str, dict[str, str]]:
    """What the venue may change so that an order planned before no longer fits, by what is changed."""
    rule = rig.rule
    return {
        "tick": {"tick_size": f"{rule.tick_size * 10:f}"},
        "lot": {"lot_size": "0.3"},
        "notional": {"min_notional": "100000"},
    }


GATE = {"tick": "ORDER_FORM", "lot": "ORDER_FORM", "notional": "NOTIONAL"}
WORDS = {"tick": "is off the tick 0.1", "lot": "is off the lot 0.3", "notional": "the venue takes no less than 100000"}


def proposal(rig: OrderRig) -> Proposal:
    """A resting entry whose price is on today's tick and off a coarser one."""
    tick = rig.rule.tick_size
    price = floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.995"), tick * 10) + tick
    return rig.path.propose(rig.wish(resting=True, entry=price, stop=floor(price * D("0.96"), tick)))


async def change(rig: OrderRig, what: str, *, read: bool = True) -> None:
    """The venue changes it; `read`: and the program has read it."""
    rig.faults.change_rules(SYMBOL, **changes_of(rig)[what])
    if read:
        await rig.rules.refresh()


async def nothing_sent(rig: OrderRig, submission: Submission) -> None:
    """No byte, and no plan left behind."""
    assert not submission.sent
    assert not rig.orders()
    assert not [one for one in rig.path.manager.orders.values() if one.state != "VOID"]
    await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
    await rig.oracle()


@pytest.mark.parametrize("what", sorted(GATE))
@pytest.mark.parametrize("where", USUAL)
async def test_f32_rules_change_between_the_yes_and_the_send(where: str, what: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        meant = proposal(rig)
        yes = authorise(meant.draft.spec, rig.clock.now_ms())
        await change(rig, what)
        submission = await rig.path.send_entry(meant, yes)
        assert submission.code == GATE[what]
        assert WORDS[what] in submission.words
        shown = [one for one in rig.of(GateReport) if one.client_id == meant.draft.spec.client_id][-1]
        assert GATE[what] in [one.code for one in shown.answers if not one.allowed]
        assert yes.used, "the yes is spent: the order must be confirmed anew"
        await nothing_sent(rig, submission)


@pytest.mark.parametrize("what", sorted(GATE))
@pytest.mark.parametrize("where", TWO)
async def test_f32_rules_change_while_the_disk_works(
    where: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every gate had passed and the intent is durable: the last look before the wire sees it, and the intent is void."""
    async with order_rig(where, tmp_path) as rig:
        meant = proposal(rig)
        client_id = meant.draft.spec.client_id
        append: Callable[..., Awaitable[int]] = rig.path.journal.append

        async def slow(record: Record, before: Sequence[Record] = ()) -> int:
            number = await append(record, before)
            await change(rig, what)
            return number

        monkeypatch.setattr(rig.path.journal, "append", slow)
        yes = authorise(meant.draft.spec, rig.clock.now_ms())
        submission = await rig.path.send_entry(meant, yes)
        assert submission.code == GATE[what]
        assert WORDS[what] in submission.words
        assert rig.record(client_id).state == "VOID"
        assert [one for one in rig.of(OrderStatus) if one.client_id == client_id][-1].state == "VOID"
        assert yes.used
        await nothing_sent(rig, submission)


@pytest.mark.parametrize("where", TWO)
async def test_f32_even_a_change_the_order_would_fit_voids_it(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with order_rig(where, tmp_path) as rig:
        meant = proposal(rig)
        append: Callable[..., Awaitable[int]] = rig.path.journal.append

        async def slow(record: Record, before: Sequence[Record] = ()) -> int:
            number = await append(record, before)
            rig.faults.change_rules(SYMBOL, tick_size=f"{rig.rule.tick_size / 10:f}")
            await rig.rules.refresh()
            return number

        monkeypatch.setattr(rig.path.journal, "append", slow)
        submission = await rig.path.send_entry(meant, authorise(meant.draft.spec, rig.clock.now_ms()))
        assert submission.code == "RULES_CHANGED"
        assert "plan the order anew" in submission.words
        await nothing_sent(rig, submission)


@pytest.mark.parametrize("what", ["tick", "lot"])
@pytest.mark.parametrize("where", USUAL)
async def test_f32_a_change_nobody_has_read_is_refused_by_the_venue_in_its_words(
    where: str, what: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        meant = proposal(rig)
        await change(rig, what, read=False)
        submission = await rig.path.send_entry(meant, authorise(meant.draft.spec, rig.clock.now_ms()))
        record = rig.record(meant.draft.spec.client_id)
        assert record.state == "REJECTED"
        assert submission.code
        assert record.refusal
        shown = [one for one in rig.of(OrderStatus) if one.client_id == record.client_id][-1]
        assert shown.state == "REJECTED"
        assert submission.code in shown.reason
        assert not rig.orders()
        await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
        await rig.oracle()


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("where", USUAL)
async def test_f32_the_tick_changes_while_an_entry_rests_and_the_stop_follows_it(
    where: str, read: bool, tmp_path: Path
) -> None:
    """Read or not: a stop refused for its tick is tried again with the rules read anew."""
    async with order_rig(where, tmp_path) as rig:
        tick = rig.rule.tick_size
        meant = proposal(rig)
        submission = await rig.path.send_entry(meant, authorise(meant.draft.spec, rig.clock.now_ms()))
        assert submission.sent
        client_id = meant.draft.spec.client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        await change(rig, "tick", read=read)
        rig.faults.fill(client_id)
        await rig.until_protected()
        assert all(order.spec.stop_price % (tick * 10) == 0 for order in rig.stops())
        assert all(meant.plan.stop <= order.spec.stop_price < meant.plan.stop + tick * 10 for order in rig.stops())
        await rig.oracle()
