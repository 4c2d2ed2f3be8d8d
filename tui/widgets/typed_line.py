"""A line that a hand has to fill: what is pasted, replayed or held down is no answer.

A paste the terminal marks as one never reaches the line. One it does not mark arrives as keys, faster than fingers are.
"""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from tui.desk import Desk

ARM_S = 0.3
"""From the first character to Enter a hand takes at least this long; a key that repeats is faster."""
FASTEST_S = 0.015
"""Between two characters of a hand, on average; of three or more."""
PASTED = "what is pasted is no answer: type it"
HURRIED = "Enter once more: what is pasted is no answer"


class TypedLine(Input):
    """`trouble()` says why what stands there is no answer. Read `value` when it says nothing."""

    def __init__(self, desk: Desk, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, compact=True)
        self.cursor_blink = False
        self._desk = desk
        self._times: list[float] = []
        self._pasted = False
        self._begun: float | None = None
        """When it was given a value to begin with."""

    def begin_with(self, value: str) -> None:
        """A value to change: what the program put there is no paste, and taking some of it away is an answer, too."""
        self.select_on_focus = False
        self.value = value
        self.cursor_position = len(value)
        self._times, self._pasted, self._begun = [], False, self._desk.clock.monotonic()

    def put(self, character: str) -> None:
        """A character typed before the line had the focus."""
        self.insert_text_at_cursor(character)

    def clear_all(self) -> None:
        """Begin anew."""
        self.value = ""
        self._times, self._pasted, self._begun = [], False, None

    def trouble(self) -> str:
        """Why this is no answer, in words; the line is emptied when it was not typed by hand. Empty: it is one."""
        times, now = self._times, self._desk.clock.monotonic()
        if self._pasted or (len(times) > 2 and (times[-1] - times[0]) / (len(times) - 1) < FASTEST_S):
            self.clear_all()
            return PASTED
        begun = times[0] if times else self._begun
        if begun is None or now - begun < ARM_S:
            return HURRIED
        return ""

    def watch_value(self, before: str, now: str) -> None:
        """Remember when it grew, and by how much at once."""
        grown = len(now) - len(before)
        if not now:
            self._times, self._pasted = [], False
        elif grown == 1:
            self._times.append(self._desk.clock.monotonic())
        elif grown > 1:
            self._pasted = True

    def _on_paste(self, event: events.Paste) -> None:
        """Nothing of it is taken."""
        event.stop()
        event.prevent_default()
