"""The equity curve in cells: the sum of results after each trade, its height so far, and how far it fell from there.

     + 124.50┤        ⢀⡠⠤⣀░░░⢀⠎
             │    ⡠⠔⠒⠊    ⠉⢆⠎
         0.00┤⣀⣀⠔⠁
             └─────────────────
              11-03 09:14   11-21 12:13

Shaded is the fall below the highest point before. One step to the right is one trade, however long it took: weeks without
trades would only be a straight line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

from core.messages import TradeClosed
from tui.glyphs import Glyphs
from tui.widgets.chart_canvas import RULED, SHADE, SOLID, Canvas
from tui.widgets.line_panel import Line
from tui.widgets.spark import BRAILLE, LEFT_DOTS, RIGHT_DOTS

CORNER = {"unicode": "└", "ascii": "+"}
SHADED = {"unicode": "░", "ascii": ":"}
POINT = {"unicode": (2, 4), "ascii": (1, 1)}
"""Points of one cell, across and down."""
LEAST_ROWS, LEAST_CELLS = 2, 16

Label = Callable[[float], str]


def path_of(trades: Sequence[TradeClosed], *, in_r: bool, before: float = 0.0) -> list[float]:
    """The sum after each trade, oldest first, beginning with what was there `before` the first."""
    steps = (one.r_multiple if in_r else float(one.result) for one in trades)
    return list(accumulate((step if math.isfinite(step) else 0.0 for step in steps), initial=before))


def curve_lines(
    path: Sequence[float], dates: tuple[str, str], label: Label, glyphs: Glyphs, width: int, height: int
) -> list[Line]:
    """Curve, axes and dates in so many lines; nothing where that is too small for a picture."""
    rows = height - 2
    low, high = min(path), max(path)
    axis = max(len(label(value)) for value in (low, high, 0.0)) + 2
    cells = width - axis - 1
    if rows < LEAST_ROWS or cells < LEAST_CELLS:
        return []
    canvas = Canvas(cells, rows)
    scale = _Scale(low, high, rows, POINT[glyphs.name][1])
    named = {0: high, rows - 1: low} if high > low else {rows // 2: high}
    zero = scale.row(0.0)
    if low < 0.0 < high and zero not in named:  # too near to an end it would be taken for that
        named[zero] = 0.0
        canvas.fill(0, cells, zero, glyphs.line_level, "rule", SHADE)
    _draw(canvas, path, scale, glyphs)
    lines: list[Line] = []
    for y, drawn in enumerate(canvas.lines()):
        words = label(named[y]) if y in named else ""
        side = glyphs.axis_tick if y in named else glyphs.axis
        lines.append([(f"{words:>{axis - 1}}{side}", "dim"), *drawn])
    lines.append([(f"{'':>{axis - 1}}{CORNER[glyphs.name]}{glyphs.rule * cells}", "dim")])
    first, last = dates
    room = cells - len(first) - len(last)
    lines.append([(f"{'':>{axis}}{first}{' ' * room}{last}" if room > 0 else f"{'':>{axis}}{last}", "dim")])
    return lines


class _Scale:
    """Values to points from the top; `down` points make a cell."""

    def __init__(self, low: float, high: float, rows: int, down: int) -> None:
        self.high, self.span = high, high - low
        self.points, self.down = rows * down, down

    def point(self, value: float) -> int:
        if not self.span > 0.0:
            return self.points // 2
        return min(self.points - 1, max(0, round((self.high - value) / self.span * (self.points - 1))))

    def row(self, value: float) -> int:
        return self.point(value) // self.down


def _draw(canvas: Canvas, path: Sequence[float], scale: _Scale, glyphs: Glyphs) -> None:
    """The line, each column from the lowest to the highest value that falls into it, and the shade above it."""
    across, down = POINT[glyphs.name]
    columns = canvas.width * across
    heights = list(accumulate(path, max))
    dots: dict[tuple[int, int], int] = {}
    tops = [canvas.height] * canvas.width
    for column in range(columns):
        values = _within(path, column, columns)
        first, last = scale.point(max(values)), scale.point(min(values))
        x = column // across
        for point in range(first, last + 1):
            bits = (LEFT_DOTS if column % across == 0 else RIGHT_DOTS)[len(LEFT_DOTS) - 1 - point % down]
            dots[x, point // down] = dots.get((x, point // down), 0) | bits
        tops[x] = min(tops[x], first // down)
    for x, top in enumerate(tops):
        height = heights[min(len(path) - 1, math.floor((x + 0.5) / canvas.width * (len(path) - 1) + 1e-9))]
        for y in range(scale.row(height), top):
            canvas.put(x, y, SHADED[glyphs.name], "zone_down", RULED)
    below = scale.row(0.0)
    for (x, y), bits in dots.items():
        look = "price_down" if y > below or scale.high <= 0.0 else "price_up"
        canvas.put(x, y, chr(BRAILLE | bits) if down > 1 else "*", look, SOLID)


def _within(path: Sequence[float], column: int, columns: int) -> list[float]:
    """Every value between the edges of a column, and those at its edges."""
    most = len(path) - 1
    step = most / max(1, columns - 1)
    begin, end = max(0.0, (column - 0.5) * step), min(float(most), (column + 0.5) * step)
    inside = path[math.ceil(begin) : math.floor(end) + 1]
    return [_at(path, begin), *inside, _at(path, end)]


def _at(path: Sequence[float], place: float) -> float:
    before = min(math.floor(place), len(path) - 1)
    after = min(before + 1, len(path) - 1)
    return path[before] + (path[after] - path[before]) * (place - before)
