"""F19: a stop that somebody cancels elsewhere is missed within one poll, shown, and not created again by itself: the policy
follows, unless the operator gives the position another stop.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import PositionStatus
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, floor, order_rig
from tests.faults.stop_watch import alarm, ended, last, passed, protected, proven, sells

D = Decimal
OPEN_ORDERS = {"binance_us": "GET /api/v3/openOrders", "bybit": "GET /v5/order/realtime"}


def stop_requests(rig: OrderRig, since: int) -> int:
    """Requests that place or change orders."""
    return sum(request.startswith("POST") and "/order" in request for _, request in rig.requests[since:])


async def gone(rig: OrderRig) -> int:
    """One stop is cancelled elsewhere and that is noticed; the number of the first request after it."""
    begun, stop = len(rig.requests), rig.stops()[0]
    rig.faults.cancel_elsewhere(stop.spec.client_id)
    await rig.until(lambda: "STOP_GONE" in rig.alarms(), "that it is gone")
    words = alarm(rig, "STOP_GONE").text
    assert words.startswith(f"{SYMBOL}: stop {stop.spec.client_id} was ended at the venue and not by us; policy ")
    assert "move the stop to place another one, or close" in words
    return begun


@pytest.mark.parametrize("where", USUAL)
async def test_f19_it_is_shown_with_a_countdown_and_closed(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, naked_alarm_s=30.0) as rig:
        await protected(rig)
        begun, gone_ms = await gone(rig), rig.clock.now_ms()
        await rig.until(lambda: last(rig).stop.state == "NAKED", "that it is shown")
        shown = last(rig)
        assert shown.stop.policy == "close"
        assert shown.at_ms < shown.stop.deadline_ms <= shown.at_ms + 30_000
        assert shown.stop.text.startswith("stop gone at the venue for 0.")
        await passed(rig, 8.0)
        assert stop_requests(rig, begun) == 0
        closed = await ended(rig)
        assert closed.why == "NAKED"
        (sale,) = [order for order in sells(rig) if order.spec.type == "MARKET"]
        assert rig.accounts.created_ms[sale.order_id] >= gone_ms + 20_000
        assert len([order for order in sells(rig) if order.spec.type.startswith("STOP")]) == 1
        await proven(rig)


@pytest.mark.parametrize("where", USUAL)
async def test_f19_the_poll_finds_it_where_the_stream_says_nothing_and_held_it_waits_for_the_operator(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, rate=20.0, naked_policy="hold", naked_alarm_s=15.0) as rig:
        await protected(rig)
        rig.faults.private_freeze()
        begun = await gone(rig)
        polls = sum(OPEN_ORDERS[rig.venue] in request for _, request in rig.requests[begun:])
        assert polls <= 6, rig.requests[begun:]  # the poll, perhaps one on its way before, and what asks for proof
        rig.faults.private_freeze(0.0)
        await rig.until(lambda: "NAKED" in rig.alarms(), "the end of the countdown")
        await passed(rig, 30.0)
        assert (last(rig).stop.state, last(rig).stop.policy) == ("NAKED", "hold")
        assert "held by the settings" in last(rig).stop.text
        assert stop_requests(rig, begun) == 0
        at = floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.98"), rig.rule.tick_size)
        assert await rig.path.move_stop(SYMBOL, at) == ""
        await rig.until_protected()
        assert {stop.spec.stop_price for stop in rig.stops()} == {at}
        assert rig.alarms().count("STOP_GONE") == 1
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f19_one_that_goes_while_the_program_is_dead_is_told_at_the_next_start(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, rate=20.0, naked_policy="hold", naked_alarm_s=15.0) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        await rig.stop_desk(close=False)
        rig.faults.cancel_elsewhere(stop.spec.client_id)
        begun = len(rig.requests)
        await rig.start_desk(settled=False)
        await rig.until(lambda: "STOP_GONE" in rig.alarms(), "that it is gone")
        await rig.until(lambda: last(rig).stop.state == "NAKED", "that it is shown")
        await passed(rig, 20.0)
        assert stop_requests(rig, begun) == 0
        assert not rig.stops()
        await proven(rig)


async def test_f19_one_of_two_pairs_leaves_a_part_naked(tmp_path: Path) -> None:
    async with order_rig(
        "binance_us-spot", tmp_path, target_shares=[0.5], trail_after_r=1.0, naked_alarm_s=15.0
    ) as rig:
        await protected(rig)
        assert len(rig.stops()) == 2
        await gone(rig)
        await rig.until(lambda: last(rig).stop.state == "NAKED", "that it is shown")
        shown = last(rig)
        assert 0 < shown.stop.quantity < shown.quantity
        assert shown.stop.client_id == rig.stops()[0].spec.client_id
        assert (await ended(rig)).why == "NAKED"
        await proven(rig)


async def test_f19_a_stop_we_cancel_ourselves_is_not_missed(tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path, rate=20.0) as rig:
        await protected(rig)
        price = rig.path.trades.truth(SYMBOL).price
        assert await rig.path.move_stop(SYMBOL, price + 20 * rig.rule.tick_size) == ""
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).price > price, "the move")
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        assert (await ended(rig)).why == "OPERATOR"
        assert "STOP_GONE" not in rig.alarms()
        assert not [status for status in rig.of(PositionStatus) if "gone" in status.stop.text]
        await proven(rig)
