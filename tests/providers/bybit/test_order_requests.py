"""Orders as Bybit's request bodies, per category: nothing is left to the venue's defaults."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from core.trading.broker import OrderKey
from core.trading.order import OrderSpec
from providers.bybit.order_requests import amend_body, cancel_body, create_body, leverage_body, number


def spec(**fields: Any) -> OrderSpec:
    wanted: dict[str, Any] = {
        "client_id": "c1",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": D("0.010"),
        "price": D(0),
    }
    return OrderSpec(**(wanted | fields))


def test_a_spot_limit_order_names_everything():
    body = create_body(spec(price=D("28000.10")), "spot")
    assert body == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "28000.1",
        "timeInForce": "GTC", "orderLinkId": "c1", "isLeverage": 0, "orderFilter": "Order",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "qty", "unit"),
    [({}, "0.01", "baseCoin"), ({"quantity": D(0), "quote_quantity": D("250.5")}, "250.5", "quoteCoin")],
)
def test_spot_market_orders_say_their_unit(fields, qty, unit):
    body = create_body(spec(type="MARKET", **fields), "spot")
    assert (body["qty"], body["marketUnit"], body["timeInForce"]) == (qty, unit, "IOC")
    assert "price" not in body


def test_limit_orders_have_no_unit():
    assert "marketUnit" not in create_body(spec(price=D(1)), "spot")


@pytest.mark.parametrize(("fields", "word"), [({"post_only": True}, "PostOnly"), ({"time_in_force": "FOK"}, "FOK")])
def test_time_in_force(fields, word):
    assert create_body(spec(price=D(1), **fields), "linear")["timeInForce"] == word


@pytest.mark.parametrize(
    ("side", "kind", "direction", "order_type"),
    [
        ("SELL", "STOP_LOSS", 2, "Market"),
        ("BUY", "STOP_LOSS", 1, "Market"),
        ("SELL", "TAKE_PROFIT", 1, "Market"),
        ("BUY", "TAKE_PROFIT_LIMIT", 2, "Limit"),
        ("SELL", "STOP_LOSS_LIMIT", 2, "Limit"),
    ],
)
def test_linear_stops_name_direction_and_price(side, kind, direction, order_type):
    body = create_body(
        spec(side=side, type=kind, stop_price=D("90"), price=D("89"), trigger_by="MARK", reduce_only=True), "linear"
    )
    assert body["triggerDirection"] == direction
    assert (body["triggerPrice"], body["triggerBy"], body["orderType"]) == ("90", "MarkPrice", order_type)
    assert (body["positionIdx"], body["reduceOnly"]) == (0, True)
    assert ("price" in body) == (order_type == "Limit")
    assert "orderFilter" not in body


def test_linear_orders_without_trigger_name_none():
    body = create_body(spec(price=D(1)), "linear")
    assert body["positionIdx"] == 0
    assert body["reduceOnly"] is False
    assert not {"triggerPrice", "triggerBy", "triggerDirection", "marketUnit", "isLeverage"} & set(body)


def test_a_spot_stop_locks_its_coins():
    body = create_body(spec(side="SELL", type="STOP_LOSS", stop_price=D("90")), "spot")
    assert (body["orderFilter"], body["triggerPrice"], body["marketUnit"]) == ("tpslOrder", "90", "baseCoin")
    assert not {"triggerBy", "triggerDirection", "reduceOnly", "positionIdx"} & set(body)


def test_attached_legs_are_market_orders_for_what_fills():
    linear = create_body(spec(price=D(100), take_profit=D(110), stop_loss=D(95), trigger_by="MARK"), "linear")
    assert (linear["takeProfit"], linear["stopLoss"], linear["tpslMode"]) == ("110", "95", "Partial")
    assert (linear["tpTriggerBy"], linear["slTriggerBy"]) == ("MarkPrice", "MarkPrice")
    spot = create_body(spec(price=D(100), stop_loss=D(95)), "spot")
    assert (spot["stopLoss"], spot["slOrderType"]) == ("95", "Market")
    assert not {"takeProfit", "tpslMode", "slTriggerBy", "tpOrderType"} & set(spot)


def test_linear_orders_by_value_are_refused():
    with pytest.raises(ValueError, match="quote"):
        create_body(spec(type="MARKET", quantity=D(0), quote_quantity=D(10)), "linear")


def test_a_cancel_of_a_spot_stop_names_its_filter():
    key = OrderKey(symbol="BTCUSDT", client_id="c1", order_id="v1", conditional=True)
    assert cancel_body(key, "spot") == {
        "category": "spot", "symbol": "BTCUSDT", "orderLinkId": "c1", "orderFilter": "tpslOrder",
    }  # fmt: skip
    assert cancel_body(OrderKey(symbol="BTCUSDT", client_id="c1"), "spot")["orderFilter"] == "Order"
    assert "orderFilter" not in cancel_body(key, "linear")


def test_a_foreign_order_is_named_by_the_venues_id():
    body = cancel_body(OrderKey(symbol="BTCUSDT", client_id="", order_id="v1"), "linear")
    assert body["orderId"] == "v1"
    assert "orderLinkId" not in body


def test_an_amend_changes_what_the_order_has():
    key = OrderKey(symbol="BTCUSDT", client_id="c1")
    stop = amend_body(key, spec(type="STOP_LOSS", quantity=D("0.02"), stop_price=D("91.5")), "linear")
    assert stop == {
        "category": "linear", "symbol": "BTCUSDT", "orderLinkId": "c1", "qty": "0.02", "triggerPrice": "91.5",
    }  # fmt: skip
    limit = amend_body(key, spec(price=D("99")), "spot")
    assert (limit["price"], limit["qty"]) == ("99", "0.01")
    assert "triggerPrice" not in limit


def test_leverage_is_the_same_on_both_sides():
    body = leverage_body("BTCUSDT", D("3.0"))
    assert (body["buyLeverage"], body["sellLeverage"], body["category"]) == ("3", "3", "linear")


@pytest.mark.parametrize(("value", "text"), [("1E+3", "1000"), ("1E-8", "0.00000001"), ("10", "10"), ("0.10", "0.1")])
def test_numbers_have_no_exponent(value, text):
    assert number(D(value)) == text
