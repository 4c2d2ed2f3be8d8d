"""Liquidation price of linear isolated positions, its distance and its alerts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Side
from core.risk.liquidation import Bracket, alert, disagree, liquidation_price, too_near
from core.risk.position_math import sign

D = Decimal
ONE = (Bracket(up_to=D(0), rate=D("0.005")),)
TWO = (Bracket(up_to=D(1000), rate=D("0.005")), Bracket(up_to=D(0), rate=D("0.02"), deduction=D(15)))


def test_a_long_and_a_short_with_one_bracket() -> None:
    assert float(liquidation_price("BUY", D(1), D(100), D(10), ONE)) == pytest.approx(90.4522613, rel=1e-9)
    assert float(liquidation_price("SELL", D(1), D(100), D(10), ONE)) == pytest.approx(110 / 1.005, rel=1e-12)


def test_a_long_whose_margin_covers_everything_has_none() -> None:
    assert liquidation_price("BUY", D(1), D(100), D(150), ONE) == 0


def test_the_bracket_is_that_of_the_notional_at_liquidation() -> None:
    """11 at 100 are 1,100 of notional, in the second bracket; at 90.45 and below they are in the first."""
    found = liquidation_price("BUY", D(11), D(100), D(110), TWO)
    assert found == (D(110) - D(1100)) / (D(11) * D("0.005") - D(11))
    assert found * 11 < 1000
    higher = liquidation_price("BUY", D(20), D(100), D(200), TWO)
    assert higher == (D(215) - D(2000)) / (D(20) * D("0.02") - D(20))
    assert higher * 20 > 1000


def test_the_end_of_a_bracket_belongs_to_it() -> None:
    edge = liquidation_price(
        "SELL", D(1), D(950), D(55), (Bracket(up_to=D(1000), rate=D("0.005")), Bracket(up_to=D(0), rate=D("0.5")))
    )
    assert edge == D(1005) / D("1.005") == 1000
    start = (Bracket(up_to=D(1000), rate=D("0.5")), Bracket(up_to=D(0), rate=D(0)))
    assert liquidation_price("BUY", D(1), D(1100), D(100), start) == 1000


def test_of_two_that_fit_or_none_the_first_the_market_reaches() -> None:
    both = (Bracket(up_to=D(105), rate=D("0.05")), Bracket(up_to=D(0), rate=D(0)))
    assert liquidation_price("SELL", D(1), D(100), D(10), both) == D(110) / D("1.05")
    none = (Bracket(up_to=D(80), rate=D("0.005")), Bracket(up_to=D(85), rate=D("0.02")))
    prices = [D(-90) / (rate - 1) for rate in (D("0.005"), D("0.02"))]
    assert liquidation_price("BUY", D(1), D(100), D(10), none) == max(prices)
    assert liquidation_price("SELL", D(1), D(100), D(10), none) == D(110) / D("1.02")


@pytest.mark.parametrize(("quantity", "brackets"), [(D(0), ONE), (D(-1), ONE), (D(1), ())])
def test_nothing_to_liquidate_is_an_error(quantity: Decimal, brackets: Any) -> None:
    with pytest.raises(ValueError, match="liquidation price needs"):
        liquidation_price("BUY", quantity, D(100), D(10), brackets)


@given(
    side=st.sampled_from(["BUY", "SELL"]),
    quantity=st.decimals("0.001", 50, places=3),
    entry=st.decimals(1, 1000, places=1),
    leverage=st.integers(1, 20),
)
def test_at_the_liquidation_price_equity_is_the_maintenance_margin(
    side: Side, quantity: Decimal, entry: Decimal, leverage: int
) -> None:
    margin = quantity * entry / leverage
    price = liquidation_price(side, quantity, entry, margin, TWO)
    bracket = TWO[0] if price * quantity <= 1000 else TWO[1]
    if price > 0:
        equity = margin + sign(side) * quantity * (price - entry)
        assert abs(equity - (price * quantity * bracket.rate - bracket.deduction)) < D("1e-15")


CASES: list[tuple[Side, str, str, str, str, str]] = [
    ("BUY", "100", "99", "98", "0.3333", ""),
    ("BUY", "100", "99", "98.001", "0", "from entry"),
    ("BUY", "100", "99", "97.5", "0.5", ""),
    ("BUY", "100", "99", "97.501", "0.5", "behind stop"),
    ("SELL", "100", "101", "102", "0.3333", ""),
    ("SELL", "100", "101", "101.999", "0", "from entry"),
    ("SELL", "100", "101", "102.5", "0.5", ""),
    ("SELL", "100", "101", "102.499", "0.5", "behind stop"),
    ("BUY", "100", "99", "101", "0", "from entry"),
    ("BUY", "100", "99", "0", "30", ""),
]


@pytest.mark.parametrize(("side", "entry", "stop", "liquidation", "atr", "words"), CASES)
def test_liquidation_is_two_stops_off_and_three_atr_behind(
    side: Side, entry: str, stop: str, liquidation: str, atr: str, words: str
) -> None:
    found = too_near(side, D(entry), D(stop), D(liquidation), D(atr), D(2), D(3))
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("side", "mark", "told"),
    [("BUY", "93", ""), ("BUY", "92.99", "NEAR"), ("BUY", "91.5", "NEAR"), ("BUY", "91.49", "CRITICAL"), ("BUY", "80", "CRITICAL"),
     ("SELL", "87", ""), ("SELL", "87.01", "NEAR"), ("SELL", "88.51", "CRITICAL")],
)  # fmt: skip
def test_alerts_by_distance_from_mark(side: Side, mark: str, told: str) -> None:
    assert alert(side, D(mark), D(90), D(1)) == told


def test_a_difference_above_half_a_percent_is_worth_a_warning() -> None:
    assert not disagree(D("100.5"), D(100))
    assert disagree(D("100.51"), D(100))
    assert disagree(D("99.49"), D(100))
    assert disagree(D(1), D(0))
