"""Bybit v5 payloads: the market's integers in the venue's words, every number a string."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from providers.sandbox.calendar_bars import MONTH_MS, WEEK_MS
from providers.sandbox.digits import Units, plain, trimmed
from providers.sandbox.feed import DayStats, Feed
from providers.sandbox.model import SandboxListing, SandboxMark, SandboxTrade

INTERVALS: dict[str, int] = {
    **{str(minutes): minutes * 60_000 for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": 86_400_000,
    "W": WEEK_MS,
    "M": MONTH_MS,
}
FUNDING_INTERVAL_MS = 28_800_000
PRICE_LIMIT_RATIO = {"spot": Decimal("0.03"), "linear": Decimal("0.02")}


def kline_rows(rows: NDArray[np.int64], units: Units) -> str:
    """REST klines, newest first: `[["start","open","high","low","close","volume","turnover"],...]`."""
    price, size, quote = units.price, units.size, units.quote
    text = ",".join(
        [
            f'["{at}","{price(o)}","{price(h)}","{price(lo)}","{price(c)}","{size(v)}","{quote(q)}"]'
            for at, o, h, lo, c, v, q, *_ in reversed(rows.tolist())
        ]
    )
    return f"[{text}]"


def kline_event(
    topic: str, row: NDArray[np.int64], units: Units, interval: str, end_ms: int, closed: bool, now_ms: int
) -> bytes:
    """A `kline` frame with one candle."""
    at, o, h, lo, c, v, q, *_ = row.tolist()
    price = units.price
    return (
        f'{{"topic":"{topic}","data":[{{"start":{at},"end":{end_ms - 1},"interval":"{interval}","open":"{price(o)}",'
        f'"close":"{price(c)}","high":"{price(h)}","low":"{price(lo)}","volume":"{units.size(v)}",'
        f'"turnover":"{units.quote(q)}","confirm":{"true" if closed else "false"},"timestamp":{now_ms}}}],'
        f'"ts":{now_ms},"type":"snapshot"}}'
    ).encode()


def trade_identity(trade: SandboxTrade, category: str) -> str:
    """Spot ids are numeric, linear ones look like UUIDs; both follow from symbol and trade id."""
    if category == "spot":
        return f"22900000{trade.trade_id:011d}"
    return f"{crc32(trade.symbol.encode()):08x}-0000-5000-8000-{trade.trade_id:012x}"


def trades_event(topic: str, trades: list[SandboxTrade], units: Units, category: str, now_ms: int) -> bytes:
    """A `publicTrade` frame, oldest first; only linear trades carry the tick direction `L`."""
    direction = "" if category == "spot" else '"L":"PlusTick",'
    rows = ",".join(
        [
            f'{{"T":{t.at_ms},"s":"{t.symbol}","S":"{"Buy" if t.buyer_taker else "Sell"}","v":"{units.size(t.size_lots)}",'
            f'"p":"{units.price(t.price_ticks)}",{direction}"i":"{trade_identity(t, category)}","BT":false,"RPI":false,'
            f'"seq":{t.trade_id}}}'
            for t in trades
        ]
    )
    return f'{{"topic":"{topic}","type":"snapshot","ts":{now_ms},"data":[{rows}]}}'.encode()


def book_event(
    topic: str,
    kind: str,
    symbol: str,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    u: int,
    seq: int,
    units: Units,
    at_ms: int,
    now_ms: int,
) -> bytes:
    """An `orderbook` frame, `kind` snapshot or delta; a removed level has size "0"."""
    return (
        f'{{"topic":"{topic}","type":"{kind}","ts":{now_ms},"data":{{"s":"{symbol}","b":[{_levels(bids, units)}],'
        f'"a":[{_levels(asks, units)}],"u":{u},"seq":{seq}}},"cts":{at_ms}}}'
    ).encode()


def _levels(rows: list[tuple[int, int]], units: Units) -> str:
    price, size = units.price, units.size
    return ",".join([f'["{price(ticks)}","{size(lots) if lots else "0"}"]' for ticks, lots in rows])


def recent_trades(trades: list[SandboxTrade], units: Units, category: str) -> list[dict[str, Any]]:
    """REST recent trades, newest first."""
    return [
        {
            "execId": trade_identity(trade, category),
            "symbol": trade.symbol,
            "price": units.price(trade.price_ticks),
            "size": units.size(trade.size_lots),
            "side": "Buy" if trade.buyer_taker else "Sell",
            "time": str(trade.at_ms),
            "isBlockTrade": False,
            "isRPITrade": False,
            "seq": str(trade.trade_id),
        }
        for trade in reversed(trades)
    ]


def _percent(stats: DayStats) -> str:
    return plain(Decimal(stats.last - stats.open) / stats.open if stats.open else Decimal(0), 6)


def mark_price(ticks: float, units: Units) -> str:
    """Mark and index prices lie between ticks: two places more than the tick has."""
    return f"{ticks * units.tick:.{units.price.places + 2}f}"


def ticker(feed: Feed, symbol: str, stats: DayStats) -> dict[str, str]:
    """The fields spot and linear tickers share, as REST and streams name them."""
    units = feed.units[symbol]
    price = units.price
    return {
        "symbol": symbol,
        "lastPrice": price(stats.last),
        "highPrice24h": price(stats.high),
        "lowPrice24h": price(stats.low),
        "prevPrice24h": price(stats.open),
        "volume24h": units.size(stats.volume),
        "turnover24h": units.quote(stats.quote),
        "price24hPcnt": _percent(stats),
    }


def quote_fields(feed: Feed, symbol: str) -> dict[str, str]:
    """Best bid and ask as tickers name them."""
    units, quote = feed.units[symbol], feed.quote(symbol)
    return {
        "bid1Price": units.price(quote.bid_ticks),
        "bid1Size": units.size(quote.bid_lots),
        "ask1Price": units.price(quote.ask_ticks),
        "ask1Size": units.size(quote.ask_lots),
    }


def perpetual_fields(mark: SandboxMark, stats: DayStats, units: Units) -> dict[str, str]:
    """What linear tickers add: mark, index, funding and open interest."""
    value = mark.open_interest_lots * units.lot * mark.mark_ticks * units.tick
    return {
        "tickDirection": "PlusTick",
        "prevPrice1h": units.price(stats.hour_open),
        "markPrice": mark_price(mark.mark_ticks, units),
        "indexPrice": mark_price(mark.index_ticks, units),
        "openInterest": units.size(mark.open_interest_lots),
        "openInterestValue": f"{value:.2f}",
        "nextFundingTime": str(mark.next_funding_ms),
        "fundingRate": f"{mark.funding_rate:.8f}",
        "fundingIntervalHour": "8",
    }


def spot_instrument(listing: SandboxListing, symbol_id: int) -> dict[str, Any]:
    """One row of instruments-info, category spot."""
    lot, largest = trimmed(listing.lot_size), listing.max_qty
    return {
        "symbolId": symbol_id,
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": _status(listing),
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": lot,
            "quotePrecision": "0.0000001",
            "minOrderQty": lot,
            "maxOrderQty": trimmed(largest),
            "minOrderAmt": trimmed(listing.min_notional),
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": trimmed(largest),
            "maxMarketOrderQty": trimmed(largest / 2),
            "postOnlyMaxLimitOrderSize": trimmed(largest),
        },
        "priceFilter": {"tickSize": trimmed(listing.tick_size)},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.03"},
        "symbolType": "",
    }


def linear_instrument(listing: SandboxListing, symbol_id: int) -> dict[str, Any]:
    """One row of instruments-info, category linear."""
    tick, lot, largest = listing.tick_size, trimmed(listing.lot_size), listing.max_qty
    return {
        "symbol": listing.symbol,
        "symbolId": symbol_id,
        "contractType": "LinearPerpetual",
        "status": _status(listing),
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": str(listing.listed_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(Units(listing).price.places),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": trimmed(tick), "maxPrice": trimmed(tick * 20_000_000), "tickSize": trimmed(tick)},
        "lotSizeFilter": {
            "maxOrderQty": trimmed(largest),
            "minOrderQty": lot,
            "qtyStep": lot,
            "postOnlyMaxOrderQty": trimmed(largest),
            "maxMktOrderQty": trimmed(largest / 2),
            "minNotionalValue": trimmed(listing.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": FUNDING_INTERVAL_MS // 60_000,
        "settleCoin": listing.quote,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }


def _status(listing: SandboxListing) -> str:
    return {"trading": "Trading", "halted": "Closed", "prelaunch": "PreLaunch"}[listing.status]
