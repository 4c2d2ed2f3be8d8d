"""The time axis: round times, dates at midnight, labels apart, whose clock."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.format import LOOKS
from tui.widgets.chart_time import time_labels

MIDNIGHT_MS = 1_795_219_200_000  # 2026-11-21 00:00 UTC
MINUTE_MS = 60_000


def axis(first_ms: int, step_ms: int, count: int, cell_width: int = 1) -> list[tuple[int, str]]:
    firsts = [first_ms + i * step_ms for i in range(count)]
    return time_labels(firsts, [i * cell_width for i in range(count)], count * cell_width)


def test_labels_are_round_times_and_the_date_where_the_day_begins() -> None:
    words = [words for _, words in axis(MIDNIGHT_MS - 70 * MINUTE_MS, 5 * MINUTE_MS, 44)]
    assert words == ["23:00", "21 Nov", "01:00", "02:00"]


def test_a_label_is_centred_under_its_column() -> None:
    assert (27, "21 Nov") in axis(MIDNIGHT_MS - 30 * MINUTE_MS, MINUTE_MS, 60)


def test_days_are_dates() -> None:
    assert all(words.split()[1] in ("Nov", "Dec") for _, words in axis(MIDNIGHT_MS, 86_400_000, 30))


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from([1, 5, 15, 60, 240, 1440]),
    st.integers(0, 150),
    st.integers(1, 3),
)
def test_labels_never_touch_and_stay_inside(first_ms: int, minutes: int, count: int, cell_width: int) -> None:
    end = -1
    for start, words in axis(first_ms, minutes * MINUTE_MS, count, cell_width):
        assert start > end
        end = start + len(words)
        assert end <= count * cell_width


def test_times_before_and_beyond_the_calendar_have_no_label_but_no_error() -> None:
    axis(-(2**62), MINUTE_MS, 40)
    axis(2**62, 86_400_000, 40)


def test_local_times_are_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        monkeypatch.setattr(LOOKS, "times", "local")
        assert (25, "05:30") in axis(MIDNIGHT_MS - 27 * MINUTE_MS, MINUTE_MS, 60)
    finally:
        monkeypatch.undo()
        time.tzset()
