"""Folds and splits: nothing trained on touches what it is tested on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calibration.folds import FoldSizes, backtest_paths, purged_splits, walk_forward

SIZES = st.builds(
    lambda train, test, extra, horizon, warmup, folds: FoldSizes(
        train=train, test=test, step=test + extra, horizon=horizon, warmup=warmup, folds=folds
    ),
    st.integers(1, 300), st.integers(1, 100), st.integers(0, 30), st.integers(0, 200), st.integers(0, 300), st.integers(1, 6),
)  # fmt: skip


@given(sizes=SIZES, spare=st.integers(-50, 2000))
def test_folds_keep_their_embargo_their_warmup_and_their_order(sizes, spare):
    bars = max(0, sizes.bars_needed + spare)
    plan = walk_forward(bars, sizes)
    assert plan.waiting == (bars < sizes.bars_needed)
    if plan.waiting:
        assert plan.bars_missing == sizes.bars_needed - bars
        return
    assert plan.bars_missing == 0
    assert len(plan.folds) >= sizes.folds
    assert plan.folds[0].train_start >= sizes.warmup
    assert plan.folds[-1].test_stop == bars
    for fold in plan.folds:
        assert fold.train_stop - fold.train_start == sizes.train
        assert fold.test_stop - fold.test_start == sizes.test
        assert fold.test_start - fold.train_stop == max(60, sizes.horizon)
    for earlier, later in pairwise(plan.folds):
        assert earlier.test_stop <= later.test_start
        assert later.test_start - earlier.test_start == sizes.stride
    # As many as the history holds: one more fold would reach into the warm-up.
    assert plan.folds[0].train_start - sizes.stride < sizes.warmup


def test_one_minute_defaults_need_a_little_more_than_sixteen_thousand_bars():
    sizes = FoldSizes(warmup=1400)
    assert sizes.bars_needed == 1400 + 16060
    assert len(walk_forward(17460, sizes).folds) == 4
    assert len(walk_forward(17460 + 2000, sizes).folds) == 5
    short = walk_forward(17459, sizes)
    assert short.waiting
    assert short.bars_missing == 1


def test_the_last_fold_is_kept_from_the_search():
    plan = walk_forward(30_000, FoldSizes())
    assert plan.tuning == plan.folds[:-1]
    assert plan.final.test_stop == 30_000
    with pytest.raises(LookupError, match="16050 bars missing"):
        _ = walk_forward(10, FoldSizes()).final


@pytest.mark.parametrize("wrong", [{"train": 0}, {"folds": 0}, {"horizon": -1}, {"test": 100, "step": 99}])
def test_sizes_that_make_no_folds_are_refused(wrong):
    with pytest.raises(ValueError, match="fold sizes"):
        FoldSizes(**wrong)


def test_six_groups_with_two_held_out_give_fifteen_splits_and_five_paths():
    splits = purged_splits(np.arange(60), groups=6, held_out=2)
    paths = backtest_paths(6, 2)
    assert len(splits) == 15
    assert paths.shape == (5, 6)
    for group in range(6):
        assert len(set(paths[:, group])) == 5
        assert all(group in splits[split].held_out for split in paths[:, group])


@settings(deadline=None)
@given(data=st.data(), groups=st.integers(2, 6), embargo=st.integers(0, 10))
def test_training_spans_never_touch_test_spans_or_their_embargo(data, groups, embargo):
    count = data.draw(st.integers(groups, 60))
    held_out = data.draw(st.integers(1, groups - 1))
    lengths = data.draw(st.lists(st.integers(0, 12), min_size=count, max_size=count))
    until = np.arange(count) + np.array(lengths)
    for split in purged_splits(until, groups=groups, held_out=held_out, embargo=embargo):
        tested = {place for test in split.test for place in range(test, until[test] + 1)}
        for train in split.train:
            assert not tested & set(range(train, until[train] + 1))
            assert not tested & set(range(train - embargo, train + 1))


def test_only_what_overlaps_is_purged():
    until = np.minimum(np.arange(30) + 2, 29)
    middle = purged_splits(until, groups=3, held_out=1, embargo=3)[1]
    assert middle.test.tolist() == list(range(10, 20))
    assert middle.train.tolist() == [*range(8), *range(25, 30)]


def test_splits_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="0 < held out"):
        purged_splits(np.arange(4), groups=6)
    with pytest.raises(ValueError, match="cannot end before"):
        purged_splits(np.zeros(12, dtype=np.intp))
