"""Mode 6, the inbox: proposals, alarms and fills wait here until each is acknowledged, dismissed or snoozed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.containers import Container
from textual.widget import Widget

from core.messages import Answer, AnswerItem, InboxItem, OpenTicket
from tui.desk import Desk
from tui.format import clock_text
from tui.screens.base import DeskScreen
from tui.screens.inbox_actions import ACTIONS, GLOSSARY, SCOPE
from tui.screens.inbox_detail import InboxDetailScreen
from tui.screens.line_cursor import LineCursor
from tui.widgets.inbox_detail import detail_lines
from tui.widgets.inbox_list import Listing, listed
from tui.widgets.inbox_words import LOOK, STATE_WORDS, waits, words_of
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.rule import ColumnRule, Rule
from tui.widgets.trading_words import counted

REPAINT_S = 1.0
"""Ages, countdowns and prices go on without news of the inbox."""


class InboxScreen(LineCursor, DeskScreen):
    """The cursor stays on its item whatever comes above it."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "inbox.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.item: InboxItem | None = None
        """The one under the cursor."""
        self.list = LinePanel(desk, "inbox-list")
        self.detail = LinePanel(desk, "inbox-detail")
        self.answer = LinePanel(desk, "inbox-answer")
        self._panels = (self.list, self.detail, self.answer)
        self._shown = Listing([], {})
        self._line = 0
        self._painted: tuple[Any, ...] = ()
        self._painted_s = float("-inf")

    def compose_body(self) -> Iterable[Widget]:
        with Container(id="inbox-body"):
            yield self.list
            yield Rule(self.desk)
            yield ColumnRule(self.desk)
            yield self.detail
        yield self.answer

    # --- painting ------------------------------------------------------------------------------------------------------

    def restyle(self) -> None:
        for panel in self._panels:
            panel.forget()
        self._painted = ()

    def flush(self) -> None:
        now_s = self.desk.clock.monotonic()
        key = self.item.item_id if self.item is not None else ""
        seen = (self.desk.store.trading.inbox, key, tuple(panel.size for panel in self._panels))
        if seen == self._painted and now_s - self._painted_s < REPAINT_S:
            return
        self._painted, self._painted_s = seen, now_s
        self._shown = listed(self.desk, self.list.size.width - 1)
        self._keep_cursor()
        home = min(self._shown.items, default=0)
        self.list.put(self._shown.lines, self._line if self.item is not None else -1, home=home)
        self.detail.put(detail_lines(self.desk, self.item, *self.detail.size))
        self.answer.put([self._hint()])

    def _keep_cursor(self) -> None:
        """On its own item; when that has left on the nearest one."""
        items = self._shown.items
        for line, item in items.items():
            if self.item is not None and item.item_id == self.item.item_id:
                self._line, self.item = line, item
                return
        if not items:
            self.item, self._line = None, 0
            return
        self._line = (
            min(items, key=lambda line: (abs(line - self._line), line)) if self.item is not None else min(items)
        )
        self.item = items[self._line]

    def _hint(self) -> Line:
        """The argument of the chosen item in one line."""
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

    # --- moving --------------------------------------------------------------------------------------------------------

    def _acted(self) -> None:
        self._painted = ()
        self._tick()

    def _move(self, step: int) -> None:
        lines = sorted(self._shown.items)
        if lines:
            place = lines.index(self._line) if self._line in lines else 0
            self._line = lines[max(0, min(place + step, len(lines) - 1))]
            self.item = self._shown.items[self._line]
        self._acted()

    def _page(self) -> int:
        return max(1, self.list.size.height - 3)

    def _farthest(self) -> int:
        return len(self._shown.lines)

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

    async def act_symbol(self) -> None:
        if self.item is None or not self.item.symbol:
            self.desk.say("this line is about no symbol")
            return
        jump: Any = self.app
        await jump.jump_to(self.item.symbol)
