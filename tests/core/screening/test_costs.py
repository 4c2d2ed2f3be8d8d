"""Costs of a trade: fees, spread, slippage, and whether a market may be sold short."""

from __future__ import annotations

import math

import pytest

from core.screening.costs import FREE, SLIPPAGE_FLOOR, Costs, fee_of, shorts_allowed, slippage, trade_costs
from core.settings_screening import Screening
from tests.core.screening.stage2 import bars_of


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


def test_fees_and_shorts_go_by_the_market():
    assert fee_of("spot", Screening()) == pytest.approx(0.001)
    assert fee_of("linear", Screening(linear_fee_percent=0.04)) == pytest.approx(0.0004)
    assert [shorts_allowed(category, Screening()) for category in ("spot", "linear")] == [False, True]
    assert shorts_allowed("spot", Screening(shorts="on"))
    assert not shorts_allowed("linear", Screening(shorts="off"))


def test_costs_of_a_trade_by_hand():
    closes = [100.0, 101.0] * 40
    minutes = bars_of(closes, interval=60_000, volume=50.0)
    found = trade_costs(minutes, 100.0, 0.0004, 0.01, fee=0.001, notional=20_000.0)
    sigma = math.log(1.01)
    assert found.half_spread == pytest.approx(0.0002)
    assert found.slippage == pytest.approx(0.1 * sigma * math.sqrt(200.0 / 50.0), rel=1e-3)
    assert found.round_trip == pytest.approx(2.0 * (0.001 + 0.0002 + found.slippage))


@pytest.mark.parametrize(
    ("spread", "half"), [(math.nan, 0.00005), (-1.0, 0.00005), (0.00001, 0.00005), (0.001, 0.0005)]
)
def test_a_spread_that_is_not_known_counts_as_one_tick(spread, half):
    found = trade_costs(bars_of([100.0] * 3), 100.0, spread, 0.01, fee=0.001, notional=1000.0)
    assert found.half_spread == pytest.approx(half)
    assert found.slippage == SLIPPAGE_FLOOR
