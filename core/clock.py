"""The only module that reads the wall clock.

Everything else takes a `Clock`. With `SimClock` the same messages give the same outputs, bit for bit: tests, backtest and
replay rest on that. Times are Unix milliseconds UTC; durations are seconds.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import Protocol

SETTLE_YIELDS = 5


def _steady_s() -> float:
    """Seconds since the machine started, those it slept through included: what runs out must have run out when it wakes."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """Source of time for every part of the program."""

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock. Zero or less yields to the loop once."""


class LiveClock:
    """Real time, or real time run faster for tests (`rate` 60: a market minute passes in a second).

    `start_ms` moves the wall clock to another moment, so that a sandbox and its client can agree on any date.
    """

    def __init__(self, rate: float = 1.0, start_ms: int | None = None) -> None:
        if rate <= 0:
            raise ValueError(f"clock rate {rate} must be above 0")
        self.rate = rate
        self._origin_s = time.monotonic()
        self._shifted = start_ms is not None or rate != 1.0
        self._start_ms = start_ms if start_ms is not None else time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        if not self._shifted:
            return time.time_ns() // 1_000_000
        return self._start_ms + int((time.monotonic() - self._origin_s) * self.rate * 1000)

    def monotonic(self) -> float:
        return _steady_s() * self.rate

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.rate)


class SimClock:
    """Time that moves only when told to. `advance` wakes sleepers in order of their due time."""

    def __init__(self, start_ms: int) -> None:
        self._now_ms = float(start_ms)
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return int(self._now_ms)

    def monotonic(self) -> float:
        return self._now_ms / 1000.0

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_ms + seconds * 1000.0, next(self._order), woken))
        await woken

    def set_ms(self, now_ms: int) -> None:
        """Jump forward without waking anybody (a player of recorded messages does this before each message)."""
        self._now_ms = max(self._now_ms, float(now_ms))

    async def advance(self, seconds: float) -> None:
        """Move time forward, letting every sleeper that falls due run at its own due time."""
        target = self._now_ms + seconds * 1000.0
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, woken = heapq.heappop(self._sleepers)
            self._now_ms = max(self._now_ms, due)
            if not woken.done():
                woken.set_result(None)
            await self._settle()
        self._now_ms = target
        await self._settle()

    @staticmethod
    async def _settle() -> None:
        """Let tasks that can run reach their next wait."""
        for _ in range(SETTLE_YIELDS):
            await asyncio.sleep(0)


def iso_utc(at_ms: int) -> str:
    """`2026-11-21T06:17:00.123Z` for a Unix time in milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
