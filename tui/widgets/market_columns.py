"""The columns of the watchlist: one entry and one small function each. Which of them show depends on the width alone.

A column's function turns `Facts` into pieces, (text, style name) pairs; style names are the fields of `Palette`. What ticks
most stands left: Textual resends a line from the widget's left edge to the last changed cell, so that keeps bytes low.
`slow` columns (spread, volume, ages) follow every few seconds instead of every second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tui import format as fmt
from tui.glyphs import Glyphs, plain_text
from tui.widgets.market_facts import Facts, calm_age
from tui.widgets.spark import spark_text

Pieces = tuple[tuple[str, str], ...]
Paint = Callable[[Facts, Glyphs, int], Pieces]

NOW_BELOW_S = 5.0
"""Data younger than this is simply `now`."""
SPARK_WIDTH = 24
NUMBER_WIDTH = 4
"""Cells of P itself, after its bar."""
DETAILS = (" by ", ": ", " (")
"""What stands behind these in a reason or a fault is detail."""
WHY_LEAST = 12
LOUD_Z = 3.0
"""From here on a volume stands out."""
MARGIN = 1
STATE_STYLE = {"BUY": "price_up", "SELL": "price_down", "HOLD": "hold"}
REGIME_WORDS = {"trend_up": "trend up", "trend_down": "trend down", "range": "range", "undefined": ""}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `sort` names the setting value it sorts by; `from_width` is the narrowest table that shows it."""

    key: str
    title: str
    width: int
    paint: Paint
    sort: str = ""
    align: Literal["left", "right"] = "right"
    gap: int = 1
    from_width: int = 0
    below_width: int = 10_000
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns with their places: `starts[i]` is the first cell of column i, its gap not included.

    `words_width` is the room from STATE to the end of WHY.
    """

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    starts: tuple[int, ...]
    width: int
    words_width: int

    def end(self, i: int) -> int:
        """First cell after column i; words in STATE's place reach to the end of WHY."""
        return self.starts[i] + (self.words_width if self.columns[i].key == "state" else self.widths[i])


SAYING = ("state", "p", "why")
"""Columns that give way to words while a symbol is stale or loading."""


def paint_cell(layout: Layout, i: int, facts: Facts, glyphs: Glyphs) -> Pieces:
    """One cell. A stale or loading symbol has no state to show: what is wrong takes the room of STATE, P and WHY."""
    column = layout.columns[i]
    if column.key in SAYING and (facts.stale or facts.halted or not facts.ready):
        if column.key != "state":
            return ()
        text = shorten(facts.why if glyphs.name != "ascii" else plain_text(facts.why), layout.words_width)
        style = "warn" if facts.stale or facts.halted else "dim"
        return ((fmt.fit(text, layout.words_width, glyphs), style),)
    return column.paint(facts, glyphs, layout.widths[i])


def shorten(text: str, width: int) -> str:
    """Whole reasons while they fit; a first one that is too long loses its detail (`EMA9 above EMA21 by 0.6 ATR`)."""
    if len(text) <= width:
        return text
    cut = text.rfind(", ", 0, width + 1)
    if cut > 0:
        return text[:cut]
    for mark in DETAILS:
        cut = text.rfind(mark, 0, width + 1)
        if cut > 0:
            return text[:cut]
    return text


def _is_old(facts: Facts) -> bool:
    """Numbers nobody should take for new: the data is stale, or the venue has halted the symbol."""
    return facts.stale or bool(facts.halted)


def _number_style(facts: Facts, value: float) -> str:
    return "stale" if _is_old(facts) else "text" if value == value else "dim"


def _symbol(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.fit(facts.symbol, width, glyphs), "stale" if _is_old(facts) else "bright"),)


def _flag(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    if _is_old(facts):
        return ((f"{glyphs.no if facts.halted else glyphs.stale} ", "warn"),)
    return (("* ", "accent"),) if facts.pinned else (("  ", "text"),)


def _price(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.price(facts.price, facts.decimals, width, glyphs), _number_style(facts, facts.price)),)


def _bid(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.price(facts.bid, facts.decimals, width, glyphs), "stale" if _is_old(facts) else "dim"),)


def _ask(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.price(facts.ask, facts.decimals, width, glyphs), "stale" if _is_old(facts) else "dim"),)


def _bounded(value: float, decimals: int, width: int, glyphs: Glyphs, signed: bool = False) -> str:
    """A number that keeps its column: fewer decimals when it is too long, `>999` when it is absurd."""
    for places in (decimals, 0):
        text = (fmt.signed if signed else fmt.fixed)(value, places, width, glyphs=glyphs)
        if len(text) <= width:
            return text
    sign = ("+" if value > 0 else glyphs.minus) if signed else ""
    return f"{sign}>{'9' * min(4, width - len(sign) - 1)}".rjust(width)


def _move(value: float, facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    text = _bounded(value * 100.0, 2, width, glyphs, signed=True)
    if _is_old(facts) or value != value:
        return ((text, "stale" if _is_old(facts) else "dim"),)
    if not any(digit in "123456789" for digit in text):
        return ((text, "dim"),)
    return ((text, "price_up" if value > 0 else "price_down"),)


def _delta(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return _move(facts.delta, facts, glyphs, width)


def _hour(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return _move(facts.change_1h, facts, glyphs, width)


def _day(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return _move(facts.change_24h, facts, glyphs, width)


def _volume(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.compact(facts.volume, width, glyphs), _number_style(facts, facts.volume)),)


def _spread(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((_bounded(facts.spread_bp, 1, width, glyphs), _number_style(facts, facts.spread_bp)),)


def _atr(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((_bounded(facts.natr * 100.0, 2, width, glyphs), _number_style(facts, facts.natr)),)


def _rsi(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((_bounded(facts.rsi, 0, width, glyphs), _number_style(facts, facts.rsi)),)


def _volume_z(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    loud = abs(facts.volume_z) >= LOUD_Z and not _is_old(facts)
    style = "bright" if loud else _number_style(facts, facts.volume_z)
    return ((_bounded(facts.volume_z, 1, width, glyphs, signed=True), style),)


def _regime(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return (
        (fmt.fit(REGIME_WORDS.get(facts.regime, facts.regime), width, glyphs), "stale" if _is_old(facts) else "dim"),
    )


def _spark(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((spark_text(facts.spark, width, glyphs), "stale" if _is_old(facts) else "bar"),)


def _state(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[facts.state]
    return ((f"{glyph} {facts.state}".ljust(width), STATE_STYLE[facts.state]),)


def _probability(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return ((fmt.probability(facts.probability, width, glyphs), STATE_STYLE[facts.state]),)


def _probability_bar(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    bar = glyphs.bar(facts.probability, width - NUMBER_WIDTH)
    filled = bar.count(glyphs.bar_full)
    number = fmt.probability(facts.probability, NUMBER_WIDTH, glyphs)
    style = STATE_STYLE[facts.state]
    bar_style = "dim" if style == "hold" else style
    return ((bar[:filled], bar_style), (bar[filled:], "bar_off"), (number, style))


def _why(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    text = facts.why if glyphs.name != "ascii" else plain_text(facts.why)
    text = shorten(text, width)
    style = "dim" if facts.state == "HOLD" else "text"
    if facts.quiet:
        text, style = facts.quiet, "warn"
    return ((fmt.fit(text or glyphs.missing, width, glyphs), style),)


def _aged(text: str, width: int) -> str:
    return (text if len(text) <= width else "old").rjust(width)


def _age(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    if facts.age_s != facts.age_s:
        return ((glyphs.missing.rjust(width), "dim"),)
    if facts.age_s < NOW_BELOW_S and not _is_old(facts):
        return (("now".rjust(width), "dim"),)
    text = calm_age(facts.age_s if _is_old(facts) else facts.age_s // 5 * 5).replace(" min", "m").replace(" ", "")
    return ((_aged(text, width), "warn" if _is_old(facts) else "text"),)


def _bar_age(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    whole = facts.bar_age_s // 5 * 5 if facts.bar_age_s < 60 else facts.bar_age_s
    return ((_aged(fmt.age(whole, glyphs=glyphs), width), "stale" if _is_old(facts) else "dim"),)


COLUMNS: tuple[Column, ...] = (
    Column("flag", "", 2, _flag, align="left", gap=1),
    Column("symbol", "SYMBOL", 8, _symbol, "symbol", align="left", gap=0),
    Column("price", "PRICE", 9, _price, "price"),
    Column("delta", "Δ STATE", 7, _delta, "change_state"),
    Column("change_1h", "1h %", 7, _hour, "change_1h", from_width=90),
    Column("change_24h", "24h %", 7, _day, "change_24h", from_width=1),
    Column("bid", "BID", 9, _bid, from_width=176),
    Column("ask", "ASK", 9, _ask, from_width=176),
    Column("volume", "VOL24h", 6, _volume, "volume", from_width=108, slow=True),
    Column("spread", "SPRD", 4, _spread, "spread", from_width=118, slow=True),
    Column("atr", "ATR%", 4, _atr, "atr", from_width=118, slow=True),
    Column("rsi", "RSI", 3, _rsi, "rsi", from_width=100, slow=True),
    Column("volume_z", "VOLz", 5, _volume_z, "volume_z", from_width=112, slow=True),
    Column("regime", "REGIME", 10, _regime, "regime", align="left", gap=2, from_width=160, slow=True),
    Column("spark", "LAST HOUR", SPARK_WIDTH, _spark, align="left", from_width=144, slow=True),
    Column("state", "STATE", 6, _state, "state", align="left", gap=2),
    Column("p", "P", 4, _probability, "probability", gap=1, below_width=96),
    Column("p", "P", 6 + NUMBER_WIDTH, _probability_bar, "probability", align="left", from_width=96, below_width=130),
    Column("p", "P", 8 + NUMBER_WIDTH, _probability_bar, "probability", align="left", from_width=130),
    Column("why", "WHY", 0, _why, "why", align="left", gap=2),
    Column("bar_age", "BAR", 3, _bar_age, "bar_age", from_width=126, slow=True),
    Column("age", "AGE", 3, _age, "age", slow=True),
)
SORTS: tuple[str, ...] = tuple(dict.fromkeys(column.sort for column in COLUMNS if column.sort))
"""What the list can be sorted by, in column order."""

MIN_WIDTHS = {"symbol": 8, "price": 9, "bid": 9, "ask": 9}
MAX_WIDTHS = {"symbol": 14, "price": 16, "bid": 16, "ask": 16}


def arrange(width: int, symbol_width: int, price_width: int, columns: Iterable[Column] = COLUMNS) -> Layout:
    """Columns for a table of `width` cells; WHY takes what is left. A price is never cut: others leave first."""
    wanted = {"symbol": symbol_width, "price": price_width, "bid": price_width, "ask": price_width}
    shown = [column for column in columns if column.from_width <= width < column.below_width]
    widths = [
        min(MAX_WIDTHS[c.key], max(MIN_WIDTHS[c.key], wanted[c.key])) if c.key in wanted else c.width for c in shown
    ]
    while True:
        rest = width - MARGIN - sum(widths) - sum(column.gap for column in shown)
        optional = [i for i, column in enumerate(shown) if column.from_width and column.key != "p"]
        if rest >= WHY_LEAST or not optional:
            break
        last = max(optional, key=lambda i: shown[i].from_width)
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
    keys = [column.key for column in shown]
    first, last = keys.index("state"), keys.index("why")
    return Layout(tuple(shown), tuple(widths), tuple(starts), width, starts[last] + widths[last] - starts[first])


def header_pieces(layout: Layout, glyphs: Glyphs, sort: str, reverse: bool) -> list[tuple[str, str]]:
    """The titles, the sorted one marked by an arrow and brighter than the rest."""
    pieces: list[tuple[str, str]] = []
    for column, width in zip(layout.columns, layout.widths, strict=True):
        title = column.title if glyphs.name != "ascii" else column.title.replace("Δ ", "")
        sorted_by = bool(column.sort) and column.sort == sort
        if sorted_by:
            title = title[: width - 1] + (glyphs.sort_down if reverse else glyphs.sort_up)
        room = width + column.gap
        text = title[:width].ljust(width).rjust(room) if column.align == "left" else title[:width].rjust(room)
        pieces.append((text, "accent" if sorted_by else "dim"))
    return pieces
