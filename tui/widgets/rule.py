"""A thin line between two parts of a screen."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk


class Rule(Widget):
    """One line of the glyph set's rule."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(classes="rule")
        self._desk = desk

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment(self._desk.glyphs.rule * width, self._desk.palette.rule)], width)
