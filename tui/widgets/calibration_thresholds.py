"""The thresholds of one asset: in force, found or before, range, source and importance; typed over in place.

The range is checked before anything is asked for; what the engine refuses comes back as a notice and stays until the next
choice. A typed value holds from the next bar, expires like any other and can be taken back.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from core.messages import EditThreshold, ThresholdInfo
from tui import format as fmt
from tui.desk import Desk
from tui.glyphs import Glyphs
from tui.screening_store import ScreenedRow
from tui.widgets.calibration_words import is_taken, span_text, threshold_text
from tui.widgets.line_panel import Line, LinePanel, joined

NAME, VALUE, FOUND, RANGE, SOURCE = 15, 8, 7, 6, 10
VALUE_AT = 1 + NAME
SHARE = 4
"""Cells of an importance in numbers."""
BAR_LEAST, BAR_MOST = 3, 16
TO = {"unicode": "→", "ascii": ">"}
FROM = {"unicode": "←", "ascii": "<"}
SCOPE = "calibration"


class Knob(NamedTuple):
    """One threshold: the value in force and its source, the value found (or, once that is in force, the one before)."""

    info: ThresholdInfo
    value: float
    source: str
    other: float
    taken: bool
    importance: float
    """Share of the differences between trials; `bar` is it against the largest."""
    bar: float

    @property
    def name(self) -> str:
        return self.info.name


class Asked(NamedTuple):
    """An edit the engine has not answered yet, or has."""

    symbol: str
    name: str
    value: float
    at_ms: int


def knobs_of(row: ScreenedRow, catalogue: dict[str, ThresholdInfo]) -> list[Knob]:
    """All thresholds in the catalogue's order. `taken`: what was found is in force, so `other` is what was before."""
    force, report = row.thresholds, row.report
    found = report.parameters if report is not None else {}
    taken = bool(found) and is_taken(row)
    weights = report.importance if report is not None else {}
    largest = max(weights.values(), default=0.0)
    other = report.previous if report is not None and taken else found
    return [
        Knob(
            info=info,
            value=force.values.get(name, math.nan) if force is not None else math.nan,
            source=force.sources.get(name, "") if force is not None else "",
            other=other.get(name, math.nan),
            taken=taken,
            importance=weights.get(name, math.nan),
            bar=weights.get(name, math.nan) / largest if largest > 0.0 else math.nan,
        )
        for name, info in catalogue.items()
    ]


def number(text: str) -> float:
    """The number typed; NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def objection(info: ThresholdInfo, typed: str) -> str:
    """Why a typed value cannot be taken, with the remedy; empty: it can."""
    value = number(typed)
    if value != value:
        return f"{info.name}: {typed!r} is no number; give one from {info.least:g} to {info.most:g}"
    if not info.least <= value <= info.most:
        return f"{info.name} is {value:g}: give a number from {info.least:g} to {info.most:g}"
    return ""


def _bar_cells(width: int) -> int:
    """Cells left for importance bars; 0 when there is no room for any."""
    room = width - (VALUE_AT + VALUE + 3 + FOUND + 2 + RANGE + 2 + SOURCE + 2 + SHARE + 1)
    return 0 if room < BAR_LEAST else min(BAR_MOST, room)


def head_line(knobs: list[Knob], glyphs: Glyphs, width: int, chosen: bool) -> Line:
    """The titles; the first in brackets while the keys act on this part."""
    taken = bool(knobs) and knobs[0].taken
    arrow = (FROM if taken else TO)[glyphs.name]
    name: Line = [(" THRESHOLD", "dim")]
    if chosen:
        name = [("[", "accent"), ("THRESHOLD", "bright"), ("]", "accent")]
    rest = f"{'IN FORCE':>{VALUE}} {arrow} {'BEFORE' if taken else 'FOUND':<{FOUND}}  {'RANGE':<{RANGE}}  {'SOURCE':<{SOURCE}}"
    if _bar_cells(width):
        rest += "  IMPORTANCE"
    pad = VALUE_AT - (11 if chosen else 10)
    return [*name, (" " * pad + rest, "dim")]


def knob_line(knob: Knob, glyphs: Glyphs, width: int, chosen: bool) -> Line:
    """` vol_z_threshold    3.00 → 2.60     1–10     calibrated  ▇▇▇▇▁▁ .41`."""
    value, other = threshold_text(knob.value, knob.info, glyphs), threshold_text(knob.other, knob.info, glyphs)
    same = value == other
    arrow = " " if same or knob.other != knob.other else (FROM if knob.taken else TO)[glyphs.name]
    line: Line = [
        (f" {fmt.fit(knob.name, NAME, glyphs)}", "bright" if chosen else "text"),
        (value.rjust(VALUE), "bright"),
        (f" {arrow} ", "accent"),
        (("same" if same and knob.other == knob.other else other).ljust(FOUND), "dim" if same or knob.taken else "bright"),
        (f"  {span_text(knob.info).replace('–', glyphs.missing):<{RANGE}}", "dim"),
        (f"  {knob.source or glyphs.missing:<{SOURCE}}", "text" if knob.source in ("calibrated", "operator") else "dim"),
    ]  # fmt: skip
    cells = _bar_cells(width)
    if cells:
        known = knob.importance == knob.importance
        bar = glyphs.bar(knob.bar, cells) if known else " " * cells
        filled = bar.count(glyphs.bar_full)
        share = fmt.probability(knob.importance, glyphs=glyphs)
        line += [("  ", "text"), (bar[:filled], "bar"), (bar[filled:], "bar_off"), (f"{share:>{SHARE}}", "dim")]
    return joined(line)


class CalibrationThresholds(Widget):
    """The lines, and the input over the value that is being typed. `answer` is said by the screen, where there is room."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="calibration-thresholds")
        self._desk = desk
        self.list = LinePanel(desk, "calibration-threshold-list", head=1)
        self.input = Input(id="calibration-threshold-input", select_on_focus=False, compact=True)
        self.input.cursor_blink = False
        self.input.display = False
        self.symbol = ""
        self.knobs: list[Knob] = []
        self.chosen = 0
        self.is_active = False
        self._asked: Asked | None = None
        self._refusal = ""

    def compose(self) -> ComposeResult:
        yield self.list
        yield self.input

    @property
    def is_open(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.input.display)

    @property
    def knob(self) -> Knob | None:
        """The chosen line."""
        return self.knobs[self.chosen] if self.knobs else None

    @property
    def typing(self) -> tuple[object, ...]:
        """What of this panel the operator changes: when it differs the answer has to be said anew."""
        return self.is_open, self.input.value, self._asked, self._refusal

    def show(self, symbol: str, row: ScreenedRow, active: bool) -> None:
        """Follow the asset under the cursor; a value being typed stays chosen."""
        if symbol != self.symbol:
            self.symbol, self._asked, self._refusal = symbol, None, ""
        self.is_active = active
        self.knobs = knobs_of(row, self._desk.store.screening.catalogue)
        self.chosen = max(0, min(self.chosen, len(self.knobs) - 1))
        self._paint()

    def move(self, step: int) -> None:
        """Choose another line."""
        self.chosen = max(0, min(self.chosen + step, len(self.knobs) - 1))
        self._asked, self._refusal = None, ""
        self._paint()

    def open(self) -> bool:
        """Type over the chosen value; False when there is none."""
        knob = self.knob
        if knob is None or self.is_open:
            return False
        self._asked, self._refusal = None, ""
        self.input.value, self.input.placeholder = "", threshold_text(knob.value, knob.info, self._desk.glyphs)
        self.input.styles.offset = (VALUE_AT + 1, 1 + self.chosen - self.list.top)
        self.input.display = True
        self.screen.set_focus(self.input)  # at once: the next key is already a digit
        self._paint()
        return True

    def close(self) -> None:
        """Stop typing; the value in force stands."""
        self.input.display, self._refusal = False, ""
        self.screen.set_focus(None)
        self._paint()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._refusal = ""

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Ask the engine for the change. Nothing typed or the same value asks for nothing; out of range stays open."""
        event.stop()
        knob, typed = self.knob, event.value.strip()
        if knob is None or not self.is_open:
            return
        if typed and (refusal := objection(knob.info, typed)):
            self._refusal = refusal
            return
        self.close()
        if typed and number(typed) != knob.value:
            self._asked = Asked(self.symbol, knob.name, number(typed), self._desk.clock.now_ms())
            self._desk.bus.publish(EditThreshold(symbol=self.symbol, name=knob.name, value=typed))

    def _paint(self) -> None:
        glyphs, width = self._desk.glyphs, self.list.size.width
        lines = [head_line(self.knobs, glyphs, width, self.is_active)]
        for place, knob in enumerate(self.knobs):
            lines.append(knob_line(knob, glyphs, width, self.is_active and place == self.chosen))
        if not self.knobs:
            lines.append([(" the list of thresholds comes with the engine", "dim")])
        self.list.put(lines, self.chosen + 1 if self.is_active and self.knobs else -1)

    def answer(self, row: ScreenedRow) -> Line:
        """What the typed value means, the engine's answer to the last one, or what the chosen threshold is."""
        desk, knob = self._desk, self.knob
        if self._refusal:
            return [(f" {desk.glyphs.no} {self._refusal}", "danger")]
        if self._asked is not None and not self.is_open:
            return self._engine_said(self._asked, row)
        if knob is None or not (self.is_active or self.is_open):
            return []
        typed = self.input.value.strip()
        if not self.is_open:
            keys = (
                f"{desk.keymap.label(f'{SCOPE}.open')} types over it, {desk.keymap.label(f'{SCOPE}.revert')} goes back"
            )
            unit = f", {knob.info.unit}" if knob.info.unit else ""
            return [(f" {knob.name}{unit}: ", "text"), (f"{knob.info.about.rstrip('.')}. {keys}", "dim")]
        if not typed:
            asks = f"type a number from {knob.info.least:g} to {knob.info.most:g}; Enter asks for it, Esc keeps the old one"
            return [(f" {asks}", "dim")]
        wrong = objection(knob.info, typed)
        if wrong:
            return [(f" {wrong}", "warn")]
        return [(f" Enter: {self.symbol} {knob.name} {number(typed):g} from the next bar, until it expires", "text")]

    def _engine_said(self, asked: Asked, row: ScreenedRow) -> Line:
        desk, store = self._desk, self._desk.store
        if store.notice_severity == "error" and store.notice_at_ms >= asked.at_ms and asked.name in store.notice:
            self._refusal = store.notice
            return [(f" {desk.glyphs.no} {store.notice}", "danger")]
        force = row.thresholds
        if force is not None and force.at_ms >= asked.at_ms and force.values.get(asked.name) == asked.value:
            back = desk.keymap.label(f"{SCOPE}.revert")
            text = (
                f" {desk.glyphs.yes} {asked.symbol} {asked.name} is {asked.value:g} from the next bar; {back} goes back"
            )
            return [(text, "accent")]
        return [(f" {asked.symbol} {asked.name} {asked.value:g}: asked the engine", "dim")]
