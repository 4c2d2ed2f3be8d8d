"""Pairs of orders that bind each other: OCO lists as Binance has them, and take-profit/stop-loss attached to an entry.

In both, one leg that fills or triggers ends the other, and cancelling one cancels both. The pair locks what it needs once.
"""

from __future__ import annotations

from decimal import Decimal

from core.trading.conventions import RefusalKey
from core.trading.order import ZERO, OrderSpec
from core.trading.working import TRIGGERED_TYPES, opposite


def list_rules(
    first: OrderSpec, second: OrderSpec, last: Decimal, best_bid: Decimal, best_ask: Decimal
) -> RefusalKey | None:
    """Whether two orders make an OCO: one limit leg that rests, one stop leg, same symbol, side and quantity.

    Selling: limit price > last > stop price; buying: limit price < last < stop price. Without a last trade the middle of
    the book stands in for it; without either the pair is refused.
    """
    limit, stop = (first, second) if second.type in TRIGGERED_TYPES else (second, first)
    same = (first.symbol, first.side, first.quantity, first.list_id) == (
        second.symbol, second.side, second.quantity, second.list_id,
    )  # fmt: skip
    if not same or limit.type != "LIMIT" or not limit.post_only or not stop.type.startswith("STOP_LOSS"):
        return "PARAMETER"
    if not first.list_id or first.client_id == second.client_id:
        return "PARAMETER"
    price = last or (best_bid + best_ask) / 2
    low, high = (stop.stop_price, limit.price) if limit.side == "SELL" else (limit.price, stop.stop_price)
    return None if price and low < price < high else "PRICE_RELATION"


def attached_legs(entry: OrderSpec, quantity: Decimal, linear: bool) -> list[OrderSpec]:
    """The take-profit and stop-loss an entry brings to life for `quantity` of it, as market orders on the other side.

    They carry no client id of their own, as on Bybit; `list_id` is the entry's client id.
    """
    legs = []
    for kind, trigger in (("TAKE_PROFIT", entry.take_profit), ("STOP_LOSS", entry.stop_loss)):
        if trigger > ZERO:
            legs.append(
                OrderSpec(
                    client_id="", symbol=entry.symbol, side=opposite(entry.side),
                    type="TAKE_PROFIT" if kind == "TAKE_PROFIT" else "STOP_LOSS", quantity=quantity,
                    stop_price=trigger, reduce_only=linear, trigger_by=entry.trigger_by, list_id=entry.client_id,
                )
            )  # fmt: skip
    return legs
