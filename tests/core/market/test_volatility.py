"""Longer bars and NATR quantiles from one-minute candles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.market.volatility import NO_SAMPLE, NatrSample, aggregate, natr_sample
from tests.core.market.builders import MINUTE, candles, walk


def test_longer_bars_take_first_open_extremes_last_close_and_sums():
    start = 1_760_000_100_000  # a multiple of five minutes
    block = walk(12, start=start)
    longer = aggregate(block, 5 * MINUTE)
    assert longer[:, 0].tolist() == [start, start + 5 * MINUTE, start + 10 * MINUTE]
    for bar, part in zip(longer, (block[:5], block[5:10], block[10:]), strict=True):
        assert bar[1] == part[0, 1]
        assert bar[2] == part[:, 2].max()
        assert bar[3] == part[:, 3].min()
        assert bar[4] == part[-1, 4]
        np.testing.assert_allclose(bar[5:], part[:, 5:].sum(axis=0), rtol=1e-12)


def test_aggregating_to_the_same_length_changes_nothing():
    np.testing.assert_array_equal(aggregate(candles(0, 20), MINUTE), candles(0, 20))
    assert len(aggregate(candles(0, 0), MINUTE)) == 0


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
