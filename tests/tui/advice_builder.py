"""Alerts, recommendations, thresholds and the queue from literals, as the engine tells them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace

from core.messages import (
    Action,
    Analysis,
    Anomaly,
    AnomalyDetection,
    CalibrationParams,
    CalibrationProgress,
    CalibrationQueue,
    CalibrationState,
    CalibrationTask,
    Change,
    ConfidenceMetrics,
    Correlation,
    KeyLevels,
    MarketContext,
    Message,
    Penalty,
    QualityMetrics,
    RiskParameters,
    Screening,
    Signal,
    ThresholdsInForce,
    ThresholdSource,
    TriggerReason,
    TriggerStats,
)
from tests import builders as make

NAN = math.nan
SYMBOL = "SOLUSDT"
VOLUME = TriggerReason(
    code="VOLUME_SPIKE", family="VOLUME", value=4.1, threshold=3.0, distance=-1.1, side=1, strength=0.6,
    words="volume 4.1σ above normal",
)  # fmt: skip
BROKEN = TriggerReason(
    code="BREAKOUT_UP", family="LEVEL", value=0.3, threshold=0.1, distance=-0.2, side=1, strength=0.4,
    words="closed 0.3 ATR above the previous day's high",
)  # fmt: skip
OUTBREAK = Anomaly(
    kind="BREAKOUT_WITH_VOLUME", reason="152.02 broken with volume 4.1σ", side="BUY", value=4.1, threshold=2.0
)
NO_HISTORY = ("volatility class unknown: no 7-day history yet",)
Status = Literal["pending", "processing", "completed", "skipped", "error"]
WHO: dict[str, Any] = {"venue": make.VENUE, "category": make.CATEGORY}


def screening(
    symbol: str = SYMBOL, signal: Signal = "ALERT", ago_s: float = 0.0, cooldown_s: float = 300.0, **changes
) -> Screening:
    """One judgement; of an ALERT `ago_s` is its age."""
    reasons = {"ALERT": (VOLUME, BROKEN), "NORMAL": (VOLUME,), "NONE": ()}[signal]
    at_ms = make.NOW_MS - int(ago_s * 1000)
    alerted = at_ms if signal == "ALERT" else 0
    stats = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, 1.0))
    fields = {
        "signal": signal, "trigger_reasons": reasons, "stats": stats, "asset_class": "spot",
        "hints": () if signal == "ALERT" else ("1 of 2 families: VOLUME",) if signal == "NORMAL" else ("quiet",),
        "strength": float(len(reasons)), "alerted_ms": alerted, "occurred_at": at_ms - make.MINUTE_MS, "known_at": at_ms,
        "cooldown_until_ms": alerted + int(cooldown_s * 1000) if alerted else 0,
    }  # fmt: skip
    return Screening(**WHO, symbol=symbol, **(fields | changes))


def context(**changes) -> MarketContext:
    levels = KeyLevels(
        immediate_support=151.62, immediate_resistance=155.3, next_major_level=158.0, next_major_above=158.0,
        next_major_below=148.2, day_low=149.1, day_high=153.2,
    )  # fmt: skip
    known = MarketContext(
        trend="UP", trend_confidence=0.64, trend_age_bars=12, volatility="HIGH", natr=0.0084, natr_percentile=0.91,
        atr=1.28, key_levels=levels, correlation_with_reference=Correlation(rho=0.72, low=0.66, high=0.78, observations=288),
        reference_trend="UP", regime="trend_up", regime_confidence=0.7, regime_age_bars=9,
    )  # fmt: skip
    return replace(known, **changes)


def metrics(probability: float = 0.78, **changes) -> ConfidenceMetrics:
    factors = {
        "volume": 0.82,
        "ema_cross": 0.71,
        "macd": 0.5,
        "vwap": 0.44,
        "velocity": 0.35,
        "rsi": -0.31,
        "stochastic": -0.1,
    }
    weights = {
        "volume": 0.17,
        "vwap": 0.17,
        "ema_cross": 0.15,
        "macd": 0.14,
        "velocity": 0.13,
        "rsi": 0.13,
        "stochastic": 0.11,
    }
    sure = ConfidenceMetrics(
        side="BUY", composite_score=0.41, factors_confirmed=5, factors=factors, weights=weights,
        missing=("orderbook", "volume_profile"), raw_probability=0.83, calibrated_probability=0.83, probability=probability,
        calibrated=False, outcomes=41.0, penalties=(Penalty("VOLATILITY", 0.3, "volatility is unusual"),),
    )  # fmt: skip
    return replace(sure, **changes)


def risk(**changes) -> RiskParameters:
    trade = RiskParameters(
        side="BUY", optimal_entry=(Decimal("151.70"), Decimal("152.34")),
        tp_targets=(Decimal("155.25"), Decimal("156.70"), Decimal("158.15")), sl_level=Decimal("151.04"),
        risk_reward_ratio=2.1, gross_ratio=2.24, cost_r=0.06, fees_exceed_move=False,
    )  # fmt: skip
    return replace(trade, **changes)


NARRATIVE = (
    "SOLUSDT broke 152.02 with volume 4.1 times its usual, in an uptrend.",
    "Buy between 151.70 and 152.34: volume 4.1σ above normal (+4.8 pp); 78 % likely (uncalibrated), 5 factors confirm it.",
    "Risk: a false break; stop 151.04 (−0.9 %), target 155.25 (+1.9 %), reward to risk 2.1.",
    "The view changes below 151.04, or with P under 75 %.",
)


def analysis(symbol: str = SYMBOL, action: Action = "BUY", ago_s: float = 120.0, **changes) -> Analysis:
    """A recommendation made so long ago that speaks of the market for fifteen minutes."""
    at_ms = make.NOW_MS - int(ago_s * 1000)
    told = Analysis(
        **WHO, symbol=symbol, timestamp=at_ms, stage2_status="completed", cause="alert", timeframe="15m",
        recommendation=action, side="BUY", price=152.34, market_context=context(),
        anomaly_detection=AnomalyDetection(
            detected=True,
            anomalies=(OUTBREAK,),
        ),
        confidence_metrics=metrics(), trigger_reasons=(VOLUME, BROKEN),
        reasons=("P(BUY) .78 reaches .75", "5 factors confirm it", "P(target first) .52 is above break-even .33"),
        changes=(
            Change("STOP", 152.34, 151.04, "a price below 151.04"),
            Change("PROBABILITY", 0.78, 0.75, "P(BUY) under .75"),
            Change("P_TRADE", 0.52, 0.33, "P(target first) ≤ .33"),
        ),
        p_trade=0.52, break_even=0.327, narrative=" ".join(NARRATIVE), narrative_parts=NARRATIVE, validation_passed=True,
        risk_parameters=risk(),
        calibration_params=CalibrationParams(
            low_gate=0.0003, high_gate=0.003, atr_target=1.0, vol_z_threshold=2.7, rsi_oversold=28.0, rsi_overbought=72.0,
            vwap_multiple=2.0, breakout_atr=0.1, tp_mult=3.0, sl_mult=1.0, source="calibrated", is_default=False,
            expires_ms=make.NOW_MS + 11 * 86_400_000,
        ),
        quality_metrics=QualityMetrics(
            bars=600, readings=25, warming=2, synthetic_bars=0, history_days=14.0, duration_ms=3.1
        ),
        hints=("the reference, BTC, is nearly the same bet (.72)",), expires_ms=at_ms + 900_000,
    )  # fmt: skip
    return replace(told, **changes)


def avoided(symbol: str = SYMBOL, ago_s: float = 60.0) -> Analysis:
    """Costs eat the move."""
    parts = (
        "SOLUSDT trades at 152.34, in a range; nothing unusual.",
        "Do not buy: fees exceed the move; in favour: EMA9 above EMA21 by 0.2 ATR (+2.1 pp).",
        "Risk: without a trigger a trade only pays costs, and moves fade early in a range.",
        "Worth another look with: a larger move or lower costs, reward to risk ≥ 2.0.",
    )
    return analysis(
        symbol, "AVOID", ago_s, narrative=" ".join(parts), narrative_parts=parts, validation_passed=False, trigger_reasons=(),
        anomaly_detection=AnomalyDetection(detected=False, anomalies=()),
        market_context=context(volatility="LOW", natr=0.0009, natr_percentile=0.12, trend="SIDEWAYS", regime="range"),
        risk_parameters=risk(
            tp_targets=(Decimal("152.71"),), sl_level=Decimal("152.19"), risk_reward_ratio=-0.83, gross_ratio=0.92,
            cost_r=1.83, fees_exceed_move=True,
        ),
        confidence_metrics=metrics(0.55, raw_probability=0.6, calibrated_probability=0.6, penalties=()),
        reasons=("fees exceed the move: a round trip costs 1.83 of the risk", "reward to risk −0.83 after costs is below 2.00"),
        changes=(
            Change("FEES", 1.83, NAN, "a larger ATR or lower costs"),
            Change("RATIO", -0.83, 2.0, "reward to risk ≥ 2.00: an entry nearer the stop, or more room to the next level"),
        ),
        p_trade=0.53, break_even=1.47, hints=("fees exceed the move", "thresholds are defaults, not calibrated"),
    )  # fmt: skip


def waiting(symbol: str = SYMBOL, ago_s: float = 60.0) -> Analysis:
    """Worth a look, but not sure enough."""
    parts = (
        NARRATIVE[0],
        "Wait before buying: 61 % likely (uncalibrated), 3 factors confirm it; in favour: EMA9 above EMA21 by 0.2 ATR (+2.1 pp).",
        NARRATIVE[2],
        "Becomes a buy with P at 75 % or more (14 pp missing) and one more confirming factor.",
    )
    return analysis(
        symbol, "WAIT_FOR_CONFIRMATION", ago_s, validation_passed=False, narrative=" ".join(parts), narrative_parts=parts,
        confidence_metrics=metrics(0.61, factors_confirmed=3),
        reasons=("needs P(BUY) ≥ .75 (now .61)", "needs 4 confirming factors (1 more)"),
        changes=(
            Change("PROBABILITY", 0.61, 0.75, "P(BUY) ≥ .75 (now .61)"),
            Change("FACTORS", 3, 4, "4 confirming factors (1 more)"),
        ),
    )  # fmt: skip


def invalid(symbol: str = SYMBOL, ago_s: float = 20.0) -> Analysis:
    parts = ("", "No recommendation: close is nan; it must be a number above 0.",
             "Risk: levels drawn from this would mislead.", "Changes with the next complete bar.")  # fmt: skip
    return analysis(
        symbol, "INVALID_DATA", ago_s, price=NAN, narrative=" ".join(parts).strip(), narrative_parts=parts,
        anomaly_detection=AnomalyDetection(detected=False, anomalies=()), validation_passed=False, risk_parameters=None,
        market_context=context(volatility="UNKNOWN", natr=NAN, natr_percentile=NAN, hints=NO_HISTORY),
        reasons=("close is nan; it must be a number above 0",), changes=(Change("DATA", NAN, NAN, "a usable close"),),
        p_trade=NAN, break_even=NAN, error="close is nan; it must be a number above 0",
        hints=NO_HISTORY,
    )  # fmt: skip


def failed(symbol: str = SYMBOL, ago_s: float = 20.0) -> Analysis:
    parts = ("", "The analysis failed: ZeroDivisionError: float division by zero.", "Risk: levels drawn from this would mislead.",
             "Changes with the next analysis.")  # fmt: skip
    return Analysis(
        **WHO, symbol=symbol, timestamp=make.NOW_MS - int(ago_s * 1000), stage2_status="error", cause="alert",
        recommendation="SYSTEM_FAILURE", reasons=("the analysis failed: ZeroDivisionError: float division by zero",),
        changes=(Change("ERROR", NAN, NAN, "the next analysis of this symbol, once the cause is gone"),),
        narrative=" ".join(parts).strip(), narrative_parts=parts, error="ZeroDivisionError: float division by zero",
        expires_ms=make.NOW_MS + 600_000,
    )  # fmt: skip


def asked(symbol: str = SYMBOL, status: Status = "pending", ago_s: float = 2.0, **changes) -> Analysis:
    told = Analysis(
        **WHO, symbol=symbol, timestamp=make.NOW_MS - int(ago_s * 1000), stage2_status=status, cause="operator"
    )  # fmt: skip
    return replace(told, **changes)


def thresholds(symbol: str = SYMBOL, source: ThresholdSource = "class", **changes) -> ThresholdsInForce:
    told = ThresholdsInForce(
        **WHO, symbol=symbol, asset_class="spot", class_hint="", values={"vol_z_threshold": 3.0},
        sources={"vol_z_threshold": source}, source=source, is_default=source in ("class", "adaptive"), since_ms=make.NOW_MS,
        expires_ms=make.NOW_MS + 86_400_000 if source in ("calibrated", "operator") else 0, blended=False, previous=0,
        at_ms=make.NOW_MS,
    )  # fmt: skip
    return replace(told, **changes)


def task(symbol: str, state: CalibrationState, position: int | None = None) -> CalibrationTask:
    return CalibrationTask(
        symbol=symbol, timeframe="1m", task_id=1, state=state, priority="normal", since_ms=make.NOW_MS, position=position,
        waited_ms=None, next_try_ms=None, expires_ms=None, breaker="closed", failures=0, partial=False, cause=None, reason="",
    )  # fmt: skip


def queue(*tasks: CalibrationTask, **changes) -> CalibrationQueue:
    known = CalibrationQueue(
        **WHO, tasks=tasks, waiting=1, paused=0, running=1, slots=1, done=0, open_breakers=0, overall="closed",
        bars_wanted=18_000, where="local", enabled=True, at_ms=make.NOW_MS,
    )  # fmt: skip
    return replace(known, **changes)


def progress(symbol: str, share: float) -> CalibrationProgress:
    return CalibrationProgress(
        **WHO, symbol=symbol, timeframe="1m", task_id=1, slot=0, trial=26, trials=60, fold=2, folds=5, share=share, left_s=72.0,
        at_ms=make.NOW_MS,
    )  # fmt: skip


def at_price(told: Analysis, price: float, tick: str) -> Analysis:
    """The same recommendation in a market of this price."""
    if told.risk_parameters is None:
        return told
    scale, trade = Decimal(price) / Decimal("152.34"), told.risk_parameters
    levels = [*trade.optimal_entry, *trade.tp_targets, trade.sl_level]
    low, high, *targets, stop = [(level * scale).quantize(Decimal(tick)) for level in levels]
    moved = replace(trade, optimal_entry=(low, high), tp_targets=tuple(targets), sl_level=stop)
    return replace(told, price=price, risk_parameters=moved)


def market() -> list[Message]:
    """Over the seeded watchlist: alerts, recommendations of every kind, thresholds on their way."""
    return [
        *(screening(name, "NONE") for name in ("BTCUSDT", "ETHUSDT", "BNBUSDT", "TRXUSDT", "DOTUSDT")),
        *(screening(name, "NORMAL") for name in ("XRPUSDT", "LINKUSDT", "LTCUSDT")),
        screening("SOLUSDT", ago_s=130), screening("AVAXUSDT", ago_s=20), screening("FILUSDT", ago_s=200),
        analysis("SOLUSDT"), at_price(avoided("XRPUSDT"), 0.5312, "0.0001"), at_price(waiting("AVAXUSDT"), 27.18, "0.01"), 
        at_price(analysis("DOGEUSDT", ago_s=1600), 0.10231, "0.00001"),
        at_price(analysis("ADAUSDT", "AVOID_HIGH_RISK"), 0.3551, "0.0001"), invalid("LINKUSDT"), failed("BNBUSDT"), asked("TRXUSDT"),
        *(thresholds(name, "calibrated") for name in ("BTCUSDT", "SOLUSDT", "ADAUSDT")),
        *(thresholds(name, "adaptive") for name in ("ETHUSDT", "XRPUSDT", "AVAXUSDT")),
        thresholds("BNBUSDT", "operator"), thresholds("DOGEUSDT", "calibrated", blended=True),
        *(thresholds(name) for name in ("TRXUSDT", "LINKUSDT", "DOTUSDT")),
        queue(task("XRPUSDT", "in_progress"), task("TRXUSDT", "queued", 3)), progress("XRPUSDT", 0.43),
    ]  # fmt: skip
