"""The venue's clock is measured now and then, and at once after a leap of ours; what is kept of it survives leaps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import VenueClock
from core.venue import Retryable
from providers.clock_watch import EVERY_S, LOOK_S, keep_clock
from providers.venue_time import VenueTime

START_MS = 1_700_000_000_000


class Leaping(SimClock):
    """The wall clock leaps, monotonic time does not."""

    leap_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.leap_ms


class Meter:
    """Counts measurements; fails while told to."""

    def __init__(self) -> None:
        self.count = 0
        self.failing = False

    async def __call__(self) -> float:
        self.count += 1
        if self.failing:
            raise Retryable("no answer")
        return 0.0


async def watched(act: Callable[[Leaping, Meter], Awaitable[None]]) -> None:
    clock, meter = Leaping(START_MS), Meter()
    task = asyncio.create_task(keep_clock(clock, meter))
    await asyncio.sleep(0)
    try:
        await act(clock, meter)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_measured_at_once_and_then_now_and_then() -> None:
    async def act(clock: Leaping, meter: Meter) -> None:
        assert meter.count == 1
        await clock.advance(EVERY_S - 2 * LOOK_S)
        assert meter.count == 1
        await clock.advance(3 * LOOK_S)
        assert meter.count == 2

    await watched(act)


@pytest.mark.parametrize(("leap_ms", "count"), [(-5000, 2), (5000, 2), (250, 2), (-250, 2), (100, 1), (0, 1)])
async def test_a_leap_of_our_clock_is_measured_at_once(leap_ms: int, count: int) -> None:
    async def act(clock: Leaping, meter: Meter) -> None:
        clock.leap_ms = leap_ms
        await clock.advance(2 * LOOK_S)
        assert meter.count == count

    await watched(act)


async def test_a_measurement_that_fails_is_tried_again() -> None:
    async def act(clock: Leaping, meter: Meter) -> None:
        meter.failing = True
        await clock.advance(3 * EVERY_S)
        assert meter.count >= 3

    await watched(act)


def test_the_venues_time_goes_on_by_monotonic_time() -> None:
    clock = Leaping(START_MS)
    bus = Bus(clock)
    time = VenueTime(clock, bus, "binance_us")
    assert (time.version, time.now_ms()) == (0, START_MS)

    def tell(venue: str, offset_ms: float) -> None:
        bus.publish(
            VenueClock(venue=venue, category="spot", offset_ms=offset_ms, round_trip_ms=1.0, at_ms=clock.now_ms())
        )

    tell("bybit", 9000.0)
    assert time.version == 0
    tell("binance_us", -1500.0)
    assert (time.version, time.now_ms()) == (1, START_MS - 1500)
    clock.leap_ms = 3_600_000
    clock.set_ms(START_MS + 2000)
    assert time.now_ms() == START_MS + 500
