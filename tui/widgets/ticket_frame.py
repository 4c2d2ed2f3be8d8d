"""The frame of an order ticket: what it is and which step on its upper edge, and where the order goes. Real money has its own."""

from __future__ import annotations

from rich.text import Text
from textual.containers import Container

from core.messages import TicketStatus
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.widgets.line_panel import Line
from tui.widgets.ticket_words import is_real, title_runs

FILL = {True: "━", False: "─"}
CORNERS = 6
"""Cells of the upper edge that no words may take."""


class TicketFrame(Container):
    """Its edge is drawn anew only when the words on it change."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="ticket-box")
        self._desk = desk
        self._told: tuple[Line, str, int] = ([], "", 0)

    def forget(self) -> None:
        """The theme changed."""
        self._told = ([], "", 0)

    def show(self, ticket: TicketStatus | None) -> None:
        """The words on the edge, and the frame of real money."""
        runs: Line = title_runs(ticket) if ticket is not None else [(" ORDER ", "bright")]
        told = runs, _place(ticket), self.outer_size.width - CORNERS
        if told == self._told:
            return
        self._told = told
        real = ticket is not None and is_real(ticket)
        self.set_class(real, "-real")
        self.border_title = self._edge(real)

    def _edge(self, real: bool) -> Text:
        runs, place, room = self._told
        palette, plainly = self._desk.palette, self._desk.glyphs.name == "ascii"
        text = Text()
        for words, look in runs:
            text.append(plain_text(words) if plainly else words, getattr(palette, look))
        gap = room - len(text) - len(place) - 2
        if place and gap >= 1:
            fill = ("=" if real else "-") if plainly else FILL[real]
            text.append(f" {fill * gap} ", palette.warn if real else palette.rule)
            text.append(plain_text(place) if plainly else place, palette.text)
        return text


def _place(ticket: TicketStatus | None) -> str:
    """Where the order goes."""
    if ticket is None:
        return ""
    return f"{ticket.account} {ticket.host}" if ticket.mode == "LIVE" else "simulated account"
