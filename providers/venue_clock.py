"""Clock offset against a venue: of a few round trips the quickest counts, its middle is the venue's moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.bus import Bus
from core.clock import Clock
from core.messages import VenueClock

SAMPLES = 3


async def measure_offset(
    ask_ms: Callable[[], Awaitable[float]], clock: Clock, bus: Bus, venue: str, category: str
) -> float:
    """Venue time minus ours in ms, published as `VenueClock`. `ask_ms` asks the venue for its time, ms.

    Raises whatever `ask_ms` raises; nothing is published then.
    """
    best_trip_ms, offset_ms = float("inf"), 0.0
    for _ in range(SAMPLES):
        sent_ms, sent = clock.now_ms(), clock.monotonic()
        venue_ms = await ask_ms()
        trip_ms = (clock.monotonic() - sent) * 1000
        if trip_ms < best_trip_ms:
            best_trip_ms, offset_ms = trip_ms, venue_ms - (sent_ms + trip_ms / 2)
    bus.publish(
        VenueClock(
            venue=venue,
            category=category,
            offset_ms=round(offset_ms, 3),
            round_trip_ms=round(best_trip_ms, 3),
            at_ms=clock.now_ms(),
        )
    )
    return offset_ms
