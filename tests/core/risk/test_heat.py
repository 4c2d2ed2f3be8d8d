"""Correlation heat and same bets."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from core.risk.heat import FEWEST, MOST, SHRINK, Correlations, assumed, correlation, heat, same_bets

D = Decimal
THREE = Correlations(pairs={("A", "B"): 0.9, ("A", "C"): 0.5, ("B", "C"): 0.4}, classes={})


def test_heat_of_three_positions() -> None:
    found = heat([("A", D(100)), ("B", D(100)), ("C", D(-50))], THREE)
    assert float(found) == pytest.approx(177.4824, abs=5e-5)


def test_heat_takes_correlations_as_numpy_has_them() -> None:
    assert heat([("A", D(3)), ("B", D(4))], Correlations(pairs={("A", "B"): np.float64(1.0)}, classes={})) == 7


def test_heat_of_one_and_of_none() -> None:
    assert heat([("A", D(-7))], THREE) == 7
    assert heat([], THREE) == 0


def test_two_positions_of_one_symbol_add_up() -> None:
    assert heat([("A", D(3)), ("A", D(4))], THREE) == 7


def test_a_perfect_hedge_is_nil() -> None:
    one = Correlations(pairs={("A", "B"): 1.0}, classes={})
    assert heat([("A", D(5)), ("B", D(-5))], one) == 0


def test_pairs_that_cannot_be_together_give_no_credit_for_hedging() -> None:
    """Three correlations of -1 do not exist together: x' C x is -3 x²."""
    impossible = Correlations(pairs={("A", "B"): -1.0, ("A", "C"): -1.0, ("B", "C"): -1.0}, classes={})
    assert heat([("A", D(1)), ("B", D(1)), ("C", D(1))], impossible) == 3


def test_a_pair_is_found_whichever_is_named_first_and_itself_is_one() -> None:
    assert THREE.rho("B", "A") == THREE.rho("A", "B") == 0.9
    assert THREE.rho("A", "A") == 1.0


@pytest.mark.parametrize("value", [math.nan, 1.01, -1.01])
def test_what_is_no_correlation_is_not_known(value: float) -> None:
    assert Correlations(pairs={("A", "B"): value}, classes={}).rho("A", "B") == 0.4


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_the_ends_of_the_range_are_correlations(value: float) -> None:
    assert Correlations(pairs={("A", "B"): value}, classes={}).rho("A", "B") == value


def test_missing_pairs_take_what_is_assumed_of_their_classes() -> None:
    classes = {"A": "meme", "B": "meme", "C": "defi"}
    assert assumed("A", "B", classes) == 0.7
    assert assumed("A", "C", classes) == 0.4
    assert assumed("X", "Y", classes) == 0.4
    assert Correlations(pairs={}, classes=classes).rho("B", "A") == 0.7


def noise(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def test_correlation_is_drawn_towards_the_prior_by_how_little_is_known() -> None:
    x = noise(FEWEST, 1)
    assert correlation(x, x, 0.4) == pytest.approx((FEWEST + SHRINK * 0.4) / (FEWEST + SHRINK))
    assert correlation(x, -x, 0.7) == pytest.approx((-FEWEST + SHRINK * 0.7) / (FEWEST + SHRINK))
    long = noise(MOST + 500, 2)
    assert correlation(long, long, 0.0) == pytest.approx(MOST / (MOST + SHRINK))


def test_too_few_or_flat_returns_are_not_known() -> None:
    x = noise(FEWEST, 1)
    assert math.isnan(correlation(x[1:], x[1:], 0.4))
    assert math.isnan(correlation(x, x[1:], 0.4))
    assert math.isnan(correlation(x, np.zeros(FEWEST), 0.4))


def test_newer_returns_weigh_more() -> None:
    """The same half day of agreement and half of none: agreement counts for more when it is the newer half."""
    x, other = noise(2 * FEWEST, 1), noise(2 * FEWEST, 2)
    newer = np.concatenate([other[:FEWEST], x[FEWEST:]])
    older = np.concatenate([x[:FEWEST], other[FEWEST:]])
    assert correlation(x, newer, 0.0) > correlation(x, older, 0.0) + 0.2


def test_the_weights_halve_each_day() -> None:
    """Against numpy's weighted covariance."""
    x, y = noise(600, 3), noise(600, 4) + 0.5 * noise(600, 3)
    weights = 0.5 ** (np.arange(599, -1, -1) / 288)
    cov = np.cov(x, y, aweights=weights, ddof=0)
    plain = cov[0, 1] / math.sqrt(cov[0, 0] * cov[1, 1])
    assert correlation(x, y, 0.4) == pytest.approx((600 * plain + 72 * 0.4) / 672)


def test_same_bets_by_direction() -> None:
    pairs = Correlations(pairs={("A", "B"): 0.85, ("A", "C"): -0.9, ("A", "D"): 0.849}, classes={})
    held = [("A", 1), ("B", 1), ("C", 1), ("C", -1), ("D", 1)]
    assert same_bets("A", 1, held, pairs, 0.85) == ("B", "C")
    assert same_bets("A", -1, held, pairs, 0.85) == ("C",)
    assert same_bets("A", 1, [("B", -1), ("C", 1)], pairs, 0.85) == ()
    assert same_bets("A", 1, [("C", -1)], pairs, 0.85) == ("C",)
