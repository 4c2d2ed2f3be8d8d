"""What the operator asks of orders and positions: each says what was asked, or why there is nothing to ask.

The engine answers with messages; a refusal comes back as a notice. Nothing here decides more than what a key may ask for.
"""

from __future__ import annotations

from core.messages import (
    Adopt,
    CancelOrder,
    ClosePosition,
    Flatten,
    OrderStatus,
    Reconcile,
    ResetPaper,
    Resume,
)
from tui.desk import Desk
from tui.screens.ask import AskScreen
from tui.trading_store import ENDED, needs_resolving
from tui.widgets.line_panel import Line
from tui.widgets.orders_list import Item
from tui.widgets.trading_words import (
    TRADING_LOOKS,
    amount,
    base_of,
    counted,
    exact,
    kind_word,
    price_text,
    side_word,
    state_run,
    stop_runs,
)

FLATTEN = "FLATTEN"


def order_of(desk: Desk, item: Item | None) -> OrderStatus | None:
    """The order of a line, if it is one."""
    return desk.store.trading.orders.get(item.key) if item is not None and item.kind == "order" else None


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


def closing(desk: Desk, item: Item | None) -> AskScreen | None:
    """`x`: takes the base asset's name, or the word close."""
    trading = desk.store.trading
    position = trading.positions.get(item.key) if item is not None and item.kind == "position" else None
    if position is None:
        desk.say("choose a position to close; an order is cancelled, not closed", "warning")
        return None
    if position.frozen:
        desk.say(f"{position.symbol} does not trade: it cannot be closed until it does", "warning")
        return None
    glyphs = desk.glyphs
    lines: list[Line] = [
        [
            (f"{side_word(position)} {amount(position.quantity, glyphs)} {position.symbol}", "bright"),
            (f" from {price_text(desk, position.symbol, float(position.entry_price))}", "text"),
            (f", now {price_text(desk, position.symbol, position.price)}", "text"),
        ],
        [("stop ", "dim"), *stop_runs(desk, position, desk.clock.now_ms())],
        [
            (
                f"{'Sold' if position.side == 'BUY' else 'Bought back'} at the market, whatever it pays; its stop goes with it.",
                "text",
            )
        ],
    ]
    word = base_of(desk, position.symbol) or "close"
    return AskScreen(desk, f"Close {position.symbol}?", lines, yes="closes it", word=word)


def close(desk: Desk, symbol: str) -> None:
    """The word was typed."""
    desk.bus.publish(ClosePosition(symbol=symbol))
    desk.say(f"{symbol}: asked to close at the market", "warning")


def flattening(desk: Desk) -> AskScreen | None:
    """`f`: takes the word FLATTEN."""
    positions = list(desk.store.trading.positions.values())
    if not positions:
        desk.say("no position of ours is open: there is nothing to flatten", "warning")
        return None
    lines: list[Line] = [
        [
            (f"{one.symbol:<12} {side_word(one):<5} {amount(one.quantity, desk.glyphs)}", "text"),
            ("  FROZEN: stays" if one.frozen else "", "warn"),
        ]
        for one in positions
    ]
    lines.append([("Every one is closed at the market, whatever it pays; their orders are cancelled.", "text")])
    title = f"Flatten: close {counted(len(positions), 'position')}?"
    return AskScreen(desk, title, lines, yes="closes them all", word=FLATTEN)


def flatten(desk: Desk) -> None:
    """The word was typed."""
    desk.bus.publish(Flatten())
    desk.say("asked to close everything at the market", "warning")


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
        return [(f" {position.symbol}: {keys.label('orders.close')} closes it at the market", "dim")]
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
