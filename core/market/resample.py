"""Longer bars from shorter ones, aligned to the Unix epoch."""

from __future__ import annotations

import numpy as np

from core.venue import CandleBlock


def resample(bars: CandleBlock, interval_ms: int, *, keep_first: bool = False) -> CandleBlock:
    """Bars of `interval_ms` of the shorter ones there are; gaps stay gaps, sums keep NaN.

    A first bucket that begins before the first bar is not whole and is left out unless kept. The last one may be
    incomplete: it is over when a bar closes at or after its end, so whoever joins by close time never sees it early.
    """
    if not len(bars):
        return bars
    opens = bars[:, 0] // interval_ms * interval_ms
    starts = np.flatnonzero(np.diff(opens, prepend=-1.0))
    if not keep_first and bars[0, 0] % interval_ms:
        starts = starts[1:]
    if not len(starts):
        return bars[:0]
    ends = np.append(starts[1:], len(bars)) - 1
    longer = np.empty((len(starts), bars.shape[1]))
    longer[:, 0] = opens[starts]
    longer[:, 1] = bars[starts, 1]
    longer[:, 2] = np.maximum.reduceat(bars[:, 2], starts)
    longer[:, 3] = np.minimum.reduceat(bars[:, 3], starts)
    longer[:, 4] = bars[ends, 4]
    longer[:, 5:] = np.add.reduceat(bars[:, 5:], starts, axis=0)
    return longer
