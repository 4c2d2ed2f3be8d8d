"""One-minute series whose answer is known: a market with an edge that can be traded, and the same market without any.

`market` is a random walk with what one-minute bars of a liquid coin look like: volatility that comes in clusters and
follows the hour, fat tails, volume that follows the size of the move. Every eighty minutes or so there is a sell-off of
four bars and a bar that turns up on a burst of volume. After a large burst the price drifts up for an hour, far more than a trade costs;
after a small one, a decoy, it drifts down. Thresholds that tell the two apart earn well, those of the class take both.

`shuffled` takes any bars apart: every bar's shape, in units of the volatility around it, goes to a random bar of like
volume, with a random sign. Volume and volatility stay where they were, and large volume still comes with large moves, so
alerts go on coming; nothing predicts a direction any more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.calibration.calibrate import calibrate, fold_sizes
from core.calibration.job import CalibrationJob
from core.market.resample import resample
from core.market.volatility import natr_sample
from core.messages import CalibrationReport
from core.screening.classes import CLASSES
from core.screening.costs import FREE, Costs
from core.screening.levels import DAY_MS
from core.screening.thresholds import adaptive_from_atr, from_class
from core.settings_screening import Calibration
from core.venue import CandleBlock

Floats = NDArray[np.float64]

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
START_MS = 1_795_219_200_000
STEPS = 10
SETTINGS = Calibration(time_limit_s=3600.0)
BARS = fold_sizes(SETTINGS).bars_needed
"""The fewest bars that are calibrated on: four folds."""
COSTS = Costs(fee_in=0.00055, fee_out=0.00055, half_spread=0.00005, slippage=0.00005)
"""Of a perpetual: 0.13 % there and back."""
DEFAULTS = next(entry.defaults for entry in CLASSES if entry.name == "perpetual")

SIGMA = 0.0006
EVERY, APART = 80, 65
"""Bars between two sell-offs, on average and at the least."""
SELL_OFF, SELL_OFF_SIGMA, REBOUND_SIGMA = 4, 2.5, 1.0
REAL_SHARE = 0.6
REAL_BURST, DECOY_BURST = 25.0, 4.0
DRIFT = 60
REAL_DRIFT, DECOY_DRIFT = 0.02, -0.004
"""What the hour after a sell-off adds to the price."""
LIKE = 50
"""Classes of volume within which shapes are exchanged."""


def market(seed: int, bars: int = BARS) -> CandleBlock:
    """A market with an edge, (bars, 9)."""
    random = np.random.default_rng(seed)
    sigma = _volatility(random, bars)
    steps = random.standard_t(4, size=(bars, STEPS)) / np.sqrt(2.0 * STEPS) * sigma[:, None]
    volume = np.exp(0.5 * random.standard_normal(bars) + 0.5 * np.abs(steps.sum(axis=1)) / sigma)
    for event in _events(random, bars):
        real = random.random() < REAL_SHARE
        fall = slice(event - SELL_OFF, event)
        steps[fall] -= SELL_OFF_SIGMA * sigma[fall, None] / STEPS
        steps[event] = (np.abs(steps[event]) + REBOUND_SIGMA * sigma[event]) / STEPS
        volume[event] *= REAL_BURST if real else DECOY_BURST
        steps[event + 1 : event + 1 + DRIFT] += (REAL_DRIFT if real else DECOY_DRIFT) / DRIFT / STEPS
    return _bars(steps, 1000.0 * volume)


def shuffled(block: CandleBlock, seed: int) -> CandleBlock:
    """The bars with their shapes exchanged among bars of like volume, and with random signs; times and volumes stay."""
    random = np.random.default_rng(seed)
    before = np.concatenate([block[:1, 1], block[:-1, 4]])
    shapes = np.log(block[:, 1:5] / before[:, None])
    around = np.sqrt(np.convolve(shapes[:, 3] ** 2, np.ones(241) / 241.0, mode="same") + 1e-12)
    shapes /= around[:, None]
    for alike in np.array_split(np.argsort(block[:, 5], kind="stable"), LIKE):
        shapes[alike] = shapes[random.permutation(alike)]
    turned = random.random(len(block)) < 0.5
    shapes[turned] = -shapes[turned][:, [0, 2, 1, 3]]
    shapes *= around[:, None]
    closes = np.cumsum(shapes[:, 3])
    made = block.copy()
    made[:, 1:5] = block[0, 1] * np.exp((closes - shapes[:, 3])[:, None] + shapes)
    return made


def job(
    block: CandleBlock, *, free: bool = False, shorts: bool = False, settings: Calibration = SETTINGS
) -> CalibrationJob:
    """A perpetual with these bars, watched with what an asset without calibration is watched with."""
    first = block[: len(block) // 2]
    minute, hourly = natr_sample(first, MINUTE_MS, 7.0), natr_sample(first, HOUR_MS, 7.0)
    return CalibrationJob(
        symbol="PLANTED", bars=block, days=resample(block, DAY_MS), asset_class="perpetual", default=DEFAULTS,
        current=adaptive_from_atr(from_class(DEFAULTS), minute, hourly).values, settings=settings,
        costs=FREE if free else COSTS, shorts=shorts,
    )  # fmt: skip


def calibrated_planted(seed: int) -> CalibrationReport:
    """The calibration of a market with an edge."""
    return calibrate(job(market(seed)))


def calibrated_shuffled(seed: int, *, free: bool = False) -> CalibrationReport:
    """The calibration of the same market taken apart, both sides traded so that there are trades enough.

    `free`: without costs, so that only chance is against it.
    """
    return calibrate(job(shuffled(market(seed), seed), free=free, shorts=True))


def _volatility(random: np.random.Generator, bars: int) -> Floats:
    """Standard deviation of a bar's return: an hour-long memory, a day's rhythm."""
    shocks = 0.08 * random.standard_normal(bars)
    level, logs = 0.0, np.empty(bars)
    for bar, shock in enumerate(shocks.tolist()):
        level = 0.985 * level + shock
        logs[bar] = level
    rhythm = 0.25 * np.sin(2.0 * np.pi * np.arange(bars) / 1440.0)
    found: Floats = SIGMA * np.exp(0.6 * logs + rhythm)
    return found


def _events(random: np.random.Generator, bars: int) -> list[int]:
    found = []
    at = 200
    while at < bars - DRIFT - 2:
        found.append(at)
        at += APART + int(random.exponential(EVERY - APART))
    return found


def _bars(steps: Floats, volume: Floats) -> CandleBlock:
    path = 100.0 * np.exp(np.cumsum(steps)).reshape(steps.shape)
    close = path[:, -1]
    first = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(path.max(axis=1), first), np.minimum(path.min(axis=1), first)
    opens = START_MS + np.arange(len(close)) * float(MINUTE_MS)
    trades = np.full(len(close), -1.0)
    return np.column_stack([opens, first, high, low, close, volume, volume * close, trades, volume / 2.0])
