"""The high-water mark, deposits, the throttle and the halt."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.risk.drawdown import HighWater, drawdown, observe, rearm, throttle, transfer

D = Decimal
START, END = D("0.05"), D("0.15")


@pytest.mark.parametrize(
    ("mark", "equity", "share"),
    [(100, 90, "0.1"), (100, 100, "0"), (100, 110, "0"), (100, -5, "1"), (0, 10, "1"), (-1, 10, "1")],
)
def test_drawdown_is_the_share_of_the_mark_that_is_lost(mark: int, equity: int, share: str) -> None:
    assert drawdown(HighWater(D(mark)), D(equity)) == D(share)


@pytest.mark.parametrize(
    ("share", "factor"), [("0", "1"), ("0.05", "1"), ("0.10", "0.5"), ("0.149", "0.01"), ("0.15", "0"), ("0.5", "0")]
)
def test_the_throttle_shrinks_sizes_between_five_and_fifteen_percent(share: str, factor: str) -> None:
    assert throttle(D(share), START, END) == D(factor)


@pytest.mark.parametrize("end", ["0.05", "0.04"])
def test_a_throttle_without_a_way_between_its_ends_lets_nothing_through(end: str) -> None:
    assert throttle(D(0), START, D(end)) == 0


def test_the_halt_is_latched_until_the_operator_starts_again() -> None:
    high = observe(HighWater(D(100)), D(120), END)
    assert high == HighWater(D(120))
    assert observe(high, D("102.01"), END) == HighWater(D(120))
    halted = observe(high, D(102), END)
    assert halted == HighWater(D(120), halted=True)
    assert observe(halted, D(130), END) == HighWater(D(130), halted=True)
    assert rearm(D(102)) == HighWater(D(102))


@given(
    mark=st.decimals(1, 10_000, places=2), lost=st.decimals(0, "0.9", places=2), moved=st.decimals("-0.9", 5, places=2)
)
def test_a_deposit_or_withdrawal_changes_no_drawdown(mark: Decimal, lost: Decimal, moved: Decimal) -> None:
    equity = mark * (1 - lost)
    after = transfer(HighWater(mark), equity, equity * moved)
    assert abs(drawdown(after, equity * (1 + moved)) - drawdown(HighWater(mark), equity)) < D("1e-20")


def test_a_transfer_keeps_the_halt_and_starts_an_empty_account() -> None:
    assert transfer(HighWater(D(100), halted=True), D(50), D(50)) == HighWater(D(200), halted=True)
    assert transfer(HighWater(D(0)), D(0), D(500)) == HighWater(D(500))
    assert transfer(HighWater(D(100)), D(50), D(-60)) == HighWater(D(0))
    assert transfer(HighWater(D(10)), D(-5), D(-60)) == HighWater(D(0))
