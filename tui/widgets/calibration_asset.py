"""The chosen asset in words: the title of its detail, what can be done with it now, and the question before accepting."""

from __future__ import annotations

from collections.abc import Sequence

from tui.desk import Desk
from tui.glyphs import Glyphs
from tui.screening_store import ScreenedRow
from tui.widgets.calibration_queue import share_runs
from tui.widgets.calibration_words import WAITING_STATES, failed_checks, is_refused, span
from tui.widgets.line_panel import Line, Run, width_of

SCOPE = "calibration"


def asset_runs(symbol: str, row: ScreenedRow, glyphs: Glyphs, now_ms: int) -> list[Run]:
    """`ETHUSDT  perpetual, calibrated 2 d ago, expires in 11 d, 3 sets before`."""
    if not symbol:
        return [("no asset", "dim")]
    force = row.thresholds
    runs: list[Run] = [(symbol, "bright")]
    if force is None:
        return [*runs, (f" {glyphs.separator} ", "rule"), ("no thresholds yet", "dim")]
    facts: list[Run] = [(force.source, "text")]
    if force.since_ms:
        facts = [(f"{force.source} {span((now_ms - force.since_ms) / 1000, 1)} ago", "text")]
    if force.blended:
        facts.append(("expired, half way back to its class", "warn"))
    elif force.expires_ms:
        facts.append((f"expires in {span((force.expires_ms - now_ms) / 1000, 1)}", "text"))
    if force.previous:
        facts.append((f"{force.previous} set{'' if force.previous == 1 else 's'} before", "dim"))
    facts.append((force.class_hint or force.asset_class, "dim"))
    for text, style in facts:
        runs += [(f" {glyphs.separator} ", "rule"), (text, style)]
    return runs


def part_runs(parts: Sequence[str], page: str) -> list[Run]:
    """The names of the parts, the shown one in brackets."""
    runs: list[Run] = []
    for part in parts:
        here = part == page
        runs += [
            ("[" if here else " ", "accent"),
            (part, "bright" if here else "dim"),
            ("]" if here else " ", "accent"),
        ]
    return runs


def hint_line(desk: Desk, symbol: str, row: ScreenedRow) -> Line:
    """The keys that make sense for this asset now."""
    if not symbol:
        return []
    task, hints = row.task, []
    if is_refused(row):
        hints.append(("accept", "accepts it all the same"))
    if task is not None and task.state in WAITING_STATES:
        hints += [("raise", "sooner"), ("pause", "pauses"), ("cancel", "cancels")]
    elif task is not None and task.state == "paused":
        hints += [("pause", "lets it go on"), ("cancel", "cancels")]
    elif task is not None and task.state == "in_progress":
        hints.append(("cancel", "cancels"))
    if row.thresholds is not None and row.thresholds.previous:
        hints.append(("revert", "goes back to the thresholds before"))
    hints += [("pause_all", "pauses the queue"), ("part", "next part")]
    line: Line = [(" ", "text")]
    for verb, words in hints:
        key = desk.keymap.label(f"{SCOPE}.{verb}")
        if key:
            line += [(key, "key"), (f" {words}  ", "dim")]
    return line


def question(desk: Desk, symbol: str, row: ScreenedRow, room: int) -> Line:
    """What the guards had against it where there is room for that, and what the keys do now."""
    against = ", ".join(failed_checks(row.report)) if row.report is not None else ""
    yes, back = desk.keymap.label(f"{SCOPE}.yes"), desk.keymap.label("app.back")
    key = desk.keymap.label(f"{SCOPE}.accept")
    told = f" ({against})." if against else "."
    line = [
        (f" {desk.glyphs.alert} {symbol}: the guards said no", "warn"),
        (told, "text"),
        (f" {key} or {yes}", "key"),
        (" takes what was found all the same, ", "text"),
        (back, "key"),
        (" keeps what is in force.", "text"),
    ]
    if width_of(line) > room:
        line[1], line[3], line[5] = (".", "text"), (" takes it all the same, ", "text"), (" does not.", "text")
    return line


def is_running(row: ScreenedRow) -> bool:
    """Whether a worker has it."""
    return row.task is not None and row.task.state == "in_progress"


def running_line(desk: Desk, row: ScreenedRow) -> Line:
    """How far it is, above what the calibration before it found."""
    progress = row.progress
    if progress is None:
        return [(" running: just begun", "accent")]
    return [(" running ", "accent"), *share_runs(desk, progress), (f", fold {progress.fold}/{progress.folds}", "text")]


def never_words(desk: Desk, row: ScreenedRow) -> str:
    """Why there is no report yet, and the remedy."""
    task, queue = row.task, desk.store.screening.queue
    if is_running(row):
        return "the first calibration of this asset is under way"
    if task is not None and task.state in WAITING_STATES:
        return task.reason if "history" in task.reason else "the first calibration of this asset waits for its turn"
    if task is not None and task.reason:
        return task.reason
    wanted = f" It needs {queue.bars_wanted:,} stored bars." if queue is not None and queue.bars_wanted else ""
    return f"not calibrated yet; {desk.keymap.label(f'{SCOPE}.calibrate')} asks for it now.{wanted}"
