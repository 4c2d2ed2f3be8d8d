"""What Stage 1 knows of a market beside its trigger columns: the last 24 hours, and how volatile its hours are."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from core.market.candles import CandleWindow
from core.market.indicators import load_talib
from core.messages import Ticker

DAY_MS = 86_400_000
ATR_BARS = 14
HOURS_LEAST = 2 * ATR_BARS
"""Fewer one-hour bars have no ATR14 worth the name: then the usual one of seven days stands in."""
HOURS_MOST = 240
"""So many of the newest give the ATR14 of any longer history (methods sheet 1.3)."""


class LastDay(NamedTuple):
    """Of the 24 hours before a close: quote volume, change as a fraction, extremes. NaN: not known."""

    quote_volume: float = math.nan
    change: float = math.nan
    high: float = math.nan
    low: float = math.nan


def last_day(minutes: CandleWindow, place: int, ticker: Ticker | None) -> LastDay:
    """The 24 hours that end with the bar at `place` of the window; the venue's own figures where it reaches less far.

    Also where the venue gives its bars no quote volume, that one figure is the ticker's.
    """
    told = LastDay(ticker.quote_volume, ticker.change, ticker.high, ticker.low) if ticker is not None else LastDay()
    opens = minutes.open_ms
    since_ms = opens[place] + 60_000.0 - DAY_MS
    if opens[0] > since_ms:
        return told
    day = slice(int(opens.searchsorted(since_ms)), place + 1)
    volume, before = float(np.add.reduce(minutes.quote_volume[day])), float(minutes.open[day.start])
    return LastDay(
        quote_volume=volume if volume == volume else told.quote_volume,
        change=float(minutes.close[place]) / before - 1.0 if before > 0.0 else told.change,
        high=float(np.maximum.reduce(minutes.high[day])),
        low=float(np.minimum.reduce(minutes.low[day])),
    )


def natr_of(hours: CandleWindow) -> float:
    """ATR14 of the newest one-hour bars as a share of the price; NaN with fewer than `HOURS_LEAST`."""
    if len(hours) < HOURS_LEAST:
        return math.nan
    high, low, close = (column[-HOURS_MOST:].copy() for column in (hours.high, hours.low, hours.close))
    last = float(close[-1])
    return float(load_talib().ATR(high, low, close, ATR_BARS)[-1]) / last if last > 0.0 else math.nan
