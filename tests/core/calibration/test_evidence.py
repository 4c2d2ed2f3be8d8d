"""What the guards are fed: all trials over the same hours, copies counted once, trades of several stretches as one."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from core.calibration.evidence import PERIOD, Evaluated
from core.calibration.figures import figures_of
from core.calibration.guards import clusters, distinct, effective_trials
from core.calibration.history import History
from core.calibration.statistics import trade_statistics
from core.calibration.walk import joined
from core.screening.thresholds import Thresholds
from tests.core.calibration.planted import job, market

BARS, FIRST, TESTED = 6000, 1500, 3600


@cache
def history() -> History:
    asked = job(market(1, BARS))
    return History(replace(asked, shorts=True), asked.bars, None)


def sets() -> list[Thresholds]:
    base = job(market(1, BARS)).current
    return [base, replace(base, vol_z_threshold=2.0), replace(base, tp_mult=1.5, sl_mult=0.6), base]


def test_every_hour_of_every_trial_adds_up_to_its_results() -> None:
    evaluated = Evaluated(history(), sets(), FIRST, TESTED)
    assert (TESTED - evaluated.first) % PERIOD == 0
    assert FIRST <= evaluated.first < FIRST + PERIOD
    assert evaluated.returns.shape == (-(-(BARS - evaluated.first) // PERIOD), 4)
    for place, one in enumerate(sets()):
        trades = history().trades(one, FIRST, BARS)
        assert len(trades) > 10
        marked = history().marked(trades)[evaluated.first :]
        assert evaluated.returns[:, place].sum() == pytest.approx(marked.sum())
    assert np.array_equal(evaluated.returns[:, 0], evaluated.returns[:, 3])


def test_the_chosen_one_is_held_against_all_trials_on_the_tests_only() -> None:
    evaluated = Evaluated(history(), sets(), FIRST, TESTED)
    chosen = history().trades(sets()[1], TESTED, BARS)
    found = evaluated.deflated(chosen)
    assert found.trials == 5
    assert found.effective_trials <= 4  # the first and the last are one
    assert found.moments.observations == (BARS - TESTED) // PERIOD
    assert 0.0 <= evaluated.overfitting() <= 1.0


def test_where_all_trials_are_one_strategy_its_copies_are_compared() -> None:
    base = sets()[0]
    copies = [replace(base, tp_mult=base.tp_mult + 0.01 * place) for place in range(6)]
    evaluated = Evaluated(history(), copies, FIRST, TESTED)
    assert len(np.unique(clusters(evaluated.returns))) == 1
    assert 0.0 <= evaluated.overfitting() <= 1.0


def test_a_trade_may_run_into_the_next_stretch_where_none_begins_until_it_has_ended() -> None:
    base = sets()[0]
    edges = list(range(FIRST, BARS, 150))
    parts = [(base if place % 3 else None, start, stop) for place, (start, stop) in enumerate(pairwise(edges))]
    found = history().joined(parts)
    assert len(found) > 10
    assert bool((found.entered[1:] > found.exited[:-1]).all())
    assert bool((found.exited // 150 > found.entered // 150).any())
    silent = [(start, stop) for one, start, stop in parts if one is None]
    assert not any(len(found.of(start, stop)) for start, stop in silent)


def test_no_stretch_is_no_trade() -> None:
    nothing = joined([])
    assert len(nothing) == 0
    assert nothing.places.dtype == np.intp
    assert history().statistics(nothing, 1440).trades == 0
    assert history().statistics(nothing, 1440).max_drawdown == 0.0


def test_figures_are_the_statistics() -> None:
    found = trade_statistics(np.array([1.0, -1.0, 2.0]), 2.0)
    told = figures_of(found)
    assert (told.trades, told.trades_per_day, told.expectancy_r) == (3, 1.5, found.expectancy_r)


@settings(max_examples=30, deadline=None)
@given(seed=some.integers(0, 1000), groups=some.integers(1, 5), copies=some.integers(1, 6), noise=some.floats(0.0, 0.1))
def test_copies_of_one_strategy_are_one_cluster_and_its_mean(seed: int, groups: int, copies: int, noise: float) -> None:
    random = np.random.default_rng(seed)
    kinds = random.standard_normal((300, groups))
    belongs = random.permutation(np.repeat(np.arange(groups), copies))
    returns = kinds[:, belongs] + noise * random.standard_normal((300, len(belongs)))
    label = clusters(returns)
    for one in range(groups):
        assert len(set(label[belongs == one].tolist())) == 1
    assert effective_trials(returns) == groups == len(set(label.tolist()))
    means = distinct(returns)
    for one in range(groups):
        mine = returns[:, belongs == one].mean(axis=1)
        assert np.abs(means - mine[:, None]).max(axis=0).min() == pytest.approx(0.0, abs=1e-12)


def test_trials_that_never_trade_are_one_cluster() -> None:
    random = np.random.default_rng(1)
    moving = random.standard_normal((100, 3))
    returns = np.column_stack([np.zeros(100), moving, np.zeros(100)])
    label = clusters(returns).tolist()
    assert label[0] == label[4]
    assert len(set(label)) == 4


def test_more_trials_than_are_clustered_count_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.calibration.guards.MOST_CLUSTERED", 4)
    one = np.random.default_rng(1).standard_normal((100, 1))
    returns = one + 1e-3 * np.arange(6) * np.random.default_rng(2).standard_normal((100, 6))
    assert effective_trials(returns) == 6
    assert effective_trials(returns[:, :4]) == 1
