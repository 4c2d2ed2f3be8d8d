"""Is the best of many trials more than luck? Deflated Sharpe ratio, overfitting probability, and the verdict they lead to.

Sharpe ratios here are per observation, never annualised. Sources: Bailey & López de Prado, 2012 (probabilistic Sharpe ratio,
minimum track record) and 2014 (deflated Sharpe ratio); Bailey, Borwein, López de Prado & Zhu, 2017 (overfitting by CSCV).
NaN means not known, and what is not known passes no check.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329
CLUSTER_CORRELATION = 0.7
"""Trials whose results correlate above it count as one."""
MOST_CLUSTERED = 2000
"""Clustering takes the cube of the number of trials."""
CONFIDENCE_Z = 1.645
CSCV_BLOCKS = 16
CSCV_CHUNK = 1024
FLAT = 1e-12
"""A variance below this share of the mean square is rounding."""


class Moments(Struct, frozen=True):
    """Returns of one strategy: Sharpe ratio per observation, skewness, raw kurtosis (normal: 3), number of observations."""

    sharpe: float
    skewness: float
    kurtosis: float
    observations: int


class Deflated(Struct, frozen=True, kw_only=True):
    """The chosen trial against what the best of as many lucky ones would show."""

    moments: Moments
    trials: int
    effective_trials: int
    expected_best: float
    psr: float
    dsr: float
    min_track_record: float


def moments(returns: Floats) -> Moments:
    """Moments of `returns` (T,); NaN where they do not vary. Standard deviation with T - 1, skewness and kurtosis with T."""
    count = len(returns)
    if count < 2:
        return Moments(math.nan, math.nan, math.nan, count)
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= FLAT * float(np.mean(returns**2)):
        return Moments(math.nan, math.nan, math.nan, count)
    sharpe = float(returns.mean()) / math.sqrt(variance * count / (count - 1))
    return Moments(sharpe, float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2, count)


def probabilistic_sharpe(of: Moments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio lies above `benchmark`; NaN under two observations."""
    unit = _sharpe_variance(of)
    if of.observations < 2 or not unit > 0.0:
        return math.nan
    return NORMAL.cdf((of.sharpe - benchmark) * math.sqrt(of.observations - 1) / math.sqrt(unit))


def expected_best_sharpe(variance: float, trials: float) -> float:
    """What the best of `trials` independent worthless strategies shows, given the `variance` of their Sharpe ratios.

    Zero for a single one: nothing was selected.
    """
    if trials <= 1.0:
        return 0.0
    high = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    higher = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * max(0.0, (1.0 - EULER_GAMMA) * high + EULER_GAMMA * higher)


def deflated_sharpe(of: Moments, variance: float, trials: float) -> float:
    """Probability that the true Sharpe ratio lies above what selection among `trials` alone would show."""
    return probabilistic_sharpe(of, expected_best_sharpe(variance, trials))


def min_track_record(of: Moments, benchmark: float = 0.0, z: float = CONFIDENCE_Z) -> float:
    """Observations needed to hold the Sharpe ratio above `benchmark` at `z`; infinite when it is not above."""
    unit = _sharpe_variance(of)
    if math.isnan(unit):
        return math.nan
    if not of.sharpe > benchmark:
        return math.inf
    return 1.0 + unit * (z / (of.sharpe - benchmark)) ** 2


def effective_trials(returns: Floats, correlation: float = CLUSTER_CORRELATION) -> int:
    """Number of clusters among the trials (T, N) whose results correlate above `correlation`."""
    return len(np.unique(clusters(returns, correlation)))


def clusters(returns: Floats, correlation: float = CLUSTER_CORRELATION) -> NDArray[np.intp]:
    """Which cluster each trial of (T, N) belongs to, numbered from 0: trials that are one strategy, but for noise.

    Complete linkage: within a cluster every pair correlates above `correlation`. Chaining would let a row of neighbours
    pass for one trial and make the test too easy. Trials that never vary (no trades) are one cluster together. More than
    `MOST_CLUSTERED` different trials are not joined any more: each counts by itself, which is the harder test.
    """
    different, alike = np.unique(returns, axis=1, return_inverse=True)
    # All that never vary sort as they come: the first of them stands for all.
    flat = np.flatnonzero(np.ptp(different, axis=0) == 0.0)
    label = np.arange(different.shape[1])
    label[flat] = flat[0] if len(flat) else 0
    moving = np.setdiff1d(label, flat)
    if 2 <= len(moving) <= MOST_CLUSTERED:
        likeness: Floats = np.asarray(np.corrcoef(different[:, moving], rowvar=False))
        np.fill_diagonal(likeness, -np.inf)
        while True:
            first, second = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
            if not likeness[first, second] > correlation:
                break
            merged = np.minimum(likeness[first], likeness[second])
            likeness[first], likeness[:, first] = merged, merged
            likeness[second], likeness[:, second] = -np.inf, -np.inf
            label[label == moving[second]] = moving[first]
    found: NDArray[np.intp] = np.unique(label[alike.ravel()], return_inverse=True)[1].ravel()
    return found


def distinct(returns: Floats, correlation: float = CLUSTER_CORRELATION) -> Floats:
    """One column for each cluster of trials, the mean of its members: (T, clusters).

    A search that closes in on a plateau fills the ranks of a cross-validation with copies of one strategy; which copy
    comes first says nothing about overfitting (López de Prado, 2020, chapter 8: trials are clustered first).
    """
    label = clusters(returns, correlation)
    members = label[:, None] == np.arange(label.max() + 1)
    together: Floats = returns @ (members / members.sum(axis=0))
    return together


def deflate(returns: Floats, chosen: int) -> Deflated:
    """Everything about trial `chosen` among all trials tried, `returns` (T, N), one row an observation, 0.0 without a position.

    All trials that were tried belong in it, also the bad ones: leaving them out is the error this guards against.
    """
    _check_returns(returns)
    each = np.array([moments(column).sharpe for column in returns.T])
    known = each[~np.isnan(each)]
    variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    effective = effective_trials(returns)
    of = moments(returns[:, chosen])
    best = expected_best_sharpe(variance, effective)
    return Deflated(
        moments=of,
        trials=returns.shape[1],
        effective_trials=effective,
        expected_best=best,
        psr=probabilistic_sharpe(of),
        dsr=probabilistic_sharpe(of, best),
        min_track_record=min_track_record(of),
    )


def overfitting_probability(returns: Floats, blocks: int = CSCV_BLOCKS) -> float:
    """Probability of backtest overfitting of the trials `returns` (T, N), by combinatorially symmetric cross-validation.

    Time is cut into `blocks`; for each way to take half of them the trial with the best Sharpe ratio there is ranked on the
    other half. Told is the share of ways in which it lands at or below the middle. Ties share their rank. NaN under two
    trials or two observations a block. Raises ValueError on NaN or an odd number of blocks.
    """
    _check_returns(returns)
    if blocks < 2 or blocks % 2:
        raise ValueError(f"CSCV needs an even number of blocks, got {blocks}")
    observations, trials = returns.shape
    if trials < 2 or observations < 2 * blocks:
        return math.nan
    edges = np.arange(blocks + 1) * observations // blocks
    sums = np.add.reduceat(returns, edges[:-1], axis=0)
    squares = np.add.reduceat(returns**2, edges[:-1], axis=0)
    # Trials that traded alike are computed once and count as often as they are: ties then are ties to the last bit.
    both, counts = np.unique(np.concatenate([sums, squares]), axis=1, return_counts=True)
    parts = (both[:blocks], both[blocks:], np.diff(edges).astype(np.float64), counts.astype(np.float64))
    halves = _half_splits(blocks)
    overfitted = 0
    for start in range(0, len(halves), CSCV_CHUNK):
        taken = halves[start : start + CSCV_CHUNK]
        one, other = _sharpes(taken, *parts[:3]), _sharpes(1.0 - taken, *parts[:3])
        overfitted += _below_middle(one, other, parts[3]) + _below_middle(other, one, parts[3])
    return overfitted / (2 * len(halves))


@lru_cache(maxsize=4)
def _half_splits(blocks: int) -> Floats:
    """Ways to take half of the blocks, (ways / 2, blocks) of 0 and 1; the other ways are their complements."""
    ways = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)), dtype=np.intp).reshape(-1, blocks // 2 - 1)
    halves = np.zeros((len(ways), blocks))
    halves[:, 0] = 1.0
    np.put_along_axis(halves, ways, 1.0, axis=1)
    halves.flags.writeable = False
    return halves


def _sharpes(taken: Floats, sums: Floats, squares: Floats, lengths: Floats) -> Floats:
    """Sharpe ratio of every trial over the blocks taken, (ways, N); 0.0 where it made nothing."""
    count = (taken @ lengths)[:, None]
    mean = taken @ sums
    mean /= count
    square = taken @ squares
    square /= count
    variance = np.maximum(square - mean * mean, FLAT * square)
    ratio = np.zeros_like(mean)
    np.divide(mean, np.sqrt(variance), out=ratio, where=variance > 0.0)
    return ratio


def _below_middle(inside: Floats, outside: Floats, counts: Floats) -> int:
    """In how many ways the winner `inside` ranks at or below the middle `outside`."""
    won = outside[np.arange(len(outside)), inside.argmax(axis=1)][:, None]
    below = (outside < won).astype(np.float64) @ counts
    level = (outside <= won).astype(np.float64) @ counts
    # Mid-rank (below + 1 + level) / 2 against the middle (N + 1) / 2.
    return int(np.count_nonzero(below + level <= counts.sum()))


def _sharpe_variance(of: Moments) -> float:
    """Variance of a Sharpe ratio's estimate times the number of observations less one (Mertens, 2002)."""
    return 1.0 - of.skewness * of.sharpe + (of.kurtosis - 1.0) / 4.0 * of.sharpe**2


def _check_returns(returns: Floats) -> None:
    if returns.ndim != 2 or not bool(np.isfinite(returns).all()):
        raise ValueError("trial results must be (observations, trials) without NaN: 0.0 stands for no position")
