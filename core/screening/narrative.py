"""A recommendation in plain words: fact, reason, risk, what would change the view (methods sheet 4.2).

Each sentence is a template of the catalogue, chosen by anomaly, label and regime, and filled with the recommendation's own
figures. The same facts give the same words. A figure that is not known takes its clause with it.
"""

from __future__ import annotations

import math

from core.messages import Anomaly, Change, ChangeCode, Contribution
from core.screening.code_words import hint_words
from core.screening.language import Language
from core.screening.narrative_facts import Facts, Narrative, Price
from core.screening.reason_words import contribution_words

_FAILED = ("INVALID_DATA", "SYSTEM_FAILURE")
_SIDED_FACTS = ("BREAKOUT_WITH_VOLUME", "TREND_REVERSAL", "RELATIVE_STRENGTH")
_PLAIN: dict[ChangeCode, str] = {"FEES": "condition.fees", "SHORTS": "condition.shorts", "VOLATILITY": "condition.calm"}
_MOST = 4
"""Decimals at the most where a value is told beside its limit."""


def narrate(facts: Facts, language: Language) -> Narrative:
    """Two to four sentences about one recommendation, and its hints."""
    failed = facts.label in _FAILED
    return Narrative(
        fact="" if failed and not facts.anomalies else _fact(facts, language),
        reason=_reason(facts, language),
        risk=language.text("risk.nothing") if failed else _risk(facts, language),
        change=_change(facts, language),
        hints=tuple(hint_words(hint, language, facts.price_decimals) for hint in facts.hints),
    )


def _fact(facts: Facts, language: Language) -> str:
    regime = language.text(f"regime.{facts.regime}")
    if not facts.anomalies:
        key = "fact.NONE" if _known(facts.price) else "fact.NONE.bare"
        return language.text(key, symbol=facts.symbol, price=_price(facts.price, facts, language), regime=regime)
    first, *rest = facts.anomalies
    names = ", ".join(language.text(f"anomaly.{anomaly.kind}") for anomaly in rest)
    form, figure = _figure(first, language)
    level = facts.level if _known(facts.level) else facts.price
    if first.kind in ("BREAKOUT_WITH_VOLUME", "TREND_REVERSAL") and not _known(level):
        form = ".bare"
    side = f".{first.side or facts.side}" if first.kind in _SIDED_FACTS else ""
    return language.text(
        f"fact.{first.kind}{side}{form}",
        symbol=facts.symbol,
        figure=figure,
        level=_price(level, facts, language),
        reference=facts.reference,
        regime=regime,
        also=language.text("also", names=names) if names else "",
    )


def _figure(anomaly: Anomaly, language: Language) -> tuple[str, str]:
    """Which form of the sentence fits what is known, and its number."""
    if anomaly.kind == "TREND_REVERSAL":
        return "", ""
    if not _known(anomaly.value):
        return ".bare", ""
    if anomaly.kind == "VOLATILITY":
        return "", language.percent(anomaly.value)
    if anomaly.kind == "LIQUIDITY_THIN" and anomaly.threshold < 1.0:
        return ".depth", language.percent(anomaly.value)
    return "", language.number(abs(anomaly.value), 1)


def _reason(facts: Facts, language: Language) -> str:
    if facts.label in _FAILED:
        error = facts.error.strip().rstrip(".") or language.text(f"error.{facts.label}")
        return language.text(f"reason.{facts.label}", error=error)
    reason = _told(facts.reason, facts, language) or language.text("told.nothing")
    if facts.label in ("AVOID", "AVOID_HIGH_RISK"):
        key = f"reason.{facts.label}.{facts.side}"
        return language.text(key, cause=_cause(facts, language), reason=reason)
    key = f"reason.{facts.label}.{facts.side}" if facts.label == "WAIT_FOR_CONFIRMATION" else f"reason.{facts.label}"
    return language.text(
        key,
        entry=_entry(facts, language),
        reason=reason,
        probability=_probability(facts, language),
        factors=language.plural("factors.confirm", facts.factors),
    )


def _cause(facts: Facts, language: Language) -> str:
    """Why not: the first condition that failed."""
    for change in facts.changes:
        if change.code == "FEES":
            return language.text("cause.fees")
        if change.code == "RATIO":
            rr = language.number(change.value, _apart(change.value, change.limit, 1))
            return language.text("cause.rr", rr=rr, least=_ratio(change.limit, language))
        if change.code == "PROBABILITY":
            told = _probability(facts, language)
            return language.text("cause.probability", probability=told, least=_share(change.limit, language))
        if change.code == "SHORTS":
            return language.text("cause.shorts")
    return language.text("cause.conditions")


def _risk(facts: Facts, language: Language) -> str:
    kind = facts.anomalies[0].kind if facts.anomalies else "NONE"
    danger = language.text(f"danger.{kind}", reference=facts.reference)
    acting = facts.label in ("BUY", "SELL")
    waiting = facts.label == "WAIT_FOR_CONFIRMATION"
    if (acting or waiting) and all(_known(figure) for figure in (facts.stop, facts.target, facts.rr)):
        contrary = _told(facts.contrary, facts, language)
        if contrary:
            danger = language.text("danger.contrary", reason=contrary)
        if _setting(facts) == "against":
            danger = language.text("list.then", one=danger, other=language.text("setting.against"))
        return language.text(
            "risk.trade" if acting else "risk.early",
            stop=_price(facts.stop, facts, language),
            stop_away=_away(facts.stop, facts, language),
            target=_price(facts.target, facts, language),
            target_away=_away(facts.target, facts, language),
            rr=language.number(facts.rr, 1),
            costs=language.text("risk.costs", cost=language.percent(facts.cost, 2)) if _known(facts.cost) else "",
            danger=danger,
        )
    return language.text("risk.open", danger=danger, setting=language.text(f"setting.{_setting(facts)}"))


def _setting(facts: Facts) -> str:
    """How the side stands to the regime."""
    if facts.regime == "trend_up":
        return "with" if facts.side == "BUY" else "against"
    if facts.regime == "trend_down":
        return "with" if facts.side == "SELL" else "against"
    return facts.regime


def _change(facts: Facts, language: Language) -> str:
    label = facts.label
    if label in _FAILED:
        return language.text(f"change.{label}")
    if label in ("BUY", "SELL"):
        least = _limit("PROBABILITY", facts)
        told = _share(least, language) if _known(least) else language.text("limit.unknown")
        key = f"change.{label}" if _known(facts.stop) else f"change.{label}.bare"
        return language.text(key, stop=_price(facts.stop, facts, language), least=told)
    wants = [want for change in facts.changes if (want := _condition(change, language))]
    if not wants:
        wants = [language.text("condition.confirmation")]
    if label == "AVOID_HIGH_RISK":
        conditions = wants[0]
        for want in wants[1:]:
            conditions = language.text("list.or", one=conditions, other=want)
        return language.text("change.AVOID_HIGH_RISK", conditions=conditions)
    key = f"change.{label}.{facts.side}" if label == "WAIT_FOR_CONFIRMATION" else f"change.{label}"
    return language.text(key, conditions=", ".join(wants))


def _condition(change: Change, language: Language) -> str:
    """What would have to be, with how far it is; empty for what the recommendation itself tells."""
    code, gap = change.code, change.limit - change.value
    if code == "PROBABILITY":
        least = _share(change.limit, language)
        return language.text("condition.probability", least=least, gap=_gap(gap, language)) if gap > 0.0 else ""
    if code == "RATIO":
        return language.text("condition.rr", least=_ratio(change.limit, language))
    if code == "FACTORS":
        return language.plural("condition.factors", round(gap)) if gap > 0.0 else ""
    if code == "P_TRADE":
        least = _share(round(change.limit, 3), language)
        if not _known(change.value):
            return language.text("condition.trade.bare", least=least)
        return language.text("condition.trade", least=least, gap=_gap(gap, language))
    key = _PLAIN.get(code)
    return language.text(key) if key else ""


def _limit(code: ChangeCode, facts: Facts) -> float:
    return next((change.limit for change in facts.changes if change.code == code), math.nan)


def _gap(gap: float, language: Language) -> str:
    return language.points(gap) if gap < 0.01 else language.points(gap, 0)


def _share(limit: float, language: Language) -> str:
    """A limit of probability in full, so that it is never shown as a value that would not meet it."""
    return language.percent(limit, _exactly(limit * 100.0, 0))


def _ratio(limit: float, language: Language) -> str:
    return language.number(limit, _exactly(limit, 1))


def _exactly(value: float, least: int) -> int:
    """Decimals, `least` or more, that write the value in full."""
    return next((digits for digits in range(least, _MOST) if abs(round(value, digits) - value) < 1e-9), _MOST)


def _apart(value: float, limit: float, least: int) -> int:
    """Decimals, `least` or more, that show the value on its own side of the limit: not `2.0, below 2.0`."""
    return next((digits for digits in range(least, _MOST) if round(value, digits) != round(limit, digits)), _MOST)


def _told(part: Contribution | None, facts: Facts, language: Language) -> str:
    return contribution_words(part, facts.side, language) if part is not None else ""


def _probability(facts: Facts, language: Language) -> str:
    if not _known(facts.probability):
        return language.text("probability.unknown")
    percent, least = facts.probability * 100.0, _limit("PROBABILITY", facts) * 100.0
    digits = _exactly(percent, 0) if percent == least else _apart(percent, least, 0)
    key = "probability.calibrated" if facts.calibrated else "probability.uncalibrated"
    return language.text(key, p=language.percent(facts.probability, digits))


def _entry(facts: Facts, language: Language) -> str:
    if not (_known(facts.entry_low) and _known(facts.entry_high)):
        return _price(facts.price, facts, language) if _known(facts.price) else language.text("entry.market")
    low, high = _price(facts.entry_low, facts, language), _price(facts.entry_high, facts, language)
    return low if low == high else language.text("entry.zone", low=low, high=high)


def _away(level: Price, facts: Facts, language: Language) -> str:
    """A level's distance from the worst edge of the entry zone, where reward to risk is reckoned from, as a percentage."""
    worst = facts.entry_high if facts.side == "BUY" else facts.entry_low
    start = float(worst if _known(worst) else facts.price)
    return (
        language.percent(float(level) / start - 1.0, 1, signed=True) if start > 0.0 else language.text("entry.unknown")
    )


def _price(value: Price, facts: Facts, language: Language) -> str:
    return language.number(value, facts.price_decimals) if _known(value) else ""


def _known(value: Price) -> bool:
    return math.isfinite(value)
