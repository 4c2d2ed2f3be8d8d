"""The local book keeps Binance's sequence rules exactly."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.binance_us.book_sync import IGNORED_LIMIT, LocalBook
from providers.binance_us.wire import DepthFrame, Snapshot
from tests.providers.binance_us.frames import NOW


def diff(
    first: int, last: int, bids: dict[float, float] | None = None, asks: dict[float, float] | None = None
) -> DepthFrame:
    return DepthFrame(NOW, first, last, list((bids or {}).items()), list((asks or {}).items()))


def snapshot(last: int, bids: dict[float, float], asks: dict[float, float]) -> Snapshot:
    return Snapshot(last, list(bids.items()), list(asks.items()))


SNAPSHOT = snapshot(10, {99.0: 1.0, 98.0: 2.0}, {101.0: 1.0, 102.0: 2.0})


def live_book() -> LocalBook:
    book = LocalBook("A")
    assert book.on_snapshot(SNAPSHOT) == ""
    return book


def test_buffered_diffs_older_than_the_snapshot_are_dropped_and_the_straddling_one_applied() -> None:
    book = LocalBook("A")
    assert book.on_diff(diff(5, 8, {99.5: 9.0})) == ""
    assert book.on_diff(diff(9, 12, {99.0: 5.0})) == ""
    assert book.on_snapshot(SNAPSHOT) == ""
    assert book.state == "live"
    assert book.last_id == 12
    assert book.book.best_bid() == (99.0, 5.0)


def test_a_snapshot_older_than_the_first_diff_is_refused_and_the_diffs_kept() -> None:
    book = LocalBook("A")
    book.on_diff(diff(15, 16, {99.0: 5.0}))
    assert "older" in book.on_snapshot(SNAPSHOT)
    assert book.state == "syncing"
    assert book.on_snapshot(snapshot(15, {99.0: 1.0}, {101.0: 1.0})) == ""
    assert book.book.best_bid() == (99.0, 5.0)


def test_a_gap_invalidates_the_book_and_counts_once() -> None:
    book = live_book()
    assert book.on_diff(diff(11, 12)) == ""
    assert "gap" in book.on_diff(diff(14, 15))
    assert (book.state, book.gaps, book.resyncs) == ("syncing", 1, 1)
    assert book.book.best_bid() is None
    assert book.on_diff(diff(16, 17)) == ""
    assert book.on_snapshot(snapshot(15, {99.0: 1.0}, {101.0: 1.0})) == ""
    assert book.last_id == 17


def test_repeated_and_older_diffs_change_nothing() -> None:
    book = live_book()
    book.on_diff(diff(11, 12, {99.5: 1.0}))
    assert book.on_diff(diff(11, 12, {99.5: 7.0})) == ""
    assert book.book.best_bid() == (99.5, 1.0)


def test_a_diff_that_overlaps_what_we_have_is_applied() -> None:
    book = live_book()
    book.on_diff(diff(11, 12))
    assert book.on_diff(diff(12, 14, {99.5: 2.0})) == ""
    assert book.book.best_bid() == (99.5, 2.0)


def test_an_impossible_id_does_not_freeze_the_book() -> None:
    book = live_book()
    assert book.on_diff(diff(11, 2**60)) != ""
    book = live_book()
    book.on_diff(diff(11, 5_000_000))
    answers = [book.on_diff(diff(12 + n, 12 + n)) for n in range(IGNORED_LIMIT + 1)]
    assert answers[-1] == "ids went back"


def test_a_gap_inside_the_buffer_asks_for_another_snapshot() -> None:
    book = LocalBook("A")
    book.on_diff(diff(11, 12))
    book.on_diff(diff(15, 16))
    assert "gap" in book.on_snapshot(SNAPSHOT)
    assert book.state == "syncing"


def test_a_crossed_snapshot_is_refused() -> None:
    book = LocalBook("A")
    assert "crossed" in book.on_snapshot(snapshot(10, {101.0: 1.0}, {100.0: 1.0}))


def test_the_futures_rule_follows_previous_ids() -> None:
    book = LocalBook("A", futures=True)
    frames = [DepthFrame(NOW, 5, 10, [(99.0, 5.0)], [], 4), DepthFrame(NOW, 14, 15, [(99.0, 6.0)], [], 10)]
    for frame in frames:
        assert book.on_diff(frame) == ""
    assert book.on_snapshot(SNAPSHOT) == ""
    assert (book.last_id, book.book.best_bid()) == (15, (99.0, 6.0))
    assert "gap" in book.on_diff(DepthFrame(NOW, 16, 17, [], [], 14))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_is_lost_repeated_or_late_the_live_book_equals_the_true_one(data: st.DataObject) -> None:
    """A venue with a true book; frames may be lost or doubled; snapshots come whenever asked for."""
    true_bids: dict[float, float] = {99.0: 1.0}
    true_asks: dict[float, float] = {101.0: 1.0}
    sequence = 10
    book = LocalBook("A")
    for _ in range(data.draw(st.integers(1, 25))):
        price = float(data.draw(st.integers(90, 98)))
        size = float(data.draw(st.integers(0, 3)))
        true_bids[price] = size
        sequence += 1
        frame = diff(sequence, sequence, {price: size})
        fate = data.draw(st.sampled_from(["ok", "ok", "ok", "lost", "twice"]))
        for _ in range({"ok": 1, "lost": 0, "twice": 2}[fate]):
            book.on_diff(frame)
        if book.state != "live" and data.draw(st.booleans()):
            book.on_snapshot(snapshot(sequence, true_bids, true_asks))
        if book.state == "live" and book.last_id == sequence:
            expected = sorted(((p, s) for p, s in true_bids.items() if s), reverse=True)
            assert list(book.book.ladder(50)[0]) == expected
