"""NATR quantiles from one-minute candles."""

from __future__ import annotations

import math

import pytest

from core.market.volatility import NO_SAMPLE, NatrSample, natr_sample
from tests.core.market.builders import MINUTE, candles


def test_percentile_places_a_value_in_the_sample():
    sample = NatrSample(tuple(i / 100 for i in range(101)), 7.0)
    assert sample.percentile(0.5) == pytest.approx(0.5)
    assert sample.percentile(-1.0) == 0.0
    assert sample.percentile(9.0) == 1.0
    assert math.isnan(sample.percentile(math.nan))
    assert sample.quantile(0.1) == pytest.approx(0.1)


def test_nothing_stored_has_no_percentile():
    assert math.isnan(NO_SAMPLE.percentile(0.01))
    assert math.isnan(NO_SAMPLE.quantile(0.5))
    assert natr_sample(candles(0, 10), MINUTE, 7.0) == NO_SAMPLE
    assert natr_sample(candles(0, 0), MINUTE, 7.0) == NO_SAMPLE
