"""New orders of Binance.US: request parameters to `OrderSpec`, with the venue's errors for what does not belong together."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Literal, cast

from msgspec.structs import replace

from core.messages import Side
from core.trading.order import ZERO, OrderSpec, OrderType, TimeInForce
from core.trading.working import LIMIT_TYPES, TRIGGERED_TYPES
from providers.sandbox.binance_us_params import ApiError, Params

TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
SIDES = ("BUY", "SELL")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
ANSWERS = ("ACK", "RESULT", "FULL")
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
AnswerKind = Literal["ACK", "RESULT", "FULL"]


def new_id() -> str:
    """A client id the venue makes up where none was sent."""
    return secrets.token_hex(11)


def side_of(params: Params) -> Side:
    """The mandatory side."""
    return cast(Side, params.choice("side", SIDES, -1117, "Invalid side."))


def answer_kind(params: Params, default: AnswerKind) -> AnswerKind:
    """How much of the order the answer tells."""
    if params.text("newOrderRespType") is None:
        return default
    message = "Data sent for parameter 'newOrderRespType' is not valid."
    return cast(AnswerKind, params.choice("newOrderRespType", ANSWERS, -1130, message))


def _time_in_force(params: Params, name: str = "timeInForce") -> TimeInForce:
    return cast(TimeInForce, params.choice(name, TIMES_IN_FORCE, -1115, "Invalid timeInForce."))


def _not_simulated(params: Params, *names: str) -> None:
    for name in names:
        if params.text(name) is not None:
            raise ApiError(-1020, f"The sandbox does not simulate orders with '{name}'.")


def _stp_mode(params: Params) -> None:
    if params.text("selfTradePreventionMode") is not None:
        params.choice("selfTradePreventionMode", STP_MODES, -1130, "Invalid selfTradePreventionMode.")


def new_order(params: Params) -> tuple[OrderSpec, AnswerKind]:
    """The order a request asks for, and how it wants to be answered."""
    symbol, side = params.symbol(), side_of(params)
    wire_type = params.choice("type", TYPES, -1116, "Invalid orderType.")
    post_only = wire_type == "LIMIT_MAKER"
    kind = cast(OrderType, "LIMIT" if post_only else wire_type)
    limited, triggered = kind in LIMIT_TYPES, kind in TRIGGERED_TYPES
    spec = OrderSpec(
        client_id=params.text("newClientOrderId") or new_id(),
        symbol=symbol,
        side=side,
        type=kind,
        quantity=ZERO,
        post_only=post_only,
    )
    _not_simulated(params, "icebergQty", "trailingDelta", "pegPriceType")
    _stp_mode(params)
    if kind == "MARKET" and params.text("quoteOrderQty") is not None:
        params.unwanted("quantity")
        spec = replace(spec, quote_quantity=params.amount("quoteOrderQty"))
    else:
        params.unwanted("quoteOrderQty")
        spec = replace(spec, quantity=params.amount("quantity"))
    if limited:
        spec = replace(spec, price=params.amount("price"))
    else:
        params.unwanted("price")
    if triggered:
        spec = replace(spec, stop_price=params.amount("stopPrice"))
    else:
        params.unwanted("stopPrice")
    if limited and not post_only:
        spec = replace(spec, time_in_force=_time_in_force(params))
    else:
        params.unwanted("timeInForce")
    return spec, answer_kind(params, "FULL" if wire_type in ("LIMIT", "MARKET") else "ACK")


def oco_legs(params: Params) -> tuple[OrderSpec, OrderSpec]:
    """The stop leg and the limit leg of `/order/oco`; their `list_id` is still empty."""
    symbol, side, quantity = params.symbol(), side_of(params), params.amount("quantity")
    _not_simulated(params, "limitIcebergQty", "stopIcebergQty", "trailingDelta")
    _stp_mode(params)
    limit = OrderSpec(
        client_id=params.text("limitClientOrderId") or new_id(),
        symbol=symbol,
        side=side,
        type="LIMIT",
        quantity=quantity,
        price=params.amount("price"),
        post_only=True,
    )
    stop = OrderSpec(
        client_id=params.text("stopClientOrderId") or new_id(),
        symbol=symbol,
        side=side,
        type="STOP_LOSS",
        quantity=quantity,
        stop_price=params.amount("stopPrice"),
    )
    if params.text("stopLimitPrice") is None:
        params.unwanted("stopLimitTimeInForce")
        return stop, limit
    price, life = params.amount("stopLimitPrice"), _time_in_force(params, "stopLimitTimeInForce")
    return replace(stop, type="STOP_LOSS_LIMIT", price=price, time_in_force=life), limit


def list_legs(params: Params) -> tuple[OrderSpec, OrderSpec]:
    """The same legs from the newer form `/orderList/oco`, which names them by where they lie: above and below."""
    symbol, side, quantity = params.symbol(), side_of(params), params.amount("quantity")
    _stp_mode(params)
    legs = [_leg(params, place, symbol, side, quantity) for place in ("above", "below")]
    legs.sort(key=lambda leg: leg.post_only)
    if [leg.post_only for leg in legs] != [False, True]:
        raise ApiError(-1013, "The order types combination is not valid.")
    return legs[0], legs[1]


def _leg(params: Params, place: str, symbol: str, side: Side, quantity: Decimal) -> OrderSpec:
    _not_simulated(params, f"{place}IcebergQty", f"{place}TrailingDelta")
    allowed = ("LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT")
    wire_type = params.choice(f"{place}Type", allowed, -1116, "Invalid orderType.")
    post_only = wire_type == "LIMIT_MAKER"
    spec = OrderSpec(
        client_id=params.text(f"{place}ClientOrderId") or new_id(),
        symbol=symbol,
        side=side,
        type=cast(OrderType, "LIMIT" if post_only else wire_type),
        quantity=quantity,
        post_only=post_only,
    )
    if wire_type != "STOP_LOSS":
        spec = replace(spec, price=params.amount(f"{place}Price"))
    if not post_only:
        spec = replace(spec, stop_price=params.amount(f"{place}StopPrice"))
    if wire_type == "STOP_LOSS_LIMIT":
        spec = replace(spec, time_in_force=_time_in_force(params, f"{place}TimeInForce"))
    else:
        params.unwanted(f"{place}TimeInForce")
    return spec
