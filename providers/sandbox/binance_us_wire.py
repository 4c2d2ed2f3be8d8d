"""Binance.US payloads: the market's integers in the venue's words, numbers as 8-place strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.venue import TIMEFRAME_MS
from providers.sandbox.calendar_bars import MONTH_MS, WEEK_MS
from providers.sandbox.digits import Units, plain
from providers.sandbox.feed import DayStats, Feed
from providers.sandbox.model import SandboxListing, SandboxQuote, SandboxTrade

PLACES = 8
INTERVALS: dict[str, int] = {
    **TIMEFRAME_MS,
    "8h": 28_800_000,
    "3d": 259_200_000,
    "1w": WEEK_MS,
    "1M": MONTH_MS,
}
STATUS = {"trading": "TRADING", "halted": "BREAK", "prelaunch": "PRE_TRADING"}
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
]


def kline_rows(rows: NDArray[np.int64], units: Units, interval_ms: int) -> str:
    """REST klines: `[[openTime,"open",...],...]`; only for intervals of fixed length."""
    price, size, quote = units.price, units.size, units.quote
    last = interval_ms - 1
    text = ",".join(
        [
            f'[{at},"{price(o)}","{price(h)}","{price(lo)}","{price(c)}","{size(v)}",{at + last},'
            f'"{quote(q)}",{n},"{size(bv)}","{quote(bq)}","0"]'
            for at, o, h, lo, c, v, q, n, bv, bq, _ in rows.tolist()
        ]
    )
    return f"[{text}]"


def kline_event(
    row: NDArray[np.int64], units: Units, symbol: str, interval: str, end_ms: int, closed: bool, now_ms: int
) -> bytes:
    """The `kline` stream event."""
    at, o, h, lo, c, v, q, n, bv, bq, first = row.tolist()
    price, size, quote = units.price, units.size, units.quote
    ids = (first, first + n - 1) if n else (-1, -1)
    return (
        f'{{"e":"kline","E":{now_ms},"s":"{symbol}","k":{{"t":{at},"T":{end_ms - 1},"s":"{symbol}","i":"{interval}",'
        f'"f":{ids[0]},"L":{ids[1]},"o":"{price(o)}","c":"{price(c)}","h":"{price(h)}","l":"{price(lo)}",'
        f'"v":"{size(v)}","n":{n},"x":{"true" if closed else "false"},"q":"{quote(q)}","V":"{size(bv)}",'
        f'"Q":"{quote(bq)}","B":"0"}}}}'
    ).encode()


def trade_event(trade: SandboxTrade, units: Units, now_ms: int) -> bytes:
    """The `trade` stream event; order ids are made from the trade's."""
    t = trade.trade_id
    return (
        f'{{"e":"trade","E":{now_ms},"s":"{trade.symbol}","t":{t},"p":"{units.price(trade.price_ticks)}",'
        f'"q":"{units.size(trade.size_lots)}","b":{2 * t},"a":{2 * t + 1},"T":{trade.at_ms},'
        f'"m":{"false" if trade.buyer_taker else "true"},"M":true}}'
    ).encode()


def agg_trade_event(trade: SandboxTrade, units: Units, now_ms: int) -> bytes:
    """The `aggTrade` stream event: in the sandbox every trade is its own aggregate."""
    t = trade.trade_id
    return (
        f'{{"e":"aggTrade","E":{now_ms},"s":"{trade.symbol}","a":{t},"p":"{units.price(trade.price_ticks)}",'
        f'"q":"{units.size(trade.size_lots)}","f":{t},"l":{t},"T":{trade.at_ms},'
        f'"m":{"false" if trade.buyer_taker else "true"},"M":true}}'
    ).encode()


def book_ticker_event(quote: SandboxQuote, units: Units) -> bytes:
    """The `bookTicker` stream event: no event type, no time."""
    price, size = units.price, units.size
    return (
        f'{{"u":{quote.update_id},"s":"{quote.symbol}","b":"{price(quote.bid_ticks)}","B":"{size(quote.bid_lots)}",'
        f'"a":"{price(quote.ask_ticks)}","A":"{size(quote.ask_lots)}"}}'
    ).encode()


def depth_event(
    symbol: str,
    first_id: int,
    last_id: int,
    bids: tuple[tuple[int, int], ...] | list[tuple[int, int]],
    asks: tuple[tuple[int, int], ...] | list[tuple[int, int]],
    units: Units,
    now_ms: int,
) -> bytes:
    """The `depthUpdate` stream event."""
    return (
        f'{{"e":"depthUpdate","E":{now_ms},"s":"{symbol}","U":{first_id},"u":{last_id},'
        f'"b":[{units.levels(bids)}],"a":[{units.levels(asks)}]}}'
    ).encode()


def depth_snapshot(feed: Feed, symbol: str, levels: int) -> bytes:
    """REST depth and the partial depth streams."""
    book = feed.book(symbol)
    units = feed.units[symbol]
    return (
        f'{{"lastUpdateId":{book.last_id},"bids":[{units.levels(book.bids[:levels])}],'
        f'"asks":[{units.levels(book.asks[:levels])}]}}'
    ).encode()


def trade_rows(trades: list[SandboxTrade], units: Units) -> list[dict[str, Any]]:
    """REST trades."""
    return [
        {
            "id": t.trade_id,
            "price": units.price(t.price_ticks),
            "qty": units.size(t.size_lots),
            "quoteQty": units.quote(t.price_ticks * t.size_lots),
            "time": t.at_ms,
            "isBuyerMaker": not t.buyer_taker,
            "isBestMatch": True,
        }
        for t in trades
    ]


def agg_trade_rows(trades: list[SandboxTrade], units: Units) -> list[dict[str, Any]]:
    """REST aggregate trades."""
    return [
        {
            "a": t.trade_id,
            "p": units.price(t.price_ticks),
            "q": units.size(t.size_lots),
            "f": t.trade_id,
            "l": t.trade_id,
            "T": t.at_ms,
            "m": not t.buyer_taker,
            "M": True,
        }
        for t in trades
    ]


def _change(stats: DayStats, units: Units) -> tuple[str, str]:
    change = stats.last - stats.open
    percent = Decimal(100 * change) / stats.open if stats.open else Decimal(0)
    return units.price(change), plain(percent, 3)


def _average(stats: DayStats, units: Units) -> str:
    if not stats.volume:
        return units.price(stats.last)
    return plain(Decimal(stats.quote) / stats.volume * units.tick_size, PLACES)


def ticker_24h(feed: Feed, symbol: str, stats: DayStats, *, mini: bool) -> dict[str, Any]:
    """REST 24 h ticker, FULL or MINI."""
    units = feed.units[symbol]
    price, size = units.price, units.size
    basis: dict[str, Any] = {
        "symbol": symbol,
        "openPrice": price(stats.open),
        "highPrice": price(stats.high),
        "lowPrice": price(stats.low),
        "lastPrice": price(stats.last),
        "volume": size(stats.volume),
        "quoteVolume": units.quote(stats.quote),
        "openTime": stats.open_ms,
        "closeTime": stats.close_ms,
        "firstId": stats.first_id,
        "lastId": stats.last_id,
        "count": stats.trades,
    }
    if mini:
        return basis
    quote = feed.quote(symbol)
    trade = feed.recent_trade(symbol)
    change, percent = _change(stats, units)
    return basis | {
        "priceChange": change,
        "priceChangePercent": percent,
        "weightedAvgPrice": _average(stats, units),
        "prevClosePrice": price(stats.open),
        "lastQty": size(trade.size_lots if trade else 0),
        "bidPrice": price(quote.bid_ticks),
        "bidQty": size(quote.bid_lots),
        "askPrice": price(quote.ask_ticks),
        "askQty": size(quote.ask_lots),
    }


def ticker_event(feed: Feed, symbol: str, stats: DayStats, now_ms: int, *, mini: bool) -> dict[str, Any]:
    """The `24hrTicker` and `24hrMiniTicker` stream events."""
    full = ticker_24h(feed, symbol, stats, mini=mini)
    event = {
        "e": "24hrMiniTicker" if mini else "24hrTicker",
        "E": now_ms,
        "s": symbol,
        "c": full["lastPrice"],
        "o": full["openPrice"],
        "h": full["highPrice"],
        "l": full["lowPrice"],
        "v": full["volume"],
        "q": full["quoteVolume"],
    }
    if mini:
        return event
    return event | {
        "p": full["priceChange"],
        "P": full["priceChangePercent"],
        "w": full["weightedAvgPrice"],
        "x": full["prevClosePrice"],
        "Q": full["lastQty"],
        "b": full["bidPrice"],
        "B": full["bidQty"],
        "a": full["askPrice"],
        "A": full["askQty"],
        "O": full["openTime"],
        "C": full["closeTime"],
        "F": full["firstId"],
        "L": full["lastId"],
        "n": full["count"],
    }


def symbol_info(listing: SandboxListing) -> dict[str, Any]:
    """One symbol of exchangeInfo, with every filter a spot symbol carries."""
    units = Units(listing, PLACES)
    lots = int(listing.max_qty / listing.lot_size)
    return {
        "symbol": listing.symbol,
        "status": STATUS[listing.status],
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": units.price(1),
                "maxPrice": units.price(10**9),
                "tickSize": units.price(1),
            },
            {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 5},
            {"filterType": "LOT_SIZE", "minQty": units.size(1), "maxQty": units.size(lots), "stepSize": units.size(1)},
            {
                "filterType": "NOTIONAL",
                "minNotional": plain(listing.min_notional, PLACES),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {
                "filterType": "MIN_NOTIONAL",
                "minNotional": plain(listing.min_notional, PLACES),
                "applyToMarket": True,
                "avgPriceMins": 5,
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": units.size(0),
                "maxQty": units.size(max(1, lots // 4)),
                "stepSize": units.size(0),
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
