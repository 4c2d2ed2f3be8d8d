"""F17: a stop is moved without a gap where the venue can; where it cannot and the new stop is not taken, the old one is there
again, and the time without a stop is measured and told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import PositionStatus
from core.trading.journal import read_journal
from core.trading.journal_records import Note
from tests.faults.order_rig import SYMBOL, OrderRig, order_rig
from tests.faults.stop_watch import REFUSALS, StopWatch, alarm, ended, last, passed, protected, proven

D = Decimal
CALM: dict[str, Any] = {"rate": 15.0, "stop_within_s": 60.0, "naked_alarm_s": 90.0, "break_even_after": 0}
BYBIT = ["bybit-spot", "bybit-linear"]
AMEND = "POST /v5/order/amend"
REPLACE = "POST /api/v3/order/cancelReplace"
FAULTS: dict[str, Callable[[OrderRig, str], None]] = {
    "carried out": lambda rig, path: rig.faults.lose_answer(path),
    "not carried out, 503": lambda rig, path: rig.faults.rest_error(503, 1, path),
}
"""What may have become of a change that got no answer, or none that tells."""


async def with_stop_alone(rig: OrderRig) -> None:
    """On Binance.US: the target was taken, and what is left trails behind a stop of its own."""
    await protected(rig)
    (target,) = [order for order in rig.orders(open_only=True) if order.spec.type == "LIMIT"]
    rig.faults.fill(target.spec.client_id)
    await rig.until_protected()
    assert len(rig.stops()) == 1


def higher(rig: OrderRig) -> tuple[Decimal, Decimal]:
    """Where the stop is, and where it goes."""
    price = rig.path.trades.truth(SYMBOL).price
    return price, price + 20 * rig.rule.tick_size


def prices(rig: OrderRig) -> set[Decimal]:
    return {order.spec.stop_price for order in rig.stops()}


def unprotected_s(rig: OrderRig) -> list[float]:
    """The times without a stop that the journal tells of."""
    (folder,) = rig.folder.glob("accounts/*/*/journal")
    notes = [entry.record for entry in read_journal(folder) if isinstance(entry.record, Note)]
    found = [re.search(r"without a stop for ([0-9.]+) s", note.text) for note in notes if note.code == "UNPROTECTED"]
    return [float(match[1]) for match in found if match]


def never_naked(rig: OrderRig) -> None:
    assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]


@pytest.mark.parametrize("alone", [False, True], ids=["pair", "alone"])
async def test_f17_the_old_stop_is_there_again_when_the_new_one_is_refused(alone: bool, tmp_path: Path) -> None:
    shares = [0.5] if alone else [1.0]
    async with order_rig("binance_us-spot", tmp_path, target_shares=shares, trail_after_r=1.0, **CALM) as rig:
        await (with_stop_alone(rig) if alone else protected(rig))
        watch, told, begun = StopWatch(rig), len(unprotected_s(rig)), len(rig.requests)
        old, new = higher(rig)
        rig.faults.refuse_order(*REFUSALS[rig.where], 1)
        assert await rig.path.move_stop(SYMBOL, new) == ""
        await rig.until(lambda: "STOP_MOVE_REFUSED" in rig.alarms(), "the refusal")
        await rig.until_protected()
        assert prices(rig) == {old}
        assert rig.requested(REPLACE, begun) == alone
        assert f"could not be moved to {new:f}" in alarm(rig, "STOP_MOVE_REFUSED").text
        assert f"it goes back to {old:f}" in alarm(rig, "STOP_MOVE_REFUSED").text
        assert 0 < watch.longest_s <= CALM["stop_within_s"]
        await rig.until(lambda: len(unprotected_s(rig)) > told, "the measured time")
        assert unprotected_s(rig)[-1] >= watch.longest_s - 0.01
        shown = f"without a stop for {unprotected_s(rig)[-1]:.2f} s"
        await rig.until(lambda: last(rig).note == shown, "that it is shown")
        never_naked(rig)
        await passed(rig, 20.0)
        assert prices(rig) == {old}  # it is not tried over and over
        await proven(rig)


async def test_f17_a_position_whose_old_stop_is_refused_too_is_naked_and_closed(tmp_path: Path) -> None:
    settings = CALM | {"naked_alarm_s": 10.0, "stop_within_s": 5.0}
    async with order_rig("binance_us-spot", tmp_path, **settings) as rig:
        await protected(rig)
        _, new = higher(rig)
        rig.faults.refuse_order(*REFUSALS[rig.where], 2)
        assert await rig.path.move_stop(SYMBOL, new) == ""
        await rig.until(lambda: last(rig).stop.state == "NAKED", "that it is shown")
        assert last(rig).stop.policy == "close"
        closed = await ended(rig)
        assert closed.why == "NAKED"
        await proven(rig)


@pytest.mark.parametrize("fault", FAULTS)
async def test_f17_a_swap_without_an_answer_is_found_out_and_leaves_one_stop(fault: str, tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path, target_shares=[0.5], trail_after_r=1.0, **CALM) as rig:
        await with_stop_alone(rig)
        _, new = higher(rig)
        FAULTS[fault](rig, REPLACE)
        watch = StopWatch(rig)
        assert await rig.path.move_stop(SYMBOL, new) == ""
        await rig.until(lambda: prices(rig) == {new}, "the stop at its new place")
        await rig.until_protected()
        assert len(rig.stops()) == 1
        assert watch.longest_s == 0
        never_naked(rig)
        await proven(rig)


@pytest.mark.parametrize("where", BYBIT)
async def test_f17_a_stop_is_moved_in_place_without_a_gap(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **CALM) as rig:
        await protected(rig)
        watch, (stop,) = StopWatch(rig), rig.stops()
        for _ in range(3):
            _, new = higher(rig)
            assert await rig.path.move_stop(SYMBOL, new) == ""
            await rig.until(lambda new=new: rig.path.trades.truth(SYMBOL).price == new, "the move")  # type: ignore[misc]
        assert [order.order_id for order in rig.stops()] == [stop.order_id]
        assert watch.longest_s == 0
        assert not unprotected_s(rig)[1:]  # the one is that of the first stop
        never_naked(rig)
        await proven(rig)


async def test_f17_a_refused_amend_leaves_the_old_stop_where_it_is(tmp_path: Path) -> None:
    async with order_rig("bybit-spot", tmp_path, **CALM) as rig:
        await protected(rig)
        watch, (stop,) = StopWatch(rig), rig.stops()
        old, new = higher(rig)
        refusal = '{"retCode":10001,"retMsg":"The order remains unchanged","result":{},"retExtInfo":{},"time":1}'
        rig.faults.rest_error(200, 1, AMEND, refusal)
        assert await rig.path.move_stop(SYMBOL, new) == ""
        await rig.until(lambda: "STOP_MOVE_REFUSED" in rig.alarms(), "the refusal")
        assert "10001" in alarm(rig, "STOP_MOVE_REFUSED").text
        await rig.until_protected()
        assert [(order.order_id, order.spec.stop_price) for order in rig.stops()] == [(stop.order_id, old)]
        assert watch.longest_s == 0
        never_naked(rig)
        await proven(rig)


@pytest.mark.parametrize("fault", FAULTS)
async def test_f17_an_amend_without_an_answer_is_found_out(fault: str, tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, **CALM) as rig:
        await protected(rig)
        watch = StopWatch(rig)
        _, new = higher(rig)
        FAULTS[fault](rig, AMEND)
        assert await rig.path.move_stop(SYMBOL, new) == ""
        await rig.until(lambda: prices(rig) == {new}, "the stop at its new place")
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).price == new, "that it is known")
        assert len(rig.stops()) == 1
        never_naked(rig)
        assert watch.longest_s == 0
        await proven(rig)
