"""One event as one line: columns for a change of state, running words for everything else. Pure.

TIME        KIND     SYMBOL        ACTION        PRICE    P  WHY
12:21:56Z   state    SOLUSDT       ↑ BUY        152.19  .61  MACD rising (+4.0 pp), EMA 9 above 21 (+2.2 pp)
12:27:56Z ✗ fault                  rest klines LUNAUSDT: status 500 three times; tried again in 8 s
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.messages import Event, EventChange
from tui.format import fit, guess_decimals, log_time_text, price, probability
from tui.glyphs import Glyphs, plain_text
from tui.store import ViewStore
from tui.widgets.market_facts import decimals

Run = tuple[str, str]

WIDE = 96
"""From here on a line has room for kind and probability."""
SPACIOUS = 150
"""From here on it also says which state ended: `• HOLD from SELL`."""
TIME, MARK, KIND, ACTION, ACTION_FROM, CHANCE, GAP = 12, 2, 9, 7, 17, 5, 2
SEVERITY_STYLE = {"info": "text", "warning": "warn", "error": "danger"}
STATE_STYLE = {"BUY": "price_up", "SELL": "price_down", "HOLD": "hold"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths of the columns in cells, each with the gap after it; 0: left out. The reasons take the rest."""

    kind: int
    symbol: int
    action: int
    price: int
    chance: int

    @property
    def before_action(self) -> int:
        """Cells in front of what happened."""
        return TIME + MARK + self.kind + self.symbol


def layout(width: int) -> Layout:
    """The columns that fit."""
    if width >= WIDE:
        action = ACTION_FROM if width >= SPACIOUS else ACTION
        return Layout(kind=KIND, symbol=14, action=action, price=14, chance=CHANCE)
    return Layout(kind=0, symbol=11, action=ACTION, price=12, chance=0)


def header_text(width: int) -> str:
    """Titles over the columns."""
    columns = layout(width)
    titles = "TIME".ljust(TIME + MARK) + "KIND".ljust(columns.kind)[: columns.kind]
    titles += (
        "SYMBOL".ljust(columns.symbol) + "ACTION".ljust(columns.action) + "PRICE".rjust(columns.price - GAP) + " " * GAP
    )
    return titles + "  P  "[: columns.chance] + "WHY"


def own_words(event: Event) -> str:
    """The text without the symbol in front: that has a column of its own."""
    return event.text.removeprefix(f"{event.symbol} ") if event.symbol else event.text


def mark(event: Event, glyphs: Glyphs) -> Run:
    """What is not in order carries a sign; what is, none."""
    sign = {"info": " ", "warning": glyphs.alert, "error": glyphs.no}[event.severity]
    return sign, SEVERITY_STYLE[event.severity]


def action(change: EventChange, glyphs: Glyphs) -> Run:
    """`↑ BUY`: the state that began."""
    arrow = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[change.after]
    return f"{arrow} {change.after}", STATE_STYLE[change.after]


def price_text(event: Event, change: EventChange, store: ViewStore, glyphs: Glyphs) -> str:
    """The price of a change, with the decimals of its market."""
    row = store.rows.get(event.symbol)
    known = row is not None and (row.listing is not None or row.price)
    return price(
        change.price, decimals(row) if row is not None and known else guess_decimals(change.price), glyphs=glyphs
    )


def event_runs(
    event: Event, now_ms: int, width: int, store: ViewStore, glyphs: Glyphs, words: Sequence[str] = ()
) -> list[Run]:
    """One line of exactly `width` cells (more when it is narrower than the columns); `words` are lit up in it."""
    columns = layout(width)
    sign, style = mark(event, glyphs)
    runs: list[Run] = [
        (fit(log_time_text(event.at_ms, now_ms), TIME - 1, glyphs) + " ", "dim"),
        (f"{sign} ", style),
    ]
    if columns.kind:
        runs += [*lit(fit(event.kind, columns.kind - 1, glyphs), "dim", words), (" ", "dim")]
    runs += [*lit(fit(event.symbol, columns.symbol - 1, glyphs), "bright", words), (" ", "dim")]
    change = event.change
    if change is None:
        text = _spelt(own_words(event), glyphs)
        return runs + lit(
            fit(text, max(0, width - columns.before_action), glyphs), SEVERITY_STYLE[event.severity], words
        )
    did, style = action(change, glyphs)
    runs.append((fit(did, ACTION, glyphs), style))
    if columns.action > ACTION:
        runs.append((f"from {change.before}".ljust(columns.action - ACTION), "dim"))
    runs.append((price_text(event, change, store, glyphs).rjust(columns.price - GAP) + " " * GAP, "text"))
    if columns.chance:
        runs.append((probability(change.probability, columns.chance - 2, glyphs) + "  ", "text"))
    used = sum(len(text) for text, _ in runs)
    why = _spelt(", ".join(change.reasons), glyphs)
    return runs + lit(fit(why, max(0, width - used), glyphs), "text", words)


def lit(text: str, style: str, words: Sequence[str]) -> list[Run]:
    """The text in one style, with every place where one of the words stands in the accent's."""
    if not words:
        return [(text, style)]
    pieces = re.split("(" + "|".join(re.escape(word) for word in words) + ")", text, flags=re.IGNORECASE)
    return [(piece, "accent" if place % 2 else style) for place, piece in enumerate(pieces) if piece]


def _spelt(text: str, glyphs: Glyphs) -> str:
    return plain_text(text) if glyphs.name == "ascii" else text
