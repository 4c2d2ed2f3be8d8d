"""Bybit v5 market data by REST: instruments, tickers, candles, time, and the venue's errors as ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from core.bus import Bus
from core.clock import Clock
from core.market.quality import RejectCounter, sane_candle
from core.messages import Ticker
from core.settings import Settings
from core.venue import TIMEFRAME_MS, Banned, CandleBlock, Fatal, Instrument, Rejected, Retryable
from providers.ban import Ban
from providers.budget import Priority, RequestWindow
from providers.bybit import instruments, wire
from providers.rest import Params, Rest

T = TypeVar("T")

PAGE_CANDLES = 1000
PAGE_INSTRUMENTS = 1000
MAX_PAGES = 200
"""No list we ask for has this many pages; more means the cursor does not end."""

SHORT_BAN_S = 10.0
"""A limit that ends this soon is waited out here, once; longer ones are the caller's matter."""

RATE_LIMIT_CODES = frozenset({429, 10006, 10018, 10429, 170005, 170222})
RETRYABLE_CODES = frozenset({10000, 10016, 10019, 170007, 170032, 170146, 170147, 170310})
BLOCKED_CODES = frozenset({10008, 10009, 10024})

log = logging.getLogger("tradetui.bybit")


class PublicRest:
    """Reads of one category. All methods raise `VenueError` subclasses; bad single rows are counted and left out."""

    def __init__(
        self, base_url: str, *, clock: Clock, bus: Bus, settings: Settings, ban: Ban, rejects: RejectCounter
    ) -> None:
        self.category = settings.market.category
        self._clock = clock
        self._rejects = rejects
        network = settings.network
        self.rest = Rest(
            base_url,
            clock=clock,
            bus=bus,
            venue="bybit",
            category=self.category,
            network=network,
            budget=RequestWindow(clock, share=network.rest_budget_share, fill_share=settings.history.fill_share),
            ban=ban,
            check=self._check,
        )

    async def instruments(self) -> list[Instrument]:
        """All instruments of the category that we serve, paged."""
        found: list[Instrument] = []
        for raw in await self._pages("/v5/market/instruments-info", {"limit": PAGE_INSTRUMENTS}):
            try:
                row = instruments.rows.decode(raw)
                if instruments.served(row, self.category):
                    found.append(instruments.instrument(row, "bybit", self.category))
            except (*wire.DECODE_ERRORS, ValueError) as error:
                self._rejects.count("instrument")
                log.warning("instrument left out: %s", error)
        return found

    async def tickers(self) -> list[Ticker]:
        """24 h statistics of every symbol."""
        answer, page = await self._list("/v5/market/tickers", {})
        found = []
        for raw in page.items:
            row = self._row(wire.ticker_rows, raw)
            if row is not None:
                found.append(
                    Ticker(
                        venue="bybit",
                        category=self.category,
                        symbol=row.symbol,
                        last=row.lastPrice,
                        change=row.price24hPcnt,
                        quote_volume=row.turnover24h,
                        high=row.highPrice24h,
                        low=row.lowPrice24h,
                        event_ms=answer.time,
                    )
                )
        return found

    async def quotes(self) -> tuple[int, list[wire.QuoteRow], list[wire.TickerData]]:
        """(venue time, best prices, perpetual state) of every symbol, in one request."""
        answer, page = await self._list("/v5/market/tickers", {})
        quotes = [row for raw in page.items if (row := self._row(wire.quote_rows, raw)) is not None]
        marks: list[wire.TickerData] = []
        if self.category == "linear":
            marks = [mark for raw in page.items if (mark := self._row(wire.tickers, raw)) is not None]
        return answer.time, quotes, marks

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        start_ms: int | None,
        end_ms: int,
        limit: int,
        priority: Priority = "normal",
    ) -> CandleBlock:
        """The newest `limit` candles with start_ms <= open < end_ms, oldest first.

        The venue answers newest first and takes an inclusive `end`, so the next page ends 1 ms before the oldest row.
        """
        interval = wire.INTERVALS.get(timeframe)
        if interval is None:
            raise Rejected(f"timeframe {timeframe!r} is not one of {', '.join(wire.INTERVALS)}", "timeframe")
        rows: dict[int, tuple[float, ...]] = {}
        end = end_ms - 1
        while len(rows) < limit and (start_ms is None or end >= start_ms):
            asked = min(PAGE_CANDLES, limit - len(rows))
            params: dict[str, str | int] = {"symbol": symbol, "interval": interval, "end": end, "limit": asked}
            if start_ms is not None:
                params["start"] = start_ms
            _, page = await self._list("/v5/market/kline", params, priority)
            received = [row for raw in page.items if (row := self._row(wire.candle_rows, raw)) is not None]
            page_rows = {row[0]: row for row in received if row[0] <= end}
            for open_ms, row in page_rows.items():
                if sane_candle(*row[1:]) and open_ms % TIMEFRAME_MS[timeframe] == 0:
                    rows[open_ms] = row
                else:
                    self._rejects.count("candle")
            if not page_rows or len(page.items) < asked:
                break
            end = min(page_rows) - 1
        kept = [rows[open_ms] for open_ms in sorted(rows) if start_ms is None or open_ms >= start_ms][-limit:]
        block = np.full((len(kept), 9), np.nan)
        if kept:
            block[:, :7] = kept
        return block

    async def time_ms(self) -> float:
        """The venue's clock."""
        body = await self.get("/v5/market/time")
        now: wire.ServerTime = _decoded(wire.server_times, wire.replies.decode(body).result, "/v5/market/time")
        return now.timeNano / 1e6

    async def recent_trades(self, symbol: str, limit: int) -> list[wire.RestTrade]:
        """The newest trades, oldest first (the venue does not promise an order)."""
        _, page = await self._list("/v5/market/recent-trade", {"symbol": symbol, "limit": limit})
        rows = [row for raw in page.items if (row := self._row(wire.rest_trades, raw)) is not None]
        return sorted(rows, key=lambda row: row.time)

    async def close(self) -> None:
        """Close the connections."""
        await self.rest.close()

    async def get(self, path: str, params: Params | None = None, priority: Priority = "normal") -> bytes:
        """One checked answer; a rate limit that ends soon is waited out once."""
        try:
            return await self.rest.get(path, params, priority=priority)
        except Banned as error:
            if error.retry_in_s > SHORT_BAN_S:
                raise
            await self._clock.sleep(error.retry_in_s)
            return await self.rest.get(path, params, priority=priority)

    # --- decoding ----------------------------------------------------------------------------------------------------

    async def _list(
        self, path: str, params: Mapping[str, str | int], priority: Priority = "normal"
    ) -> tuple[wire.Reply, wire.Page]:
        answer = wire.replies.decode(await self.get(path, {"category": self.category, **params}, priority))
        return answer, _decoded(wire.pages, answer.result, path)

    async def _pages(self, path: str, params: Mapping[str, str | int]) -> list[msgspec.Raw]:
        items: list[msgspec.Raw] = []
        cursor, seen = "", {""}
        for _ in range(MAX_PAGES):
            _, page = await self._list(path, {**params, "cursor": cursor} if cursor else params)
            items += page.items
            cursor = page.nextPageCursor or ""
            if cursor in seen:
                break
            seen.add(cursor)
            await asyncio.sleep(0)
        return items

    def _row(self, decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
        """One decoded row, or None with the bad one counted."""
        try:
            return decoder.decode(raw)
        except wire.DECODE_ERRORS:
            self._rejects.count("row")
            return None

    def _check(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Turn a `retCode` into a typed error; called for every HTTP 200."""
        try:
            answer = wire.replies.decode(body)
        except wire.DECODE_ERRORS as error:
            raise Retryable(f"bybit: an answer is not the documented envelope ({error})") from error
        code = answer.retCode
        if code == 0:
            return
        text = f"bybit: retCode {code} {answer.retMsg}".rstrip()
        if code in RATE_LIMIT_CODES:
            raise self.rest.ban.impose(429, {"Retry-After": f"{self._limit_wait_s(answer, headers):.3f}"}, body)
        if code in RETRYABLE_CODES:
            raise Retryable(text)
        if code in BLOCKED_CODES:
            raise Fatal(f"{text}; this address or account may not use the venue")
        raise Rejected(text, code)

    def _limit_wait_s(self, answer: wire.Reply, headers: Mapping[str, str]) -> float:
        """Until the stamp in the headers, which is on the venue's clock like the answer's own time."""
        stamp = headers.get("X-Bapi-Limit-Reset-Timestamp", "")
        if stamp.isdecimal() and len(stamp) == 13 and answer.time:
            return max(0.05, (int(stamp) - answer.time) / 1000)
        return 1.0


def _decoded(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw, path: str) -> Any:
    try:
        return decoder.decode(raw)
    except wire.DECODE_ERRORS as error:
        raise Retryable(f"bybit {path}: the result is not of the documented shape ({error})") from error
