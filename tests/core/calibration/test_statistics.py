"""Trade statistics: the sheet's golden values, their bounds, and what happens with too few trades."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.statistics import (
    PROFIT_FACTOR_CAP,
    closed_equity,
    lower_bound,
    max_drawdown,
    profit_factor,
    shrunk_profit_factor,
    trade_statistics,
    wilson,
)

GOLDEN = np.array([1.8, -1, -1, 2.1, -1, 1.5, -1, -1, 2.0, -1])
RESULTS = st.lists(st.floats(-3.0, 6.0), min_size=1, max_size=60).map(lambda values: np.array(values))


def test_ten_trades_of_the_method_sheet():
    found = trade_statistics(GOLDEN, days=2.0)
    assert (found.trades, found.wins, found.trades_per_day) == (10, 4, 5.0)
    assert found.profit_factor == pytest.approx(1.2333333, rel=1e-6)
    assert found.shrunk_profit_factor == pytest.approx(1.1102362, rel=1e-6)
    assert found.expectancy_r == pytest.approx(0.14)
    assert found.lower_bound_r == pytest.approx(-0.3279031, rel=1e-6)
    assert found.t_value == pytest.approx(0.14 / (0.14 + 0.3279031), rel=1e-6)


def test_wilson_of_the_method_sheet():
    assert wilson(18, 30) == pytest.approx((0.4505684, 0.7328840), rel=1e-6)


@given(trades=st.integers(1, 5000), data=st.data())
def test_wilson_contains_the_share_and_narrows_with_trades(trades, data):
    wins = data.draw(st.integers(0, trades))
    low, high = wilson(wins, trades)
    assert 0.0 <= low <= wins / trades <= high <= 1.0
    more_low, more_high = wilson(2 * wins, 2 * trades)
    assert more_high - more_low < high - low


@given(trades=st.integers(1, 500), data=st.data())
def test_wilson_of_losses_mirrors_that_of_wins(trades, data):
    wins = data.draw(st.integers(0, trades))
    low, high = wilson(wins, trades)
    assert wilson(trades - wins, trades) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-12)


@pytest.mark.parametrize(("wins", "trades"), [(-1, 3), (4, 3)])
def test_wilson_refuses_more_wins_than_trades(wins, trades):
    with pytest.raises(ValueError, match=f"got {wins} of {trades}"):
        wilson(wins, trades)


@given(results=RESULTS)
def test_shrinking_pulls_the_profit_factor_toward_one_and_never_past(results):
    plain, shrunk = profit_factor(results), shrunk_profit_factor(results)
    if np.abs(results).sum() < 1e-6:
        return
    assert shrunk * max(1.0, 5.0 / len(results)) >= 1.0 / 6.0 - 1e-9
    assert (plain - 1.0) * (shrunk - 1.0) >= -1e-9
    if plain < PROFIT_FACTOR_CAP:
        assert abs(shrunk - 1.0) <= abs(plain - 1.0) + 1e-9


def test_profit_factor_is_capped_without_losses_and_unknown_without_trades():
    assert profit_factor(np.array([1.0, 2.0])) == PROFIT_FACTOR_CAP
    assert profit_factor(np.array([30.0, -1.0])) == PROFIT_FACTOR_CAP
    assert profit_factor(np.array([-1.0])) == 0.0
    assert math.isnan(profit_factor(np.array([])))
    assert math.isnan(shrunk_profit_factor(np.array([0.0])))


def test_a_trade_that_ends_at_nothing_is_no_win():
    found = trade_statistics(np.array([0.0, 0.0, 1.0, -1.0]), days=1.0)
    assert (found.wins, found.win_rate, found.profit_factor) == (1, 0.25, 1.0)


def test_nothing_is_claimed_of_too_few_trades():
    none = trade_statistics(np.array([]), days=1.0)
    assert none.trades == 0
    assert (none.win_rate_low, none.win_rate_high, none.max_drawdown) == (0.0, 1.0, 0.0)
    assert all(map(math.isnan, (none.profit_factor, none.win_rate, none.expectancy_r, none.lower_bound_r)))
    one = trade_statistics(np.array([1.5]), days=1.0)
    assert one.expectancy_r == 1.5
    assert math.isnan(one.lower_bound_r)
    assert math.isnan(one.t_value)


@given(results=RESULTS.filter(lambda values: len(values) > 1))
def test_lower_bound_falls_with_every_error_taken_off(results):
    assert lower_bound(results, errors=2.0) <= lower_bound(results) <= results.mean() + 1e-12


def test_drawdown_is_measured_from_the_last_peak():
    assert max_drawdown(np.array([100.0, 120.0, 90.0, 130.0, 117.0])) == pytest.approx(0.25)
    assert max_drawdown(np.array([1.0, 2.0, 3.0])) == 0.0
    assert max_drawdown(closed_equity(np.array([1.0, -1.0, -1.0]), risk=0.1)) == pytest.approx(1.0 - 0.9 * 0.9)
    assert max_drawdown(closed_equity(np.array([-200.0, 500.0]), risk=0.01)) == 1.0


def test_drawdown_of_a_marked_path_sees_what_open_trades_went_through():
    closed = trade_statistics(np.array([1.0, 1.0]), days=1.0)
    marked = trade_statistics(np.array([1.0, 1.0]), days=1.0, equity=np.array([1.0, 0.8, 1.01, 0.9, 1.02]))
    assert closed.max_drawdown == 0.0
    assert marked.max_drawdown == pytest.approx(0.2)


@given(path=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=80), scale=st.floats(0.1, 10.0))
def test_drawdown_equals_the_naive_one_and_knows_no_currency(path, scale):
    equity = np.array(path)
    naive = max(1.0 - later / earlier for i, earlier in enumerate(path) for later in path[i:])
    assert max_drawdown(equity) == pytest.approx(naive, abs=1e-12)
    assert max_drawdown(equity * scale) == pytest.approx(naive, abs=1e-9)


@pytest.mark.parametrize("path", [[], [0.0, 1.0], [1.0, math.nan]])
def test_drawdown_refuses_a_path_that_is_none(path):
    with pytest.raises(ValueError, match="starts above 0"):
        max_drawdown(np.array(path))


def test_results_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="have not ended"):
        trade_statistics(np.array([1.0, math.nan]), days=1.0)
    with pytest.raises(ValueError, match="longer than 0 days"):
        trade_statistics(GOLDEN, days=0.0)
