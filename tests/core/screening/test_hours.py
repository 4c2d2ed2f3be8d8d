"""The most liquid hours: by median quote volume, on three days at least, whatever a single day did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.screening.hours import HOUR_MS, preferred, ranked_hours
from tests.core.market.builders import walk

MINUTE_MS = 60_000
MIDNIGHT = 1_795_219_200_000
assert MIDNIGHT % (24 * HOUR_MS) == 0


def week(days: int, start_ms: int = MIDNIGHT, **of_hour: float):
    """Minutes of so many days with quote volume 1, and what is given for single hours: `h14=5.0`."""
    block = walk(days * 1440, start=start_ms)
    block[:, 6] = 1.0
    for name, volume in of_hour.items():
        block[hour_of(block) == int(name[1:]), 6] = volume
    return block


def hour_of(block):
    return block[:, 0] // HOUR_MS % 24


def test_the_most_traded_hours_come_first_and_are_told_by_the_clock() -> None:
    ranked = ranked_hours(week(4, h14=5.0, h3=9.0, h20=7.0))
    assert ranked[:4] == (3, 20, 14, 0)
    assert sorted(ranked) == list(range(24))
    assert preferred(ranked, 3) == (3, 14, 20)
    assert preferred(ranked, 24) == tuple(range(24))
    assert preferred(ranked, 0) == preferred((), 5) == ()


def test_one_wild_day_does_not_make_an_hour_liquid() -> None:
    block = week(5, h14=2.0)
    block[(hour_of(block) == 6) & (block[:, 0] < MIDNIGHT + 24 * HOUR_MS), 6] = 1000.0
    assert ranked_hours(block)[0] == 14


@pytest.mark.parametrize(
    ("start_ms", "minutes", "known"),
    [
        (MIDNIGHT, 3 * 1440, True),
        (MIDNIGHT, 3 * 1440 - 1, False),
        (MIDNIGHT + MINUTE_MS, 3 * 1440, False),
        (MIDNIGHT + MINUTE_MS, 3 * 1440 + 59, True),
        (MIDNIGHT, 0, False),
    ],
)
def test_three_whole_days_are_needed(start_ms: int, minutes: int, known: bool) -> None:
    assert bool(ranked_hours(week(4, start_ms)[:minutes])) is known


def test_hours_that_are_not_whole_or_not_stored_do_not_count() -> None:
    block = week(4, h5=3.0)
    torn = block[30:]
    torn[:30, 6] = 1e9  # half of hour 0 of the first day
    assert ranked_hours(torn)[0] == 5
    missing = block[~((hour_of(block) == 5) & (block[:, 0] < MIDNIGHT + 24 * HOUR_MS))]
    assert ranked_hours(missing)[0] == 5
    never = block[hour_of(block) != 5]
    assert ranked_hours(never)[-1] == 5


def test_without_quote_volume_volume_times_close_stands_in() -> None:
    block = week(4)
    block[:, 6] = np.nan
    block[:, 5] = 1.0
    block[hour_of(block) == 9, 5] = 4.0
    assert ranked_hours(block)[0] == 9


@given(st.integers(0, 23), st.integers(0, 200))
def test_where_the_minutes_begin_does_not_matter(hour: int, late: int) -> None:
    block = week(5, MIDNIGHT, **{f"h{hour}": 2.0})[late:]
    assert ranked_hours(block)[0] == hour
