"""What the operator should know besides the recommendation, as codes that every language has words for."""

from __future__ import annotations

import math

from core.messages import MarketContext, RiskParameters, Side
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.confidence import market_against
from core.screening.context import WARMUP_BARS
from core.screening.correlation import same_bet
from core.screening.narrative_facts import Hint

HOUR_MS = 3_600_000
TOUCH_ATR = 0.1


def data_hints(inputs: AnalysisInputs, context: MarketContext) -> tuple[Hint, ...]:
    """What is not known, or not sound."""
    found = []
    if inputs.trouble:
        found.append(Hint("STALE_DATA", text=inputs.trouble))
    if inputs.synthetic_bars:
        found.append(Hint("MISSING_BARS"))
    if context.trend == "UNKNOWN":
        found.append(Hint("WARMING_UP", max(0, WARMUP_BARS - len(inputs.frame))))
    if context.volatility == "UNKNOWN":
        found.append(Hint("NO_VOLATILITY"))
    if inputs.reference_symbol and math.isnan(context.correlation_with_reference.rho):
        found.append(Hint("NO_CORRELATION", text=inputs.reference_name))
    if math.isnan(inputs.liquidity.spread):
        found.append(Hint("NO_QUOTES"))
    return tuple(found)


def market_hints(inputs: AnalysisInputs, context: MarketContext, side: Side, quiet: bool) -> tuple[Hint, ...]:
    """Circumstances of the market: calm, thin hour, a level near, the reference."""
    found = []
    if quiet:
        found.append(Hint("QUIET"))
    if inputs.preferred_hours and inputs.now_ms // HOUR_MS % 24 not in inputs.preferred_hours:
        found.append(Hint("THIN_HOUR"))
    levels = context.key_levels
    for level in (levels.immediate_support, levels.immediate_resistance):
        if abs(inputs.price - level) <= TOUCH_ATR * context.atr:
            found.append(Hint("LEVEL_TOUCH", level))
    correlation = context.correlation_with_reference
    if same_bet(correlation):
        found.append(Hint("SAME_BET", correlation.rho, inputs.reference_name))
    if market_against(context, side):
        found.append(Hint("MARKET_AGAINST", text=inputs.reference_name))
    return tuple(found)


def trade_hints(
    inputs: AnalysisInputs, context: MarketContext, risk: RiskParameters | None, p_up: float, *, calibrated: bool
) -> tuple[Hint, ...]:
    """What the numbers of the trade rest on."""
    found = []
    if inputs.in_force.blended:
        found.append(Hint("EXPIRED_THRESHOLDS"))
    elif inputs.in_force.is_default:
        found.append(Hint("DEFAULT_THRESHOLDS"))
    if not calibrated:
        found.append(Hint("UNCALIBRATED", math.floor(inputs.score_map.n_eff) if inputs.score_map is not None else 0))
    if p_up < 0.5 and not inputs.shorts:
        found.append(Hint("SHORTS_OFF"))
    if risk is not None:
        levels = context.key_levels
        behind = levels.immediate_support if risk.side == "BUY" else levels.immediate_resistance
        if math.isnan(behind):
            found.append(Hint("NO_SUPPORT"))
        if risk.fees_exceed_move:
            found.append(Hint("FEES_EXCEED_MOVE"))
    return tuple(found)
