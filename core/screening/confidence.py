"""How sure a recommendation is: nine factors in one composite, and the probability after penalties (methods sheet 4.2).

The composite is for the eye; decisions use the probability of the confluence, calibrated where it can be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct

from core.messages import Anomaly, MarketContext, Penalty, Side
from core.screening.correlation import dependent, same_bet
from core.signals.confluence import logit, sigmoid
from core.venue import CandleBlock

FACTOR_WEIGHTS: dict[str, float] = {
    "volume": 0.25,
    "rsi": 0.18,
    "macd": 0.20,
    "ema_cross": 0.22,
    "stochastic": 0.15,
    "orderbook": 0.20,
    "vwap": 0.25,
    "velocity": 0.18,
    "volume_profile": 0.20,
}
"""They add to 1.83, so the composite divides by the weights of the factors there are."""

FACTOR_DETECTORS: dict[str, tuple[str, ...]] = {
    "volume": ("vol_spike",),
    "rsi": ("rsi_static", "rsi_dynamic", "rsi_div"),
    "macd": ("macd",),
    "ema_cross": ("ema_cross",),
    "stochastic": ("stoch",),
    "vwap": ("vwap_dev", "vwap_trend"),
}
"""Detectors whose signed evidence a factor is: the strongest of them. The other factors have functions of their own."""

CONFIRMED_FROM = 0.3
"""A factor confirms a side from this much evidence toward it."""
SAME_BET_FACTOR = 0.8
"""What is left of the composite when the reference, the same bet, trends the other way."""
VELOCITY_BARS = 5
SIGMA_BARS = 60
PROFILE_BARS = 240
_PROFILE_BINS = 48
BARRIER_BARS = 12
BARRIER_SIGMA = 1.5
BARRIER_SPAN = 60
"""P(up) is about the first of two barriers 1.5 sigma sqrt(12) bars away, sigma an EWMA of span 60 (methods sheet 7.1)."""
_BARRIER_HISTORY = 300
_NEAR_CERTAIN = 1e-6


class Factor(Struct, frozen=True):
    """One factor: signed evidence in [-1, 1], and its share of the weights in the composite."""

    name: str
    evidence: float
    weight: float


class Composite(Struct, frozen=True, kw_only=True):
    """`score` in [-1, 1], NaN without any factor. `factors_confirmed` counts those toward the score's own side."""

    score: float
    factors: tuple[Factor, ...]
    missing: tuple[str, ...]

    @property
    def factors_confirmed(self) -> int:
        """Factors that confirm the side the score leans to; 0 when it leans to none."""
        if not abs(self.score) > 0.0:
            return 0
        return self.confirmed("BUY" if self.score > 0.0 else "SELL")

    def confirmed(self, side: Side) -> int:
        """Factors with at least 0.3 of evidence toward this side."""
        sign = 1.0 if side == "BUY" else -1.0
        return sum(factor.evidence * sign >= CONFIRMED_FROM for factor in self.factors)


class Confidence(Struct, frozen=True, kw_only=True):
    """Confidence in one side. `raw` is P(side) before penalties and `probability` after them, both in [0, 1] or NaN."""

    side: Side
    raw: float
    probability: float
    calibrated: bool
    composite: Composite
    penalties: tuple[Penalty, ...]

    @property
    def factors_confirmed(self) -> int:
        """Factors that confirm this side, which is not always the one the composite leans to."""
        return self.composite.confirmed(self.side)


def composite(factors: Mapping[str, float], weights: Mapping[str, float] = FACTOR_WEIGHTS) -> Composite:
    """Weighted mean over the factors that are known; NaN and absent ones count nowhere. Evidence is clamped to [-1, 1]."""
    known = {name: factors[name] for name in weights if math.isfinite(factors.get(name, math.nan))}
    total = math.fsum(weights[name] for name in known)
    found = tuple(Factor(name, max(-1.0, min(1.0, value)), weights[name] / total) for name, value in known.items())
    score = math.fsum(factor.weight * factor.evidence for factor in found) if found else math.nan
    return Composite(score=score, factors=found, missing=tuple(name for name in weights if name not in known))


def factors_of(evidence: Mapping[str, float]) -> dict[str, float]:
    """Factors from the signed evidence of detectors; one whose detectors are all absent (warming up, off) is left out."""
    found = {}
    for name, detectors in FACTOR_DETECTORS.items():
        heard = [evidence[detector] for detector in detectors if detector in evidence]
        if heard:
            found[name] = max(heard, key=abs)
    return found


def velocity(bars: CandleBlock) -> float:
    """Five-bar log return over three times its usual size, sigma60 sqrt(5), clamped to [-1, 1]; NaN while unknown.

    The deviation is of the sixty returns before those five.
    """
    closes = bars[-SIGMA_BARS - VELOCITY_BARS - 1 :, 4]
    if len(closes) <= SIGMA_BARS + VELOCITY_BARS or not (closes > 0.0).all():
        return math.nan
    returns = np.diff(np.log(closes))
    usual = float(np.std(returns[:SIGMA_BARS])) * math.sqrt(VELOCITY_BARS)
    if not usual > 0.0:
        return math.nan
    return max(-1.0, min(1.0, float(returns[SIGMA_BARS:].sum()) / usual / 3.0))


def volume_profile(bars: CandleBlock, atr: float) -> float:
    """Where the close lies against the point of control of 240 bars: (close - POC) / (2 ATR), clamped to [-1, 1].

    The profile puts each bar's volume at its typical price, into 48 bins. NaN while unknown. `atr` in price units.
    """
    recent = bars[-PROFILE_BARS:]
    if len(recent) < PROFILE_BARS or not atr > 0.0:
        return math.nan
    typical, volume = recent[:, 2:5].mean(axis=1), recent[:, 5]
    if not (np.isfinite(typical).all() and np.isfinite(volume).all() and volume.sum() > 0.0):
        return math.nan
    low, high = float(typical.min()), float(typical.max())
    if not high > low:
        return max(-1.0, min(1.0, (float(recent[-1, 4]) - low) / (2.0 * atr)))
    width = (high - low) / _PROFILE_BINS
    bins = np.minimum(((typical - low) / width).astype(np.intp), _PROFILE_BINS - 1)
    control = low + (int(np.argmax(np.bincount(bins, volume, _PROFILE_BINS))) + 0.5) * width
    return max(-1.0, min(1.0, (float(recent[-1, 4]) - control) / (2.0 * atr)))


def market_against(context: MarketContext, side: Side) -> bool:
    """True when the reference trends the other way and this market goes with it (correlation >= 0.7)."""
    other = "DOWN" if side == "BUY" else "UP"
    return context.reference_trend == other and dependent(context.correlation_with_reference)


def penalties(
    context: MarketContext, found: Iterable[Anomaly], side: Side, *, default_thresholds: bool
) -> tuple[Penalty, ...]:
    """Penalties that apply. Their sizes are definitions, to be fitted again once outcomes exist."""
    kinds = {anomaly.kind for anomaly in found}
    applied = []
    if "VOLATILITY" in kinds:
        applied.append(Penalty("VOLATILITY", 0.3, "volatility is unusual"))
    if "LIQUIDITY_THIN" in kinds:
        applied.append(Penalty("LIQUIDITY_THIN", 0.4, "liquidity is thin"))
    if default_thresholds:
        applied.append(Penalty("DEFAULT_THRESHOLDS", 0.2, "thresholds are defaults, not calibrated"))
    if market_against(context, side):
        applied.append(Penalty("MARKET_AGAINST", 0.4, "the reference trends the other way"))
    return tuple(applied)


def side_of(probability_up: float, *, shorts: bool) -> Side:
    """The side a recommendation is about: SELL only where shorts are allowed and down is likelier."""
    return "SELL" if shorts and probability_up < 0.5 else "BUY"


def confidence(
    probability_up: float,
    side: Side,
    factors: Composite,
    applied: tuple[Penalty, ...],
    context: MarketContext,
    *,
    calibrated: bool,
) -> Confidence:
    """Confidence in a side from P(up) of the confluence, less the penalties. A probability outside [0, 1] is NaN.

    When the reference is the same bet and trends the other way, the composite shrinks by 0.8 on top.
    """
    known = probability_up if 0.0 <= probability_up <= 1.0 else math.nan
    raw = known if side == "BUY" else 1.0 - known
    reduced = raw
    if applied and not math.isnan(raw):
        bounded = min(1.0 - _NEAR_CERTAIN, max(_NEAR_CERTAIN, raw))
        reduced = min(raw, sigmoid(logit(bounded) - math.fsum(part.logit for part in applied)))
    if same_bet(context.correlation_with_reference) and market_against(context, side):
        factors = Composite(score=factors.score * SAME_BET_FACTOR, factors=factors.factors, missing=factors.missing)
    return Confidence(
        side=side, raw=raw, probability=reduced, calibrated=calibrated, composite=factors, penalties=applied
    )


def barrier_distance(bars: CandleBlock) -> float:
    """How far the barriers of P(up) are from the last close of these decision bars, in price; NaN while unknown."""
    closes = bars[-_BARRIER_HISTORY - 1 :, 4]
    if len(closes) <= BARRIER_SPAN or not ((closes > 0.0) & (closes < math.inf)).all():
        return math.nan
    squares = np.diff(np.log(closes)) ** 2
    weights = (1.0 - 2.0 / (BARRIER_SPAN + 1.0)) ** np.arange(len(squares) - 1, -1, -1)
    sigma = math.sqrt(float(np.average(squares, weights=weights)))
    return float(closes[-1]) * math.expm1(BARRIER_SIGMA * sigma * math.sqrt(BARRIER_BARS))


def trade_probability(probability: float, reward: float, risk: float, barrier: float) -> float:
    """P(target before stop) that P(side) implies, before trades have been counted: the prior of `p_trade`.

    `probability` is that of the nearer of two barriers at `barrier` on either side being the right one; `reward`, `risk`
    and `barrier` are distances in one unit. The edge reaches as far as it was measured: until the first barrier the price
    is a walk with the drift that P(side) means, from there on one without (gambler's ruin; Feller, 1968). A trade wider
    than the barriers expects (2 P - 1) barrier, whatever its target. Without an edge P is 1 / (1 + RR).
    NaN when a distance is not a positive number or the probability is not inside (0, 1).
    """
    if not (0.0 < probability < 1.0 and all(0.0 < distance < math.inf for distance in (reward, risk, barrier))):
        return math.nan
    up, down = min(reward, barrier), min(risk, barrier)
    share = risk / (reward + risk)
    above = (risk + up) / (reward + risk) if up < reward else 1.0
    below = share * (1.0 - down / risk)
    first = _upper_first(logit(probability) / barrier, up, down)
    return min(1.0, max(0.0, first * above + (1.0 - first) * below))


def _upper_first(theta: float, up: float, down: float) -> float:
    """P(+up before -down) of a walk whose log-odds over symmetric barriers are theta times their distance."""
    if abs(theta) * (up + down) < 1e-9:
        return down / (up + down)
    if theta < 0.0:  # the same, turned so that no exponential overflows
        return math.exp(theta * up) * math.expm1(theta * down) / math.expm1(theta * (up + down))
    return math.expm1(-theta * down) / math.expm1(-theta * (up + down))
