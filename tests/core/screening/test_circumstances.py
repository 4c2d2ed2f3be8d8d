"""The last 24 hours and the hourly ATR of a market: from its windows, and what stands in where they are short."""

from __future__ import annotations

import math

import numpy as np
import pytest
import talib

from core.market.resample import resample
from core.screening.circumstances import HOURS_LEAST, HOURS_MOST, LastDay, last_day, natr_of
from tests.core.screening.bars import minutes
from tests.core.screening.watch import ticker
from tests.core.signals.markets import window_of

DAY = 1440
TOLD = LastDay(quote_volume=1e9, change=0.02, high=103.0, low=97.0)
"""What `ticker` says."""


def test_a_window_of_a_day_speaks_for_itself() -> None:
    block = minutes(1, DAY + 100)
    window, place = window_of(block), DAY + 50
    day = block[place + 1 - DAY : place + 1]
    found = last_day(window, place, ticker("A"))
    assert found.quote_volume == pytest.approx(day[:, 6].sum())
    assert found.change == day[-1, 4] / day[0, 1] - 1.0
    assert (found.high, found.low) == (day[:, 2].max(), day[:, 3].min())


@pytest.mark.parametrize(("bars", "own"), [(DAY - 1, False), (DAY, True)])
def test_a_shorter_window_leaves_the_word_to_the_venue(bars: int, own: bool) -> None:
    window = window_of(minutes(1, bars))
    found = last_day(window, bars - 1, ticker("A"))
    assert (found != TOLD) is own
    if not own:
        assert all(math.isnan(value) for value in last_day(window, bars - 1, None))


def test_bars_before_a_gap_count_by_their_time() -> None:
    block = minutes(1, DAY + 200)
    block[200:, 0] += 60_000.0 * 100  # a hundred minutes are missing
    found = last_day(window_of(block), len(block) - 1, None)
    assert found.high == block[300:, 2].max(), "not the newest 1,440 bars"


def test_a_venue_without_quote_volume_is_asked_for_that_alone() -> None:
    block = minutes(1, DAY)
    block[:, 6] = np.nan
    found = last_day(window_of(block), DAY - 1, ticker("A"))
    assert found.quote_volume == TOLD.quote_volume
    assert found.high == block[:, 2].max()
    assert math.isnan(last_day(window_of(block), DAY - 1, None).quote_volume)


def test_the_hourly_atr_is_that_of_the_newest_hour() -> None:
    hours = resample(minutes(2, 600 * 60), 3_600_000)
    high, low, close = (np.ascontiguousarray(hours[:, place]) for place in (2, 3, 4))
    whole = talib.ATR(high, low, close, 14)[-1] / close[-1]
    assert len(hours) > HOURS_MOST
    assert natr_of(window_of(hours)) == pytest.approx(whole, rel=1e-6)
    assert natr_of(window_of(hours[:HOURS_LEAST])) > 0.0
    assert math.isnan(natr_of(window_of(hours[: HOURS_LEAST - 1])))
    flat = hours[:40].copy()
    flat[:, 1:5] = 0.0
    assert math.isnan(natr_of(window_of(flat)))
