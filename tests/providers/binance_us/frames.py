"""Short builders of Binance frames for the tests."""

from __future__ import annotations

import json
from typing import Any

NOW = 1_700_000_000_000


def frame(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


def quote(update: int, bid: str = "100.0", ask: str = "100.1", symbol: str = "btcusd") -> bytes:
    return frame(f"{symbol}@bookTicker", {"u": update, "s": symbol.upper(), "b": bid, "B": "1.5", "a": ask, "A": "2.5"})


def trade(number: int, price: str = "100.0", at_ms: int = NOW, maker: bool = False, symbol: str = "btcusd") -> bytes:
    data = {"e": "trade", "E": at_ms, "s": symbol.upper(), "t": number, "p": price, "q": "0.5", "T": at_ms}
    return frame(f"{symbol}@trade", {**data, "m": maker, "M": True})


def depth(
    first: int,
    last: int,
    bids: list[list[str]] | None = None,
    asks: list[list[str]] | None = None,
    symbol: str = "btcusd",
) -> bytes:
    data = {"e": "depthUpdate", "E": NOW, "s": symbol.upper(), "U": first, "u": last, "b": bids or [], "a": asks or []}
    return frame(f"{symbol}@depth@100ms", data)


def kline(
    open_ms: int, close: str = "100.0", closed: bool = False, symbol: str = "btcusd", timeframe: str = "1m"
) -> bytes:
    candle = {
        "t": open_ms,
        "T": open_ms + 59_999,
        "s": symbol.upper(),
        "i": timeframe,
        "f": 1,
        "L": 9,
        "o": "100.0",
        "c": close,
        "h": "110.0",
        "l": "90.0",
        "v": "12.5",
        "n": 9,
        "x": closed,
        "q": "1250.0",
        "V": "6.0",
        "Q": "600.0",
        "B": "0",
    }
    return frame(f"{symbol}@kline_{timeframe}", {"e": "kline", "E": NOW, "s": symbol.upper(), "k": candle})
