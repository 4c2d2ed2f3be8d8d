"""The least order with room: once it is bought, it can be protected and sold again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading.least_order import least_quantity
from core.trading.position_book import UNTOLD_FEE, sellable
from core.venue import Instrument

D = Decimal


def rule(category: str = "spot", **rules: Any) -> Instrument:
    usual: dict[str, Any] = {"tick_size": D("0.01"), "lot_size": D("0.00001"), "min_notional": D(10)}
    return Instrument(
        venue="v", category=category, symbol="BTCUSDT", base="BTC", quote="USDT", status="TRADING", trading=True,
        **(usual | rules),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "price", "quantity"),
    [
        ({}, "65000", "0.0002"),
        ({"min_notional": D(1)}, "100000", "0.00003"),  # of two lots the fee would leave one, worth too little
        ({"min_qty": D("0.001")}, "65000", "0.00102"),
        ({"market_min_qty": D("0.002"), "market_lot_size": D("0.001")}, "65000", "0.003"),
    ],
)
def test_a_lot_more_where_the_fee_takes_one(rules: dict[str, Any], price: str, quantity: str) -> None:
    assert least_quantity(rule(**rules), D(price)) == D(quantity)


def test_on_a_perpetual_the_fee_takes_nothing_of_what_was_bought() -> None:
    assert least_quantity(rule("linear", min_qty=D("0.001"), lot_size=D("0.001")), D(65000)) == D("0.001")


@given(
    lot=st.sampled_from(["0.00001", "0.001", "0.01", "1", "10"]), coarser=st.sampled_from([1, 1, 10]),
    least=st.integers(0, 50), least_market=st.integers(0, 50), worth=st.sampled_from(["0", "1", "5", "10"]),
    price=st.decimals("0.0001", "100000", places=4), category=st.sampled_from(["spot", "linear"]),
)  # fmt: skip
def test_what_the_fee_leaves_can_be_sold_below_its_stop(
    lot: str, coarser: int, least: int, least_market: int, worth: str, price: Decimal, category: str
) -> None:
    made = rule(
        category, lot_size=D(lot), min_qty=D(lot) * least, market_lot_size=D(lot) * coarser,
        market_min_qty=D(lot) * least_market, min_notional=D(worth),
    )  # fmt: skip
    quantity = least_quantity(made, price)
    assert quantity % made.lot_size == quantity % made.market_lot_size == 0
    if quantity:
        left = quantity * (1 - UNTOLD_FEE) if category == "spot" else quantity
        assert sellable(left, price * D("0.95"), made) > 0
