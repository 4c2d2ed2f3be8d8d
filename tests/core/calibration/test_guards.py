"""Guards against luck: the sheet's golden values, the naive definitions, and what noise and real edges give."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calibration.guards import (
    Moments,
    deflate,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    min_track_record,
    moments,
    overfitting_probability,
    probabilistic_sharpe,
)

GOLDEN = Moments(sharpe=0.15, skewness=-0.5, kurtosis=5.0, observations=500)


def noise(seed, observations=400, trials=40):
    return np.random.default_rng(seed).normal(size=(observations, trials))


def naive_overfitting(returns, blocks):
    """The definition of the paper, split by split."""
    parts = np.array_split(np.arange(len(returns)), blocks)
    middle, ways = 0, list(combinations(range(blocks), blocks // 2))
    for way in ways:
        inside = np.concatenate([parts[block] for block in way])
        outside = np.concatenate([parts[block] for block in range(blocks) if block not in way])
        sharpe_in = returns[inside].mean(axis=0) / returns[inside].std(axis=0)
        sharpe_out = returns[outside].mean(axis=0) / returns[outside].std(axis=0)
        rank = 1 + np.count_nonzero(sharpe_out < sharpe_out[sharpe_in.argmax()])
        omega = rank / (returns.shape[1] + 1)
        middle += math.log(omega / (1.0 - omega)) <= 0.0
    return middle / len(ways)


def test_deflated_sharpe_of_the_method_sheet():
    assert expected_best_sharpe(0.002, 50) == pytest.approx(0.1017994, rel=1e-6)
    assert deflated_sharpe(GOLDEN, 0.002, 50) == pytest.approx(0.8479737, rel=1e-6)
    assert probabilistic_sharpe(GOLDEN) == pytest.approx(0.9993092, rel=1e-6)


def test_minimum_track_record_of_the_method_sheet():
    assert min_track_record(Moments(0.10, -0.5, 5.0, 500)) == pytest.approx(287.84, abs=0.005)


@pytest.mark.parametrize(("annual", "days"), [(1.0, 990), (2.0, 250), (3.0, 112)])
def test_minimum_track_record_of_annual_sharpe_ratios(annual, days):
    assert min_track_record(Moments(annual / math.sqrt(365.0), 0.0, 3.0, 0)) == pytest.approx(days, rel=0.01)


def test_no_track_record_is_long_enough_for_a_losing_strategy():
    assert min_track_record(Moments(-0.1, 0.0, 3.0, 500)) == math.inf
    assert math.isnan(min_track_record(moments(np.zeros(50))))


@given(sharpe=st.floats(-0.5, 0.5), variance=st.floats(0.0, 0.1), few=st.floats(1.0, 1e4), more=st.floats(1.0, 1e4))
def test_more_trials_never_raise_the_deflated_sharpe(sharpe, variance, few, more):
    few, more = sorted((few, more))
    of = Moments(sharpe, 0.0, 3.0, 300)
    assert deflated_sharpe(of, variance, more) <= deflated_sharpe(of, variance, few) <= probabilistic_sharpe(of)


def test_moments_are_those_of_the_definition():
    returns = np.random.default_rng(1).standard_t(5, size=2000)
    of = moments(returns)
    scaled = (returns - returns.mean()) / returns.std()
    assert of.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert (of.skewness, of.kurtosis) == pytest.approx(((scaled**3).mean(), (scaled**4).mean()))


@pytest.mark.parametrize("returns", [[], [0.3], [0.1] * 20, [0.0] * 20])
def test_returns_that_do_not_vary_have_no_sharpe_ratio(returns):
    assert math.isnan(moments(np.array(returns)).sharpe)
    assert math.isnan(probabilistic_sharpe(moments(np.array(returns))))


def test_trials_that_trade_alike_count_as_one():
    base = noise(3, 500, 4)
    alike = np.repeat(base, 5, axis=1) + 0.2 * noise(4, 500, 20)
    assert effective_trials(base) == 4
    assert effective_trials(alike) == 4
    assert effective_trials(np.column_stack([alike, np.zeros((500, 3))])) == 5
    assert effective_trials(np.zeros((500, 3))) == 1


def test_a_chain_of_neighbours_is_not_one_trial():
    steps = noise(5, 4000, 12)
    chain = np.column_stack([steps[:, i : i + 4].sum(axis=1) for i in range(9)])
    assert np.corrcoef(chain[:, 0], chain[:, 1])[0, 1] > 0.7
    assert effective_trials(chain) >= 4


@pytest.mark.parametrize("seed", range(3))
def test_overfitting_probability_equals_the_naive_one(seed):
    returns = noise(seed, 163, 7)
    assert overfitting_probability(returns[:160], blocks=8) == naive_overfitting(returns[:160], 8)


def test_blocks_need_not_divide_the_observations():
    returns = noise(9, 167, 6)
    assert overfitting_probability(returns, blocks=6) == pytest.approx(naive_overfitting(returns, 6), abs=0.15)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_noise_is_overfitted_about_every_other_time(seed):
    mean = np.mean([overfitting_probability(noise((seed, run)), blocks=10) for run in range(40)])
    assert mean == pytest.approx(0.5, abs=0.15)


def test_real_edges_are_found_again_and_luck_is_not():
    found = [overfitting_probability(noise(seed, 1000, 100) + 0.12 * (np.arange(100) < 5)) for seed in range(5)]
    assert max(found) <= 0.17
    assert np.mean([overfitting_probability(noise(seed, 1000, 100)) for seed in range(20)]) > 0.4


def test_trials_that_are_all_the_same_prove_nothing():
    one = noise(1, 320, 1) + 0.3
    assert overfitting_probability(np.repeat(one, 8, axis=1)) == 1.0
    assert math.isnan(overfitting_probability(one))
    assert math.isnan(overfitting_probability(noise(1, 31, 5)))


@given(seed=st.integers(0, 1000), scale=st.floats(1e-6, 1e6))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_the_results_does_not_matter(seed, scale):
    returns = noise(seed, 120, 6)
    assert overfitting_probability(returns * scale, blocks=6) == overfitting_probability(returns, blocks=6)


def test_trials_without_trades_rank_as_making_nothing():
    losing = noise(2, 320, 6) - 0.5
    assert overfitting_probability(np.column_stack([losing, np.zeros(320)])) == 0.0


def test_the_best_of_many_worthless_trials_is_seen_through():
    plain, deflated = [], []
    for seed in range(40):
        returns = noise(seed, 500, 100)
        best = int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))
        found = deflate(returns, best)
        assert found.effective_trials == 100
        plain.append(found.psr > 0.95)
        deflated.append(found.dsr > 0.95)
    assert np.mean(plain) > 0.9
    assert np.mean(deflated) < 0.05


def test_one_trial_alone_is_not_deflated():
    found = deflate(noise(1, 300, 1) + 0.2, 0)
    assert (found.trials, found.effective_trials, found.expected_best) == (1, 1, 0.0)
    assert found.dsr == found.psr > 0.9


def test_results_with_holes_are_refused():
    returns = noise(1, 320, 4)
    returns[3, 2] = math.nan
    with pytest.raises(ValueError, match=r"0\.0 stands for no position"):
        overfitting_probability(returns)
    with pytest.raises(ValueError, match=r"0\.0 stands for no position"):
        deflate(returns, 0)
    with pytest.raises(ValueError, match="even number of blocks"):
        overfitting_probability(noise(1), blocks=7)
