"""Market regime from trend strength and average alignment, with sticky trends (methods sheet 4.4).

ADX lags by about 14 to 20 bars, so the age of a regime is reported with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.market.indicators import COLUMNS
from core.messages import Regime

_ADX, _EMA9, _EMA20, _EMA50 = (COLUMNS.index(name) for name in ("adx14", "ema9", "ema20", "ema50"))

TREND_ADX = 25.0
LEAVE_ADX = 20.0
BROKEN_BARS = 3


class RegimeReading(NamedTuple):
    """`confidence` in [0, 1]; `age_bars` is 0 on the bar the regime began."""

    regime: Regime
    confidence: float
    age_bars: int


class RegimeTracker:
    """Step over indicator rows of closed bars, in order.

    A trend begins at ADX14 >= 25 with EMA9, EMA20 and EMA50 in order. It ends only when ADX falls below 20 or the order
    has been broken for three bars in a row. Otherwise: range below ADX 25, undefined above it. A row with a missing
    value is undefined and starts over.
    """

    __slots__ = ("_age", "_broken", "_regime")

    def __init__(self) -> None:
        self._regime: Regime = "undefined"
        self._age = -1
        self._broken = 0

    def step(self, row: Sequence[float]) -> RegimeReading:
        """The regime at this bar. `row` has the columns `core.market.indicators.COLUMNS`."""
        return self.move(row[_ADX], row[_EMA9], row[_EMA20], row[_EMA50])

    def move(self, adx: float, ema9: float, ema20: float, ema50: float) -> RegimeReading:
        """The same from the four values it needs."""
        if math.isnan(adx + ema9 + ema20 + ema50):
            self._regime, self._age, self._broken = "undefined", -1, 0
            return RegimeReading("undefined", 0.0, 0)
        aligned: Regime = "undefined"
        if ema9 > ema20 > ema50:
            aligned = "trend_up"
        elif ema9 < ema20 < ema50:
            aligned = "trend_down"
        fresh: Regime = aligned if adx >= TREND_ADX else "range"

        if self._regime in ("trend_up", "trend_down"):
            self._broken = 0 if aligned == self._regime else self._broken + 1
            if adx >= LEAVE_ADX and self._broken < BROKEN_BARS:
                fresh = self._regime
        if fresh == self._regime and self._age >= 0:
            self._age += 1
        else:
            self._regime, self._age, self._broken = fresh, 0, 0
        return RegimeReading(fresh, _confidence(fresh, adx), self._age)


def _confidence(regime: Regime, adx: float) -> float:
    if regime == "range":
        return min(1.0, max(0.0, (30.0 - adx) / 15.0))
    if regime == "undefined":
        return 0.0
    return min(1.0, max(0.0, (adx - 20.0) / 20.0))
