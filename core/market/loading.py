"""Gets the history of one series: what the disk has, and from the venue only what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.history import CandleStore, SeriesKey, StoreError, series_key
from core.market.quality import sane_block
from core.settings import History
from core.venue import TIMEFRAME_MS, CandleBlock, MarketProvider

SETTLING_MS = 3000
"""A bar that ended this long before the venue was asked is final in its answer."""

OVERLAP = 3
"""Stored bars asked for once more: they show whether the disk speaks of the same market."""


def wanted_bars(history: History, timeframe: str) -> int:
    """Bars of a series loaded at start."""
    return history.daily_bars if timeframe == "1d" else history.bars


def memory_bars(history: History, timeframe: str) -> int:
    """Bars of a series kept in memory."""
    return history.daily_bars + 64 if timeframe == "1d" else history.memory_bars


def kept_bars(history: History, timeframe: str) -> int:
    """Bars of a series that stay on disk."""
    if timeframe == "1m":
        return max(history.store_bars, history.memory_bars)
    return max(history.memory_bars, history.daily_bars)


class HistoryLoader:
    """Disk tail first, then the venue. `store_failures` counts what the disk refused; loading goes on without it."""

    def __init__(self, provider: MarketProvider, store: CandleStore) -> None:
        self._provider = provider
        self._store = store
        self.store_failures = 0
        self.last_store_error = ""
        self._unwritten: dict[SeriesKey, tuple[list[Sequence[float]], int]] = {}
        self.foreign = 0
        """Stored series thrown away because they disagreed with the venue."""

    async def load(self, symbol: str, timeframe: str, wanted: int, keep: int) -> CandleBlock:
        """The newest `wanted` bars and, if the venue gives it, the forming one. Raises `VenueError`.

        What came from the venue and is over goes to disk, where the newest `keep` bars stay.
        """
        interval_ms = TIMEFRAME_MS[timeframe]
        key = series_key(self._provider, symbol, timeframe)
        now_ms = self._provider.venue_now_ms()
        first_wanted_ms = (now_ms // interval_ms - wanted) * interval_ms
        try:
            disk = await self._store.read(key, start_ms=first_wanted_ms)
        except StoreError as error:
            self._note(error)
            disk = np.empty((0, 9))
        start_ms = _first_missing(disk, first_wanted_ms, interval_ms)
        fresh = await self._ask(symbol, timeframe, start_ms, now_ms)
        if _disagrees(disk, fresh):
            self.foreign += 1
            try:
                await self._store.drop(key)
            except StoreError as error:
                self._note(error)
            disk = disk[:0]
            fresh = await self._ask(symbol, timeframe, first_wanted_ms, now_ms)
        await self.keep(symbol, timeframe, fresh, keep, now_ms)
        older = disk[disk[:, 0] < (fresh[0, 0] if len(fresh) else np.inf)]
        later = disk[disk[:, 0] > (fresh[-1, 0] if len(fresh) else np.inf)]
        return np.concatenate([older, fresh, later])

    async def keep(self, symbol: str, timeframe: str, block: CandleBlock, keep: int, asked_ms: int) -> None:
        """Write to disk the venue's bars that were over when it was asked, the just closed one left out."""
        settled = block[block[:, 0] + TIMEFRAME_MS[timeframe] + SETTLING_MS <= asked_ms]
        if not len(settled):
            return
        try:
            await self._store.write(series_key(self._provider, symbol, timeframe), settled, keep)
        except StoreError as error:
            self._note(error)

    def note(self, symbol: str, timeframe: str, row: Sequence[float], keep: int) -> None:
        """A live bar the venue confirmed: it goes to disk with the next `flush`."""
        key = series_key(self._provider, symbol, timeframe)
        self._unwritten.setdefault(key, ([], keep))[0].append(row)

    async def flush(self) -> None:
        """Write the noted bars in one transaction. What the disk refuses is dropped: it can be fetched again."""
        waiting, self._unwritten = self._unwritten, {}
        if not waiting:
            return
        try:
            await self._store.write_many([(key, np.array(rows), keep) for key, (rows, keep) in waiting.items()])
        except StoreError as error:
            self._note(error)

    async def stored(self, symbol: str, timeframe: str) -> int:
        """Bars on disk; 0 when the disk does not answer."""
        try:
            return (await self._store.span(series_key(self._provider, symbol, timeframe))).bars
        except StoreError as error:
            self._note(error)
            return 0

    async def _ask(self, symbol: str, timeframe: str, start_ms: int, now_ms: int) -> CandleBlock:
        interval_ms = TIMEFRAME_MS[timeframe]
        limit = (now_ms - start_ms) // interval_ms + 2
        block = await self._provider.candles(symbol, timeframe, start_ms=start_ms, limit=max(2, limit))
        return sane_block(block, interval_ms)[0]

    def _note(self, error: StoreError) -> None:
        self.store_failures += 1
        self.last_store_error = str(error)


def _first_missing(disk: CandleBlock, first_wanted_ms: int, interval_ms: int) -> int:
    """Where the venue must be asked from: the first hole, or a little before the end of what is stored."""
    if not len(disk) or disk[0, 0] > first_wanted_ms + interval_ms:
        return first_wanted_ms
    holes = np.flatnonzero(np.diff(disk[:, 0]) > interval_ms)
    known = disk[: holes[0] + 1] if len(holes) else disk
    return max(first_wanted_ms, int(known[-1, 0]) - (OVERLAP - 1) * interval_ms)


def _disagrees(disk: CandleBlock, fresh: CandleBlock) -> bool:
    """Every bar both have differs in its close: the stored series is of another market."""
    _, mine, theirs = np.intersect1d(disk[:, 0], fresh[:, 0], return_indices=True)
    return len(mine) > 0 and not np.any(disk[mine, 4] == fresh[theirs, 4])
