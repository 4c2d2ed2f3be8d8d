"""Scores turned into probabilities by what happened after them (methods sheet 3.4).

A score is a raw probability in (0, 1), an outcome 0 or 1; fit on scores that were out of sample when they were made. A weight
is the uniqueness of an outcome (`core.learning.overlap`): overlapping outcomes are not so many witnesses, and n_eff is the
sum of the weights. Which map is fitted depends on n_eff alone, by measured excess Brier scores: under 100 a blend with the
prior map, marked uncalibrated, from 100 Platt, from 1,000 beta, from 5,000 isotonic where it is better on later outcomes.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CALIBRATED_FROM = 100.0
BETA_FROM = 1000.0
ISOTONIC_FROM = 5000.0
PRIOR_WEIGHT = 100.0
"""Outcomes the prior map counts for while there are fewer than `CALIBRATED_FROM`."""
LATER_SHARE = 0.2
"""The newest share of the outcomes, on which maps are compared."""
EDGE = 1e-6
"""Scores are kept this far from 0 and 1 before a logarithm is taken."""
LEAST_SLOPE = 1e-6
NEWTON_STEPS = 100


class PlattMap(Struct, frozen=True, tag="platt"):
    """p = sigmoid(slope * logit s + intercept) (Platt, 1999)."""

    slope: float
    intercept: float

    def __call__(self, scores: Floats) -> Floats:
        return _sigmoid(self.slope * _logit(scores) + self.intercept)


class BetaMap(Struct, frozen=True, tag="beta"):
    """p = sigmoid(a ln s - b ln(1 - s) + c) with a, b >= 0 (Kull, Silva Filho & Flach, 2017)."""

    a: float
    b: float
    c: float

    def __call__(self, scores: Floats) -> Floats:
        inner = _inner(scores)
        return _sigmoid(self.a * np.log(inner) - self.b * np.log1p(-inner) + self.c)


class IsotonicMap(Struct, frozen=True, tag="isotonic"):
    """Rising steps joined by straight lines, `probabilities` at `scores`, constant beyond the ends (Zadrozny & Elkan, 2002)."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.scores, self.probabilities)


Curve = PlattMap | BetaMap | IsotonicMap


class ScoreMap(Struct, frozen=True, kw_only=True):
    """What is known about scores of one symbol class and timeframe; `curve` None: no fit was accepted, the prior stands."""

    curve: Curve | None = None
    n_eff: float = 0.0

    @property
    def calibrated(self) -> bool:
        """Whether probabilities may be shown as calibrated."""
        return self.curve is not None and self.n_eff >= CALIBRATED_FROM

    def probability(self, scores: Floats, prior: Floats) -> Floats:
        """Probabilities (n,) of `scores` (n,); `prior` (n,) is what the prior map says of them.

        Few outcomes weigh against the prior as n_eff to 100. The prior map, not the base rate: shrinking to the base rate
        would leave a fresh install without any opinion.
        """
        if self.curve is None:
            return prior
        fitted = self.curve(scores)
        if self.n_eff >= CALIBRATED_FROM:
            return fitted
        blended: Floats = (self.n_eff * fitted + PRIOR_WEIGHT * prior) / (self.n_eff + PRIOR_WEIGHT)
        return blended


class Refit(Struct, frozen=True, kw_only=True):
    """The map to use from now on; `held`: the previous one stays, the new one was worse on the newest outcomes.

    `loss_difference`: mean log-loss of the new less that of the previous there, with its standard error.
    """

    map: ScoreMap
    held: bool
    loss_difference: float
    standard_error: float


def fit_map(scores: Floats, outcomes: Floats, weights: Floats | None = None) -> ScoreMap:
    """The map that the number of outcomes allows; all arrays (n,) in order of time.

    A fit that does not rise with the score is rejected: beta falls back to Platt, Platt to the prior alone.
    Raises ValueError when the arrays differ in length or hold something else than scores, outcomes and weights.
    """
    scores, outcomes, weights = _checked(scores, outcomes, weights)
    n_eff = float(weights.sum())
    curve: Curve | None = None
    if n_eff >= BETA_FROM:
        curve = fit_beta(scores, outcomes, weights)
    if curve is None:
        curve = fit_platt(scores, outcomes, weights)
    if n_eff >= ISOTONIC_FROM and curve is not None and _isotonic_wins(scores, outcomes, weights):
        curve = fit_isotonic(scores, outcomes, weights)
    return ScoreMap(curve=curve, n_eff=n_eff)


def refit_map(
    previous: ScoreMap, scores: Floats, outcomes: Floats, prior: Floats, weights: Floats | None = None
) -> Refit:
    """A new map from all outcomes, unless one fitted without the newest fifth is worse there by over one standard error.

    `prior` (n,): the prior map's value of every score.
    """
    scores, outcomes, weights = _checked(scores, outcomes, weights)
    cut = _later(len(scores))
    if cut == len(scores) or not previous.n_eff:
        return Refit(
            map=fit_map(scores, outcomes, weights), held=False, loss_difference=math.nan, standard_error=math.nan
        )
    trial = fit_map(scores[:cut], outcomes[:cut], weights[:cut])
    later, prior_later, weight = scores[cut:], prior[cut:], weights[cut:]
    gap = _losses(trial.probability(later, prior_later), outcomes[cut:])
    gap = gap - _losses(previous.probability(later, prior_later), outcomes[cut:])
    mean = float(np.average(gap, weights=weight))
    error = math.sqrt(float(np.average((gap - mean) ** 2, weights=weight)) / max(1.0, float(weight.sum()) - 1.0))
    if mean > error:
        return Refit(map=previous, held=True, loss_difference=mean, standard_error=error)
    return Refit(map=fit_map(scores, outcomes, weights), held=False, loss_difference=mean, standard_error=error)


def fit_platt(scores: Floats, outcomes: Floats, weights: Floats | None = None) -> PlattMap | None:
    """Platt's map with his smoothed targets; None when it does not rise with the score."""
    scores, outcomes, weights = _checked(scores, outcomes, weights)
    logits = _logit(scores)
    found = _logistic(logits[:, None], _smoothed(outcomes, weights), weights)
    if found is None or not found[0] > LEAST_SLOPE:
        return None
    return PlattMap(float(found[0]), float(found[1]))


def fit_beta(scores: Floats, outcomes: Floats, weights: Floats | None = None) -> BetaMap | None:
    """Beta map; a coefficient that comes out negative is set to 0 and the other fitted again; None when neither rises."""
    scores, outcomes, weights = _checked(scores, outcomes, weights)
    inner = _inner(scores)
    columns = np.column_stack([np.log(inner), -np.log1p(-inner)])
    targets = _smoothed(outcomes, weights)
    found = _logistic(columns, targets, weights)
    if found is None:
        return None
    a, b, c = (float(value) for value in found)
    if a >= 0.0 and b >= 0.0 and max(a, b) > LEAST_SLOPE:
        return BetaMap(a, b, c)
    if a < 0.0 and b < 0.0:
        return None
    left = 1 if a < b else 0
    again = _logistic(columns[:, left : left + 1], targets, weights)
    if again is None or not again[0] > LEAST_SLOPE:
        return None
    slope, intercept = float(again[0]), float(again[1])
    return BetaMap(0.0, slope, intercept) if left else BetaMap(slope, 0.0, intercept)


def fit_isotonic(scores: Floats, outcomes: Floats, weights: Floats | None = None) -> IsotonicMap | None:
    """Isotonic map, clipped to [1 / (n + 2), 1 - 1 / (n + 2)]; None when it is flat: nothing rises with the score."""
    scores, outcomes, weights = _checked(scores, outcomes, weights)
    levels, place = np.unique(scores, return_inverse=True)
    mass = np.asarray(np.bincount(place, weights=weights), dtype=np.float64)
    means = np.bincount(place, weights=weights * outcomes) / mass
    rising = pool_adjacent_violators(means, mass)
    if len(rising) < 2 or not rising[-1] > rising[0]:
        return None
    edge = 1.0 / (float(mass.sum()) + 2.0)
    # The ends of every step are enough: straight lines between them give the rest.
    steps = np.flatnonzero(np.diff(rising))
    ends = np.unique(np.concatenate([[0], steps, steps + 1, [len(rising) - 1]]))
    clipped = np.clip(rising[ends], edge, 1.0 - edge)
    return IsotonicMap(tuple(levels[ends].tolist()), tuple(clipped.tolist()))


def pool_adjacent_violators(values: Floats, weights: Floats) -> Floats:
    """The nearest series (n,) to `values` by weighted squares that never falls (Ayer et al., 1955); weights above 0."""
    means: list[float] = []
    masses: list[float] = []
    counts: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, count = value, weight, 1
        while means and means[-1] > mean:
            other = masses.pop()
            mean = (means.pop() * other + mean * mass) / (other + mass)
            mass += other
            count += counts.pop()
        means.append(mean)
        masses.append(mass)
        counts.append(count)
    return np.repeat(np.array(means, dtype=np.float64), counts)


def _isotonic_wins(scores: Floats, outcomes: Floats, weights: Floats) -> bool:
    """Whether an isotonic map of the earlier outcomes is better than a beta map on the later ones."""
    cut = _later(len(scores))
    earlier = (scores[:cut], outcomes[:cut], weights[:cut])
    steps, smooth = fit_isotonic(*earlier), fit_beta(*earlier) or fit_platt(*earlier)
    if steps is None or smooth is None:
        return smooth is None and steps is not None
    gap = _losses(steps(scores[cut:]), outcomes[cut:]) - _losses(smooth(scores[cut:]), outcomes[cut:])
    return float(np.average(gap, weights=weights[cut:])) < 0.0


def _later(count: int) -> int:
    """Place of the first outcome that belongs to the newest share."""
    return count - int(LATER_SHARE * count)


def _smoothed(outcomes: Floats, weights: Floats) -> Floats:
    """Targets (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2): one imagined outcome more on either side."""
    ups = float((weights * outcomes).sum())
    downs = float(weights.sum()) - ups
    return np.where(outcomes > 0.5, (ups + 1.0) / (ups + 2.0), 1.0 / (downs + 2.0))


def _logistic(columns: Floats, targets: Floats, weights: Floats) -> Floats | None:
    """Coefficients and intercept (k + 1,) of a weighted logistic regression by damped Newton steps; None without variation.

    Targets lie strictly within (0, 1), so the optimum is finite also when the scores separate the outcomes.
    """
    if len(columns) < 2 or bool((np.ptp(columns, axis=0) < EDGE).any()):
        return None
    design = np.column_stack([columns, np.ones(len(columns))])
    found = np.zeros(design.shape[1])
    loss = _objective(design, targets, weights, found)
    for _ in range(NEWTON_STEPS):
        chance = _sigmoid(design @ found)
        slope = design.T @ (weights * (chance - targets))
        curve = design.T @ (design * (weights * chance * (1.0 - chance))[:, None])
        curve[np.diag_indices_from(curve)] += 1e-12 * (1.0 + np.trace(curve))
        step = np.linalg.solve(curve, slope)
        share = 1.0
        while (shorter := _objective(design, targets, weights, found - share * step)) > loss and share > EDGE:
            share *= 0.5
        if shorter >= loss:
            return found
        found, loss = found - share * step, shorter
    return found


def _objective(design: Floats, targets: Floats, weights: Floats, coefficients: Floats) -> float:
    """Weighted negative log-likelihood."""
    logits = design @ coefficients
    return float((weights * (np.logaddexp(0.0, logits) - targets * logits)).sum())


def _losses(probabilities: Floats, outcomes: Floats) -> Floats:
    inner = _inner(probabilities)
    return -np.where(outcomes > 0.5, np.log(inner), np.log1p(-inner))


def _inner(scores: Floats) -> Floats:
    return np.clip(scores, EDGE, 1.0 - EDGE)


def _logit(scores: Floats) -> Floats:
    inner = _inner(scores)
    return np.asarray(np.log(inner) - np.log1p(-inner))


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values))


def _checked(scores: Floats, outcomes: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats]:
    found = np.ones(len(scores)) if weights is None else weights
    if not len(scores) == len(outcomes) == len(found):
        raise ValueError(f"scores, outcomes and weights differ in length: {len(scores)}, {len(outcomes)}, {len(found)}")
    if not bool(((scores >= 0.0) & (scores <= 1.0)).all()):
        raise ValueError("scores must be probabilities in [0, 1], none unknown: leave bars in warm-up out")
    if not bool(((outcomes == 0.0) | (outcomes == 1.0)).all()):
        raise ValueError("outcomes must be 0 or 1: leave those not known yet out")
    if not bool(((found > 0.0) & np.isfinite(found)).all()):
        raise ValueError("weights must be above 0")
    return scores, outcomes, found
