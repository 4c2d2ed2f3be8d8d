"""The tape: one line per taker, newest first; big ones and those that ran through several levels are named."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from core.messages import Side, Trade
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.ladder import nice_scale, size_decimals, size_text
from tui.widgets.line_panel import Line, width_of
from tui.widgets.sight import Sight

BIG_FACTOR = 10.0
"""A taker of this many median sizes is big."""
JUDGED_FROM = 20
"""Takers on the tape before one can be called big."""


class Taker(NamedTuple):
    """Fills of one taker: same side, same millisecond. `price` is the last and farthest, `levels` how many it took."""

    at_ms: int
    price: float
    size: float
    side: Side
    levels: int


def takers(trades: Sequence[Trade]) -> list[Taker]:
    """The tape's trades joined by taker, oldest first. Venues stamp all fills of one order with one time."""
    found: list[Taker] = []
    prices: set[float] = set()
    for trade in trades:
        last = found[-1] if found else None
        if last is not None and (last.at_ms, last.side) == (trade.event_ms, trade.side):
            prices.add(trade.price)
            found[-1] = Taker(last.at_ms, trade.price, last.size + trade.size, last.side, len(prices))
        else:
            prices = {trade.price}
            found.append(Taker(trade.event_ms, trade.price, trade.size, trade.side, 1))
    return found


def tape_lines(
    sight: Sight, glyphs: Glyphs, width: int, height: int, back: int = 0, active: bool = False
) -> list[Line]:
    """A title and the newest takers; `back` leaves so many of the newest out. `active`: the operator scrolls here."""
    title: Line = [(f"{glyphs.cursor}TAPE", "accent") if active else (" TAPE", "dim")]
    status = sight.row.channels.get("trade")
    silent = status is not None and not status.fresh
    if silent:
        title.append((f"  {glyphs.stale} {sight.quiet or 'no trades'}", "warn"))
    known = takers(sight.looked.tape)
    if not known:
        return [title, [("  no trade seen yet", "dim")]]
    back = min(back, len(known) - 1)
    if back:
        title.append((f"  {back} newer above", "accent"))
    places = sight.facts.decimals
    usual = median(taker.size for taker in known) if len(known) >= JUDGED_FROM else 0.0
    end = len(known) - back
    shown = list(reversed(known[max(0, end - max(1, height - 1)) : end]))
    price_width = max(len(f"{taker.price:,.{places}f}") for taker in shown)
    digits = size_decimals(nice_scale(max(taker.size for taker in shown)), sight.row.listing)
    stale = silent or bool(sight.fault)
    lines = [title]
    for taker in shown:
        big = usual > 0.0 and taker.size >= BIG_FACTOR * usual
        style = "stale" if stale else ("price_up" if taker.side == "BUY" else "price_down")
        line: Line = [
            (f" {fmt.clock_text(taker.at_ms)[:8]} ", "dim"),
            (f"{taker.price:>{price_width},.{places}f} ", style),
            (f"{size_text(taker.size, digits, glyphs)} ", "stale" if stale else ("bright" if big else "text")),
        ]
        lines.append(_with_side(line, taker, style, _notes(taker, big, glyphs), width, glyphs))
    return lines


def _notes(taker: Taker, big: bool, glyphs: Glyphs) -> str:
    notes = ["big"] if big else []
    if taker.levels > 1:
        notes.append(f"sweep {'x' if glyphs.name == 'ascii' else '×'}{taker.levels}")
    return " ".join(notes)


def _with_side(line: Line, taker: Taker, style: str, notes: str, width: int, glyphs: Glyphs) -> Line:
    """Arrow, word and notes; the word goes when there is no room for both, the notes when there is none at all."""
    buys = taker.side == "BUY"
    arrow, word = (glyphs.up, " buy ") if buys else (glyphs.down, " sell")
    room = width - width_of(line) - 1
    if len(word) + 1 + len(notes) > room and notes:
        word = ""
    said: Line = [*line, (arrow + word, style)]
    return [*said, (f" {notes}", "accent")] if notes and len(word) + 1 + len(notes) <= room else said
