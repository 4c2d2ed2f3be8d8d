"""Levels around the price now: immediate support and resistance, and the next major level (methods sheet 4.2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.messages import KeyLevels
from core.screening.levels import DAY_MS, SWING_BARS, SWING_LIFE, DailyLevels, pivots
from core.venue import CandleBlock

Floats = NDArray[np.float64]

_OPEN, _HIGH, _LOW = 0, 2, 3


def swing_levels(bars: CandleBlock) -> Floats:
    """Prices of the confirmed swings among the last `SWING_LIFE` closed bars, unordered, shape (k,).

    They are the same swings as those of the breakout trigger, on the recommendation timeframe: nearer ones lie so dense
    that hardly any target has room before the next. The newest `SWING_BARS` bars cannot be swings yet, so nothing is taken back later.
    """
    recent = bars[-SWING_LIFE - SWING_BARS :]
    highs, lows = np.ascontiguousarray(recent[:, _HIGH]), np.ascontiguousarray(recent[:, _LOW])
    return np.concatenate([highs[pivots(highs, SWING_BARS)], lows[pivots(-lows, SWING_BARS)]])


def major_levels(daily: DailyLevels, now_ms: int) -> Floats:
    """The daily levels that hold at this moment, rising, shape (k,): of finished days only."""
    day = int(np.searchsorted(daily.ends_ms, now_ms, side="right")) - 1
    if day < 0:
        return np.empty(0)
    levels = daily.levels[day]
    return levels[np.isfinite(levels)]


def key_levels(
    bars: CandleBlock,
    daily: DailyLevels,
    close: float,
    now_ms: int,
    trend: int = 0,
    minutes: CandleBlock | None = None,
) -> KeyLevels:
    """Levels around `close` at `now_ms`. `bars`: closed ones, oldest first; `trend`: 1 up, -1 down, 0 none.

    `minutes` complete the day since the last of `bars` ended. A close that is not a number has no levels.
    """
    major = major_levels(daily, now_ms)
    known = np.concatenate([swing_levels(bars), major])
    support, resistance = _below(known, close), _above(known, close)
    major_below, major_above = _below(major, support), _above(major, resistance)
    day_ms = now_ms // DAY_MS * DAY_MS
    parts = (bars,) if minutes is None else (bars, minutes)
    today = np.concatenate([part[part[:, _OPEN] >= day_ms] for part in parts])
    return KeyLevels(
        immediate_support=support,
        immediate_resistance=resistance,
        next_major_level=_next_major(major_above, major_below, close, trend),
        next_major_above=major_above,
        next_major_below=major_below,
        day_low=float(np.min(today[:, _LOW], initial=close)),
        day_high=float(np.max(today[:, _HIGH], initial=close)),
    )


def _below(levels: Floats, price: float) -> float:
    return float(np.max(levels[levels < price], initial=-np.inf)) if (levels < price).any() else math.nan


def _above(levels: Floats, price: float) -> float:
    return float(np.min(levels[levels > price], initial=np.inf)) if (levels > price).any() else math.nan


def _next_major(above: float, below: float, close: float, trend: int) -> float:
    if trend:
        return above if trend > 0 else below
    known = [price for price in (above, below) if not math.isnan(price)]
    return min(known, key=lambda price: abs(price - close)) if known else math.nan
