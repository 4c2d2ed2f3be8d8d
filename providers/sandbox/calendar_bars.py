"""Weekly and monthly bars out of daily ones: their lengths are not multiples counted from the epoch."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MONTH_MS = 31 * DAY_MS
CALENDAR_MS = frozenset({WEEK_MS, MONTH_MS})
"""Interval lengths that stand for "Monday 00:00 UTC" and "the first of the month"."""


def calendar_start_ms(interval_ms: int, at_ms: int) -> int:
    """Open time of the week or month that holds `at_ms`."""
    day = at_ms // DAY_MS
    if interval_ms == WEEK_MS:
        return (day - (day + 3) % 7) * DAY_MS  # 1 January 1970 was a Thursday
    month = datetime.fromtimestamp(at_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(month.timestamp() * 1000)


def calendar_end_ms(interval_ms: int, open_ms: int) -> int:
    """Open time of the following week or month."""
    if interval_ms == WEEK_MS:
        return open_ms + WEEK_MS
    return calendar_start_ms(interval_ms, open_ms + 32 * DAY_MS)


def calendar_bars(days: NDArray[np.int64], interval_ms: int) -> NDArray[np.int64]:
    """Aggregate daily bars (columns of `BAR_COLUMNS`) to weeks or months."""
    if not len(days):
        return days
    opens = np.array([calendar_start_ms(interval_ms, int(at)) for at in days[:, 0]], dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, opens[1:] != opens[:-1]])
    rows = days[starts].copy()
    ends = np.r_[starts[1:], len(days)]
    rows[:, 0] = opens[starts]
    rows[:, 2] = np.maximum.reduceat(days[:, 2], starts)
    rows[:, 3] = np.minimum.reduceat(days[:, 3], starts)
    rows[:, 4] = days[ends - 1, 4]
    for column in (5, 6, 7, 8, 9):
        rows[:, column] = np.add.reduceat(days[:, column], starts)
    return rows
