"""The gates of a ticket: what denies in full, what lets it pass in a word each, and where there is room with its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from core.messages import GateAnswer, TicketStatus
from tui.desk import Desk
from tui.widgets.line_panel import Line
from tui.widgets.ticket_words import LABEL, folded
from tui.widgets.trading_words import counted

FACTS_AT = 16
"""Cell of the first figure of a gate."""
LONG = re.compile(r"-?(?=[\d.]{13})\d+\.\d+")
DIGITS = 6


def gate_heading(desk: Desk, ticket: TicketStatus) -> Line:
    """`gates  ✓ all 38 let it pass`."""
    glyphs, number = desk.glyphs, len(ticket.gates)
    denials = len(denied(ticket))
    label = (f" {'gates':<{LABEL - 1}}", "dim")
    if not number:
        return [label, (f"{glyphs.missing}  not judged yet", "warn")]
    if denials:
        return [label, (f"{glyphs.no} {denials} of {counted(number, 'gate')} deny", "danger")]
    if not ticket.allowed:
        return [label, (f"{glyphs.no} not allowed", "danger")]
    return [label, (f"{glyphs.yes} ", "price_up"), (f"all {number} let it pass", "text")]


def denied(ticket: TicketStatus) -> list[GateAnswer]:
    """Those that say no."""
    return [answer for answer in ticket.gates if not answer.allowed]


def reason_of(answer: GateAnswer) -> str:
    """Why a gate denies, without its code in front."""
    return answer.words.removeprefix(answer.code).lstrip(" :") or "denied"


def denial_lines(desk: Desk, ticket: TicketStatus, width: int) -> list[Line]:
    """`✗ PRICE_COLLAR  152.35 is 1.4 % from mid 150.20, limit 1.0 %: …`."""
    lines: list[Line] = []
    for answer in denied(ticket):
        mark = (f" {desk.glyphs.no} {answer.code}  ", "danger")
        lines += folded([mark, (reason_of(answer), "text")], width, LABEL)
    return lines


def pass_lines(desk: Desk, ticket: TicketStatus, width: int, most: int) -> list[Line]:
    """`✓ armed  ✓ journal …` in at most so many lines; what has no room is counted."""
    labels = [f"{desk.glyphs.yes} {answer.label}" for answer in ticket.gates if answer.allowed]
    rows: list[list[str]] = []
    room = width - LABEL
    for place, label in enumerate(labels):
        if rows and len(" ".join([*rows[-1], label])) <= room:
            rows[-1].append(label)
        elif len(rows) < most:
            rows.append([label])
        else:
            return _with_rest(rows, len(labels) - place, room)
    return [[(" " * LABEL + " ".join(row), "dim")] for row in rows]


def _with_rest(rows: list[list[str]], left: int, room: int) -> list[Line]:
    """The last words of the last line make room for how many are left."""
    if not rows:
        return []
    while rows[-1] and len(" ".join([*rows[-1], f"and {left} more"])) > room:
        rows[-1].pop()
        left += 1
    rows[-1].append(f"and {left} more")
    return [[(" " * LABEL + " ".join(row), "dim")] for row in rows]


def brief(value: str) -> str:
    """A figure that has gone through a division in six digits that count; the journal has all of them."""
    if not LONG.fullmatch(value):
        return value
    number = Decimal(value)
    if len(number.as_tuple().digits) <= 2 * DIGITS:
        return value
    return f"{number.quantize(Decimal(1).scaleb(min(0, number.adjusted() - DIGITS + 1))):f}"


def gate_table(desk: Desk, gates: Sequence[GateAnswer], width: int, height: int) -> list[Line]:
    """Every gate on a line of its own with what it looked at: the denials first, then in the order they were asked."""
    if not gates:
        return []
    glyphs = desk.glyphs
    lines: list[Line] = [[(" GATES", "bright"), ("  and what each looked at", "dim")]]
    for answer in sorted(gates, key=lambda answer: answer.allowed):
        look = ("price_up", "text") if answer.allowed else ("danger", "danger")
        line: Line = [
            (f" {glyphs.yes if answer.allowed else glyphs.no} ", look[0]),
            (f"{answer.label:<{FACTS_AT - 3}}", look[1]),
        ]
        for name, value in answer.facts.items():
            line += [(f"{name.replace('_', ' ')} ", "dim"), (f"{brief(value)}  ", "text")]
        lines += [folded(line, width, FACTS_AT)[0]]
    if len(lines) > height:
        cut = lines[: max(0, height - 1)]
        return [*cut, [(f"   and {len(lines) - len(cut)} more", "dim")]]
    return lines
