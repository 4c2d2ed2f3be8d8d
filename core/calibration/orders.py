"""What the operator may do to the queue, except to accept a report."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from core.calibration.intake import TIMEFRAME
from core.calibration.queue import Queue
from core.calibration.task import IllegalMove
from core.messages import CalibrateNow, CancelCalibration, PauseCalibration, PrioritiseCalibration

Order = CalibrateNow | PauseCalibration | CancelCalibration | PrioritiseCalibration


class Refused(Exception):
    """The order cannot be followed; the text says why and what to do."""


class Followed(NamedTuple):
    """What came of an order. `ended`: the task in progress whose worker is to be ended. `placed`: by the operator's hand."""

    ended: int | None = None
    placed: str = ""


def follow(order: Order, queue: Queue, watched: Collection[str], now_ms: int) -> Followed:
    """Do it. Raises `Refused`, and then nothing has changed."""
    if isinstance(order, PauseCalibration) and not order.symbol:
        queue.held = order.paused
        return Followed()
    if isinstance(order, CalibrateNow):
        return _calibrate(order.symbol, queue, watched, now_ms)
    task = queue.task_of(order.symbol, TIMEFRAME)
    if task is None:
        raise Refused(f"{order.symbol} has no calibration in the queue: queue one first")
    try:
        match order:
            case PauseCalibration(paused=True):
                queue.pause(task.id, now_ms)
            case PauseCalibration():
                queue.resume(task.id, now_ms)
            case CancelCalibration():
                queue.cancel(task.id, now_ms)
                return Followed(ended=task.id if task.state == "in_progress" else None)
            case PrioritiseCalibration(priority=priority):
                queue.reprioritise(task.id, now_ms, priority)
                return Followed(placed=order.symbol)
    except IllegalMove as error:
        raise Refused(str(error)) from error
    return Followed()


def _calibrate(symbol: str, queue: Queue, watched: Collection[str], now_ms: int) -> Followed:
    if symbol not in watched:
        raise Refused(f"{symbol} is not watched, so its history is not kept: pin it first")
    task = queue.task_of(symbol, TIMEFRAME)
    if task is not None and task.state == "in_progress":
        raise Refused(f"{symbol} is being calibrated already")
    if task is not None and task.state == "paused":
        queue.resume(task.id, now_ms)
    queue.ask(symbol, TIMEFRAME, "high", now_ms, "asked for by the operator", by_operator=True)
    return Followed(placed=symbol)
