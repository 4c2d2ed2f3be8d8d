"""The REST side of Binance.US: market-data endpoints under /api/v3 with weights, limits and error codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.sandbox import binance_us_wire as wire
from providers.sandbox.binance_us_params import ApiError, Params
from providers.sandbox.calendar_bars import CALENDAR_MS
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.kline_schedule import end_of_bar_ms
from providers.sandbox.limits import BinanceLimits, Verdict

DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
AVERAGE_MINUTES = 5
MAX_LOOKBACK_MS = 10 * 365 * 86_400_000


Handler = Callable[["BinanceRest", Params], object]
Weight = Callable[[dict[str, str]], int]


class BinanceRest:
    """Answers requests from one spot feed. `pull` brings the market up to the moment before it is read."""

    def __init__(self, feed: Feed, faults: FaultPlan, pull: Callable[[], None]) -> None:
        self.feed = feed
        self.limits = BinanceLimits()
        self._faults = faults
        self._pull = pull

    def routes(self) -> list[Route]:
        """One route per endpoint, and a 404 in the venue's words for the rest."""
        made = [Route("/api/v3/" + path, self._endpoint(*entry)) for path, entry in ENDPOINTS.items()]
        return [
            *made,
            Route("/api/{rest:path}", self._endpoint(_unknown, _flat(1)), methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    def _endpoint(self, handler: Handler, weight: Weight) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            pairs = dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))
            pairs.update(parse_qsl(request.url.query, keep_blank_values=True))
            fault = self._faults.take_rest(request.url.path, request.method)
            if fault is not None:
                return self.faulty(fault.status, fault.retry_after_s, fault.body)
            verdict = self.limits.charge(weight(pairs), self.feed.clock.now_ms())
            if verdict.status != 200:
                return self.refused(verdict)
            self._pull()
            try:
                params = Params(pairs, self.feed.listings)
                content = handler(self, params)
                params.finish()
            except ApiError as error:
                return self.reply(error.content(), error.status)
            return self.reply(content)

        return answer

    def reply(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """An answer with the venue's usage headers."""
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        used = str(self.limits.weight.used)
        sent = {"x-mbx-uuid": "sandbox", "x-mbx-used-weight": used, "x-mbx-used-weight-1m": used, **(headers or {})}
        return Response(body, status, sent, "application/json;charset=UTF-8")

    def refused(self, verdict: Verdict) -> Response:
        """The answer of the request limits."""
        if verdict.status == 418:
            message = (
                f"Way too much request weight used; IP banned until {verdict.until_ms}. Please use WebSocket Streams."
            )
        else:
            message = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        headers = {"retry-after": str(verdict.retry_after_s)}
        return self.reply({"code": -1003, "msg": message}, verdict.status, headers)

    def faulty(self, status: int, retry_after_s: int | None, body: str) -> Response:
        """A scripted failure."""
        if body or status >= 500:
            return Response(body or "<html><body>upstream error</body></html>", status, media_type="text/html")
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        return self.reply({"code": -1003, "msg": "Too many requests."}, status, headers)


def _flat(weight: int) -> Weight:
    return lambda pairs: weight


def _by_symbols(one: int, every: int) -> Weight:
    return lambda pairs: one if "symbol" in pairs else every


def _depth_weight(pairs: dict[str, str]) -> int:
    limit = int(pairs["limit"]) if pairs.get("limit", "").isdecimal() else 100
    return next((weight for largest, weight in DEPTH_WEIGHTS if limit <= largest), DEPTH_WEIGHTS[-1][1])


def _unknown(rest: BinanceRest, params: Params) -> object:
    raise ApiError(-1020, "This operation is not supported by the sandbox.", 404)


def _ping(rest: BinanceRest, params: Params) -> object:
    return {}


def _time(rest: BinanceRest, params: Params) -> object:
    return {"serverTime": rest.feed.now_ms()}


def _exchange_info(rest: BinanceRest, params: Params) -> object:
    wanted, _ = params.symbols()
    params.text("permissions")
    params.text("showPermissionSets")
    return {
        "timezone": "UTC",
        "serverTime": rest.feed.now_ms(),
        "rateLimits": wire.RATE_LIMITS,
        "exchangeFilters": [],
        "symbols": [wire.symbol_info(rest.feed.listings[symbol]) for symbol in wanted],
    }


def _klines(rest: BinanceRest, params: Params) -> object:
    symbol = params.symbol()
    interval = params.required("interval")
    if interval not in wire.INTERVALS:
        raise ApiError(-1120, "Invalid interval.")
    length = wire.INTERVALS[interval]
    start, end, limit = params.integer("startTime"), params.integer("endTime"), params.limit(500, 1000)
    end = min(rest.feed.clock.now_ms() if end is None else end, rest.feed.clock.now_ms()) + 1
    if start is None:
        start = max(0, (end // length - limit) * length)
        rows = rest.feed.bars(symbol, length, start, end)[-limit:]
    else:
        start = max(start, rest.feed.listings[symbol].listed_ms // length * length)
        aligned = -(-start // length) * length
        upto = end if length in CALENDAR_MS else min(end, aligned + limit * length)
        rows = rest.feed.bars(symbol, length, start, upto)[:limit]
    units = rest.feed.units[symbol]
    if length not in CALENDAR_MS:
        return wire.kline_rows(rows, units, length).encode()
    made = [
        wire.kline_rows(row, units, end_of_bar_ms(length, int(row[0, 0])) - int(row[0, 0])) for row in rows[:, None]
    ]
    return f"[{','.join(text[1:-1] for text in made)}]".encode()


def _depth(rest: BinanceRest, params: Params) -> object:
    return wire.depth_snapshot(rest.feed, params.symbol(), params.limit(100, 5000))


def _trades(rest: BinanceRest, params: Params) -> object:
    symbol, limit = params.symbol(), params.limit(500, 1000)
    before = params.integer("fromId")
    trades = rest.feed.market.recent_trades(symbol, limit if before is None else 5000)
    if before is not None:
        trades = [trade for trade in trades if trade.trade_id >= before][:limit]
    return wire.trade_rows(trades, rest.feed.units[symbol])


def _agg_trades(rest: BinanceRest, params: Params) -> object:
    symbol, limit = params.symbol(), params.limit(500, 1000)
    first, start, end = params.integer("fromId"), params.integer("startTime"), params.integer("endTime")
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    trades = rest.feed.market.recent_trades(symbol, 5000)
    if first is None and start is None and end is None:
        return wire.agg_trade_rows(trades[-limit:], rest.feed.units[symbol])
    kept = [
        trade
        for trade in trades
        if trade.trade_id >= (first or 0) and trade.at_ms >= (start or 0) and (end is None or trade.at_ms <= end)
    ]
    return wire.agg_trade_rows(kept[:limit], rest.feed.units[symbol])


def _ticker_24h(rest: BinanceRest, params: Params) -> object:
    wanted, single = params.symbols()
    kind = params.text("type") or "FULL"
    if kind not in ("FULL", "MINI"):
        raise ApiError(-1130, "Data sent for parameter 'type' is not valid.")
    rows = []
    for symbol in wanted:
        stats = rest.feed.day(symbol)
        if stats is not None:
            rows.append(wire.ticker_24h(rest.feed, symbol, stats, mini=kind == "MINI"))
    return rows[0] if single and rows else rows


def _book_ticker(rest: BinanceRest, params: Params) -> object:
    wanted, single = params.symbols()
    rows = []
    for symbol in wanted:
        quote, units = rest.feed.quote(symbol), rest.feed.units[symbol]
        rows.append(
            {
                "symbol": symbol,
                "bidPrice": units.price(quote.bid_ticks),
                "bidQty": units.size(quote.bid_lots),
                "askPrice": units.price(quote.ask_ticks),
                "askQty": units.size(quote.ask_lots),
            }
        )
    return rows[0] if single else rows


def _ticker_price(rest: BinanceRest, params: Params) -> object:
    wanted, single = params.symbols()
    rows = []
    for symbol in wanted:
        stats = rest.feed.day(symbol)
        rows.append({"symbol": symbol, "price": rest.feed.units[symbol].price(stats.last if stats else 0)})
    return rows[0] if single else rows


def _avg_price(rest: BinanceRest, params: Params) -> object:
    symbol = params.symbol()
    now_ms = rest.feed.clock.now_ms()
    rows = rest.feed.bars(symbol, 60_000, now_ms - AVERAGE_MINUTES * 60_000, now_ms + 1)
    units = rest.feed.units[symbol]
    lots = int(rows[:, 5].sum()) if len(rows) else 0
    ticks = round(int(rows[:, 6].sum()) / lots) if lots else rest.feed.quote(symbol).bid_ticks
    return {"mins": AVERAGE_MINUTES, "price": units.price(ticks), "closeTime": rest.feed.now_ms()}


ENDPOINTS: dict[str, tuple[Handler, Weight]] = {
    "ping": (_ping, _flat(1)),
    "time": (_time, _flat(1)),
    "exchangeInfo": (_exchange_info, _flat(20)),
    "klines": (_klines, _flat(2)),
    "depth": (_depth, _depth_weight),
    "trades": (_trades, _flat(25)),
    "historicalTrades": (_trades, _flat(25)),
    "aggTrades": (_agg_trades, _flat(4)),
    "ticker/24hr": (_ticker_24h, _by_symbols(2, 80)),
    "ticker/bookTicker": (_book_ticker, _by_symbols(2, 4)),
    "ticker/price": (_ticker_price, _by_symbols(2, 4)),
    "avgPrice": (_avg_price, _flat(2)),
}
"""Path under /api/v3, what answers it and its weight."""
