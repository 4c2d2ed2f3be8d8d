"""F18: a stop that came to life and does not fill is waited for only so long, then the position is closed at the market."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import PositionStatus
from tests.faults.order_rig import SYMBOL, OrderRig, order_rig
from tests.faults.stop_watch import alarm, ended, last, passed, protected, proven, sells

D = Decimal
US = "binance_us-spot"
BYBIT = ["bybit-spot", "bybit-linear"]


def sold(rig: OrderRig) -> Decimal:
    return sum((order.filled for order in sells(rig)), D(0))


@pytest.mark.parametrize("target_shares", [[1.0], [0.5]], ids=["one pair", "pair and stop"])
async def test_f18_a_limit_behind_the_market_is_followed_by_a_market_order(
    target_shares: list[float], tmp_path: Path
) -> None:
    async with order_rig(
        US, tmp_path, target_shares=target_shares, rate=20.0, trail_after_r=1.0, escalate_s=10.0
    ) as rig:
        await protected(rig)
        stops = [stop.order_id for stop in rig.stops()]
        gap_ms = rig.clock.now_ms()
        rig.faults.gap_price(SYMBOL, 0.90)
        closed = await ended(rig)
        assert closed.why == "STOP_UNFILLED"
        assert alarm(rig, "STOP_UNFILLED").text == (
            f"{SYMBOL}: the stop was met 10 s ago and has not filled; closed at the market"
        )
        assert alarm(rig, "STOP_UNFILLED").severity == "error"
        assert [rig.accounts.orders[order_id].filled for order_id in stops] == [0] * len(stops)
        (sale,) = [order for order in sells(rig) if order.spec.type == "MARKET"]
        assert rig.accounts.created_ms[sale.order_id] >= gap_ms + 10_000
        assert sold(rig) <= D("0.5")
        met = [status for status in rig.of(PositionStatus) if "the price has met it" in status.stop.text]
        assert met
        assert {(status.stop.state, status.stop.policy) for status in met} == {("VERIFIED", "close")}
        assert all(status.stop.deadline_ms <= status.at_ms + 10_000 for status in met)
        await proven(rig)


async def test_f18_a_price_that_comes_back_fills_the_limit_and_nothing_is_sold_twice(tmp_path: Path) -> None:
    async with order_rig(US, tmp_path, rate=20.0, escalate_s=60.0) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        rig.faults.gap_price(SYMBOL, 0.90)
        await rig.until(lambda: rig.accounts.orders[stop.order_id].status == "NEW", "the stop come to life")
        await passed(rig, 10.0)
        assert last(rig).quantity > 0
        rig.faults.gap_price(SYMBOL, 0.9999)
        closed = await ended(rig)
        assert closed.why == "STOP"
        assert "STOP_UNFILLED" not in rig.alarms()
        assert not [order for order in sells(rig) if order.spec.type == "MARKET"]
        await passed(rig, 70.0)
        assert sold(rig) == rig.accounts.orders[stop.order_id].filled <= D("0.5")
        await proven(rig)


async def test_f18_a_stop_that_fills_in_part_is_followed_by_a_market_order_for_the_rest(tmp_path: Path) -> None:
    async with order_rig(US, tmp_path, rate=20.0, escalate_s=10.0) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        rig.faults.gap_price(SYMBOL, 0.90)
        rig.faults.partial_fill(stop.spec.client_id, "0.2")
        closed = await ended(rig)
        assert closed.why == "STOP_UNFILLED"
        (sale,) = [order for order in sells(rig) if order.spec.type == "MARKET"]
        assert sale.filled == stop.spec.quantity - D("0.2")
        await proven(rig)


@pytest.mark.parametrize("where", BYBIT)
async def test_f18_a_stop_that_becomes_a_market_order_fills_behind_the_gap(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, escalate_s=60.0) as rig:
        await protected(rig)
        rig.faults.gap_price(SYMBOL, 0.90)
        closed = await ended(rig)
        assert closed.why == "STOP"
        assert "STOP_UNFILLED" not in rig.alarms()
        assert closed.slippage > 0
        assert sold(rig) <= D("0.5")
        await proven(rig)


async def test_f18_a_stop_that_finds_nobody_to_sell_to_is_followed_until_it_is_sold(tmp_path: Path) -> None:
    """The book is empty behind the gap: what the venue makes of the stop is cancelled there, and so is a sale."""
    async with order_rig("bybit-linear", tmp_path, rate=20.0, escalate_s=10.0) as rig:
        await protected(rig)
        rig.faults.hold_fills(SYMBOL, 40.0)
        rig.faults.gap_price(SYMBOL, 0.90)
        await rig.until(lambda: "CLOSE_REFUSED" in rig.alarms(), "that nobody buys")
        assert last(rig).stop.state == "NAKED"
        assert len(sells(rig)) <= 8
        closed = await ended(rig)
        assert closed.why in ("NAKED", "PROGRAM_STOP", "STOP_UNFILLED")
        assert sold(rig) <= D("0.5")
        await proven(rig)
