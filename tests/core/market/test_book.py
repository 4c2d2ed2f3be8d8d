"""The local book agrees with a naive one after every message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.book import OrderBook

level = st.tuples(st.integers(1, 400).map(float), st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0]))
side = st.lists(level, max_size=60)
message = st.tuples(side, side)


class NaiveBook:
    def __init__(self):
        self.bids, self.asks = {}, {}

    def apply(self, bids, asks):
        for book, changes in ((self.bids, bids), (self.asks, asks)):
            for price, size in changes:
                if size:
                    book[price] = size
                else:
                    book.pop(price, None)

    def ladder(self, n):
        return (
            tuple(sorted(self.bids.items(), reverse=True)[:n]),
            tuple(sorted(self.asks.items())[:n]),
        )


@settings(max_examples=150, deadline=None)
@given(start=message, messages=st.lists(message, max_size=25), n=st.integers(1, 90), seldom=st.integers(1, 7))
def test_agrees_with_a_naive_book_after_every_message(start, messages, n, seldom):
    book, naive = OrderBook(), NaiveBook()
    book.replace(*start)
    naive.apply(*_without_zeros(start))
    for count, (bids, asks) in enumerate(messages):
        book.apply(bids, asks)
        naive.apply(bids, asks)
        best_bids, best_asks = naive.ladder(1)
        assert book.best_bid() == (best_bids[0] if best_bids else None)
        assert book.best_ask() == (best_asks[0] if best_asks else None)
        assert len(book) == len(naive.bids) + len(naive.asks)
        if count % seldom == 0:
            assert book.ladder(n) == naive.ladder(n)
    assert book.ladder(n) == naive.ladder(n)


def _without_zeros(start):
    """What `replace` keeps of a snapshot."""
    return [[(p, s) for p, s in half if s] for half in start]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000).map(float), st.sampled_from([0.0, 1.0])), max_size=4000))
def test_memory_is_bounded_and_the_best_levels_survive(changes):
    book, naive = OrderBook(max_levels=600), NaiveBook()
    for start in range(0, 3000, 100):
        crowd = [(float(p), 1.0) for p in range(start + 1, start + 101)]
        book.apply(crowd, crowd)
        naive.apply(crowd, crowd)
        assert len(book._bids) <= 600
        assert len(book._asks) <= 600
        # bids arrive best last, asks best first: pruning must never take what is near the touch
        assert book.ladder(20) == naive.ladder(20)
    for price, size in changes:
        book.apply([(price, size)], [])
        assert len(book._bids) <= 600


def test_best_removed_and_restored_inside_one_message():
    book = OrderBook()
    book.replace([(100.0, 1.0), (99.0, 2.0)], [(101.0, 1.0), (102.0, 1.0)])
    book.apply([(100.0, 0.0), (100.0, 3.0)], [(101.0, 0.0), (100.5, 1.0), (100.5, 0.0)])
    assert book.best_bid() == (100.0, 3.0)
    assert book.best_ask() == (102.0, 1.0)


def test_a_window_eaten_level_by_level_is_refilled():
    book = OrderBook()
    book.replace([(float(p), 1.0) for p in range(1, 1001)], [(float(p), 1.0) for p in range(1001, 2001)])
    for step in range(900):
        book.apply([(1000.0 - step, 0.0)], [(1001.0 + step, 0.0)])
        assert book.best_bid() == (999.0 - step, 1.0)
        assert book.best_ask() == (1002.0 + step, 1.0)
    assert [price for price, _ in book.ladder(20)[0]] == [float(p) for p in range(100, 80, -1)]


def test_crossed_locked_and_empty_books_say_so():
    book = OrderBook()
    assert book.best_bid() is None
    assert book.best_ask() is None
    assert not book.is_crossed
    book.replace([(100.0, 1.0)], [(101.0, 1.0)])
    assert not book.is_crossed
    book.apply([(101.0, 1.0)], [])
    assert book.is_crossed
    book.clear()
    assert len(book) == 0
    assert book.ladder(5) == ((), ())


def test_zero_sizes_in_a_snapshot_are_left_out():
    book = OrderBook()
    book.replace([(100.0, 0.0), (99.0, 1.0)], [(101.0, 0.0)])
    assert book.best_bid() == (99.0, 1.0)
    assert book.best_ask() is None


def test_too_small_a_bound_is_refused():
    with pytest.raises(ValueError, match="max_levels 10"):
        OrderBook(max_levels=10)
