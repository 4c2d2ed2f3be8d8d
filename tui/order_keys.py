"""The keys of every screen that begin something with orders: the ticket of the chosen symbol, and real money or paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.messages import GoPaper, OpenTicket
from tui.screens.base import Keyed

if TYPE_CHECKING:
    from tui.app import TradeApp

OPEN_STEPS = ("REVIEW", "CONSEQUENCES", "AUTHORISE", "SENDING")


async def open_ticket(app: TradeApp) -> None:
    """The ticket that is open, else one for the symbol under the cursor, from its proposal where there is one."""
    from tui.screens.order import OrderScreen

    desk, screen = app.desk, app.screen
    if isinstance(screen, OrderScreen):
        return
    trading = desk.store.trading
    if trading.ticket is not None and trading.ticket.step in OPEN_STEPS:
        await app.push_screen(OrderScreen(desk, None))
        return
    symbol = screen.symbol_chosen() if isinstance(screen, Keyed) else ""
    if not symbol:
        desk.say("no symbol is chosen: put the cursor on one first", "warning")
        return
    items = trading.inbox.items if trading.inbox is not None else ()
    proposal = next(
        (one.item_id for one in items if (one.kind, one.state, one.symbol) == ("PROPOSAL", "WAITING", symbol)), ""
    )
    await app.push_screen(OrderScreen(desk, OpenTicket(symbol=symbol, proposal=proposal)))


async def toggle_live(app: TradeApp) -> None:
    """Armed: back to paper at once. Else the questions that lead to real orders."""
    from tui.screens.go_live import GoLiveScreen

    desk = app.desk
    session = desk.store.trading.session
    if session is None:
        desk.say("no account yet: the engine is still starting", "warning")
    elif session.phase == "ARMED":
        desk.bus.publish(GoPaper())
        desk.say("disarmed: no real entries; back on paper once nothing is open at the venue", "warning")
    elif not isinstance(app.screen, GoLiveScreen):
        await app.push_screen(GoLiveScreen(desk))
