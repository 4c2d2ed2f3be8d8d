"""The line between the log and the selected event: what is filtered, how much is hidden, and whether it follows."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from tui.glyphs import plain_text
from tui.widgets.group_line import Run, RunLine


class EventStateLine(RunLine):
    """A rule with words in it; the right ones stay when there is no room for all."""

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
