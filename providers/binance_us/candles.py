"""Candle history by `GET /klines`, paged both ways (exchanges.md A3: at most 1000 a page, oldest first, endTime inclusive)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import chain

import numpy as np

from core.market.quality import MAX_PRICE, MAX_SIZE
from core.venue import CANDLE_COLUMNS, TIMEFRAME_MS, CandleBlock, Rejected, Retryable
from providers.binance_us.wire import EARLIEST_MS, LATEST_MS, WIRE_ERRORS, decode_rows

PAGE = 1000
_COLUMNS = [0, 1, 2, 3, 4, 5, 7, 8, 9]
"""Wire columns of `CANDLE_COLUMNS`: closeTime (6), taker quote volume (10) and the unused last one are left out."""

Fetch = Callable[[dict[str, str | int | float]], Awaitable[bytes]]


def empty_block() -> CandleBlock:
    """A block without rows."""
    return np.empty((0, len(CANDLE_COLUMNS)))


def parse_candles(body: bytes) -> tuple[CandleBlock, int]:
    """One page as a block, and how many rows were dropped as absurd. Raises `Retryable` when it is no candle list."""
    try:
        rows = decode_rows(body)
        if not rows:
            return empty_block(), 0
        block = _table(rows)[:, _COLUMNS]
    except (*WIRE_ERRORS, ValueError, IndexError) as error:
        raise Retryable(f"klines cannot be read: {error}") from error
    open_ms, open_, high, low, close, volume, quote_volume, trades, taker = block.T
    with np.errstate(invalid="ignore"):
        sane = (open_ms >= EARLIEST_MS) & (open_ms <= LATEST_MS) & (low > 0) & (high < MAX_PRICE)
        sane &= (low <= open_) & (open_ <= high) & (low <= close) & (close <= high)
        sane &= (volume >= 0) & (volume < MAX_SIZE) & (quote_volume >= 0) & (quote_volume < MAX_SIZE)
        sane &= (trades >= 0) & (trades < MAX_SIZE) & (taker >= 0) & (taker < MAX_SIZE)
    kept = block[sane]
    rising = np.ones(len(kept), dtype=bool)
    rising[1:] = kept[1:, 0] > np.maximum.accumulate(kept[:, 0])[:-1]
    return kept[rising], int(len(block) - rising.sum())


def _table(rows: list[list[float]]) -> CandleBlock:
    """Rows of equal width as an array; quicker than `np.array`, which looks at every row twice. Raises ValueError."""
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError("rows of different width")
    return np.fromiter(chain.from_iterable(rows), np.float64, width * len(rows)).reshape(-1, width)


class CandlePager:
    """Collects pages into one block. `rejected` counts dropped rows."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.rejected = 0

    async def load(
        self, symbol: str, timeframe: str, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int
    ) -> CandleBlock:
        """See `core.venue.MarketProvider.candles`."""
        step = TIMEFRAME_MS.get(timeframe)
        if step is None:
            raise Rejected(f"timeframe {timeframe!r} is not one of {', '.join(TIMEFRAME_MS)}")
        if start_ms is not None:
            until = end_ms if end_ms is not None else now_ms + step
            if until - start_ms <= limit * step:
                return await self._forward(symbol, timeframe, start_ms, until, step, limit)
        return await self._backward(symbol, timeframe, start_ms, end_ms, limit)

    async def _forward(
        self, symbol: str, timeframe: str, start_ms: int, end_ms: int, step: int, limit: int
    ) -> CandleBlock:
        pages: list[CandleBlock] = []
        while start_ms < end_ms:
            page, _ = await self._page(symbol, timeframe, {"startTime": start_ms, "endTime": end_ms - 1, "limit": PAGE})
            page = page[(page[:, 0] >= start_ms) & (page[:, 0] < end_ms)]
            if not len(page):
                break
            pages.append(page)
            start_ms = int(page[-1, 0]) + step
        return np.concatenate(pages)[-limit:] if pages else empty_block()

    async def _backward(
        self, symbol: str, timeframe: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> CandleBlock:
        pages: list[CandleBlock] = []
        wanted = limit
        while wanted > 0:
            params: dict[str, str | int | float] = {"limit": min(PAGE, wanted)}
            if end_ms is not None:
                params["endTime"] = end_ms - 1
            page, rows = await self._page(symbol, timeframe, params)
            if end_ms is not None:
                page = page[page[:, 0] < end_ms]
            if not len(page):
                break
            end_ms = int(page[0, 0])
            if start_ms is not None:
                page = page[page[:, 0] >= start_ms]
            pages.insert(0, page)
            wanted -= len(page)
            if rows < PAGE or (start_ms is not None and end_ms <= start_ms):
                break
        return np.concatenate(pages)[-limit:] if pages else empty_block()

    async def _page(self, symbol: str, timeframe: str, params: dict[str, str | int | float]) -> tuple[CandleBlock, int]:
        """One page, and how many rows the venue sent."""
        block, rejected = parse_candles(await self._fetch({"symbol": symbol, "interval": timeframe, **params}))
        self.rejected += rejected
        return block, len(block) + rejected
