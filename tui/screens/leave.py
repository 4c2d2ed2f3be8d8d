"""Leaving with something open: it is named, with what becomes of it, and asked once."""

from __future__ import annotations

from collections.abc import Iterable

from core.messages import OrderStatus, PositionStatus
from tui.desk import Desk
from tui.screens.ask import AskScreen
from tui.trading_store import TradingStore, needs_resolving
from tui.widgets.line_panel import Line
from tui.widgets.trading_words import amount, price_of, side_word, size_of

SHOWN_MOST = 6
"""Of each kind; the rest is counted."""


class LeaveScreen(AskScreen):
    """True: the program ends."""

    SCOPE = "leave"

    def __init__(self, desk: Desk, lines: list[Line]) -> None:
        super().__init__(desk, "Leave tradetui?", lines, yes="leaves", no="stays")


def stakes(desk: Desk) -> list[Line]:
    """What is open and what becomes of it; empty when leaving needs no question."""
    trading = desk.store.trading
    positions = list(trading.positions.values())
    unknown = trading.unknown()
    working = [order for order in trading.working() if not needs_resolving(order)]
    entries = [order for order in working if order.purpose == "ENTRY"]
    exits = [order for order in working if order.purpose == "EXIT"]
    if not (positions or unknown or working):
        return []
    cancels = str(desk.setting("trading.on_quit")) == "cancel"
    lines: list[Line] = []
    lines += _listed("position stays open", "positions stay open", (_position(desk, one) for one in positions))
    done = "is cancelled" if cancels else "is left at the venue"
    many = "are cancelled" if cancels else "are left at the venue"
    said = f'  [trading] on_quit = "{"cancel" if cancels else "leave"}"'
    lines += _listed(f"entry {done}", f"entries {many}", (_order(desk, one) for one in entries), said)
    lines += _listed("exit is left at the venue", "exits are left at the venue", (_order(desk, one) for one in exits))
    lines += _listed(
        "order is unknown: written down, and looked up at the next start",
        "orders are unknown: written down, and looked up at the next start",
        (_order(desk, one) for one in unknown),
    )
    return [*lines, *_afterwards(trading, positions)]


def _afterwards(trading: TradingStore, positions: list[PositionStatus]) -> list[Line]:
    """One sentence on what guards the positions while nobody is here."""
    account = trading.account
    if account is not None and account.mode == "PAPER":
        return [[("The simulated account stands still until the next start.", "dim")]]
    if any(position.stop.state in ("NAKED", "PLACING", "NONE") for position in positions):
        return [
            [("Not every position has a stop at the venue: nothing guards it while the program is away.", "danger")]
        ]
    return [[("Stops at the venue stay. The next start compares everything and shows what happened.", "dim")]]


def _listed(one: str, many: str, rows: Iterable[Line], more: str = "") -> list[Line]:
    """A heading with the number, and the rows as far as there is room."""
    found = list(rows)
    if not found:
        return []
    title = f"{len(found)} {one if len(found) == 1 else many}"
    lines: list[Line] = [[(title, "bright"), (more, "dim")], *found[:SHOWN_MOST]]
    if len(found) > SHOWN_MOST:
        lines.append([(f"  and {len(found) - SHOWN_MOST} more", "dim")])
    return lines


def _position(desk: Desk, position: PositionStatus) -> Line:
    stop = position.stop
    price = price_of(desk, position.symbol, stop.price)
    line: Line = [
        (
            f"  {position.symbol:<10} {side_word(position):<5} {size_of(desk, position.symbol, position.quantity)}  ",
            "text",
        )
    ]
    if stop.state in ("VERIFIED", "UNVERIFIED") and stop.covered:
        line.append((f"stop {price} stays at the venue", "text"))
    elif stop.state in ("VERIFIED", "UNVERIFIED"):
        line.append((f"stop {price} covers only {size_of(desk, position.symbol, stop.quantity)}", "danger"))
    else:
        line.append(("has no stop at the venue", "danger"))
    if position.targets and not position.targets_at_venue:
        line.append(("; targets end with the program", "warn"))
    return line


def _order(desk: Desk, order: OrderStatus) -> Line:
    glyphs = desk.glyphs
    price = f" at {price_of(desk, order.symbol, order.price)}" if order.price else ""
    trigger = f" from {price_of(desk, order.symbol, order.stop_price)}" if order.stop_price else ""
    rest = amount(order.remaining or order.quantity, glyphs)
    return [
        (f"  {order.symbol:<10} {order.side.lower():<5} {rest}{price or trigger}  ", "text"),
        (order.client_id, "dim"),
    ]
