"""At which hours of the day a market is most liquid, learnt from its stored one-minute bars."""

from __future__ import annotations

import numpy as np

from core.venue import CandleBlock

HOUR_MS = 3_600_000
DAY_HOURS = 24
HOURS_NEEDED = 3 * DAY_HOURS
"""Fewer whole hours than three days have say nothing about habits."""

_OPEN_MS, _CLOSE, _VOLUME, _QUOTE_VOLUME = 0, 4, 5, 6
_MINUTE_MS = 60_000


def ranked_hours(minutes: CandleBlock) -> tuple[int, ...]:
    """The hours of the day (UTC, 0 to 23) by the median of their quote volume over the days, most liquid first.

    `minutes`: one-minute bars (n, 9), oldest first. Empty with less than three days. Volume times close stands in where
    the venue gives no quote volume. An hour of which nothing is stored does not count; equal ones go by the clock.
    """
    if not len(minutes):
        return ()
    opens = minutes[:, _OPEN_MS].astype(np.int64)
    first, last = -(-opens[0] // HOUR_MS), (opens[-1] + _MINUTE_MS) // HOUR_MS
    whole = (opens >= first * HOUR_MS) & (opens < last * HOUR_MS)
    hours, places = np.unique(opens[whole] // HOUR_MS, return_inverse=True)
    if len(hours) < HOURS_NEEDED:
        return ()
    quoted = minutes[whole, _QUOTE_VOLUME]
    turnover = np.where(np.isnan(quoted), minutes[whole, _VOLUME] * minutes[whole, _CLOSE], quoted)
    sums = np.bincount(places, weights=turnover)
    of_day = hours % DAY_HOURS
    medians = [float(np.median(sums[of_day == hour])) if np.any(of_day == hour) else 0.0 for hour in range(DAY_HOURS)]
    return tuple(sorted(range(DAY_HOURS), key=lambda hour: (-medians[hour], hour)))


def preferred(ranked: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The `count` most liquid of them as the clock goes; empty when the order is not known or none is asked for."""
    return tuple(sorted(ranked[: max(0, count)]))
