"""Bars become trades: every column of any bar is hit exactly."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.sandbox.market_slots import SLOTS, MinuteShapes, NoiseTable, fill_slots, slot_columns, split_minute

NOISE = NoiseTable(3)


@st.composite
def bars(draw):
    """Open, high, low, close, volume and trades of one bar that so many trades can make."""
    trades = draw(st.integers(0, 40))
    opened, moved = draw(st.integers(500, 10_000_000)), draw(st.integers(-300, 300))
    close = opened + moved if trades > 1 else opened
    up, down = draw(st.integers(0, 90)), draw(st.integers(0, 90))
    up, down = (up if trades > 2 else 0), (down if trades > 3 or (trades == 3 and up == 0) else 0)
    volume = trades + draw(st.one_of(st.just(0), st.integers(0, 50), st.integers(0, 10**10))) * (trades > 0)
    return opened, max(opened, close) + up, min(opened, close) - down, close, volume, trades


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(bars(), min_size=1, max_size=12), key=st.integers(0, 10**9))
def test_the_trades_of_a_bar_have_its_prices_volume_count_and_turnover(rows, key):
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    slots = fill_slots(MinuteShapes(*columns), NOISE.block(key, len(rows)))
    turnover, buy_lots, buy_turnover = slot_columns(slots)
    weights = np.random.default_rng(key).standard_exponential(64) + 0.05
    for at, (opened, high, low, close, volume, count) in enumerate(rows):
        trades = split_minute(slots, at, weights)
        assert len(trades.prices) == count
        assert trades.lots.sum() == volume
        assert (trades.prices * trades.lots).sum() == turnover[at]
        assert trades.lots[trades.buys].sum() == buy_lots[at]
        assert (trades.prices * trades.lots)[trades.buys].sum() == buy_turnover[at]
        if count:
            assert (trades.prices[0], trades.prices.max(), trades.prices.min(), trades.prices[-1]) == (
                opened,
                high,
                low,
                close,
            )
            assert trades.lots.min() >= 1
            assert len(np.unique(trades.prices)) <= SLOTS


def test_the_same_key_gives_the_same_noise_and_another_key_other_noise():
    first, again, other = NOISE.block(5, 100), NOISE.block(5, 100), NOISE.block(6, 100)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
