"""Where an asset stands with its calibration, in few words: for the table's last column, its order and the filter.

What asks for attention comes before what is as it should be: see the ranks.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from core.messages import BreakerPhase, CalibrationCause, CalibrationReport, CalibrationTask, ThresholdInfo
from tui import format as fmt
from tui.glyphs import UNICODE, Glyphs
from tui.screening_store import ScreenedRow

RUNNING, WAITING, PAUSED, FAILED, EXPIRED, HISTORY, KEPT, ACCEPTED, NEVER = range(9)
"""Ranks: order of the table, smallest first."""
BARS_TOLD = re.compile(r"([\d,]+) of ([\d,]+)")
WAITING_STATES = ("queued", "queued_high", "queued_urgent")
CAUSES: dict[CalibrationCause, str] = {
    "exception": "an error",
    "time_limit": "too slow",
    "lost_worker": "worker lost",
    "no_feasible_trial": "nothing feasible",
    "stale_data": "data too old",
}
FAILED_CHECKS = {
    "TRADES": ("too few trades", "too few trades"),
    "LOWER_BOUND": ("no edge out of sample", "no edge"),
    "BETTER": ("no better than now", "no better"),
    "DSR": ("may be luck", "luck"),
    "PBO": ("overfitted", "overfitted"),
}
"""What it means that a guard said no, by its code: in words, and in fewer."""


class Standing(NamedTuple):
    """`words`: the first is always said, the others while there is room; `short` where not even two of them fit.

    `mark` names a glyph, or is empty.
    """

    rank: int
    words: tuple[str, ...]
    style: str
    mark: str = ""
    short: tuple[str, ...] = ()

    def text(self, width: int, glyphs: Glyphs) -> str:
        """As many words as fit; the first is cut when even that does not."""
        lead = f"{getattr(glyphs, self.mark)} " if self.mark else ""
        said = _joined(lead, self.words[:2])
        text = _joined(lead, self.words[:1])
        words = self.words
        if self.short and len(said) > width:
            words, text = self.short, _joined(lead, self.short[:1])
        for number in range(2, len(words) + 1):
            longer = _joined(lead, words[:number])
            if len(longer) > width:
                break
            text = longer
        return fmt.fit(text, width, glyphs)


def _joined(lead: str, words: tuple[str, ...]) -> str:
    return lead + ", ".join(words).replace(":, ", ": ")


def standing(row: ScreenedRow, now_ms: int, overall: BreakerPhase = "closed") -> Standing:
    """What is said of one asset now. `overall`: the breaker over all assets; while it is open nothing starts."""
    task, report = row.task, row.report
    if task is not None:
        if task.state == "in_progress":
            words = running_words(row, now_ms)
            return Standing(RUNNING, words, "accent", short=(words[0].replace("running ", "") + " done", *words[1:2]))
        if task.state in WAITING_STATES:
            return _waiting(task, row.stored_bars, now_ms, overall)
        if task.state == "paused":
            return Standing(PAUSED, ("paused", "p lets it go on"), "warn", "hold")
        if task.state == "failed":
            return _failed(task, now_ms)
        if task.state == "expired":
            return Standing(EXPIRED, ("expired", "n calibrates anew"), "warn", "alert")
        if task.state == "rejected" and (report is None or report.task_id != task.task_id):
            return Standing(KEPT, (f"kept: {task.reason}",), "text", "hold")
    if row.thresholds is not None and row.thresholds.blended:
        return Standing(EXPIRED, ("expired", "n calibrates anew"), "warn", "alert")
    if report is None:
        return Standing(NEVER, ("not calibrated yet",), "dim")
    if was_accepted(report) and not is_taken(row):
        return Standing(KEPT, ("accepted", "not in force any more"), "text", "hold", ("accepted", "taken back"))
    return _reported(row, report)


def running_words(row: ScreenedRow, now_ms: int) -> tuple[str, ...]:
    """How far a running calibration is."""
    progress = row.progress
    if progress is None or (row.task is not None and progress.task_id != row.task.task_id):
        return ("running", "just begun")
    return (
        f"running {progress.share * 100:.0f} %",
        left_words(progress.left_s, progress.at_ms, now_ms),
        f"trial {progress.trial}/{progress.trials}",
        f"fold {progress.fold}/{progress.folds}",
    )


def left_words(left_s: float, at_ms: int, now_ms: int) -> str:
    """Time left as told at `at_ms`, seen from now."""
    if left_s != left_s:
        return "time left unknown"
    return f"{span(max(0.0, left_s - (now_ms - at_ms) / 1000))} left"


def _waiting(task: CalibrationTask, stored_bars: int, now_ms: int, overall: BreakerPhase) -> Standing:
    later_ms = (task.next_try_ms or 0) - now_ms
    if later_ms > 0 and task.breaker != "closed":
        return Standing(FAILED, ("breaker open", f"next try in {span(later_ms / 1000)}"), "warn", "alert")
    if later_ms > 0 and overall == "closed":
        return _history(task.reason, stored_bars, span(later_ms / 1000, 1))
    urgent = {"urgent": "urgent, ", "high": "high, ", "normal": ""}[task.priority]
    place = f"{urgent}place {task.position}" if task.position else f"{urgent}waiting"
    waited = (f"waits {span(task.waited_ms / 1000)}",) if task.waited_ms else ()
    return Standing(WAITING, (place, *waited), "warn" if task.priority == "urgent" else "text")


def _history(reason: str, stored_bars: int, next_try: str) -> Standing:
    """Fewer bars are stored than a calibration needs: no failure, time and the background fetch mend it.

    `reason` is the engine's: `waiting for history: 4,501 of 17,740 …; 3 h 5 min at most, sooner as …`. How many are stored
    by now is known better here.
    """
    counted = BARS_TOLD.search(reason)
    if counted is None:
        return Standing(HISTORY, ("waiting for history", f"next try in {next_try}"), "dim", short=("no history",))
    have, wanted = (int(number.replace(",", "")) for number in counted.groups())
    have = max(have, stored_bars)
    left, found, _ = reason.partition("; ")[2].partition(" at most")
    longest = (f"{left} at most",) if found else ()
    share = f"history {min(100, 100 * have // max(1, wanted))} %"
    return Standing(HISTORY, ("waiting for history", f"{have:,} of {wanted:,} bars", *longest), "dim", short=(share,))


def _failed(task: CalibrationTask, now_ms: int) -> Standing:
    cause = CAUSES[task.cause] if task.cause is not None else task.reason or "no cause was told"
    later_ms = (task.next_try_ms or 0) - now_ms
    again = (f"next try in {span(later_ms / 1000)}",) if later_ms > 0 else ("n tries again",)
    return Standing(FAILED, (f"failed: {cause}", *again), "danger", "no")


def _reported(row: ScreenedRow, report: CalibrationReport) -> Standing:
    if report.verdict == "waiting":
        have, wanted = report.bars, report.bars + report.bars_missing
        return _history(f"waiting for history: {have:,} of {wanted:,} bars", row.stored_bars, "")
    if report.verdict == "failed":
        return Standing(FAILED, (f"failed: {report.reason}",), "danger", "no")
    partial = ("partial",) if report.partial else ()
    if was_accepted(report):
        how = "accepted by you" if report.accepted_by_operator else "accepted"
        shrunk = (f"shrunk to {fmt.probability(report.shrunk_lambda)}",) if report.shrunk_lambda < 1.0 else ()
        return Standing(ACCEPTED, (how, *shrunk, *partial), "accent", "yes")
    refused = failed_checks(report) or (report.reason,)
    fewer = failed_checks(report, 1) or (report.reason,)
    return Standing(KEPT, ("kept:", *refused, *partial), "text", "hold", ("kept:", *fewer, *partial))


def failed_checks(report: CalibrationReport, form: int = 0) -> tuple[str, ...]:
    """What the guards had against it, in few words each; with `form` 1 in fewer."""
    refused = [check.code for check in report.checks if not check.passed]
    return tuple(FAILED_CHECKS[code][form] if code in FAILED_CHECKS else code.lower() for code in refused)


def was_accepted(report: CalibrationReport) -> bool:
    """By the guards, or by the operator against them."""
    return report.verdict == "accept" or report.accepted_by_operator


def is_taken(row: ScreenedRow) -> bool:
    """Whether what was found is in force: accepted, and not taken back since. Expired it counts as in force still."""
    report, force = row.report, row.thresholds
    if report is None or not was_accepted(report):
        return False
    if force is None or force.blended or not report.parameters:
        return True
    return any(math.isclose(force.values.get(name, math.nan), value) for name, value in report.parameters.items())


def is_refused(row: ScreenedRow) -> bool:
    """Whether there are thresholds the guards refused and the operator could take all the same."""
    report = row.report
    return (
        report is not None and report.verdict == "keep" and bool(report.parameters) and not report.accepted_by_operator
    )


def seconds_of(timeframe: str) -> float:
    """Seconds of one bar; 0.0 for a name that is none."""
    unit = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}.get(timeframe[-1:], 0.0)
    return float(timeframe[:-1]) * unit if timeframe[:-1].isdigit() else 0.0


def span(seconds: float, parts: int = 2) -> str:
    """`40 s`, `1 m 12 s`, `12 m`, `3 h 5 m`, `2 d`: two parts while the second matters, rounded down."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} m {rest} s" if parts > 1 and minutes < 10 else f"{minutes} m"
    if whole < 48 * 3600:
        hours, rest = divmod(whole, 3600)
        return f"{hours} h {rest // 60} m" if parts > 1 and hours < 10 else f"{hours} h"
    return f"{whole // 86_400} d"


def threshold_text(value: float | None, info: ThresholdInfo | None, glyphs: Glyphs = UNICODE) -> str:
    """A threshold with as many decimals as its range asks for: gates five, multiples two, RSI one."""
    most = info.most if info is not None else 10.0
    return fmt.fixed(
        value, 5 if most <= 0.5 else 1 if most > 40 and info is not None and info.least >= 5 else 2, glyphs=glyphs
    )


def span_text(info: ThresholdInfo) -> str:
    """`2–4`: the range of a threshold."""
    return f"{info.least:g}–{info.most:g}"
