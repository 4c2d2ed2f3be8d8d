"""Score maps: the right map for the number of outcomes, rising everywhere, and never worse than admitted."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.learning.probability import (
    BetaMap,
    IsotonicMap,
    PlattMap,
    ScoreMap,
    fit_beta,
    fit_isotonic,
    fit_map,
    fit_platt,
    pool_adjacent_violators,
    refit_map,
)

GRID = np.linspace(0.0, 1.0, 101)
VALUES = st.lists(st.tuples(st.floats(-5.0, 5.0), st.floats(0.1, 4.0)), min_size=1, max_size=40)


def sigmoid(values):
    return 1.0 / (1.0 + np.exp(-values))


def market(seed, count, edge=0.4, bend=0.0):
    """Over-confident scores: the truth's logit is `edge` of the score's, `bend` adds what no straight line follows."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.normal(size=count)
    truth = sigmoid(edge * logits + bend * np.sign(logits - 1.0))
    return sigmoid(logits), (generator.random(count) < truth).astype(float)


@pytest.mark.parametrize(
    ("count", "curve", "calibrated"),
    [(20, PlattMap, False), (99, PlattMap, False), (100, PlattMap, True), (999, PlattMap, True), (1000, BetaMap, True)],
)
def test_the_number_of_outcomes_decides_which_map(count, curve, calibrated):
    found = fit_map(*market(1, count, edge=1.0))
    assert isinstance(found.curve, curve)
    assert (found.n_eff, found.calibrated) == (count, calibrated)


def test_isotonic_needs_five_thousand_outcomes_and_a_shape_the_others_miss():
    assert isinstance(fit_map(*market(2, 8000, bend=1.5)).curve, IsotonicMap)
    assert isinstance(fit_map(*market(2, 4900, bend=1.5)).curve, BetaMap)
    assert isinstance(fit_map(*market(2, 8000)).curve, BetaMap)


def test_overlapping_outcomes_count_by_their_uniqueness():
    scores, outcomes = market(3, 1200)
    found = fit_map(scores, outcomes, np.full(1200, 0.05))
    assert found.n_eff == pytest.approx(60.0)
    assert not found.calibrated


def test_a_weight_of_two_is_the_outcome_twice():
    scores, outcomes = market(4, 300)
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    twice = (np.concatenate([scores, scores[:100]]), np.concatenate([outcomes, outcomes[:100]]))
    for fit in (fit_platt, fit_beta):
        once, doubled = fit(scores, outcomes, weights), fit(*twice)
        assert once is not None
        assert doubled is not None
        assert once(GRID) == pytest.approx(doubled(GRID), abs=1e-6)


@pytest.mark.parametrize(("fit", "worst"), [(fit_platt, 40e-4), (fit_beta, 40e-4), (fit_isotonic, 120e-4)])
def test_maps_find_the_truth_behind_over_confident_scores(fit, worst):
    scores, _ = market(99, 3000)
    truth = sigmoid(0.4 * np.log(scores / (1.0 - scores)))
    raw = np.mean((scores - truth) ** 2)
    excess = np.mean([np.mean((fit(*market(seed, 200))(scores) - truth) ** 2) for seed in range(30)])
    assert excess < worst < raw


def test_platt_recovers_the_slope():
    found = fit_platt(*market(5, 60_000, edge=0.7))
    assert found is not None
    assert (found.slope, found.intercept) == pytest.approx((0.7, 0.0), abs=0.03)


def test_beta_of_equal_coefficients_is_platt():
    assert BetaMap(0.6, 0.6, 0.2)(GRID) == pytest.approx(PlattMap(0.6, 0.2)(GRID))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 400), edge=st.floats(-1.0, 2.0))
def test_every_accepted_map_rises_and_stays_inside(seed, count, edge):
    scores, outcomes = market(seed, count, edge)
    for fit in (fit_platt, fit_beta, fit_isotonic):
        curve = fit(scores, outcomes)
        if curve is not None:
            values = curve(GRID)
            assert np.all(np.diff(values) >= -1e-12)
            assert values[-1] > values[0]
            assert values.min() >= 0.0
            assert values.max() <= 1.0


@pytest.mark.parametrize("fit", [fit_platt, fit_beta])
def test_scores_that_point_the_wrong_way_are_rejected(fit):
    scores, outcomes = market(6, 3000, edge=-0.8)
    assert fit(scores, outcomes) is None
    assert not fit_map(scores, outcomes).calibrated
    prior = np.full(5, 0.51)
    assert fit_map(scores, outcomes).probability(GRID[:5], prior) is prior


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_outcomes_all_alike_teach_no_direction(outcome):
    scores, _ = market(7, 400)
    assert fit_map(scores, np.full(400, outcome)).curve is None
    assert fit_isotonic(scores, np.full(400, outcome)) is None


@pytest.mark.parametrize("fit", [fit_platt, fit_beta, fit_isotonic])
def test_one_score_for_all_teaches_nothing(fit):
    assert fit(np.full(200, 0.5), np.tile([0.0, 1.0], 100)) is None
    assert fit(np.array([0.7]), np.array([1.0])) is None


@pytest.mark.parametrize("fit", [fit_platt, fit_beta])
def test_scores_that_separate_the_outcomes_end_in_a_finite_map(fit):
    scores = np.concatenate([np.linspace(0.1, 0.4, 20), np.linspace(0.6, 0.9, 20), [0.0, 1.0]])
    curve = fit(scores, (scores > 0.5).astype(float))
    assert curve is not None
    assert all(map(math.isfinite, msgspec.structs.astuple(curve)))
    assert curve(np.array([0.05]))[0] < 0.1 < 0.9 < curve(np.array([0.95]))[0]


def test_beta_drops_the_coefficient_that_falls():
    generator = np.random.default_rng(8)
    scores = generator.uniform(0.01, 0.99, 40_000)
    truth = sigmoid(1.5 * np.log(scores) + 0.6 * np.log1p(-scores) + 1.5)
    found = fit_beta(scores, (generator.random(40_000) < truth).astype(float))
    assert found is not None
    assert found.b == 0.0
    assert found.a > 0.5


def test_few_outcomes_only_lean_on_the_prior():
    scores, outcomes = market(9, 50, edge=1.0)
    found = fit_map(scores, outcomes)
    prior = np.full(101, 0.52)
    assert found.curve is not None
    assert found.probability(GRID, prior) == pytest.approx((50 * found.curve(GRID) + 100 * prior) / 150)
    assert ScoreMap().probability(GRID, prior) is prior


def test_isotonic_is_never_certain():
    scores = np.linspace(0.1, 0.9, 18)
    found = fit_isotonic(scores, (scores > 0.5).astype(float))
    assert found is not None
    assert (found.probabilities[0], found.probabilities[-1]) == pytest.approx((1 / 20, 19 / 20))
    assert found(np.array([0.0, 1.0])) == pytest.approx([1 / 20, 19 / 20])


def test_isotonic_keeps_only_the_ends_of_its_steps():
    scores, outcomes = market(10, 3000)
    found = fit_isotonic(scores, outcomes)
    order = np.argsort(scores)
    assert found is not None
    assert len(found.scores) < 200
    assert found(scores[order]) == pytest.approx(
        np.clip(pool_adjacent_violators(outcomes[order], np.ones(3000)), 1 / 3002, 1 - 1 / 3002)
    )


@given(pairs=VALUES)
def test_pooling_never_falls_keeps_the_mass_and_repeats_itself(pairs):
    values, weights = np.array(pairs).T
    pooled = pool_adjacent_violators(values, weights)
    assert np.all(np.diff(pooled) >= 0.0)
    assert (pooled * weights).sum() == pytest.approx((values * weights).sum(), abs=1e-9)
    assert pool_adjacent_violators(pooled, weights).tolist() == pooled.tolist()


@settings(deadline=None)
@given(pairs=VALUES)
def test_pooling_equals_the_minimax_definition(pairs):
    values, weights = np.array(pairs).T
    count = len(values)
    naive = [
        max(
            min(np.average(values[a : b + 1], weights=weights[a : b + 1]) for b in range(place, count))
            for a in range(place + 1)
        )
        for place in range(count)
    ]
    assert pool_adjacent_violators(values, weights) == pytest.approx(naive, abs=1e-9)


def test_a_worse_map_is_held_back():
    before, after = market(11, 1600, edge=1.5), market(12, 400, edge=0.1)
    scores, outcomes = (np.concatenate(pair) for pair in zip(before, after, strict=True))
    prior = np.full(2000, 0.5)
    good = ScoreMap(curve=PlattMap(0.1, 0.0), n_eff=2000.0)
    kept = refit_map(good, scores, outcomes, prior)
    assert kept.held
    assert kept.map is good
    assert kept.loss_difference > kept.standard_error > 0.0


def test_a_map_that_is_worse_by_less_than_an_error_is_taken():
    true = ScoreMap(curve=PlattMap(0.4, 0.0), n_eff=5000.0)
    prior = np.full(500, 0.5)
    past = [market(seed, 500) for seed in range(12)]
    found = [refit_map(true, scores, outcomes, prior) for scores, outcomes in past]
    assert [each.held for each in found] == [each.loss_difference > each.standard_error for each in found]
    assert any(each.loss_difference > 0.0 and not each.held for each in found)


def test_a_better_map_replaces_the_previous_one():
    scores, outcomes = market(13, 2000)
    stale = ScoreMap(curve=PlattMap(3.0, 1.0), n_eff=2000.0)
    found = refit_map(stale, scores, outcomes, np.full(2000, 0.5))
    assert not found.held
    assert found.loss_difference < 0.0
    assert found.map == fit_map(scores, outcomes)


def test_the_first_map_has_nothing_to_be_compared_with():
    scores, outcomes = market(14, 150)
    found = refit_map(ScoreMap(), scores, outcomes, np.full(150, 0.5))
    assert not found.held
    assert found.map.calibrated


@pytest.mark.parametrize("curve", [PlattMap(0.5, 0.1), BetaMap(0.5, 0.4, 0.1), IsotonicMap((0.2, 0.8), (0.4, 0.6))])
def test_maps_survive_being_stored(curve):
    kept = ScoreMap(curve=curve, n_eff=700.0)
    assert msgspec.json.decode(msgspec.json.encode(kept), type=ScoreMap) == kept


@pytest.mark.parametrize(
    ("scores", "outcomes", "weights", "words"),
    [
        ([0.5, 0.6], [1.0], None, "differ in length"),
        ([1.2], [1.0], None, "probabilities"),
        ([math.nan], [1.0], None, "probabilities"),
        ([0.5], [0.4], None, "0 or 1"),
        ([0.5], [1.0], [0.0], "above 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(scores, outcomes, weights, words):
    with pytest.raises(ValueError, match=words):
        fit_map(np.array(scores), np.array(outcomes), None if weights is None else np.array(weights))
