"""A panel of styled lines: only what changed is sent, scrolled when there are more lines than room.

A line is a list of (text, style name); style names are fields of the palette. What to say is decided by pure functions
elsewhere; the panel compares their lines with those on screen and repaints from the left edge to the last changed cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk
from tui.glyphs import plain_text

Run = tuple[str, str]
Line = list[Run]

WORD = re.compile(r"\s*\S+\s*|\s+")


def width_of(line: Sequence[Run]) -> int:
    """Cells of a line."""
    return sum(len(text) for text, _ in line)


def fold(line: Line, width: int, indent: int) -> list[Line]:
    """The line in pieces of at most `width` cells, broken between words; the rest hangs at `indent`."""
    folded: list[Line] = [[]]
    used = 0
    for text, style in line:
        for word in WORD.findall(text):
            if used and used + len(word.rstrip()) > width:
                last, look = folded[-1][-1]
                folded[-1][-1] = (last.rstrip(), look)
                folded.append([(" " * indent, "text")])
                used, word = indent, word.lstrip()
            folded[-1].append((word, style))
            used += len(word)
    return [joined(line) for line in folded]


def joined(line: Line) -> Line:
    """The same line with neighbours of one style in one run."""
    runs: Line = []
    for text, style in line:
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + text, style)
        elif text:
            runs.append((text, style))
    return runs


def ends(left: Line, right: Line, width: int) -> Line:
    """One line with a part at either end; the right one is left out when both do not fit."""
    room = width - width_of(left) - width_of(right)
    return [*left, (" " * room, "text"), *right] if room >= 1 else left


def changed_to(before: Line, after: Line) -> int:
    """Cells from the left edge to the last one that differs; 0 when the lines look the same."""
    if before == after:
        return 0
    old = [(char, style) for text, style in before for char in text]
    new = [(char, style) for text, style in after for char in text]
    last = max(len(old), len(new))
    if len(old) == len(new):
        while last and old[last - 1] == new[last - 1]:
            last -= 1
    return last


class LinePanel(Widget):
    """Lines, and at most one of them selected, marked in its blank first cell. `top` is the first one shown."""

    def __init__(self, desk: Desk, widget_id: str, head: int = 0) -> None:
        super().__init__(id=widget_id)
        self._desk = desk
        self._head = head
        """So many lines on top never scroll away."""
        self.lines: list[Line] = []
        self.cursor = -1
        self.top = 0
        self._foot = 0
        self._home = -1
        self.repainted = 0
        """Lines sent since start."""

    def put(self, lines: list[Line], cursor: int = -1, foot: int = 0, home: int = -1) -> None:
        """Show these lines with this one selected (-1: none), which is kept in sight; the last `foot` stay at the bottom.

        `home` is the first line that can be selected (-1: none). Unless one below it is selected the lines are shown
        from the top, as far as that leaves it in sight: headings above the first line come back with it.
        """
        width, height = self.size
        before = [self._shown_at(y, height) for y in range(height)]
        self.lines, self.cursor, self._foot, self._home = lines, cursor, foot, home
        self.top = self._kept_top(height)
        changed = []
        for y, (was, marked) in enumerate(before):
            now, marks = self._shown_at(y, height)
            end = width if marks != marked else changed_to(was, now)
            if end:
                changed.append(Region(0, y, min(end, width), 1))
        if changed:
            self.repainted += len(changed)
            self.refresh(*changed)

    def _shown_at(self, y: int, height: int) -> tuple[Line, bool]:
        """The line in this row of a panel of so many rows, and whether it is the selected one."""
        below = height - y
        line = y if y < self._head else y + self.top
        if below <= self._foot and len(self.lines) > height:
            line = len(self.lines) - below
        return (self.lines[line] if line < len(self.lines) else []), line == self.cursor

    def _kept_top(self, height: int) -> int:
        top = 0 if self._home >= 0 and self.cursor <= self._home else self.top
        if self.cursor >= 0:
            top = min(max(top, self.cursor - height + 1 + self._foot), max(0, self.cursor - self._head))
        return max(0, min(top, len(self.lines) - height))

    def forget(self) -> None:
        """The theme changed."""
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual paints a new size before it tells of it: where the lines begin is decided here, not in `on_resize`."""
        self.top = self._kept_top(self.size.height)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        palette, glyphs = self._desk.palette, self._desk.glyphs
        runs, marked = self._shown_at(y, self.size.height)
        over = palette.cursor if marked else None
        segments = []
        if over is not None and runs and runs[0][0].startswith(" "):  # the margin carries the mark
            segments.append(Segment(glyphs.cursor, palette.accent + over))
            runs = [(runs[0][0][1:], runs[0][1]), *runs[1:]]
        for text, name in runs:
            style = getattr(palette, name)
            shown = plain_text(text) if glyphs.name == "ascii" else text
            segments.append(Segment(shown, style + over if over is not None else style))
        strip = Strip(segments)
        if strip.cell_length > width:
            strip = Strip([*strip.crop(0, max(0, width - 1)), Segment(glyphs.ellipsis, palette.dim)])
        return strip.adjust_cell_length(width, over if over is not None else palette.text)
