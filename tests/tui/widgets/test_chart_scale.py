"""The vertical scale: calm, round, and able to hold any price."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tui.widgets.chart_scale import PriceScale, fit_prices, fit_volume, price_ticks, round_step

finite = st.floats(-1e12, 1e12)


@given(finite, finite, st.integers(1, 60), st.integers(0, 1))
def test_every_price_shown_has_a_row(a: float, b: float, rows: int, spare: int) -> None:
    low, high = sorted((a, b))
    scale = fit_prices(low, high, rows, spare, None)
    assert scale is not None
    assert 0 <= scale.row(high) <= scale.row(low) < rows


@given(st.floats(1.0, 1e6), st.floats(0.001, 1.0), st.integers(8, 60), st.data())
def test_a_scale_stays_while_prices_stay_inside(low: float, share: float, rows: int, data: st.DataObject) -> None:
    high = low * (1.0 + share)
    scale = fit_prices(low, high, rows, 1, None)
    assert scale is not None
    middle = (low + high) / 2.0
    lower = data.draw(st.floats(low, low + (middle - low) * 0.1))
    higher = data.draw(st.floats(high - (high - middle) * 0.1, high))
    assert fit_prices(lower, higher, rows, 1, scale) is scale


def test_a_scale_follows_a_price_that_leaves_it_and_a_market_that_calms_down() -> None:
    scale = fit_prices(100.0, 110.0, 20, 1, None)
    assert scale is not None
    risen = fit_prices(100.0, 112.0, 20, 1, scale)
    assert risen is not None
    assert risen.high > 112.0
    calmed = fit_prices(104.0, 106.0, 20, 1, scale)
    assert calmed is not None
    assert calmed.high - calmed.low < 4.0


@pytest.mark.parametrize(
    ("low", "high"), [(math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0), (-1.7e308, 1.7e308), (1.0, math.nan)]
)
def test_what_no_scale_can_hold_has_none(low: float, high: float) -> None:
    assert fit_prices(low, high, 10, 1, None) is None


@given(st.floats(1e-200, 1e200))
def test_round_steps_are_the_next_larger(least: float) -> None:
    step = round_step(least)
    assert least * (1 - 1e-6) <= step <= least * 2.5


def test_ticks_are_round_and_rise_upwards() -> None:
    scale = fit_prices(152.013, 153.244, 12, 1, None)
    assert scale is not None
    ticks = price_ticks(scale, 2)
    assert [f"{price:.2f}" for _, price in ticks] == ["153.00", "152.50", "152.00"]
    assert [row for row, _ in ticks] == sorted({row for row, _ in ticks})


@example(low=1.25, share=1.25, rows=20, decimals=1)
@given(st.floats(0.0001, 1e6), st.floats(1e-6, 2.0), st.integers(1, 60), st.integers(0, 8))
def test_ticks_are_exact_at_the_instruments_decimals(low: float, share: float, rows: int, decimals: int) -> None:
    scale = fit_prices(low, low * (1.0 + share), rows, 0, None)
    assert scale is not None
    assume(scale.high - scale.low > 10.0**-decimals)
    for row, price in price_ticks(scale, decimals):
        assert 0 <= row < rows
        assert abs(round(price, decimals) - price) <= 1e-9 * max(1.0, abs(price))


@given(st.floats(), st.floats(0, 1e300))
def test_volume_always_fits_its_bar(most: float, before: float) -> None:
    full = fit_volume(most, before)
    if math.isfinite(most) and most > 1e-300:
        assert full >= most * (1 - 1e-6)
    else:
        assert full == 0.0


def test_a_volume_scale_stays_until_it_is_too_small_or_twice_too_large() -> None:
    assert fit_volume(38.0, 0.0) == 40.0
    assert fit_volume(21.0, 40.0) == 40.0
    assert fit_volume(19.0, 40.0) == 20.0
    assert fit_volume(41.0, 40.0) == 50.0


def test_half_rows_count_from_the_bottom() -> None:
    scale = PriceScale(100.0, 104.0, 4)
    assert [scale.half(price) for price in (100.0, 100.49, 100.5, 103.99, 104.0, 99.9)] == [0, 0, 1, 7, 8, -1]
    assert [scale.row(price) for price in (100.0, 101.0, 103.9)] == [3, 2, 0]
