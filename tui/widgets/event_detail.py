"""The selected event in full, under the log: as many lines as its text needs, within reason."""

from __future__ import annotations

import textwrap

from core.messages import Event
from tui.desk import Desk
from tui.format import clock_text, log_time_text, probability
from tui.widgets.argument import RunLines
from tui.widgets.event_columns import SEVERITY_STYLE, own_words

LINES = 3
"""Usual height. An event that needs more gets up to a third of the screen."""


class EventDetail(RunLines):
    """A few lines that grow for a long text and shrink again."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "event-detail", LINES)

    def show_event(self, event: Event | None) -> None:
        """Say all of this event (None: nothing)."""
        if event is None:
            self._set([])
            return
        desk = self._desk
        dot = f" {desk.glyphs.separator} "
        severity = "" if event.severity == "info" else f"{event.severity} "
        head = f"{severity}{event.kind}{dot}{full_time(event.at_ms, desk.clock.now_ms())}"
        if event.symbol:
            head += f"{dot}{event.symbol}"
        if event.change is not None:
            head += f" {event.change.timeframe}{dot}P {probability(event.change.probability, glyphs=desk.glyphs)}"
        head += dot
        width = max(20, self.screen.size.width - 2)  # our own is 0 while a filter is typed
        text = " ".join(own_words(event).split())
        if len(head) > width - 20:
            lines = ["", *textwrap.wrap(text, width, break_on_hyphens=False)]
        else:
            lines = textwrap.wrap(text, width, initial_indent="x" * len(head), break_on_hyphens=False) or [head]
            lines[0] = lines[0][len(head) :]
        style = SEVERITY_STYLE[event.severity]
        self._set([[(head, "dim"), (lines[0], style)], *([(line, style)] for line in lines[1:])])

    def _set(self, lines: list[list[tuple[str, str]]]) -> None:
        most = max(LINES, self.screen.size.height // 3)
        height = min(most, max(LINES, len(lines)))
        if len(lines) > height:
            lines = [
                *lines[: height - 1],
                [(" ".join(text for line in lines[height - 1 :] for text, _ in line), "text")],
            ]
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.show(lines)


def full_time(at_ms: int, now_ms: int) -> str:
    """`12:34:56Z` today, `11-20 12:34:56Z` on another day."""
    brief, clock = log_time_text(at_ms, now_ms), clock_text(at_ms)
    return clock if clock.startswith(brief) else f"{brief[:5]} {clock}"
