"""A grid of cells to draw a chart on: what matters more covers what matters less, text never covers a candle."""

from __future__ import annotations

Run = tuple[str, str]
"""Text and the name of its style, a field of `Palette`."""
Line = tuple[Run, ...]

SHADE = 1
"""Zones: lowest, everything is drawn over them."""
RULED = 2
"""Lines at a price."""
SOLID = 3
"""Candles: never drawn over."""
WORD = 4
"""Words: never drawn over, and never touched by other words."""


class Canvas:
    """`height` lines of `width` cells. Drawing outside is ignored."""

    __slots__ = ("_chars", "_depths", "_styles", "height", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._chars = [[" "] * width for _ in range(height)]
        self._styles = [["text"] * width for _ in range(height)]
        self._depths = [bytearray(width) for _ in range(height)]

    def put(self, x: int, y: int, char: str, style: str, depth: int) -> None:
        """One cell, unless something of greater depth is there."""
        if 0 <= x < self.width and 0 <= y < self.height and self._depths[y][x] <= depth:
            self._chars[y][x] = char
            self._styles[y][x] = style
            self._depths[y][x] = depth

    def fill(self, start: int, end: int, y: int, char: str, style: str, depth: int) -> None:
        """Cells `start` to `end` (exclusive) of one line."""
        if not 0 <= y < self.height:
            return
        chars, styles, depths = self._chars[y], self._styles[y], self._depths[y]
        for x in range(max(0, start), min(self.width, end)):
            if depths[x] <= depth:
                chars[x] = char
                styles[x] = style
                depths[x] = depth

    def is_free(self, start: int, end: int, y: int) -> bool:
        """Whether words may stand here: inside, nothing solid in the way, no other word at either side."""
        if not 0 <= y < self.height or start < 0 or end > self.width or start >= end:
            return False
        depths = self._depths[y]
        if (start and depths[start - 1] == WORD) or (end < self.width and depths[end] == WORD):
            return False
        return max(depths[start:end]) < SOLID

    def write(self, x: int, y: int, text: str, style: str) -> None:
        """Words; what does not fit on the line is cut."""
        for i, char in enumerate(text):
            self.put(x + i, y, char, style, WORD)

    def lines(self) -> list[Line]:
        """Runs of equal style. A blank has no style of its own and joins the run before it."""
        return [_runs(chars, styles) for chars, styles in zip(self._chars, self._styles, strict=True)]


def _runs(chars: list[str], styles: list[str]) -> Line:
    runs: list[Run] = []
    start, style = 0, "text"
    for x, char in enumerate(chars):
        if char != " " and styles[x] != style:
            if x > start:
                runs.append(("".join(chars[start:x]), style))
            start, style = x, styles[x]
    if start < len(chars):
        runs.append(("".join(chars[start:]), style))
    return tuple(runs)


def last_difference(old: Line, new: Line) -> int:
    """Cells from the left edge to the last one that differs; 0 for equal lines."""
    i, j = len(old), len(new)
    right = sum(len(text) for text, _ in new)
    if right != sum(len(text) for text, _ in old):
        return right
    while i and j and old[i - 1] == new[j - 1]:
        i, j = i - 1, j - 1
        right -= len(new[j][0])
    if not i or not j:
        return right
    (before, style_before), (after, style_after) = old[i - 1], new[j - 1]
    if style_before == style_after:
        for a, b in zip(reversed(before), reversed(after), strict=False):
            if a != b:
                break
            right -= 1
    return right
