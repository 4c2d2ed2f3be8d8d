"""The time axis of a chart: round times of day, dates where the day changes, never two labels touching."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tui.format import LOOKS

MINUTE_S = 60
DAY_S = 86_400
STEPS_S: tuple[int, ...] = (
    *(minutes * MINUTE_S for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)),
    *(days * DAY_S for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
"""Distances of labels worth reading."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ROOM = 10
"""Cells from label to label, at least."""
GAP = 2


def shift_s(at_ms: int) -> int:
    """Seconds to add to UTC for the clock of the screens: 0, or the offset of the operator's zone at that time."""
    if LOOKS.times == "utc":
        return 0
    try:
        return time.localtime(at_ms // 1000).tm_gmtoff
    except (OverflowError, OSError, ValueError):  # beyond the platform's calendar: UTC
        return 0


def time_labels(firsts: Sequence[int], xs: Sequence[int], width: int) -> list[tuple[int, str]]:
    """(first cell, words) of the labels under columns that begin at `firsts` (ms) and are drawn at `xs`.

    A label stands at the first column of its step: the date where a day begins, the time of day elsewhere.
    """
    if len(firsts) < 2 or len(firsts) != len(xs):
        return []
    clock = [at_ms // 1000 + shift_s(at_ms) for at_ms in firsts]
    cells = max(1, xs[-1] - xs[0])
    least = (clock[-1] - clock[0]) * ROOM / cells
    step = next((step for step in STEPS_S if step >= least), STEPS_S[-1])
    labels: list[tuple[int, str]] = []
    free = 0
    for i in range(1, len(clock)):
        if clock[i] // step == clock[i - 1] // step:
            continue
        new_day = step >= DAY_S or clock[i] // DAY_S != clock[i - 1] // DAY_S
        words = _date(clock[i]) if new_day else f"{clock[i] // 3600 % 24:02d}:{clock[i] // 60 % 60:02d}"
        start = xs[i] - len(words) // 2
        if start >= free and start + len(words) <= width:
            labels.append((start, words))
            free = start + len(words) + GAP
    return labels


def _date(clock_s: int) -> str:
    try:
        day = time.gmtime(clock_s)
    except (OverflowError, OSError, ValueError):  # beyond the platform's calendar: no words
        return ""
    return f"{day.tm_mday:d} {MONTHS[day.tm_mon - 1]}"
