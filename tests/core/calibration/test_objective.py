"""What a trial is worth: by objective, over blocks, and when it is infeasible."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.calibration.objective import WORST, balance, block_value, median, outcome
from core.calibration.statistics import closed_equity, lower_bound, max_drawdown

RESULTS = np.array([1.8, -1.0, -1.0, 2.1, -1.0, 1.5, -1.0, -1.0, 2.0, -1.0])
OBJECTIVES = ("expectancy", "profit_factor", "win_rate", "drawdown", "multi")


def test_the_default_is_the_lower_bound_of_expectancy() -> None:
    assert block_value("expectancy", RESULTS) == pytest.approx(-0.3279031)
    assert block_value("profit_factor", RESULTS) == pytest.approx(1.1102362)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_prefers_better_trades(name: str) -> None:
    assert block_value(name, RESULTS + 0.5) > block_value(name, RESULTS) > block_value(name, RESULTS - 0.5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_trade_says_nothing(name: str) -> None:
    assert math.isnan(block_value(name, RESULTS[:1]))


@pytest.mark.parametrize("results", [np.full(9, 1.0), np.full(9, -1.0)])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_gains_and_only_losses_have_a_value(name: str, results: np.ndarray) -> None:
    assert math.isfinite(block_value(name, results))
    assert block_value(name, np.full(9, 1.0)) > block_value(name, np.full(9, -1.0))


def test_a_near_target_with_a_far_stop_does_not_win_the_win_rate() -> None:
    near = np.array([0.1] * 18 + [-2.0] * 2)  # 90 % wins, and a loss all in all
    fair = np.array([1.0] * 14 + [-1.0] * 6)
    assert block_value("win_rate", near) < block_value("win_rate", fair)


def test_blocks_come_together_as_their_median() -> None:
    blocks = [RESULTS, RESULTS + 1.0, RESULTS - 1.0, RESULTS + 0.2]
    found = outcome("expectancy", blocks, whole=True)
    assert found.value == pytest.approx((lower_bound(RESULTS) + lower_bound(RESULTS + 0.2)) / 2.0)
    assert found.trades == 40
    assert found.violation == 0.0
    assert found.drawdown == max_drawdown(closed_equity(np.concatenate(blocks)))


@pytest.mark.parametrize(
    ("sizes", "whole", "violation"),
    [
        ((8, 8, 8, 8), True, 0.0),
        ((8, 8, 8, 5), True, 3.0),
        ((10, 0, 10, 4), True, 12.0),
        ((8, 8), False, 0.0),  # thirty are asked for at the end only
        ((8, 8), True, 14.0),
        ((8, 6), False, 2.0),
    ],
)
def test_too_few_trades_make_a_trial_infeasible(sizes: tuple[int, ...], whole: bool, violation: float) -> None:
    blocks = [np.full(size, 2.0) for size in sizes]
    assert outcome("expectancy", blocks, whole).violation == violation


def test_a_block_without_trades_is_the_worst_there_is() -> None:
    assert outcome("expectancy", [np.empty(0)], whole=False).value == WORST
    assert outcome("expectancy", [np.empty(0), RESULTS, RESULTS], whole=True).value == lower_bound(RESULTS)


def test_a_value_is_weighed_against_the_drawdown_it_took() -> None:
    assert balance(0.2, 0.03) == pytest.approx(4.0)
    assert balance(0.2, 0.01) > balance(0.2, 0.05)
    assert balance(-0.2, 0.01) > balance(-0.2, 0.05)


def test_median_of_even_and_odd() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(KeyError):
        block_value("fame", RESULTS)
