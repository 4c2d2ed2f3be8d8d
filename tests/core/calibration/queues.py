"""Queues of calibrations, and short ways to move their tasks."""

from __future__ import annotations

import msgspec

from core.calibration.queue import Queue, QueueState
from core.calibration.task import Task
from core.messages import CalibrationPriority

T0 = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def asked(queue: Queue, symbol: str, priority: CalibrationPriority = "normal", at_ms: int = T0) -> Task:
    return queue.ask(symbol, "1m", priority, at_ms)


def taken(queue: Queue, now_ms: int = T0) -> list[str]:
    """Symbols of all tasks that start now, in their order."""
    symbols = []
    while (task := queue.take(now_ms)) is not None:
        symbols.append(task.symbol)
    return symbols


def fail_once(queue: Queue, symbol: str, now_ms: int) -> None:
    asked(queue, symbol, at_ms=now_ms)
    task = queue.take(now_ms)
    assert task is not None
    assert task.symbol == symbol
    queue.fail(task.id, now_ms, "exception", "ValueError: bad bar")


def restarted(queue: Queue, now_ms: int, slots: int | None = None) -> Queue:
    stored = msgspec.json.decode(msgspec.json.encode(queue.dump()), type=QueueState)
    return Queue.load(stored, queue.slots if slots is None else slots, now_ms)
