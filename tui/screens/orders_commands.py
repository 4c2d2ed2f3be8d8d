"""What the operator asks of orders and positions: each says what was asked, or why there is nothing to ask.

The engine answers with messages; a refusal comes back as a notice. Nothing here decides more than what a key may ask for.
"""

from __future__ import annotations

from typing import Any

from textual.app import App

from core.messages import (
    Adopt,
    CancelOrder,
    Flatten,
    OpenTicket,
    OrderStatus,
    PositionStatus,
    Reconcile,
    ResetPaper,
    Resume,
)
from tui.desk import Desk
from tui.order_keys import OPEN_STEPS
from tui.screens.ask import AskScreen
from tui.screens.ask_close import CloseQuestion
from tui.screens.ask_stop import StopQuestion
from tui.screens.ask_value import ValueScreen
from tui.trading_store import ENDED, needs_resolving
from tui.widgets.line_panel import Line
from tui.widgets.orders_list import Item
from tui.widgets.trading_words import (
    TRADING_LOOKS,
    amount,
    counted,
    exact,
    kind_word,
    price_of,
    side_word,
    size_of,
    state_run,
)

FLATTEN = "FLATTEN"


def order_of(desk: Desk, item: Item | None) -> OrderStatus | None:
    """The order of a line, if it is one."""
    return desk.store.trading.orders.get(item.key) if item is not None and item.kind == "order" else None


def position_of(desk: Desk, item: Item | None) -> PositionStatus | None:
    """The position of a line, if it is one."""
    return desk.store.trading.positions.get(item.key) if item is not None and item.kind == "position" else None


def position_in(desk: Desk, symbol: str) -> PositionStatus | None:
    """Our newest open position in a symbol."""
    held = [one for one in desk.store.trading.positions.values() if one.symbol == symbol]
    return max(held, key=lambda one: (one.opened_ms, one.trade_id), default=None)


def cancel(desk: Desk, item: Item | None) -> None:
    """`c`."""
    order = order_of(desk, item)
    if order is None:
        desk.say("choose an order to cancel; a position is closed, not cancelled", "warning")
    elif order.foreign:
        desk.say(f"{order.symbol} {order.order_id} is not ours: cancel it where it was made", "warning")
    elif order.state in ENDED:
        desk.say(f"{order.client_id} is {state_run(order)[0]}: nothing of it works any more", "warning")
    elif needs_resolving(order):
        key = desk.keymap.label("orders.resolve")
        desk.say(f"{order.client_id} is {state_run(order)[0]}: nobody cancels by guess; {key} resolves it", "warning")
    elif order.purpose == "PROTECTION":
        desk.say(f"{order.client_id} protects {order.symbol}: close the position instead", "warning")
    elif order.state == "CANCEL_PENDING":
        desk.say(f"{order.client_id} is being cancelled; only the venue's word ends it")
    else:
        desk.bus.publish(CancelOrder(client_id=order.client_id))
        desk.say(
            f"{order.symbol} {order.side.lower()} {exact(order.quantity, desk.glyphs)}: asked to cancel {order.client_id}"
        )


def reconcile(desk: Desk) -> None:
    """`r`."""
    desk.bus.publish(Reconcile())
    desk.say("asked for a comparison with the venue")


# --- questions -------------------------------------------------------------------------------------------------------


def closing(desk: Desk, position: PositionStatus) -> CloseQuestion | None:
    """`x`: takes the base asset's name, and a part where it is not all."""
    if position.frozen:
        desk.say(f"{position.symbol} does not trade: it cannot be closed until it does", "warning")
        return None
    return CloseQuestion(desk, position)


def closing_in(desk: Desk, symbol: str) -> CloseQuestion | None:
    """`X` of any screen that shows a symbol: the same question about what we hold of it."""
    position = position_in(desk, symbol)
    if position is not None:
        return closing(desk, position)
    orders = desk.keymap.label("app.mode_orders")
    if not symbol:
        desk.say("no symbol is chosen: put the cursor on one first", "warning")
    elif any(order.symbol == symbol and order.purpose == "ENTRY" for order in desk.store.trading.working()):
        desk.say(f"{symbol}: no position yet, an entry works; {orders} shows it, c there cancels it", "warning")
    else:
        desk.say(f"{symbol}: no position of ours is open", "warning")
    return None


async def ask_to_close(app: App[Any], desk: Desk, symbol: str) -> None:
    """Ask about our position in this symbol, over whatever screen is shown."""
    question = closing_in(desk, symbol)
    if question is not None:
        await app.push_screen(ValueScreen(desk, question))


def moving(desk: Desk, position: PositionStatus | None) -> StopQuestion | None:
    """`m`: takes a price."""
    if position is None:
        desk.say("choose a position: its stop is what can be moved", "warning")
    elif position.frozen:
        desk.say(f"{position.symbol} does not trade: its stop cannot be moved until it does", "warning")
    else:
        return StopQuestion(desk, position)
    return None


def amending(desk: Desk, item: Item | None) -> OpenTicket | None:
    """`e`: the ticket of an entry that takes the place of this one."""
    order, ticket = order_of(desk, item), desk.store.trading.ticket
    if order is None or order.purpose != "ENTRY" or order.foreign:
        desk.say("choose an entry of ours that works: a ticket opens to change it", "warning")
    elif order.state not in ("WORKING", "PARTIAL") or needs_resolving(order):
        desk.say(f"{order.client_id} is {state_run(order)[0]}: only an entry that works can be changed", "warning")
    elif ticket is not None and ticket.step in OPEN_STEPS and ticket.replaces != order.client_id:
        key = desk.keymap.label("app.ticket")
        desk.say(f"a ticket for {ticket.symbol} is open: {key} shows it; give it up or send it first", "warning")
    else:
        return OpenTicket(symbol=order.symbol, replaces=order.client_id)
    return None


def flattening(desk: Desk) -> AskScreen | None:
    """`f`: takes the word FLATTEN."""
    trading, glyphs = desk.store.trading, desk.glyphs
    positions = list(trading.positions.values())
    entries = [order for order in trading.working() if order.purpose == "ENTRY"]
    if not positions and not entries:
        desk.say("no position of ours is open and no entry works: there is nothing to flatten", "warning")
        return None
    lines: list[Line] = [
        [
            (f"{one.symbol:<12} {side_word(one):<5} {amount(one.quantity, glyphs)}", "text"),
            ("  FROZEN: stays" if one.frozen else "", "warn"),
        ]
        for one in positions
    ]
    lines += [_ended_entry(desk, one) for one in entries]
    what = [counted(len(positions), "position")] if positions else []
    what += [f"cancel {counted(len(entries), 'entry', 'entries')}"] if entries else []
    if positions:
        lines.append([("Positions are closed at the market, whatever it pays.", "text")])
    if entries:
        lines.append([("Entries are cancelled; what one still fills is sold, too.", "text")])
    title = f"Flatten: {'close ' if positions else ''}{', '.join(what)}?"
    return AskScreen(desk, title, lines, yes="does it all", word=FLATTEN)


def _ended_entry(desk: Desk, order: OrderStatus) -> Line:
    """An entry that a flatten ends."""
    rest = f"{size_of(desk, order.symbol, order.remaining)} at {price_of(desk, order.symbol, order.price)}"
    unknown = order.state == "UNKNOWN"
    then = ("UNKNOWN: the venue is asked first", "warn") if unknown else ("is cancelled", "dim")
    return [(f"{order.symbol:<12} {order.side.lower():<5} {rest:<20} ", "text"), then]


def flatten(desk: Desk) -> None:
    """The word was typed."""
    desk.bus.publish(Flatten())
    desk.say("asked to cancel every entry and to close everything at the market", "warning")


def resuming(desk: Desk) -> AskScreen | None:
    """`u`."""
    account = desk.store.trading.account
    if account is None:
        desk.say("no account yet: there is nothing to resume", "warning")
        return None
    if account.state == "ACTIVE":
        desk.say("trading is ACTIVE already")
        return None
    then = "REDUCING" if account.state == "HALTED" else "ACTIVE"
    lines: list[Line] = [
        [(account.state, TRADING_LOOKS[account.state]), (" because of ", "dim"), ("; ".join(account.causes), "text")]
    ]
    lines.append([("What still stands against it refuses it.", "dim")])
    return AskScreen(desk, f"Go from {account.state} to {then}?", lines, yes="goes on")


def resume(desk: Desk) -> None:
    """Yes."""
    desk.bus.publish(Resume())
    desk.say("asked for one step towards ACTIVE")


def adopting(desk: Desk, item: Item | None) -> AskScreen | None:
    """`a`."""
    one = desk.store.trading.discrepancies.get(item.key) if item is not None and item.kind == "discrepancy" else None
    if one is None:
        desk.say("choose a discrepancy to accept", "warning")
        return None
    lines: list[Line] = [
        [(one.text, "text")],
        [("ours     ", "dim"), (one.ours or desk.glyphs.missing, "text")],
        [("venue's  ", "dim"), (one.venues or desk.glyphs.missing, "bright")],
        [("The venue's side becomes ours; this is written down with your name for it.", "dim")],
    ]
    return AskScreen(desk, "Accept the venue's side?", lines, yes="accepts it")


def adopt(desk: Desk, key: str) -> None:
    """Yes."""
    desk.bus.publish(Adopt(key=key))
    desk.say("asked to accept the venue's side")


def resetting(desk: Desk) -> AskScreen | None:
    """The simulated account."""
    account = desk.store.trading.account
    if account is None or account.mode != "PAPER":
        desk.say("only the simulated account can be reset", "warning")
        return None
    balance = f"{desk.setting('paper.balance'):,.2f} {account.asset}"
    lines: list[Line] = [
        [("Balance and history of the simulated account begin anew with ", "text"), (balance, "bright"), (".", "text")]
    ]
    return AskScreen(desk, "Reset the paper account?", lines, yes="resets it")


def reset(desk: Desk) -> None:
    """Yes."""
    desk.bus.publish(ResetPaper())
    desk.say("asked to reset the paper account")


def hint(desk: Desk, item: Item | None) -> Line:
    """What can be done with the chosen line, in one sentence."""
    if item is None:
        return [(" Positions and orders of ours are listed here; the engine fills the list.", "dim")]
    trading, keys = desk.store.trading, desk.keymap
    order = order_of(desk, item)
    if item.kind == "position" and (position := trading.positions.get(item.key)) is not None:
        if position.stop.text:
            return [(f" {position.stop.text}", "danger" if position.stop.state == "NAKED" else "warn")]
        close, move = keys.label("orders.close"), keys.label("orders.move")
        return [(f" {position.symbol}: {close} closes it or a part of it, {move} moves its stop", "dim")]
    if order is not None and needs_resolving(order):
        return [
            (f" {keys.label('orders.resolve')} shows the evidence and takes your word for what became of it", "danger")
        ]
    if order is not None:
        said = order.reason or f"{order.side.lower()} {kind_word(order)} {order.client_id or order.order_id}"
        return [(f" {order.symbol}: {said}", "dim")]
    if item.kind == "discrepancy" and (difference := trading.discrepancies.get(item.key)) is not None:
        return [(f" {difference.text}", "warn")]
    return []
