"""What is typed: the token and the quantity."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Side
from core.trading.ticket import new_nonce, same_quantity, token_of

D = Decimal
QUANTITIES = st.decimals(min_value="0.00000001", max_value="9999999", places=8)


@pytest.mark.parametrize(
    ("base", "side", "quantity", "token"),
    [
        ("SOL", "BUY", "3.280", "SB32"),
        ("SOL", "SELL", "0.05", "SS50"),
        ("BTC", "BUY", "0.06595", "BB65"),
        ("ETH", "BUY", "10", "EB10"),
        ("ETH", "BUY", "1200", "EB12"),
        ("1INCH", "SELL", "7", "1S70"),
        ("pepe", "BUY", "100000.5", "PB10"),
    ],
)
def test_the_token_comes_from_base_side_and_size(base: str, side: Side, quantity: str, token: str) -> None:
    assert token_of(base, side, D(quantity)) == token


@given(st.sampled_from(["BTC", "SOL", "1INCH"]), st.sampled_from(["BUY", "SELL"]), QUANTITIES)
def test_a_token_is_four_plain_characters_and_the_same_however_the_size_is_written(
    base: str, side: Side, quantity: Decimal
) -> None:
    token = token_of(base, side, quantity)
    assert len(token) == 4
    assert token.isalnum()
    assert token == token.upper()
    assert token == token_of(base, side, quantity.normalize())
    assert token[1] != token_of(base, "SELL" if side == "BUY" else "BUY", quantity)[1]


@given(QUANTITIES)
def test_the_quantity_is_compared_as_a_number(quantity: Decimal) -> None:
    plain = f"{quantity.normalize():f}"
    assert same_quantity(plain, quantity)
    assert same_quantity(f"  {plain}{'000' if '.' in plain else '.000'} ", quantity)
    assert not same_quantity(f"{plain}1" if "." in plain else f"{plain}.1", quantity)
    assert not same_quantity(f"-{plain}", quantity)


@pytest.mark.parametrize("typed", ["", " ", "NaN", "Infinity", "1e1", "1_0", "+10", "10,0", "١٠", "10 0", "0x0a"])
def test_what_is_no_plain_number_is_no_quantity(typed: str) -> None:
    assert not same_quantity(typed, D(10))


def test_nonces_are_never_the_same() -> None:
    assert len({new_nonce() for _ in range(1000)}) == 1000
