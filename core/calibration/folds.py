"""Where history is cut: walk-forward folds with an embargo, and combinatorial purged splits.

Bars are counted from the oldest one kept; every range is half-open, [start, stop). Walk-forward folds end at the newest bar,
so what is left over lies at the old end and serves as warm-up. Purge and embargo: López de Prado, 2018, chapters 7 and 12.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from math import comb

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Places = NDArray[np.intp]

MIN_EMBARGO = 60
"""Bars at least between the end of training and the start of its test."""


class FoldSizes(Struct, frozen=True, kw_only=True):
    """Lengths in bars; the defaults are those of one-minute bars. `step`: 0 means as long as the test.

    `horizon`: how long a trade or label may last. The embargo is the longer of it and 60 bars: nothing entered in training
    still runs when the test begins.
    """

    train: int = 8000
    test: int = 2000
    step: int = 0
    horizon: int = 0
    warmup: int = 0
    folds: int = 4

    def __post_init__(self) -> None:
        if min(self.train, self.test, self.folds) < 1 or min(self.horizon, self.warmup) < 0:
            raise ValueError("fold sizes: train, test and folds must be 1 or more, horizon and warmup not negative")
        if self.step and self.step < self.test:
            raise ValueError(
                f"fold sizes: step {self.step} must not be shorter than test {self.test}, or tests overlap"
            )

    @property
    def embargo(self) -> int:
        return max(self.horizon, MIN_EMBARGO)

    @property
    def stride(self) -> int:
        return self.step or self.test

    @property
    def bars_needed(self) -> int:
        """Bars for the least number of folds, warm-up included."""
        return self.warmup + self.train + self.embargo + (self.folds - 1) * self.stride + self.test


class Fold(Struct, frozen=True):
    """One training range and the test after it; the bars between them belong to neither."""

    train_start: int
    train_stop: int
    test_start: int
    test_stop: int


class WalkForward(Struct, frozen=True, kw_only=True):
    """Folds from old to new, or none and how many bars are still missing ("waiting for history", not a failure)."""

    folds: tuple[Fold, ...]
    bars: int
    bars_needed: int

    @property
    def bars_missing(self) -> int:
        return max(0, self.bars_needed - self.bars)

    @property
    def waiting(self) -> bool:
        return not self.folds

    @property
    def tuning(self) -> tuple[Fold, ...]:
        """All folds but the last: what a search may look at."""
        return self.folds[:-1]

    @property
    def final(self) -> Fold:
        """The last fold, untouched until the final check. Raises LookupError while waiting for history."""
        if not self.folds:
            raise LookupError(f"no final fold: waiting for history, {self.bars_missing} bars missing")
        return self.folds[-1]


def walk_forward(bars: int, sizes: FoldSizes) -> WalkForward:
    """As many folds as `bars` bars hold, the newest test ending at the newest bar; none under the least number."""
    if bars < sizes.bars_needed:
        return WalkForward(folds=(), bars=bars, bars_needed=sizes.bars_needed)
    count = sizes.folds + (bars - sizes.bars_needed) // sizes.stride
    folds = []
    for back in range(count - 1, -1, -1):
        test_stop = bars - back * sizes.stride
        test_start = test_stop - sizes.test
        train_stop = test_start - sizes.embargo
        folds.append(Fold(train_stop - sizes.train, train_stop, test_start, test_stop))
    return WalkForward(folds=tuple(folds), bars=bars, bars_needed=sizes.bars_needed)


class PurgedSplit(Struct, frozen=True):
    """One combinatorial split: which groups are held out, and the places (sorted) to train and to test on."""

    held_out: tuple[int, ...]
    train: Places
    test: Places


def purged_splits(until: Places, *, groups: int = 6, held_out: int = 2, embargo: int = 0) -> tuple[PurgedSplit, ...]:
    """All C(groups, held_out) splits of n observations in time order (combinatorial purged cross-validation).

    `until` (n,): the last place whose data the outcome of observation i uses, i itself at the earliest. Training leaves out
    whatever span touches a test span, and the `embargo` places after each test span's end.
    Raises ValueError when there are fewer observations than groups or a span ends before it starts.
    """
    count = len(until)
    if not 0 < held_out < groups <= count:
        raise ValueError(f"splits need 0 < held out < groups <= observations, got {held_out}, {groups}, {count}")
    places = np.arange(count)
    if bool((until < places).any()):
        raise ValueError("splits: an outcome cannot end before its observation")
    edges = [group * count // groups for group in range(groups + 1)]
    barred = []
    for start, stop in pairwise(edges):
        last = int(until[start:stop].max())
        barred.append((until >= start) & (places <= last + embargo))
    splits = []
    for chosen in combinations(range(groups), held_out):
        test = np.concatenate([places[edges[group] : edges[group + 1]] for group in chosen])
        kept = ~np.logical_or.reduce([barred[group] for group in chosen])
        splits.append(PurgedSplit(chosen, places[kept], test))
    return tuple(splits)


def backtest_paths(groups: int = 6, held_out: int = 2) -> NDArray[np.intp]:
    """Which split tests which group on which path: (paths, groups) of places in `purged_splits`.

    Each group is tested C(groups - 1, held_out - 1) times; path j takes the j-th of them, so every path covers all history
    once: 6 groups with 2 held out give 5 paths.
    """
    tested: list[list[int]] = [[] for _ in range(groups)]
    for place, chosen in enumerate(combinations(range(groups), held_out)):
        for group in chosen:
            tested[group].append(place)
    assert all(len(splits) == comb(groups - 1, held_out - 1) for splits in tested)
    return np.array(tested, dtype=np.intp).T
