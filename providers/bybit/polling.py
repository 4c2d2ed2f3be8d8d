"""REST polling of Bybit while a socket is down: prices, marks and candles go on, slower."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from core.market.quality import RejectCounter
from core.venue import TIMEFRAME_MS, Banned, VenueError
from providers.batch import MicroBatcher
from providers.bybit.public_rest import PublicRest
from providers.bybit.streams import Streams

PARALLEL = 8
CLOSE_GRACE_MS = 1000
"""A bar that ended this long before it was asked for is final in its REST form. The venue's own time decides where an
answer gave it: our offset may be wrong by half a slow round trip."""

NEWEST = 3
"""Candles asked for in each poll: the forming one, the one just closed, and the one before in case a round failed."""


class Poller:
    """Rounds of polling for the symbols of a lane that is down. What was published closed is not repeated."""

    def __init__(
        self, rest: PublicRest, streams: Streams, batcher: MicroBatcher, venue_now_ms: Callable[[], int]
    ) -> None:
        self.rounds = 0
        self.failures = RejectCounter()
        self._rest = rest
        self._streams = streams
        self._batcher = batcher
        self._venue_now_ms = venue_now_ms
        self._closed: dict[tuple[str, str], int] = {}

    async def poll(self, symbols: Sequence[str], timeframes: Sequence[str]) -> None:
        """One round: one request for all quotes and marks, and candles. Failures are counted; the next round tries again."""
        self.rounds += 1
        asked_ms = self._venue_now_ms()
        try:
            asked_ms = await self._prices(set(symbols))
        except VenueError as error:
            self.failures.count(type(error).__name__)
            if isinstance(error, Banned):
                return
        limit = asyncio.Semaphore(PARALLEL)
        async with asyncio.TaskGroup() as group:
            for symbol in symbols:
                for timeframe in timeframes:
                    if timeframe == timeframes[0] or self._has_closed(symbol, timeframe):
                        group.create_task(self._candles(symbol, timeframe, asked_ms, limit))

    async def _prices(self, symbols: set[str]) -> int:
        """Quotes and marks; returns the venue's time."""
        at_ms, quotes, marks = await self._rest.quotes()
        for row in quotes:
            if row.symbol in symbols:
                self._batcher.quote(row.symbol, row.bid1Price, row.bid1Size, row.ask1Price, row.ask1Size, at_ms)
        for mark in marks:
            if mark.symbol in symbols and mark.symbol in self._streams.symbols:
                try:
                    self._streams.mark(mark.symbol, mark, True, at_ms)
                except ValueError:
                    self._batcher.rejects.count("tickers")
        return at_ms

    def _has_closed(self, symbol: str, timeframe: str) -> bool:
        """A candle of this timeframe ended since the last one published."""
        length = TIMEFRAME_MS[timeframe]
        return self._closed.get((symbol, timeframe), 0) < self._venue_now_ms() // length * length - length

    async def _candles(self, symbol: str, timeframe: str, asked_ms: int, limit: asyncio.Semaphore) -> None:
        length = TIMEFRAME_MS[timeframe]
        async with limit:
            now_ms = self._venue_now_ms()
            try:
                block = await self._rest.candles(symbol, timeframe, start_ms=None, end_ms=now_ms + 1, limit=NEWEST)
            except VenueError as error:
                self.failures.count(type(error).__name__)
                return
        if symbol not in self._streams.symbols:
            return
        for row in block.tolist():
            open_ms = int(row[0])
            closed = open_ms + length + CLOSE_GRACE_MS <= min(asked_ms, now_ms)
            if open_ms <= self._closed.get((symbol, timeframe), 0):
                continue
            if closed:
                self._closed[symbol, timeframe] = open_ms
            _, open_, high, low, close, volume, quote_volume = row[:7]
            self._batcher.kline(
                symbol,
                timeframe,
                open_ms,
                open_,
                high,
                low,
                close,
                volume,
                quote_volume,
                -1,
                math.nan,
                closed,
                min(now_ms, open_ms + length),
            )
