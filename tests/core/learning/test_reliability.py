"""Scores of forecasts: golden values, the identity of the parts, and the noise a perfect forecaster shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.learning.reliability import brier, calibration_error, calibration_noise, log_loss, reliability

FORECASTS = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=80)


def split(pairs):
    return np.array([p for p, _ in pairs]), np.array([float(y) for _, y in pairs])


def perfect(seed, count):
    generator = np.random.default_rng(seed)
    p = generator.uniform(0.2, 0.8, count)
    return p, (generator.random(count) < p).astype(float)


def test_brier_and_log_loss_of_the_method_sheet():
    p, y = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    assert brier(p, y).score == pytest.approx(0.158125)
    assert log_loss(p, y) == pytest.approx(0.4722880, rel=1e-6)


@pytest.mark.parametrize(
    ("count", "mean", "p95"),
    [(100, 0.126, 0.172), (200, 0.088, 0.125), (500, 0.056, 0.080), (1000, 0.040, 0.056), (5000, 0.017, 0.025)],
)
def test_noise_of_a_perfect_forecaster_is_that_of_the_method_sheet(count, mean, p95):
    noise = calibration_noise(np.full(count, 0.5), bins=10)
    assert noise.mean == pytest.approx(mean, rel=0.06)
    assert noise.p95 == pytest.approx(p95, rel=0.06)


@given(pairs=FORECASTS, bins=st.integers(0, 12))
def test_the_parts_of_the_brier_score_add_up(pairs, bins):
    p, y = split(pairs)
    parts = brier(p, y, bins=bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert parts.score == pytest.approx(np.mean((p - y) ** 2)) == pytest.approx(whole)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0.0
    assert parts.resolution <= parts.uncertainty + 1e-12


@given(levels=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6, unique=True), data=st.data())
def test_nothing_is_left_within_bins_of_equal_forecasts(levels, data):
    p = np.repeat(np.sort(np.array(levels)), 8)
    y = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(p), max_size=len(p))))
    assert brier(p, y, bins=len(levels)).within == pytest.approx(0.0, abs=1e-12)


def test_the_base_rate_has_no_skill_and_the_truth_has_some():
    p, y = perfect(1, 4000)
    assert brier(np.full(4000, y.mean()), y).skill == pytest.approx(0.0, abs=1e-12)
    assert brier(p, y).skill > 0.05
    assert math.isnan(brier(p, np.ones(4000)).skill)


def test_one_certain_miss_is_dear_but_not_infinite():
    assert math.isfinite(log_loss(np.array([0.0, 1.0]), np.array([1.0, 1.0])))
    assert log_loss(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("count", "bins"), [(3, 3), (499, 5), (500, 10)])
def test_bins_hold_equal_numbers_and_few_outcomes_fewer_bins(count, bins):
    found = reliability(*perfect(2, count))
    assert len(found.bins) == bins
    assert sum(each.forecasts for each in found.bins) == count == found.outcomes
    assert max(each.forecasts for each in found.bins) - min(each.forecasts for each in found.bins) <= 1


def test_a_perfect_forecaster_seldom_alarms_and_stays_in_its_bands():
    found = [reliability(*perfect(seed, 600), seed=seed) for seed in range(100)]
    assert sum(each.alarm for each in found) <= 12
    inside = [each.low <= each.observed <= each.high for one in found for each in one.bins]
    assert 0.85 <= np.mean(inside) <= 0.96


def test_an_over_confident_forecaster_alarms():
    p, y = perfect(3, 1000)
    found = reliability(np.clip(0.5 + 2.0 * (p - 0.5), 0.0, 1.0), y)
    assert found.alarm
    assert found.bins[0].observed > found.bins[0].high
    assert found.bins[-1].observed < found.bins[-1].low
    assert found.ece == calibration_error(np.clip(0.5 + 2.0 * (p - 0.5), 0.0, 1.0), y)


@settings(max_examples=20, deadline=None)
@given(pairs=FORECASTS)
def test_the_error_is_a_share_and_the_report_repeats_itself(pairs):
    p, y = split(pairs)
    one = reliability(p, y, seed=7)
    assert 0.0 <= one.ece <= 1.0
    assert 0.0 <= one.ece_noise.mean <= 1.0
    assert [(each.low, each.high) for each in one.bins] == [
        (each.low, each.high) for each in reliability(p, y, seed=7).bins
    ]
    assert one.ece_noise == calibration_noise(p, seed=7)


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [
        ([], [], "at least one"),
        ([0.5], [1.0, 0.0], "as many"),
        ([1.1], [1.0], "probabilities"),
        ([math.nan], [1.0], "probabilities"),
        ([0.5], [0.5], "0 or 1"),
    ],
)
def test_what_is_no_forecast_is_refused(p, y, words):
    with pytest.raises(ValueError, match=words):
        reliability(np.array(p), np.array(y))
