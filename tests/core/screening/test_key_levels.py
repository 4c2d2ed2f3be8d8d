"""Support, resistance and the next major level, without a look ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.screening.key_levels import key_levels, major_levels, swing_levels
from core.screening.levels import DAY_MS, NO_DAILY_LEVELS, SWING_BARS, SWING_LIFE, DailyLevels
from tests.core.screening.stage2 import bars_of

NOW = 20 * DAY_MS + 5 * 900_000


def daily(*levels, day=20):
    return DailyLevels(np.array([float(day * DAY_MS)]), (np.array([-np.inf, *levels, np.inf]),))


def ending_now(closes, reach=0.5):
    return bars_of(closes, start=NOW - len(closes) * 900_000, reach=reach)


def hill(peak, around=100.0, side=SWING_BARS + 2):
    """Closes that rise to a peak and fall again."""
    up = np.linspace(around, peak, side)
    return np.concatenate([up, up[-2::-1]])


def test_the_nearest_of_swings_and_days_on_each_side():
    bars = ending_now(np.concatenate([hill(104.0), hill(96.0)]))
    found = key_levels(bars, daily(90.0, 99.0, 108.0), 100.0, NOW)
    assert found.immediate_support == 99.0
    assert found.immediate_resistance == 104.5
    assert found.next_major_above == 108.0
    assert found.next_major_below == 90.0
    assert found.next_major_level == 108.0  # the nearer one


@pytest.mark.parametrize(("trend", "level"), [(1, 120.0), (-1, 95.0), (0, 95.0)])
def test_the_next_major_level_is_the_one_the_trend_points_at(trend, level):
    found = key_levels(ending_now([100.0]), daily(95.0, 99.0, 101.0, 120.0), 100.0, NOW, trend)
    assert found.next_major_level == level


def test_nothing_known_is_none():
    found = key_levels(ending_now([100.0, 100.0]), NO_DAILY_LEVELS, 100.0, NOW)
    assert math.isnan(found.immediate_support)
    assert math.isnan(found.immediate_resistance)
    assert math.isnan(found.next_major_level)
    assert len(swing_levels(bars_of([]).reshape(0, 9))) == 0


def test_a_close_that_is_no_number_has_no_levels():
    found = key_levels(ending_now([100.0]), daily(95.0, 101.0), math.nan, NOW)
    assert math.isnan(found.immediate_support)
    assert math.isnan(found.immediate_resistance)


def test_the_day_so_far_includes_the_price_and_nothing_of_yesterday():
    bars = ending_now([50.0, 200.0, 100.0, 101.0, 102.0, 101.0, 100.0])  # five of them are of today
    found = key_levels(bars, NO_DAILY_LEVELS, 100.0, NOW)
    assert (found.day_low, found.day_high) == (99.5, 102.5)
    beyond = key_levels(bars, NO_DAILY_LEVELS, 98.0, NOW)
    assert beyond.day_low == 98.0
    midnight = key_levels(bars, NO_DAILY_LEVELS, 100.0, 21 * DAY_MS)
    assert (midnight.day_low, midnight.day_high) == (100.0, 100.0)


def test_a_day_counts_once_it_is_over():
    assert major_levels(daily(90.0, 110.0), 20 * DAY_MS).tolist() == [90.0, 110.0]
    assert len(major_levels(daily(90.0, 110.0), 20 * DAY_MS - 1)) == 0


def test_a_swing_is_known_only_when_its_bars_have_closed():
    bars = ending_now(hill(104.0))
    top = int(np.argmax(bars[:, 2]))
    assert 104.5 not in swing_levels(bars[: top + SWING_BARS])
    assert 104.5 in swing_levels(bars[: top + SWING_BARS + 1])


@pytest.mark.parametrize(("since", "known"), [(SWING_LIFE - 1, True), (SWING_LIFE, False)])
def test_a_swing_is_forgotten_after_its_life(since, known):
    rise = hill(104.0)
    rest = np.linspace(99.9, 99.0, since - len(rise) // 2)
    assert (104.5 in swing_levels(ending_now(np.concatenate([rise, rest])))) is known


def test_minutes_complete_the_day_since_the_last_bar():
    bars = bars_of([100.0] * 20, start=DAY_MS - 19 * 900_000)
    minutes = bars_of([100.0, 104.0, 97.0], start=DAY_MS + 900_000, interval=60_000)
    now_ms = DAY_MS + 900_000 + 180_000
    without = key_levels(bars, NO_DAILY_LEVELS, 100.0, now_ms)
    found = key_levels(bars, NO_DAILY_LEVELS, 100.0, now_ms, 0, minutes)
    assert (without.day_low, without.day_high) == (99.0, 101.0)
    assert (found.day_low, found.day_high) == (96.0, 105.0)
    yesterday = bars_of([50.0], start=DAY_MS - 60_000, interval=60_000)
    assert key_levels(bars, NO_DAILY_LEVELS, 100.0, now_ms, 0, yesterday).day_low == without.day_low
