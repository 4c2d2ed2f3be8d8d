"""Sizes: golden values, every cap, and that none is ever exceeded."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.risk.sizing import KELLY_SHARE, SizingInputs, kelly, loss_per_unit, size
from tests.core.risk.views import instrument

D = Decimal
PLENTY = D(10**9)
RULES: dict[str, Any] = {"lot_size": D("0.00001"), "min_qty": D(0), "max_qty": D(0), "min_notional": D(0)}


def inputs(rules: dict[str, Any] | None = None, **fields: Any) -> SizingInputs:
    """10,000 of equity, half a percent at risk, BUY at 100 with a stop at 99.5, and no other cap near."""
    base: dict[str, Any] = {
        "side": "BUY", "instrument": instrument("spot", **(RULES | (rules or {}))), "market": False, "entry": D(100),
        "stop": D("99.5"), "equity": D(10_000), "risk_share": D("0.005"), "entry_cost": D("0.0005"),
        "exit_cost": D("0.0005"), "probability": 0.9, "payoff": 2.0, "volatility": D("0.1"),
        "volatility_target": D("0.3"), "leverage": D(3), "depth": PLENTY, "depth_share": D("0.02"),
        "minute_volume": PLENTY, "volume_share": D("0.01"), "order_room": PLENTY, "symbol_room": PLENTY,
        "total_room": PLENTY, "balance": PLENTY, "throttle": D(1),
    }  # fmt: skip
    return SizingInputs(**(base | fields))


def test_the_stop_sizes_with_fees_both_ways() -> None:
    found = size(inputs())
    assert found.quantity == D("83.36807")
    assert found.bound == "RISK"
    assert found.loss_per_unit == D("0.59975")
    assert found.risk == D("83.36807") * D("0.59975") <= 50
    assert found.refused == ""
    assert size(inputs(entry_cost=D(0), exit_cost=D(0))).quantity == 100


def test_loss_per_unit_counts_the_way_costs_and_the_contracts_worth() -> None:
    assert loss_per_unit(D(100), D(102), D("0.001"), D("0.002"), D(10)) == (2 + D("0.1") + D("0.204")) * 10


def test_kelly() -> None:
    assert kelly(0.45, 2.0) == D("0.175")
    assert KELLY_SHARE * kelly(0.45, 2.0) == D("0.04375")
    for probability, payoff in ((math.nan, 2.0), (0.5, math.nan), (1.1, 2.0), (-0.1, 2.0), (0.5, 0.0), (0.5, math.inf)):
        assert kelly(probability, payoff).is_nan()
    assert kelly(1.0, 2.0) == 1
    assert kelly(np.float64(0.45), np.float64(2.0)) == D("0.175")
    assert kelly(0.0, 2.0) == D("-0.5")


UNIT = D("0.59975")
CAPS: list[tuple[str, dict[str, Any], Decimal]] = [
    ("VOLATILITY", {"volatility": D("0.6")}, D(50)),
    ("VOLATILITY", {"leverage": D("0.4")}, D(40)),
    ("KELLY", {"probability": 0.34}, D("0.0025") * 10_000 / UNIT),
    ("DEPTH", {"depth": D(1000)}, D(20)),
    ("VOLUME", {"minute_volume": D(1000)}, D(10)),
    ("ORDER_EXPOSURE", {"order_room": D(5000)}, D(50)),
    ("SYMBOL_EXPOSURE", {"symbol_room": D(4000)}, D(40)),
    ("TOTAL_EXPOSURE", {"total_room": D(3000)}, D(30)),
    ("BALANCE", {"balance": D("1000.5")}, D(10)),
    ("VENUE_MAX", {"rules": {"max_qty": D(7)}}, D(7)),
    ("VENUE_MAX", {"rules": {"market_max_qty": D(6)}, "market": True}, D(6)),
    ("VENUE_MAX", {"rules": {"max_notional": D(500)}}, D(5)),
    ("RISK", {"equity": D(1000)}, D(5) / UNIT),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changes", "most"), CAPS)
def test_the_smallest_cap_binds_and_is_named(code: str, changes: dict[str, Any], most: Decimal) -> None:
    found = size(inputs(**changes))
    assert found.bound == code
    assert min(cap.quantity for cap in found.caps) == pytest.approx(most, rel=D("1e-20"))
    assert most - D("0.00001") < found.quantity <= most
    assert {cap.code for cap in found.caps} >= {
        "RISK", "VOLATILITY", "KELLY", "DEPTH", "VOLUME", "ORDER_EXPOSURE", "SYMBOL_EXPOSURE", "TOTAL_EXPOSURE", "BALANCE",
    }  # fmt: skip


def test_a_contracts_worth_counts_in_every_cap_on_money() -> None:
    found = {
        cap.code: cap.quantity for cap in size(inputs(multiplier=D(10), order_room=D(5000), balance=D("1000.5"))).caps
    }
    assert found["ORDER_EXPOSURE"] == 5
    assert found["BALANCE"] == 1
    assert found["RISK"] == D(50) / (10 * UNIT)


def test_no_setting_risks_more_than_two_percent() -> None:
    assert size(inputs(risk_share=D("0.5"), entry_cost=D(0), exit_cost=D(0))).caps[0].quantity == 400


def test_the_market_limits_hold_only_market_orders() -> None:
    rules = {"market_max_qty": D(6), "market_min_qty": D(500), "market_lot_size": D(5)}
    assert size(inputs(rules)).quantity == D("83.36807")
    assert size(inputs({"market_lot_size": D(5)}, market=True)).quantity == 80
    assert "smallest quantity is 500" in size(inputs({"market_min_qty": D(500)}, market=True)).refused


def test_the_throttle_shrinks_what_every_cap_allows() -> None:
    assert size(inputs(throttle=D("0.5"))).quantity == D("41.68403")
    halted = size(inputs(throttle=D(0)))
    assert halted.quantity == 0
    assert "arms again" in halted.refused


def test_no_cap_is_to_blame_while_trading_is_halted() -> None:
    """Whoever asks what bound the size must not hear of a missing edge: the least size would be offered in its place."""
    assert size(inputs(probability=0.1)).bound == "KELLY"
    halted = size(inputs(probability=0.1, throttle=D(0)))
    assert (halted.bound, "arms again" in halted.refused) == (None, True)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"rules": {"min_qty": D("83.36807")}},
        {"rules": {"min_qty": D("83.36808")}},
        "RISK allows 83.36807, the venue's smallest quantity is 83.36808",
    ),
    ({}, {"rules": {"lot_size": D(100)}}, "RISK allows 0, the venue's smallest quantity is 100"),
    (
        {"rules": {"min_notional": D(8295)}},
        {"rules": {"min_notional": D(8296)}},
        "worth 8295.12; the venue's smallest order is 8296",
    ),
    ({"rules": {"min_notional": D("8295.122965")}}, {"rules": {"min_notional": D("8295.122966")}}, "smallest order"),
    (
        {"side": "SELL", "stop": D("100.5"), "rules": {"min_notional": D(8300)}},
        {"side": "SELL", "stop": D("100.5"), "rules": {"min_notional": D(8333)}},
        "smallest order",
    ),
    (
        {"probability": 0.34},
        {"probability": 1 / 3 - 1e-9},
        "KELLY leaves nothing to trade: the lower bound of P(target first) is 0.33",
    ),
    ({}, {"probability": 0.5, "payoff": 1.0}, "reward to risk 1.00 after costs needs more than 0.50"),
    ({}, {"balance": D(0)}, "BALANCE leaves nothing"),
    ({}, {"total_room": D(-5)}, "TOTAL_EXPOSURE leaves nothing"),
    ({}, {"depth": D(0)}, "DEPTH leaves nothing"),
    ({"entry_cost": D(0)}, {"entry_cost": D("-0.001")}, "entry_cost is -0.001: it must be 0 or more"),
    ({}, {"equity": D(0)}, "equity is 0: it must be above 0"),
    ({}, {"volatility": D("NaN")}, "volatility is NaN: no size without it"),
    ({}, {"depth": None}, "depth is None: no size without it"),
    ({}, {"throttle": D("1.01")}, "1 at most"),
    ({}, {"probability": math.nan}, "no size without an edge"),
    ({}, {"probability": None}, "no size without an edge"),
    ({}, {"payoff": 0.0}, "no size without an edge"),
    ({}, {"stop": D(100)}, "stop 100 is not behind entry 100 for a BUY"),
    ({}, {"side": "SELL"}, "is not behind entry"),
    ({}, {"rules": {"lot_size": D(0)}}, "no lot size"),
]


@pytest.mark.parametrize(("good", "bad", "words"), REFUSED)
def test_what_cannot_be_traded_is_refused_in_words(good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert size(inputs(**good)).refused == ""
    found = size(inputs(**bad))
    assert words in found.refused
    assert found.quantity == found.risk == 0


def test_any_missing_number_refuses() -> None:
    for name in SizingInputs.__struct_fields__:
        if name not in ("side", "instrument", "market"):
            assert size(inputs(**{name: None})).refused, name


def money(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=4)


@settings(max_examples=200)
@given(
    entry=money("1", "70000"), way=money("0.0001", "0.2"), equity=money("1", "1000000"), share=money("0.0001", "0.05"),
    cost=money("0", "0.01"), probability=st.floats(0, 1), payoff=st.floats(0.1, 10), volatility=money("0.01", "5"),
    rooms=st.tuples(*[money("-10", "100000")] * 4), flow=st.tuples(*[money("0", "100000")] * 2),
    throttle=money("0", "1"), lot=st.sampled_from(["0.00001", "0.003", "0.1", "1", "7"]),
    most=money("0", "100"), market=st.booleans(),
)  # fmt: skip
def test_a_size_never_exceeds_any_cap_and_is_on_the_lot(
    entry: Decimal, way: Decimal, equity: Decimal, share: Decimal, cost: Decimal, probability: float, payoff: float,
    volatility: Decimal, rooms: tuple[Decimal, ...], flow: tuple[Decimal, ...], throttle: Decimal, lot: str,
    most: Decimal, market: bool,
) -> None:  # fmt: skip
    given_ = inputs(
        {"lot_size": D(lot), "max_qty": most}, market=market, entry=entry, stop=entry * (1 - way), equity=equity,
        risk_share=share, entry_cost=cost, exit_cost=cost, probability=probability, payoff=payoff, volatility=volatility,
        order_room=rooms[0], symbol_room=rooms[1], total_room=rooms[2], balance=rooms[3], depth=flow[0],
        minute_volume=flow[1], throttle=throttle,
    )  # fmt: skip
    found = size(given_)
    assert found.quantity >= 0
    assert found.quantity % D(lot) == 0
    assert (found.quantity == 0) == bool(found.refused)
    for cap in found.caps:
        assert found.quantity <= max(D(0), cap.quantity * throttle)
    slack = 1 + D("1e-20")
    assert found.risk <= equity * min(share, D("0.02")) * slack
    assert found.quantity * entry <= max(D(0), min(rooms[:3])) * slack
    assert found.quantity * entry * (1 + cost) <= max(D(0), rooms[3]) * slack
    assert found.quantity * entry <= equity * min(D("0.3") / volatility, D(3)) * slack
    assert found.quantity <= flow[0] * D("0.02")
    assert found.quantity <= flow[1] * D("0.01")
