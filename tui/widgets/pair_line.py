"""The two lines over the confluence screen: price, book and state; then what the market did. Parts drop by importance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.messages import Trade
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, width_of
from tui.widgets.market_columns import REGIME_WORDS, STATE_STYLE
from tui.widgets.market_facts import calm_age
from tui.widgets.sight import Sight

GAP = "  "


class Part(NamedTuple):
    """One piece of a line; parts of low weight go first when there is no room."""

    runs: Line
    weight: int
    right: bool = False


def laid_out(parts: Sequence[Part], width: int) -> Line:
    """The parts that fit, two blanks between them, right ones at the right edge."""
    kept = [part for part in parts if part.runs]
    while kept and sum(width_of(part.runs) + len(GAP) for part in kept) > width:
        kept.remove(min(kept, key=lambda part: part.weight))
    left: Line = [(" ", "text")]
    right: Line = []
    for part in kept:
        side = right if part.right else left
        if len(side) > (0 if part.right else 1):
            side.append((GAP, "text"))
        side += part.runs
    room = width - width_of(left) - width_of(right) - 1
    return [*left, (" " * max(1, room), "text"), *right]


def pair_line(sight: Sight, timeframes: Sequence[str], glyphs: Glyphs, width: int) -> Line:
    """Symbol, price with its direction, book top, timeframes, and the state that decides."""
    facts = sight.facts
    stale = bool(sight.fault)
    moved = direction(sight.looked.tape)
    arrow = {1: f" {glyphs.up}", -1: f" {glyphs.down}"}.get(moved, "  ")
    look = "stale" if stale else {1: "price_up", -1: "price_down"}.get(moved, "bright")

    def price(value: float) -> str:
        return fmt.price(value, facts.decimals, glyphs=glyphs)

    quote = "stale" if stale else "text"
    engine = sight.store.engine
    venue = f"{engine.venue} {engine.category}" if engine is not None else ""
    parts = [
        Part([(sight.symbol, "bright")], 100),
        Part([(venue, "dim")] if venue else [], 20),
        Part([(f"{glyphs.stale + ' ' if stale else ''}{price(facts.price)}{arrow}", look)], 95),
        Part([(f"{glyphs.stale} {_silence(sight)}", "warn")] if stale else [], 70),
        Part([("bid ", "dim"), (price(facts.bid), quote), (" ask ", "dim"), (price(facts.ask), quote)], 40),
        Part([(f"{fmt.fixed(facts.spread_bp, 1, glyphs=glyphs)} bp", quote)], 50),
        Part(timeframe_runs(sight, timeframes), 90),
        *state_parts(sight, glyphs),
    ]
    return laid_out(parts, width)


def state_parts(sight: Sight, glyphs: Glyphs) -> list[Part]:
    """The state of the timeframe that decides, whatever timeframe is shown."""
    decision = sight.decision
    if sight.halted:
        return [Part([(f"{glyphs.no} HALTED", "warn")], 92, right=True)]
    if decision is None:
        return [Part([("no state yet", "dim")], 30, right=True)]
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[decision.state]
    style = STATE_STYLE[decision.state]
    words = f"{glyph} {decision.state} {fmt.probability(decision.probability)}"
    where = [(f"{decision.timeframe} decides ", "accent")] if not sight.decides else []
    since = f"since {fmt.clock_text(decision.since_ms)[:5]}" if decision.since_ms else ""
    return [Part([*where, (words, style)], 92, right=True), Part([(since, "dim")] if since else [], 30, right=True)]


def timeframe_runs(sight: Sight, timeframes: Sequence[str]) -> Line:
    """`1m  5m* [15m] 1h`: the one shown in brackets, a star at the one that decides."""
    runs: Line = []
    for name in timeframes:
        shown, decides = name == sight.timeframe, name == sight.deciding
        text = name + ("*" if decides else "")
        runs.append((f"[{text}]" if shown else f" {text} ", "accent" if shown else "dim"))
    return runs


def direction(tape: Sequence[Trade]) -> int:
    """1 or -1: which way the price last moved, 0 while it has not."""
    if not tape:
        return 0
    last = tape[-1].price
    for trade in reversed(tape):
        if trade.price != last:
            return 1 if last > trade.price else -1
    return 0


def facts_line(sight: Sight, glyphs: Glyphs, width: int) -> Line:
    """What the market did and does: changes, volume, volatility, flow, regime, state of book and data."""
    facts, row = sight.facts, sight.row
    metrics = row.metrics
    takers = metrics.taker_imbalance if metrics is not None else math.nan
    stale = bool(sight.fault)

    def palette_of(value: float) -> str:
        return "stale" if stale else _move_style(value)

    def change(label: str, value: float, weight: int) -> Part:
        return Part([(f"{label} ", "dim"), (fmt.percent(value, unit=True, glyphs=glyphs), palette_of(value))], weight)

    def number(label: str, text: str, weight: int) -> Part:
        return Part([(f"{label} ", "dim"), (text, "text")], weight)

    since = [("since state ", "dim"), (fmt.percent(facts.delta, unit=True, glyphs=glyphs), palette_of(facts.delta))]
    parts = [
        Part(since, 60),
        change("1h", facts.change_1h, 80),
        change("24h", facts.change_24h, 85),
        number("vol 24h", fmt.compact(facts.volume, glyphs=glyphs), 50),
        number("ATR", f"{fmt.fixed(facts.natr * 100, 2, glyphs=glyphs)} %", 75),
        number("RSI", fmt.fixed(facts.rsi, 0, glyphs=glyphs), 45),
        number("VOLz", fmt.signed(facts.volume_z, 1, glyphs=glyphs), 55),
        number("takers", fmt.percent(takers, 0, unit=True, glyphs=glyphs), 40),
        Part([(REGIME_WORDS.get(facts.regime, ""), "text")] if REGIME_WORDS.get(facts.regime) else [], 65),
        *_data_parts(sight, glyphs),
    ]
    return laid_out(parts, width)


def _data_parts(sight: Sight, glyphs: Glyphs) -> list[Part]:
    """Whether book and data are good; said only where it is worth a word."""
    book, row = sight.row.book, sight.row
    parts = []
    if book is not None:
        good = book.state == "live"
        parts.append(Part([(f"book {book.state}", "dim" if good else "warn")], 10 if good else 88, right=True))
    if row.updated_ms and not sight.fault:
        age = calm_age((sight.now_ms - row.updated_ms) / 1000)
        young = (sight.now_ms - row.updated_ms) < 5000
        parts.append(Part([("data now" if young else f"data {age} old", "dim")], 15, right=True))
    return parts


def _silence(sight: Sight) -> str:
    """How old the newest quote or trade is."""
    updated = sight.row.updated_ms
    return f"{calm_age((sight.now_ms - updated) / 1000)} old" if updated else "no data"


def _move_style(change: float) -> str:
    if change > 0:
        return "price_up"
    return "price_down" if change < 0 else "text"
