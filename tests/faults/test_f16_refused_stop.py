"""F16: a stop the venue does not take is tried once more with fresh rules; then the position is shown naked, with a countdown
and the policy that follows: closed at the market, or held until the operator or the price decides.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import AccountStatus, PositionStatus
from tests.faults.order_rig import SYMBOL, USUAL, VENUES, OrderRig, ceil, floor, order_rig
from tests.faults.stop_watch import REFUSALS, StopWatch, alarm, ended, last, passed, proven, sells, working

D = Decimal
LISTINGS = {"binance_us": "GET /api/v3/exchangeInfo", "bybit": "GET /v5/market/instruments-info"}
CALM: dict[str, Any] = {"rate": 15.0, "stop_within_s": 60.0, "naked_alarm_s": 90.0}
"""Limits that a loaded machine keeps."""


def naked(rig: OrderRig) -> list[PositionStatus]:
    return [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]


async def refused_twice(rig: OrderRig) -> int:
    """A position both of whose stops are refused; when it was filled at the exchange."""
    record = await working(rig)
    rig.faults.refuse_order(*REFUSALS[rig.where], 2)
    rig.faults.fill(record.client_id)
    filled_ms = rig.clock.now_ms()
    await rig.until(lambda: naked(rig), "that it is shown naked")
    return filled_ms


@pytest.mark.parametrize("where", USUAL)
async def test_f16_a_stop_refused_once_rests_by_fresh_rules(where: str, tmp_path: Path) -> None:
    """The tick has changed meanwhile: the venue refuses the stop, and takes the one that is made by its new rules."""
    async with order_rig(where, tmp_path, target_shares=[0.5], trail_after_r=1.0, **CALM) as rig:
        watch = StopWatch(rig)
        tick = rig.rule.tick_size * 7
        record = await working(rig)
        stop = floor(record.intent.spec.price * D("0.96"), rig.rule.tick_size)
        assert ceil(stop, tick) != stop
        rig.faults.change_rules(SYMBOL, tick_size=str(tick))
        begun = len(rig.requests)
        rig.faults.fill(record.client_id)
        await rig.until_protected()
        assert rig.requested(LISTINGS[rig.venue], begun) >= 1
        assert {order.spec.stop_price for order in rig.stops()} == {ceil(stop, tick)}
        words = alarm(rig, "STOP_REFUSED").text
        assert words.startswith(f"{SYMBOL}: the stop was refused (")
        assert "once again with fresh rules" in words
        assert watch.longest_s <= CALM["stop_within_s"]
        assert not naked(rig)
        await proven(rig)


@pytest.mark.parametrize("where", VENUES)
async def test_f16_a_stop_refused_twice_is_naked_with_a_countdown_and_closed(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, stop_within_s=60.0, naked_alarm_s=20.0) as rig:
        filled_ms = await refused_twice(rig)
        shown = naked(rig)[0]
        assert shown.stop.policy == "close"
        assert shown.at_ms < shown.stop.deadline_ms <= shown.at_ms + 20_000
        assert shown.stop.text.startswith("stop refused for 0.")
        assert "move the stop to place another one" in shown.stop.text
        assert rig.path.trades.naked_count == 1
        await rig.until(lambda: any(status.naked == 1 for status in rig.of(AccountStatus)), "that the account shows it")
        closed = await ended(rig)
        assert closed.why == "NAKED"
        assert REFUSALS[where][0] in alarm(rig, "STOP_REFUSED").text
        assert "closed at the market" in alarm(rig, "NAKED").text
        assert rig.faults.counts["refuse_order"] == 2
        (sale,) = sells(rig)
        assert sale.spec.type == "MARKET"
        assert rig.accounts.created_ms[sale.order_id] >= filled_ms + 20_000
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f16_held_by_the_settings_it_is_closed_only_at_its_stop(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, naked_policy="hold") as rig:
        await refused_twice(rig)
        await rig.until(lambda: "NAKED" in rig.alarms(), "the alarm")
        assert "it is held as the settings say: move the stop or close it" in alarm(rig, "NAKED").text
        await passed(rig, 60.0)
        assert rig.alarms().count("NAKED") == 1
        shown = last(rig).stop
        assert (shown.state, shown.policy) == ("NAKED", "hold")
        assert "the program alone closes at" in shown.text
        assert not sells(rig)
        rig.faults.gap_price(SYMBOL, 0.93)
        closed = await ended(rig)
        assert closed.why == "PROGRAM_STOP"
        assert "has passed the stop" in alarm(rig, "PROGRAM_STOP").text
        assert len(sells(rig)) == 1
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f16_the_operator_gives_a_held_position_another_stop(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, naked_policy="hold") as rig:
        await refused_twice(rig)
        await rig.until(lambda: "NAKED" in rig.alarms(), "the alarm")
        at = floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.98"), rig.rule.tick_size)
        assert await rig.path.move_stop(SYMBOL, at) == ""
        await rig.until_protected()
        assert {order.spec.stop_price for order in rig.stops()} == {at}
        assert rig.path.trades.naked_count == 0
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f16_a_sale_that_is_refused_too_is_tried_again_at_growing_distances(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0) as rig:
        record = await working(rig)
        rig.faults.refuse_order(*REFUSALS[where], -1)
        begun = len(rig.requests)
        rig.faults.fill(record.client_id)
        await rig.until(lambda: rig.alarms().count("CLOSE_REFUSED") >= 3, "three refused sales")
        await passed(rig, 30.0)
        assert rig.requested(f"POST {rig.place}", begun) + rig.requested(f"POST {rig.place}List/oco", begun) <= 12
        words = alarm(rig, "CLOSE_REFUSED").text
        assert words.startswith(f"{SYMBOL}: selling 0.")
        assert "close it on the venue's website if this goes on" in words
        assert last(rig).stop.state == "NAKED"
        assert not sells(rig)
        rig.faults.clear()
        assert (await ended(rig)).why == "NAKED"
        assert len(sells(rig)) == 1
        await proven(rig)


@pytest.mark.parametrize("where", VENUES)
async def test_f16_a_stop_the_price_has_passed_already_is_a_sale_at_once(where: str, tmp_path: Path) -> None:
    """The market falls through entry and stop in one move. Bybit spot takes such a stop, which would wait for a rise."""
    async with order_rig(where, tmp_path, **CALM) as rig:
        watch = StopWatch(rig)
        await working(rig)
        rig.faults.gap_price(SYMBOL, 0.9)
        closed = await ended(rig)
        assert closed.why == ("STOP_UNFILLED" if where == "bybit-spot" else "PROGRAM_STOP")
        assert watch.longest_s <= CALM["stop_within_s"]
        assert len([order for order in sells(rig) if order.filled]) == 1
        await proven(rig)
