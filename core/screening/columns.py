"""What the triggers of Stage 1 look at, one value per closed one-minute bar, computed once and independent of thresholds.

One function for a whole window and for its newest bar: live calls it on the newest `TAIL` bars. All is causal, and
whatever a value is compared with (volumes, RSI values, levels) leaves the bar itself out (methods sheet 4.1).
"""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.market.indicators import load_talib
from core.market.volume import MAD_TO_SIGMA
from core.screening.levels import NO_DAILY_LEVELS, SWING_WARMUP, DailyLevels, nearest_levels, pivots
from core.venue import CandleBlock

Floats = NDArray[np.float64]

VOLUME_BARS = 50
RSI_WARMUP = 250
ATR_WARMUP = 195
"""Bars after which RSI14 and ATR14 no longer depend on where the history began, to 1e-6 (methods sheet 1.3)."""
DYNAMIC_BARS = 500
DYNAMIC_SHARE = 0.05
DYNAMIC_LOW = (10.0, 40.0)
DYNAMIC_HIGH = (60.0, 90.0)
PIVOT_BARS = 5
APART_MOST = 60
DIVERGENCE_BARS = APART_MOST + 3 * PIVOT_BARS
VWAP_BARS = 30
RETURN_BARS = 240
VWAP_PATH = math.sqrt(VWAP_BARS / 3.0)
"""Deviation of the close from the mean of a random walk over 30 bars, in deviations of one bar."""
QUALITY_BARS = 14
VOLUME_SHARE_LEAST = 12
"""80 % of the last 14 bars must have volume (methods sheet 1.3)."""
DEPEG_BARS = 3

WARMUP = RSI_WARMUP + DYNAMIC_BARS
"""Bars before the first one at which every column speaks."""
TAIL = 1200
"""So many newest bars give the newest values of any longer history, to rounding: Wilder's averages forget 1e-14 in 450."""
_CHUNK = 512

_OPEN_MS, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(6)


class TriggerColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Float64 arrays (k,), one value per bar; NaN: warming up, missing data, or not defined (flat window, no volume).

    Prices in the quote currency, `*_distance` too; `natr` and `vwap_deviation` are shares, RSI in points, `usable`
    1.0 where triggers may speak: 14 real bars in a row, 12 of them with volume, ATR14 above two ticks.
    """

    tick: float
    """Smallest price step; 0: not known."""
    open_ms: Floats
    close: Floats
    usable: Floats
    body: Floats
    """(close − open) / (high − low), in [−1, 1]; 0 for a bar without range."""
    atr: Floats
    natr: Floats
    volume_mean: Floats
    volume_std: Floats
    """Of the 50 bars before; sample deviation."""
    volume_z_plain: Floats
    volume_z: Floats
    """Robust: ln(1 + V) against median and 1.4826 MAD of the 50 bars before."""
    rsi: Floats
    rsi_low: Floats
    rsi_high: Floats
    """5 % and 95 % quantiles of the 500 RSI values before, held within 10 to 40 and 60 to 90."""
    divergence_up: Floats
    divergence_down: Floats
    """RSI points by which the pivot confirmed on this bar disagrees with its price; 0: no divergence became known."""
    up_level: Floats
    up_distance: Floats
    """Close minus the nearest level at or above the previous close: positive is beyond. NaN: no such level."""
    down_level: Floats
    down_distance: Floats
    """The nearest level at or below the previous close, minus the close: positive is beyond."""
    level_distance: Floats
    """From the close to the nearest level of all."""
    vwap: Floats
    vwap_deviation: Floats
    """(close − VWAP30) / VWAP30; typical price, this bar included; NaN without volume in 30 bars."""
    vwap_sigma: Floats
    """One standard deviation of it for a random walk: sd of 240 one-bar returns times √30 / √3."""
    depeg: Floats
    """Smallest |price − 1| of the last three closes, negative below 1; 0 where they are on both sides."""

    def __len__(self) -> int:
        return 1 if isinstance(self.close, float) else len(self.close)  # plain numbers: see `elementwise.newest`


COLUMNS: tuple[str, ...] = tuple(name for name in TriggerColumns.__struct_fields__ if name != "tick")


def columns(
    bars: CandleBlock,
    daily: DailyLevels = NO_DAILY_LEVELS,
    *,
    tick: float = 0.0,
    synthetic: NDArray[np.bool_] | None = None,
    newest: int = 0,
) -> TriggerColumns:
    """Columns of the newest `newest` bars (0: of all) of a block (n, 9) of equally long bars, oldest first.

    `daily`: levels of the finished days, see `daily_levels`. `synthetic` (n,): bars made up to fill gaps. A bar with
    a value that is no number begins the history anew; a missing bar silences the 14 bars after it.
    """
    count = len(bars)
    wanted = min(newest, count) if newest else count
    start = count - wanted
    numbers = np.ascontiguousarray(bars[:, : _VOLUME + 1].T)
    made_up = np.zeros(count, dtype=np.bool_) if synthetic is None else synthetic.copy()
    if count > 1:
        gaps = np.diff(numbers[_OPEN_MS])
        made_up[1:] |= gaps != gaps.min()
    found = dict(zip(COLUMNS, np.full((len(COLUMNS), wanted), np.nan), strict=True))
    found["open_ms"][:], found["close"][:] = numbers[_OPEN_MS, start:], numbers[_CLOSE, start:]
    found["usable"][:] = 0.0
    broken: list[int] = []
    if not np.isfinite(np.add.reduce(numbers, axis=None)):  # the usual case, found in a third of the time
        broken = np.flatnonzero(~np.isfinite(numbers).all(axis=0)).tolist()
    edges = [-1, *broken, count]
    for before, after in pairwise(edges):
        if after > start and after - before > 1:
            part = _Part(numbers[:, before + 1 : after], made_up[before + 1 : after])
            part.fill(found, before + 1 - start, max(start - before - 1, 0), daily, tick)
    return TriggerColumns(tick=tick, **found)


class _Part:
    """A stretch of finite bars, and the columns of its bars from one place on."""

    def __init__(self, numbers: Floats, made_up: NDArray[np.bool_]) -> None:
        self.made_up = made_up
        self.opens_ms, self.open, self.high, self.low, self.close, self.volume = numbers

    def fill(self, found: dict[str, Floats], shift: int, first: int, daily: DailyLevels, tick: float) -> None:
        """Write the columns of the bars from place `first` on; place p of this stretch is `p + shift` of `found`."""
        self.found, self.shift, self.count = found, shift, len(self.close)
        self._body(first)
        if self.count > QUALITY_BARS:
            self._volatility(first, tick)
        self._volume(max(first, VOLUME_BARS))
        self._rsi(first)
        self._levels(max(first, SWING_WARMUP), daily)
        self._vwap(max(first, RETURN_BARS))
        self._depeg(max(first, DEPEG_BARS - 1))

    def _out(self, name: str, first: int) -> Floats:
        return self.found[name][first + self.shift : self.count + self.shift]

    def _body(self, first: int) -> None:
        body, reach = self.close[first:] - self.open[first:], self.high[first:] - self.low[first:]
        out = self._out("body", first)
        out[:] = 0.0
        np.divide(body, reach, out=out, where=reach > 0.0)

    def _volatility(self, first: int, tick: float) -> None:
        first = max(first, ATR_WARMUP)
        if first >= self.count:
            return
        atr = load_talib().ATR(self.high, self.low, self.close, 14)[first:]
        close = self.close[first:]
        self._out("atr", first)[:] = atr
        np.divide(atr, close, out=self._out("natr", first), where=close > 0.0)
        oldest = first - QUALITY_BARS + 1
        made_up = _last(self.made_up[oldest:], QUALITY_BARS)
        traded = _last(self.volume[oldest:] > 0.0, QUALITY_BARS)
        usable = (made_up == 0) & (traded >= VOLUME_SHARE_LEAST) & (atr > 2.0 * tick) & (close > 0.0)
        self._out("usable", first)[:] = usable

    def _volume(self, first: int) -> None:
        if first >= self.count:
            return
        oldest = first - VOLUME_BARS
        volume = self.volume[oldest:]
        logs = np.log1p(np.maximum(volume, 0.0))
        plain, robust = _windows(volume, VOLUME_BARS), _windows(logs, VOLUME_BARS)
        for start in range(first, self.count, _CHUNK):
            end = min(start + _CHUNK, self.count)
            rows, out = slice(start - first, end - first), slice(start + self.shift, end + self.shift)
            past = np.array(plain[rows], order="C")
            mean = np.add.reduce(past, axis=1) / VOLUME_BARS
            past -= mean[:, None]
            spread = np.sqrt(np.add.reduce(past * past, axis=1) / (VOLUME_BARS - 1))
            now = slice(start - oldest, end - oldest)
            self.found["volume_mean"][out], self.found["volume_std"][out] = mean, spread
            z = self.found["volume_z_plain"][out]
            # Rounding leaves a trace of a deviation where all volumes are equal.
            np.divide(volume[now] - mean, spread, out=z, where=spread > 1e-12 * np.abs(mean))
            past = np.array(robust[rows], order="C")
            median = _median(past)
            past -= median[:, None]
            np.abs(past, out=past)
            mad = MAD_TO_SIGMA * _median(past)
            np.divide(logs[now] - median, mad, out=self.found["volume_z"][out], where=mad > 0.0)

    def _rsi(self, first: int) -> None:
        if self.count <= RSI_WARMUP:
            return
        rsi = load_talib().RSI(self.close, 14)
        start = max(first, RSI_WARMUP)
        usable = self._out("usable", start) > 0.0
        np.copyto(self._out("rsi", start), rsi[start:], where=usable)
        start = max(first, WARMUP)
        if start < self.count:
            self._dynamic(rsi, start)
        start = max(first, RSI_WARMUP + DIVERGENCE_BARS)
        if start < self.count:
            self._divergence("divergence_up", -self.low, -rsi, start)
            self._divergence("divergence_down", self.high, rsi, start)

    def _dynamic(self, rsi: Floats, first: int) -> None:
        windows = _windows(rsi[first - DYNAMIC_BARS :], DYNAMIC_BARS)
        place = DYNAMIC_SHARE * (DYNAMIC_BARS - 1)
        low, share = int(place), place - int(place)
        high = DYNAMIC_BARS - 1 - low
        for start in range(first, self.count, _CHUNK):
            end = min(start + _CHUNK, self.count)
            past = np.array(windows[start - first : end - first], order="C")
            past.partition((low, low + 1, high - 1, high), axis=1)
            out = slice(start + self.shift, end + self.shift)
            bound = past[:, low] + (past[:, low + 1] - past[:, low]) * share
            self.found["rsi_low"][out] = np.minimum(np.maximum(bound, DYNAMIC_LOW[0]), DYNAMIC_LOW[1])
            bound = past[:, high] + (past[:, high - 1] - past[:, high]) * share
            self.found["rsi_high"][out] = np.minimum(np.maximum(bound, DYNAMIC_HIGH[0]), DYNAMIC_HIGH[1])

    def _divergence(self, name: str, price: Floats, rsi: Floats, first: int) -> None:
        """A pivot more extreme than the one before it with an RSI that is less so: known five bars after the pivot."""
        out = self._out(name, first)
        out[:] = 0.0
        middle = -1 - PIVOT_BARS
        if first == self.count - 1 and price[middle] < price[middle - PIVOT_BARS :].max():
            return  # the newest bar confirms no pivot: the usual case, found without looking for older ones
        oldest = first - DIVERGENCE_BARS
        places = [place + oldest for place in pivots(price[oldest:], PIVOT_BARS)]
        for before, after in pairwise(places):
            points, known = rsi[before] - rsi[after], after + PIVOT_BARS
            if known >= first and after - before <= APART_MOST and price[after] > price[before] and points > 0.0:
                out[known - first] = points

    def _levels(self, first: int, daily: DailyLevels) -> None:
        if first >= self.count:
            return
        close = self.close[first:]
        near = nearest_levels(self.opens_ms, self.high, self.low, self.close, daily, first)
        for name, level, side in (("up", near.above, 1.0), ("down", near.below, -1.0)):
            level[np.isinf(level)] = np.nan
            self._out(f"{name}_level", first)[:] = level
            self._out(f"{name}_distance", first)[:] = side * (close - level)
        near.touch[np.isinf(near.touch)] = np.nan
        self._out("level_distance", first)[:] = near.touch

    def _vwap(self, first: int) -> None:
        if first >= self.count:
            return
        close, oldest = self.close, first - RETURN_BARS
        returns = np.zeros(self.count - oldest - 1)
        whole = (close[oldest:-1] > 0.0) & (close[oldest + 1 :] > 0.0)
        np.divide(close[oldest + 1 :], close[oldest:-1], out=returns, where=whole)
        np.log(returns, out=returns, where=whole)
        sigma = self._out("vwap_sigma", first)
        windows = _windows(returns, RETURN_BARS)
        for start in range(0, len(sigma), _CHUNK):
            past = np.array(windows[start : start + _CHUNK], order="C")
            past -= (np.add.reduce(past, axis=1) / RETURN_BARS)[:, None]
            sigma[start : start + _CHUNK] = np.sqrt(np.add.reduce(past * past, axis=1) / RETURN_BARS) * VWAP_PATH
        oldest = first - VWAP_BARS + 1
        volume = self.volume[oldest:]
        typical = (self.high[oldest:] + self.low[oldest:] + close[oldest:]) / 3.0
        traded = _sums(volume)
        vwap = self._out("vwap", first)
        np.divide(_sums(typical * volume), traded, out=vwap, where=traded > 0.0)
        np.divide(close[first:] - vwap, vwap, out=self._out("vwap_deviation", first), where=vwap > 0.0)

    def _depeg(self, first: int) -> None:
        if first >= self.count:
            return
        off = self.close[first - DEPEG_BARS + 1 :] - 1.0
        low = np.minimum(np.minimum(off[2:], off[1:-1]), off[:-2])
        high = np.maximum(np.maximum(off[2:], off[1:-1]), off[:-2])
        self._out("depeg", first)[:] = np.maximum(low, 0.0) + np.minimum(high, 0.0)


def _windows(values: Floats, bars: int) -> Floats:
    """All stretches of `bars` values in a row, (n - bars + 1, bars), without copying; to be read only."""
    return np.ndarray((len(values) - bars + 1, bars), np.float64, values, strides=(values.itemsize, values.itemsize))


def _median(rows: Floats) -> Floats:
    """Median of each row of 50; the rows are reordered."""
    half = VOLUME_BARS // 2
    rows.partition((half - 1, half), axis=1)
    median: Floats = (rows[:, half - 1] + rows[:, half]) / 2.0
    return median


def _sums(values: Floats) -> Floats:
    """Sums of 30 values in a row: each from its own values, so that a halt is exactly 0 and no error is carried on."""
    total: Floats = np.add.reduce(np.array(_windows(values, VWAP_BARS), order="C"), axis=1)
    return total


def _last(flags: NDArray[np.bool_], bars: int) -> NDArray[np.int64]:
    """How many of the last `bars` flags are set, from the first place with so many on."""
    counts = flags.astype(np.int64).cumsum()
    found = counts[bars - 1 :].copy()
    found[1:] -= counts[:-bars]
    return found
