"""Volatility of stored candles: NATR (ATR14 / close) and its distribution, for gates and percentiles (methods 4.1)."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from core.market.indicators import load_talib
from core.market.resample import resample
from core.venue import CandleBlock

_ATR_BARS = 14
_WARMUP_BARS = 195
"""Bars until ATR14 no longer depends on where the history began (methods 1.3); shorter history uses what there is."""

DAY_MS = 86_400_000


class NatrSample(NamedTuple):
    """Distribution of NATR over the stored days: `quantiles[k]` is its k % quantile (empty: nothing stored).

    `days` is the depth of history behind it; it is below the asked-for depth while the store is filling.
    """

    quantiles: tuple[float, ...]
    days: float

    def percentile(self, natr: float) -> float:
        """Share of the sample below `natr`, in [0, 1]; NaN when either is missing."""
        if not self.quantiles or math.isnan(natr):
            return math.nan
        return min(1.0, bisect_left(self.quantiles, natr) / (len(self.quantiles) - 1))

    def quantile(self, share: float) -> float:
        """Quantile at `share` in [0, 1]; NaN when nothing is stored."""
        if not self.quantiles:
            return math.nan
        return self.quantiles[round(min(1.0, max(0.0, share)) * (len(self.quantiles) - 1))]


NO_SAMPLE = NatrSample((), 0.0)


def natr_sample(block: CandleBlock, interval_ms: int, days: float) -> NatrSample:
    """NATR quantiles of the newest `days` of one-minute bars, at bars of `interval_ms`."""
    if not len(block):
        return NO_SAMPLE
    bars = resample(block, interval_ms, keep_first=True)
    if len(bars) <= 2 * _ATR_BARS:
        return NO_SAMPLE
    high, low, close = (np.ascontiguousarray(bars[:, i]) for i in (2, 3, 4))
    natr = load_talib().ATR(high, low, close, _ATR_BARS) / close
    wanted = bars[:, 0] > bars[-1, 0] - days * DAY_MS
    # The first values still carry the seed: leave them out where there is enough behind them.
    wanted[: min(_WARMUP_BARS, len(bars) // 2)] = False
    values = natr[wanted & np.isfinite(natr)]
    if not len(values):
        return NO_SAMPLE
    depth = min(days, float(block[-1, 0] - block[0, 0]) / DAY_MS)
    return NatrSample(tuple(np.quantile(values, np.linspace(0.0, 1.0, 101)).tolist()), depth)
