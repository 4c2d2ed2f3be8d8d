"""Aligned returns, correlation with its interval, and strength beyond beta."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.screening.correlation import INTERVAL_MS, aligned_returns, correlation, dependent, relative_strength, same_bet
from tests.core.screening.stage2 import bars_of

RNG = np.random.default_rng(5)
BASE = RNG.normal(0.0, 0.001, 400)
NOISE = RNG.normal(0.0, 0.001, 400)


def prices(returns):
    return bars_of(100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)])), interval=INTERVAL_MS)


def test_correlation_and_fisher_interval():
    own = 0.8 * BASE[:288] + 0.6 * NOISE[:288]
    found = correlation(own, BASE[:288])
    rho = np.corrcoef(own, BASE[:288])[0, 1]
    assert found.rho == pytest.approx(rho)
    assert found.low == pytest.approx(math.tanh(math.atanh(rho) - 1.96 / math.sqrt(285)))
    assert found.high == pytest.approx(math.tanh(math.atanh(rho) + 1.96 / math.sqrt(285)))
    assert dependent(found) == (rho >= 0.7)


def test_the_reference_itself_is_one_and_a_still_market_unknown():
    same = correlation(BASE, BASE)
    assert [same.rho, same.low, same.high] == pytest.approx([1.0, 1.0, 1.0])
    assert same_bet(same)
    still = correlation(np.zeros(288), BASE[:288])
    assert math.isnan(still.rho)
    assert not dependent(still)
    assert math.isnan(correlation(BASE[:59], NOISE[:59]).rho)
    assert correlation(np.empty(0), np.empty(0)).observations == 0


def test_returns_are_joined_by_time_and_none_spans_a_gap():
    own, reference = prices(BASE), prices(NOISE)
    one, other = aligned_returns(own, reference)
    np.testing.assert_allclose(one, BASE[-288:], atol=1e-12)
    np.testing.assert_allclose(other, NOISE[-288:], atol=1e-12)
    gappy = np.delete(reference, 390, axis=0)
    one, other = aligned_returns(own, gappy)
    kept = np.delete(np.arange(400), [389, 390])[-288:]
    np.testing.assert_allclose(one, BASE[kept], atol=1e-12)
    np.testing.assert_allclose(other, NOISE[kept], atol=1e-12)


def test_a_reference_of_another_time_has_no_returns():
    own, reference = prices(BASE), prices(NOISE)
    assert len(aligned_returns(own, reference[:-1])[0]) == 288
    assert len(aligned_returns(own, reference[:-2])[0]) == 0
    assert len(aligned_returns(own, reference[:0])[0]) == 0


def test_prices_that_are_no_numbers_are_left_out():
    own, reference = prices(BASE), prices(NOISE)
    own[350, 4], reference[360, 4] = math.nan, 0.0
    one, other = aligned_returns(own, reference)
    assert len(one) == 288
    assert np.isfinite(one).all()
    assert np.isfinite(other).all()


def test_the_past_does_not_move_when_more_bars_come():
    own, reference = prices(BASE), prices(NOISE)
    early = aligned_returns(own[:350], reference[:350])
    longer = aligned_returns(own, reference, 349)
    np.testing.assert_array_equal(early[0], longer[0][:-51][-288:])


def test_relative_strength_is_the_hour_beyond_beta():
    own = 1.5 * BASE[:288] + 0.5 * NOISE[:288]
    own[-12:] += 0.001
    found = relative_strength(own, BASE[:288])
    beta = np.polyfit(BASE[:276], own[:276], 1)[0]
    residual = (own[276:] - beta * BASE[276:288]).sum()
    assert found.beta == pytest.approx(beta)
    assert found.residual == pytest.approx(residual)
    assert found.z > 2.0
    own[-12:] -= 0.002
    assert relative_strength(own, BASE[:288]).z < -2.0


def test_the_judged_hour_is_not_in_its_own_yardstick():
    own = BASE[:288] + 0.5 * NOISE[:288]
    calm = relative_strength(own, BASE[:288])
    own[-12:] += 0.05
    wild = relative_strength(own, BASE[:288])
    assert wild.beta == calm.beta
    assert wild.z - calm.z == pytest.approx((wild.residual - calm.residual) * calm.z / calm.residual)


def test_too_few_returns_or_the_reference_itself_have_no_strength():
    assert math.isnan(relative_strength(BASE[:71], NOISE[:71]).z)
    assert math.isnan(relative_strength(BASE, BASE).z)
    assert math.isnan(relative_strength(BASE, np.zeros(400)).z)
