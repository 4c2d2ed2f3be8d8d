"""Which assets ask for a calibration of their own accord, and how urgently (methods sheet 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.calibration.expiry import alert_is_urgent
from core.calibration.queue import Queue
from core.calibration.task import ENDED, Task
from core.messages import CalibrationPriority
from core.screening.thresholds import InForce
from core.screening.view import ThresholdView

TIMEFRAME = "1m"
"""Thresholds are compared with one-minute bars."""
NEAR_SHARE = 0.1
"""The last tenth of the time thresholds hold is when their renewal is asked for."""
TOP_SHARE = 0.1
"""Assets among the largest tenth by volume go before the others."""
FAILED_AGAIN_MS = 600_000
ENDED_AGAIN_MS = 24 * 3_600_000
"""After a calibration that ran through a day of new bars is waited for: the same bars give the same answer."""
ALERT_AGAIN_MS = 3_600_000
"""... and after an alert an hour."""
NOT_WATCHED = "no longer watched"


def largest(symbols: Sequence[str], volumes: Mapping[str, float]) -> set[str]:
    """The largest tenth of the watched symbols by quote volume, at least one once a volume is known."""
    known = sorted((symbol for symbol in symbols if symbol in volumes), key=lambda symbol: (-volumes[symbol], symbol))
    return set(known[: math.ceil(TOP_SHARE * len(symbols))])


def wants(in_force: InForce, now_ms: int) -> str:
    """Why thresholds ask to be fitted, in words; empty: they do not."""
    if in_force.is_default:
        return "no thresholds of its own yet"
    if not in_force.expires_ms:
        return ""
    if in_force.expires_ms <= now_ms:
        return "its thresholds expired"
    near_ms = NEAR_SHARE * (in_force.expires_ms - in_force.since_ms)
    return "its thresholds expire soon" if now_ms >= in_force.expires_ms - near_ms else ""


def may_ask_again(task: Task | None, in_force: InForce, now_ms: int) -> bool:
    """Whether enough time has passed since the asset's last task ended, or none of it is open."""
    if task is None or task.state == "expired" or (task.state == "rejected" and task.reason == NOT_WATCHED):
        return True
    if task.state not in ENDED:
        return False
    if task.state == "completed" and not in_force.is_default:
        return True
    hasty = task.state == "failed" and task.cause != "no_feasible_trial"
    return now_ms - task.since_ms >= (FAILED_AGAIN_MS if hasty else ENDED_AGAIN_MS)


def review(
    queue: Queue,
    symbols: Sequence[str],
    thresholds: ThresholdView,
    volumes: Mapping[str, float],
    placed: set[str],
    now_ms: int,
) -> None:
    """Ask for every watched symbol whose thresholds want it; take out of the queue what is no longer watched.

    What waits is raised when it came among the largest, unless the operator gave it its place (`placed`).
    """
    top, watched = largest(symbols, volumes), set(symbols)
    for symbol in symbols:
        priority: CalibrationPriority = "high" if symbol in top else "normal"
        task, in_force = queue.task_of(symbol, TIMEFRAME), thresholds.in_force(symbol)
        expires_ms = in_force.expires_ms
        queue.note_expiry(symbol, TIMEFRAME, expires_ms if expires_ms > now_ms else None)
        why = wants(in_force, now_ms)
        if why and may_ask_again(task, in_force, now_ms):
            queue.ask(symbol, TIMEFRAME, priority, now_ms, why)
        elif task is not None and symbol in top and symbol not in placed and _stands_as_normal(task):
            queue.reprioritise(task.id, now_ms, "high")
    for task in queue.tasks():
        if task.symbol not in watched and task.state not in (*ENDED, "in_progress"):
            queue.cancel(task.id, now_ms, NOT_WATCHED)


def _stands_as_normal(task: Task) -> bool:
    return task.priority == "normal" and task.state in ("queued", "paused")


def alerted(queue: Queue, symbol: str, thresholds: ThresholdView, now_ms: int) -> Task | None:
    """An alert: its task, if that makes a calibration urgent."""
    in_force = thresholds.in_force(symbol)
    task = queue.task_of(symbol, TIMEFRAME)
    urgent = alert_is_urgent(
        is_default=in_force.is_default,
        since_ms=in_force.since_ms,
        expires_ms=in_force.expires_ms or None,
        now_ms=now_ms,
    )
    if not urgent or (task is not None and task.state in ENDED and now_ms - task.since_ms < ALERT_AGAIN_MS):
        return None
    return queue.ask(symbol, TIMEFRAME, "urgent", now_ms, "alert")
