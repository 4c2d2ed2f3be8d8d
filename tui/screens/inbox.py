"""Mode 6, the inbox: proposals, alarms and fills wait here until each is acknowledged, dismissed or snoozed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.widget import Widget

from core.messages import Answer, AnswerItem, InboxItem, OpenTicket
from tui.desk import Desk
from tui.format import clock_text
from tui.screens.inbox_actions import ACTIONS, GLOSSARY, SCOPE
from tui.screens.inbox_detail import InboxDetailScreen
from tui.screens.listing import ListingScreen
from tui.widgets.inbox_detail import detail_lines
from tui.widgets.inbox_list import listed
from tui.widgets.inbox_words import LOOK, STATE_WORDS, waits, words_of
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.listing import Listing
from tui.widgets.trading_words import counted


class InboxScreen(ListingScreen[InboxItem]):
    """What waits, and what was answered a moment ago."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "inbox.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.detail = LinePanel(desk, "inbox-detail")
        self._panels = (self.list, self.detail, self.answer)

    def compose_body(self) -> Iterable[Widget]:
        yield from self._compose_list(self.detail)

    # --- painting ------------------------------------------------------------------------------------------------------

    def _seen(self) -> tuple[Any, ...]:
        return (self.desk.store.trading.inbox,)

    def _listed(self, width: int) -> Listing[InboxItem]:
        return listed(self.desk, width)

    def _identity(self, item: InboxItem) -> Hashable:
        return item.item_id

    def _paint_rest(self) -> None:
        self.detail.put(detail_lines(self.desk, self.item, *self.detail.size))

    def _hint(self) -> Line:
        item, keys = self.item, self.desk.keymap
        if item is None:
            return [(" Nothing waits for you.", "dim")]
        if item.state == "SNOOZED":
            return [(f" snoozed: it waits again at {clock_text(item.until_ms)}", "dim")]
        if not waits(item):
            return [(f" {STATE_WORDS[item.state]}: it leaves the list in a moment", "dim")]
        if item.kind == "PROPOSAL":
            return [(f" {item.symbol} {item.side or ''}: ", "bright"), (item.text, "text")]
        if item.kind == "ALARM":
            return [(f" {words_of(item)}", LOOK[item.severity])]
        one, every = keys.label("inbox.acknowledge"), keys.label("inbox.acknowledge_fills")
        return [(f" {one} acknowledges this fill, {every} all of them", "dim")]

    # --- acting --------------------------------------------------------------------------------------------------------

    def symbol_chosen(self) -> str:
        return self.item.symbol if self.item is not None else ""

    async def act_open(self) -> None:
        item = self.item
        if item is None:
            self.desk.say("nothing waits in the inbox")
        elif item.kind == "PROPOSAL":
            await self._ticket(item)
        else:
            await self.app.push_screen(InboxDetailScreen(self.desk, item))

    async def act_ticket(self) -> None:
        """`o`: of a proposal its own ticket, else what the key does everywhere."""
        if self.item is not None and self.item.kind == "PROPOSAL":
            await self._ticket(self.item)
            return
        app: Any = self.app
        await app.act_ticket()

    async def _ticket(self, item: InboxItem) -> None:
        if not waits(item):
            self.desk.say(f"{item.symbol} is {STATE_WORDS[item.state]}: there is nothing to order", "warning")
            return
        from tui.screens.order import OrderScreen

        await self.app.push_screen(OrderScreen(self.desk, OpenTicket(symbol=item.symbol, proposal=item.item_id)))

    def act_acknowledge(self) -> None:
        self._answer("ACKNOWLEDGED", "acknowledged")

    def act_dismiss(self) -> None:
        self._answer("DISMISSED", "dismissed")

    def act_snooze(self) -> None:
        self._answer("SNOOZED", f"snoozed for {self.desk.setting('trading.snooze_min'):g} minutes")

    def act_acknowledge_fills(self) -> None:
        fills = [item for item in self._shown.items.values() if item.kind == "FILL" and waits(item)]
        for item in fills:
            self.desk.bus.publish(AnswerItem(item_id=item.item_id, answer="ACKNOWLEDGED"))
        self.desk.say(f"{counted(len(fills), 'fill')} acknowledged" if fills else "no fill waits")
        self._acted()

    def _answer(self, answer: Answer, words: str) -> None:
        item = self.item
        if item is None:
            self.desk.say("nothing waits in the inbox")
        elif not waits(item):
            self.desk.say(f"this {item.kind.lower()} is {STATE_WORDS[item.state]} already")
        else:
            self.desk.bus.publish(AnswerItem(item_id=item.item_id, answer=answer))
            name = f"{item.symbol} {item.kind.lower()}".strip()
            self.desk.say(f"{name} {words}")
        self._acted()
