"""The limits by group, one per line: level, name, used, limit, a bar of the share, and words where there is something to say."""

from __future__ import annotations

from core.messages import LimitUse, RiskStatus
from tui.desk import Desk
from tui.format import age
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, width_of
from tui.widgets.listing import Listing
from tui.widgets.risk_words import LOOK, limit_text, mark, share_text, used_text, waits_for
from tui.widgets.table_lines import Cells, Column, table_lines

STALE_S = 15.0
"""The engine tells the limits every few seconds; older than this they are not shown as if new."""
BAR, LONG_BAR = 8, 20
LONG_FROM = 110
"""Cells of a line from which there is room for the share as a number too."""
WORDS_FROM = 14
"""Cells below which words are left to the line under the list."""
COLUMNS = (
    Column("level", "", 100, least=1),
    Column("label", "LIMIT", 90, least=19),
    Column("used", "USED", 95, least=11, right=True),
    Column("limit", "AT MOST", 94, least=11, right=True),
    Column("bar", "", 40),
    Column("share", "SHARE", 60, least=5, right=True),
)


def is_stale(desk: Desk, status: RiskStatus) -> bool:
    """Whether the engine has said nothing for too long."""
    return desk.clock.now_ms() - status.at_ms > STALE_S * 1000


def listed(desk: Desk, width: int) -> Listing[LimitUse]:
    """Everything that is known, groups in the engine's order."""
    status, glyphs = desk.store.trading.risk, desk.glyphs
    if status is None:
        words = "no limits yet: the engine tells them once an account is open"
        return Listing([[(f" {words}", "dim")]])
    stale = is_stale(desk, status)
    bar = LONG_BAR if width >= LONG_FROM else BAR
    columns = COLUMNS if width >= LONG_FROM else COLUMNS[:-1]
    rows = [_cells(use, glyphs, bar, stale) for use in status.uses]
    head, *lines = table_lines(columns, rows, width, missing=glyphs.missing, ellipsis=glyphs.ellipsis)
    if stale:
        since = age((desk.clock.now_ms() - status.at_ms) / 1000)
        head = [*head, (f"  {glyphs.stale} told {since} ago", "stale")]
    made: Listing[LimitUse] = Listing([head])
    group = ""
    for use, line in zip(status.uses, lines, strict=True):
        if use.group != group:
            group = use.group
            made.lines.append(_heading(status, group))
        made.add(use, [*line, *_words(status, use, width - width_of(line) - 2, glyphs)])
    return made


def fitted_words(text: str, room: int, ellipsis: str) -> str:
    """As many whole words as fit, so that no number is cut."""
    if len(text) <= room:
        return text
    cut = text[: max(0, room)].rpartition(" ")[0].rstrip(" ,:;")
    return f"{cut}{ellipsis}" if cut else ""


def _cells(use: LimitUse, glyphs: Glyphs, bar: int, stale: bool) -> Cells:
    look = "stale" if stale else LOOK[use.level]
    value = "bright" if look == "text" else look
    bar_look = "accent" if look == "text" else look
    measured = bool(use.limit) or use.level == "unknown"
    filled = glyphs.bar(use.share, bar).rstrip(glyphs.bar_empty) if measured else ""
    empty = glyphs.bar_empty * (bar - len(filled)) if measured else " " * bar
    return {
        "level": [(mark(use.level, glyphs), "dim" if look == "text" else look)],
        "label": [(use.label, "stale" if stale else "text")],
        "used": [(used_text(use, glyphs), value)],
        "limit": [(limit_text(use, glyphs), "stale" if stale else "text")],
        "bar": [(filled, bar_look), (empty, "rule")],
        "share": [
            (share_text(use, glyphs) if measured else "", "stale" if stale else "dim" if use.level == "ok" else look)
        ],
    }


def _heading(status: RiskStatus, group: str) -> Line:
    line: Line = [(f" {group.upper()}", "accent")]
    for level, words in (("over", "reached"), ("near", "near"), ("unknown", "not known")):
        count = sum(use.level == level for use in status.uses if use.group == group)
        if count:
            line.append((f"  {count} {words}", {"over": "danger", "near": "warn"}.get(level, "stale")))
    return line


def _words(status: RiskStatus, use: LimitUse, room: int, glyphs: Glyphs) -> Line:
    if room < WORDS_FROM:
        return []
    waits = waits_for(status, use).partition(":")[0]
    if waits:
        text = fitted_words(f"{waits} waits", room, glyphs.ellipsis)
        line: Line = [("  ", "text"), (text, "accent")]
        return [*line, *_words_of(use, room - len(text) - 2, glyphs)]
    return _words_of(use, room, glyphs)


def _words_of(use: LimitUse, room: int, glyphs: Glyphs) -> Line:
    if use.level == "ok" or room < WORDS_FROM:
        return []
    return [("  ", "text"), (fitted_words(use.words, room, glyphs.ellipsis), LOOK[use.level])]
