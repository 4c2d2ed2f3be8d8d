"""What alerts, recommendations and thresholds come to for one symbol now: in short words, with what is out of date.

An ALERT stands for its cooldown; a recommendation speaks of the market until it expires, and is then told with its age.
Pure functions of the newest messages and the time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from core.messages import Action, Analysis, Screening
from tui import format as fmt
from tui.screening_store import ScreenedRow

ACTION_WORDS: dict[Action, str] = {
    "BUY": "BUY", "SELL": "SELL", "WAIT_FOR_CONFIRMATION": "WAIT", "AVOID": "AVOID", "AVOID_HIGH_RISK": "RISK",
    "INVALID_DATA": "DATA?", "SYSTEM_FAILURE": "FAIL?",
}  # fmt: skip
"""The recommendations in at most five cells."""
ACTION_STYLE: dict[Action, str] = {
    "BUY": "price_up", "SELL": "price_down", "WAIT_FOR_CONFIRMATION": "text", "AVOID": "hold", "AVOID_HIGH_RISK": "warn",
    "INVALID_DATA": "warn", "SYSTEM_FAILURE": "danger",
}  # fmt: skip
ACTION_RANK: dict[Action, float] = {
    "BUY": 7.0, "SELL": 6.0, "WAIT_FOR_CONFIRMATION": 5.0, "AVOID_HIGH_RISK": 4.0, "AVOID": 3.0, "INVALID_DATA": 2.0,
    "SYSTEM_FAILURE": 1.0,
}  # fmt: skip
"""What comes first when sorted: what can be acted on."""
NOT_JUDGED = ("INVALID_DATA", "SYSTEM_FAILURE")
"""Their figures, if there are any, mean nothing."""
QUEUED = ("queued", "queued_high", "queued_urgent")
SIGNAL_MOST_MS = 180_000
"""A judgement of a one-minute bar older than this says nothing of the newest one."""


class Advice(NamedTuple):
    """One symbol. `signal` is "" while unknown, `action` None without a recommendation.

    `alert_s` is the age of the ALERT, `advice_s` that of the recommendation, seconds. `expired`: it no longer speaks of
    the market. `asked`: another one is under way.
    """

    signal: str = ""
    alert_s: float = math.nan
    action: Action | None = None
    confidence: float = math.nan
    target: float = math.nan
    stop: float = math.nan
    advice_s: float = math.nan
    expired: bool = False
    asked: bool = False
    calibration: str = ""

    @property
    def calibration_style(self) -> str:
        """How loud the state of the thresholds is."""
        if self.calibration == "expired":
            return "warn"
        return "text" if self.calibration.startswith(("calibrated", "operator", "running")) else "dim"

    @property
    def sort_signal(self) -> float:
        """An ALERT above all else; whatever is not one is equal, so that rows stay while minutes pass."""
        return 1.0 if self.signal == "ALERT" else 0.0 if self.signal else math.nan

    @property
    def sort_action(self) -> float:
        """What can be acted on first; what expired comes after everything that did not."""
        if self.action is None:
            return math.nan
        return ACTION_RANK[self.action] - (10.0 if self.expired else 0.0)


NO_ADVICE = Advice()


def advice(screened: ScreenedRow | None, now_ms: int) -> Advice:
    """All of it for one symbol."""
    if screened is None:
        return NO_ADVICE
    signal, alert_s = signal_now(screened.screening, now_ms)
    asked = screened.asked is not None and screened.asked.stage2_status in ("pending", "processing")
    told = screened.analysis
    calibration = calibration_words(screened, now_ms)
    if told is None or told.recommendation is None:
        return Advice(signal=signal, alert_s=alert_s, asked=asked, calibration=calibration)
    judged = told.recommendation not in NOT_JUDGED
    metrics, risk = (told.confidence_metrics, told.risk_parameters) if judged else (None, None)
    return Advice(
        signal=signal,
        alert_s=alert_s,
        action=told.recommendation,
        confidence=metrics.probability if metrics is not None else math.nan,
        target=float(risk.tp_targets[0]) if risk is not None and risk.tp_targets else math.nan,
        stop=float(risk.sl_level) if risk is not None else math.nan,
        advice_s=age_s(told, now_ms),
        expired=is_expired(told, now_ms),
        asked=asked,
        calibration=calibration,
    )


def signal_now(screening: Screening | None, now_ms: int) -> tuple[str, float]:
    """The signal to show and the age of an ALERT in seconds: an ALERT stands for its cooldown, whatever came after it."""
    if screening is None:
        return "", math.nan
    if is_alerted(screening, now_ms):
        return "ALERT", max(0.0, (now_ms - (screening.alerted_ms or screening.known_at)) / 1000.0)
    if now_ms - screening.known_at > SIGNAL_MOST_MS:
        return "", math.nan
    # The cooldown of this very ALERT is over, and nothing newer was told.
    return ("NORMAL" if screening.signal == "ALERT" else screening.signal), math.nan


def is_alerted(screening: Screening | None, now_ms: int) -> bool:
    """Whether an ALERT stands: it was told and its cooldown is not over. Without a cooldown it stands for its bar."""
    if screening is None:
        return False
    if screening.alerted_ms and now_ms < screening.cooldown_until_ms:
        return True
    newest = screening.signal == "ALERT" and now_ms - screening.known_at <= SIGNAL_MOST_MS
    return newest and screening.cooldown_until_ms <= screening.alerted_ms


def is_expired(told: Analysis, now_ms: int) -> bool:
    """Whether a recommendation no longer speaks of the market."""
    return bool(told.expires_ms) and now_ms > told.expires_ms


def age_s(told: Analysis, now_ms: int) -> float:
    """Seconds since a recommendation was made."""
    return max(0.0, (now_ms - told.timestamp) / 1000.0)


def short_age(seconds: float) -> str:
    """An age in at most three cells that changes at most once a minute: `0m`, `12m`, `3h`, `2d`, `old`."""
    text = "0m" if seconds < 60 else fmt.age(seconds // 60 * 60).replace("60s", "1m")
    return text if len(text) <= 3 else "old"


def calibration_words(screened: ScreenedRow, now_ms: int) -> str:
    """`running 43 %`, `queued 3`, else where the thresholds come from, or `expired`; "" while unknown."""
    task, progress, thresholds = screened.task, screened.progress, screened.thresholds
    if task is not None and task.state == "in_progress":
        return f"running {progress.share * 100:.0f} %" if progress is not None else "running"
    if task is not None and task.state in QUEUED:
        return f"queued {task.position}" if task.position else "queued"
    if thresholds is None:
        return ""
    late = bool(thresholds.expires_ms) and now_ms > thresholds.expires_ms
    return "expired" if late or thresholds.blended else thresholds.source
