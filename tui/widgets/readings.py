"""Every reading by family: what it says, its exact share in log-odds, its gain in probability, and the sum they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.messages import Confluence, Contribution, Reading
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, ends, fold, width_of
from tui.widgets.market_columns import STATE_STYLE
from tui.widgets.market_vote import GAIN
from tui.widgets.sight import Sight

FAMILIES = ("TREND", "STRUCTURE", "LEVEL", "MOMENTUM", "MEANREV", "VOLUME", "PATTERN", "FLOW")
"""The order of the table; other families follow by name."""
FULL_LOGIT = 0.25
"""A share of this much log-odds fills the bar."""
FAMILY, SAYS, LOGIT, GAIN_PP, TAG = 9, 4, 6, 6, 3
DETECTOR_LEAST, DETECTOR_MOST = 10, 16
BAR_LEAST, BAR_MOST = 4, 8
REASON_LEAST, REASON_GOOD = 16, 32
"""Cells of a reason worth showing, and those it gets before the bar grows."""
GROUPS_FROM, COUNTS_FROM = 7, 10
"""From this many lines on the groups, and how many are silent, have room under the voices."""
GROUPS = ("CLASSIC", "SMC", "FLOW", "MODEL")


class Entry(NamedTuple):
    """One line of the table. `detector` is empty on lines that are not one."""

    detector: str
    line: Line


class Table(NamedTuple):
    """Widths for one table: cells of the detector's name, of the bar, and of the reason (0: not shown)."""

    detector: int
    bar: int
    reason: int


def table_for(width: int, names: Sequence[str]) -> Table:
    """Name and bar take what is left of a narrow table; a wide one shows the reason as well."""
    longest = max((len(name) for name in names), default=DETECTOR_LEAST)
    detector = min(DETECTOR_MOST, max(DETECTOR_LEAST, longest))
    fixed = 1 + FAMILY + 1 + 1 + SAYS + 1 + LOGIT + 1 + GAIN_PP + 1 + 1 + TAG
    spare = width - fixed - detector - BAR_LEAST
    if spare < 0:
        detector = max(DETECTOR_LEAST, detector + spare)
        spare = 0
    if spare < REASON_LEAST:
        return Table(detector, min(BAR_MOST, BAR_LEAST + spare), 0)
    bar = BAR_LEAST + min(BAR_MOST - BAR_LEAST, max(0, spare - REASON_GOOD - 1))
    return Table(detector, bar, spare - (bar - BAR_LEAST) - 1)


class Readings(NamedTuple):
    """The table; its last `foot` lines stay in sight while the others scroll."""

    entries: list[Entry]
    foot: int


def reading_table(sight: Sight, glyphs: Glyphs, width: int, height: int, everything: bool) -> Readings:
    """Voices by family, the sums under them, then silent and warming detectors: listed when asked for or when there is
    room, else counted. When not all fits, the sums are shortened and stay at the bottom.
    """
    view = sight.view
    if view is None:
        return Readings([Entry("", [(f" {sight.waiting}", "dim")])] if sight.waiting else [], 0)
    readings = sight.looked.readings
    table = table_for(width, [part.detector for part in view.contributions] + list(readings))
    voices = [Entry("", _head(table)), *_speaking(view, table, glyphs)]
    if not view.contributions:
        voices.append(Entry("", [(" no detector has an opinion on the last closed bar", "dim")]))
    sums = _sums(view, table, glyphs, width)
    spoken = {part.detector for part in view.contributions}
    quiet = sorted((r for r in readings.values() if r.detector not in spoken), key=_order)
    listed = _quiet(quiet, sight, table, glyphs, width) if quiet else []
    room = height - len(voices) - len(sums)
    if listed and len(listed) < room:
        return Readings([*voices, *sums, Entry("", []), *listed], 0)
    if everything:
        return Readings([*voices, *listed, *sums], len(sums))
    if room < 1:
        sums = [_groups(view, glyphs), sums[-1]]
    foot = [*sums, *_counted(view, quiet, width, room)] if height >= COUNTS_FROM else sums
    foot = foot if height >= GROUPS_FROM else sums[-1:]
    return Readings([*voices, *foot], len(foot))


def _head(table: Table) -> Line:
    head = f" {'FAMILY':<{FAMILY}} {'DETECTOR':<{table.detector}} {'SAYS':<{SAYS}} "
    head += f"{'LOGIT':>{LOGIT}} {'pp':>{GAIN_PP}} {'':<{table.bar}} {'':<{TAG}}"
    return [(head + (" REASON" if table.reason else ""), "dim")]


def _speaking(view: Confluence, table: Table, glyphs: Glyphs) -> list[Entry]:
    """Contributions by family, the strongest of each family first; a family is named once."""
    parts = sorted(view.contributions, key=lambda part: (_family_order(part.family), -abs(part.logit), part.detector))
    entries, before = [], ""
    for part in parts:
        entries.append(Entry(part.detector, _part_line(part, table, glyphs, part.family != before)))
        before = part.family
    return entries


def _part_line(part: Contribution, table: Table, glyphs: Glyphs, first: bool) -> Line:
    style = STATE_STYLE[part.side]
    arrow = glyphs.up if part.side == "BUY" else glyphs.down
    line: Line = [
        (f" {fmt.fit(part.family if first else '', FAMILY, glyphs)} ", "dim"),
        (f"{fmt.fit(part.detector, table.detector, glyphs)} ", "bright"),
        (f"{arrow}{fmt.probability(part.score):<{SAYS - 1}} ", style),
        (fmt.signed(part.logit, 2, LOGIT, glyphs=glyphs), "text"),
        (" " + fmt.signed(part.gain * 100, 1, GAIN_PP, glyphs=glyphs), _sign_style(part.gain)),
        (" " + signed_bar(part.logit, table.bar, glyphs), style),
        (f" {part.group[:TAG] if part.group != 'CLASSIC' else '':<{TAG}}", "accent"),
    ]
    if table.reason:
        line.append((" " + fmt.fit(GAIN.sub("", part.reason), table.reason, glyphs), "text"))
    return line


def signed_bar(logit: float, cells: int, glyphs: Glyphs) -> str:
    """High blocks for BUY, low ones for SELL, so that it reads without colour; at least one cell for any voice."""
    filled = min(cells, max(1, round(abs(logit) / FULL_LOGIT * cells))) if logit else 0
    return ((glyphs.bar_full if logit > 0 else glyphs.spark[1]) * filled).ljust(cells)


def _sums(view: Confluence, table: Table, glyphs: Glyphs, width: int) -> list[Entry]:
    """Groups, base rate and the total; the logits add up exactly, the gain of the total is P minus the base rate."""
    label = 1 + FAMILY + 1 + table.detector + 1 + SAYS + 1
    entries = []
    for group, total in _totals(view).items():
        voices = sum(part.group == group for part in view.contributions)
        text = f" [{group}] {voices} {'voice' if voices == 1 else 'voices'}"
        line: Line = [(f"{text:<{label}}", "dim"), (fmt.signed(total, 2, LOGIT, glyphs=glyphs), "text")]
        bar = signed_bar(total if abs(total) >= 0.005 else 0.0, table.bar, glyphs)
        line.append((f" {'':>{GAIN_PP}} {bar}", _sign_style(total)))
        entries.append(Entry("", line))
    rate = 1.0 / (1.0 + math.exp(-view.base_logit))
    base = f" base rate {fmt.probability(rate)}"
    entries.append(
        Entry("", [(f"{base:<{label}}", "dim"), (fmt.signed(view.base_logit, 2, LOGIT, glyphs=glyphs), "text")])
    )
    moved = view.probability - rate
    total_line: Line = [
        (f"{f' sum: P {fmt.probability(view.probability)}':<{label}}", "bright"),
        (fmt.signed(view.logit, 2, LOGIT, glyphs=glyphs), "bright"),
        (" " + fmt.signed(moved * 100, 1, GAIN_PP, glyphs=glyphs), _sign_style(moved)),
    ]
    if view.gate < 1.0:
        gate = f"  {'x' if glyphs.name == 'ascii' else '×'}{view.gate:g}"
        if width_of(total_line) + len(gate) <= width:
            total_line.append((gate, "warn"))
    entries.append(Entry("", total_line))
    return entries


def _groups(view: Confluence, glyphs: Glyphs) -> Entry:
    """Base rate and groups on one line, where there is no room for a line each."""
    line: Line = [(" base", "dim"), (fmt.signed(view.base_logit, 2, 7, glyphs=glyphs), "text")]
    for group, total in _totals(view).items():
        line += [(f"  [{group}]", "dim"), (fmt.signed(total, 2, 7, glyphs=glyphs), "text")]
    return Entry("", line)


def _totals(view: Confluence) -> dict[str, float]:
    """Log-odds of each group that has a voice."""
    spoken = {part.group for part in view.contributions}
    return {
        group: math.fsum(part.logit for part in view.contributions if part.group == group)
        for group in GROUPS
        if group in spoken
    }


def _quiet(readings: Sequence[Reading], sight: Sight, table: Table, glyphs: Glyphs, width: int) -> list[Entry]:
    """Detectors without an opinion: why, or what they look for."""
    entries, before = [], ""
    for reading in readings:
        family = reading.family if reading.family != before else ""
        before = reading.family
        info = sight.store.detectors.get(reading.detector)
        words = reading.reasons[0] if reading.reasons else f"silent. {info.about if info is not None else ''}"
        line: Line = [
            (f" {fmt.fit(family, FAMILY, glyphs)} ", "dim"),
            (f"{fmt.fit(reading.detector, table.detector, glyphs)} ", "text" if not reading.warming else "dim"),
        ]
        line.append((fmt.fit(words, max(0, width - width_of(line) - 1), glyphs), "dim"))
        entries.append(Entry(reading.detector, line))
    return entries


def _counted(view: Confluence, quiet: Sequence[Reading], width: int, room: int) -> list[Entry]:
    """How many have no opinion; by name when there is room for that."""
    if not quiet:
        silent = max(0, view.readings - view.warming - len(view.contributions))
        return [Entry("", [(f" {_number(silent, view.warming)}", "dim")])]
    warming = sum(reading.warming for reading in quiet)
    words = _number(len(quiet) - warming, warming)
    named = fold([(f" {words}: {', '.join(reading.detector for reading in quiet)}", "dim")], width, 1)
    return (
        [Entry("", line) for line in named] if len(named) <= room else [Entry("", [(f" {words}: x lists them", "dim")])]
    )


def _number(silent: int, warming: int) -> str:
    return f"{silent} silent" + (f", {warming} warming up" if warming else "")


def _order(reading: Reading) -> tuple[bool, int, str]:
    return reading.warming, _family_order(reading.family)[0], reading.detector


def _family_order(family: str) -> tuple[int, str]:
    return (FAMILIES.index(family), family) if family in FAMILIES else (len(FAMILIES), family)


def _sign_style(value: float) -> str:
    if value > 0:
        return "price_up"
    return "price_down" if value < 0 else "text"


def reading_words(sight: Sight, detector: str, glyphs: Glyphs, width: int) -> tuple[Line, Line]:
    """Two lines about one detector: what it says now, of which bar, and what it looks for."""
    info = sight.store.detectors.get(detector)
    reading = sight.looked.readings.get(detector)
    part = next((part for part in sight.view.contributions if part.detector == detector), None) if sight.view else None
    words = ""
    if part is not None:
        words = GAIN.sub("", part.reason)
    elif reading is not None:
        words = reading.reasons[0] if reading.reasons else "silent on the last closed bar"
    bar: Line = []
    if reading is not None and reading.side != "HOLD" and reading.occurred_at:
        bar = [(f"bar {fmt.clock_text(reading.occurred_at)[:5]} ", "dim")]
    about = info.about if info is not None else ""
    return ends([(f" {detector}", "bright"), (f"  {words}", "text")], bar, width), [(f" {about}", "dim")]
