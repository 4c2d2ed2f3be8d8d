"""The simulated book side: changes are all there is, the window stays deep, nothing stands in front of the touch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.sandbox.orderbook import DEPTH_CELLS, BookSide

MOVES = st.lists(
    st.tuples(
        st.one_of(st.integers(-40, 40), st.integers(-60_000, 60_000)),
        st.integers(1, 500),
        st.lists(st.tuples(st.integers(1, 260), st.integers(0, 90)), min_size=4, max_size=4),
    ),
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(sign=st.sampled_from((-1, 1)), cell=st.sampled_from((1, 3, 120)), moves=MOVES)
def test_changes_rebuild_the_side_which_stays_deep_and_behind_its_touch(sign, cell, moves):
    side = BookSide(sign, cell, 50.0, 12_345)
    touch = 400_000
    side.open_at(touch, 7)
    mirror = dict(side.levels)
    for step, lots, noise in moves:
        touch = max(100_000, touch + step)
        changes = side.move(touch, lots, [depth for depth, _ in noise], [size for _, size in noise])
        assert [price for price, _ in changes] == sorted((price for price, _ in changes), reverse=sign < 0)
        for price, size in changes:
            if size:
                mirror[price] = size
            else:
                mirror.pop(price, None)
        assert mirror == side.levels
        assert mirror[touch] == lots
        assert all((price - touch) * sign >= 0 for price in mirror)
        assert 180 <= len(mirror) <= 2 * DEPTH_CELLS + 10
        assert side.ladder()[0] == (touch, lots)


def test_a_level_keeps_its_price_while_the_touch_walks_away_and_back():
    side = BookSide(1, 10, 50.0, 1)
    side.open_at(100_000, 5)
    before = sorted(side.levels)[50:150]
    side.move(99_985, 5, [], [])
    side.move(100_000, 5, [], [])
    assert sorted(side.levels)[50:150] == before


def test_a_quiet_diff_changes_the_touch_and_the_cells_it_was_given():
    side = BookSide(-1, 1, 50.0, 1)
    side.open_at(100_000, 5)
    assert side.move(100_000, 9, [3, 6], [4, 8]) == ((100_000, 9), (99_997, 4), (99_994, 8))
