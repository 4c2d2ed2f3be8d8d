"""Rows of cells as lines: columns as wide as what stands in them, the least important left out, one that takes the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.widgets.line_panel import Line, width_of

GAP = 2
MARGIN = 1
"""Blank cell in front, where the cursor's mark goes."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Of low `weight` it goes first. `rest`: it takes what room is left, and no less than `least`.

    `optional`: left out where no row has anything in it.
    """

    key: str
    title: str
    weight: int
    least: int = 0
    right: bool = False
    rest: bool = False
    optional: bool = False


Cells = Mapping[str, Line]
"""Column key to what stands in it."""


def table_lines(
    columns: Sequence[Column], rows: Sequence[Cells], width: int, *, missing: str, ellipsis: str
) -> list[Line]:
    """The header and the rows, each at most `width` cells."""
    widths = {column.key: _width(column, rows) for column in columns}
    shown = [column for column in columns if not column.optional or _is_used(column, rows, missing)]
    while len(shown) > 1 and MARGIN + sum(widths[one.key] + GAP for one in shown) - GAP > width:
        shown.remove(min(shown, key=lambda one: one.weight))
    spare = width - MARGIN - sum(widths[one.key] + GAP for one in shown) + GAP
    for column in shown:
        if column.rest:
            widths[column.key] += max(0, spare)
    header: Cells = {column.key: [(column.title, "dim")] for column in shown}
    return [_line(shown, widths, cells, ellipsis) for cells in (header, *rows)]


def _is_used(column: Column, rows: Sequence[Cells], missing: str) -> bool:
    return any(text not in ("", missing) for cells in rows for text, _ in cells.get(column.key, []))


def _width(column: Column, rows: Sequence[Cells]) -> int:
    if column.rest:
        return max(column.least, len(column.title))
    widest = max((width_of(cells.get(column.key, [])) for cells in rows), default=0)
    return max(column.least, len(column.title), widest)


def _line(columns: Sequence[Column], widths: Mapping[str, int], cells: Cells, ellipsis: str) -> Line:
    line: Line = [(" " * MARGIN, "text")]
    for index, column in enumerate(columns):
        cell = _cut(cells.get(column.key, []), widths[column.key], ellipsis)
        pad = (" " * (widths[column.key] - width_of(cell)), "text")
        line += [pad, *cell] if column.right else [*cell, pad]
        if index + 1 < len(columns):
            line.append((" " * GAP, "text"))
    return [run for run in line if run[0]]


def _cut(cell: Line, width: int, ellipsis: str) -> Line:
    if width_of(cell) <= width:
        return list(cell)
    kept: Line = []
    room = width - 1
    for text, look in cell:
        if room <= 0:
            break
        kept.append((text[:room], look))
        room -= len(text)
    return [*kept, (ellipsis, "dim")]
