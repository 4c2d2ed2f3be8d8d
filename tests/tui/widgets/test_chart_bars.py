"""Bars as columns: grouping that does not shift, panning that stands still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.tui.widgets import chart_builder as make
from tui.widgets.chart_bars import columns_of, moved_anchor, step_of, window_of

MINUTE_MS = make.MINUTE_MS


def columns(held: int = 1, forming: bool = True):
    return columns_of(make.bars(), make.forming(104.5) if forming else None, MINUTE_MS, held)


def test_the_forming_bar_comes_last_and_only_if_it_is_newer() -> None:
    assert columns()[-1].forming
    assert len(columns_of(make.bars(), make.forming(104.5, 23), MINUTE_MS, 1)) == len(make.bars())
    assert [column.forming for column in columns_of((), make.forming(104.5), MINUTE_MS, 1)] == [True]


@given(st.integers(2, 12), st.integers(1, len(make.CLOSES)))
def test_a_new_bar_never_regroups_the_old_ones(held: int, count: int) -> None:
    bars = make.bars()
    fewer = columns_of(bars[:count], None, MINUTE_MS, held)
    all_of_them = columns_of(bars, None, MINUTE_MS, held)
    assert [column.first_ms for column in all_of_them][: len(fewer)] == [column.first_ms for column in fewer]
    assert all_of_them[: len(fewer) - 1] == fewer[:-1]


@given(st.integers(2, 12))
def test_joined_bars_keep_extremes_and_sums(held: int) -> None:
    joined, single = columns(held, forming=False), columns(forming=False)
    assert max(column.high for column in joined) == max(column.high for column in single)
    assert min(column.low for column in joined) == min(column.low for column in single)
    assert abs(sum(column.volume for column in joined) - sum(column.volume for column in single)) < 1e-9
    assert (joined[0].open, joined[-1].close) == (single[0].open, single[-1].close)


def test_a_window_ends_at_its_anchor_and_knows_only_closed_bars() -> None:
    following = window_of(columns(), 10, 0, MINUTE_MS)
    assert following.follows
    assert following.known_ms == make.at(24)
    back = window_of(columns(), 10, make.at(15), MINUTE_MS)
    assert (back.firsts[-1], len(back.columns), back.follows) == (make.at(15), 10, False)
    assert back.known_ms == make.at(16)


@given(st.integers(-60, 60), st.integers(1, 40), st.integers(0, 24))
def test_panning_ends_at_the_oldest_page_and_at_the_newest_bar(by: int, shown: int, start: int) -> None:
    found = columns()
    anchor = moved_anchor(found, make.at(start), by, shown)
    if anchor:
        place = [column.first_ms for column in found].index(anchor)
        assert min(shown, len(found)) - 1 <= place < len(found) - 1
        assert place == max(min(shown, len(found)) - 1, start + by)
    else:
        assert max(min(shown, len(found)) - 1, start + by) >= len(found) - 1


def test_panning_there_and_back_is_the_same_view() -> None:
    back = moved_anchor(columns(), 0, -5, 10)
    assert back == make.at(19)
    assert moved_anchor(columns(), back, 5, 10) == 0


def test_the_length_of_a_bar_is_the_timeframes_or_read_from_the_bars() -> None:
    chart = make.chart()
    assert step_of(chart, 300_000) == 300_000
    assert step_of(chart, 0) == MINUTE_MS
    assert step_of(make.chart(()), 0) == MINUTE_MS
