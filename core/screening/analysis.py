"""Stage 2: one symbol's circumstances turned into a reasoned recommendation (methods sheet 4.2).

A pure function of its inputs: context, anomalies, confidence, the trade, the recommendation, and all of it in words.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterable
from decimal import Decimal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from core.messages import (
    Analysis,
    Anomaly,
    AnomalyDetection,
    Contribution,
    MarketContext,
    RiskParameters,
    Side,
)
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.analysis_message import confidence_metrics, failed_analysis, message, price_decimals
from core.screening.anomalies import AnomalyFacts, anomalies
from core.screening.confidence import (
    Confidence,
    barrier_distance,
    composite,
    confidence,
    factors_of,
    penalties,
    side_of,
    trade_probability,
    velocity,
    volume_profile,
)
from core.screening.context import ContextInputs, market_context, natr_of
from core.screening.correlation import aligned_returns, relative_strength
from core.screening.costs import Costs, trade_costs
from core.screening.hints import data_hints, market_hints, trade_hints
from core.screening.narrative_facts import NAN, Facts, Hint
from core.screening.recommend import Case, Recommendation, RecommendationRules, recommend
from core.screening.risk_parameters import InvalidData, RiskInputs, RiskRules, risk_parameters
from core.venue import CandleBlock

log = logging.getLogger("tradetui.screening")

AT_LEVEL_ATR = 0.5
"""A price this near a support or a resistance is at it."""
BROKEN_ATR = 1.0
"""A level this far behind the price may be the one it broke."""
TURN_FROM = 0.5
"""Evidence of a change of structure or a divergence that is still fresh: it fades with time."""
TELLABLE = 1e15
"""A price beyond is a broken number that no narrative repeats."""
_UNKNOWN_TICK = Decimal("NaN")


class _Sure(Struct, frozen=True):
    """Probabilities of the upper barrier: as the confluence said, and as past outcomes correct it."""

    said: float
    up: float
    calibrated: bool
    outcomes: float


def analyse(inputs: AnalysisInputs) -> Analysis:
    """The analysis of one symbol. Never raises: what breaks inside is a SYSTEM_FAILURE with the error in its text."""
    steps = stages(inputs)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def stages(inputs: AnalysisInputs) -> Generator[None, None, Analysis]:
    """The same in pieces of a millisecond or two, so that an event loop can do something else between them."""
    try:
        return (yield from _stages(inputs))
    except Exception as error:  # Fallback: a failed analysis says so itself; whoever asked for it counts it.
        log.exception("analysis of %s failed", inputs.symbol)
        who = (inputs.venue, inputs.category, inputs.symbol)
        return failed_analysis(*who, inputs.now_ms, inputs.cause, inputs.screening, error)


def _stages(inputs: AnalysisInputs) -> Generator[None, None, Analysis]:
    reference = inputs.reference if inputs.reference is not None else np.empty((0, 9))
    context = market_context(
        ContextInputs(
            frame=inputs.frame,
            daily=inputs.daily,
            own=inputs.own,
            reference=reference,
            sample=inputs.sample,
            regime=inputs.regime,
            reference_trend=inputs.reference_trend,
            close=inputs.price,
            now_ms=inputs.now_ms,
            minutes=inputs.minutes,
        )
    )
    yield
    minute_natr = natr_of(inputs.minutes)
    found = anomalies(_facts(inputs, context, reference, minute_natr))
    sure = _sure(inputs)
    surety = _confidence(inputs, context, found, sure)
    yield
    risk, costs = _trade(inputs, context, surety.side)
    p_trade = _p_trade(inputs, surety, risk)
    advice = recommend(
        Case(confidence=surety, risk=risk, anomalies=found, p_trade=p_trade, invalid=_unsound(inputs)), _rules(inputs)
    )
    yield
    quiet = minute_natr < inputs.in_force.values.low_gate
    trade = risk if isinstance(risk, RiskParameters) else None
    unknown = data_hints(inputs, context)
    hints = (
        *unknown,
        *market_hints(inputs, context, surety.side, quiet),
        *trade_hints(inputs, context, trade, sure.up, calibrated=sure.calibrated),
    )
    told = _narrative(inputs, context, found, surety, trade, costs, advice, hints)
    return replace(
        told,
        market_context=replace(context, hints=told.hints[: len(unknown)]),
        anomaly_detection=AnomalyDetection(detected=bool(found), anomalies=found),
        confidence_metrics=confidence_metrics(surety, sure.said, sure.outcomes),
        p_trade=advice.p_trade,
        break_even=advice.break_even,
        risk_parameters=trade,
        validation_passed=advice.action in ("BUY", "SELL") and not inputs.synthetic_bars and context.trend != "UNKNOWN",
    )


# --- the steps -------------------------------------------------------------------------------------------------------


def _facts(inputs: AnalysisInputs, context: MarketContext, reference: CandleBlock, minute_natr: float) -> AnomalyFacts:
    codes = {reason.code: reason for reason in inputs.trigger_reasons}
    breakout: Side | None = "BUY" if "BREAKOUT_UP" in codes else "SELL" if "BREAKOUT_DOWN" in codes else None
    divergence = _turn(inputs.evidence.get("rsi_div", 0.0))
    if "RSI_DIVERGENCE" in codes:
        divergence = "BUY" if codes["RSI_DIVERGENCE"].side > 0 else "SELL"
    limit = inputs.in_force.values.high_gate
    wild = f"ATR {100.0 * minute_natr:.2f} % a minute, gate {100.0 * limit:.2f} %" if minute_natr > limit else ""
    return AnomalyFacts(
        volatility=context.volatility,
        natr_percentile=context.natr_percentile,
        gate=wild,
        breakout=breakout,
        volume_z=inputs.volume_z,
        choch=_turn(inputs.evidence.get("smc_choch", 0.0)),
        divergence=divergence,
        at_level=not math.isnan(_level_at(context, inputs.price)),
        strength=relative_strength(*aligned_returns(inputs.own, reference)) if inputs.reference_symbol else None,
        spread=inputs.liquidity.spread,
        spread_median=inputs.liquidity.spread_median,
        depth=inputs.liquidity.depth,
        depth_median=inputs.liquidity.depth_median,
    )


def _sure(inputs: AnalysisInputs) -> _Sure:
    """The confluence's probability is what the prior map says; a map of past outcomes corrects it (methods sheet 3.4)."""
    said, fitted = inputs.probability_up, inputs.score_map
    if fitted is None or not 0.0 <= said <= 1.0:
        return _Sure(said, said, calibrated=False, outcomes=fitted.n_eff if fitted is not None else 0.0)
    score = np.array([said])
    return _Sure(said, float(fitted.probability(score, score)[0]), fitted.calibrated, fitted.n_eff)


def _confidence(inputs: AnalysisInputs, context: MarketContext, found: tuple[Anomaly, ...], sure: _Sure) -> Confidence:
    evidence = {name: value for name, value in inputs.evidence.items() if math.isfinite(value)}
    factors = factors_of(evidence)
    factors["orderbook"] = inputs.liquidity.imbalance
    factors["velocity"] = velocity(inputs.frame)
    factors["volume_profile"] = volume_profile(inputs.frame, context.atr)
    side = side_of(sure.up, shorts=inputs.shorts)
    applied = penalties(context, found, side, default_thresholds=inputs.in_force.is_default)
    return confidence(sure.up, side, composite(factors), applied, context, calibrated=sure.calibrated)


def _trade(inputs: AnalysisInputs, context: MarketContext, side: Side) -> tuple[RiskParameters | InvalidData, Costs]:
    tick = inputs.tick if inputs.tick is not None else _UNKNOWN_TICK
    costs = trade_costs(
        inputs.minutes,
        inputs.price,
        inputs.liquidity.spread,
        float(tick),
        fee=inputs.fee,
        notional=inputs.screening.trade_notional,
    )
    if math.isnan(context.atr):
        frame = inputs.screening.timeframe
        reason = f"ATR not known: {len(inputs.frame)} bars of {frame}, or one of them is not a number"
        return InvalidData("atr", context.atr, reason), costs
    values, levels = inputs.in_force.values, context.key_levels
    trade = RiskInputs(
        side=side,
        close=inputs.price,
        atr=context.atr,
        support=levels.immediate_support,
        resistance=levels.immediate_resistance,
        day_low=levels.day_low,
        day_high=levels.day_high,
        tick_size=tick,
    )
    rules = RiskRules(
        tp_mult=values.tp_mult,
        sl_mult=values.sl_mult,
        min_stop_ticks=inputs.screening.min_stop_ticks,
        min_ratio=inputs.screening.min_ratio,
    )
    return risk_parameters(trade, costs, rules), costs


def _p_trade(inputs: AnalysisInputs, surety: Confidence, risk: RiskParameters | InvalidData) -> float:
    """P(TP1 before the stop) from the worst edge of the zone: what P(side) implies until trades have been counted.

    Before the penalties: they stand for circumstances P(side) does not know of, and are weighed once, in the confidence.
    """
    if not isinstance(risk, RiskParameters):
        return NAN
    entry = risk.worst_entry
    reward, loss = float(abs(risk.tp_targets[0] - entry)), float(abs(entry - risk.sl_level))
    return trade_probability(surety.raw, reward, loss, barrier_distance(inputs.decision))


def _rules(inputs: AnalysisInputs) -> RecommendationRules:
    settings = inputs.screening
    return RecommendationRules(
        min_confidence=settings.min_confidence,
        min_cluster=settings.min_cluster,
        min_ratio=settings.min_ratio,
        high_risk_below=settings.high_risk_below,
        shorts=inputs.shorts,
    )


def _unsound(inputs: AnalysisInputs) -> tuple[InvalidData, ...]:
    """Inputs that forbid a recommendation however good the numbers look."""
    return (InvalidData("market", NAN, inputs.trouble),) if inputs.trouble else ()


# --- the message -----------------------------------------------------------------------------------------------------


def _narrative(
    inputs: AnalysisInputs,
    context: MarketContext,
    found: tuple[Anomaly, ...],
    surety: Confidence,
    trade: RiskParameters | None,
    costs: Costs,
    advice: Recommendation,
    hints: tuple[Hint, ...],
) -> Analysis:
    """The analysis as far as it is words, with the figures every analysis has."""
    side = surety.side
    facts = Facts(
        symbol=inputs.symbol,
        label=advice.action,
        regime=context.regime,
        side=side,
        anomalies=found,
        level=_told_level(context, found, inputs.price),
        reference=inputs.reference_name or "BTC",
        reason=_strongest(inputs.contributions, side),
        contrary=_strongest(inputs.contributions, "SELL" if side == "BUY" else "BUY"),
        price=inputs.price if 0.0 < inputs.price < TELLABLE else NAN,
        price_decimals=price_decimals(inputs),
        entry_low=trade.optimal_entry[0] if trade else NAN,
        entry_high=trade.optimal_entry[1] if trade else NAN,
        target=trade.tp_targets[0] if trade else NAN,
        stop=trade.sl_level if trade else NAN,
        rr=trade.risk_reward_ratio if trade else NAN,
        cost=costs.round_trip,
        probability=surety.probability,
        calibrated=surety.calibrated,
        factors=surety.factors_confirmed,
        changes=advice.changes,
        hints=hints,
        error="; ".join(advice.reasons) if advice.action == "INVALID_DATA" else "",
    )
    return message(inputs, facts, advice)


# --- small facts -----------------------------------------------------------------------------------------------------


def _turn(evidence: float) -> Side | None:
    if not abs(evidence) >= TURN_FROM:
        return None
    return "BUY" if evidence > 0.0 else "SELL"


def _level_at(context: MarketContext, price: float, reach: float = AT_LEVEL_ATR) -> float:
    """The support or resistance the price is at, NaN when it is at none."""
    levels = (context.key_levels.immediate_support, context.key_levels.immediate_resistance)
    near = [level for level in levels if abs(price - level) <= reach * context.atr]
    return min(near, key=lambda level: abs(price - level), default=NAN)


def _told_level(context: MarketContext, found: tuple[Anomaly, ...], price: float) -> float:
    """The price that the first anomaly broke or turned at."""
    if not found:
        return NAN
    first, levels = found[0], context.key_levels
    if first.kind == "BREAKOUT_WITH_VOLUME":
        behind = levels.immediate_support if first.side == "BUY" else levels.immediate_resistance
        return behind if abs(price - behind) <= BROKEN_ATR * context.atr else NAN
    return _level_at(context, price) if first.kind == "TREND_REVERSAL" else NAN


def _strongest(parts: Iterable[Contribution], side: Side) -> Contribution | None:
    """The contribution that adds most to this side's probability."""
    sign = 1.0 if side == "BUY" else -1.0
    toward = [part for part in parts if math.isfinite(part.gain) and sign * part.gain > 0.0]
    return max(toward, key=lambda part: sign * part.gain, default=None)
