"""The two lines on top: the queue and its workers; what runs with its time left, or in words why nothing does."""

from __future__ import annotations

from core.messages import CalibrationProgress, CalibrationQueue, CalibrationTask
from tui.desk import Desk
from tui.widgets.calibration_words import WAITING_STATES, left_words, span
from tui.widgets.line_panel import Line, ends, width_of

BAR = 8
"""Cells of a progress bar."""
SCOPE = "calibration"


def queue_lines(desk: Desk, width: int) -> list[Line]:
    """Always two lines, so that nothing below them moves."""
    queue = desk.store.screening.queue
    if queue is None:
        return [[(" no calibration queue yet", "dim")], [(f" {_engine_words(desk)}", "dim")]]
    return [_counts(desk, queue, width), _second(desk, queue, width)]


def _engine_words(desk: Desk) -> str:
    engine = desk.store.engine
    if engine is not None and engine.phase != "running":
        return engine.text
    return f"it speaks soon after the engine runs; {desk.waiting}" if engine is None else "it is about to be opened"


def _counts(desk: Desk, queue: CalibrationQueue, width: int) -> Line:
    dot = f" {desk.glyphs.separator} "
    breakers = f"{queue.open_breakers} open breaker{'' if queue.open_breakers == 1 else 's'}"
    left: Line = [(" queue ", "dim"), (f"{queue.waiting:,} waiting", "bright" if queue.waiting else "text")]
    if queue.paused:
        left += [(dot, "dim"), (f"{queue.paused:,} paused", "warn")]
    left += [
        (dot, "dim"),
        (f"{queue.running:,} running", "bright" if queue.running else "text"),
        (dot, "dim"),
        (f"{queue.done:,} done", "text"),
        (dot, "dim"),
        (breakers, "warn" if queue.open_breakers else "text"),
    ]
    right: Line = [("workers ", "dim"), (f"{queue.running}/{queue.slots}", "bright" if queue.running else "text")]
    where: Line = [] if queue.where == "local" else [(f" on {queue.where}", "text")]
    line = ends(left, [*right, *where, (" ", "text")], width)
    return line if len(line) > len(left) else ends(left, [*right, (" ", "text")], width)


def _second(desk: Desk, queue: CalibrationQueue, width: int) -> Line:
    """What is wrong comes first, then what runs as far as there is room."""
    line: Line = []
    trouble = _trouble(desk, queue)
    if trouble:
        line = [(f" {desk.glyphs.alert} {trouble}", "warn")]
    running = [task for task in queue.tasks if task.state == "in_progress"]
    running.sort(key=lambda task: _slot(desk, task))
    for number, task in enumerate(running):
        shown = _running(desk, task)
        rest = f"  and {len(running) - number} more" if number else ""
        more = f"  and {len(running) - number - 1} more" if number + 1 < len(running) else ""
        if line and width_of(line) + width_of(shown) + len(more) + 2 > width:
            return [*line, (rest, "dim")] if rest and not trouble else line
        line += [("   " if line else " ", "text"), *shown]
    return line or [(f" {_idle(desk, queue)}", "dim")]


def _slot(desk: Desk, task: CalibrationTask) -> int:
    progress = desk.store.screening.row(task.symbol).progress
    return progress.slot if progress is not None else 0


def _running(desk: Desk, task: CalibrationTask) -> Line:
    progress = desk.store.screening.row(task.symbol).progress
    name: Line = [(task.symbol, "bright"), (" ", "text")]
    if progress is None or progress.task_id != task.task_id:
        return [*name, ("just begun", "text")]
    done = f"trial {progress.trial}/{progress.trials} fold {progress.fold}/{progress.folds} "
    return [*name, (done, "text"), *share_runs(desk, progress)]


def share_runs(desk: Desk, progress: CalibrationProgress) -> Line:
    """`▇▇▇▇▇▇▁▁ 68 % 1 m 12 s left`."""
    bar = desk.glyphs.bar(progress.share, BAR)
    filled = bar.count(desk.glyphs.bar_full)
    return [
        (bar[:filled], "bar"),
        (bar[filled:], "bar_off"),
        (f" {progress.share * 100:.0f} % ", "text"),
        (left_words(progress.left_s, progress.at_ms, desk.clock.now_ms()), "bright"),
    ]


def _trouble(desk: Desk, queue: CalibrationQueue) -> str:
    """Why nothing will start by itself, with the remedy; empty while all is well."""
    palette, pause = desk.keymap.label("app.palette"), desk.keymap.label(f"{SCOPE}.pause_all")
    if not queue.enabled:
        return f"calibration is off: in the palette ({palette}) set calibration.enabled to true"
    if queue.overall == "open":
        tries = [task.next_try_ms for task in queue.tasks if task.next_try_ms is not None]
        later_s = (min(tries) - desk.clock.now_ms()) / 1000 if tries else 0.0
        when = f"next try in {span(later_s)}" if later_s > 0 else "the next try is let through soon"
        return f"breaker open, too many calibrations failed: {when}; the event log says why"
    if queue.overall == "half_open":
        return "breaker half open: one try decides whether the rest may go on"
    if queue.held:
        return f"the queue is paused: {pause} lets it go on"
    if not queue.slots:
        return f"no worker may run: in the palette ({palette}) set calibration.max_concurrent to 1 or more"
    return ""


def _idle(desk: Desk, queue: CalibrationQueue) -> str:
    first = next((task for task in queue.tasks if task.state in WAITING_STATES and task.position == 1), None)
    if first is None:
        return f"nothing runs, nothing waits; {desk.keymap.label(f'{SCOPE}.calibrate')} calibrates the chosen asset"
    later_s = ((first.next_try_ms or 0) - desk.clock.now_ms()) / 1000
    when = f"in {span(later_s)} at the earliest" if later_s > 0 else "as soon as a worker is free"
    return f"nothing runs; next {first.symbol} {first.timeframe}, {when}"
