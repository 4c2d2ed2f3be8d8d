"""The sandbox's instruments: names, price levels, how thick and how wild each one is.

Prices are those of no particular day. Three of the first five are special: a stablecoin, a halted symbol, a new listing.
"""

from __future__ import annotations

import math
import zlib
from decimal import Decimal

import msgspec

HOUR_MS = 3_600_000
HISTORY_START_MS = 1_577_836_800_000
"""2020-01-01: history of all but the new listing begins here."""
NEW_LISTING_AGE_MS = 2 * HOUR_MS
"""The new listing began this long before the hour in which the market started."""
HALT_AGE_MS = 3 * HOUR_MS
"""The halted symbol stopped this long before the hour in which the market started."""

STABLE, HALTED, NEW = "USDC", "LUNC", "NOVA"
THIN = 0.02
"""Share of the average trade rate below which minutes without a trade are common."""


class SymbolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated instrument. `base_ticks` is the level its price returns to; `daily_vol` a standard deviation.

    `path_key` names its price path (BTCUSD and BTCUSDT share one), `market_share` is its correlation with the common
    factor, `activity` its trade rate and `depth_activity` its book rate against the average symbol,
    `trade_lots` a typical trade, `spread_ticks` a typical spread, `cell_ticks` the spacing of book levels.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    base_ticks: float
    daily_vol: float
    market_share: float
    activity: float
    depth_activity: float
    trade_lots: float
    spread_ticks: float
    cell_ticks: int
    path_key: int
    key: int
    status: str = "trading"
    listed_ms: int = 0
    ends_ms: int = 0


# base, price, trade rate against the average, daily volatility %, correlation with the common factor
_TABLE: tuple[tuple[str, float, float, float, float], ...] = (
    ("BTC", 67_000.0, 4.0, 2.4, 0.95),
    ("ETH", 3_400.0, 3.0, 3.0, 0.86),
    (STABLE, 1.0, 0.8, 0.02, 0.0),
    (HALTED, 0.000095, 0.3, 5.0, 0.55),
    (NEW, 2.75, 1.5, 6.5, 0.45),
    ("KSM", 27.0, THIN, 4.6, 0.60),
    ("SOL", 165.0, 2.2, 4.2, 0.80),
    ("XRP", 0.62, 1.8, 3.6, 0.74),
    ("BNB", 590.0, 1.4, 2.8, 0.78),
    ("DOGE", 0.142, 1.7, 4.8, 0.76),
    ("ADA", 0.48, 1.2, 4.0, 0.80),
    ("AVAX", 32.0, 1.1, 4.6, 0.79),
    ("LINK", 15.2, 1.1, 4.2, 0.77),
    ("DOT", 6.8, 0.9, 4.1, 0.80),
    ("LTC", 84.0, 1.0, 3.5, 0.78),
    ("BCH", 420.0, 0.9, 4.0, 0.74),
    ("TRX", 0.131, 0.7, 2.4, 0.55),
    ("UNI", 8.9, 0.8, 4.7, 0.72),
    ("ATOM", 8.2, 0.7, 4.2, 0.78),
    ("XLM", 0.112, 0.7, 3.9, 0.72),
    ("NEAR", 5.4, 0.9, 5.0, 0.76),
    ("APT", 9.1, 0.7, 5.0, 0.72),
    ("ARB", 0.95, 0.8, 5.2, 0.77),
    ("OP", 2.1, 0.8, 5.4, 0.76),
    ("FIL", 5.6, 0.6, 4.5, 0.77),
    ("INJ", 24.0, 0.6, 5.6, 0.68),
    ("SUI", 1.6, 1.2, 5.8, 0.66),
    ("SEI", 0.51, 0.6, 5.9, 0.65),
    ("AAVE", 105.0, 0.6, 4.7, 0.70),
    ("ALGO", 0.174, 0.5, 4.2, 0.76),
    ("HBAR", 0.085, 0.6, 4.5, 0.68),
    ("ICP", 11.5, 0.5, 4.8, 0.74),
    ("VET", 0.0331, 0.5, 4.4, 0.76),
    ("ETC", 26.0, 0.6, 4.0, 0.77),
    ("GRT", 0.26, 0.4, 5.0, 0.72),
    ("SAND", 0.42, 0.4, 4.6, 0.76),
    ("MANA", 0.41, 0.4, 4.5, 0.76),
    ("AXS", 6.9, 0.35, 4.6, 0.74),
    ("SHIB", 0.0000221, 1.3, 4.7, 0.73),
    ("PEPE", 0.0000113, 1.5, 6.2, 0.66),
    ("FTM", 0.71, 0.5, 5.4, 0.70),
    ("RUNE", 5.2, 0.4, 5.3, 0.68),
    ("LDO", 2.05, 0.4, 5.2, 0.70),
    ("MKR", 2_610.0, 0.3, 4.6, 0.62),
    ("CRV", 0.423, 0.4, 5.3, 0.68),
    ("STX", 1.92, 0.4, 5.2, 0.70),
    ("RENDER", 7.8, 0.5, 5.5, 0.67),
    ("TIA", 9.5, 0.5, 5.8, 0.66),
    ("EOS", 0.75, 0.35, 3.9, 0.76),
    ("XTZ", 0.91, 0.3, 4.0, 0.75),
    ("CHZ", 0.112, 0.3, 4.3, 0.70),
    ("THETA", 1.9, 0.3, 4.7, 0.72),
    ("EGLD", 38.0, 0.2, 4.2, 0.70),
    ("COMP", 54.0, 0.15, 4.4, 0.68),
    ("SNX", 2.6, 0.15, 4.9, 0.68),
    ("ZRX", 0.42, THIN, 4.7, 0.66),
    ("BAT", 0.234, THIN, 4.0, 0.68),
    ("ENJ", 0.27, 0.03, 4.6, 0.66),
    ("1INCH", 0.41, 0.03, 4.5, 0.68),
    ("FLOW", 0.85, 0.04, 4.5, 0.70),
    ("QTUM", 3.6, 0.03, 4.2, 0.70),
    ("ZEC", 24.0, 0.2, 4.6, 0.55),
    ("DASH", 29.0, 0.1, 4.2, 0.60),
    ("NEO", 13.0, 0.15, 4.1, 0.72),
    ("IOTA", 0.21, 0.15, 4.4, 0.70),
    ("KAVA", 0.66, 0.05, 4.4, 0.68),
    ("ROSE", 0.094, 0.1, 5.2, 0.66),
    ("CELO", 0.78, 0.05, 4.8, 0.66),
    ("ANKR", 0.043, 0.08, 4.7, 0.64),
    ("SUSHI", 1.12, 0.2, 5.0, 0.70),
    ("YFI", 7_300.0, 0.05, 4.3, 0.62),
    ("WIF", 2.4, 0.9, 7.2, 0.58),
    ("BONK", 0.0000241, 0.9, 6.9, 0.60),
    ("JUP", 1.02, 0.6, 5.9, 0.62),
    ("ENA", 0.84, 0.5, 6.4, 0.62),
    ("ONDO", 1.08, 0.5, 5.8, 0.58),
    ("IMX", 2.2, 0.4, 5.2, 0.70),
    ("GALA", 0.045, 0.5, 5.3, 0.72),
    ("APE", 1.3, 0.4, 5.2, 0.70),
    ("DYDX", 2.1, 0.3, 5.2, 0.68),
)

_USD_BASES = ("BTC", "ETH", "SOL", "XRP")
"""On Binance.US these bases are quoted in USD too, on the same price path; listed after the first 30 symbols."""
_USD_AFTER = 30


def symbol_specs(count: int, start_ms: int, *, venue: str, even: bool) -> list[SymbolSpec]:
    """The first `count` instruments. `start_ms` dates the new listing and the halt; `even` gives all the same rates.

    Raises `ValueError` below 5, the smallest market that has every special symbol.
    """
    if count < 5:
        raise ValueError(f"sandbox market of {count} symbols; use 5 or more")
    wanted = [(*row, "USDT") for row in _TABLE]
    if venue == "binance_us":
        usd = [(*row, "USD") for row in _TABLE if row[0] in _USD_BASES]
        wanted[_USD_AFTER:_USD_AFTER] = usd
    number = 0
    while len(wanted) < count:
        number += 1
        seed = zlib.crc32(f"SYN{number}".encode())
        price = 10 ** ((seed % 1000) / 250 - 2.0)
        wanted.append(
            (f"SYN{number:03d}", price, 0.1 + seed % 7 / 10, 3.5 + seed % 30 / 10, 0.6 + seed % 5 / 25, "USDT")
        )
    wanted = wanted[:count]
    mean = sum(row[2] for row in wanted) / count
    depth_mean = sum(_depth_activity(row[2]) for row in wanted) / count
    hour = start_ms - start_ms % HOUR_MS
    return [_spec(row, 1.0 if even else mean, 1.0 if even else depth_mean, hour, even) for row in wanted]


def _depth_activity(activity: float) -> float:
    """Books of thin symbols are quieter too, but far less so than their tape."""
    return float(min(2.2, max(0.35, activity**0.5)))


def _spec(
    row: tuple[str, float, float, float, float, str], mean: float, depth_mean: float, hour_ms: int, even: bool
) -> SymbolSpec:
    base, price, activity, vol, share, quote = row
    symbol = base + quote
    # 10,000 to 100,000 ticks to the price; the two majors have finer ticks, as they do at the venues.
    magnitude = math.floor(math.log10(price) + 1e-9)
    tick = Decimal(1).scaleb(-2 if base in ("BTC", "ETH") else magnitude - 4)
    lot = Decimal(1).scaleb(min(0, -magnitude - 1))
    base_ticks = price / float(tick)
    usd_per_trade = 150.0 + 650.0 * min(activity, 3.0)
    spread_bp = 0.4 if base in ("BTC", "ETH") else 1.0 / max(0.08, min(activity, 1.5))
    return SymbolSpec(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=tick,
        lot_size=lot,
        base_ticks=base_ticks,
        daily_vol=vol / 100.0,
        market_share=share,
        activity=1.0 if even else activity / mean,
        depth_activity=1.0 if even else _depth_activity(activity) / depth_mean,
        trade_lots=max(4.0, usd_per_trade / (price * float(lot))),
        spread_ticks=1.0 if base == STABLE else max(1.0, base_ticks * spread_bp * 1e-4),
        cell_ticks=1 if base == STABLE else max(1, round(base_ticks * 5e-5)),
        path_key=zlib.crc32(base.encode()),
        key=zlib.crc32(symbol.encode()),
        status="halted" if base == HALTED else "trading",
        listed_ms=hour_ms - NEW_LISTING_AGE_MS if base == NEW else HISTORY_START_MS,
        ends_ms=hour_ms - HALT_AGE_MS if base == HALTED else 0,
    )
