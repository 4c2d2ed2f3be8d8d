"""Recorded one-minute candles as a source of days: trades, sides and books around them are made up, the bars are not.

Prices and volumes are the recorded ones on a decimal grid found in the data; trade counts and taker sides, which the
files lack, follow the rule of `market_slots`. Missing minutes become minutes without a trade.
"""

from __future__ import annotations

import re
import zlib
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from providers.sandbox.market_slots import Floats, Ints, MinuteShapes, NoiseTable, fill_slots, slot_columns
from providers.sandbox.market_symbols import SymbolSpec
from providers.sandbox.paths import DAY_MINUTES, DAY_MS, MINUTE_MS, DayBars

MAX_DECIMALS = 8
MIN_TRADES, TYPICAL_TRADES, MAX_TRADES = 4, 40, 1500
MAX_TURNOVER = 2.0**61
QUOTES = ("USDT", "USDC", "BUSD", "USD")


class Candles(msgspec.Struct, frozen=True):
    """One recording, dense from its first to its last minute: arrays of length n; gaps have 0 trades."""

    first_minute: int
    shapes: MinuteShapes
    ids_before: Ints

    @property
    def minutes(self) -> int:
        """Length of the recording."""
        return len(self.shapes.opens)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote of a symbol; an unknown ending counts as quoted in USD."""
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    return symbol, "USD"


def decimals(values: Floats) -> int:
    """The fewest decimals that write every value exactly, 8 at most."""
    for count in range(MAX_DECIMALS):
        scaled = values * 10.0**count
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(1.0, np.abs(scaled))):
            return count
    return MAX_DECIMALS


def load_candles(file: Path) -> tuple[SymbolSpec, Candles]:
    """Read `SYMBOL_1m.parquet` (columns ts_ms, open, high, low, close, volume). Raises `ValueError` for another shape."""
    # pyarrow takes a third of a second to import, so only a player of candles pays for it.
    import pyarrow.parquet as parquet

    match = re.fullmatch(r"(.+)_1m", file.stem)
    if match is None:
        raise ValueError(f"{file.name}: only one-minute candle files, named SYMBOL_1m.parquet, can be played")
    symbol = re.sub(r"[^A-Z0-9]", "", match[1].upper())
    table = parquet.read_table(file)
    missing = {"ts_ms", "open", "high", "low", "close", "volume"} - set(table.column_names)
    if missing or not table.num_rows:
        raise ValueError(f"{file.name}: no rows or no column {', '.join(sorted(missing))}")
    minutes = table["ts_ms"].to_numpy() // MINUTE_MS
    prices = np.stack([table[name].to_numpy() for name in ("open", "high", "low", "close")])
    volume = np.nan_to_num(table["volume"].to_numpy(zero_copy_only=False).astype(np.float64))
    price_decimals = decimals(prices.ravel())
    lot_decimals = decimals(volume)
    # Turnover in ticks times lots must fit 64 bits however many bars are added up; volumes in quote currency need this.
    while float(np.sum(volume * prices[3])) * 10.0 ** (lot_decimals + price_decimals) > MAX_TURNOVER:
        lot_decimals -= 1
    lots = np.rint(volume * 10.0**lot_decimals).astype(np.int64)
    ticks = np.rint(prices * 10.0**price_decimals).astype(np.int64)
    candles = _dense(minutes, ticks, lots)
    base, quote = split_symbol(symbol)
    traded = candles.shapes.trades > 0
    middle = float(np.median(ticks[3]))
    per_trade = float(np.median(candles.shapes.volumes[traded] / candles.shapes.trades[traded]))
    spec = SymbolSpec(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(1).scaleb(-price_decimals),
        lot_size=Decimal(1).scaleb(-lot_decimals),
        base_ticks=middle,
        daily_vol=0.03,
        market_share=0.0,
        activity=1.0,
        depth_activity=1.0,
        trade_lots=max(1.0, per_trade),
        spread_ticks=max(1.0, middle * 5e-5),
        cell_ticks=max(1, round(middle * 5e-5)),
        path_key=zlib.crc32(symbol.encode()),
        key=zlib.crc32(symbol.encode()),
    )
    return spec, candles


def _dense(minutes: Ints, ticks: Ints, lots: Ints) -> Candles:
    """Every minute from the first to the last, with trade counts that each bar's shape and volume allow."""
    opens, highs, lows, closes = ticks
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    needed = np.maximum(1, (opens != closes) * 2)
    needed = np.where((highs > top) | (lows < bottom), 3, needed)
    needed = np.where((highs > top) & (lows < bottom), 4, needed)
    typical = max(1.0, float(np.median(lots)))
    wanted = np.clip(np.rint(TYPICAL_TRADES * (lots / typical) ** 0.7), MIN_TRADES, MAX_TRADES).astype(np.int64)
    trades = np.maximum(needed, np.minimum(wanted, lots))
    moved = (highs > lows) | (lots > 0)
    trades *= moved
    count = int(minutes[-1] - minutes[0]) + 1
    at = (minutes - minutes[0]).astype(np.int64)
    last_seen = np.zeros(count, dtype=np.int64)
    last_seen[at] = np.arange(len(at))
    last_seen = np.maximum.accumulate(last_seen)
    present = np.zeros(count, dtype=np.bool_)
    present[at] = trades > 0
    flat = closes[last_seen]
    counts = np.where(present, trades[last_seen], 0)
    return Candles(
        first_minute=int(minutes[0]),
        shapes=MinuteShapes(
            opens=np.where(present, opens[last_seen], flat),
            highs=np.where(present, highs[last_seen], flat),
            lows=np.where(present, lows[last_seen], flat),
            closes=flat,
            volumes=np.where(present, np.maximum(lots, trades)[last_seen], 0),
            trades=counts,
        ),
        ids_before=np.concatenate(([0], np.cumsum(counts))),
    )


class CandleSource:
    """Recordings laid on the clock: recorded minute `first_minute` happens at `start_minute`, again and again if looped.

    Symbols of one folder keep their places relative to each other.
    """

    def __init__(
        self, recordings: list[tuple[SymbolSpec, Candles]], shift_minutes: int, length: int, loop: bool
    ) -> None:
        self._recordings = recordings
        self._shift = shift_minutes
        self._length = length
        self._loop = loop
        self._origin = min(candles.first_minute for _, candles in recordings)
        # Ids run on over rounds; rounds are counted from 1970, so that ids are positive.
        self._rounds_before = -(-(shift_minutes + self._origin) // length) if loop else 0
        self._noise = NoiseTable(0)

    def day(self, index: int, day: int) -> DayBars:
        """All 1440 bars of a UTC day; minutes outside the recording are flat and without trades."""
        spec, candles = self._recordings[index]
        since = day * DAY_MINUTES + np.arange(DAY_MINUTES) - self._shift - self._origin
        cycle = np.zeros(DAY_MINUTES, dtype=np.int64)
        if self._loop:
            cycle, since = np.divmod(since, self._length)
        at = since - (candles.first_minute - self._origin)
        inside = (at >= 0) & (at < candles.minutes)
        at = np.clip(at, 0, candles.minutes - 1)
        shapes = candles.shapes
        flat = np.where(since < candles.first_minute - self._origin, shapes.opens[0], shapes.closes[at])
        bars = MinuteShapes(
            opens=np.where(inside, shapes.opens[at], flat),
            highs=np.where(inside, shapes.highs[at], flat),
            lows=np.where(inside, shapes.lows[at], flat),
            closes=np.where(inside, shapes.closes[at], flat),
            volumes=np.where(inside, shapes.volumes[at], 0),
            trades=np.where(inside, shapes.trades[at], 0),
        )
        slots = fill_slots(bars, self._noise.block(spec.key * 7919 + day, DAY_MINUTES))
        value, buy_lots, buy_value = slot_columns(slots)
        opens_ms = day * DAY_MS + np.arange(DAY_MINUTES) * MINUTE_MS
        per_cycle = int(candles.ids_before[-1])
        after = since >= candles.first_minute - self._origin + candles.minutes
        ids = (cycle + self._rounds_before) * per_cycle + np.where(after, per_cycle, candles.ids_before[at]) + 1
        columns = (opens_ms, bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes, value, bars.trades)
        return DayBars(rows=np.stack((*columns, buy_lots, buy_value, ids), axis=1), slots=slots)
