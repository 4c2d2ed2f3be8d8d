"""An analysis as the message it becomes: figures and words side by side."""

from __future__ import annotations

import math

from core.messages import Analysis, CalibrationParams, ConfidenceMetrics, QualityMetrics, ThresholdSource
from core.screening.analysis_inputs import AnalysisInputs, Cause
from core.screening.code_words import hint_words
from core.screening.confidence import Confidence
from core.screening.language import language
from core.screening.narrative import narrate
from core.screening.narrative_facts import Facts
from core.screening.recommend import Case, Recommendation, RecommendationRules, recommend
from core.screening.thresholds import NAMES, InForce
from core.settings_screening import Screening
from core.venue import TIMEFRAME_MS

_STRENGTH: tuple[ThresholdSource, ...] = ("operator", "calibrated", "adaptive", "class")


def message(inputs: AnalysisInputs, facts: Facts, advice: Recommendation) -> Analysis:
    """What every analysis has: who, when, the recommendation and its words."""
    spoken = language(inputs.screening.language)
    words = narrate(facts, spoken)
    return Analysis(
        venue=inputs.venue,
        category=inputs.category,
        symbol=inputs.symbol,
        timestamp=inputs.now_ms,
        stage2_status="completed",
        cause=inputs.cause,
        timeframe=inputs.screening.timeframe,
        recommendation=advice.action,
        side=advice.side,
        price=inputs.price,
        trigger_reasons=inputs.trigger_reasons,
        reasons=advice.reasons,
        changes=advice.changes,
        narrative=words.text,
        narrative_parts=(words.fact, words.reason, words.risk, words.change),
        language=spoken.tongue,
        calibration_params=_params(inputs.in_force),
        quality_metrics=QualityMetrics(
            bars=len(inputs.frame),
            readings=inputs.readings,
            warming=inputs.warming,
            synthetic_bars=inputs.synthetic_bars,
            history_days=inputs.sample.days,
            duration_ms=0.0,
        ),
        hints=tuple(hint_words(hint, spoken, facts.price_decimals) for hint in facts.hints),
        expires_ms=expires_ms(inputs.now_ms, inputs.screening),
    )


def failed_analysis(
    venue: str, category: str, symbol: str, now_ms: int, cause: Cause, screening: Screening, error: Exception
) -> Analysis:
    """An analysis that broke: SYSTEM_FAILURE with the error in words, and nothing that would have to be computed."""
    text = f"{type(error).__name__}: {error}"
    advice = recommend(Case(confidence=None, risk=None, error=text), RecommendationRules())
    facts = Facts(symbol=symbol, label="SYSTEM_FAILURE", regime="undefined", changes=advice.changes, error=text)
    spoken = language(screening.language)
    words = narrate(facts, spoken)
    return Analysis(
        venue=venue,
        category=category,
        symbol=symbol,
        timestamp=now_ms,
        stage2_status="error",
        cause=cause,
        timeframe=screening.timeframe,
        recommendation=advice.action,
        reasons=advice.reasons,
        changes=advice.changes,
        narrative=words.text,
        narrative_parts=(words.fact, words.reason, words.risk, words.change),
        language=spoken.tongue,
        error=text,
        expires_ms=expires_ms(now_ms, screening),
    )


def expires_ms(now_ms: int, screening: Screening) -> int:
    """One bar of the recommendation timeframe from now on: by then a closed bar has moved its ATR and its levels."""
    return now_ms + TIMEFRAME_MS[screening.timeframe]


def confidence_metrics(surety: Confidence, said_up: float, outcomes: float) -> ConfidenceMetrics:
    """The confidence as a message; `said_up` is P(up) of the confluence, before past outcomes corrected it."""
    up = surety.side == "BUY"
    factors = surety.composite.factors
    return ConfidenceMetrics(
        side=surety.side,
        composite_score=surety.composite.score,
        factors_confirmed=surety.factors_confirmed,
        factors={factor.name: factor.evidence for factor in factors},
        weights={factor.name: factor.weight for factor in factors},
        missing=surety.composite.missing,
        raw_probability=said_up if up else 1.0 - said_up,
        calibrated_probability=surety.raw,
        probability=surety.probability,
        calibrated=surety.calibrated,
        outcomes=outcomes,
        penalties=surety.penalties,
    )


def _params(in_force: InForce) -> CalibrationParams:
    sources = set(in_force.sources.values())
    return CalibrationParams(
        **{name: getattr(in_force.values, name) for name in NAMES},
        source=next((source for source in _STRENGTH if source in sources), "class"),
        is_default=in_force.is_default,
        expired=in_force.blended,
        expires_ms=in_force.expires_ms,
    )


def price_decimals(inputs: AnalysisInputs) -> int:
    """Decimals of the tick; enough for five significant digits where it is not known."""
    tick = inputs.tick
    if tick is not None and tick.is_finite() and tick > 0:
        exponent = tick.normalize().as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 2
    if math.isfinite(inputs.price) and inputs.price > 0.0:
        return min(12, max(0, 4 - math.floor(math.log10(inputs.price))))
    return 2
