"""Signed quantities: does an order only reduce the position there is, whatever else is pending and whatever fills first.

The rule: an exit may take no more than the position less everything that already waits to take from it. Orders that would
add to the position do not count: they may never fill. Orders of one list bind each other and count once, with the larger.
Where the venue itself enforces reduce-only (perpetuals), two such orders cannot flip the position together.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from core.messages import Side
from core.trading.order import ZERO, OrderSpec


class Pending(Struct, frozen=True, kw_only=True):
    """An order or intent that may still fill: sent, resting, unknown, or about to be sent.

    `quantity` is what is left of it, in the base asset. `price` is the worst it may fill at. `entry`: it opens or adds.
    `risk` is the money its stop would cost (0 for exits). `venue_reduces`: the venue holds it to reduce-only.
    """

    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    entry: bool
    risk: Decimal = ZERO
    venue_reduces: bool = False
    list_id: str = ""


def sign(side: Side) -> int:
    """+1 for BUY, -1 for SELL."""
    return 1 if side == "BUY" else -1


def reducible(
    order: OrderSpec, position: Decimal, pending: Iterable[Pending], *, venue_reduces: bool, replaces: str = ""
) -> Decimal:
    """How much of the position this order may take: 0 when it is on the position's own side or there is none.

    `position` is signed, in the base asset. `venue_reduces`: the venue holds this order to reduce-only. `replaces` is the
    client id of an order the venue swaps for this one in one step.
    """
    alone = ZERO
    lists: dict[str, Decimal] = {}
    for other in pending:
        if other.symbol != order.symbol or other.side != order.side or other.client_id in (order.client_id, replaces):
            continue
        if venue_reduces and other.venue_reduces:
            continue
        if not other.list_id:
            alone += other.quantity
        elif other.list_id != order.list_id:  # legs of its own list fill instead of it, not beside it
            lists[other.list_id] = max(lists.get(other.list_id, ZERO), other.quantity)
    takes = -position * sign(order.side)
    return max(ZERO, takes - alone - sum(lists.values(), ZERO))


def why_not_reducing(
    order: OrderSpec, position: Decimal, pending: Iterable[Pending], *, venue_reduces: bool, replaces: str = ""
) -> str:
    """Why this order could open, add or flip, in words; empty: it only reduces."""
    if order.quote_quantity != ZERO:
        return "is sized in money, which cannot be held against a position: give the quantity"
    if order.take_profit != ZERO or order.stop_loss != ZERO:
        return "carries an attached target or stop, which would open when it fills: take them off"
    if not order.quantity > ZERO:
        return f"has quantity {order.quantity:f}: give one above 0"
    room = reducible(order, position, pending, venue_reduces=venue_reduces, replaces=replaces)
    if order.quantity > room:
        return (
            f"{order.side} {order.quantity:f} is more than the {room:f} that position {position:f} has free of pending orders: "
            "reduce the quantity or cancel what is pending"
        )
    return ""
