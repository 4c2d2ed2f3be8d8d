"""Looks after candle series: tries failed loads again, and asks the venue about bars it did not confirm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from core.clock import Clock
from core.market.series import MAX_HOLE, Outcome, Series
from core.settings import Settings
from core.venue import CandleBlock, MarketProvider, Retryable

Key = tuple[str, str]
"""Symbol and timeframe."""

TICK_S = 0.25
VERIFY_AFTER_S = 20.0
"""A bar the venue did not flag is asked for by REST this long after its end..."""
VERIFY_EVERY_S = 60.0
"""... but one series at most this often, and less often while the answers bring nothing."""
VERIFY_CAP_S = 900.0
RETRY_FIRST_S = 2.0
RETRY_CAP_S = 300.0


class Later(NamedTuple):
    """When to try again (monotonic seconds), and how often it was in vain."""

    due_s: float
    attempts: int


def wait_after(error: Exception, attempts: int) -> float:
    """Seconds until the next try: growing, or the venue's own wish."""
    wish = error.retry_in_s if isinstance(error, Retryable) else 0.0
    return max(wish, min(RETRY_CAP_S, RETRY_FIRST_S * 2.0 ** min(attempts, 20)))


class Repairs:
    """Works on the desk's `series`. `load` begins a series anew; `answered` takes what a repair brought, and when it was asked for."""

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        provider: MarketProvider,
        series: Mapping[Key, Series],
        *,
        load: Callable[[Key, int], Awaitable[None]],
        answered: Callable[[Key, Outcome, CandleBlock, int], Awaitable[None]],
        fault: Callable[[str, str, int], None],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._provider = provider
        self._series = series
        self._load = load
        self._answered = answered
        self._fault = fault
        self._limit = asyncio.Semaphore(settings.history.parallel_requests)
        self._loads: dict[Key, Later] = {}
        self._asked: dict[Key, Later] = {}
        self._working: set[Key] = set()
        self._urgent: set[Key] = set()

    @property
    def open_gaps(self) -> int:
        """Series that wait for a load or for missing bars."""
        return len(self._loads) + sum(series.held for series in self._series.values())

    def forget(self, key: Key) -> None:
        """The series is no longer kept."""
        self._loads.pop(key, None)
        self._asked.pop(key, None)
        self._urgent.discard(key)

    def load_later(self, key: Key, error: Exception, attempts: int) -> None:
        """A load failed: say so and try again later."""
        wait = wait_after(error, attempts)
        self._loads[key] = Later(self._clock.monotonic() + wait, attempts + 1)
        what = f"{type(error).__name__}: {error}"
        self._fault(f"history of {key[0]} {key[1]}: {what}; trying again in {wait:.0f} s", key[0], attempts + 1)

    def load_soon(self, key: Key) -> None:
        """A load was given up before it was tried; one that waits for its time keeps it."""
        self._loads.setdefault(key, Later(0.0, 0))

    def hurry(self, key: Key | None = None) -> None:
        """Bars of this series are missing, or (None) a connection came back: ask as soon as the bars are settled."""
        if key is not None:
            self._urgent.add(key)
            return
        self._asked.clear()
        self._urgent.update(key for key, series in self._series.items() if series.unconfirmed or series.held)

    async def run(self) -> None:
        """Start what is due, never more at once than the setting allows, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                now_s = self._clock.monotonic()
                for key in [key for key, later in self._loads.items() if later.due_s <= now_s]:
                    tasks.create_task(self._load_again(key, self._loads.pop(key).attempts))
                for key in self._due(now_s):
                    self._working.add(key)
                    tasks.create_task(self._repair(key))
                await self._clock.sleep(TICK_S)

    def _due(self, now_s: float) -> list[Key]:
        due: list[Key] = []
        now_ms = self._provider.venue_now_ms()
        for key, series in self._series.items():
            if not (series.unconfirmed or series.held) or not series.loaded or key in self._working:
                continue
            asked = self._asked.get(key)
            if asked is not None and asked.due_s > now_s:
                continue
            since_end_ms = now_ms - series.first_unconfirmed_ms() - series.interval_ms
            patience_ms = series.grace_ms + (0 if key in self._urgent else VERIFY_AFTER_S * 1000)
            if series.held or since_end_ms >= patience_ms:
                due.append(key)
        return due

    async def _load_again(self, key: Key, attempts: int) -> None:
        async with self._limit:
            await self._load(key, attempts)

    async def _repair(self, key: Key) -> None:
        try:
            async with self._limit:
                series = self._series.get(key)
                if series is not None:
                    await self._ask(key, series)
        finally:
            self._working.discard(key)

    async def _ask(self, key: Key, series: Series) -> None:
        """Ask the venue for the unconfirmed stretch of one series and take its bars."""
        symbol, timeframe = key
        before = series.unconfirmed
        since = series.first_unconfirmed_ms() if before else series.next_open_ms
        since = max(0, since - 2 * series.interval_ms)
        now_ms = self._provider.venue_now_ms()
        missing = (now_ms - since) // series.interval_ms
        attempts = self._asked.get(key, Later(0.0, 0)).attempts
        background = key not in self._urgent and not series.held
        self._urgent.discard(key)
        if series.held and (missing > MAX_HOLE or series.next_open_ms < 0):
            self._asked[key] = Later(self._clock.monotonic() + VERIFY_EVERY_S, attempts)
            await self._load(key, attempts)
            return
        try:
            block = await self._provider.candles(
                symbol, timeframe, start_ms=since, limit=int(missing) + 2, background=background
            )
        except Exception as error:
            # Fallback: the bars stay as they are, unconfirmed; the failure is reported and asked again later.
            wait = wait_after(error, attempts)
            self._asked[key] = Later(self._clock.monotonic() + wait, attempts + 1)
            what = f"{type(error).__name__}: {error}"
            self._fault(f"repair of {symbol} {timeframe}: {what}; trying again in {wait:.0f} s", symbol, attempts + 1)
            return
        if self._series.get(key) is not series:  # removed meanwhile
            return
        outcome = series.merge(block, since, now_ms)
        vain = attempts + 1 if series.unconfirmed >= max(1, before) else 0
        wait = min(VERIFY_CAP_S, VERIFY_EVERY_S * 2.0 ** min(vain, 10))
        self._asked[key] = Later(self._clock.monotonic() + wait, vain)
        await self._answered(key, outcome, block, now_ms)
