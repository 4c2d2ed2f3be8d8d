"""The argument in words: what speaks for the state and what against, what is missing for the next one, and what holds it."""

from __future__ import annotations

from typing import NamedTuple

from core.messages import Confluence
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, fold
from tui.widgets.market_columns import STATE_STYLE
from tui.widgets.market_facts import TIMEFRAME_MS, calm_age
from tui.widgets.sight import Sight

LABEL = 10
"""Cells of the words on the left."""
WEIGHTS_FOR = (88, 60, 50)
"""How much the first, second and third reason matter."""
CALIBRATED_FROM = 100
"""Outcomes from which a calibration counts."""


class Said(NamedTuple):
    """One thing to say; of low weight when it may go first."""

    weight: int
    line: Line


def reason_lines(
    sight: Sight, glyphs: Glyphs, width: int, height: int, advice: tuple[str, str] | None = None
) -> list[Line]:
    """What fits into `height` lines, in reading order; what matters least is left out first.

    `advice`: the recommendation in a few words and their style, where it has no place of its own.
    """
    said = _everything(sight, glyphs)
    if advice is not None:
        said.append(Said(82, _pair("advice", *advice)))
    folded = [(item.weight, fold(item.line, width, LABEL)) for item in said]
    while len(folded) > 1 and sum(len(lines) for _, lines in folded) > height:
        folded.remove(min(folded, key=lambda item: item[0]))
    return [line for _, lines in folded for line in lines]


def _everything(sight: Sight, glyphs: Glyphs) -> list[Said]:
    said = [Said(100, line) for line in _troubles(sight, glyphs)]
    view = sight.view
    if view is None:
        return said
    said.append(Said(95, _claim(view, sight, glyphs)))
    if not sight.decides:
        words = f"{sight.timeframe} only: nothing follows, {sight.deciding} decides"
        said.append(Said(92, _pair("shown", words, "accent")))
    if view.hold_reason:
        said.append(Said(90, _pair("held", view.hold_reason, "warn")))
    for weight, reason in zip(WEIGHTS_FOR, view.reasons, strict=False):
        said.append(Said(weight, _pair("for" if weight == WEIGHTS_FOR[0] else "", reason, "text")))
    if view.contrary:
        said.append(Said(80, _pair("against", view.contrary, "text")))
    if not view.reasons and not view.contrary:
        said.append(Said(70, _pair("for", "no detector has an opinion on the last closed bar", "dim")))
    wants = view.missing.partition("; no change")[0]
    for place, want in enumerate(wants.split(", P ") if wants else ()):
        said.append(Said(40, _pair("", f"P {want}", "text")) if place else Said(85, _pair("next", want, "text")))
    if view.cooldown_until_ms > sight.now_ms:
        left = calm_age((view.cooldown_until_ms - sight.now_ms) / 1000)
        words = f"{left} left: no change before {fmt.clock_text(view.cooldown_until_ms)}"
        said.append(Said(45, _pair("cooldown", words, "text")))
    if view.gate < 1.0:
        times = "x" if glyphs.name == "ascii" else "×"
        said.append(
            Said(55, _pair("gate", f"{view.gate_reason or 'volatility'}, every vote {times}{view.gate:g}", "warn"))
        )
    if not view.calibrated:
        said.append(Said(30, _pair("P is", f"uncalibrated ({view.outcomes} outcomes, from {CALIBRATED_FROM})", "dim")))
    return said


def _troubles(sight: Sight, glyphs: Glyphs) -> list[Line]:
    """What is wrong, before anything that rests on it."""
    lines: list[Line] = []
    engine = sight.store.engine
    failed = engine is not None and engine.phase == "failed"
    if engine is not None and failed:
        lines.append([(f" {glyphs.no} {engine.text}; numbers are as old as that", "danger")])
    if sight.halted:
        lines.append([(f" {glyphs.no} {sight.halted}", "warn")])
    elif sight.fault and not failed:
        lines.append([(f" {glyphs.stale} {sight.fault}; numbers are as old as that", "warn")])
    elif sight.quiet and not failed:
        lines.append([(f" {glyphs.alert} {sight.quiet}, quotes are fresh", "warn")])
    return lines


def _claim(view: Confluence, sight: Sight, glyphs: Glyphs) -> Line:
    """State, since when and where, and the bar it rests on."""
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[view.state]
    line: Line = [(f" {glyph} {view.state}".ljust(LABEL), STATE_STYLE[view.state])]
    words = ""
    if view.since_ms:
        price = fmt.price(view.since_price, sight.facts.decimals, glyphs=glyphs)
        words = f"since {fmt.clock_text(view.since_ms)[:5]} at {price}, "
    closed = fmt.clock_text(view.occurred_at + TIMEFRAME_MS.get(view.timeframe, 0))[:5]
    line.append((f"{words}as of {closed}", "dim"))
    return line


def _pair(label: str, text: str, style: str) -> Line:
    return [(f" {label}".ljust(LABEL), "dim"), (text, style)]
