"""The time of a recording as a `Clock`: set by hand under `SimClock`, or running at the speed of play."""

from __future__ import annotations

from core.clock import Clock


class TapeClock:
    """`now_ms` is the recording's time; durations and sleeping are those of the clock beneath.

    While running, time never passes `limit_ms`, the next message still to be played.
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        self.speed = speed
        self.limit_ms: int | None = None
        self._clock = clock
        self._from_ms: float | None = None
        self._from_s: float | None = None

    def now_ms(self) -> int:
        """The recording's time; before one is opened, the wall time."""
        if self._from_ms is None:
            return self._clock.now_ms()
        if self._from_s is None:
            return int(self._from_ms)
        now_ms = self._from_ms + (self._clock.monotonic() - self._from_s) * 1000 * self.speed
        return int(now_ms if self.limit_ms is None else min(now_ms, self.limit_ms))

    def set_ms(self, now_ms: int) -> None:
        """Stand still at this time."""
        self._from_ms, self._from_s = float(now_ms), None

    def start(self) -> None:
        """Run from the present time on."""
        self._from_ms, self._from_s = float(self.now_ms()), self._clock.monotonic()

    def until_s(self, at_ms: int) -> float:
        """Seconds of the clock beneath until the recording's time is `at_ms`; below 0 when it is past."""
        if self._from_ms is None or self._from_s is None:
            return 0.0
        return self._from_s + (at_ms - self._from_ms) / 1000 / self.speed - self._clock.monotonic()

    def monotonic(self) -> float:
        """See `core.clock.Clock`."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `core.clock.Clock`."""
        await self._clock.sleep(seconds)
