"""Getting out is always possible: a position is reduced and closed whatever keeps entries away, and nothing opens or flips by it.

Conditions are added one by one and stay, so that every close happens under all that came before; the gates' own words prove
that each is in force. Coins held before are none of ours to sell.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.messages import CancelOrder, ClosePosition, Flatten, Halt, MoveStop, Refused
from core.risk.gates import judge
from core.risk.locks import Lock
from core.risk.view import AuthorisationView
from core.trading.draft import OrderDraft
from core.trading.journal import read_journal
from core.trading.journal_records import KeyPressed
from core.trading.risk_state import DRAWDOWN
from tests.faults.order_rig import KEY, SYMBOL, VENUES, D, OrderRig, floor, order_rig

Condition = Callable[[OrderRig], None]
TWO = ("binance_us-spot", "bybit-linear")
PART, ALL = D("0.2"), D(0)
EARLIER = D(3)
"""Coins the account had before."""
FAR = 1.06
"""The market leaps so far from where the position was opened: beyond every collar, and not yet at the target."""


def disarmed(rig: OrderRig) -> None:
    rig.path.risk.disarm()


def arming_expired(rig: OrderRig) -> None:
    rig.path.risk.arm(-1.0)


def rate_used_up(rig: OrderRig) -> None:
    """More than entries and targets may use; what is kept for safety is left."""
    picture = rig.path.risk._picture
    picture.spent = lambda: replace(rig.path.broker.spent(), used=0.95)


def cool_down(rig: OrderRig) -> None:
    rig.path.risk.lock(Lock(symbol="*", reason="cool-down"))


def daily_loss(rig: OrderRig) -> None:
    book = rig.path.risk.book
    assert book.state.day is not None
    book._change(day=replace(book.state.day, latched=True))


def drawdown(rig: OrderRig) -> None:
    """Halts, too."""
    book = rig.path.risk.book
    assert book.state.high is not None
    book._change(high=replace(book.state.high, halted=True))
    book.tighten("HALTED", DRAWDOWN)


def reducing(rig: OrderRig) -> None:
    rig.path.risk.tighten("REDUCING", "row")


def halted(rig: OrderRig) -> None:
    rig.bus.publish(Halt(why="row"))


def leapt(rig: OrderRig) -> None:
    rig.faults.spike(SYMBOL, FAR, 3600.0)


def stale(rig: OrderRig) -> None:
    rig.faults.freeze(SYMBOL)


CONDITIONS: dict[str, tuple[tuple[Condition, str], ...]] = {
    "binance_us-spot": (
        (disarmed, "ARMED"), (leapt, "CONFIRMED_PRICE"), (cool_down, "LOCKS"), (rate_used_up, "RATE_BUDGET"),
        (reducing, "TRADING_STATE"), (daily_loss, "DAILY_LOSS"), (stale, "QUOTE_AGE"), (halted, "TRADING_STATE"),
        (drawdown, "DRAWDOWN"),
    ),
    "bybit-spot": ((halted, "TRADING_STATE"), (stale, "QUOTE_AGE"), (rate_used_up, "RATE_BUDGET")),
    "bybit-linear": (
        (drawdown, "DRAWDOWN"), (stale, "QUOTE_AGE"), (arming_expired, "ARMED"), (daily_loss, "DAILY_LOSS"),
        (rate_used_up, "RATE_BUDGET"), (leapt, "PRICE_COLLAR"), (cool_down, "LOCKS"),
    ),
}  # fmt: skip
"""What is added one by one, and the gate that then keeps an entry away. One order per venue: what came first differs."""


def shut(rig: OrderRig, entry: OrderDraft) -> set[str]:
    """Gates that keep this entry away now."""
    given = AuthorisationView(order_hash="h", authorised_hash="h", age_s=0.0, used=False)
    return {denial.code for denial in judge(rig.path.risk.view(entry, given), lambda: 0.0).denials}


def sold(rig: OrderRig) -> Decimal:
    """What exits have taken at the exchange. Fails when anything was bought since the entry."""
    first, *others = (fill for fill in rig.engine.fills(KEY) if fill.symbol == SYMBOL)
    entry = [fill for fill in (first, *others) if fill.order_id == first.order_id]
    exits = [fill for fill in others if fill.order_id != first.order_id]
    assert {fill.side for fill in entry} == {"BUY"}
    assert {fill.side for fill in exits} <= {"SELL"}, "something was bought while getting out"
    return sum((fill.quantity for fill in exits), D(0))


async def keeps_away(rig: OrderRig, entry: OrderDraft, gate: str) -> None:
    await rig.until(lambda: gate in shut(rig, entry), f"{gate} shut for entries")


async def refused(rig: OrderRig, wish: ClosePosition) -> str:
    """What is said to a close that cannot be."""
    told = len(refusals(rig))
    rig.bus.publish(wish)
    await rig.until(lambda: len(refusals(rig)) > told, "words of refusal")
    return refusals(rig)[-1]


async def close(rig: OrderRig, quantity: Decimal = ALL) -> None:
    """As the screen asks for it; waits until the exchange has sold so much."""
    before, held = sold(rig), rig.held()
    rig.bus.publish(ClosePosition(symbol=SYMBOL, quantity=quantity))
    wanted = floor(quantity or held, rig.rule.lot_size)
    await rig.until(lambda: sold(rig) >= before + wanted, f"{wanted} sold")
    await rig.until(lambda: all(one.closing is None for one in rig.path.trades._open.values()), "the end of the sale")
    assert sold(rig) == before + wanted


def journalled(rig: OrderRig) -> list[tuple[str, str, str]]:
    """What the operator asked for, as the journal on the disk has it."""
    (folder,) = rig.folder.glob("accounts/*/*/journal")
    records = (entry.record for entry in read_journal(folder))
    return [(one.action, one.client_id, one.details) for one in records if isinstance(one, KeyPressed)]


def refusals(rig: OrderRig) -> list[str]:
    return [refused.words for refused in rig.of(Refused)]


def coins(rig: OrderRig) -> Decimal:
    """All the account has of the coin."""
    balance = rig.engine.balances(KEY)[rig.rule.base]
    return balance.free + balance.locked


@pytest.mark.parametrize("where", VENUES)
async def test_a_position_is_reduced_and_closed_whatever_keeps_entries_away(where: str, tmp_path: Path) -> None:
    spot = where.endswith("spot")
    async with order_rig(where, tmp_path, desk=False, risk={"quote_age_s": 5.0}, answer_s=2.0) as rig:
        if spot:
            rig.faults.take_balance(rig.rule.base, str(-EARLIER))
        await rig.start_desk()
        await rig.entered(quantity="2.5")
        await rig.until_protected()
        another = rig.path.propose(rig.wish(resting=True, quantity="0.5")).draft
        for condition, gate in CONDITIONS[where]:
            condition(rig)
            await keeps_away(rig, another, gate)
            await close(rig, PART)
            await rig.until_protected()
        await close(rig)
        assert rig.held() < rig.rule.lot_size
        await rig.until(lambda: not rig.stops(), "stops gone with the position")
        assert not refusals(rig)
        assert not {"CLOSE_REFUSED", "FLIPPED"} & set(rig.alarms())
        assert await refused(rig, ClosePosition(symbol=SYMBOL)) == f"there is no position of ours in {SYMBOL}"
        assert 0 <= rig.held() < rig.rule.lot_size
        if spot:
            assert coins(rig) == EARLIER + rig.held(), "coins held before were sold"


@pytest.mark.parametrize("where", TWO)
async def test_a_part_is_cut_down_to_the_lot_and_what_cannot_be_closed_is_told(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await rig.entered(quantity="1")
        await rig.until_protected()
        lot = rig.rule.lot_size
        await close(rig, PART + lot / 3)
        assert sold(rig) == PART
        for quantity, words in (
            (lot / 2, "is less than the venue's lot"),
            (D(50), f"{rig.held().normalize():f} is held"),
            (D(-1), "cannot be closed"),
            (D("NaN"), "is no quantity"),
        ):
            assert words in await refused(rig, ClosePosition(symbol=SYMBOL, quantity=quantity))
        assert sold(rig) == PART
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_flattening_cancels_working_entries_and_sells_what_they_filled(where: str, tmp_path: Path) -> None:
    """One key: a partly filled entry. It is over at the venue, and what it had filled is sold; the journal says who asked."""
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        entry = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(entry).state == "WORKING", "the order in the book")
        rig.faults.partial_fill(entry, "0.2")
        await rig.until_protected()
        rig.bus.publish(Flatten())
        await rig.until(lambda: rig.record(entry).state == "CANCELLED", "the proof of the cancel")
        await rig.until(lambda: rig.held() < rig.rule.lot_size and not rig.stops(), "everything sold")
        assert rig.at_exchange(entry)[0].filled == PART
        assert not refusals(rig)
        await rig.oracle()
        assert journalled(rig)[-1] == ("Flatten", "", str(Flatten()))


@pytest.mark.parametrize("where", TWO)
async def test_flattening_without_a_position_ends_an_entry_that_only_waits(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        entry = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(entry).state == "WORKING", "the order in the book")
        assert await rig.path.flatten() == ""
        assert rig.record(entry).state == "CANCELLED"
        assert rig.at_exchange(entry)[0].status == "CANCELED"
        await rig.oracle()


async def test_what_flattening_could_not_do_is_named(tmp_path: Path) -> None:
    """The venue answers nothing: the entry may still fill, and if it does, what it fills is sold."""
    async with order_rig("bybit-linear", tmp_path, answer_s=2.0) as rig:
        entry = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(entry).state == "WORKING", "the order in the book")
        rig.faults.private_freeze()
        rig.faults.rest_error(503, -1, "/")
        words = await rig.path.flatten()
        assert words == f"entry {entry} may still fill: still CANCEL_PENDING after 10 s"
        rig.faults.fill(entry)
        rig.faults.clear()
        await rig.until(lambda: rig.record(entry).state == "FILLED", "the fill")
        await rig.until(lambda: rig.held() == 0, "what filled is sold")
        await rig.oracle()


async def test_the_journal_names_every_wish_of_the_operator(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path) as rig:
        entry = await rig.entered(quantity="1")
        await rig.until_protected()
        stop = rig.stops()[0].spec.stop_price + rig.rule.tick_size
        wishes = (
            MoveStop(symbol=SYMBOL, stop=stop),
            CancelOrder(client_id=entry.client_id),
            ClosePosition(symbol=SYMBOL, quantity=PART),
        )
        for wish in wishes:
            rig.bus.publish(wish)
        await rig.until(lambda: sold(rig) == PART, "the part sold")
        await rig.until(lambda: rig.stops()[0].spec.stop_price == stop, "the stop moved")
        ids = ("", entry.client_id, "")
        asked = [(type(wish).__name__, name, str(wish)) for wish, name in zip(wishes, ids, strict=True)]
        await rig.until(
            lambda: [row for row in journalled(rig) if row in asked] == asked, f"{asked} in {journalled(rig)}"
        )
        await rig.oracle()
