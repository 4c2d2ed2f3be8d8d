"""The line between the log and the selected event: what is filtered, how much is hidden, and whether it follows."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk
from tui.glyphs import plain_text

Run = tuple[str, str]


class EventStateLine(Widget):
    """A rule with words in it; the right ones stay when there is no room for all."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="event-state")
        self._desk = desk
        self._left: list[Run] = []
        self._right: list[Run] = []

    def show(self, left: list[Run], right: list[Run]) -> None:
        """Say this; repainted only when it changed."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, glyphs, width = self._desk.palette, self._desk.glyphs, self.size.width
        plain = glyphs.name == "ascii"
        dash = (f"{glyphs.rule * 2} ", "rule")
        right = [(" ", "rule"), *self._right, (f" {glyphs.rule}", "rule")]
        room = width - sum(len(text) for text, _ in right)
        left = Strip(self._segments([dash, *self._left, (" ", "rule")], plain))
        if left.cell_length > room:
            left = Strip([*left.crop(0, max(0, room - 1)), Segment(glyphs.ellipsis, palette.dim)])
        fill = Segment(glyphs.rule * (room - left.cell_length), palette.rule)
        return Strip([*left, fill, *self._segments(right, plain)]).adjust_cell_length(width, palette.rule)

    def _segments(self, runs: list[Run], plain: bool) -> list[Segment]:
        palette = self._desk.palette
        return [Segment(plain_text(text) if plain else text, getattr(palette, style)) for text, style in runs]
