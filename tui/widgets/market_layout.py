"""Which columns of the watchlist stand where, for a width and for what the operator chose; and what a row says in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from tui import format as fmt
from tui.glyphs import Glyphs, plain_text
from tui.widgets.market_advice_cells import Pieces
from tui.widgets.market_columns import COLUMNS, Column, paint_why, shorten
from tui.widgets.market_facts import Facts

WHY_LEAST = 12
MARGIN = 1
FIXED = ("flag", "symbol")
"""Always shown, always first."""
SAYING = (
    "state", "probability", "recommendation", "confidence", "target", "stop", "smc", "classic", "families", "gate", "why",
    "against",
)  # fmt: skip
"""Columns that rest on the last closed bar: while a symbol is stale or loading they give way to words."""
PRICES = ("price", "bid", "ask", "target", "stop")
MIN_WIDTHS = {"symbol": 8} | dict.fromkeys(PRICES, 9)
MAX_WIDTHS = {"symbol": 14} | dict.fromkeys(PRICES, 16)


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns with their places: `starts[i]` is the first cell of column i, its gap not included.

    Words for what is wrong stand from column `words_at` on and have `words_width` cells (-1: no room for words).
    """

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    starts: tuple[int, ...]
    width: int
    words_at: int
    words_width: int

    def end(self, i: int) -> int:
        """First cell after column i; where words begin it is the first cell after them."""
        return self.starts[i] + (max(self.words_width, self.widths[i]) if i == self.words_at else self.widths[i])


def arrange(width: int, symbol_width: int, price_width: int, chosen: Sequence[str] = ()) -> Layout:
    """Columns for a table of `width` cells: those chosen, in that order, else as many as fit by importance.

    WHY takes what is left. A price is never cut: less important columns leave first.
    """
    wanted = {"symbol": symbol_width} | dict.fromkeys(PRICES, price_width)
    shown = _candidates(width, chosen)
    widths = [
        min(MAX_WIDTHS[c.key], max(MIN_WIDTHS[c.key], wanted[c.key])) if c.key in wanted else c.width for c in shown
    ]
    least = WHY_LEAST if any(column.key == "why" for column in shown) else 0
    while True:
        rest = width - MARGIN - sum(widths) - sum(column.gap for column in shown)
        optional = [i for i, column in enumerate(shown) if column.from_width and column.key != "probability"]
        if rest >= least or not optional:
            break
        last = max(optional, key=lambda i: (shown[i].from_width, i))
        del shown[last], widths[last]
    if rest < 0:  # a long name is cut before a price is
        widths[1], rest = widths[1] + rest, 0
    starts, x = [], 0
    for i, column in enumerate(shown):
        if column.key == "why":
            widths[i] = max(0, rest)
        x += column.gap
        starts.append(x)
        x += widths[i]
    first, last = _words_room(shown, widths)
    words = (
        (width - MARGIN if last == len(shown) - 1 else starts[last] + widths[last]) - starts[first] if first >= 0 else 0
    )
    return Layout(tuple(shown), tuple(widths), tuple(starts), width, first, words)


def _candidates(width: int, chosen: Sequence[str]) -> list[Column]:
    """What should be shown, in order; of a column that has several forms the one for this width."""
    if not chosen:
        return [column for column in COLUMNS if column.from_width <= width < column.below_width]
    forms: dict[str, Column] = {}
    for column in COLUMNS:
        if column.key not in forms or column.from_width <= width < column.below_width:
            forms[column.key] = column
    why = partial(paint_why, gate="gate" not in chosen, against="against" not in chosen)
    forms["why"] = replace(forms["why"], paint=why)
    return [forms[key] for key in (*FIXED, *chosen)]


def _words_room(shown: Sequence[Column], widths: Sequence[int]) -> tuple[int, int]:
    """First and last of the neighbouring `SAYING` columns that have the most room together; -1 without any."""
    best, first = (-1, -1), -1
    most = 0
    for i, column in enumerate(shown):
        if column.key not in SAYING:
            first = -1
            continue
        first = i if first < 0 else first
        room = sum(widths[first : i + 1])
        if room > most:
            best, most = (first, i), room
    return best


def left_out(layout: Layout, chosen: Sequence[str]) -> list[str]:
    """Chosen columns that found no room, by title."""
    shown = {column.key for column in layout.columns}
    titles = {column.key: column.title for column in COLUMNS}
    return [titles[key] for key in chosen if key not in shown]


def paint_cell(layout: Layout, i: int, facts: Facts, glyphs: Glyphs) -> Pieces:
    """One cell. A stale or loading symbol has no state to show: words take the room of the columns that rest on it."""
    column, width = layout.columns[i], layout.widths[i]
    if column.key not in SAYING or (facts.ready and not facts.stale and not facts.halted):
        return column.paint(facts, glyphs, width)
    first = layout.words_at
    if i != first:
        beside = i > first and layout.starts[i] < layout.starts[first] + layout.words_width
        return (
            ()
            if beside
            else ((glyphs.missing.rjust(width) if column.align == "right" else glyphs.missing.ljust(width), "dim"),)
        )
    text = shorten(facts.why if glyphs.name != "ascii" else plain_text(facts.why), layout.words_width)
    style = "warn" if facts.stale or facts.halted else "dim"
    return ((fmt.fit(text, layout.words_width, glyphs), style),)


def header_pieces(layout: Layout, glyphs: Glyphs, sort: str, reverse: bool) -> list[tuple[str, str]]:
    """The titles, the sorted one marked by an arrow and brighter than the rest."""
    pieces: list[tuple[str, str]] = []
    for column, width in zip(layout.columns, layout.widths, strict=True):
        title = column.title if glyphs.name != "ascii" else column.title.replace("Δ ", "")
        sorted_by = column.key == sort
        if sorted_by:
            title = title[: width - 1] + (glyphs.sort_down if reverse else glyphs.sort_up)
        room = width + column.gap
        text = title[:width].ljust(width).rjust(room) if column.align == "left" else title[:width].rjust(room)
        pieces.append((text, "accent" if sorted_by else "dim"))
    return pieces
