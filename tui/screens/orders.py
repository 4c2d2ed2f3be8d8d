"""Mode 5, orders and positions: the account, what protects each position, every order and every difference with the venue."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.widget import Widget

from tui.desk import Desk
from tui.screens import orders_commands as commands
from tui.screens.ask import AskScreen
from tui.screens.ask_value import Question, ValueScreen
from tui.screens.listing import ListingScreen
from tui.screens.orders_actions import ACTIONS, GLOSSARY, SCOPE
from tui.trading_store import needs_resolving
from tui.widgets.account_lines import account_lines
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.listing import Listing
from tui.widgets.order_detail import detail_lines
from tui.widgets.orders_list import Item, listed
from tui.widgets.rule import Rule


class OrdersScreen(ListingScreen[Item]):
    """Everything held and ordered. Shown while everything stands still, it says so."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "orders.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.account = LinePanel(desk, "orders-account")
        self.detail = LinePanel(desk, "orders-detail")
        self._panels = (self.account, self.list, self.detail, self.answer)

    def compose_body(self) -> Iterable[Widget]:
        yield self.account
        yield Rule(self.desk)
        yield from self._compose_list(self.detail)

    # --- painting ------------------------------------------------------------------------------------------------------

    def _seen(self) -> tuple[Any, ...]:
        return (self.desk.store.trading.version, self.desk.store.universe_version)

    def _listed(self, width: int) -> Listing[Item]:
        return listed(self.desk, width)

    def _identity(self, item: Item) -> Hashable:
        return item.kind, item.key

    def _paint_rest(self) -> None:
        self.account.put(account_lines(self.desk, self.account.size.width))
        self.detail.put(detail_lines(self.desk, self.item, self.detail.size.width))

    def _hint(self) -> Line:
        return commands.hint(self.desk, self.item)

    # --- acting --------------------------------------------------------------------------------------------------------

    def act_back(self) -> None:
        if self.desk.store.trading.away:
            self.desk.store.trading.away.clear()
            self._acted()
        else:
            super().act_back()

    async def act_open(self) -> None:
        from tui.screens.order_detail import OrderDetailScreen

        if self.item is None:
            self.desk.say("nothing is listed yet")
        else:
            await self.app.push_screen(OrderDetailScreen(self.desk, self.item))

    async def act_resolve(self) -> None:
        from tui.screens.resolve import ResolveScreen

        order = commands.order_of(self.desk, self.item)
        if order is None or not needs_resolving(order):
            unknown = self.desk.store.trading.unknown()
            if not unknown:
                self.desk.say("no order is unknown or in quarantine: there is nothing to resolve")
                return
            order = unknown[0]
            self.choose(Item("order", order.client_id or order.order_id, order.symbol))
            if len(unknown) > 1:
                self.desk.say(f"{len(unknown)} orders need you: choose one and press the key again", "warning")
                return
        await self.app.push_screen(ResolveScreen(self.desk, order))

    def symbol_chosen(self) -> str:
        return self.item.symbol if self.item is not None else ""

    def act_cancel(self) -> None:
        commands.cancel(self.desk, self.item)
        self._acted()

    def act_reconcile(self) -> None:
        commands.reconcile(self.desk)
        self._acted()

    async def act_close(self) -> None:
        position = commands.position_of(self.desk, self.item)
        if position is None:
            self.desk.say("choose a position to close; an order is cancelled, not closed", "warning")
            self._acted()
        else:
            await self._value(commands.closing(self.desk, position))

    async def act_move(self) -> None:
        await self._value(commands.moving(self.desk, commands.position_of(self.desk, self.item)))

    async def act_amend(self) -> None:
        ticket = commands.amending(self.desk, self.item)
        if ticket is None:
            self._acted()
            return
        from tui.screens.order import OrderScreen

        await self.app.push_screen(OrderScreen(self.desk, ticket))

    async def _value(self, question: Question | None) -> None:
        """Ask for it. Without a question why not has been said."""
        if question is not None:
            await self.app.push_screen(ValueScreen(self.desk, question))
        else:
            self._acted()

    async def act_flatten(self) -> None:
        await self._ask(commands.flattening(self.desk), lambda: commands.flatten(self.desk))

    async def act_resume(self) -> None:
        await self._ask(commands.resuming(self.desk), lambda: commands.resume(self.desk))

    async def act_adopt(self) -> None:
        key = self.item.key if self.item is not None else ""
        await self._ask(commands.adopting(self.desk, self.item), lambda: commands.adopt(self.desk, key))

    async def act_reset(self) -> None:
        await self._ask(commands.resetting(self.desk), lambda: commands.reset(self.desk))

    async def _ask(self, question: AskScreen | None, then: Callable[[], None]) -> None:
        """Ask; on yes do it, to the account it was asked about. Without a question why not has been said."""
        if question is None:
            self._acted()
            return
        trading = self.desk.store.trading
        asked_of = trading.accounts

        def answered(yes: bool | None) -> None:
            if yes and trading.accounts != asked_of:
                self.desk.say("another account came into force meanwhile: nothing was asked of it", "warning")
            elif yes:
                then()

        await self.app.push_screen(question, answered)
