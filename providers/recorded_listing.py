"""Instruments and day statistics of a recording, read from its own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from core.messages import Ticker
from core.venue import CandleBlock, Instrument

VENUE = "recorded"
MOST_DECIMALS = 10
DAY_MS = 86_400_000
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BRL", "BTC", "ETH", "BNB")
"""Quote assets recognised at the end of a symbol, longest words of a family first."""


def listing(
    symbol: str, prices: Sequence[float], sizes: Sequence[float], category: str, quote_assets: Sequence[str]
) -> Instrument:
    """An instrument that trades. Its quote asset is read off the symbol; where there is none, the first one we watch."""
    base, quote = split_symbol(symbol)
    return Instrument(
        venue=VENUE,
        category=category,
        symbol=symbol,
        base=base,
        quote=quote or (quote_assets[0] if quote_assets else ""),
        status="recorded",
        trading=True,
        tick_size=grid(prices),
        lot_size=grid(sizes),
    )


def split_symbol(symbol: str) -> tuple[str, str]:
    """(base, quote) of `BTCUSDT`, `BTC-USD` or `BTCUSD_PERP`; the quote is empty when it cannot be told."""
    name = symbol.removesuffix("_PERP").replace("-", "").replace("_", "")
    for quote in QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return name.removesuffix(quote), quote
    return symbol, ""


def grid(values: Sequence[float]) -> Decimal:
    """The power of ten all values are multiples of, at most 1 and at least 1e-10."""
    array = np.asarray([value for value in values if value > 0])
    for decimals in range(MOST_DECIMALS):
        if np.array_equal(np.round(array, decimals), array):
            return Decimal(1).scaleb(-decimals)
    return Decimal(1).scaleb(-MOST_DECIMALS)


def day_ticker(symbol: str, known: CandleBlock, category: str, now_ms: int) -> Ticker | None:
    """24 h statistics from the candles known by now; None when there are none in the last day."""
    day = known[known[:, 0] >= now_ms - DAY_MS]
    if not len(day):
        return None
    return Ticker(
        venue=VENUE,
        category=category,
        symbol=symbol,
        last=float(day[-1, 4]),
        change=float(day[-1, 4] / day[0, 1] - 1),
        quote_volume=float(day[:, 6].sum()),
        high=float(day[:, 2].max()),
        low=float(day[:, 3].min()),
        event_ms=now_ms,
    )
