"""What a trade's stop and targets do in its life at the exchange: break-even, trail, targets, time stop, mark price, liquidation,
and the age of the stop's proof.
"""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import Metrics, PositionStatus
from tests.faults.order_rig import KEY, SYMBOL, USUAL, VENUES, OrderRig, ceil, floor, order_rig
from tests.faults.stop_watch import StopWatch, alarm, ended, last, passed, protected, proven, resting_targets, sells

D = Decimal
CALM: dict[str, Any] = {"stop_within_s": 60.0, "naked_alarm_s": 90.0, "rate": 15.0}
READS = {"binance_us": "GET /api/v3/openOrders", "bybit": "GET /v5/order/realtime"}


def ask(rig: OrderRig) -> Decimal:
    return D(repr(rig.quotes[SYMBOL].ask))


def tell_atr(rig: OrderRig, share: float) -> float:
    """What an ATR is, as a share of the price, for the next plan."""
    atr = rig.quotes[SYMBOL].bid * share
    now_ms = rig.clock.now_ms()
    rig.bus.publish(
        Metrics(
            venue=rig.venue, category=rig.category, symbol=SYMBOL, timeframe="5m", close=atr / share, close_1h_ago=math.nan,
            close_24h_ago=math.nan, quote_volume_24h=1e9, atr=atr, natr=share, natr_percentile=0.5, rsi=50.0, volume_z=0.0,
            taker_imbalance=0.0, regime="range", regime_confidence=0.0, regime_age_bars=0, depth_days=7.0, sparkline=(),
            occurred_at=now_ms - 60_000, known_at=now_ms,
        )
    )  # fmt: skip
    return atr


async def shows_price(rig: OrderRig, price: Decimal) -> None:
    await rig.until(lambda: rig.path.trades.truth(SYMBOL).price == price, f"the stop at {price}")


@pytest.mark.parametrize("where", VENUES)
async def test_after_the_first_target_the_stop_goes_to_break_even(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, target_shares=[0.5, 0.5], break_even_after=1, **CALM) as rig:
        first, second = (ceil(ask(rig) * D(part), rig.rule.tick_size) for part in ("1.10", "1.20"))
        await protected(rig, targets=(first, second))
        watch = StopWatch(rig)
        entry, held = last(rig).entry_price, last(rig).quantity
        assert last(rig).targets_at_venue == (where != "bybit-spot")
        assert len(resting_targets(rig)) == (0 if where == "bybit-spot" else 2)
        rig.faults.gap_price(SYMBOL, 1.11)
        await rig.until(lambda: last(rig).targets[0][2], "the first target")
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).price > entry, "break-even")
        await rig.until_protected()
        assert abs(last(rig).quantity - held / 2) <= rig.rule.lot_size * 2
        stop = rig.path.trades.truth(SYMBOL).price
        assert entry < stop < entry * D("1.01")  # the entry and the cost of the round trip
        assert not last(rig).targets[1][2]
        assert watch.longest_s <= CALM["stop_within_s"]
        rig.faults.gap_price(SYMBOL, 1.0)  # below the stop, and above the limit behind it
        closed = await ended(rig)
        assert closed.why == "BREAK_EVEN"
        assert closed.result > 0
        await proven(rig)


@pytest.mark.parametrize("where", USUAL)
async def test_the_stop_trails_behind_the_best_price_and_never_back(where: str, tmp_path: Path) -> None:
    trading: dict[str, Any] = {"target_shares": [0.5], "trail_after_r": 1.0, "trail_atr": 3.0, "break_even_after": 0}
    async with order_rig(where, tmp_path, **trading, **CALM) as rig:
        atr = D(repr(tell_atr(rig, 0.01)))
        await protected(rig)
        watch, first = StopWatch(rig), rig.path.trades.truth(SYMBOL).price
        rig.faults.gap_price(SYMBOL, 1.02)
        await passed(rig, 10.0)
        assert rig.path.trades.truth(SYMBOL).price == first  # not before a gain of one R
        rig.faults.gap_price(SYMBOL, 1.08)
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).price > first, "the trail")
        await rig.until_protected()
        trailed = rig.path.trades.truth(SYMBOL).price
        best = max(status.price for status in rig.of(PositionStatus) if math.isfinite(status.price))
        assert trailed >= D(repr(best)) - atr * D("3.2")
        assert trailed <= D(repr(best)) * D("1.01") - atr * 3
        rig.faults.gap_price(SYMBOL, 1.07)
        await passed(rig, 20.0)
        assert rig.path.trades.truth(SYMBOL).price >= trailed
        await rig.until_protected()
        assert {order.spec.stop_price for order in rig.stops()} == {rig.path.trades.truth(SYMBOL).price}
        assert watch.longest_s <= CALM["stop_within_s"]
        if rig.venue == "bybit":  # its stops are moved in place
            assert len([order for order in sells(rig) if order.spec.type.startswith("STOP")]) == 1
            assert watch.longest_s == 0
        rig.faults.gap_price(SYMBOL, 1.0, 600.0)
        closed = await ended(rig)
        assert closed.why in ("TRAIL", "STOP_UNFILLED")
        await proven(rig)


async def test_bybit_spot_the_program_takes_the_targets_one_after_the_other(tmp_path: Path) -> None:
    async with order_rig("bybit-spot", tmp_path, target_shares=[0.5, 0.5], break_even_after=0, **CALM) as rig:
        first, second = (ceil(ask(rig) * D(part), rig.rule.tick_size) for part in ("1.10", "1.20"))
        await protected(rig, targets=(first, second))
        watch, held = StopWatch(rig), last(rig).quantity
        assert not last(rig).targets_at_venue
        rig.faults.gap_price(SYMBOL, 1.11)
        await rig.until(lambda: last(rig).targets[0][2], "the first target")
        await rig.until_protected()
        (sale,) = [order for order in sells(rig) if order.spec.type == "MARKET"]
        assert abs(sale.filled - held / 2) <= rig.rule.lot_size * 2
        assert all(fill.price >= first for fill in rig.accounts.fills(sale.order_id))
        rig.faults.gap_price(SYMBOL, 1.22)
        closed = await ended(rig)
        assert closed.why == "TARGET"
        assert len([order for order in sells(rig) if order.spec.type == "MARKET"]) == 2
        assert watch.longest_s <= CALM["stop_within_s"]
        assert closed.result > 0
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_a_position_is_closed_when_its_time_is_up(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, time_stop_min=1.0, **CALM) as rig:
        record = await protected(rig)
        filled_ms = min(fill.at_ms for fill in rig.record(record.client_id).fills)
        closed = await ended(rig)
        assert closed.why == "TIME_STOP"
        assert closed.closed_ms - filled_ms >= 60_000
        (sale,) = [order for order in sells(rig) if order.spec.type == "MARKET"]
        assert sale.filled > D("0.49")
        await proven(rig)


async def test_stops_of_perpetuals_trigger_on_the_mark_price(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, rate=20.0, escalate_s=60.0) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        assert stop.spec.trigger_by == "MARK"
        assert last(rig).stop.trigger_by == "MARK"
        below = floor(stop.spec.stop_price * D("0.999"), rig.rule.tick_size)
        accounts, engine = rig.accounts, rig.engine
        accounts.act(lambda: engine.on_trade(SYMBOL, below, D(0), "SELL", accounts.now_ms()))
        assert rig.stops() == [stop]  # the last price alone moves nothing
        assert rig.held() > 0
        accounts.act(lambda: engine.on_mark(SYMBOL, below, accounts.now_ms()))
        assert (await ended(rig)).why == "STOP"
        await proven(rig)


async def test_a_mark_near_liquidation_is_told_and_shown(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, rate=20.0) as rig:
        tell_atr(rig, 0.115)
        await protected(rig)
        await rig.until(lambda: last(rig).liquidation > 0, "the venue's liquidation price")
        venues = next(position for position in rig.engine.positions(KEY) if position.symbol == SYMBOL)
        await rig.until(lambda: last(rig).liquidation_alert == "near", "the warning")
        words = alarm(rig, "LIQUIDATION_NEAR")
        assert words.severity == "warning"
        assert words.text.startswith(f"{SYMBOL}: mark ")
        assert f"from liquidation at {last(rig).liquidation:f}; close a part or add margin" in words.text
        assert venues.size == last(rig).quantity
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_a_stop_nobody_has_seen_for_long_is_not_called_verified(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **CALM) as rig:
        await protected(rig)
        rig.faults.private_freeze()
        rig.faults.rest_error(503, -1, READS[rig.venue])
        await rig.until(lambda: last(rig).stop.state == "UNVERIFIED", "that it is told")
        shown = last(rig)
        assert shown.at_ms - shown.stop.verified_ms > 30_000
        assert "not seen at the venue for 3" in shown.stop.text
        assert "limit 30 s" in shown.stop.text
        assert shown.stop.covered
        assert rig.stops()
        rig.faults.clear()
        await rig.until(lambda: last(rig).stop.state == "VERIFIED", "that it stands")
        assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]
        await proven(rig)
