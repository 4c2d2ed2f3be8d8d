"""Absurd numbers stop here and are counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.quality import JumpGuard, RejectCounter, sane_candle, sane_quote, sane_time, sane_trade

ABSURD = [math.nan, math.inf, -math.inf, -1.0, 0.0, 1e308]


@pytest.mark.parametrize("bad", ABSURD)
@pytest.mark.parametrize("place", range(4))
def test_a_quote_with_one_absurd_number_is_refused(bad, place):
    numbers = [100.0, 1.0, 101.0, 2.0]
    assert sane_quote(*numbers)
    numbers[place] = bad
    assert not sane_quote(*numbers)


def test_crossed_and_locked_quotes_are_refused():
    assert not sane_quote(101.0, 1.0, 100.0, 1.0)
    assert not sane_quote(100.0, 1.0, 100.0, 1.0)


@pytest.mark.parametrize("bad", ABSURD)
def test_a_trade_with_one_absurd_number_is_refused(bad):
    assert sane_trade(1e-9, 1e9)
    assert not sane_trade(bad, 1.0)
    assert not sane_trade(1.0, bad)


@pytest.mark.parametrize("bad", ABSURD)
@pytest.mark.parametrize("place", range(4))
def test_a_candle_with_one_absurd_price_is_refused(bad, place):
    numbers = [100.0, 102.0, 99.0, 101.0, 5.0, 500.0]
    assert sane_candle(*numbers)
    numbers[place] = bad
    assert not sane_candle(*numbers)


@given(st.lists(st.floats(1.0, 1000.0), min_size=4, max_size=4))
def test_a_candle_must_enclose_its_own_prices(prices):
    open_, high, low, close = prices
    encloses = low <= min(open_, close) and high >= max(open_, close)
    assert sane_candle(open_, high, low, close, 0.0) == encloses


def test_volumes_may_be_zero_but_not_absurd():
    assert sane_candle(1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    for bad in (-1.0, math.nan, math.inf, 1e308):
        assert not sane_candle(1.0, 1.0, 1.0, 1.0, bad)
        assert not sane_candle(1.0, 1.0, 1.0, 1.0, 0.0, bad)


def test_times_from_the_future_or_the_dawn_of_time_are_refused():
    now = 1_760_000_000_000
    assert sane_time(now, now)
    assert sane_time(now + 60_000, now)
    assert not sane_time(now + 600_000, now)
    assert not sane_time(0, now)
    assert not sane_time(now // 1000, now)  # seconds instead of milliseconds


def test_a_single_spike_is_dropped_and_the_old_price_stays():
    guard = JumpGuard()
    assert guard.accept("A", 100.0)
    assert not guard.accept("A", 1000.0)
    assert guard.accept("A", 101.0)
    assert not guard.accept("A", 10.0)
    assert guard.rejected.by_reason == {"spike up": 1, "spike down": 1}
    assert guard.rejected.total == 2


def test_a_jump_that_persists_is_believed():
    guard = JumpGuard(persist=3)
    assert [guard.accept("A", p) for p in (100.0, 1000.0, 1010.0, 1005.0, 1001.0)] == [True, False, False, True, True]
    assert not guard.accept("A", 100.0)


def test_scattered_spikes_never_add_up():
    guard = JumpGuard(persist=2)
    guard.accept("A", 100.0)
    assert [guard.accept("A", p) for p in (1e3, 1.0, 1e5, 1e-3)] == [False] * 4


def test_symbols_do_not_share_a_reference():
    guard = JumpGuard()
    assert guard.accept("A", 100.0)
    assert guard.accept("B", 0.001)
    guard.forget("A")
    assert guard.accept("A", 5.0)
    guard.trust("B", 50.0)
    assert guard.accept("B", 51.0)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="factor above 1"):
        JumpGuard(factor=1.0)


def test_the_reject_counter_adds_up():
    counter = RejectCounter()
    for reason in ("bad json", "bad json", "negative"):
        counter.count(reason)
    assert counter.by_reason["bad json"] == 2
    assert counter.total == 3
