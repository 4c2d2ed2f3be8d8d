"""Our orders as parameters of Binance's requests (exchanges.md A5, A6): exact decimals in plain digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from core.trading.broker import NotSent
from core.trading.order import OrderSpec
from providers.binance_us.order_wire import TRIGGERED

_LIMITED: Final = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


def plain(value: Decimal) -> str:
    """A decimal as the venue takes it: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_params(spec: OrderSpec) -> dict[str, str]:
    """Parameters of a new order. Raises `NotSent` for what the venue has not (nothing is sent)."""
    if spec.reduce_only or spec.take_profit or spec.stop_loss or spec.trigger_by != "LAST":
        raise NotSent(
            f"order {spec.client_id}: Binance.US spot has no reduce-only, attached or mark-price orders", "UNSUPPORTED"
        )
    kind = "LIMIT_MAKER" if spec.post_only else spec.type
    if spec.post_only and spec.type != "LIMIT":
        raise NotSent(f"order {spec.client_id}: only a LIMIT order can be post-only, not {spec.type}", "UNSUPPORTED")
    params = {"symbol": spec.symbol, "side": spec.side, "type": kind}
    if kind in _LIMITED:
        params["timeInForce"] = spec.time_in_force
    if spec.quote_quantity:
        params["quoteOrderQty"] = plain(spec.quote_quantity)
    else:
        params["quantity"] = plain(spec.quantity)
    if spec.type in _LIMITED:
        params["price"] = plain(spec.price)
    if spec.type in TRIGGERED:
        params["stopPrice"] = plain(spec.stop_price)
    return {**params, "newClientOrderId": spec.client_id, "newOrderRespType": "FULL"}


def pair_params(target: OrderSpec, stop: OrderSpec) -> dict[str, str]:
    """Parameters of an OCO. Raises `NotSent` when the two do not make one."""
    same = (target.symbol, target.side, target.quantity, target.list_id) == (
        stop.symbol, stop.side, stop.quantity, stop.list_id,
    )  # fmt: skip
    if not same or not target.list_id or target.type != "LIMIT" or stop.type not in ("STOP_LOSS", "STOP_LOSS_LIMIT"):
        raise NotSent(
            f"orders {target.client_id} and {stop.client_id} make no OCO: one LIMIT and one STOP_LOSS(_LIMIT) of one symbol, "
            "side, quantity and list are needed",
            "UNSUPPORTED",
        )
    params = {
        "symbol": target.symbol,
        "side": target.side,
        "quantity": plain(target.quantity),
        "price": plain(target.price),
        "stopPrice": plain(stop.stop_price),
        "listClientOrderId": target.list_id,
        "limitClientOrderId": target.client_id,
        "stopClientOrderId": stop.client_id,
        "newOrderRespType": "FULL",
    }
    if stop.type == "STOP_LOSS_LIMIT":
        params |= {"stopLimitPrice": plain(stop.price), "stopLimitTimeInForce": stop.time_in_force}
    return params


def list_params(key_list_id: str) -> dict[str, Any]:
    """How to name an order list: by the venue's number, or by the client's name."""
    if key_list_id.isascii() and key_list_id.isdigit():
        return {"orderListId": key_list_id}
    return {"listClientOrderId": key_list_id}
