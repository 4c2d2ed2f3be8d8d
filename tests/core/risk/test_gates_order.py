"""Form, filters, collar and notional of an order, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.risk.views import ask, denied, entry, held, instrument, order

D = Decimal
BINANCE = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")


def of(**fields: Any) -> dict[str, Any]:
    return {"order": order(**fields)}


def at_market(**fields: Any) -> dict[str, Any]:
    return {"order": order(type="MARKET", price=D(0), **fields)}


def spend(amount: str) -> dict[str, Any]:
    return at_market(quantity=D(0), quote_quantity=D(amount))


def ruled(**rules: Any) -> dict[str, Any]:
    return {"instrument": instrument(**rules)}


FORM: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (of(), of(quantity=D("NaN")), "quantity is NaN"),
    (of(), of(price=D("Infinity")), "price is Infinity"),
    (of(), of(quantity=D(-1)), "quantity is -1"),
    (of(), of(price=D(-1)), "price is -1"),
    (of(), of(quantity=D(0)), "not both"),
    (spend("10"), at_market(quantity=D(1), quote_quantity=D(10)), "not both"),
    (of(), of(quantity=D(0), quote_quantity=D(10)), "LIMIT cannot be sized in money"),
    (of(), of(price=D(0)), "LIMIT has price 0: give one"),
    (at_market(), of(type="MARKET"), "MARKET has price 100: take it off"),
    (of(type="STOP_LOSS_LIMIT", stop_price=D(100)), of(type="STOP_LOSS_LIMIT"), "trigger 0: give one"),
    (of(), of(stop_price=D(101)), "trigger 101: take it off"),
    (of(type="STOP_LOSS", price=D(0), stop_price=D(101)), of(type="STOP_LOSS", stop_price=D(101)), "take it off"),
    (of(post_only=True), at_market(post_only=True), "MARKET cannot be post-only"),
    (
        of() | ruled(order_types=BINANCE),
        of(type="STOP_LOSS", price=D(0), stop_price=D(99)) | ruled(order_types=BINANCE),
        "takes no STOP_LOSS",
    ),
    (
        of(post_only=True) | ruled(order_types=BINANCE),
        of(post_only=True) | ruled(order_types=BINANCE[2:]),
        "takes no LIMIT_MAKER",
    ),
    (at_market() | ruled(order_types=("Market",)), of() | ruled(order_types=("Market",)), "takes no LIMIT"),
    (
        of(type="STOP_LOSS", price=D(0), stop_price=D(99)),
        of(type="STOP_LOSS", price=D(0), stop_price=D(99)) | ruled(order_types=("Limit",)),
        "takes no MARKET",
    ),
    (of() | ruled(order_types=()), of(price=D("100.05")), "price 100.05 is off the tick 0.1"),
    (of(stop_loss=D("99.1")), of(stop_loss=D("99.15")), "stop_loss 99.15 is off the tick"),
    (of(take_profit=D("104.1")), of(take_profit=D("104.15")), "take_profit 104.15 is off"),
    (of(), ruled(tick_size=D(0)), "tick size is 0"),
    (ruled(min_price=D(100)), ruled(min_price=D("100.1")), "outside 100.1 to 0"),
    (ruled(max_price=D(100)), ruled(max_price=D("99.9")), "outside 0 to 99.9"),
    (of(), of(quantity=D("1.0005")), "off the lot 0.001"),
    (of(), ruled(lot_size=D(0)), "lot size is 0"),
    (ruled(min_qty=D(10)), ruled(min_qty=D("10.001")), "below 10.001"),
    (ruled(max_qty=D(10)), ruled(max_qty=D("9.999")), "above 9.999"),
    (ruled(max_qty=D(0)), ruled(max_qty=D(1)), "split the order"),
    (at_market() | ruled(market_min_qty=D(10)), at_market() | ruled(market_min_qty=D(11)), "below 11"),
    (of() | ruled(market_min_qty=D(11)), at_market() | ruled(market_max_qty=D(9)), "above 9"),
    (at_market() | ruled(market_lot_size=D(5)), at_market() | ruled(market_lot_size=D(3)), "off the lot 3"),
    (
        spend("10.5") | ruled(quote_precision=D("0.5")),
        spend("10.4") | ruled(quote_precision=D("0.5")),
        "off the step 0.5",
    ),
    (spend("10.4"), {"order": None}, "order is not known"),
]


@pytest.mark.parametrize(("good", "bad", "words"), FORM)
def test_the_form_on_both_sides_of_each_edge(good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get("ORDER_FORM") is None
    assert words in denied(entry(**bad))["ORDER_FORM"]


SHORT = of(side="SELL", price=D(100))
EXIT = {"act": "EXIT", "account__positions": (held(),)}
SELL_AT = {**EXIT, "quote__bid": D("99.9")}

EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("PERCENT_PRICE", ruled(price_up_ratio=D(1)), ruled(price_up_ratio=D("0.99")), "outside the venue's 0 to 99"),
    ("PERCENT_PRICE", ruled(price_down_ratio=D(1)), ruled(price_down_ratio=D("1.01")), "outside the venue's 101 to 0"),
    (
        "PERCENT_PRICE",
        ruled(bid_up_ratio=D(2), price_up_ratio=D("0.5")),
        ruled(bid_up_ratio=D("0.5"), price_up_ratio=D(2)),
        "to 50",
    ),
    ("PERCENT_PRICE", SHORT | ruled(bid_up_ratio=D("0.5")), SHORT | ruled(ask_down_ratio=D("1.01")), "outside"),
    (
        "PERCENT_PRICE",
        {"quote__reference": None},
        {"quote__reference": None} | ruled(price_up_ratio=D(1)),
        "reference price",
    ),
    (
        "PERCENT_PRICE",
        at_market() | ruled(price_up_ratio=D("0.5")),
        of(price=D("200")) | ruled(price_up_ratio=D("1.5")),
        "change the price",
    ),
    (
        "PRICE_COLLAR",
        of(price=D(101)),
        of(price=D("101.1")),
        "101.1 is 1.1 % from mid 100.0, limit 1.0 %: refresh or change",
    ),
    ("PRICE_COLLAR", of(price=D(99)), of(price=D("98.9")), "98.9 is 1.1 % from mid"),
    ("PRICE_COLLAR", {"quote__mark": D("100.9")}, {"quote__mark": D("101.1")}, "from mark 101.1"),
    (
        "PRICE_COLLAR",
        of(type="STOP_LOSS_LIMIT", stop_price=D(101)),
        of(type="STOP_LOSS_LIMIT", stop_price=D(103)),
        "103 is 3.0 %",
    ),
    ("PRICE_COLLAR", at_market(), at_market() | {"quote__ask": D(110)}, "110 is"),
    ("PRICE_COLLAR", at_market(side="SELL"), at_market(side="SELL") | {"quote__bid": D(90)}, "90 is"),
    (
        "PRICE_COLLAR",
        {**SELL_AT, **of(side="SELL", price=D(99))},
        {**SELL_AT, **of(side="SELL", price=D("98.9"))},
        "98.9 is 1.1 %",
    ),
    (
        "PRICE_COLLAR",
        {**SELL_AT, **of(side="SELL", price=D(130))},
        {**SELL_AT, **of(side="SELL", price=D(50))},
        "50 is 50.0 %",
    ),
    (
        "PRICE_COLLAR",
        {**SELL_AT, **of(side="SELL", price=D(50), post_only=True)},
        {**SELL_AT, **of(), "quote__bid": None},
        "bid is not known",
    ),
    (
        "PRICE_COLLAR",
        {**SELL_AT, **at_market(side="SELL"), "quote__bid": None},
        {"quote__mark": None},
        "mark price is not known",
    ),
    (
        "PRICE_COLLAR",
        {**SELL_AT, **of(side="SELL", type="STOP_LOSS_LIMIT", price=D(50), stop_price=D(51))},
        of(price=D("102")),
        "2.0 %",
    ),
    ("CONFIRMED_PRICE", {"plan__confirmed_price": D("100.5")}, {"plan__confirmed_price": D("100.6")}, "confirm again"),
    ("CONFIRMED_PRICE", {"plan__confirmed_price": D("99.6")}, {"plan__confirmed_price": D("99.4")}, "0.6 %"),
    (
        "CONFIRMED_PRICE",
        {"plan__confirmed_price": D(200), "limits__confirmed_drift": 0.5},
        {"plan__confirmed_price": D("199.9"), "limits__confirmed_drift": 0.49},
        "50.0 %",
    ),
    ("NOTIONAL", ruled(min_notional=D(990)), ruled(min_notional=D("990.1")), "its stop would be worth 990.00"),
    (
        "NOTIONAL",
        of() | {"plan__stop": D(200)} | ruled(min_notional=D(1000)),
        ruled(min_notional=D("1000.1")),
        "worth 1000.00",
    ),
    ("NOTIONAL", ruled(max_notional=D(1000)), ruled(max_notional=D("999.9")), "split it"),
    ("NOTIONAL", ruled(max_notional=D(0)), ruled(max_notional=D(1)), "no more than 1"),
    (
        "NOTIONAL",
        at_market() | ruled(max_notional=D(1), notional_applies_to_market=False),
        at_market() | ruled(max_notional=D(1)),
        "no more",
    ),
    (
        "NOTIONAL",
        of() | ruled(notional_applies_to_market=False),
        ruled(max_notional=D(1), notional_applies_to_market=False),
        "no more",
    ),
    (
        "NOTIONAL",
        at_market() | ruled(max_notional=D("1011.01")),
        at_market() | ruled(max_notional=D("1011.00")),
        "1011.01",
    ),
    ("NOTIONAL", spend("5"), spend("4.99"), "worth 4.99"),
    (
        "NOTIONAL",
        of(side="SELL") | ruled(max_notional=D(1000)),
        of(side="SELL", price=D("99.0")) | ruled(max_notional=D("998.9")),
        "999.00",
    ),
    (
        "NOTIONAL",
        {**EXIT, **at_market(side="SELL"), "quote__bid": None},
        {**at_market(), "quote__bid": None},
        "bid is not known",
    ),
    ("NOTIONAL", {**EXIT, **of(side="SELL"), "plan__stop": None}, {"plan__stop": None}, "stop is not known"),
    (
        "NOTIONAL",
        {**EXIT, **of(side="SELL", quantity=D("0.01"), reduce_only=True)},
        {**EXIT, **of(side="SELL", quantity=D("0.01"))},
        "worth 1.00",
    ),
    ("NOTIONAL", of(quantity=D("0.1")), of(quantity=D("0.01"), reduce_only=True), "worth 1.00"),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get(code) is None
    assert words in denied(entry(**bad))[code]


def test_spot_has_no_mark_to_stay_near() -> None:
    assert "PRICE_COLLAR" not in denied(entry("spot", quote__mark=None))


def test_spot_exits_are_held_to_the_notional_though_marked_reduce_only() -> None:
    tiny = entry("spot", **EXIT, **of(side="SELL", quantity=D("0.01"), reduce_only=True))
    assert "worth 1.00" in denied(tiny)["NOTIONAL"]


def test_an_answer_names_the_thing_its_value_the_limit_and_the_remedy() -> None:
    view = entry(**of(price=D("152.3")), quote__bid=D("150.1"), quote__ask=D("150.3"), quote__mark=D("150.2"))
    deny = next(answer for answer in ask(view).denials if answer.code == "PRICE_COLLAR")
    assert deny.words == "PRICE_COLLAR 152.3 is 1.4 % from mid 150.2, limit 1.0 %: refresh or change the price"
    assert deny.facts == {"price": "152.3", "mid": "150.2", "away": "1.4 %", "limit": "1.0 %"}


@pytest.mark.parametrize("act", ["EXIT", "PROTECT", "FLATTEN"])
def test_of_an_exit_at_the_market_the_venue_is_the_judge(act: Any) -> None:
    little = {"act": act, "account__positions": (held(),)} | ruled(min_notional=D(990))
    sale: dict[str, Any] = {"side": "SELL", "quantity": D("0.001")}
    assert "NOTIONAL" not in denied(entry("spot", **little, **at_market(**sale)))
    assert "NOTIONAL" in denied(entry("spot", **little, **of(**sale)))
