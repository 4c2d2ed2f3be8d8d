"""Regimes begin, stick and end as the method sheet says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.market.indicators import COLUMNS
from core.market.regime import RegimeTracker

UP, DOWN, MIXED = (3.0, 2.0, 1.0), (1.0, 2.0, 3.0), (2.0, 3.0, 1.0)


def row(adx, averages):
    values = np.full(len(COLUMNS), np.nan)
    for name, value in zip(("adx14", "ema9", "ema20", "ema50"), (adx, *averages), strict=True):
        values[COLUMNS.index(name)] = value
    return values


def run(*steps):
    tracker = RegimeTracker()
    return [tracker.step(row(*step)) for step in steps]


@pytest.mark.parametrize(
    ("adx", "averages", "regime", "confidence"),
    [
        (30.0, UP, "trend_up", 0.5),
        (25.0, UP, "trend_up", 0.25),
        (60.0, DOWN, "trend_down", 1.0),
        (24.0, UP, "range", 0.4),
        (10.0, MIXED, "range", 1.0),
        (40.0, MIXED, "undefined", 0.0),
        (40.0, (1.0, 1.0, 1.0), "undefined", 0.0),
    ],
)
def test_first_classification(adx, averages, regime, confidence):
    reading = run((adx, averages))[0]
    assert reading.regime == regime
    assert reading.confidence == pytest.approx(confidence)
    assert reading.age_bars == 0


def test_a_trend_survives_a_weaker_adx_until_below_twenty():
    readings = run((30, UP), (24, UP), (20, UP), (19.9, UP))
    assert [r.regime for r in readings] == ["trend_up", "trend_up", "trend_up", "range"]
    assert [r.age_bars for r in readings] == [0, 1, 2, 0]


def test_a_trend_ends_at_the_third_broken_bar_in_a_row():
    readings = run((30, UP), (30, MIXED), (30, MIXED), (30, UP), (30, MIXED), (30, MIXED), (30, MIXED))
    assert [r.regime for r in readings] == ["trend_up"] * 6 + ["undefined"]


def test_an_opposite_trend_takes_over_after_three_bars():
    readings = run((30, UP), (35, DOWN), (35, DOWN), (35, DOWN), (35, DOWN))
    assert [r.regime for r in readings] == ["trend_up", "trend_up", "trend_up", "trend_down", "trend_down"]
    assert readings[-1].age_bars == 1


def test_missing_values_are_undefined_and_start_over():
    readings = run((30, UP), (30, UP), (math.nan, UP), (24, UP))
    assert readings[2] == ("undefined", 0.0, 0)
    assert readings[3].regime == "range"


def test_replayed_bars_give_the_same_regimes():
    rng = np.random.default_rng(3)
    steps = [(float(rng.uniform(10, 40)), (UP, DOWN, MIXED)[rng.integers(3)]) for _ in range(300)]
    assert run(*steps) == run(*steps)
    assert run(*steps)[:200] == run(*steps[:200])
