"""Levels: known only once they can be, gone when they should be, and the nearest one always found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.screening.levels import (
    CLUSTER_ATR,
    DAY_MS,
    DAYS_NEEDED,
    NO_DAILY_LEVELS,
    SWING_BARS,
    SWING_LIFE,
    DailyLevels,
    daily_atr,
    daily_levels,
    nearest_levels,
    pivots,
)
from tests.core.screening.bars import minutes


def days(*bars: tuple[float, float, float]) -> np.ndarray:
    """Daily bars of (high, low, close)."""
    block = np.zeros((len(bars), 9))
    for place, (high, low, close) in enumerate(bars):
        block[place, :5] = place * DAY_MS, close, high, low, close
    return block


def test_the_previous_day_counts_once_it_is_over() -> None:
    found = daily_levels(days((110, 90, 100), (120, 95, 100)))
    assert found.ends_ms.tolist() == [DAY_MS, 2 * DAY_MS]
    assert found.levels[0].tolist() == [-np.inf, 90, 110, np.inf]
    assert found.levels[1].tolist() == [-np.inf, 95, 120, np.inf], "the day before the last one is no level any more"


def test_a_daily_pivot_is_a_level_two_days_later() -> None:
    bars = [(104, 100, 102)] * 2 + [(130, 101, 102)] + [(104, 100, 102)] * 3
    found = daily_levels(days(*bars))
    assert 130 not in found.levels[3]
    assert 130 in found.levels[4]
    assert 130 in found.levels[5]


def test_pivots_near_each_other_are_one_level() -> None:
    low = [100.0, 99.0, 90.0, 99.0, 100.0]
    highs = [104, 105, 140, 105, 104, 105, 141, 105, 104, 105, 180, 105, 104]
    block = days(*[(high, low[place % 5], 102.0) for place, high in enumerate(highs)])
    reach = CLUSTER_ATR * daily_atr(block)
    assert 1.0 < reach < 30.0
    found = daily_levels(block).levels[-1].tolist()
    assert 140.5 in found
    assert 180.0 in found
    assert not {140.0, 141.0} & set(found)


def test_pivots_are_forgotten_after_thirty_days() -> None:
    bars = [(104, 100, 102)] * 2 + [(130, 101, 102)] + [(104, 100, 102)] * 60
    found = daily_levels(days(*bars))
    last = max(place for place, levels in enumerate(found.levels) if 130 in levels)
    assert last == 2 + 31, "the pivot is the last of thirty days that have two days on both sides"


def test_the_newest_levels_need_so_many_days_and_no_more() -> None:
    random = np.random.default_rng(3)
    close = 100 + np.cumsum(random.normal(size=90))
    block = days(*zip(close + random.random(90) * 3, close - random.random(90) * 3, close, strict=True))
    whole = daily_levels(block)
    for end in range(DAYS_NEEDED, 91):
        assert np.array_equal(daily_levels(block[end - DAYS_NEEDED : end]).levels[-1], whole.levels[end - 1])
        assert np.array_equal(daily_levels(block[:end]).levels[-1], whole.levels[end - 1]), "no later day is looked at"


@given(st.lists(st.integers(0, 6), min_size=0, max_size=60), st.integers(1, 6))
def test_pivots_are_the_first_of_the_greatest_on_both_sides(values: list[int], bars: int) -> None:
    expected = [
        place
        for place in range(bars, len(values) - bars)
        if values[place] == max(values[place - bars : place + bars + 1])
        and values[place] > max(values[place - bars : place])
    ]
    assert pivots(np.array(values, dtype=np.float64), bars) == expected


def naive(block: np.ndarray, daily: DailyLevels, place: int) -> tuple[float, float, float]:
    """The nearest levels of one bar by their definition, bar by bar."""
    levels = set()
    for day, end in enumerate(daily.ends_ms.tolist()):
        if end <= block[place, 0]:
            levels = set(daily.levels[day][1:-1].tolist())
    for column, sign in ((2, 1.0), (3, -1.0)):
        prices = sign * block[:, column]
        for pivot in range(max(SWING_BARS, place - SWING_LIFE), place - SWING_BARS):
            if prices[pivot] == max(prices[pivot - SWING_BARS : pivot + SWING_BARS + 1]) and prices[pivot] > max(
                prices[pivot - SWING_BARS : pivot]
            ):
                levels.add(float(sign * prices[pivot]))
    before, close = block[place - 1, 4], block[place, 4]
    return (
        min((level for level in levels if level >= before), default=np.inf),
        max((level for level in levels if level <= before), default=-np.inf),
        min((abs(level - close) for level in levels), default=np.inf),
    )


@pytest.mark.parametrize("with_days", [False, True])
def test_the_nearest_levels_are_those_of_the_definition(with_days: bool) -> None:
    block = minutes(5, 3000)
    block[:, 0] -= block[0, 0] - DAY_MS + 60 * 60_000
    daily = daily_levels(days((100.4, 99.1, 100), (101.9, 98.2, 99))) if with_days else NO_DAILY_LEVELS
    first = 560
    found = nearest_levels(block[:, 0], block[:, 2], block[:, 3], block[:, 4], daily, first)
    for place in range(first, 3000, 7):
        expected = naive(block, daily, place)
        got = (found.above[place - first], found.below[place - first], found.touch[place - first])
        assert got == pytest.approx(expected), place


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.integers(560, 1499))
def test_no_later_bar_is_looked_at(seed: int, place: int) -> None:
    block = minutes(seed, 1500)

    def at(bars: np.ndarray, first: int) -> list[float]:
        found = nearest_levels(bars[:, 0], bars[:, 2], bars[:, 3], bars[:, 4], NO_DAILY_LEVELS, first)
        return [float(column[place - first]) for column in found]

    assert at(block, 560) == at(block[: place + 1], place)
