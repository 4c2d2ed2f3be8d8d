"""Balance, margin, liquidation, exposure and open orders, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.risk.heat import Correlations
from tests.core.risk.views import denied, entry, held, instrument, order, pending

D = Decimal
SHORT = {"order": order(side="SELL"), "plan__stop": D(101), "plan__liquidation": D(140)}
ETH = held("ETHUSDT", "20", "100", "10")
ONE_BET = Correlations(pairs={("BTCUSDT", "ETHUSDT"): 0.9}, classes={})

EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "BALANCE",
        {"account__free_quote": D(500)},
        {"account__free_quote": D("499.99")},
        "500.00 is needed, 499.99 is free",
    ),
    (
        "BALANCE",
        {"account__free_quote": D(600), "account__unseen_quote": D(100)},
        {"account__free_quote": D(600), "account__unseen_quote": D(101)},
        "499.00 is free",
    ),
    ("BALANCE", {}, {"account__unseen_quote": D(-1)}, "unseen intents is -1"),
    ("BALANCE", {}, {"account__leverage": D(0)}, "leverage is 0"),
    ("MARGIN", {}, {"account__margin_mode": "cross"}, "set isolated margin"),
    ("MARGIN", {}, {"account__position_mode": "hedge"}, "set one-way"),
    ("MARGIN", {"account__leverage": D(3)}, {"account__leverage": D("3.1")}, "leverage at the venue is 3.1, limit 3.0"),
    ("LIQUIDATION", {"plan__liquidation": D("97.5")}, {"plan__liquidation": D("97.6")}, "behind stop"),
    (
        "LIQUIDATION",
        {"plan__liquidation": D(98), "conditions__atr_15m": D("0.3")},
        {"plan__liquidation": D("98.1"), "conditions__atr_15m": D("0.3")},
        "from entry",
    ),
    ("LIQUIDATION", SHORT, {**SHORT, "plan__liquidation": D("102")}, "behind stop"),
    (
        "LIQUIDATION",
        {"order": order(type="MARKET", price=D(0)), "plan__liquidation": D("96.8"), "conditions__atr_15m": D("0.1")},
        {"plan__stop": None},
        "stop is not known",
    ),
    ("LIQUIDATION", {"plan__liquidation": D(0)}, {"plan__liquidation": D(-1)}, "liquidation price is -1"),
    (
        "ORDER_EXPOSURE",
        {"limits__order_exposure": 0.1},
        {"limits__order_exposure": 0.0999},
        "order is 1000.00, limit 999.00 (10.0 % of equity)",
    ),
    ("SYMBOL_EXPOSURE", {"limits__symbol_exposure": 0.1}, {"limits__symbol_exposure": 0.0999}, "BTCUSDT is 1000.00"),
    (
        "SYMBOL_EXPOSURE",
        {"account__positions": (held(quantity="40"),)},
        {"account__positions": (held(quantity="-40.001"),)},
        "BTCUSDT is 5000.10",
    ),
    (
        "SYMBOL_EXPOSURE",
        {"limits__symbol_exposure": 0.1, "account__positions": (ETH,)},
        {"limits__symbol_exposure": 0.1, "account__positions": (ETH,), "account__correlations": ONE_BET},
        "BTCUSDT + ETHUSDT is 3000.00",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__positions": (held("ETHUSDT", "-90"),)},
        {"account__positions": (held("ETHUSDT", "-90.001"),)},
        "everything together is 10000.10",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__pending": (pending(quantity=D(90)),)},
        {"account__pending": (pending(quantity=D("90.001")),)},
        "limit 10000.00",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__pending": (pending(quantity=D(900), entry=False),)},
        {"account__equity": D(0)},
        "equity is 0",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__pending": (pending(client_id="t-1", quantity=D(900)),)},
        {"account__pending": (pending(price=D("NaN")),)},
        "price of p-1 is NaN",
    ),
    (
        "TOTAL_EXPOSURE",
        {"replaces": "p-1", "account__pending": (pending(quantity=D(900)),)},
        {"account__pending": (pending(risk=D(-1)),)},
        "risk of p-1 is -1",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__pending": (pending(price=D(0)),)},
        {"account__pending": (pending(price=D(-1)),)},
        "price of p-1 is -1",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__pending": (pending(quantity=D(0)),)},
        {"account__pending": (pending(quantity=D(-1)),)},
        "quantity of p-1 is -1",
    ),
    (
        "TOTAL_EXPOSURE",
        {"account__positions": (held(risk="0"),)},
        {"account__positions": (held(risk="-1"),)},
        "risk of BTCUSDT is -1",
    ),
    ("TOTAL_EXPOSURE", {}, {"account__positions": (held(price="0"),)}, "price of BTCUSDT is 0"),
    ("TOTAL_EXPOSURE", {}, {"account__positions": (held(quantity="NaN"),)}, "quantity of BTCUSDT is NaN"),
    (
        "OPEN_ORDERS",
        {"account__open_orders": 198},
        {"account__open_orders": 199},
        "201 with its protection, the venue takes 200",
    ),
    ("OPEN_ORDERS", {"account__open_stops": 4}, {"account__open_stops": 5}, "6 stops with its protection"),
    (
        "OPEN_ORDERS",
        {"account__open_stops": 3, "order": order(type="STOP_LOSS_LIMIT", stop_price=D(100))},
        {"account__open_stops": 4, "order": order(type="STOP_LOSS_LIMIT", stop_price=D(100))},
        "6 stops",
    ),
    ("OPEN_ORDERS", {"plan__stop_orders": 0}, {"plan__stop_orders": -1}, "read the open orders again"),
    (
        "OPEN_ORDERS",
        {"account__open_orders": 0, "account__open_stops": 0},
        {"account__open_orders": -1},
        "counts are -1",
    ),
    (
        "OPEN_ORDERS",
        {"account__open_orders": 999, "instrument": instrument(max_orders=0)},
        {"instrument": instrument(max_orders=1)},
        "takes 1",
    ),
    (
        "OPEN_ORDERS",
        {"account__open_stops": 99, "instrument": instrument(max_algo_orders=0)},
        {"instrument": instrument(max_algo_orders=1)},
        "takes 1",
    ),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get(code) is None
    assert words in denied(entry(**bad))[code]


def test_spot_pays_the_whole_notional_and_knows_no_margin() -> None:
    spot: dict[str, Any] = {"account__leverage": None, "account__margin_mode": None, "account__position_mode": None}
    spot |= {"plan__liquidation": None, "conditions__atr_15m": None}
    assert denied(entry("spot", **spot)) == {}
    assert "1000.00 is needed" in denied(entry("spot", **spot, account__free_quote=D("999.99")))["BALANCE"]
    assert "BALANCE" not in denied(entry("spot", **spot, account__free_quote=D(1000)))


def test_a_sale_on_spot_needs_no_money_a_short_does() -> None:
    sale: dict[str, Any] = {"order": order(side="SELL"), "account__free_quote": D(0)}
    assert "BALANCE" not in denied(entry("spot", **sale))
    assert "BALANCE" in denied(entry(**sale))


def test_a_short_may_fill_better_and_so_cost_more() -> None:
    """A limit SELL below the bid fills at the bid; one a trigger releases, between trigger and limit."""
    cheap = entry(order=order(side="SELL", price=D(99)), account__free_quote=D("499.4"))
    assert "499.50 is needed" in denied(cheap)["BALANCE"]
    released = entry(
        order=order(side="SELL", type="STOP_LOSS_LIMIT", price=D(98), stop_price=D("99.8")), account__free_quote=D(0)
    )
    assert "499.00 is needed" in denied(released)["BALANCE"]


def test_a_market_order_is_worth_what_it_may_slip_to() -> None:
    market: dict[str, Any] = {"order": order(type="MARKET", price=D(0)), "account__free_quote": D(0)}
    assert "505.50 is needed" in denied(entry(**market))["BALANCE"]  # 10 at 100.1 and 1 % more, halved by leverage 2
    stop: dict[str, Any] = {
        "order": order(type="STOP_LOSS", price=D(0), stop_price=D(102)),
        "account__free_quote": D(0),
    }
    assert "515.10 is needed" in denied(entry(**stop))["BALANCE"]
    spend: dict[str, Any] = {
        "order": order(type="MARKET", price=D(0), quantity=D(0), quote_quantity=D(800)),
        "account__free_quote": D(0),
    }
    assert "400.00 is needed" in denied(entry(**spend))["BALANCE"]


def test_a_market_entry_is_liquidated_from_its_worst_price() -> None:
    """BUY at 100.1 and 1 % more is 101.101, 2.101 above the stop: liquidation must be 4.202 below it, at 96.899."""
    market: dict[str, Any] = {"order": order(type="MARKET", price=D(0)), "conditions__atr_15m": D("0.1")}
    assert "LIQUIDATION" not in denied(entry(**market, plan__liquidation=D("96.89")))
    assert "from entry" in denied(entry(**market, plan__liquidation=D("96.9")))["LIQUIDATION"]
