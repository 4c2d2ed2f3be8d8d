"""The recommendation: the first rule that matches, with what would change it (methods sheet 4.2).

The rules are tried from the top of `RULES`; the last one always matches. Adding one is one function and one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from core.messages import Action, Anomaly, Change, RiskParameters, Side
from core.screening.confidence import Confidence
from core.screening.risk_parameters import InvalidData
from core.signals.confluence import short


class RecommendationRules(Struct, frozen=True, kw_only=True):
    """Thresholds of the decision. Probabilities are of the recommended side, after penalties."""

    min_confidence: float = 0.75
    min_cluster: int = 4
    min_ratio: float = 2.0
    avoid_below: float = 0.50
    high_risk_below: float = 0.80
    shorts: bool = False


class Case(Struct, frozen=True, kw_only=True):
    """What a recommendation is made from. `p_trade` is P(TP1 before stop), NaN while it is not known.

    `error` is what broke in the analysis, empty when nothing did; the rest may then be missing. `invalid` are inputs found
    unusable before.
    """

    confidence: Confidence | None
    risk: RiskParameters | InvalidData | None
    anomalies: tuple[Anomaly, ...] = ()
    p_trade: float = math.nan
    invalid: tuple[InvalidData, ...] = ()
    error: str = ""


class Recommendation(Struct, frozen=True, kw_only=True):
    """`reasons` say why this rule matched, `changes` what would make it another; neither is ever empty.

    `break_even` is the `p_trade` above which the trade pays, NaN without a trade.
    """

    action: Action
    side: Side | None
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    p_trade: float = math.nan
    break_even: float = math.nan


class _Sound(Struct, frozen=True, kw_only=True):
    """A case whose parts are all there and are numbers."""

    confidence: Confidence
    risk: RiskParameters
    anomalies: tuple[Anomaly, ...]
    p_trade: float


def recommend(case: Case, rules: RecommendationRules) -> Recommendation:
    """The first of SYSTEM_FAILURE, INVALID_DATA, AVOID_HIGH_RISK, AVOID, BUY or SELL, WAIT_FOR_CONFIRMATION that matches."""
    side = case.confidence.side if case.confidence is not None else None
    if case.error:
        change = Change("ERROR", math.nan, math.nan, "the next analysis of this symbol, once the cause is gone")
        return Recommendation(
            action="SYSTEM_FAILURE", side=side, reasons=(f"the analysis failed: {case.error}",), changes=(change,)
        )
    wrong = _invalid(case)
    if wrong or case.confidence is None or not isinstance(case.risk, RiskParameters):
        return Recommendation(
            action="INVALID_DATA",
            side=side,
            reasons=tuple(part.reason for part in wrong),
            changes=tuple(Change("DATA", part.value, math.nan, f"a usable {part.field}") for part in wrong),
        )
    sound = _Sound(confidence=case.confidence, risk=case.risk, anomalies=case.anomalies, p_trade=case.p_trade)
    for rule in RULES:
        found = rule(sound, rules)
        if found is not None:
            return found
    return wait_for_confirmation(sound, rules)


def _invalid(case: Case) -> tuple[InvalidData, ...]:
    """Every field that makes the case undecidable, at least one unless all is sound."""
    wrong = list(case.invalid)
    if case.confidence is None:
        wrong.append(InvalidData("confidence", math.nan, "the confidence is missing"))
    elif not 0.0 <= case.confidence.probability <= 1.0:
        value = case.confidence.probability
        wrong.append(InvalidData("probability", value, f"the probability is {value}; it must be a number from 0 to 1"))
    if case.risk is None:
        wrong.append(InvalidData("risk_parameters", math.nan, "the risk parameters are missing"))
    elif isinstance(case.risk, InvalidData):
        wrong.append(case.risk)
    elif not math.isfinite(case.risk.risk_reward_ratio):
        value = case.risk.risk_reward_ratio
        wrong.append(InvalidData("risk_reward_ratio", value, f"the reward to risk is {value}; it must be a number"))
    if case.confidence is not None and isinstance(case.risk, RiskParameters) and case.risk.side != case.confidence.side:
        reason = f"confidence is for {case.confidence.side}, the trade for {case.risk.side}"
        wrong.append(InvalidData("side", math.nan, reason))
    if math.isinf(case.p_trade) or case.p_trade < 0.0 or case.p_trade > 1.0:
        reason = f"p_trade is {case.p_trade}; it must be a number from 0 to 1"
        wrong.append(InvalidData("p_trade", case.p_trade, reason))
    return tuple(wrong)


def avoid_high_risk(case: _Sound, rules: RecommendationRules) -> Recommendation | None:
    """Unusual volatility without a confidence that makes up for it."""
    unusual = next((anomaly for anomaly in case.anomalies if anomaly.kind == "VOLATILITY"), None)
    if unusual is None or case.confidence.probability >= rules.high_risk_below:
        return None
    changes = (
        Change("VOLATILITY", unusual.value, unusual.threshold, "volatility back to normal"),
        _confidence_needed(case, rules.high_risk_below),
    )
    return _recommendation("AVOID_HIGH_RISK", case, (unusual.reason,), changes)


def avoid(case: _Sound, rules: RecommendationRules) -> Recommendation | None:
    """Too little for the risk, the other side likelier, or a side that is not allowed."""
    side, ratio = case.confidence.side, case.risk.risk_reward_ratio
    reasons: list[str] = []
    changes: list[Change] = []
    if case.risk.fees_exceed_move and ratio < rules.min_ratio:
        reasons.append(f"fees exceed the move: a round trip costs {case.risk.cost_r:.2f} of the risk")
        changes.append(Change("FEES", case.risk.cost_r, math.nan, "a larger ATR or lower costs"))
    if ratio < rules.min_ratio:
        reasons.append(f"reward to risk {ratio:.2f} after costs is below {rules.min_ratio:.2f}")
        way = "an entry nearer the stop, or more room to the next level"
        changes.append(Change("RATIO", ratio, rules.min_ratio, f"reward to risk ≥ {rules.min_ratio:.2f}: {way}"))
    if case.confidence.probability < rules.avoid_below:
        reasons.append(f"P({side}) {short(case.confidence.probability)} is below {short(rules.avoid_below)}")
        changes.append(_confidence_needed(case, rules.avoid_below))
    if side == "SELL" and not rules.shorts:
        reasons.append("shorts are off")
        changes.append(Change("SHORTS", 0.0, 1.0, "shorts allowed in settings"))
    return _recommendation("AVOID", case, tuple(reasons), tuple(changes)) if reasons else None


def enter(case: _Sound, rules: RecommendationRules) -> Recommendation | None:
    """BUY or SELL: enough confidence, enough factors, and a trade that pays at its own probability."""
    if _lacking(case, rules):
        return None
    found, risk = case.confidence, case.risk
    side = found.side
    reasons = (
        f"P({side}) {short(found.probability)} reaches {short(rules.min_confidence)}",
        "1 factor confirms it" if found.factors_confirmed == 1 else f"{found.factors_confirmed} factors confirm it",
        f"P(target first) {short(case.p_trade)} is above break-even {short(risk.break_even)}",
    )
    beyond = "below" if side == "BUY" else "above"
    changes = (
        Change(
            "STOP", float(risk.worst_entry), float(risk.sl_level), f"a price {beyond} {risk.sl_level.normalize():f}"
        ),
        Change(
            "PROBABILITY", found.probability, rules.min_confidence, f"P({side}) under {short(rules.min_confidence)}"
        ),
        Change("FACTORS", found.factors_confirmed, rules.min_cluster, f"fewer than {rules.min_cluster} factors"),
        Change("P_TRADE", case.p_trade, risk.break_even, f"P(target first) ≤ {short(risk.break_even)}"),
    )
    return _recommendation(side, case, reasons, changes)


def wait_for_confirmation(case: _Sound, rules: RecommendationRules) -> Recommendation:
    """The trade is worth a look, but something is still lacking."""
    lacking = _lacking(case, rules)
    return _recommendation("WAIT_FOR_CONFIRMATION", case, tuple(f"needs {part.text}" for part in lacking), lacking)


Rule = Callable[[_Sound, RecommendationRules], Recommendation | None]
RULES: tuple[Rule, ...] = (avoid_high_risk, avoid, enter)


def _lacking(case: _Sound, rules: RecommendationRules) -> tuple[Change, ...]:
    """What a BUY or SELL still needs."""
    found, lacking = case.confidence, []
    if found.probability < rules.min_confidence:
        lacking.append(_confidence_needed(case, rules.min_confidence))
    if found.factors_confirmed < rules.min_cluster:
        more = rules.min_cluster - found.factors_confirmed
        text = f"{rules.min_cluster} confirming factors ({more} more)"
        lacking.append(Change("FACTORS", found.factors_confirmed, rules.min_cluster, text))
    threshold = case.risk.break_even
    if not case.p_trade > threshold:
        here = "not known yet" if math.isnan(case.p_trade) else f"now {short(case.p_trade)}"
        text = f"P(target first) above break-even {short(threshold)} ({here})"
        lacking.append(Change("P_TRADE", case.p_trade, threshold, text))
    return tuple(lacking)


def _confidence_needed(case: _Sound, limit: float) -> Change:
    found = case.confidence
    text = f"P({found.side}) ≥ {short(limit)} (now {short(found.probability)})"
    return Change("PROBABILITY", found.probability, limit, text)


def _recommendation(
    action: Action, case: _Sound, reasons: tuple[str, ...], changes: tuple[Change, ...]
) -> Recommendation:
    return Recommendation(
        action=action,
        side=case.confidence.side,
        reasons=reasons,
        changes=changes,
        p_trade=case.p_trade,
        break_even=case.risk.break_even,
    )
