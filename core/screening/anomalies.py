"""What is unusual about a market now, one rule per anomaly (methods sheet 4.2). Adding one is one function and one entry."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from core.messages import Anomaly, Side, Volatility
from core.screening.correlation import RelativeStrength

BREAKOUT_VOLUME_Z = 2.0
STRENGTH_Z = 2.0
WIDE_SPREAD = 3.0
"""Times its median at which a spread is wide."""
SHALLOW_DEPTH = 0.3
"""Share of its median below which the book is thin."""


class AnomalyFacts(Struct, frozen=True, kw_only=True):
    """What the rules look at; the default of each says that it is not known or did not happen.

    `gate`: why the ATR gate is closed, empty while open. `at_level`: the price is at a support or a resistance.
    `spread` and `depth` in any unit, each the same as its median.
    """

    volatility: Volatility = "UNKNOWN"
    natr_percentile: float = math.nan
    gate: str = ""
    breakout: Side | None = None
    volume_z: float = math.nan
    choch: Side | None = None
    divergence: Side | None = None
    at_level: bool = False
    strength: RelativeStrength | None = None
    spread: float = math.nan
    spread_median: float = math.nan
    depth: float = math.nan
    depth_median: float = math.nan


Rule = Callable[[AnomalyFacts], Anomaly | None]


def volatility(facts: AnomalyFacts) -> Anomaly | None:
    """Volatility class HIGH, or the ATR gate closed."""
    if facts.volatility == "HIGH":
        share = facts.natr_percentile
        told = "" if math.isnan(share) else f": above {share * 100.0:.0f} % of the last 7 days"
        return Anomaly(kind="VOLATILITY", reason=f"volatility high{told}", value=share, threshold=0.80)
    return Anomaly(kind="VOLATILITY", reason=facts.gate) if facts.gate else None


def breakout_with_volume(facts: AnomalyFacts) -> Anomaly | None:
    """A level broken on a volume at least two deviations above normal."""
    if facts.breakout is None or not facts.volume_z >= BREAKOUT_VOLUME_Z:
        return None
    return Anomaly(
        kind="BREAKOUT_WITH_VOLUME",
        reason=f"level broken {_way(facts.breakout)} on volume {facts.volume_z:.1f} σ above normal",
        side=facts.breakout,
        value=facts.volume_z,
        threshold=BREAKOUT_VOLUME_Z,
    )


def trend_reversal(facts: AnomalyFacts) -> Anomaly | None:
    """A change of character, or a divergence while the price is at a level."""
    if facts.choch is not None:
        return Anomaly(kind="TREND_REVERSAL", reason=f"structure changed {_way(facts.choch)}", side=facts.choch)
    if facts.divergence is None or not facts.at_level:
        return None
    word = "bullish" if facts.divergence == "BUY" else "bearish"
    return Anomaly(kind="TREND_REVERSAL", reason=f"{word} divergence at a level", side=facts.divergence)


def relative_strength(facts: AnomalyFacts) -> Anomaly | None:
    """The last hour beyond beta times the reference's, by more than two deviations."""
    found = facts.strength
    if found is None or not abs(found.z) > STRENGTH_Z:
        return None
    word = "stronger" if found.z > 0.0 else "weaker"
    reason = f"{word} than the reference by {abs(found.residual) * 100.0:.2f} % in an hour ({abs(found.z):.1f} σ)"
    side: Side = "BUY" if found.z > 0.0 else "SELL"
    return Anomaly(kind="RELATIVE_STRENGTH", reason=reason, side=side, value=found.z, threshold=STRENGTH_Z)


def liquidity_thin(facts: AnomalyFacts) -> Anomaly | None:
    """Spread more than three times its median, or depth below 0.3 of its own."""
    wide = _ratio(facts.spread, facts.spread_median)
    if wide > WIDE_SPREAD:
        reason = f"spread {wide:.1f} times its median"
        return Anomaly(kind="LIQUIDITY_THIN", reason=reason, value=wide, threshold=WIDE_SPREAD)
    deep = _ratio(facts.depth, facts.depth_median)
    if deep < SHALLOW_DEPTH:
        reason = f"depth {deep:.2f} of its median"
        return Anomaly(kind="LIQUIDITY_THIN", reason=reason, value=deep, threshold=SHALLOW_DEPTH)
    return None


RULES: tuple[Rule, ...] = (volatility, breakout_with_volume, trend_reversal, relative_strength, liquidity_thin)


def anomalies(facts: AnomalyFacts) -> tuple[Anomaly, ...]:
    """The anomalies these facts are, in the order of `RULES`. An unknown fact is none."""
    return tuple(found for rule in RULES if (found := rule(facts)) is not None)


def _ratio(value: float, median: float) -> float:
    return value / median if median > 0.0 else math.nan


def _way(side: Side) -> str:
    return "upward" if side == "BUY" else "downward"
