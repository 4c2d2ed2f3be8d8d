"""The clock offset: the quickest round trip counts, and a failed one publishes nothing."""

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import VenueClock
from core.venue import Retryable
from providers.venue_clock import measure_offset


async def test_the_quickest_round_trip_decides_and_is_published():
    clock = SimClock(1_000_000)
    bus = Bus(clock)
    seen: list[VenueClock] = []
    bus.subscribe(VenueClock, seen.append)
    trips = iter([(400, 90.0), (20, 250.0), (300, -50.0)])  # round trip ms, true offset ms as that answer shows it

    async def ask_ms() -> float:
        trip_ms, offset_ms = next(trips)
        clock.set_ms(clock.now_ms() + trip_ms // 2)
        told = clock.now_ms() + offset_ms
        clock.set_ms(clock.now_ms() + trip_ms // 2)
        return told

    assert await measure_offset(ask_ms, clock, bus, "binance_us", "spot") == 250.0
    assert [(message.offset_ms, message.round_trip_ms) for message in seen] == [(250.0, 20.0)]


async def test_a_venue_that_does_not_answer_publishes_nothing():
    clock = SimClock(0)
    bus = Bus(clock)
    seen: list[VenueClock] = []
    bus.subscribe(VenueClock, seen.append)

    async def ask_ms() -> float:
        raise Retryable("no answer")

    with pytest.raises(Retryable):
        await measure_offset(ask_ms, clock, bus, "bybit", "linear")
    assert not seen
