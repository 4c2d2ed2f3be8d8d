"""Positions, risk, reward, heat, hours, volatility and spread, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.risk.heat import Correlations
from core.risk.view import TimedEvent
from tests.core.risk.views import NOW, denied, entry, held, order, pending

D = Decimal
FOUR = tuple(held(f"S{number}", "1", risk="1") for number in range(4))


def rho(value: float) -> Correlations:
    return Correlations(pairs={("BTCUSDT", "ETHUSDT"): value}, classes={})


def beside(value: float, quantity: str = "1") -> dict[str, Any]:
    return {"account__positions": (held("ETHUSDT", quantity),), "account__correlations": rho(value)}


def waiting(value: float, **fields: Any) -> dict[str, Any]:
    return {"account__pending": (pending(**fields),), "account__correlations": rho(value)}


def event(seconds: float) -> dict[str, Any]:
    return {"conditions__events": (TimedEvent("funding", NOW + round(seconds * 1000)),)}


EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "MAX_POSITIONS",
        {"account__positions": FOUR},
        {"account__positions": (*FOUR, held("S5", "1"))},
        "would be 6, limit 5",
    ),
    (
        "MAX_POSITIONS",
        {"account__positions": (*FOUR, held("S5", "0"))},
        {"account__positions": FOUR, "account__pending": (pending(),)},
        "would be 6",
    ),
    (
        "MAX_POSITIONS",
        {"account__pending": (pending(symbol="BTCUSDT", entry=False),)},
        {"account__pending": (pending(symbol="BTCUSDT"),)},
        "of BTCUSDT would be 2, limit 1",
    ),
    (
        "MAX_POSITIONS",
        {"account__positions": (held(),), "limits__max_per_symbol": 2},
        {"account__positions": (held(),)},
        "close the other first",
    ),
    ("MAX_POSITIONS", beside(0.84), beside(0.85), "BTCUSDT = ETHUSDT would be 2"),
    ("MAX_POSITIONS", beside(0.9, "-1"), beside(-0.9, "-1"), "BTCUSDT = ETHUSDT"),
    ("MAX_POSITIONS", waiting(0.9, side="SELL"), waiting(0.9), "BTCUSDT = ETHUSDT"),
    ("MAX_POSITIONS", waiting(0.9, entry=False), {"account__correlations": None}, "correlations is not known"),
    (
        "RISK_PER_TRADE",
        {"plan__loss_per_unit": D(20)},
        {"plan__loss_per_unit": D("20.01")},
        "200.10 is at risk, limit 200.00 (2.0 % of equity)",
    ),
    ("MIN_RATIO", {"plan__net_ratio": 2.0}, {"plan__net_ratio": 1.99}, "1.99 net of costs, limit 2.00"),
    (
        "MIN_RATIO",
        {"plan__net_ratio": 3.0, "plan__probability": 0.26},
        {"plan__net_ratio": 3.0, "plan__probability": 0.25},
        "0.00 R is expected",
    ),
    ("MIN_RATIO", {"plan__probability": 1.0}, {"plan__probability": 1.01}, "must be 0 to 1"),
    ("MIN_RATIO", {}, {"plan__probability": 0.0}, "-1.00 R is expected"),
    ("MIN_RATIO", {}, {"plan__probability": -0.1}, "must be 0 to 1"),
    ("CORRELATION_HEAT", {"limits__heat": 0.0011}, {"limits__heat": 0.00109}, "11.00 at risk together, limit 10.90"),
    (
        "CORRELATION_HEAT",
        {"account__positions": (held("ETHUSDT", "1", risk="289"),), "account__correlations": rho(1.0)},
        {"account__positions": (held("ETHUSDT", "1", risk="289.1"),), "account__correlations": rho(1.0)},
        "300.10",
    ),
    (
        "CORRELATION_HEAT",
        {"account__positions": (held("ETHUSDT", "-1", risk="311"),), "account__correlations": rho(1.0)},
        {"account__positions": (held("ETHUSDT", "-1", risk="311.1"),), "account__correlations": rho(1.0)},
        "300.10",
    ),
    ("CORRELATION_HEAT", waiting(1.0, side="SELL", risk=D(311)), waiting(1.0, risk=D("289.1")), "300.10"),
    (
        "CORRELATION_HEAT",
        {"order": order(side="SELL"), **waiting(1.0, risk=D(311))},
        {"order": order(side="SELL"), **waiting(1.0, side="SELL", risk=D(290))},
        "301.00",
    ),
    ("TRADING_HOURS", {}, {"conditions__closed": "daily break"}, "closed (daily break)"),
    ("TRADING_HOURS", event(120.1), event(120), "funding in 120 s, limit 120 s"),
    ("TRADING_HOURS", event(-120.1), event(-120), "funding 120 s ago"),
    ("TRADING_HOURS", event(500), event(0), "funding 0 s ago"),
    ("TRADING_HOURS", event(-500), {"conditions__events": None}, "calendar is not known"),
    (
        "VOLATILITY",
        {"conditions__natr": 0.001},
        {"conditions__natr": 0.0009},
        "NATR 0.00090 is outside 0.00100 to 0.01000",
    ),
    ("VOLATILITY", {"conditions__natr": 0.01}, {"conditions__natr": 0.0101}, "outside"),
    (
        "VOLATILITY",
        {"conditions__return_sigmas": 6.0},
        {"conditions__return_sigmas": 6.1},
        "moved 6.1 deviations, limit 6.0",
    ),
    ("VOLATILITY", {"conditions__return_sigmas": -6.0}, {"conditions__return_sigmas": -6.1}, "-6.1 deviations"),
    ("SPREAD", {"conditions__spread_bp": 6.0}, {"conditions__spread_bp": 6.1}, "6.1 bp, limit 6.0 bp (3 × median)"),
    ("SPREAD", {"conditions__spread_bp": 0.0}, {"conditions__spread_bp": -0.1}, "wait"),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get(code) is None
    assert words in denied(entry(**bad))[code]
