"""Thresholds in place: one per line with its range, typed over, and what the typed value would do before it is asked for.

The engine checks every value; its answer (taken, or refused and why) comes back as a notice and stays under the lines.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from core.label import wanted
from core.messages import Confluence, EditSetting
from core.settings import ConfluenceSettings
from tui import format as fmt
from tui.desk import Desk
from tui.glyphs import Glyphs
from tui.palette import thresholds
from tui.widgets.line_panel import Line, LinePanel, width_of

ALWAYS = ("confluence.enter", "confluence.exit", "confluence.cooldown_s")
VALUE_AT, VALUE = 24, 8
"""First cell and cells of a value."""
ABOUT_FROM = 70
"""Narrower lines show the range alone; what the chosen one means stands under them."""


class Knob(NamedTuple):
    """One line: `section.key`, the value in force as TOML text, meaning and range."""

    key: str
    value: str
    about: str

    @property
    def label(self) -> str:
        return self.key.partition(".")[2]

    @property
    def meaning(self) -> str:
        """Meaning and range, without the detector's name in front."""
        section, _, _ = self.key.partition(".")
        return self.about.partition(": ")[2] if section == "detectors" else self.about


def knobs_for(desk: Desk, detector: str) -> list[Knob]:
    """Enter, exit and cooldown, then the thresholds of one detector: those whose meaning begins with its name."""
    known = {found.key: Knob(found.key, found.value, found.about) for found in thresholds(desk)}
    mine = [knob for knob in known.values() if detector and knob.about.startswith(f"{detector}: ")]
    return [known[key] for key in ALWAYS] + mine


def number(text: str) -> float:
    """The number typed; NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def effect(knob: Knob, typed: str, view: Confluence | None, enter: str, leave: str) -> tuple[str, str]:
    """What the typed value would do, and the style of saying so."""
    value = number(typed)
    if value != value:
        return "type a number; Enter asks for it, Esc keeps the old one", "dim"
    if knob.key not in ALWAYS[:2]:
        when = "after the next change of state" if knob.key == ALWAYS[2] else "at the next closed bar"
        return f"Enter: takes effect {when}", "dim"
    begins, ends = number(enter), number(leave)
    begins, ends = (value, ends) if knob.key == ALWAYS[0] else (begins, value)
    if not ends < begins:
        return f"exit {ends:g} must be below enter {begins:g}", "warn"
    if view is None:
        return "no view yet to try it on", "dim"
    if view.hold_reason:
        return f"effect now: none, held: {view.hold_reason}", "text"
    after = wanted(view.state, view.probability, ConfluenceSettings(enter=begins, exit=ends))
    if after == view.state:
        return f"effect now: stays {after} at P {fmt.probability(view.probability)}", "text"
    return f"effect now: {view.state} becomes {after} at P {fmt.probability(view.probability)}", "warn"


def knob_line(knob: Knob, chosen: bool, glyphs: Glyphs, width: int) -> Line:
    """` enter  [0.60]  A state begins at this probability. Range 0 to 1.`"""
    line: Line = [
        (f" {fmt.fit(knob.label, VALUE_AT - 2, glyphs)}", "text" if not chosen else "bright"),
        ("[", "dim"),
        (knob.value, "bright"),
        ("]", "dim"),
    ]
    line.append((" " * max(1, VALUE_AT + VALUE + 1 - width_of(line)), "text"))
    words = knob.meaning if width >= ABOUT_FROM else knob.meaning.rpartition(" Range ")[2].rstrip(".")
    room = width - width_of(line)
    if room >= 8:
        line.append((fmt.fit(words, room, glyphs), "dim"))
    return line


class ThresholdPanel(Widget):
    """The lines, the answer under them, and the input over the value that is being typed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="thresholds")
        self._desk = desk
        self.list = LinePanel(desk, "threshold-list")
        self.answer = LinePanel(desk, "threshold-answer")
        self.input = Input(id="threshold-input", select_on_focus=False, compact=True)
        self.input.cursor_blink = False
        self.input.display = False
        self.knobs: list[Knob] = []
        self.chosen = 0
        self.is_active = False
        self._view: Confluence | None = None
        self._about: tuple[str, dict[str, str]] | None = None
        self._asked: tuple[str, int] | None = None

    def compose(self) -> ComposeResult:
        yield self.list
        yield self.answer
        yield self.input

    @property
    def is_open(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.input.display)

    @property
    def knob(self) -> Knob | None:
        """The chosen line."""
        return self.knobs[self.chosen] if self.knobs else None

    def show(self, detector: str, view: Confluence | None, active: bool) -> None:
        """Follow the settings in force, the chosen detector and the view; a value being typed stays chosen."""
        self._view, self.is_active = view, active
        about = (detector, dict(self._desk.edited))
        if not self.is_open and about != self._about:  # reading the meaning of every setting takes milliseconds
            self._about = about
            self.knobs = knobs_for(self._desk, detector)
            self.chosen = min(self.chosen, len(self.knobs) - 1)
        self._paint()

    def move(self, step: int) -> None:
        """Choose another line."""
        self.chosen = max(0, min(self.chosen + step, len(self.knobs) - 1))
        self._asked = None
        self._paint()

    def choose_own(self) -> bool:
        """Choose the detector's first own threshold; False when it has none."""
        if len(self.knobs) <= len(ALWAYS):
            return False
        self.chosen = len(ALWAYS)
        return True

    def open(self) -> None:
        """Type over the chosen value."""
        knob = self.knob
        if knob is None or self.is_open:
            return
        self._asked = None
        self.input.value, self.input.placeholder = "", knob.value
        self.input.styles.offset = (VALUE_AT, self.chosen - self.list.top)
        self.input.display = True
        self.screen.set_focus(self.input)  # at once: the next key is already a letter
        self._paint()

    def close(self) -> None:
        """Stop typing; the value in force stands."""
        self.input.display = False
        self.screen.set_focus(None)
        self._paint()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._paint()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        knob = self.knob
        if knob is not None and self.is_open:
            value = event.value.strip()
            self.close()
            if value and value != knob.value:
                self._asked = (knob.key, self._desk.clock.now_ms())
                self._desk.bus.publish(EditSetting(key=knob.key, value=value))
            self._paint()

    def _paint(self) -> None:
        glyphs, width = self._desk.glyphs, self.list.size.width
        lines = [
            knob_line(knob, self.is_active and place == self.chosen, glyphs, width)
            for place, knob in enumerate(self.knobs)
        ]
        self.list.put(lines, self.chosen if self.is_active else -1)
        self.answer.put([self._said()])

    def _said(self) -> Line:
        """What the typed value would do, else the engine's answer to the last one, else how to edit."""
        knob, desk = self.knob, self._desk
        if self.is_open and knob is not None:
            values = {known.key: known.value for known in self.knobs}
            text, style = effect(knob, self.input.value or knob.value, self._view, values[ALWAYS[0]], values[ALWAYS[1]])
            return [(f" {text}", style)]
        if self._asked is not None:
            key, at_ms = self._asked
            store = desk.store
            if store.notice.startswith(key) and store.notice_at_ms >= at_ms:
                refused = store.notice_severity == "error"
                mark = desk.glyphs.no if refused else desk.glyphs.yes
                return [(f" {mark} {store.notice}", "danger" if refused else "accent")]
            return [(f" {key}: asked the engine", "dim")]
        keymap = desk.keymap
        undo = f"{keymap.label('confluence.undo')} undoes"
        if not self.is_active or knob is None:
            return [(f" {keymap.label('confluence.edit')} edits, {undo}", "dim")]
        keys = f" {keymap.label('confluence.open')} types over it, {undo}"
        meaning = f": {knob.meaning}" if self.list.size.width < ABOUT_FROM else ""
        return [(keys + meaning, "dim")]
