"""A calibration task: its states, the legal moves between them as a table, and its effective priority (methods 5).

    queued, queued_high, queued_urgent   waiting for a slot
    paused                               waiting, but not to be started until the operator resumes it
    in_progress                          a worker has it
    completed                            new thresholds are in force (`partial`: best so far at the search's time limit)
    rejected                             what was in force stays, by the guards or because the operator cancelled: `reason`
    failed                               exception, time limit, lost worker, no feasible trial or stale data: `cause`
    expired                              ended earlier, and the thresholds in force have run out since

A task that is not asked for again stays in its last state: so each asset always shows exactly one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from core.messages import CalibrationCause, CalibrationPriority, CalibrationState

Move = Literal[
    "start", "complete", "reject", "fail", "requeue", "cancel", "pause", "resume", "reprioritise", "expire", "ask_again"
]

Targets = Mapping[Move, tuple[CalibrationState, ...]]

WAITING: tuple[CalibrationState, ...] = ("queued", "queued_high", "queued_urgent")
ENDED: tuple[CalibrationState, ...] = ("completed", "rejected", "failed", "expired")

QUEUED_AS: Mapping[CalibrationPriority, CalibrationState] = {
    "normal": "queued",
    "high": "queued_high",
    "urgent": "queued_urgent",
}

_FROM_WAITING: Targets = {
    "start": ("in_progress",),
    "reprioritise": WAITING,
    "pause": ("paused",),
    "cancel": ("rejected",),
}
_FROM_ENDED: Targets = {"expire": ("expired",), "ask_again": WAITING}

LEGAL: Mapping[CalibrationState, Targets] = {
    "queued": _FROM_WAITING,
    "queued_high": _FROM_WAITING,
    "queued_urgent": _FROM_WAITING,
    "paused": {"resume": WAITING, "reprioritise": ("paused",), "cancel": ("rejected",)},
    "in_progress": {
        "complete": ("completed",),
        "reject": ("rejected",),
        "fail": ("failed",),
        "requeue": WAITING,
        "cancel": ("rejected",),
    },
    "completed": _FROM_ENDED,
    "rejected": _FROM_ENDED,
    "failed": _FROM_ENDED,
    "expired": {"ask_again": WAITING},
}
"""state → move → states it may lead to. `ask_again` begins the next task of the asset, with a number of its own."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One request to calibrate one asset. Times are event time in milliseconds."""

    id: int
    symbol: str
    timeframe: str
    priority: CalibrationPriority
    state: CalibrationState
    since_ms: int
    """When it entered `state`: of a task in progress when it started, of an ended one when it ended."""
    queued_ms: int
    """Its age counts from here; later than the request when it was paused or had to wait for history."""
    not_before_ms: int = 0
    """Waiting for history: not started before this moment."""
    expires_ms: int | None = None
    """When the thresholds in force of this asset expire; None while the queue knows of none."""
    partial: bool = False
    cause: CalibrationCause | None = None
    reason: str = ""
    by_operator: bool = False
    """Asked for by hand: as far in front as an urgent one, but not counted as such."""

    @property
    def key(self) -> tuple[str, str]:
        """The asset: (symbol, timeframe)."""
        return (self.symbol, self.timeframe)


class IllegalMove(Exception):
    """The task is not in a state that allows the move. Nothing was changed; look at its state and choose again."""

    def __init__(self, task: Task, move: Move) -> None:
        legal = ", ".join(LEGAL[task.state]) or "none"
        super().__init__(
            f"task {task.id} ({task.symbol} {task.timeframe}) is {task.state}: {move} is not possible; legal moves are {legal}"
        )
        self.task = task
        self.state = task.state
        self.move = move


class UnknownTask(Exception):
    """The queue has no task of this number: it never had, or a newer task of the same asset took its place."""

    def __init__(self, task_id: int, move: Move) -> None:
        super().__init__(
            f"no task {task_id} in the queue: {move} is not possible; its asset may have a newer task, list them"
        )
        self.task_id = task_id
        self.move = move


def moved(task: Task, move: Move, to: CalibrationState, now_ms: int, **changes: object) -> Task:
    """The task after a move, checked against the table. Raises IllegalMove. `since_ms` stays if the state does."""
    if to not in LEGAL[task.state].get(move, ()):
        raise IllegalMove(task, move)
    since_ms = task.since_ms if to == task.state else now_ms
    return msgspec.structs.replace(task, state=to, since_ms=since_ms, **changes)


AGING_PER_HOUR = 0.05
_HOUR_MS = 3_600_000
_UNIT = 1_000_000
_BASE: Mapping[CalibrationPriority, int] = {"urgent": 100_000, "high": 300_000, "normal": 500_000}
_FLOOR = 50_000


def effective_priority(priority: CalibrationPriority, waited_ms: int, aging_per_hour: float = AGING_PER_HOUR) -> float:
    """max(0.05, p0 − aging · hours waiting), p0 = 0.1 urgent, 0.3 high, 0.5 normal. Lower goes first.

    Computed in integers of a millionth up to the last division: what is equal by the formula is equal here, so ties are
    ties.
    """
    millionths_ms = _BASE[priority] * _HOUR_MS - round(aging_per_hour * _UNIT) * max(0, waited_ms)
    return max(_FLOOR * _HOUR_MS, millionths_ms) / (_UNIT * _HOUR_MS)


def waited_ms(task: Task, now_ms: int) -> int:
    """How long the task waits, or waited before it started; 0 while it waits for a later moment."""
    until_ms = task.since_ms if task.state in ("in_progress", "paused") else now_ms
    return max(0, until_ms - task.queued_ms)


def order(task: Task, now_ms: int, aging_per_hour: float = AGING_PER_HOUR) -> tuple[float, int, str, str]:
    """What sorts waiting tasks: effective priority, then the older one, then symbol, then timeframe."""
    stands_as = "urgent" if task.by_operator else task.priority
    effective = effective_priority(stands_as, waited_ms(task, now_ms), aging_per_hour)
    return (effective, task.queued_ms, task.symbol, task.timeframe)
