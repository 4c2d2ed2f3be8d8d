"""Rate, pace, duplicates, protection and permission, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.risk.gates_sending import intent_key
from core.risk.view import RecentIntent
from tests.core.risk.views import NOW, denied, entry, instrument, order

D = Decimal
SHORT = {"order": order(side="SELL"), "plan__stop": D(101)}
NEAR = {"order": order(price=D("99.5"))}


def before(seconds: float, **fields: Any) -> dict[str, Any]:
    return {"budget__recent": (RecentIntent(intent_key(order(**fields)), NOW - round(seconds * 1000)),)}


EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("RATE_BUDGET", {"budget__used": 0.49}, {"budget__used": 0.5}, "50.0 % is used, limit 50.0 % for entry orders"),
    ("RATE_BUDGET", {"act": "EXIT", "budget__used": 0.79}, {"act": "EXIT", "budget__used": 0.8}, "for exit orders"),
    ("RATE_BUDGET", {"act": "PROTECT", "budget__used": 1.0}, {"budget__used": -0.1}, "is used"),
    ("RATE_BUDGET", {"budget__used": 0.0}, {"budget__used": float("nan")}, "rate budget is nan"),
    ("RATE_BUDGET", {"act": "FLATTEN", "budget__used": None}, {"act": "EXIT", "budget__used": None}, "not known"),
    ("RATE_BUDGET", {"budget__banned_until_ms": NOW}, {"budget__banned_until_ms": NOW + 2000}, "2 s of silence"),
    (
        "ORDER_RATE",
        {"budget__entries_last_minute": 5},
        {"budget__entries_last_minute": 6},
        "6 entries in the last minute, limit 6",
    ),
    ("ORDER_RATE", {"budget__entries_last_minute": 0}, {"budget__entries_last_minute": -1}, "wait"),
    ("DUPLICATE_INTENT", before(30), before(29.9), "BTCUSDT BUY LIMIT 10 0 100 0 was sent 30 s ago, limit 30 s"),
    ("DUPLICATE_INTENT", before(1, quantity=D(11)), before(1, client_id="x", quantity=D("10.00")), "look at it"),
    ("DUPLICATE_INTENT", before(1, price=D("100.1")), before(-5), "look at it"),
    ("DUPLICATE_INTENT", {"act": "FLATTEN", **before(1)}, {"act": "EXIT", **before(1)}, "sent 1 s ago"),
    ("PROTECTIVE_STOP", {}, {"plan__stop_at_venue": False}, "kept by the program only"),
    ("PROTECTIVE_STOP", {"plan__stop": D("99.9")}, {"plan__stop": D(100)}, "stop 100 is not behind"),
    ("PROTECTIVE_STOP", SHORT, {**SHORT, "plan__stop": D(100)}, "not behind 100"),
    (
        "PROTECTIVE_STOP",
        {**NEAR, "plan__stop": D("99.4")},
        {**NEAR, "plan__stop": D("99.5")},
        "not behind 99.5 for a BUY",
    ),
    (
        "PROTECTIVE_STOP",
        {**SHORT, "plan__stop": D("100.1")},
        {**SHORT, "quote__bid": D("100.9"), "quote__ask": D("101.1")},
        "not behind 101",
    ),
    (
        "PROTECTIVE_STOP",
        {"quote__bid": D("98.1"), "quote__ask": D("100.0")},
        {"quote__bid": D("98.0"), "quote__ask": D("100.0")},
        "not behind 99",
    ),
    (
        "PROTECTIVE_STOP",
        {"order": order(type="MARKET", price=D(0)), "plan__stop": D("99.9")},
        {"order": order(type="MARKET", price=D(0)), "plan__stop": D(100)},
        "stop 100 is not behind 100",
    ),
    ("PROTECTIVE_STOP", {}, {"plan__stop": D("99.05")}, "stop 99.05 is off the tick 0.1"),
    ("PROTECTIVE_STOP", {}, {"instrument": instrument(tick_size=D(0))}, "tick size is 0"),
    ("PROTECTIVE_STOP", {"plan__stop_quantity": D(11)}, {"plan__stop_quantity": D("9.999")}, "covers 9.999 of 10"),
    ("AUTHORISATION", {}, {"authorisation__authorised_hash": "other"}, "for another order"),
    ("AUTHORISATION", {}, {"authorisation__authorised_hash": "", "authorisation__order_hash": ""}, "for another order"),
    ("AUTHORISATION", {}, {"authorisation__used": True}, "was used before"),
    ("AUTHORISATION", {"authorisation__age_s": 10.0}, {"authorisation__age_s": 10.1}, "10.1 s old, limit 10 s"),
    ("AUTHORISATION", {"authorisation__age_s": 0.0}, {"authorisation__age_s": -0.1}, "confirm again"),
    (
        "AUTHORISATION",
        {"session__mode": "paper", "authorisation__used": True},
        {"act": "PROTECT", "authorisation__used": True},
        "used",
    ),
    (
        "AUTHORISATION",
        {"act": "CANCEL", "authorisation__used": None},
        {"session__mode": "paper", "order": None},
        "order is not known",
    ),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get(code) is None
    assert words in denied(entry(**bad))[code]


def test_a_purchase_for_money_must_be_covered_at_the_price_that_buys_most() -> None:
    spend: dict[str, Any] = {"order": order(type="MARKET", price=D(0), quantity=D(0), quote_quantity=D("98.901"))}
    assert "PROTECTIVE_STOP" not in denied(entry(**spend, plan__stop=D(98), plan__stop_quantity=D(1)))
    assert (
        "covers 0.999 of 1"
        in denied(entry(**spend, plan__stop=D(98), plan__stop_quantity=D("0.999")))["PROTECTIVE_STOP"]
    )
