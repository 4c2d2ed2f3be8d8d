"""One candle in cells: thin with two steps a cell, or a box three cells wide where there is room.

Colour says the direction and so does the shape: rising bodies are hollow, falling ones filled.
"""

from __future__ import annotations

from tui.widgets.chart_bars import Column
from tui.widgets.chart_canvas import SOLID
from tui.widgets.chart_marks import Plot

BOX_CELLS = 3
"""Columns at least this wide have boxes."""
TOP, TOP_WICK, MIDDLE, BOTTOM, BOTTOM_WICK, FLAT = (3 * n for n in range(6))
"""Where the parts of a box begin in its glyphs; flat bodies follow without, with upper, with lower, with both wicks."""


def candle_style(column: Column) -> str:
    """Forming and made-up bars are dim: nothing may be read from them yet, or at all."""
    if column.forming or column.synthetic:
        return "dim"
    return "candle_up" if column.close >= column.open else "candle_down"


def draw_candle(plot: Plot, column: Column, x: int) -> None:
    """The candle of a column whose prices are numbers; what lies outside the scale is cut."""
    scale, style = plot.scale, candle_style(column)
    if column.synthetic:
        plot.canvas.put(x, scale.row(column.close), plot.glyphs.candle_flat, style, SOLID)
        return
    start, end = sorted((scale.half(column.open), scale.half(column.close)))
    bottom, top = min(start, scale.half(column.low)), max(end, scale.half(column.high))
    body, wick = range(start, end + 1), range(bottom, top + 1)
    if plot.cell_width >= BOX_CELLS:
        _draw_box(plot, column, x, body, wick)
        return
    shapes = plot.glyphs.candle_up if column.close >= column.open else plot.glyphs.candle_down
    for cell in range(max(0, bottom // 2), min(scale.rows - 1, top // 2) + 1):
        shape = 0
        for half in (2 * cell + 1, 2 * cell):
            shape = 3 * shape + (2 if half in body else 1 if half in wick else 0)
        plot.canvas.put(x, scale.rows - 1 - cell, shapes[shape], style, SOLID)


def _draw_box(plot: Plot, column: Column, x: int, body: range, wick: range) -> None:
    """Body edges at the middle of their cells; wicks keep their two steps a cell."""
    glyphs, scale, style = plot.glyphs, plot.scale, candle_style(column)
    boxes = glyphs.box_up if column.close >= column.open else glyphs.box_down
    low_cell, high_cell = body[0] // 2, body[-1] // 2
    above, below = wick[-1] // 2 > high_cell, wick[0] // 2 < low_cell
    for cell in range(max(0, wick[0] // 2), min(scale.rows - 1, wick[-1] // 2) + 1):
        y = scale.rows - 1 - cell
        if not low_cell <= cell <= high_cell:
            shape = 3 * (2 * cell + 1 in wick) + (2 * cell in wick)
            plot.canvas.put(x, y, glyphs.candle_up[shape], style, SOLID)
            continue
        if low_cell == high_cell:
            part = FLAT + 3 * (above + 2 * below)
        elif cell == high_cell:
            part = TOP_WICK if above else TOP
        elif cell == low_cell:
            part = BOTTOM_WICK if below else BOTTOM
        else:
            part = MIDDLE
        for n in range(BOX_CELLS):
            plot.canvas.put(x - 1 + n, y, boxes[part + n], style, SOLID)
