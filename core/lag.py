"""Event-loop lag: how late a short timer wakes. The loop's own clock is measured, not the market's."""

from __future__ import annotations

import asyncio
from collections import deque

from core.bus import Bus
from core.clock import Clock
from core.messages import LoopLag

BEAT_S = 0.02
BEATS_PER_REPORT = 50
WINDOW_BEATS = 60 * BEATS_PER_REPORT


class LagMeter:
    """Publishes `LoopLag` about once a second: worst of the last second, p99 and maximum of the last minute."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._beats: deque[float] = deque(maxlen=WINDOW_BEATS)
        self.worst_ms = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        worst = 0.0
        beat = 0
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            late_ms = max(0.0, (loop.time() - due) * 1000.0)
            self._beats.append(late_ms)
            worst = max(worst, late_ms)
            beat += 1
            if beat == BEATS_PER_REPORT:
                ordered = sorted(self._beats)
                self.worst_ms = max(self.worst_ms, worst)
                self._bus.publish(
                    LoopLag(
                        last_ms=worst,
                        p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
                        max_ms=ordered[-1],
                        at_ms=self._clock.now_ms(),
                    )
                )
                worst, beat = 0.0, 0
