"""The candle window behaves like a plain bounded list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.candles import CandleWindow
from core.venue import CANDLE_COLUMNS
from tests.core.market.builders import MINUTE, START, candle, candles

step = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("extend"), st.integers(0, 120), st.just(False)),
    st.tuples(st.just("correct"), st.integers(0, 300), st.booleans()),
    st.tuples(st.just("merge"), st.integers(0, 300), st.just(False)),
)


@settings(max_examples=150, deadline=None)
@given(capacity=st.integers(1, 150), steps=st.lists(step, max_size=40))
def test_agrees_with_a_plain_list(capacity, steps):
    window, model = CandleWindow(capacity), {}
    newest = 0
    for number, (what, size, flag) in enumerate(steps):
        price = 100.0 + number
        if what == "append":
            newest += size
            window.append(candle(newest, price), flag)
            model[newest] = (price, flag)
        elif what == "extend":
            window.extend(np.array([candle(newest + 1 + i, price) for i in range(size)]).reshape(-1, 9))
            model.update({newest + 1 + i: (price, False) for i in range(size)})
            newest += size
        elif what == "correct":
            index = max(0, newest - size)
            found = window.correct(START + index * MINUTE, candle(index, price), flag)
            assert found == (index in model)
            if found:
                model[index] = (price, flag)
        elif model:
            first = max(0, newest - size)
            window.merge(np.array([candle(first + i, price) for i in range(5)]))
            model.update({first + i: (price, False) for i in range(5)})
            newest = max(newest, first + 4)
        model = dict(sorted(model.items())[-capacity:])
        assert len(window) == len(model) <= capacity
        assert window.open_ms.tolist() == [START + i * MINUTE for i in model]
        assert window.open.tolist() == [price for price, _ in model.values()]
        assert window.synthetic.tolist() == [flagged for _, flagged in model.values()]


def test_columns_are_contiguous_views_in_the_contracted_order():
    window = CandleWindow(300)
    for i in range(500):
        window.append(candle(i, 50.0 + i))
    for place, name in enumerate(CANDLE_COLUMNS):
        column = getattr(window, name)
        assert column.flags.c_contiguous
        assert column.dtype == np.float64
        assert not column.flags.owndata
        assert column[-1] == candle(499, 549.0)[place]
    assert window.block().shape == (300, 9)
    assert window.row(-1).tolist() == candle(499, 549.0)
    assert window.row(0).tolist() == candle(200, 250.0)
    with pytest.raises(IndexError):
        window.row(300)


def test_an_older_bar_cannot_be_appended():
    window = CandleWindow(10)
    window.append(candle(5))
    with pytest.raises(ValueError, match="not newer"):
        window.append(candle(5))
    with pytest.raises(ValueError, match="not strictly rising"):
        window.extend(candles(4, 3))


def test_gaps_name_the_missing_stretch():
    window = CandleWindow(50)
    window.extend(candles(0, 3))
    window.append(candle(5))
    window.append(candle(9))
    minute = START + 3 * MINUTE
    assert window.gaps(MINUTE) == [(minute, START + 5 * MINUTE), (START + 6 * MINUTE, START + 9 * MINUTE)]
    window.merge(candles(3, 6))
    assert window.gaps(MINUTE) == []


def test_rewriting_is_visible_to_whoever_carries_state():
    window = CandleWindow(50)
    window.extend(candles(0, 10))
    window.append(candle(10))
    assert window.rewritten == 0
    window.correct(START, candle(0, 77.0))
    assert window.rewritten == 1
    assert not window.correct(START + 40 * MINUTE, candle(40))
    assert window.rewritten == 1
    window.merge(candles(12, 2))  # newer than everything: no rewriting
    assert window.rewritten == 1
    window.merge(candles(11, 1))
    assert window.rewritten == 2


def test_an_empty_window_has_empty_columns():
    window = CandleWindow(5)
    assert window.last_open_ms == -1
    assert window.index_of(0) == -1
    assert len(window.close) == 0
    assert window.gaps(MINUTE) == []
