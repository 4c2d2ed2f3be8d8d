"""What became of an order nobody knows it of: the evidence, what each verdict would mean, and the operator's word.

The verdict is typed out: there is no key to slip on. A fill can never be said here, only what ended; fills come from the venue.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from core.messages import OrderStatus, Resolution, ResolveOrder
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.ask import BACK, HALT
from tui.screens.base import DeskModal
from tui.widgets.line_panel import Line, fold
from tui.widgets.order_detail import detail_lines
from tui.widgets.orders_list import Item
from tui.widgets.typed_line import TypedLine

BORDER, MOST_COLUMNS = 8, 92
SCROLLS = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8}
VERDICTS: dict[str, Resolution] = {word: word for word in get_args(Resolution)}
MEANINGS: dict[Resolution, str] = {
    "FAILED_CONFIRMED": "it never reached the venue: neither its orders nor its trades on the website show it",
    "CANCELLED": "the website shows it cancelled; what it had filled stays counted",
    "EXPIRED": "the website shows it expired; what it had filled stays counted",
    "REJECTED": "the website shows it rejected, and nothing of it filled",
    "RELEASE": "what looked wrong is explained; the order goes on as the venue tells it",
}


def allowed(order: OrderStatus) -> list[Resolution]:
    """The verdicts that the evidence does not contradict."""
    if order.state != "UNKNOWN":
        ends: list[Resolution] = (
            ["CANCELLED", "EXPIRED"] if order.state in ("WORKING", "PARTIAL", "CANCEL_PENDING") else []
        )
        return [*ends, "RELEASE"] if order.quarantine else ends
    found: list[Resolution] = ["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED"]
    if order.order_id:
        found.remove("FAILED_CONFIRMED")
    if order.filled:
        found.remove("REJECTED")
    return [*found, "RELEASE"] if order.quarantine else found


class ResolveScreen(DeskModal[None]):
    """Enter sends the typed verdict, Esc leaves everything as it is. Evidence that comes meanwhile is shown."""

    SCOPE = "resolve"
    CSS_PATH = Path(__file__).parents[1] / "css" / "orders.tcss"

    def __init__(self, desk: Desk, order: OrderStatus) -> None:
        super().__init__(desk)
        self._key = order.client_id
        self._told = Static(classes="ask-lines", markup=False)
        self._hint = Static(classes="ask-hint", markup=False)
        self._painted = -1

    def compose(self) -> ComposeResult:
        with Vertical(classes="resolve-box"):
            with VerticalScroll(classes="resolve-scroll") as scroll:
                scroll.can_focus = False
                yield self._told
            yield TypedLine(self.desk, "verdict")
            yield self._hint

    def on_mount(self) -> None:
        self._paint()
        self.hint("")
        self.query_one(TypedLine).focus()
        self.set_interval(self.desk.pump.flush_s, self.desk.guard.wrap("resolve", self._paint))

    @property
    def order(self) -> OrderStatus | None:
        """The order as it is now."""
        return self.desk.store.trading.orders.get(self._key)

    def _paint(self) -> None:
        if self.desk.store.trading.version == self._painted:
            return
        self._painted = self.desk.store.trading.version
        text = Text()
        for line in self._lines():
            for words, look in line:
                text.append(self._spelt(words), getattr(self.desk.palette, look))
            text.append("\n")
        self._told.update(text)

    def _lines(self) -> Iterable[Line]:
        order = self.order
        yield [("What became of this order?", "bright")]
        if order is None:
            yield [("it is not known any more", "dim")]
            return
        width = max(20, min(self.app.size.width - BORDER, MOST_COLUMNS))
        yield from detail_lines(self.desk, Item("order", self._key, order.symbol), width)
        verdicts = allowed(order)
        if not verdicts:
            yield [("Its end is known meanwhile: nothing is left to say.", "accent")]
            return
        yield [("VERDICTS", "bright"), ("  look at the venue's website first", "dim")]
        for verdict in verdicts:
            yield from fold([(f" {verdict:<17}", "key"), (MEANINGS[verdict], "text")], width, 18)

    def _spelt(self, words: str) -> str:
        return plain_text(words) if self.desk.glyphs.name == "ascii" else words

    def hint(self, more: str) -> None:
        """What the keys do, and what was wrong with the last word."""
        palette = self.desk.palette
        text = Text()
        if more:
            text.append(self._spelt(more), palette.warn)
        else:
            text.append("type a verdict", palette.key)
            text.append(" and Enter to say it   ", palette.dim)
            text.append("Esc", palette.key)
            text.append(" leaves it UNKNOWN", palette.dim)
        self._hint.update(text)

    async def on_key(self, event: events.Key) -> None:
        """Letters go to the line; Esc goes back; the halt key halts. What edits the line is left to the line."""
        action = self.desk.keymap.action_for(self.SCOPE, event.key)
        if event.is_printable and event.character is not None:
            self.query_one(TypedLine).put(event.character)
        elif action is not None and action.id in (BACK, HALT):
            await self.perform(action)
        elif event.key in SCROLLS:
            self.query_one(VerticalScroll).scroll_relative(y=SCROLLS[event.key], animate=False)
        else:
            return
        event.stop()
        event.prevent_default()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip().upper()
        order, verdict = self.order, VERDICTS.get(typed)
        if not typed or order is None:
            self.hint("")
        elif verdict is None:
            self.hint(f"{typed} is no verdict: type one of {', '.join(allowed(order))}")
        elif verdict not in allowed(order):
            self.hint(f"the evidence says otherwise than {verdict}: type one of {', '.join(allowed(order))}")
        elif trouble := self.query_one(TypedLine).trouble():
            self.hint(trouble)
        else:
            self.desk.bus.publish(ResolveOrder(client_id=order.client_id, verdict=verdict))
            self.desk.say(f"{order.client_id}: said {verdict}", "warning")
            self.dismiss()
