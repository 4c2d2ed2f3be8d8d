"""The venue's time, from its last measured offset on: what signed requests are stamped with."""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.messages import VenueClock


class VenueTime:
    """Hears every `VenueClock` of the venue and counts on from there by the monotonic clock.

    So a jump of this machine's wall clock does not spoil a signature. `version` rises with each measurement.
    """

    def __init__(self, clock: Clock, bus: Bus, venue: str) -> None:
        self._clock = clock
        self._venue = venue
        self._venue_ms = 0.0
        self._at = 0.0
        self.version = 0
        bus.subscribe(VenueClock, self._heard, name=f"time of {venue}")

    def now_ms(self) -> int:
        """The venue's time, Unix ms; our own as long as the offset was never measured (`version` 0)."""
        if not self.version:
            return self._clock.now_ms()
        return int(self._venue_ms + (self._clock.monotonic() - self._at) * 1000)

    def _heard(self, measured: VenueClock) -> None:
        if measured.venue != self._venue:
            return
        self._venue_ms = self._clock.now_ms() + measured.offset_ms
        self._at = self._clock.monotonic()
        self.version += 1
