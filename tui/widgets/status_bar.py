"""The top line: where am I connected, is it real money, is the data fresh."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk
from tui.format import clock_text


class StatusBar(Widget):
    """One line, repainted only when its text changed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(classes="status-bar")
        self._desk = desk
        self._shown = ""

    def flush(self) -> None:
        """Repaint when the text changed."""
        text = clock_text(self._desk.clock.now_ms())
        if text != self._shown:
            self._shown = text
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment(f" tradetui  {self._shown}".ljust(width)[:width], self._desk.palette.header)], width)
