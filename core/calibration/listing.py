"""The calibration queue as a screen shows it: one row per asset, and the figures of the top line."""

from __future__ import annotations

import msgspec

from core.calibration import breaker as breakers
from core.calibration.queue import Queue
from core.calibration.task import WAITING, Task, order, waited_ms
from core.messages import BreakerPhase, CalibrationState, CalibrationTask

_STATE_ORDER: dict[CalibrationState, int] = {
    "in_progress": 0, "queued": 1, "queued_high": 1, "queued_urgent": 1, "paused": 2,
    "failed": 3, "expired": 4, "rejected": 5, "completed": 6,
}  # fmt: skip


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The queue in one line. `open_breakers` counts assets whose breaker is not closed; `overall` is the one over all."""

    waiting: int
    paused: int
    running: int
    slots: int
    done: int
    open_breakers: int
    overall: BreakerPhase


def rows(queue: Queue, now_ms: int) -> list[CalibrationTask]:
    """All assets: in progress, then waiting in their order, paused, and the ended ones by what needs attention, then symbol."""
    tasks = queue.tasks()
    waiting = sorted(
        (task for task in tasks if task.state in WAITING), key=lambda task: order(task, now_ms, queue.aging_per_hour)
    )
    position = {task.id: place for place, task in enumerate(waiting, start=1)}
    tasks.sort(key=lambda task: (_STATE_ORDER[task.state], position.get(task.id, 0), task.symbol, task.timeframe))
    return [_row(queue, task, position.get(task.id), now_ms) for task in tasks]


def summary(queue: Queue, now_ms: int) -> Summary:
    """Counts for the top line."""
    states = [task.state for task in queue.tasks()]
    return Summary(
        waiting=sum(state in WAITING for state in states),
        paused=states.count("paused"),
        running=states.count("in_progress"),
        slots=queue.slots,
        done=queue.done,
        open_breakers=sum(breakers.phase(kept, now_ms) != "closed" for kept in queue.asset_breakers().values()),
        overall=breakers.phase(queue.overall, now_ms),
    )


def _row(queue: Queue, task: Task, position: int | None, now_ms: int) -> CalibrationTask:
    own = queue.breaker_of(task.symbol, task.timeframe)
    return CalibrationTask(
        symbol=task.symbol,
        timeframe=task.timeframe,
        task_id=task.id,
        state=task.state,
        priority=task.priority,
        since_ms=task.since_ms,
        position=position,
        waited_ms=waited_ms(task, now_ms) if task.state in (*WAITING, "paused", "in_progress") else None,
        next_try_ms=_next_try_ms(queue, task, now_ms) if task.state in (*WAITING, "failed") else None,
        expires_ms=task.expires_ms,
        breaker=breakers.phase(own, now_ms),
        failures=own.failures,
        partial=task.partial,
        cause=task.cause,
        reason=task.reason,
    )


def _next_try_ms(queue: Queue, task: Task, now_ms: int) -> int | None:
    own = breakers.next_try_ms(queue.breaker_of(task.symbol, task.timeframe), now_ms)
    overall = breakers.next_try_ms(queue.overall, now_ms)
    if own is None or overall is None:
        return None
    return max(own, overall, task.not_before_ms)
