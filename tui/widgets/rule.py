"""A thin line between two parts of a screen: across, or from top to bottom."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk

UPRIGHT = {"unicode": "│", "ascii": "|"}


class Rule(Widget):
    """One line of the glyph set's rule."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(classes="rule")
        self._desk = desk

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment(self._desk.glyphs.rule * width, self._desk.palette.rule)], width)


class ColumnRule(Widget):
    """One column between two parts side by side."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(classes="column-rule")
        self._desk = desk

    def render_line(self, y: int) -> Strip:
        return Strip([Segment(UPRIGHT[self._desk.glyphs.name], self._desk.palette.rule)], 1)
