"""Alerts, recommendations, calibrations and thresholds in the words of the log: what is news, and what is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.event_words import REASON_MOST, WORDS, Told, Words
from core.messages import (
    Analysis,
    CalibrationReport,
    Message,
    RiskParameters,
    Screening,
    ThresholdsInForce,
    TradeFigures,
    TriggerReason,
    TriggerStats,
)

NOW_MS = 1_795_264_496_000
PLACE: dict[str, Any] = {"venue": "binance_us", "category": "spot", "symbol": "BTCUSDT"}
NAN = float("nan")
STATS = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, 1.0))
RISK = RiskParameters(
    side="BUY", optimal_entry=(Decimal("61200"), Decimal("61300.5")), tp_targets=(Decimal("62400"), Decimal("63000")),
    sl_level=Decimal("60900"), risk_reward_ratio=2.34, gross_ratio=2.6, cost_r=0.2, fees_exceed_move=False,
)  # fmt: skip
FIGURES = TradeFigures(**(dict.fromkeys(TradeFigures.__struct_fields__, 0.12) | {"trades": 143}))  # type: ignore[arg-type]


def reason(code: str, words: str) -> TriggerReason:
    return TriggerReason(
        code=code, family="X", value=4.1, threshold=3.0, distance=-1.1, side=1, strength=0.4, words=words
    )


def screening(**changes: Any) -> Screening:
    fields: dict[str, Any] = {
        "signal": "ALERT", "stats": STATS, "hints": (), "strength": 1.0, "asset_class": "spot",
        "trigger_reasons": (reason("A", "volume 4.1σ above normal"), reason("B", "close 0.4 ATR above a level")),
        "occurred_at": NOW_MS - 60_000, "known_at": NOW_MS,
    }  # fmt: skip
    return Screening(**PLACE, **(fields | changes))


def analysis(recommendation: str | None = "BUY", **changes: Any) -> Analysis:
    fields: dict[str, Any] = {
        "timestamp": NOW_MS, "stage2_status": "completed", "cause": "alert", "recommendation": recommendation,
        "risk_parameters": RISK if recommendation in ("BUY", "SELL") else None, "reasons": ("RR 1.4 below 2",),
    }  # fmt: skip
    return Analysis(**PLACE, **(fields | changes))


def report(verdict: str = "keep", **changes: Any) -> CalibrationReport:
    fields: dict[str, Any] = {
        "timeframe": "1m", "verdict": verdict, "reason": "DSR 0.41 below 0.90", "parameters": {}, "previous": {},
        "in_sample": None, "out_of_sample": FIGURES, "current": None, "dsr": 0.4, "pbo": 0.3, "folds": 4, "trials": 60,
        "seed": 7, "seconds": 12.0, "task_id": 3, "at_ms": NOW_MS,
    }  # fmt: skip
    return CalibrationReport(**PLACE, **(fields | changes))


def in_force(previous: int, blended: bool = False, source: str = "operator", **values: float) -> ThresholdsInForce:
    return ThresholdsInForce(
        **PLACE, asset_class="spot", class_hint="", values={"low_gate": 0.0003, "vol_z_threshold": 3.0} | values,
        sources={"low_gate": "class", "vol_z_threshold": source}, source="operator", is_default=False, since_ms=0,  # type: ignore[dict-item]
        expires_ms=0, blended=blended, previous=previous, at_ms=NOW_MS,
    )  # fmt: skip


def told(*messages: Message) -> list[Told]:
    return told_since(0, *messages)


def told_since(since_ms: int, *messages: Message) -> list[Told]:
    words = Words(since_ms)
    return [found for message in messages if (found := WORDS[type(message)](words, message)) is not None]


def texts(*messages: Message) -> list[str]:
    return [found.text for found in told(*messages)]


def test_an_alert_names_what_fired() -> None:
    (found,) = told(screening())
    assert found.text == "BTCUSDT alert: volume 4.1σ above normal; close 0.4 ATR above a level"
    assert (found.kind, found.severity, found.symbol, found.at_ms) == ("alert", "warning", "BTCUSDT", NOW_MS)


def test_what_is_no_alert_or_said_again_is_no_event() -> None:
    assert told(screening(signal="NORMAL"), screening(signal="NONE"), screening(replayed=True)) == []


def test_a_trade_is_told_with_its_levels() -> None:
    (found,) = told(analysis())
    assert found.text == "BTCUSDT BUY: entry 61,200–61,300.5, stop 60,900, target 62,400, RR 2.3"
    assert (found.kind, found.severity, found.symbol, found.at_ms) == ("recommendation", "info", "BTCUSDT", NOW_MS)


@pytest.mark.parametrize(
    "message",
    [
        analysis("AVOID"),
        analysis("WAIT_FOR_CONFIRMATION"),
        analysis("BUY", replayed=True),
        analysis(None, stage2_status="pending"),
        analysis(None, stage2_status="skipped"),
        analysis("SYSTEM_FAILURE", stage2_status="error", error="x", replayed=True),
    ],
)
def test_other_analyses_are_no_event(message: Analysis) -> None:
    assert told(message) == []


def test_a_trade_that_no_longer_holds_is_told_once() -> None:
    assert texts(analysis(), analysis("AVOID"), analysis("AVOID"), analysis("WAIT_FOR_CONFIRMATION"))[1:] == [
        "BTCUSDT BUY no longer holds, AVOID: RR 1.4 below 2"
    ]
    assert texts(analysis("BUY", replayed=True), analysis("AVOID", reasons=())) == [
        "BTCUSDT BUY no longer holds, AVOID"
    ]
    assert len(texts(analysis(), analysis(None, stage2_status="pending"), analysis("AVOID"))) == 2
    (_, sell) = texts(analysis(), analysis("SELL"))
    assert sell.startswith("BTCUSDT SELL: entry")


def test_a_failed_analysis_is_a_warning() -> None:
    (found,) = told(analysis("SYSTEM_FAILURE", stage2_status="error", error="ValueError: odd bar"))
    assert (found.text, found.severity) == ("BTCUSDT analysis failed: ValueError: odd bar", "warning")


@pytest.mark.parametrize(
    ("message", "severity", "text"),
    [
        (report("accept"), "info",
         "BTCUSDT calibrated, new thresholds in force: +0.12 R a trade out of sample over 143 trades"),
        (report("accept", out_of_sample=None), "info", "BTCUSDT calibrated, new thresholds in force"),
        (report("keep"), "info", "BTCUSDT calibration keeps the thresholds: DSR 0.41 below 0.90"),
        (report("failed", reason="no trades"), "warning", "BTCUSDT calibration failed: no trades"),
        (report("keep", accepted_by_operator=True), "info",
         "BTCUSDT new thresholds taken by the operator although the guards said: DSR 0.41 below 0.90"),
    ],
)  # fmt: skip
def test_verdicts(message: CalibrationReport, severity: str, text: str) -> None:
    (found,) = told(message)
    assert (found.kind, found.severity, found.text) == ("calibration", severity, text)


def test_a_long_reason_is_cut() -> None:
    (found,) = told(report(reason="x" * 500))
    assert found.text.endswith("…")
    assert len(found.text) == len("BTCUSDT calibration keeps the thresholds: ") + REASON_MOST


def test_reports_said_again_or_kept_from_earlier_runs_are_no_event() -> None:
    assert told(report("waiting")) == []
    assert len(told(report(), report(), report())) == 1
    assert len(told(report(), report(accepted_by_operator=True, at_ms=NOW_MS + 1), report(task_id=4))) == 3
    assert told_since(NOW_MS + 1, report()) == []
    assert [found.kind for found in told_since(NOW_MS, report())] == ["calibration"]


def test_thresholds_that_the_operator_sets_and_takes_back_are_told() -> None:
    first, edited = in_force(0, source="class"), in_force(1, vol_z_threshold=3.25)
    (found,) = told(first, edited)
    assert found.text == "BTCUSDT thresholds set by hand: vol_z_threshold 3 → 3.25"
    assert (found.kind, found.severity) == ("calibration", "info")
    assert texts(edited, first) == ["BTCUSDT thresholds taken back: vol_z_threshold 3.25 → 3"]
    assert texts(edited, in_force(0, vol_z_threshold=3.25)) == [
        "BTCUSDT thresholds taken back: the values are the same"
    ]


def test_other_changes_of_thresholds_are_no_event() -> None:
    first = in_force(1)
    assert told(first, first) == []
    assert told(first, in_force(1, source="adaptive", vol_z_threshold=2.5)) == []
    assert told(first, in_force(2, source="calibrated", vol_z_threshold=2.5)) == []
    assert told(first, in_force(1, low_gate=0.0004)) == []
    assert told(first, in_force(1, blended=True, vol_z_threshold=2.9)) == [], "expired, not set"
    assert told(msgspec.structs.replace(first, symbol="ETHUSDT"), in_force(2, vol_z_threshold=9.0)) == []
