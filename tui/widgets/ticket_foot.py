"""The last two lines of a ticket: what was wrong with the newest key, and the keys that do something on this page."""

from __future__ import annotations

from core.messages import TicketStatus
from tui.desk import Desk
from tui.screens.order_actions import SCOPE
from tui.widgets.line_panel import Line, width_of

CHANGES = (
    ("price", "price"), ("stop", "stop"), ("targets", "targets"), ("size", "size"), ("side", "side"), ("type", "type"),
)  # fmt: skip
EDITABLE = ("REVIEW", "EXPIRED", "REFUSED")
OVER = ("SENT", "CLOSED")
WAITING = "... asked; waiting for the answer"


def key_line(desk: Desk, ticket: TicketStatus | None, editing: bool, width: int) -> Line:
    """The keys of this page, most important first; the last ones go where there is no room."""
    line: Line = []
    for key, words in _keys(desk, ticket, editing):
        runs: Line = [("  " if line else " ", "text"), (key, "key"), (f" {words}", "dim")]
        if width_of(line) + width_of(runs) <= width:
            line += runs
    return line


def _keys(desk: Desk, ticket: TicketStatus | None, editing: bool) -> list[tuple[str, str]]:
    label = desk.keymap.label
    if editing:
        return [("Enter", "reviews it with this value"), ("Esc", "leaves it as it is")]
    if ticket is None:
        return [("Esc", "back")]
    if ticket.step in OVER:
        return [("any key", "goes back")]
    if ticket.step == "SENDING":
        return [("Esc", "back")]
    again = (label(f"{SCOPE}.refresh"), "anew")
    changes = [(label(f"{SCOPE}.{verb}"), words) for verb, words in CHANGES]
    back = ("Esc", "back")
    if ticket.step == "REVIEW" and ticket.mode == "PAPER":
        return [(label(f"{SCOPE}.yes"), "send"), back, again, *changes]
    if ticket.step == "REVIEW":
        return [(label(f"{SCOPE}.next"), "next"), back, again, *changes]
    if ticket.step in EDITABLE:
        return [again, back, *changes]
    halt = desk.keymap.keys_of("app.halt")[-1].upper()
    return [("Enter", "next" if ticket.step == "CONSEQUENCES" else "send"), back, ("^r", "anew"), (halt, "halt")]
