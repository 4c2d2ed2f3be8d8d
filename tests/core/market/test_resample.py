"""Longer bars are made of the whole buckets there are."""

from __future__ import annotations

import numpy as np

from core.market.resample import resample
from tests.core.market.builders import MINUTE, candles, walk


def test_longer_bars_take_first_open_extremes_last_close_and_sums():
    start = 1_760_000_100_000  # a multiple of five minutes
    block = walk(12, start=start)
    longer = resample(block, 5 * MINUTE)
    assert longer[:, 0].tolist() == [start, start + 5 * MINUTE, start + 10 * MINUTE]
    for bar, part in zip(longer, (block[:5], block[5:10], block[10:]), strict=True):
        assert bar[1] == part[0, 1]
        assert bar[2] == part[:, 2].max()
        assert bar[3] == part[:, 3].min()
        assert bar[4] == part[-1, 4]
        np.testing.assert_allclose(bar[5:], part[:, 5:].sum(axis=0), rtol=1e-12)


def test_resampling_to_the_same_length_changes_nothing():
    np.testing.assert_array_equal(resample(candles(0, 20), MINUTE), candles(0, 20))
    assert len(resample(candles(0, 0), MINUTE)) == 0


def test_a_first_bucket_that_began_before_the_first_bar_is_left_out_unless_kept():
    start = 1_760_000_100_000 + 2 * MINUTE
    block = walk(12, start=start)
    assert resample(block, 5 * MINUTE)[:, 0].tolist() == [start + 3 * MINUTE, start + 8 * MINUTE]
    assert resample(block, 5 * MINUTE, keep_first=True)[0, 0] == start - 2 * MINUTE
    assert len(resample(block[:2], 5 * MINUTE)) == 0


def test_a_gap_stays_a_gap():
    start = 1_760_000_100_000
    block = np.delete(walk(30, start=start), np.s_[3:17], axis=0)
    longer = resample(block, 5 * MINUTE)
    assert [(at - start) / MINUTE for at in longer[:, 0]] == [0, 15, 20, 25]
    assert longer[0, 4] == block[2, 4]
