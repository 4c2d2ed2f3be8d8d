"""What kind of market a candle file is of: all that is known are the file's symbol and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.screening.classes import AssetClass, classify, configured
from core.settings import Market, Settings

QUOTES = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USDE", "USD1", "USD", "EUR", "GBP", "BRL", "TRY", "JPY", "BTC", "ETH", "BNB",
)  # fmt: skip
"""Assets that prices are in, besides those of `market.quote_assets`."""
_CONTRACTS = ("PERP", "SWAP")


class Pair(NamedTuple):
    """Base and quote of a symbol; the quote is empty where the name does not end in a known one."""

    base: str
    quote: str


def pair_of(symbol: str, quotes: Iterable[str] = QUOTES) -> Pair:
    """BTCUSDT, BTC-USDT, BTC/USDT or BTC-USDT-PERP as base and quote; the longest quote wins."""
    name = symbol.upper()
    for word in _CONTRACTS:
        name = name.removesuffix(word).rstrip("-/:") or name
    for quote in sorted({quote.upper() for quote in quotes}, key=lambda quote: (-len(quote), quote)):
        base = name.removesuffix(quote).rstrip("-/:")
        if base and base != name:
            return Pair(base, quote)
    return Pair(name, "")


def class_of(symbol: str, settings: Settings) -> AssetClass:
    """The class of a file's market. A market that is not spot counts as a perpetual."""
    pair = pair_of(symbol, (*QUOTES, *settings.market.quote_assets))
    kind = "spot" if settings.market.category == "spot" else "perpetual"
    return classify(pair.base, pair.quote, kind, configured(settings.calibration.classes)).asset_class


def reference_of(symbols: Sequence[str], market: Market) -> int | None:
    """The place of the reference among these symbols: the one settings name, or the BTC pair; None when it is not there."""
    if market.reference_symbol:
        return symbols.index(market.reference_symbol) if market.reference_symbol in symbols else None
    pairs = [pair_of(symbol, (*QUOTES, *market.quote_assets)) for symbol in symbols]
    for quote in ("USDT", "USD", "USDC"):
        if Pair("BTC", quote) in pairs:
            return pairs.index(Pair("BTC", quote))
    return None
