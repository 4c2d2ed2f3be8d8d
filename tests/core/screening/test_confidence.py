"""The composite, its factors, penalties on the logit, and the prior of the trade's own probability."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core.signals.series  # noqa: F401  registers the detectors
from core.messages import Anomaly
from core.screening.confidence import (
    FACTOR_DETECTORS,
    FACTOR_WEIGHTS,
    barrier_distance,
    composite,
    confidence,
    factors_of,
    penalties,
    side_of,
    trade_probability,
    velocity,
    volume_profile,
)
from core.signals.reading import REGISTRY
from tests.core.screening.stage2 import VOLATILE, bars_of, context

THIN = Anomaly(kind="LIQUIDITY_THIN", reason="spread 4.0 times its median")


def test_weights_are_normalised_over_the_factors_there_are():
    assert math.fsum(FACTOR_WEIGHTS.values()) == pytest.approx(1.83)
    assert composite(dict.fromkeys(FACTOR_WEIGHTS, 0.7)).score == pytest.approx(0.7)
    found = composite({"volume": 1.0, "macd": -1.0, "rsi": math.nan})
    assert found.score == pytest.approx((0.25 - 0.20) / 0.45)
    assert [factor.name for factor in found.factors] == ["volume", "macd"]
    assert "rsi" in found.missing
    assert len(found.missing) == 7


def test_no_factor_has_no_score_and_confirms_nothing():
    found = composite({"rsi": math.nan})
    assert math.isnan(found.score)
    assert found.factors_confirmed == 0


def test_factors_confirm_the_side_the_score_leans_to():
    found = composite({"volume": 0.9, "vwap": 0.3, "macd": 0.29, "rsi": -0.8})
    assert found.factors_confirmed == found.confirmed("BUY") == 2
    assert found.confirmed("SELL") == 1
    assert composite({"volume": -0.5}).factors_confirmed == 1
    assert composite({"volume": 0.0}).factors_confirmed == 0


evidence = st.dictionaries(st.sampled_from(sorted(FACTOR_WEIGHTS)), st.floats(), max_size=9)


@given(evidence)
def test_the_composite_is_bounded_and_mirrors(factors):
    found, other = composite(factors), composite({name: -value for name, value in factors.items()})
    assert math.isnan(found.score) or -1.0 <= found.score <= 1.0
    assert math.isnan(found.score) or other.score == -found.score
    assert other.factors_confirmed == found.factors_confirmed
    assert len(found.factors) + len(found.missing) == 9


def test_factors_take_the_strongest_of_their_detectors():
    found = factors_of({"rsi_static": 0.1, "rsi_div": -0.6, "macd": 0.4, "roc": 0.9})
    assert found == {"rsi": -0.6, "macd": 0.4}


def test_factors_name_detectors_that_exist():
    assert {name for names in FACTOR_DETECTORS.values() for name in names} <= set(REGISTRY)
    assert set(FACTOR_DETECTORS) <= set(FACTOR_WEIGHTS)


def test_velocity_measures_five_bars_against_the_sixty_before():
    returns = np.tile([0.001, -0.001], 33)
    returns[-5:] = 0.001
    bars = bars_of(100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)])))
    expected = 0.005 / (np.std(returns[-65:-5]) * math.sqrt(5)) / 3.0
    assert velocity(bars) == pytest.approx(expected)
    assert math.isnan(velocity(bars[-65:]))
    assert math.isnan(velocity(bars_of(np.full(80, 100.0))))
    bars[-10, 4] = math.nan
    assert math.isnan(velocity(bars))


def test_volume_profile_is_the_distance_to_the_point_of_control():
    closes = np.concatenate([np.full(200, 100.0), np.linspace(100.0, 104.0, 40)])
    assert volume_profile(bars_of(closes), 4.0) == pytest.approx(0.5, abs=0.01)
    assert volume_profile(bars_of(closes), 0.5) == 1.0
    assert volume_profile(bars_of(np.full(240, 100.0)), 1.0) == 0.0
    assert math.isnan(volume_profile(bars_of(closes[:239]), 1.0))
    assert math.isnan(volume_profile(bars_of(closes), math.nan))
    assert math.isnan(volume_profile(bars_of(closes, volume=0.0), 1.0))


def test_penalties_by_circumstance():
    codes = [part.code for part in penalties(context(), (VOLATILE, THIN), "BUY", default_thresholds=True)]
    assert codes == ["VOLATILITY", "LIQUIDITY_THIN", "DEFAULT_THRESHOLDS"]
    assert penalties(context(), (), "BUY", default_thresholds=False) == ()
    falling = context(rho=0.7, reference_trend="DOWN")
    assert [part.code for part in penalties(falling, (), "BUY", default_thresholds=False)] == ["MARKET_AGAINST"]
    assert penalties(falling, (), "SELL", default_thresholds=False) == ()
    assert penalties(context(rho=0.69, reference_trend="DOWN"), (), "BUY", default_thresholds=False) == ()
    assert penalties(context(rho=math.nan, reference_trend="DOWN"), (), "BUY", default_thresholds=False) == ()


def test_penalties_move_the_logit():
    around = context(rho=0.9, reference_trend="UP")
    applied = penalties(around, (VOLATILE,), "SELL", default_thresholds=False)
    factors = composite({"volume": -0.5})
    found = confidence(0.2, "SELL", factors, applied, around, calibrated=True)
    assert found.raw == pytest.approx(0.8)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-(math.log(4) - 0.7))))
    assert found.composite.score == pytest.approx(-0.4)  # the reference is the same bet and goes the other way
    assert found.factors_confirmed == 1


@given(st.floats(), st.sampled_from(["BUY", "SELL"]))
def test_penalties_never_raise_confidence_and_no_number_raises(probability, side):
    applied = penalties(context(), (VOLATILE, THIN), side, default_thresholds=True)
    found = confidence(probability, side, composite({}), applied, context(), calibrated=False)
    if 0.0 <= probability <= 1.0:
        assert 0.0 <= found.probability <= found.raw
    else:
        assert math.isnan(found.probability)


def test_side():
    assert side_of(0.4, shorts=True) == "SELL"
    assert side_of(0.4, shorts=False) == side_of(0.5, shorts=True) == "BUY"


def test_trade_probability_without_an_edge_is_the_base_rate():
    assert trade_probability(0.5, 2.0, 1.0, 1.5) == pytest.approx(1 / 3)


def test_trade_probability_of_symmetric_barriers_is_the_direction_itself():
    for p in (0.2, 0.5, 0.75):
        assert trade_probability(p, 1.5, 1.5, 1.5) == pytest.approx(p)


def test_trade_probability_by_hand():
    # three quarters reach one risk in favour, two thirds of those the target at twice that without any drift
    assert trade_probability(0.75, 2.0, 1.0, 1.0) == pytest.approx(0.75 * 2 / 3)
    # barriers beyond both ends: odds 3 : 1 over 2 steps mean a ratio of 1/sqrt(3) a step, ruin at 1 against 2 steps
    step = 3.0**-0.5
    assert trade_probability(0.75, 2.0, 1.0, 2.0) == pytest.approx((1 - step) / (1 - step**3))


@given(st.floats(0.01, 0.99), st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.01, 1.0))
def test_a_trade_wider_than_the_barriers_expects_what_the_edge_is_worth(probability, reward, risk, share):
    barrier = share * min(reward, risk)
    found = trade_probability(probability, reward, risk, barrier)
    assert found * reward - (1.0 - found) * risk == pytest.approx((2.0 * probability - 1.0) * barrier, abs=1e-6)


@given(st.floats(0.01, 0.98), st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 20))
def test_trade_probability_rises_with_direction_and_falls_with_reward(probability, reward, risk, barrier):
    found = trade_probability(probability, reward, risk, barrier)
    assert 0.0 <= found <= 1.0
    assert trade_probability(probability + 0.01, reward, risk, barrier) >= found
    assert trade_probability(probability, reward * 1.1, risk, barrier) <= found + 1e-12


@given(st.floats(), st.floats(), st.floats(), st.floats())
def test_trade_probability_takes_any_number(probability, reward, risk, barrier):
    found = trade_probability(probability, reward, risk, barrier)
    assert math.isnan(found) or 0.0 <= found <= 1.0


def test_barriers_are_one_and_a_half_sigma_of_twelve_bars_away():
    closes = 100.0 * 1.01 ** np.array([0, 1] * 100)
    found = barrier_distance(bars_of(closes))
    assert found == pytest.approx(closes[-1] * math.expm1(1.5 * math.log(1.01) * math.sqrt(12.0)))
    assert math.isnan(barrier_distance(bars_of(closes[:60])))
    assert barrier_distance(bars_of([100.0] * 100)) == 0.0
    calmer = np.concatenate([closes, 100.0 * 1.001 ** np.array([0, 1] * 100)])
    assert barrier_distance(bars_of(calmer)) < 0.2 * found


def test_barriers_of_a_price_that_is_no_number_are_not_known():
    for number in (math.nan, math.inf, 0.0, -1.0):
        closes = np.full(100, 100.0)
        closes[50] = number
        assert math.isnan(barrier_distance(bars_of(closes)))
