"""What the risk part reads off closed bars: the last minute's move, ATR of 15 minutes, volatility, correlations.

The market part's own windows are read where it lends them; else the bars heard on the bus since the start. Each figure is
worked out once per closed bar.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
from msgspec import Struct

from core.bus import Bus
from core.clock import Clock
from core.market.candles import CandleWindow
from core.messages import Bar
from core.risk.heat import MOST, Correlations, Floats, assumed, correlation
from core.venue import TIMEFRAME_MS

Bars = Callable[[str, str], CandleWindow | None]
T = TypeVar("T")

KEEP = {"1m": 120, "5m": MOST + 1, "15m": 120}
"""Timeframes listened to, and how many bars of each."""
MINUTES = 60
FEWEST_MINUTES = 30
ATR_BARS = 14
DAY_RETURNS = 288
FEWEST_RETURNS = 60
LATE_BARS = 2
"""A newest closed bar that ended more than so many bars ago tells of another time."""
YEAR_MS = 365 * 86_400_000


class Minute(Struct, frozen=True):
    """The newest closed one-minute bar. `sigma` is the deviation of the log returns before it; volume in base, mean of an hour."""

    close: float
    move: float
    sigma: float
    volume: float


class BarFacts:
    """`lent` may be set to the market part's windows."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self.lent: Bars = lambda symbol, timeframe: None
        self._clock = clock
        self._heard: dict[tuple[str, str], deque[tuple[float, ...]]] = {}
        self._blocks: dict[tuple[str, str], tuple[tuple[float, float], Floats]] = {}
        self._known: dict[tuple[str, ...], tuple[object, object]] = {}
        bus.subscribe(Bar, self._on_bar, name="risk.bars")

    def minute(self, symbol: str) -> Minute | None:
        """None: too few bars, or the newest is too old."""
        return self._once(("minute", symbol), ((symbol, "1m"),), lambda blocks: _minute(blocks[0]))

    def last_close(self, symbol: str) -> float | None:
        """Close of the newest one-minute bar, however old."""
        block = self._block(symbol, "1m")
        return float(block[3, -1]) if block.shape[1] else None

    def move_in_sigmas(self, symbol: str, price: float) -> float | None:
        """The larger of the last closed minute's move and the present one's so far, in deviations; None: not known."""
        minute = self.minute(symbol)
        if minute is None or not price > 0.0:
            return None
        move = max(abs(minute.move), abs(math.log(price / minute.close)))
        return move / minute.sigma if minute.sigma > 0.0 else (0.0 if move == 0.0 else math.inf)

    def atr_15m(self, symbol: str) -> float | None:
        """Wilder's ATR14 of 15-minute bars (Wilder, 1978), in price."""
        return self._once(("atr", symbol), ((symbol, "15m"),), lambda blocks: _atr(blocks[0]))

    def annual_volatility(self, symbol: str) -> float | None:
        """Annual deviation of the last day's five-minute log returns, of one-minute returns where those are too few."""
        found = self._once(("year", symbol), ((symbol, "5m"),), lambda blocks: _annual(blocks[0], TIMEFRAME_MS["5m"]))
        if found is not None:
            return found
        return self._once(("year 1m", symbol), ((symbol, "1m"),), lambda blocks: _annual(blocks[0], TIMEFRAME_MS["1m"]))

    def correlations(self, symbols: Iterable[str], classes: dict[str, str]) -> Correlations:
        """Of every pair of these symbols; pairs without enough bars are left to what is assumed of them."""
        names = sorted(set(symbols))
        pairs: dict[tuple[str, str], float] = {}
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                prior = assumed(one, other, classes)
                rho = self._pair(one, other, prior)
                if rho is not None and math.isfinite(rho):
                    pairs[one, other] = rho
        return Correlations(pairs=pairs, classes={name: classes[name] for name in names if name in classes})

    def _pair(self, one: str, other: str, prior: float) -> float | None:
        series = ((one, "5m"), (other, "5m"))
        return self._once(("rho", one, other, f"{prior}"), series, lambda blocks: _rho(blocks[0], blocks[1], prior))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar) -> None:
        keep = KEEP.get(bar.timeframe)
        if keep is None or not bar.closed:
            return
        rows = self._heard.setdefault((bar.symbol, bar.timeframe), deque(maxlen=keep))
        row = (float(bar.open_ms), bar.high, bar.low, bar.close, bar.volume)
        if rows and rows[-1][0] == row[0]:
            rows[-1] = row
        elif not rows or rows[-1][0] < row[0]:
            rows.append(row)

    def _block(self, symbol: str, timeframe: str) -> Floats:
        """Open time, high, low, close, volume by bar: shape (5, n), oldest first."""
        window = self.lent(symbol, timeframe)
        if window is not None and len(window):
            return np.array([window.column(index)[-KEEP[timeframe] :] for index in (0, 2, 3, 4, 5)])
        rows = self._heard.get((symbol, timeframe))
        return np.array(rows).T if rows else np.empty((5, 0))

    def _kept(self, series: tuple[str, str], stamp: tuple[float, float]) -> Floats:
        """The block as of this stamp: each pair of a symbol asks for the same one."""
        kept = self._blocks.get(series)
        if kept is None or kept[0] != stamp:
            kept = self._blocks[series] = (stamp, self._block(*series))
        return kept[1]

    def _stamp(self, symbol: str, timeframe: str) -> tuple[float, float]:
        """Open time and close of the newest bar; they change when there is something new to work out."""
        window = self.lent(symbol, timeframe)
        if window is not None and len(window):
            return float(window.open_ms[-1]), float(window.column(4)[-1])
        rows = self._heard.get((symbol, timeframe))
        return (rows[-1][0], rows[-1][3]) if rows else (-math.inf, 0.0)

    def _once(
        self, key: tuple[str, ...], series: tuple[tuple[str, str], ...], work: Callable[[list[Floats]], T | None]
    ) -> T | None:
        """What `work` makes of these series, worked out anew when one of them has a new bar; None when one is out of date."""
        stamps = tuple(self._stamp(symbol, timeframe) for symbol, timeframe in series)
        now_ms = self._clock.now_ms()
        for (opened, _), (_, timeframe) in zip(stamps, series, strict=True):
            length = TIMEFRAME_MS[timeframe]
            if now_ms - (opened + length) > LATE_BARS * length:
                return None
        known = self._known.get(key)
        if known is None or known[0] != stamps:
            blocks = [self._kept(one, stamp) for one, stamp in zip(series, stamps, strict=True)]
            known = self._known[key] = (stamps, work(blocks))
        found: T | None = known[1]  # type: ignore[assignment]
        return found


def _returns(block: Floats) -> Floats:
    return np.diff(np.log(block[3]))


def _minute(block: Floats) -> Minute | None:
    returns = _returns(block)[-MINUTES - 1 :]
    if len(returns) <= FEWEST_MINUTES:
        return None
    volume = float(np.mean(block[4, -MINUTES:]))
    return Minute(float(block[3, -1]), float(returns[-1]), float(np.std(returns[:-1])), volume)


def _atr(block: Floats) -> float | None:
    if block.shape[1] <= ATR_BARS:
        return None
    before = block[3, :-1]
    ranges = np.maximum(block[1, 1:], before) - np.minimum(block[2, 1:], before)
    found = float(np.mean(ranges[:ATR_BARS]))
    for one in ranges[ATR_BARS:]:
        found += (float(one) - found) / ATR_BARS
    return found if math.isfinite(found) else None


def _annual(block: Floats, length_ms: int) -> float | None:
    returns = _returns(block)[-DAY_RETURNS:]
    if len(returns) < FEWEST_RETURNS:
        return None
    found = float(np.std(returns)) * math.sqrt(YEAR_MS / length_ms)
    return found if found > 0.0 and math.isfinite(found) else None


def _rho(one: Floats, other: Floats, prior: float) -> float:
    """Of the returns over the same five minutes, gaps left out; NaN: too few."""
    _, mine, theirs = np.intersect1d(one[0], other[0], assume_unique=True, return_indices=True)
    times = one[0][mine]
    whole = np.diff(times) == TIMEFRAME_MS["5m"]
    x, y = np.diff(np.log(one[3][mine]))[whole], np.diff(np.log(other[3][theirs]))[whole]
    return correlation(x, y, prior)
