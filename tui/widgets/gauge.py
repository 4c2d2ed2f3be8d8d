"""P(up) on a line from 0 to 1, with the thresholds of both sides and the base rate.

One line says it all where room is short; with three lines the thresholds are named under their marks:

    P .63  0 ────────────────│┊───┼─■┊│───────────────── 1
                    SELL .40 ▴          ▴ .60 BUY
                          exit .55 ▴  ▴ .45 exit
"""

from __future__ import annotations

import math

from core.messages import Confluence
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, Run, joined
from tui.widgets.market_columns import STATE_STYLE

MARKS = {"unicode": ("■", "│", "┊", "┼", "▴"), "ascii": ("#", "|", ":", "+", "^")}
"""Value, enter, exit, base rate, pointer."""
LEAST = 16
"""Cells of a line worth drawing."""


def gauge_lines(view: Confluence | None, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """One or three lines; without a view the bare scale."""
    head, tail = " P –    0 ", " 1"
    if view is not None:
        head = f" P {fmt.probability(view.probability):>3}  0 "
    cells = width - len(head) - len(tail) - 1
    if cells < LEAST:
        return [[(head.rstrip(" 0"), "bright")]]
    style = STATE_STYLE[view.state] if view is not None else "dim"
    first: Line = [(head[:-2], style if view is not None else "dim"), (head[-2:], "dim")]
    first += _scale(view, glyphs, cells)
    first.append((tail, "dim"))
    if height < 3 or view is None:
        return [first]
    return [first, *_named(view, glyphs, len(head), cells)]


def place(probability: float, cells: int) -> int:
    """Cell of a probability on a scale of so many cells."""
    return min(cells - 1, max(0, math.floor(probability * cells)))


def _scale(view: Confluence | None, glyphs: Glyphs, cells: int) -> list[Run]:
    """The line itself as runs: the zones of both sides carry their colour, marks go over it."""
    value, enter, leave, base, _ = MARKS[glyphs.name]
    row: list[Run] = [(glyphs.rule, "rule")] * cells
    if view is not None:
        low, high = place(1.0 - view.enter, cells), place(view.enter, cells)
        for cell in range(cells):
            if cell <= low:
                row[cell] = (glyphs.rule, "price_down")
            elif cell >= high:
                row[cell] = (glyphs.rule, "price_up")
        row[place(_rate(view.base_logit), cells)] = (base, "dim")
        for probability in (view.exit, 1.0 - view.exit):
            row[place(probability, cells)] = (leave, "text")
        row[low], row[high] = (enter, "bright"), (enter, "bright")
        row[place(view.probability, cells)] = (value, STATE_STYLE[view.state])
    return joined(row)


def _named(view: Confluence, glyphs: Glyphs, start: int, cells: int) -> list[Line]:
    """Two lines with each threshold under its mark: where a state begins, and where it ends."""
    pointer = MARKS[glyphs.name][4]
    sell, buy = 1.0 - view.enter, view.enter
    begins = _pair(
        (f"SELL {fmt.probability(sell)} {pointer}", sell, "price_down"),
        (f"{pointer} {fmt.probability(buy)} BUY", buy, "price_up"),
        start,
        cells,
    )
    low, high = (view.exit, "BUY"), (1.0 - view.exit, "SELL")
    if low[0] > high[0]:
        low, high = high, low
    ended = _pair(
        (f"{low[1]} ends {fmt.probability(low[0])} {pointer}", low[0], "dim"),
        (f"{pointer} {fmt.probability(high[0])} {high[1]} ends", high[0], "dim"),
        start,
        cells,
    )
    return [begins, ended]


def _pair(left: tuple[str, float, str], right: tuple[str, float, str], start: int, cells: int) -> Line:
    """A text that ends under its mark, and one that begins under its own; side by side when the marks coincide."""
    last = start + cells + 2 - len(right[0])
    first = max(0, min(start + place(left[1], cells) - len(left[0]) + 1, last - len(left[0]) - 1))
    second = max(first + len(left[0]) + 1, min(start + place(right[1], cells), last))
    gap = second - first - len(left[0])
    return [(" " * first, "text"), (left[0], left[2]), (" " * gap, "text"), (right[0], right[2])]


def _rate(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))
