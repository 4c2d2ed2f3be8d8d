"""Everything known of one closed trade: as it was meant and as it went."""

from __future__ import annotations

from decimal import Decimal

from core.messages import TradeClosed
from tui.desk import Desk
from tui.format import clock_text, log_time_text, money
from tui.widgets.history_words import (
    WHY_SENTENCES,
    by_words,
    chance_words,
    duration,
    look_of,
    ratio_text,
    side_of,
    slippage_words,
    why_word,
)
from tui.widgets.line_panel import Line, Run, fold
from tui.widgets.trading_words import counted, exact, price_text, size_of

STOPPED = ("STOP", "STOP_UNFILLED")
"""Ends at the planned stop, or where the price had gone through it."""
CENT = Decimal("0.01")
LABEL = 10
"""Cells of the names on the left."""


def detail_lines(desk: Desk, trade: TradeClosed, width: int) -> list[Line]:
    """Lines of at most `width` cells, the most telling first."""
    glyphs = desk.glyphs
    unit = desk.store.trading.history.asset if desk.store.trading.history is not None else ""
    head: Line = [
        (f" {trade.symbol} ", "bright"),
        (f"{side_of(trade)} {size_of(desk, trade.symbol, trade.quantity)}", "text"),
        (f", held for {duration(trade.closed_ms - trade.opened_ms)}", "text"),
    ]
    result: Line = [
        _label("result"),
        (money(float(trade.result), 2, unit, signed=True, glyphs=glyphs), look_of(trade.result)),
        (f", {ratio_text(trade, glyphs)} R", look_of(trade.result)),
        (
            f" of {money(float(trade.risked), 2, glyphs=glyphs)} risked" if trade.risked else " (no stop was planned)",
            "dim",
        ),
        (f"; fees {money(float(trade.fees), 2, glyphs=glyphs)}", "text"),
        (f" in {counted(trade.fills, 'fill')}" if trade.fills else "", "dim"),
    ]
    others = ", ".join(f"{exact(fee, glyphs)} {asset}" for asset, fee in trade.other_fees)
    apart: Line = [_label(""), (f"fees of {others} are not in it: their worth is not known", "warn")]
    cost = trade.dust * trade.entry_price
    lost = f"it counts as {money(float(cost), 2, unit, glyphs=glyphs)} lost"
    dust: Line = [_label(""), (f"{exact(trade.dust.normalize(), glyphs)} was too little to sell: {lost}", "text")]
    lines: list[Line] = [
        head,
        result,
        *([apart] if others else []),
        *([dust] if cost >= CENT else []),
        _entry(desk, trade),
        _exit(desk, trade),
        [_label("slippage"), (slippage_words(trade.slippage, glyphs), "warn" if trade.slippage > 0 else "text")],
        *_targets(desk, trade),
    ]
    chance = chance_words(trade, glyphs)
    lines.append([_label("opened"), (by_words(trade), "text"), (f", {chance}" if chance else "", "text")])
    lines.append([_label("time"), (f"{_moment(trade.opened_ms)} to {_moment(trade.closed_ms)}", "dim")])
    if trade.reasons:
        lines += [[_label("because" if not place else ""), (one, "text")] for place, one in enumerate(trade.reasons)]
    shown = [[run for run in line if run[0]] for line in lines]
    return [piece for line in shown for piece in fold(line, width, LABEL + 1)]


def argument(desk: Desk, trade: TradeClosed) -> Line:
    """One line for where there is no room for more."""
    glyphs = desk.glyphs
    ended = WHY_SENTENCES.get(trade.why, why_word(trade))
    line: Line = [
        (f" {trade.symbol} ", "bright"),
        (f"left {ended}; {slippage_words(trade.slippage, glyphs)}", "text"),
    ]
    return [*line, (f"; opened for {', '.join(trade.reasons)}", "dim")] if trade.reasons else line


def _label(word: str) -> Run:
    return f" {word:<{LABEL}}", "dim"


def _moment(at_ms: int) -> str:
    return f"{log_time_text(at_ms, 0).partition(' ')[0]} {clock_text(at_ms)}"


def _entry(desk: Desk, trade: TradeClosed) -> Line:
    """What was asked for beside what was got."""
    real = price_text(desk, trade.symbol, float(trade.entry_price))
    if not trade.planned_entry:
        return [_label("entry"), (real, "bright"), (", at the market", "dim")]
    planned = price_text(desk, trade.symbol, float(trade.planned_entry))
    worse = (trade.entry_price - trade.planned_entry) * (1 if trade.side == "BUY" else -1)
    return [_label("entry"), (real, "bright"), (f", planned {planned}{_apart(desk, trade.symbol, worse)}", "dim")]


def _exit(desk: Desk, trade: TradeClosed) -> Line:
    """Where it was left and by what; beside the stop that was planned."""
    real = price_text(desk, trade.symbol, float(trade.exit_price))
    line: Line = [
        _label("exit"),
        (real, "bright"),
        (f", {WHY_SENTENCES.get(trade.why, why_word(trade))}", "text"),
    ]
    if not trade.planned_stop:
        return [*line, ("; no stop was planned", "dim")]
    planned = price_text(desk, trade.symbol, float(trade.planned_stop))
    worse = (trade.planned_stop - trade.exit_price) * (1 if trade.side == "BUY" else -1)
    apart = _apart(desk, trade.symbol, worse) if trade.why in STOPPED else ""
    return [*line, (f"; stop planned at {planned}{apart}", "dim")]


def _apart(desk: Desk, symbol: str, worse: Decimal) -> str:
    """`: 0.01 worse`, on the symbol's tick; nothing where it is less than that."""
    text = price_text(desk, symbol, float(abs(worse)))
    if not any(digit in "123456789" for digit in text):
        return ""
    return f": {text} {'worse' if worse > 0 else 'better'}"


def _targets(desk: Desk, trade: TradeClosed) -> list[Line]:
    """Prices and shares as planned."""
    if not trade.targets:
        return []
    told = ", ".join(
        f"{price_text(desk, trade.symbol, float(at))} ({share * 100:.0f} %)" for at, share in trade.targets
    )
    word = "target" if len(trade.targets) == 1 else "targets"
    return [[_label(word), (told, "text")]]
