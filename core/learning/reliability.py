"""How far forecast probabilities can be trusted: Brier score and its parts, log-loss, reliability bins, calibration error.

Expected calibration error (ECE) is biased upwards: a perfect forecaster scores 0.13 with 100 outcomes in ten bins. So each
figure comes with what a perfect forecaster would show by luck, from outcomes drawn out of the forecasts themselves
(consistency resampling: Bröcker & Smith, 2007). Overlapping outcomes must be thinned before, or the noise is told too small.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEW_OUTCOMES = 500
FEW_BINS = 5
BINS = 10
DRAWS = 1000
DRAW_CELLS = 1_000_000
"""Outcomes drawn at a time, so that memory stays small."""
EDGE = 1e-12


class Brier(Struct, frozen=True, kw_only=True):
    """Brier score = reliability - resolution + uncertainty + within (Murphy, 1973); smaller is better.

    `within` is what forecasts that differ inside one bin add; 0.0 when those of a bin are equal. `skill`: against the base
    rate, above 0 is better than it; NaN when all outcomes are alike.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    skill: float


class Noise(Struct, frozen=True):
    """Calibration error of a perfect forecaster: its mean and its 95th percentile."""

    mean: float
    p95: float


class Bin(Struct, frozen=True):
    """One bar of the reliability diagram; `low` to `high`: where a perfect forecaster's `observed` lies in 90 % of cases."""

    forecasts: int
    forecast: float
    observed: float
    low: float
    high: float


class Reliability(Struct, frozen=True, kw_only=True):
    """All of it for one set of forecasts."""

    outcomes: int
    bins: tuple[Bin, ...]
    brier: Brier
    log_loss: float
    ece: float
    ece_noise: Noise

    @property
    def alarm(self) -> bool:
        """Whether the calibration error is more than luck: above the 95th percentile of a perfect forecaster."""
        return self.ece > self.ece_noise.p95


def reliability(probabilities: Floats, outcomes: Floats, *, bins: int = 0, seed: int = 0) -> Reliability:
    """Everything about forecasts (n,) in [0, 1] and outcomes (n,) of 0 or 1; `bins` 0: 5 under 500 outcomes, else 10."""
    forecasts, happened, starts = _binned(probabilities, outcomes, bins)
    counts = np.diff(np.append(starts, len(forecasts)))
    observed = np.add.reduceat(happened, starts) / counts
    mean = np.add.reduceat(forecasts, starts) / counts
    drawn = _drawn(forecasts, starts, counts, seed)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    return Reliability(
        outcomes=len(forecasts),
        bins=tuple(
            Bin(int(counts[i]), float(mean[i]), float(observed[i]), float(low[i]), float(high[i]))
            for i in range(len(counts))
        ),
        brier=brier(probabilities, outcomes, bins=bins),
        log_loss=log_loss(probabilities, outcomes),
        ece=_ece(observed, mean, counts),
        ece_noise=_noise(drawn, mean, counts),
    )


def brier(probabilities: Floats, outcomes: Floats, *, bins: int = 0) -> Brier:
    """The Brier score and its parts over equal-mass bins."""
    forecasts, happened, starts = _binned(probabilities, outcomes, bins)
    counts = np.diff(np.append(starts, len(forecasts)))
    share = counts / len(forecasts)
    observed = np.add.reduceat(happened, starts) / counts
    mean = np.add.reduceat(forecasts, starts) / counts
    base = float(happened.mean())
    score = float(np.mean((forecasts - happened) ** 2))
    calibration = float((share * (mean - observed) ** 2).sum())
    resolution = float((share * (observed - base) ** 2).sum())
    uncertainty = base * (1.0 - base)
    return Brier(
        score=score,
        reliability=calibration,
        resolution=resolution,
        uncertainty=uncertainty,
        within=score - (calibration - resolution + uncertainty),
        skill=1.0 - score / uncertainty if uncertainty > 0.0 else float("nan"),
    )


def log_loss(probabilities: Floats, outcomes: Floats) -> float:
    """Mean of -ln(probability of what happened); forecasts of 0 and 1 count as a hair inside, so one miss is not infinite."""
    inner = np.clip(probabilities, EDGE, 1.0 - EDGE)
    return float(-np.mean(np.where(outcomes > 0.5, np.log(inner), np.log1p(-inner))))


def calibration_error(probabilities: Floats, outcomes: Floats, *, bins: int = 0) -> float:
    """ECE: mean distance of the observed share from the mean forecast over equal-mass bins."""
    forecasts, happened, starts = _binned(probabilities, outcomes, bins)
    counts = np.diff(np.append(starts, len(forecasts)))
    return _ece(np.add.reduceat(happened, starts) / counts, np.add.reduceat(forecasts, starts) / counts, counts)


def calibration_noise(probabilities: Floats, *, bins: int = 0, seed: int = 0) -> Noise:
    """The ECE these forecasts would show if every one of them were exactly right."""
    forecasts, _, starts = _binned(probabilities, np.zeros(len(probabilities)), bins)
    counts = np.diff(np.append(starts, len(forecasts)))
    return _noise(_drawn(forecasts, starts, counts, seed), np.add.reduceat(forecasts, starts) / counts, counts)


def _binned(probabilities: Floats, outcomes: Floats, bins: int) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Forecasts in order with their outcomes, and where each of the bins of equal mass starts."""
    count = len(probabilities)
    if not count or count != len(outcomes):
        raise ValueError(f"forecasts and outcomes must be as many, and at least one: got {count} and {len(outcomes)}")
    if not bool(((probabilities >= 0.0) & (probabilities <= 1.0)).all()):
        raise ValueError("forecasts must be probabilities in [0, 1]")
    if not bool(((outcomes == 0.0) | (outcomes == 1.0)).all()):
        raise ValueError("outcomes must be 0 or 1: leave those not known yet out")
    wanted = bins or (FEW_BINS if count < FEW_OUTCOMES else BINS)
    number = min(wanted, count)
    order = np.argsort(probabilities, kind="stable")
    return probabilities[order], outcomes[order], np.arange(number) * count // number


def _drawn(forecasts: Floats, starts: NDArray[np.intp], counts: NDArray[np.intp], seed: int) -> Floats:
    """Observed shares (draws, bins) when outcomes follow the forecasts."""
    generator = np.random.default_rng(seed)
    rows = max(1, min(DRAWS, DRAW_CELLS // len(forecasts)))
    parts = []
    for first in range(0, DRAWS, rows):
        happened = generator.random((min(rows, DRAWS - first), len(forecasts))) < forecasts
        parts.append(np.add.reduceat(happened, starts, axis=1, dtype=np.float64) / counts)
    return np.concatenate(parts)


def _ece(observed: Floats, forecast: Floats, counts: NDArray[np.intp]) -> float:
    return float((counts * np.abs(observed - forecast)).sum() / counts.sum())


def _noise(drawn: Floats, forecast: Floats, counts: NDArray[np.intp]) -> Noise:
    errors = np.abs(drawn - forecast) @ (counts / counts.sum())
    return Noise(float(errors.mean()), float(np.quantile(errors, 0.95)))
