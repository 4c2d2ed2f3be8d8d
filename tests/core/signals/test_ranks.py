"""The rolling rank equals a naive mid-rank over the window, whatever comes in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.signals.ranks import WINDOW, RollingRank

VALUES = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.just(math.nan)), max_size=80)


def numbers(values: list[float]) -> list[float]:
    return [value for value in values if value == value]


def naive(past: list[float], value: float, window: int) -> float:
    """Share of the last `window` values below this one, ties by half."""
    known = numbers(past[-window:])
    if value != value or len(past) < window or 2 * len(known) < window:
        return math.nan
    return sum((other < value) + 0.5 * (other == value) for other in known) / len(known)


@given(values=VALUES, window=st.integers(1, 20))
def test_ranks_equal_the_naive_mid_rank(values: list[float], window: int) -> None:
    ranks = RollingRank(window)
    for place, value in enumerate(values):
        assert ranks.step(value) == pytest.approx(naive(values[:place], value, window), nan_ok=True)
        assert len(ranks) == len(numbers(values[max(0, place + 1 - window) : place + 1]))


@given(values=VALUES, window=st.integers(1, 20), share=st.floats(0.0, 1.0))
def test_quantiles_equal_numpys(values: list[float], window: int, share: float) -> None:
    ranks = RollingRank(window)
    for value in values:
        ranks.push(value)
    known = numbers(values[-window:])
    if len(values) < window or 2 * len(known) < window:
        assert math.isnan(ranks.quantile(share))
    else:
        expected = float(np.quantile(np.array(known), share))
        assert ranks.quantile(share) == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, known)))


def test_a_value_is_not_compared_with_itself() -> None:
    ranks = RollingRank(2)
    assert [ranks.step(value) for value in (1.0, 2.0, 3.0, 3.0, 0.0)][2:] == [1.0, 0.75, 0.0]


def test_nothing_is_said_before_a_full_window() -> None:
    ranks = RollingRank()
    for place in range(WINDOW):
        assert math.isnan(ranks.step(float(place)))
    assert ranks.step(-1.0) == 0.0


def test_missing_values_age_like_others_so_that_the_start_is_forgotten() -> None:
    early, late = RollingRank(10), RollingRank(10)
    for value in (5.0, 7.0, 9.0):
        early.step(value)
    for value in [math.nan] * 5 + [1.0, 2.0, 3.0, 4.0, 5.0]:
        early.push(value)
        late.push(value)
    assert early.rank(6.0) == late.rank(6.0) == 1.0
    early.push(math.nan)
    assert early.full
    for _ in range(6):
        early.push(math.nan)
    assert not early.full
    assert math.isnan(early.rank(6.0))
