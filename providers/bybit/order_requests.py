"""Our orders as Bybit v5 request bodies: create, amend, cancel, for spot and linear perpetuals (exchanges.md B5).

What the venue would guess is always said: the unit of spot market orders (its default for buys is the quote value), the
filter of spot stops, the direction and price of linear triggers, one-way positions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from core.trading.broker import OrderKey
from core.trading.order import ZERO, OrderSpec

Body = dict[str, Any]

CREATE_PATH: Final = "/v5/order/create"
AMEND_PATH: Final = "/v5/order/amend"
CANCEL_PATH: Final = "/v5/order/cancel"

SPOT_STOP_FILTER: Final = "tpslOrder"
"""Spot stops lock the coins they would sell from the start, so that nothing else can spend them before the trigger."""

ONE_WAY: Final = 0
RISES, FALLS = 1, 2


def create_body(spec: OrderSpec, category: str) -> Body:
    """The body of `/v5/order/create`. Raises `ValueError` for an order the venue has no words for."""
    market = spec.type in ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
    if category != "spot" and spec.quote_quantity:
        raise ValueError(
            f"order {spec.client_id}: {category} orders are given in base, not as {spec.quote_quantity} quote"
        )
    body: Body = {
        "category": category,
        "symbol": spec.symbol,
        "side": "Buy" if spec.side == "BUY" else "Sell",
        "orderType": "Market" if market else "Limit",
        "qty": number(spec.quantity or spec.quote_quantity),
        "timeInForce": "IOC" if market else "PostOnly" if spec.post_only else spec.time_in_force,
        "orderLinkId": spec.client_id,
    }
    if not market:
        body["price"] = number(spec.price)
    body |= _spot_part(spec, market) if category == "spot" else _linear_part(spec)
    if spec.take_profit or spec.stop_loss:
        body |= _attached_part(spec, category)
    return body


def amend_body(key: OrderKey, spec: OrderSpec, category: str) -> Body:
    """The body of `/v5/order/amend`: quantity (what is filled included), limit and trigger as `spec` has them."""
    body = _named(key, category) | {"qty": number(spec.quantity)}
    if spec.price:
        body["price"] = number(spec.price)
    if spec.stop_price:
        body["triggerPrice"] = number(spec.stop_price)
    return body


def cancel_body(key: OrderKey, category: str) -> Body:
    """The body of `/v5/order/cancel`. A spot stop is found under its own filter alone."""
    body = _named(key, category)
    if category == "spot":
        body["orderFilter"] = SPOT_STOP_FILTER if key.conditional else "Order"
    return body


def leverage_body(symbol: str, leverage: Decimal) -> Body:
    """The body of `/v5/position/set-leverage`: one-way mode takes the same for both sides."""
    return {"category": "linear", "symbol": symbol, "buyLeverage": number(leverage), "sellLeverage": number(leverage)}


def number(value: Decimal) -> str:
    """A number as the venue reads it: no exponent, no zeros behind."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _named(key: OrderKey, category: str) -> Body:
    """Which order. Our own id goes first: the venue's may be unknown, and both together are not checked against each other."""
    name = {"orderLinkId": key.client_id} if key.client_id else {"orderId": key.order_id}
    return {"category": category, "symbol": key.symbol} | name


def _spot_part(spec: OrderSpec, market: bool) -> Body:
    part: Body = {"isLeverage": 0, "orderFilter": SPOT_STOP_FILTER if spec.stop_price else "Order"}
    if market:
        part["marketUnit"] = "baseCoin" if spec.quantity else "quoteCoin"
    if spec.stop_price:
        part["triggerPrice"] = number(spec.stop_price)
    return part


def _linear_part(spec: OrderSpec) -> Body:
    part: Body = {"positionIdx": ONE_WAY, "reduceOnly": spec.reduce_only}
    if spec.stop_price:
        part["triggerPrice"] = number(spec.stop_price)
        part["triggerDirection"] = trigger_direction(spec)
        part["triggerBy"] = trigger_word(spec)
    return part


def trigger_direction(spec: OrderSpec) -> int:
    """1: the price must rise to the trigger, 2: fall to it."""
    return RISES if (spec.side == "BUY") == spec.type.startswith("STOP_LOSS") else FALLS


def trigger_word(spec: OrderSpec) -> str:
    """Which price triggers."""
    return "MarkPrice" if spec.trigger_by == "MARK" else "LastPrice"


def _attached_part(spec: OrderSpec, category: str) -> Body:
    """Take-profit and stop-loss that come to life with the fill, as market orders for what has filled."""
    part: Body = {}
    for name, short, price in (("takeProfit", "tp", spec.take_profit), ("stopLoss", "sl", spec.stop_loss)):
        if price > ZERO:
            part[name] = number(price)
            part[f"{short}OrderType"] = "Market"
            if category != "spot":
                part[f"{short}TriggerBy"] = trigger_word(spec)
    if category != "spot":
        part["tpslMode"] = "Partial"
    return part
