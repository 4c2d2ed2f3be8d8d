"""What the operator asks of the queue for one asset: each says what was asked, or why there is nothing to ask.

The engine answers with messages; until they come the notice is all that has happened.
"""

from __future__ import annotations

from collections.abc import Callable

from core.messages import (
    AcceptCalibration,
    CalibrateNow,
    CalibrationPriority,
    CancelCalibration,
    PauseCalibration,
    PrioritiseCalibration,
    RevertThresholds,
)
from tui.desk import Desk
from tui.screening_store import ScreenedRow
from tui.widgets.calibration_words import WAITING_STATES, is_refused, is_taken, was_accepted

Command = Callable[[Desk, str, ScreenedRow], None]

PRIORITIES: tuple[CalibrationPriority, ...] = ("normal", "high", "urgent")


def _state(row: ScreenedRow) -> str:
    return row.task.state if row.task is not None else ""


def calibrate(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`n`."""
    if _state(row) == "in_progress":
        desk.say(f"{symbol} is being calibrated already", "warning")
        return
    desk.bus.publish(CalibrateNow(symbol=symbol))
    desk.say(f"{symbol}: asked for a calibration")


def pause(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`p`: hold a waiting one back, let a paused one go on."""
    paused = _state(row) == "paused"
    if not paused and _state(row) not in WAITING_STATES:
        desk.say(f"{symbol} does not wait, so there is nothing to pause", "warning")
        return
    desk.bus.publish(PauseCalibration(symbol=symbol, paused=not paused))
    desk.say(f"{symbol}: {'goes on' if paused else 'held back'} from now on")


def pause_all(desk: Desk) -> None:
    """`P`: the whole queue."""
    queue = desk.store.screening.queue
    held = queue is not None and queue.held
    desk.bus.publish(PauseCalibration(symbol="", paused=not held))
    desk.say("the queue goes on" if held else "the queue is held back; what runs ends in order")


def cancel(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`x`."""
    if _state(row) not in (*WAITING_STATES, "paused", "in_progress"):
        desk.say(f"{symbol} is not in the queue, so there is nothing to cancel", "warning")
        return
    desk.bus.publish(CancelCalibration(symbol=symbol))
    desk.say(f"{symbol}: taken out of the queue, its thresholds stay")


def sooner(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`+`."""
    _prioritise(desk, symbol, row, 1)


def later(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`-`."""
    _prioritise(desk, symbol, row, -1)


def _prioritise(desk: Desk, symbol: str, row: ScreenedRow, step: int) -> None:
    task = row.task
    if task is None or _state(row) not in (*WAITING_STATES, "paused"):
        desk.say(
            f"{symbol} does not wait; {desk.keymap.label('calibration.calibrate')} puts it in the queue", "warning"
        )
        return
    place = PRIORITIES.index(task.priority) + step
    if not 0 <= place < len(PRIORITIES):
        desk.say(f"{symbol} has priority {task.priority} already, the {'highest' if step > 0 else 'lowest'}", "warning")
        return
    desk.bus.publish(PrioritiseCalibration(symbol=symbol, priority=PRIORITIES[place]))
    desk.say(f"{symbol}: asked for priority {PRIORITIES[place]}")


def revert(desk: Desk, symbol: str, row: ScreenedRow) -> None:
    """`r`, `u`."""
    if row.thresholds is None or not row.thresholds.previous:
        desk.say(f"{symbol} has no thresholds before these to go back to", "warning")
        return
    desk.bus.publish(RevertThresholds(symbol=symbol))
    desk.say(f"{symbol}: asked for the thresholds before these")


def can_accept(desk: Desk, symbol: str, row: ScreenedRow) -> bool:
    """Whether there is something to accept; says why when there is not."""
    if is_refused(row):
        return True
    report, calibrate_key = row.report, desk.keymap.label("calibration.calibrate")
    if report is None:
        text = f"{symbol} was not calibrated yet: {calibrate_key} does it"
    elif is_taken(row):
        text = f"{symbol}: what was found is in force already"
    elif was_accepted(report):
        text = f"{symbol}: what was found was accepted and taken back; {calibrate_key} calibrates anew"
    else:
        text = f"{symbol}: the newest calibration found no thresholds to accept"
    desk.say(text, "warning")
    return False


def accept(desk: Desk, symbol: str) -> None:
    """`a`, confirmed."""
    desk.bus.publish(AcceptCalibration(symbol=symbol))
    desk.say(f"{symbol}: asked to take what was found, against the guards", "warning")
