"""What the Bybit sandbox reads in order bodies: exactly what our own adapter meant, and refusals that name the field."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.messages import Side
from core.trading.order import OrderSpec, OrderType, TimeInForce
from core.trading.working import LIMIT_TYPES, TRIGGERED_TYPES, rises_to_trigger
from providers.bybit.order_requests import create_body
from providers.sandbox.bybit_orders_body import OrderBodies, Reader, amendment, direction, form_of
from providers.sandbox.bybit_rest import RetError

LAST = Decimal(100)
PRICES = st.decimals("0.01", "500", places=2)
TYPES = get_args(OrderType)


def bodies(category: str, last: Decimal = LAST, held: Decimal = Decimal(3)) -> OrderBodies:
    return OrderBodies(category, lambda symbol: last, lambda symbol, side: held)


def code_of(category: str, **body: object) -> int:
    try:
        bodies(category).create(body)
    except RetError as error:
        return error.code
    return 0


LIMIT = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "99"}
MARKET = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}


@st.composite
def specs(draw: st.DrawFn, spot: bool) -> OrderSpec:
    kind: OrderType = draw(st.sampled_from(TYPES))
    side: Side = draw(st.sampled_from(get_args(Side)))
    limited, conditional = kind in LIMIT_TYPES, kind in TRIGGERED_TYPES
    time: TimeInForce = draw(st.sampled_from(get_args(TimeInForce))) if limited else "IOC"
    spec = OrderSpec(
        client_id=draw(st.from_regex(r"[A-Za-z0-9_-]{0,36}", fullmatch=True)), symbol="BTCUSDT", side=side, type=kind,
        quantity=draw(PRICES), price=draw(PRICES) if limited else Decimal(0), time_in_force=time,
        stop_price=draw(PRICES) if conditional else Decimal(0), reduce_only=not spot and draw(st.booleans()),
        post_only=kind == "LIMIT" and time == "GTC" and draw(st.booleans()),
        trigger_by=draw(st.sampled_from(("LAST", "MARK"))) if conditional and not spot else "LAST",
    )  # fmt: skip
    if spot and conditional:
        assume(spec.stop_price != LAST and rises_to_trigger(spec) == (spec.stop_price > LAST))
    return spec


@given(specs(spot=True))
def test_spot_orders_of_our_adapter_are_read_as_they_were_meant(spec):
    read, form = bodies("spot").create(create_body(spec, "spot"))
    assert read == spec
    assert form.order_filter == ("tpslOrder" if spec.stop_price else "Order")
    assert form.time_in_force == ("PostOnly" if spec.post_only else spec.time_in_force)


@given(specs(spot=False))
def test_linear_orders_of_our_adapter_are_read_as_they_were_meant(spec):
    read, form = bodies("linear").create(create_body(spec, "linear"))
    assert read == spec
    assert form.trigger_direction == direction(spec)
    assert form.trigger_by == ({"LAST": "LastPrice", "MARK": "MarkPrice"}[spec.trigger_by] if spec.stop_price else "")


def test_attached_legs_come_with_their_trigger_and_mode():
    spec = OrderSpec(
        client_id="a", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity=Decimal(1), price=Decimal(99),
        take_profit=Decimal(120), stop_loss=Decimal(90), trigger_by="MARK",
    )  # fmt: skip
    read, form = bodies("linear").create(create_body(spec, "linear"))
    assert read == spec
    assert (form.tpsl_mode, form.tp_trigger_by, form.sl_trigger_by, form.trigger_by) == (
        "Partial", "MarkPrice", "MarkPrice", "",
    )  # fmt: skip


def test_a_spot_market_buy_is_in_quote_by_default_and_a_sale_in_base():
    assert bodies("spot").create(MARKET)[0].quote_quantity == 1
    assert bodies("spot").create(MARKET | {"side": "Sell"})[0].quantity == 1
    assert bodies("spot").create(MARKET | {"marketUnit": "baseCoin"})[0].quantity == 1
    assert bodies("spot").create(MARKET | {"side": "Sell", "marketUnit": "quoteCoin"})[0].quote_quantity == 1
    assert bodies("linear").create(MARKET)[0].quantity == 1
    assert bodies("spot").create(LIMIT)[0].quantity == 1


def test_on_spot_the_last_price_decides_which_way_a_trigger_waits():
    stop = MARKET | {"side": "Sell", "orderFilter": "tpslOrder"}
    assert bodies("spot").create(stop | {"triggerPrice": "99.99"})[0].type == "STOP_LOSS"
    assert bodies("spot").create(stop | {"triggerPrice": "100.01"})[0].type == "TAKE_PROFIT"
    assert bodies("spot", Decimal(0)).create(stop | {"triggerPrice": "100.01"})[0].type == "STOP_LOSS"
    buy = stop | {"side": "Buy", "marketUnit": "baseCoin"}
    assert bodies("spot").create(buy | {"triggerPrice": "100.01"})[0].type == "STOP_LOSS"
    assert bodies("spot").create(buy | {"triggerPrice": "99.99"})[0].type == "TAKE_PROFIT"


def test_nothing_with_reduce_only_and_close_on_trigger_means_the_whole_position():
    close = MARKET | {"qty": "0", "reduceOnly": True, "closeOnTrigger": True}
    spec, form = bodies("linear").create(close)
    assert (spec.quantity, spec.reduce_only, form.close_on_trigger) == (Decimal(3), True, True)
    assert bodies("linear").create(close | {"closeOnTrigger": False})[0].quantity == 0
    assert bodies("linear").create(MARKET | {"closeOnTrigger": True})[0].reduce_only


def test_a_market_order_is_always_immediate_or_cancel():
    spec, form = bodies("linear").create(MARKET | {"timeInForce": "GTC", "price": "99"})
    assert (spec.time_in_force, form.time_in_force, spec.price) == ("IOC", "IOC", Decimal(0))


@pytest.mark.parametrize("category", ["spot", "linear"])
@pytest.mark.parametrize(
    "change",
    [
        {"symbol": ""}, {"symbol": 1}, {"side": "buy"}, {"orderType": "Stop"}, {"qty": None}, {"qty": 1}, {"qty": "x"},
        {"qty": "-1"}, {"qty": "NaN"}, {"qty": "Infinity"}, {"price": ""}, {"price": "0"}, {"timeInForce": "GTD"},
        {"tpOrderType": "Limit"}, {"takeProfit": "x"},
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_meant_are_parameter_errors(category, change):
    assert code_of(category, **(LIMIT | change)) == 10001


@pytest.mark.parametrize(
    ("category", "change"),
    [
        ("linear", {"positionIdx": 1}),
        ("linear", {"triggerPrice": "101"}),
        ("linear", {"triggerPrice": "101", "triggerDirection": 3}),
        ("linear", {"triggerPrice": "101", "triggerDirection": 1, "triggerBy": "IndexPrice"}),
        ("linear", {"reduceOnly": "true"}),
        ("linear", {"takeProfit": "120", "stopLoss": "90", "tpTriggerBy": "MarkPrice"}),
        ("spot", {"isLeverage": 1}),
        ("spot", {"triggerPrice": "101"}),
        ("spot", {"orderFilter": "tpslOrder"}),
        ("spot", {"orderFilter": "OcoOrder", "triggerPrice": "101"}),
        ("spot", {"orderType": "Market", "orderFilter": "tpslOrder", "triggerPrice": "101"}),
    ],
)
def test_what_the_sandbox_cannot_do_is_a_parameter_error(category, change):
    assert code_of(category, **LIMIT) == 0
    assert code_of(category, **(LIMIT | change)) == 10001


def test_an_amendment_names_what_it_changes_and_must_change_something():
    assert amendment({"price": "1", "qty": "", "triggerPrice": "2"}) == amendment({"triggerPrice": "2", "price": "1"})
    assert (amendment({"qty": "3"}).quantity, amendment({"qty": "3"}).price) == (Decimal(3), None)
    for body in ({}, {"price": ""}, {"takeProfit": "1", "qty": "2"}, {"qty": 3}):
        with pytest.raises(RetError, match="params error"):
            amendment(body)


def test_legs_are_told_as_the_venue_tells_them():
    leg = OrderSpec(
        client_id="", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity=Decimal(1), stop_price=Decimal(90),
        reduce_only=True, list_id="entry",
    )  # fmt: skip
    assert form_of(leg, spot=False).stop_order_type == "StopLoss"
    assert form_of(leg, spot=False, mode="Partial").stop_order_type == "PartialStopLoss"
    assert form_of(leg, spot=True).stop_order_type == form_of(leg, spot=True).order_filter == "tpslOrder"


@given(st.dictionaries(st.sampled_from(("a", "b")), st.none() | st.booleans() | st.integers() | st.text(max_size=5)))
def test_reading_raises_nothing_but_the_venues_error(body):
    read = Reader(body)
    for call in (read.text, read.number, read.flag, read.whole):
        for name in ("a", "b"):
            with contextlib.suppress(RetError):
                call(name)
