"""Reading the bodies of `order/create` and `order/amend` as specs of the matching engine.

What the engine cannot do is refused as a parameter error that says so: limit legs of attached TP/SL, different triggers for the
two legs, triggers on the index price, spot margin, hedge mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from core.messages import Side
from core.trading.order import ZERO, OrderSpec, OrderType, TimeInForce, TriggerBy
from core.trading.working import LIMIT_TYPES, TRIGGERED_TYPES, rises_to_trigger
from providers.sandbox.bybit_rest import RetError

SIDES: dict[str, Side] = {"Buy": "BUY", "Sell": "SELL"}
TRIGGERS: dict[str, TriggerBy] = {"": "LAST", "LastPrice": "LAST", "MarkPrice": "MARK"}
TRIGGER_WORDS: dict[TriggerBy, str] = {"LAST": "LastPrice", "MARK": "MarkPrice"}
TIMES: dict[str, TimeInForce] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTC"}
CONDITIONAL_FILTERS = ("tpslOrder", "StopOrder")
PLAIN_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


class OrderForm(Struct, frozen=True, kw_only=True):
    """What the venue tells of an order besides its spec: how it was asked for, in the venue's words."""

    order_filter: str = "Order"
    time_in_force: str = "GTC"
    stop_order_type: str = ""
    trigger_by: str = ""
    trigger_direction: int = 0
    market_unit: str = ""
    tpsl_mode: str = ""
    tp_trigger_by: str = ""
    sl_trigger_by: str = ""
    close_on_trigger: bool = False
    create_type: str = "CreateByUser"


class Amendment(Struct, frozen=True):
    """New values of an order; None leaves one as it is."""

    price: Decimal | None = None
    quantity: Decimal | None = None
    stop_price: Decimal | None = None


class Reader:
    """Typed reading of one JSON object; every error is `RetError` 10001 naming the field."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body

    def text(self, name: str, default: str | None = None) -> str:
        """A string; without a default it must be there."""
        value = self.body.get(name)
        if value is None or value == "":
            if default is None:
                raise RetError(10001, f"params error: {name} is required")
            return default
        if not isinstance(value, str):
            raise RetError(10001, f"params error: {name} must be a string")
        return value

    def choice(self, name: str, choices: Mapping[str, Any] | tuple[str, ...], default: str | None = None) -> str:
        """A string that is one of `choices`."""
        value = self.text(name, default)
        if value not in choices and value != default:
            raise RetError(10001, f"params error: {name} invalid")
        return value

    def number(self, name: str) -> Decimal | None:
        """A plain decimal string at or above 0, without an exponent; None where it is missing or empty."""
        text = self.text(name, "")
        if not text:
            return None
        if not PLAIN_NUMBER.fullmatch(text):
            raise RetError(10001, f"params error: {name} invalid")
        return Decimal(text)

    def flag(self, name: str) -> bool:
        """A boolean, false where it is missing."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            raise RetError(10001, f"params error: {name} must be a boolean")
        return bool(value)

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number, as a number or its digits."""
        value = self.body.get(name, "")
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not str(value).isdecimal():
            raise RetError(10001, f"params error: {name} invalid")
        return int(value)


class OrderBodies:
    """Reads order requests of one category. `last_price` and `reducible(symbol, side)` ask the engine."""

    def __init__(
        self, category: str, last_price: Callable[[str], Decimal], reducible: Callable[[str, Side], Decimal]
    ) -> None:
        self._spot = category == "spot"
        self._last_price = last_price
        self._reducible = reducible

    def create(self, body: Mapping[str, Any]) -> tuple[OrderSpec, OrderForm]:
        """The order a create request asks for. Raises `RetError`."""
        read = Reader(body)
        symbol, side = read.text("symbol"), SIDES[read.choice("side", SIDES)]
        limit = read.choice("orderType", ("Limit", "Market")) == "Limit"
        time = read.choice("timeInForce", TIMES, "GTC") if limit else "IOC"
        price = (read.number("price") or ZERO) if limit else ZERO
        if limit and not price:
            raise RetError(10001, "params error: price is required")
        self._position_rules(read)
        order_filter, trigger = self._trigger(read)
        quantity, quote = self._quantity(read, side, symbol, bool(trigger), limit)
        kind = self._kind(read, symbol, side, trigger, limit)
        legs, tp_by, sl_by = self._attached(read)
        trigger_by = self._trigger_by(read, trigger, legs, tp_by, sl_by)
        conditional = bool(trigger)
        spec = OrderSpec(
            client_id=read.text("orderLinkId", ""), symbol=symbol, side=side, type=kind, quantity=quantity,
            quote_quantity=quote, price=price, stop_price=trigger, time_in_force=TIMES[time],
            post_only=time == "PostOnly", trigger_by=trigger_by, take_profit=legs[0], stop_loss=legs[1],
            reduce_only=not self._spot and (read.flag("reduceOnly") or read.flag("closeOnTrigger")),
        )  # fmt: skip
        form = OrderForm(
            order_filter=order_filter,
            time_in_force=time,
            stop_order_type=_stop_order_type(order_filter, conditional),
            trigger_by=TRIGGER_WORDS[trigger_by] if conditional and not self._spot else "",
            trigger_direction=direction(spec) if conditional and not self._spot else 0,
            market_unit=read.text("marketUnit", ""),
            tpsl_mode=read.choice("tpslMode", ("Full", "Partial"), "Full") if any(legs) and not self._spot else "",
            tp_trigger_by=TRIGGER_WORDS[tp_by] if legs[0] and not self._spot else "",
            sl_trigger_by=TRIGGER_WORDS[sl_by] if legs[1] and not self._spot else "",
            close_on_trigger=read.flag("closeOnTrigger"),
        )
        return spec, form

    def _position_rules(self, read: Reader) -> None:
        if not self._spot and read.whole("positionIdx"):
            raise RetError(10001, "position idx not match position mode")
        if self._spot and read.whole("isLeverage"):
            raise RetError(10001, "params error: isLeverage 1 (the sandbox has no spot margin)")

    def _trigger(self, read: Reader) -> tuple[str, Decimal]:
        """The order filter and the trigger price (0: none)."""
        trigger = read.number("triggerPrice") or ZERO
        if not self._spot:
            return "Order", trigger
        order_filter = read.choice("orderFilter", ("Order", *CONDITIONAL_FILTERS), "Order")
        if bool(trigger) != (order_filter in CONDITIONAL_FILTERS):
            raise RetError(10001, f"params error: triggerPrice does not go with orderFilter {order_filter}")
        return order_filter, trigger

    def _quantity(
        self, read: Reader, side: Side, symbol: str, conditional: bool, limit: bool
    ) -> tuple[Decimal, Decimal]:
        """Base and quote quantity, one of them 0. A spot market buy is in quote unless it says otherwise."""
        quantity = read.number("qty")
        if quantity is None:
            raise RetError(10001, "params error: qty is required")
        if not self._spot:
            if not quantity and read.flag("reduceOnly") and read.flag("closeOnTrigger"):
                quantity = self._reducible(symbol, side)
            return quantity, ZERO
        unit = read.choice("marketUnit", ("baseCoin", "quoteCoin"), "quoteCoin" if side == "BUY" else "baseCoin")
        if limit or unit == "baseCoin":
            return quantity, ZERO
        if conditional:
            raise RetError(10001, "params error: marketUnit (the sandbox's spot stops are in baseCoin)")
        return ZERO, quantity

    def _kind(self, read: Reader, symbol: str, side: Side, trigger: Decimal, limit: bool) -> OrderType:
        """The engine's order type. Linear names the trigger's direction; on spot the last price decides it."""
        if not trigger:
            return "LIMIT" if limit else "MARKET"
        if self._spot:
            last = self._last_price(symbol)
            rises = trigger > last if last else side == "BUY"
        else:
            wanted = read.whole("triggerDirection")
            if wanted not in (1, 2):
                raise RetError(10001, "params error: triggerDirection invalid")
            rises = wanted == 1
        if rises == (side == "BUY"):
            return "STOP_LOSS_LIMIT" if limit else "STOP_LOSS"
        return "TAKE_PROFIT_LIMIT" if limit else "TAKE_PROFIT"

    def _attached(self, read: Reader) -> tuple[tuple[Decimal, Decimal], TriggerBy, TriggerBy]:
        """Take-profit and stop-loss (0: none), and what triggers each."""
        legs = (read.number("takeProfit") or ZERO, read.number("stopLoss") or ZERO)
        for name in ("tpOrderType", "slOrderType"):
            if read.choice(name, ("Market", "Limit"), "Market") == "Limit":
                raise RetError(10001, f"params error: {name} Limit (the sandbox's attached legs are market orders)")
        tp_by, sl_by = (TRIGGERS[read.choice(name, TRIGGERS, "")] for name in ("tpTriggerBy", "slTriggerBy"))
        if all(legs) and tp_by != sl_by:
            raise RetError(10001, "params error: tpTriggerBy and slTriggerBy differ (the sandbox has one for both)")
        return legs, tp_by, sl_by

    def _trigger_by(
        self, read: Reader, trigger: Decimal, legs: tuple[Decimal, Decimal], tp_by: TriggerBy, sl_by: TriggerBy
    ) -> TriggerBy:
        if self._spot:
            return "LAST"
        own = TRIGGERS[read.choice("triggerBy", TRIGGERS, "")]
        if not any(legs):
            return own if trigger else "LAST"
        of_legs = tp_by if legs[0] else sl_by
        if trigger and own != of_legs:
            raise RetError(10001, "params error: triggerBy and that of the legs differ (the sandbox has one for both)")
        return of_legs


def _stop_order_type(order_filter: str, conditional: bool) -> str:
    if not conditional:
        return ""
    return "tpslOrder" if order_filter == "tpslOrder" else "Stop"


def direction(spec: OrderSpec) -> int:
    """1 where the trigger waits for a rise, 2 for a fall, 0 without one."""
    if spec.type not in TRIGGERED_TYPES:
        return 0
    return 1 if rises_to_trigger(spec) else 2


def form_of(spec: OrderSpec, spot: bool, mode: str = "Full") -> OrderForm:
    """The form of an order nobody asked us for: an attached leg (of an entry in TP/SL `mode`), or one that a fault placed."""
    conditional = spec.type in TRIGGERED_TYPES
    time = "PostOnly" if spec.post_only else spec.time_in_force if spec.type in LIMIT_TYPES else "IOC"
    if spot:
        return OrderForm(
            order_filter="tpslOrder" if conditional else "Order",
            time_in_force=time,
            stop_order_type="tpslOrder" if conditional else "",
            market_unit="baseCoin" if spec.type == "MARKET" and spec.quantity else "",
        )
    leg = conditional and not spec.client_id and bool(spec.list_id)
    word = ("Partial" if mode == "Partial" else "") + ("TakeProfit" if spec.type.startswith("TAKE") else "StopLoss")
    return OrderForm(
        time_in_force=time,
        stop_order_type=word if leg else "Stop" if conditional else "",
        trigger_by=TRIGGER_WORDS[spec.trigger_by] if conditional else "",
        trigger_direction=direction(spec),
        tpsl_mode=mode if leg else "",
        create_type=f"CreateBy{word}" if leg else "CreateByUser",
    )


def amendment(body: Mapping[str, Any]) -> Amendment:
    """What an amend request changes. Raises `RetError` when it changes nothing we can."""
    read = Reader(body)
    for name in ("takeProfit", "stopLoss"):
        if read.number(name) is not None:
            raise RetError(10001, f"params error: {name} (the sandbox amends attached legs as orders of their own)")
    asked = Amendment(read.number("price"), read.number("qty"), read.number("triggerPrice"))
    if asked == Amendment():
        raise RetError(10001, "params error: nothing to amend")
    return asked
