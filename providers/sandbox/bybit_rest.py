"""The REST side of Bybit v5: market-data endpoints in the venue's envelope; business errors come with HTTP 200."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.sandbox import bybit_wire as wire
from providers.sandbox.bybit_ws import BybitStreams
from providers.sandbox.calendar_bars import CALENDAR_MS
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.limits import BYBIT_IP_LIMIT, BybitLimits

EMPTY_CATEGORIES = ("inverse", "option")
OPEN_INTEREST_INTERVALS = {"5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "1d": 1440}


class RetError(Exception):
    """An answer with HTTP 200 and a `retCode` other than 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Quota(msgspec.Struct, frozen=True):
    """A rate limit as the headers tell it: requests allowed, left, and when (ms) the next ones are."""

    limit: int
    left: int
    reset_ms: int


class Query:
    """Request parameters of one endpoint."""

    def __init__(self, pairs: dict[str, str], streams: dict[str, BybitStreams]) -> None:
        self.pairs = pairs
        self.streams = streams

    def category(self, default: str = "") -> str:
        """The category. Raises `RetError` 10001 when it is missing or unknown."""
        category = self.pairs.get("category") or default
        if category not in (*self.streams, *EMPTY_CATEGORIES):
            raise RetError(10001, "Illegal category")
        return category

    def feed(self, category: str) -> Feed:
        """The market of a category we serve."""
        return self.streams[category].feed

    def symbol(self, feed: Feed) -> str:
        """The mandatory symbol."""
        symbol = self.pairs.get("symbol", "")
        if symbol not in feed.listings:
            raise RetError(10001, "params error: symbol invalid" if symbol else "params error: Symbol Is Required")
        return symbol

    def integer(self, name: str, default: int) -> int:
        """A whole number, e.g. a time in ms."""
        value = self.pairs.get(name, "")
        if not value:
            return default
        if not value.isdecimal():
            raise RetError(10001, f"params error: {name} invalid")
        return int(value)

    def limit(self, default: int, largest: int) -> int:
        """The row limit; more than `largest` is cut to it."""
        limit = self.integer("limit", default)
        if limit < 1:
            raise RetError(10001, "params error: limit invalid")
        return min(limit, largest)


Handler = Callable[[Query], object]


class BybitRest:
    """Answers requests from the feeds of its categories. `pull` brings the market up to the moment first."""

    def __init__(self, streams: dict[str, BybitStreams], faults: FaultPlan, pull: Callable[[], None]) -> None:
        self.limits = BybitLimits()
        self._streams = streams
        self._faults = faults
        self._pull = pull
        self._any_feed = next(iter(streams.values())).feed

    def now_ms(self) -> int:
        """The time the venue claims."""
        return self._any_feed.now_ms()

    def routes(self) -> list[Route]:
        """One route per endpoint, and retCode 10017 for the rest."""
        made = [Route("/v5/market/" + path, self._endpoint(handler)) for path, handler in ENDPOINTS.items()]
        return [*made, Route("/v5/{rest:path}", self._endpoint(_unknown), methods=["GET", "POST"])]

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            turned_away = await self.turn_away(request)
            if turned_away is not None:
                return turned_away
            try:
                return self.reply(0, "OK", handler(Query(dict(request.query_params), self._streams)))
            except RetError as error:
                return self.reply(error.code, str(error), {})

        return answer

    async def turn_away(self, request: Request) -> Response | None:
        """The answer to a request that gets no further: a scripted fault, a banned address, a GET with a body.

        The market is brought up to the moment for every other.
        """
        fault = self._faults.take_rest(request.url.path, request.method)
        if fault is not None:
            return self._faulty(fault.status, fault.retry_after_s, fault.body)
        now_ms = self._any_feed.clock.now_ms()
        if self.limits.charge(now_ms).status == 403 or (request.method == "GET" and await request.body()):
            return Response("access too frequent", 403, media_type="text/plain")
        self._pull()
        return None

    def reply(
        self, code: int, message: str, result: object, status: int = 200, wait_s: int = 0, quota: Quota | None = None
    ) -> Response:
        """An answer in the venue's envelope. `quota`: what its headers tell of the limit, the address's by default."""
        now_ms = self._any_feed.now_ms()
        payload = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}
        if quota is None:
            left = 0 if wait_s else max(0, BYBIT_IP_LIMIT - self.limits.requests.used)
            quota = Quota(BYBIT_IP_LIMIT, left, now_ms + wait_s * 1000)
        headers = {
            "X-Bapi-Limit": str(quota.limit),
            "X-Bapi-Limit-Status": str(quota.left),
            "X-Bapi-Limit-Reset-Timestamp": str(quota.reset_ms),
            "Timenow": str(now_ms),
        }
        return Response(msgspec.json.encode(payload), status, headers, "application/json; charset=utf-8")

    def _faulty(self, status: int, retry_after_s: int | None, body: str) -> Response:
        if status == 429 and retry_after_s is not None:
            return self.reply(10006, "Too many visits. Exceeded the API Rate Limit.", {}, wait_s=retry_after_s)
        if status == 429:
            return self.reply(429, "The trading service is experiencing a high server load.", {}, status)
        return Response(body or "<html><body>upstream error</body></html>", status, media_type="text/html")


def _listing_rows(query: Query, category: str, **more: Any) -> dict[str, Any]:
    return {"category": category, "list": [], **more}


def _unknown(query: Query) -> object:
    raise RetError(10017, "Route not found.")


def _time(query: Query) -> object:
    now_ms = next(iter(query.streams.values())).feed.now_ms()
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def _instruments(query: Query) -> object:
    category = query.category()
    answer = _listing_rows(query, category, nextPageCursor="")
    if category in EMPTY_CATEGORIES or query.pairs.get("status") == "PreLaunch":
        return answer
    feed = query.feed(category)
    make = wire.spot_instrument if category == "spot" else wire.linear_instrument
    rows = [make(item, index) for index, item in enumerate(feed.listings.values(), 1) if item.status != "prelaunch"]
    for name, key in (("symbol", "symbol"), ("status", "status"), ("baseCoin", "baseCoin")):
        if query.pairs.get(name):
            rows = [row for row in rows if row[key] == query.pairs[name]]
    if query.pairs.get("symbol") and not rows:
        raise RetError(10001, "params error: symbol invalid")
    if category == "linear":
        limit, at = query.limit(500, 1000), query.integer("cursor", 0)
        answer["nextPageCursor"] = str(at + limit) if at + limit < len(rows) else ""
        rows = rows[at : at + limit]
    answer["list"] = rows
    return answer


def _kline(query: Query) -> object:
    category = query.category("linear")
    if category in EMPTY_CATEGORIES:
        return _listing_rows(query, category, symbol=query.pairs.get("symbol", ""))
    feed = query.feed(category)
    symbol = query.symbol(feed)
    interval = query.pairs.get("interval", "")
    if interval not in wire.INTERVALS:
        raise RetError(10001, "params error: Invalid period!")
    length, limit = wire.INTERVALS[interval], query.limit(200, 1000)
    now_ms = feed.clock.now_ms()
    start, end = query.integer("start", -1), query.integer("end", -1)
    if start >= 0 and end < 0:  # forward from the start; with an end the venue keeps the newest of the range
        start = max(start, feed.listings[symbol].listed_ms // length * length)
        upto = now_ms + 1 if length in CALENDAR_MS else min(now_ms, start + limit * length) + 1
        rows = feed.bars(symbol, length, start, upto)[:limit]
    else:
        upto = (now_ms if end < 0 else min(end, now_ms)) + 1
        rows = feed.bars(symbol, length, max(start, (upto // length - limit) * length, 0), upto)[-limit:]
    units = feed.units[symbol]
    return {"category": category, "symbol": symbol, "list": msgspec.Raw(wire.kline_rows(rows, units).encode())}


def _orderbook(query: Query) -> object:
    category = query.category()
    if category in EMPTY_CATEGORIES:
        return {"s": query.pairs.get("symbol", ""), "b": [], "a": [], "ts": 0, "u": 0, "seq": 0, "cts": 0}
    streams = query.streams[category]
    symbol = query.symbol(streams.feed)
    limit = query.limit(1 if category == "spot" else 25, 1000)
    return streams.rest_book(symbol, limit)


def _recent_trades(query: Query) -> object:
    category = query.category()
    answer = _listing_rows(query, category)
    if category not in EMPTY_CATEGORIES:
        feed = query.feed(category)
        symbol = query.symbol(feed)
        limit = query.limit(60 if category == "spot" else 500, 60 if category == "spot" else 1000)
        answer["list"] = wire.recent_trades(feed.market.recent_trades(symbol, limit), feed.units[symbol], category)
    return answer


def _tickers(query: Query) -> object:
    category = query.category()
    answer = _listing_rows(query, category)
    if category in EMPTY_CATEGORIES:
        return answer
    feed = query.feed(category)
    wanted = [query.symbol(feed)] if query.pairs.get("symbol") else list(feed.listings)
    for symbol in wanted:
        stats, mark = feed.day(symbol), feed.mark(symbol)
        if stats is None:
            continue
        row = wire.ticker(feed, symbol, stats) | wire.quote_fields(feed, symbol)
        if mark is not None:
            row |= wire.perpetual_fields(mark, stats, feed.units[symbol])
        answer["list"].append(row)
    return answer


def _price_limit(query: Query) -> object:
    category = query.category("linear")
    if category in EMPTY_CATEGORIES:
        return {}
    feed = query.feed(category)
    symbol = query.symbol(feed)
    units, quote, ratio = feed.units[symbol], feed.quote(symbol), wire.PRICE_LIMIT_RATIO[category]
    return {
        "symbol": symbol,
        "buyLmt": units.price(int(quote.ask_ticks * (1 + ratio))),
        "sellLmt": units.price(int(quote.bid_ticks * (1 - ratio))),
        "ts": str(feed.now_ms()),
    }


def _funding(query: Query) -> object:
    category = query.category()
    answer = _listing_rows(query, category)
    if category in EMPTY_CATEGORIES:
        return answer
    feed = query.feed(category)
    symbol = query.symbol(feed)
    mark = feed.mark(symbol)
    if mark is None:
        raise RetError(10001, "params error: category invalid")
    start, end = query.integer("startTime", 0), query.integer("endTime", feed.clock.now_ms())
    at = min(end, mark.next_funding_ms - 1) // wire.FUNDING_INTERVAL_MS * wire.FUNDING_INTERVAL_MS
    for _ in range(query.limit(200, 200)):
        if at < max(start, feed.listings[symbol].listed_ms):
            break
        change = Decimal(crc32(f"{symbol}{at}".encode()) % 2001 - 1000) / 10_000_000
        rate = f"{Decimal(str(mark.funding_rate)) + change:.8f}"
        answer["list"].append({"symbol": symbol, "fundingRate": rate, "fundingRateTimestamp": str(at)})
        at -= wire.FUNDING_INTERVAL_MS
    return answer


def _open_interest(query: Query) -> object:
    category = query.category()
    answer = _listing_rows(query, category, symbol=query.pairs.get("symbol", ""), nextPageCursor="")
    if category in EMPTY_CATEGORIES:
        return answer
    feed = query.feed(category)
    symbol = query.symbol(feed)
    mark = feed.mark(symbol)
    minutes = OPEN_INTEREST_INTERVALS.get(query.pairs.get("intervalTime", ""))
    if mark is None or minutes is None:
        raise RetError(10001, "params error: intervalTime invalid" if mark else "params error: category invalid")
    newest = feed.clock.now_ms() // (minutes * 60_000) * minutes * 60_000
    size = feed.units[symbol].size(mark.open_interest_lots)
    answer["list"] = [
        {"openInterest": size, "timestamp": str(newest - index * minutes * 60_000)}
        for index in range(query.limit(50, 200))
    ]
    return answer


ENDPOINTS: dict[str, Handler] = {
    "time": _time,
    "instruments-info": _instruments,
    "kline": _kline,
    "orderbook": _orderbook,
    "recent-trade": _recent_trades,
    "tickers": _tickers,
    "price-limit": _price_limit,
    "funding/history": _funding,
    "open-interest": _open_interest,
}
"""Path under /v5/market and what answers it."""
