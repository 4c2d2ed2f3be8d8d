"""The context of a recommendation: trend, volatility class, what is missing, and that nothing raises."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.volatility import NO_SAMPLE, NatrSample
from core.screening.context import ContextInputs, market_context, read_frame, volatility_class
from core.screening.levels import NO_DAILY_LEVELS
from tests.core.market.builders import walk
from tests.core.screening.stage2 import RANGE, bars_of

QUARTER, FIVE = 900_000, 300_000
SAMPLE = NatrSample(tuple(i / 1000 for i in range(101)), 7.0)


def inputs(**changed):
    frame = walk(600, interval=QUARTER, start=0)
    values = {
        "frame": frame,
        "daily": NO_DAILY_LEVELS,
        "own": walk(300, interval=FIVE, start=0),
        "reference": walk(300, interval=FIVE, start=0),
        "sample": SAMPLE,
        "regime": RANGE,
        "reference_trend": "trend_down",
        "close": float(frame[-1, 4]),
        "now_ms": int(frame[-1, 0]) + QUARTER,
    }
    return ContextInputs(**(values | changed))


def trending(step, count=600):
    bars = walk(count, interval=QUARTER, start=0)
    bars[:, 1:5] += (step * np.arange(count))[:, None]
    return bars


def test_trend_of_the_recommendation_timeframe():
    rising = trending(0.5)
    falling = rising.copy()
    falling[:, 1:5] = 1000.0 - rising[:, [1, 3, 2, 4]]
    noise = bars_of(np.random.default_rng(3).normal(100.0, 0.5, 600))
    assert market_context(inputs(frame=rising)).trend == "UP"
    assert market_context(inputs(frame=falling)).trend == "DOWN"
    assert market_context(inputs(frame=noise)).trend == "SIDEWAYS"


def test_context_of_sound_inputs_has_no_hints():
    found = market_context(inputs())
    assert found.hints == ()
    assert found.natr == pytest.approx(found.atr / float(inputs().frame[-1, 4]))
    assert found.natr_percentile == SAMPLE.percentile(found.natr)
    assert found.volatility == volatility_class(found.natr_percentile)
    assert found.correlation_with_reference.rho == pytest.approx(1.0)
    assert found.reference_trend == "DOWN"
    assert (found.regime, found.regime_confidence, found.regime_age_bars) == RANGE


@pytest.mark.parametrize(
    ("percentile", "name"),
    [
        (0.0, "LOW"),
        (0.19, "LOW"),
        (0.2, "NORMAL"),
        (0.8, "NORMAL"),
        (0.81, "HIGH"),
        (1.0, "HIGH"),
        (math.nan, "UNKNOWN"),
    ],
)
def test_volatility_class(percentile, name):
    assert volatility_class(percentile) == name


def test_what_is_missing_is_said():
    found = market_context(inputs(frame=walk(200, interval=QUARTER, start=0), sample=NO_SAMPLE, own=walk(5)))
    assert found.trend == "UNKNOWN"
    assert found.volatility == "UNKNOWN"
    assert math.isnan(found.correlation_with_reference.rho)
    assert [hint.split(":")[0] for hint in found.hints] == [
        "trend not known",
        "volatility class not known",
        "correlation not known",
    ]
    assert "200 of 295 bars" in found.hints[0]


def test_a_bar_that_is_no_number_makes_the_frame_unknown():
    bars = walk(600, interval=QUARTER)
    bars[450, 2] = math.nan
    found = read_frame(bars)
    assert (found.regime, found.warm) == ("undefined", False)
    assert math.isnan(found.atr)
    assert "not a number" in market_context(inputs(frame=bars)).hints[0]


def test_later_bars_change_nothing_and_the_start_does_not_matter():
    bars = trending(0.05, 1500)
    before = read_frame(bars[:900])
    bars[900:, 1:5] *= 7.0
    assert read_frame(bars[:900]) == before
    shifted = read_frame(bars[100:900])
    assert shifted.regime == before.regime
    assert shifted.atr == pytest.approx(before.atr, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["frame", "own", "reference"]), st.integers(1, 8), st.integers(0, 299), st.floats(), st.floats())
def test_no_number_whatever_raises(name, column, row, value, close):
    block = getattr(inputs(), name).copy()
    block[row, column] = value
    found = market_context(msgspec.structs.replace(inputs(close=close), **{name: block}))
    assert found.trend in ("UP", "DOWN", "SIDEWAYS", "UNKNOWN")
    assert found.volatility in ("LOW", "NORMAL", "HIGH", "UNKNOWN")


def test_no_bars_at_all():
    none = np.empty((0, 9))
    found = market_context(inputs(frame=none, own=none, reference=none))
    assert found.trend == "UNKNOWN"
    assert math.isnan(found.atr)
