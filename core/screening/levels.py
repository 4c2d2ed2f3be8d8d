"""Price levels a market has respected: daily extremes and pivots, and confirmed swings of the decision's own bars.

All causal. A day's levels are known once the day is over, a swing once as many bars have closed after it as before it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.market.indicators import load_talib
from core.venue import CandleBlock

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
PIVOT_DAYS = 2
"""A daily pivot is the extreme of so many days on either side of it (the fractal of Williams, 1995)."""
LEVEL_DAYS = 30
"""Pivots of so many days count."""
DAYS_NEEDED = LEVEL_DAYS + 2 * PIVOT_DAYS
"""Finished days that the newest daily levels depend on."""
ATR_DAYS = 14
CLUSTER_ATR = 0.25
"""Daily pivots nearer than this many daily ATR are one level (methods sheet 4.1)."""

SWING_BARS = 50
"""A swing is the extreme of so many bars on either side of it, and known so many bars later."""
SWING_LIFE = 500
"""A swing is a level for so many bars: so levels never depend on where the history began."""
SWING_WARMUP = SWING_LIFE + SWING_BARS

_OPEN_MS, _HIGH, _LOW, _CLOSE = 0, 2, 3, 4


class DailyLevels(NamedTuple):
    """Levels by finished day: `levels[j]`, rising, between -inf and +inf, hold once `ends_ms[j]` is reached."""

    ends_ms: Floats
    levels: tuple[Floats, ...]


_NONE_KNOWN = np.array([-np.inf, np.inf])
NO_DAILY_LEVELS = DailyLevels(np.empty(0), ())


def daily_levels(days: CandleBlock) -> DailyLevels:
    """Levels of daily bars (n, 9), oldest first: extremes of the day itself, and clustered pivots of the 30 up to it.

    The newest levels depend on the last `DAYS_NEEDED` days only, so that is enough to hand over live.
    """
    found = []
    for last in range(len(days)):
        known = days[max(0, last + 1 - DAYS_NEEDED) : last + 1]
        levels = np.concatenate([[-np.inf, np.inf, known[-1, _HIGH], known[-1, _LOW]], _clustered_pivots(known)])
        found.append(np.unique(levels[~np.isnan(levels)]))
    return DailyLevels(days[:, _OPEN_MS] + DAY_MS, tuple(found))


def _clustered_pivots(days: CandleBlock) -> Floats:
    """Pivot highs and lows of these days; those within 0.25 daily ATR of the lowest of their group become its mean."""
    pivots = []
    for place in range(PIVOT_DAYS, len(days) - PIVOT_DAYS):
        around = days[place - PIVOT_DAYS : place + PIVOT_DAYS + 1]
        if days[place, _HIGH] == around[:, _HIGH].max():
            pivots.append(days[place, _HIGH])
        if days[place, _LOW] == around[:, _LOW].min():
            pivots.append(days[place, _LOW])
    if not pivots:
        return np.empty(0)
    reach = CLUSTER_ATR * daily_atr(days)
    groups: list[list[float]] = []
    for price in sorted(set(pivots)):
        if groups and price - groups[-1][0] <= reach:
            groups[-1].append(price)
        else:
            groups.append([price])
    return np.array([sum(group) / len(group) for group in groups])


def daily_atr(days: CandleBlock) -> float:
    """Mean true range of the last 14 of these days: a plain mean, because 30 days are too few for Wilder's to settle."""
    high, low, before = days[1:, _HIGH], days[1:, _LOW], days[:-1, _CLOSE]
    if not len(high):
        return float(days[-1, _HIGH] - days[-1, _LOW]) if len(days) else 0.0
    ranges = np.maximum(high, before) - np.minimum(low, before)
    return float(ranges[-ATR_DAYS:].mean())


def pivots(values: Floats, bars: int) -> list[int]:
    """Places whose value is the greatest of the `bars` on either side, the first of equals; known `bars` later."""
    if len(values) <= 2 * bars:
        return []
    around = load_talib().MAX(values, 2 * bars + 1)[2 * bars :]
    places = np.flatnonzero(values[bars : len(values) - bars] == around) + bars
    return [place for place in places.tolist() if values[place] > values[place - bars : place].max()]


class Nearest(NamedTuple):
    """Per bar: the nearest level at or above the previous close and at or below it, and the distance from the close
    to the nearest level of all; infinite: no such level. Levels are those known when the bar opened."""

    above: Floats
    below: Floats
    touch: Floats


def nearest_levels(opens: Floats, high: Floats, low: Floats, close: Floats, daily: DailyLevels, first: int) -> Nearest:
    """Nearest levels of the bars from place `first` (at least 1) on, given columns of all bars; `opens` in ms."""
    count = len(close)
    swings = _swings(high, 1.0, first) + _swings(low, -1.0, first)
    days = np.searchsorted(daily.ends_ms, opens[first:], side="right") - 1
    moves = {first, count}
    if days[0] != days[-1]:
        moves.update((np.flatnonzero(days[1:] != days[:-1]) + first + 1).tolist())
    moves.update(place for start, end, _ in swings for place in (start, end) if first < place < count)
    edges = sorted(moves)
    found = Nearest(np.empty(count - first), np.empty(count - first), np.empty(count - first))
    for start, end in pairwise(edges):
        day = int(days[start - first])
        known = [price for since, until, price in swings if since <= start < until]
        levels = np.append(daily.levels[day] if day >= 0 else _NONE_KNOWN, known)
        levels.sort()
        span, before, now = slice(start - first, end - first), close[start - 1 : end - 1], close[start:end]
        found.above[span] = levels[levels.searchsorted(before)]
        found.below[span] = levels[levels.searchsorted(before, side="right") - 1]
        place = levels.searchsorted(now)
        found.touch[span] = np.minimum(levels[place] - now, now - levels[place - 1])
    return found


def _swings(values: Floats, sign: float, first: int) -> list[tuple[int, int, float]]:
    """Swings that are levels at bar `first` or later: since which place, until before which, and the price.

    A swing is known when the bar `SWING_BARS` after it closes: a level from the bar after that.
    """
    oldest = max(0, first - SWING_WARMUP)
    return [
        (place + oldest + SWING_BARS + 1, place + oldest + SWING_LIFE + 1, float(values[place + oldest]))
        for place in pivots(sign * values[oldest:], SWING_BARS)
    ]
