"""Trades along the path: which barrier ends them, at what price, what they cost, and that nothing looks ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.calibration.entries import Alerts
from core.calibration.kernels import compiled
from core.calibration.walk import HORIZON, LONGER, Prices, Trades, equity, longer_atr, marked, prices_of, walk
from core.market.indicators import load_talib
from core.market.resample import resample
from core.screening.costs import FREE, Costs
from tests.core.screening.bars import MINUTE_MS, minutes

COSTS = Costs(fee_in=0.00055, fee_out=0.0006, half_spread=0.0001, slippage=0.00005, funding=0.00002)


def still(bars: int = HORIZON + 20, price: float = 100.0) -> Prices:
    """A market that does not move, with an ATR of 1."""
    flat = np.full(bars, price)
    return Prices(open=flat.copy(), high=flat.copy(), low=flat.copy(), close=flat.copy(), atr=np.ones(bars))


def alerts(*places: int, side: int = 1) -> Alerts:
    return Alerts(np.array(places, np.intp), np.full(len(places), side, np.int8))


def one(prices: Prices, costs: Costs = FREE, side: int = 1) -> Trades:
    trades = walk(prices, alerts(4, side=side), 3.0, 1.0, costs, shorts=True)
    assert len(trades) == 1
    assert trades.entered.tolist() == [5]
    return trades


def test_a_target_pays_its_multiple_less_what_it_cost() -> None:
    prices = still()
    prices.high[9] = 104.0
    free, paid = one(prices), one(prices, COSTS)
    assert free.exited.tolist() == [9]
    assert free.results == pytest.approx([3.0])
    entry = 100.0 * 1.00015
    left = (entry + 3.0) * (1.0 - 0.00015)
    fees = entry * 0.00057 + left * 0.0006
    assert paid.results == pytest.approx([left - entry - fees])
    assert paid.costs == pytest.approx([(entry + 3.0 - 100.0) - (left - entry - fees)])


@pytest.mark.parametrize("side", [1, -1])
def test_a_bar_that_holds_both_barriers_counts_as_stopped(side: int) -> None:
    prices = still()
    prices.high[9], prices.low[9] = 110.0, 90.0
    assert one(prices, side=side).results == pytest.approx([-1.0])


def test_a_short_is_the_mirror_of_a_long() -> None:
    up, down = still(), still()
    up.high[7], down.low[7] = 103.5, 96.5
    assert one(up).results == pytest.approx(one(down, side=-1).results)
    assert len(walk(down, alerts(4, side=-1), 3.0, 1.0, FREE)) == 0  # longs only unless asked for


@pytest.mark.parametrize(("side", "opened"), [(1, 97.0), (-1, 103.0)])
def test_a_bar_that_opens_beyond_the_stop_is_left_at_its_open(side: int, opened: float) -> None:
    prices = still()
    for column in (prices.open, prices.high, prices.low, prices.close):
        column[8] = opened
    assert one(prices, side=side).results == pytest.approx([-3.0])


def test_what_touches_nothing_ends_at_the_close_of_the_horizon() -> None:
    prices = still()
    prices.close[4 + HORIZON] = 100.5
    trades = one(prices)
    assert trades.exited.tolist() == [4 + HORIZON]
    assert trades.results == pytest.approx([0.5])


def test_one_position_at_a_time_and_none_that_cannot_have_ended() -> None:
    prices = still(3 * HORIZON)
    prices.low[20] = 98.0
    trades = walk(prices, alerts(3, 10, 20, 21, 2 * HORIZON - 1, 2 * HORIZON), 3.0, 1.0, FREE)
    assert trades.places.tolist() == [3, 20, 2 * HORIZON - 1]  # left on bar 20, and on its close told again
    assert trades.exited.tolist() == [20, 20 + HORIZON, 3 * HORIZON - 1]
    assert walk(prices, alerts(3, 10), 3.0, 1.0, FREE, free=5).places.tolist() == [10]


def test_without_an_atr_there_is_no_trade() -> None:
    prices = still()
    prices.atr[4] = np.nan
    assert len(walk(prices, alerts(4), 3.0, 1.0, FREE)) == 0


@settings(max_examples=25, deadline=None)
@given(
    seed=some.integers(0, 10_000),
    every=some.integers(1, 60),
    tp_mult=some.floats(0.5, 5.0),
    sl_mult=some.floats(0.3, 2.0),
    shorts=some.booleans(),
    free=some.integers(0, 400),
)
def test_the_compiled_walk_is_the_same_and_marks_add_up(
    seed: int, every: int, tp_mult: float, sl_mult: float, shorts: bool, free: int
) -> None:
    prices = prices_of(minutes(seed, 1500), MINUTE_MS)
    places = np.arange(0, 1500, every)
    found = Alerts(places, np.where(np.random.default_rng(seed).random(len(places)) < 0.6, 1, -1).astype(np.int8))
    mine = walk(prices, found, tp_mult, sl_mult, COSTS, shorts=shorts, free=free)
    theirs = walk(prices, found, tp_mult, sl_mult, COSTS, shorts=shorts, free=free, kernels=compiled())
    for name in mine.__struct_fields__:
        assert np.array_equal(getattr(mine, name), getattr(theirs, name)), name
    assert bool((mine.entered[1:] > mine.exited[:-1]).all())
    bars = marked(prices, mine, COSTS)
    assert bars.sum() == pytest.approx(mine.results.sum(), abs=1e-9)
    path = equity(prices, mine, COSTS, 0.01)
    assert path[-1] == pytest.approx(np.prod(1.0 + 0.01 * mine.results))
    assert bool((mine.costs > 0.0).all())


def test_marks_follow_the_close_while_a_trade_is_open() -> None:
    prices = still()
    prices.close[5:8] = (100.5, 99.5, 100.25)
    prices.high[8] = 104.0
    bars = marked(prices, one(prices), FREE)
    assert bars[5:9] == pytest.approx([0.5, -1.0, 0.75, 2.75])
    assert equity(prices, one(prices), FREE, 0.01) == pytest.approx([1.0, 1.005, 0.995, 1.0025, 1.03])


@settings(max_examples=20, deadline=None)
@given(seed=some.integers(0, 1000), cut=some.integers(300, 1200), offset=some.integers(0, 20))
def test_the_atr_of_longer_bars_is_the_one_known_at_the_close(seed: int, cut: int, offset: int) -> None:
    block = minutes(seed, 1200 + offset)[offset:]
    whole = longer_atr(block, MINUTE_MS)
    assert np.array_equal(longer_atr(block[:cut], MINUTE_MS), whole[:cut], equal_nan=True)
    longer = resample(block, LONGER * MINUTE_MS)
    ended = longer[:, 0] + LONGER * MINUTE_MS <= block[cut - 1, 0] + MINUTE_MS
    high, low, close = (np.ascontiguousarray(longer[ended, place]) for place in (2, 3, 4))
    assert whole[cut - 1] == pytest.approx(load_talib().ATR(high, low, close, 14)[-1], nan_ok=True)


def test_too_few_longer_bars_have_no_atr() -> None:
    assert np.isnan(longer_atr(minutes(1, 14 * LONGER), MINUTE_MS)).all()
    assert np.isnan(longer_atr(minutes(1, 10)[:0], MINUTE_MS)).all()
