"""The columns of the watchlist: one entry and one small function each. Where they stand decides `market_layout`.

A column's function turns `Facts` into pieces, (text, style name) pairs; style names are the fields of `Palette`. What ticks
most stands left: Textual resends a line from the widget's left edge to the last changed cell, so that keeps bytes low.
`slow` columns (spread, volume, ages) follow every few seconds instead of every second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tui import format as fmt
from tui.glyphs import Glyphs, plain_text
from tui.widgets import market_advice_cells as screened
from tui.widgets.market_advice_cells import Pieces
from tui.widgets.market_facts import Facts, calm_age
from tui.widgets.market_vote import Reason
from tui.widgets.spark import spark_text

Paint = Callable[[Facts, Glyphs, int], Pieces]

NOW_BELOW_S = 5.0
"""Data younger than this is simply `now`."""
SPARK_WIDTH = 24
NUMBER_WIDTH = 4
"""Cells of P itself, after its bar."""
DETAILS = (" by ", " at ", " through ", ": ", " (")
"""What stands behind these in a reason or a fault is detail."""
LOUD_Z = 3.0
"""From here on a volume stands out."""
STATE_STYLE = {"BUY": "price_up", "SELL": "price_down", "HOLD": "hold"}
REGIME_WORDS = {"trend_up": "trend up", "trend_down": "trend down", "range": "range", "undefined": ""}
STATE_ABOUT = "BUY, SELL or HOLD as of the last closed decision bar; it changes only when a bar closes."
P_ABOUT = "Probability that the price rises first; `uncalibrated` until outcomes have been counted."
GATE_ABOUT = "Factor on every vote while a market is too quiet or too wild for them; `–` while it is open."
SIGNAL_ABOUT = "What the last minute comes to; an ALERT stays for its cooldown, with its age."
ADVICE_ABOUT = "The recommendation; RISK: too volatile, DATA? and FAIL?: none, ≈ and age: expired."
CONFIDENCE_ABOUT = "Probability of the recommendation's side, after penalties."
CALIBRATION_ABOUT = "Where its thresholds come from, or that they are queued, running or expired."
CHOSEN_ONLY = 9_999
"""No table is this wide: a column that shows only when it was chosen."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key` is its name in the settings, as a column and, if it can be sorted by, as a sort.

    `from_width` is the narrowest table that shows it unasked; the highest leaves first when there is no room.
    """

    key: str
    title: str
    width: int
    paint: Paint
    about: str
    sortable: bool = True
    align: Literal["left", "right"] = "right"
    gap: int = 1
    from_width: int = 0
    below_width: int = 10_000
    slow: bool = False


def shorten(text: str, width: int) -> str:
    """Whole reasons while they fit; a first one that is too long loses its detail (`EMA9 above EMA21 by 0.6 ATR`)."""
    if len(text) <= width:
        return text
    cut = text.rfind(", ", 0, width + 2)
    if cut > 0:
        return text[:cut]
    for mark in DETAILS:
        cut = text.rfind(mark, 0, width + len(mark))
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


def _lean(value: float, facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """Log-odds of a group: its sign and its size."""
    text = _bounded(value, 2, width, glyphs, signed=True)
    if value != value or not any(digit in "123456789" for digit in text):
        return ((text, "dim"),)
    return ((text, "price_up" if value > 0 else "price_down"),)


def _smc(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return _lean(facts.smc, facts, glyphs, width)


def _classic(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    return _lean(facts.classic, facts, glyphs, width)


def _families(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    agreeing, speaking = facts.families
    text = f"{agreeing}/{speaking}" if speaking else glyphs.missing
    return ((text.rjust(width), "dim" if facts.state == "HOLD" or not speaking else "text"),)


def _gate(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    text = fmt.probability(facts.gate, glyphs=glyphs) if facts.gate < 1.0 else glyphs.missing
    return ((text.rjust(width), "warn" if facts.gate < 1.0 else "dim"),)


def reason_pieces(reason: Reason, glyphs: Glyphs, room: int, style: str) -> list[tuple[str, str]]:
    """One reason in at most `room` cells, SMC ones with a dim tag behind; empty when not even its core fits."""
    text = reason.text if glyphs.name != "ascii" else plain_text(reason.text)
    tag = f" {reason.group}" if reason.group not in ("", "CLASSIC") else ""
    short = shorten(text, room - len(tag))
    if len(short) + len(tag) <= room:
        return [(short, style), (tag, "dim")] if tag else [(short, style)]
    short = shorten(text, room)
    return [(short, style)] if len(short) <= room else []


def paint_why(facts: Facts, glyphs: Glyphs, width: int, *, gate: bool = True, against: bool = True) -> Pieces:
    """The strongest reason, a note while the gate is not open, then more reasons as far as they fit whole.

    `gate` and `against` are false where a column of its own says that.
    """
    style = "dim" if facts.state == "HOLD" else "text"
    if facts.quiet:
        return ((fmt.fit(facts.quiet, width, glyphs), "warn"),)
    if not facts.reasons:
        text = facts.why if glyphs.name != "ascii" else plain_text(facts.why)
        return ((fmt.fit(shorten(text, width) or glyphs.missing, width, glyphs), style),)
    first, *more = facts.reasons
    note = f"  gate {fmt.probability(facts.gate)}" if gate and facts.gate < 1.0 else ""
    pieces = reason_pieces(first, glyphs, width - len(note), style) + ([(note, "warn")] if note else [])
    if not pieces or pieces[0][0] == note:
        return ((fmt.fit(first.text if glyphs.name != "ascii" else plain_text(first.text), width, glyphs), style),)
    room = width - sum(len(text) for text, _ in pieces)
    parts = [(", ", reason) for reason in more]
    if against and facts.contrary is not None:
        parts.append(("  against ", facts.contrary))
    for joint, reason in parts:
        added = reason_pieces(reason, glyphs, room - len(joint), "dim" if joint.strip() == "against" else style)
        if not added:
            break
        pieces += [(joint, "dim"), *added]
        room -= len(joint) + sum(len(text) for text, _ in added)
    return (*pieces, (" " * room, "text")) if room else tuple(pieces)


def _against(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    pieces = reason_pieces(facts.contrary, glyphs, width, "dim") if facts.contrary is not None else []
    if not pieces:
        text = facts.contrary.text if facts.contrary is not None else glyphs.missing
        return ((fmt.fit(text if glyphs.name != "ascii" else plain_text(text), width, glyphs), "dim"),)
    room = width - sum(len(text) for text, _ in pieces)
    return (*pieces, (" " * room, "dim")) if room else tuple(pieces)


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
    Column("flag", "", 2, _flag, "", sortable=False, align="left", gap=1),
    Column("symbol", "SYMBOL", 8, _symbol, "The venue's name of the market.", align="left", gap=0),
    Column("price", "PRICE", 9, _price, "Last trade, held inside the best bid and ask."),
    Column("change_state", "Δ STATE", 7, _delta, "Change of the price since the state began, in percent."),
    Column("change_1h", "1h %", 7, _hour, "Change of the live price against the close one hour ago.", from_width=90),
    Column("change_24h", "24h %", 7, _day, "Change of the live price against the close 24 hours ago.", from_width=1),
    Column("bid", "BID", 9, _bid, "Best bid in the book.", sortable=False, from_width=240),
    Column("ask", "ASK", 9, _ask, "Best ask in the book.", sortable=False, from_width=240),
    Column("volume", "VOL24h", 6, _volume, "Quote currency traded in 24 hours.", from_width=110, slow=True),
    Column(
        "spread", "SPRD", 4, _spread, "Best ask minus best bid, in basis points (0.01 %).", from_width=150, slow=True
    ),
    Column(
        "atr", "ATR%", 4, _atr, "Average true range of 14 decision bars, in percent of the price.", from_width=124, slow=True
    ),
    Column("rsi", "RSI", 3, _rsi, "Relative strength index of 14 decision bars.", from_width=128, slow=True),
    Column(
        "volume_z", "VOLz", 5, _volume_z, "Volume of the last bar against its usual one, in robust standard deviations.",
        from_width=136, slow=True,
    ),
    Column(
        "regime", "REGIME", 10, _regime, "Trend up, trend down or range of the last decision bars.",
        align="left", gap=2, from_width=206, slow=True,
    ),
    Column(
        "last_bars", "LAST 24 BARS", SPARK_WIDTH, _spark, "The last 24 closes of the decision timeframe between their lowest and highest.",
        sortable=False, align="left", from_width=224, slow=True,
    ),
    Column("signal", "S", 1, screened.signal_mark, SIGNAL_ABOUT, align="left", from_width=1, below_width=114),
    Column("signal", "SIGNAL", 10, screened.signal, SIGNAL_ABOUT, align="left", from_width=114),
    Column("state", "STATE", 6, _state, STATE_ABOUT, align="left", gap=2),
    Column("probability", "P", 4, _probability, P_ABOUT, below_width=144),
    Column("probability", "P", 6 + NUMBER_WIDTH, _probability_bar, P_ABOUT, align="left", from_width=144),
    Column("recommendation", "ADVICE", 9, screened.recommendation, ADVICE_ABOUT, align="left", from_width=98),
    Column("confidence", "CONF", 4, screened.confidence, CONFIDENCE_ABOUT, from_width=100),
    Column("target", "TP", 9, screened.target, "First target of the recommendation.", from_width=168),
    Column("stop", "SL", 9, screened.stop, "Stop of the recommendation.", from_width=168),
    Column("smc", "SMC", 6, _smc, "Log-odds that structure, zones and liquidity add: above 0 towards BUY.", from_width=CHOSEN_ONLY),
    Column("classic", "CLASSIC", 7, _classic, "Log-odds that indicators and patterns add: above 0 towards BUY.", from_width=CHOSEN_ONLY),
    Column("families", "FAM", 4, _families, "Families that lean the way of the state, of those with a voice.", from_width=CHOSEN_ONLY),
    Column("gate", "GATE", 4, _gate, GATE_ABOUT, from_width=CHOSEN_ONLY),
    Column(
        "why", "WHY", 0, paint_why, "The strongest reasons, SMC ones marked, or what is wrong with the data.", align="left", gap=2
    ),
    Column(
        "against", "AGAINST", 20, _against, "The strongest reason against the state.",
        sortable=False, align="left", gap=2, from_width=CHOSEN_ONLY,
    ),
    Column(
        "calibration", "THRESHOLDS", 12, screened.calibration, CALIBRATION_ABOUT, align="left", gap=2, from_width=184, slow=True
    ),
    Column("bar_age", "BAR", 3, _bar_age, "Time since the last decision bar closed.", from_width=156, slow=True),
    Column("age", "AGE", 3, _age, "Time since the last quote or trade; `now` is below 5 seconds.", slow=True),
)  # fmt: skip
SORTS: tuple[str, ...] = tuple(dict.fromkeys(column.key for column in COLUMNS if column.sortable))
"""What the list can be sorted by, in column order."""
CHOICES: tuple[Column, ...] = tuple({column.key: column for column in COLUMNS[2:]}.values())
"""What can be chosen: each column once, without the mark and the symbol, which always come first."""
