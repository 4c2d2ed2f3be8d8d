"""Sequence rules of Bybit books: snapshots replace, +1 continues, anything else asks for a resync, not too often."""

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.bybit.depth import RETRY_CAP_S, RETRY_S, DepthBook, TopOfBook
from providers.bybit.wire import BookData

ASKS = [(101.0, 1.0), (102.0, 2.0)]


def frame(u: int, bids=(), asks=()) -> BookData:
    return BookData("X", list(bids), list(asks), u)


def live_book() -> DepthBook:
    book = DepthBook()
    assert book.take(frame(10, [(100.0, 1.0)], ASKS), True) == ""
    return book


def test_deltas_before_the_first_snapshot_are_ignored():
    book = DepthBook()
    assert book.take(frame(5, [(100.0, 1.0)]), False) == ""
    assert (book.live, len(book.book)) == (False, 0)


def test_a_delta_that_skips_a_number_loses_the_book_until_a_snapshot():
    book = live_book()
    assert book.take(frame(12, [(100.0, 2.0)]), False).startswith("gap")
    assert (book.live, book.gaps) == (False, 1)
    assert book.take(frame(13), False) == "", "one resync is enough"
    assert book.take(frame(1, [(99.0, 1.0)], ASKS), True) == "", "a service restart begins at 1"
    assert book.book.best_bid() == (99.0, 1.0)


def test_repeated_frames_are_counted_and_change_nothing():
    book = live_book()
    assert book.take(frame(11, [(100.0, 5.0)]), False) == ""
    assert book.take(frame(11, [(100.0, 9.0)]), False) == ""
    assert (book.repeats, book.book.best_bid()) == (1, (100.0, 5.0))


def test_a_book_that_crosses_is_lost():
    book = live_book()
    assert book.take(frame(11, [(101.5, 1.0)]), False) == "crossed book"
    assert not book.live


def test_resyncs_that_do_not_help_come_ever_later():
    book = DepthBook()
    now, waits = 1000.0, []
    assert book.plan(now), "the first is immediate"
    for _ in range(6):
        book.asked(now)
        assert not book.plan(now + 0.1)
        waits.append(book.not_before - now)
        now = book.not_before
        assert book.plan(now)
        book.synced_at = now  # a snapshot came, and the next gap at once
    assert waits == [RETRY_S, 10.0, 20.0, 40.0, RETRY_CAP_S, RETRY_CAP_S]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 4), st.booleans()), max_size=40))
def test_a_live_book_has_always_followed_plus_one(steps):
    book, last = DepthBook(), None
    for jump, snapshot in steps:
        u = (last or 10) + jump
        trouble = book.take(frame(u, [(100.0, 1.0)], ASKS), snapshot)
        if snapshot or (book.live and last is not None and u == last + 1):
            last = u
        assert bool(trouble) == (not book.live and trouble != "")
        if book.live:
            assert book.last_u == last


def test_the_top_takes_snapshots_and_single_sided_deltas():
    top = TopOfBook()
    assert not top.take(frame(1, [(100.0, 1.0)]), False), "one side is no quote"
    assert top.take(frame(2, [(100.0, 1.0)], [(101.0, 2.0)]), True)
    assert top.take(frame(2, [(100.0, 1.0)], [(101.0, 2.0)]), True), "the same top may come again"
    assert top.take(frame(3, [], [(101.0, 0.0), (100.5, 3.0)]), False)
    assert (top.bid, top.ask) == ((100.0, 1.0), (100.5, 3.0))
    assert not top.take(frame(4, [(100.0, 0.0)]), False), "the bid went and none came"
    assert not top.take(frame(2, [(90.0, 1.0)]), False), "older than what we have"
