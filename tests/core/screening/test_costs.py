"""Costs of a trade and the default slippage."""

from __future__ import annotations

import math

import pytest

from core.screening.costs import FREE, Costs, slippage


def test_each_side_pays_fee_half_spread_and_slippage():
    costs = Costs(fee_in=0.0002, fee_out=0.0005, half_spread=0.0001, slippage=0.00005, funding=0.0003)
    assert costs.entry == pytest.approx(0.00065)
    assert costs.exit == pytest.approx(0.00065)
    assert costs.round_trip == pytest.approx(0.0013)
    assert FREE.round_trip == 0.0


def test_slippage_grows_with_the_root_of_the_share_of_volume():
    assert slippage(25.0, 100.0, 0.002) == pytest.approx(0.1 * 0.002 * 0.5)
    assert slippage(1.0, 1e9, 0.002) == 0.5e-4


@pytest.mark.parametrize("numbers", [(1.0, 0.0, 0.1), (1.0, math.nan, 0.1), (1.0, 5.0, math.nan), (math.nan, 5.0, 0.1)])
def test_slippage_without_a_measure_is_the_floor(numbers):
    assert slippage(*numbers) == 0.5e-4
