"""The recorded Bybit v5 book: the snapshot and its deltas apply without a gap and never cross."""

import gzip
from pathlib import Path

import pytest

from providers.bybit import wire
from providers.bybit.depth import DepthBook

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
ARCHIVE = DATA / "raw" / "bybit_v5_archive"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not ARCHIVE.is_dir(), reason="the shared folder of recorded market data is not here"),
]


def frames() -> list[wire.Envelope]:
    (file,) = ARCHIVE.glob("*.gz")
    with gzip.open(file, "rb") as stream:
        return [wire.envelopes.decode(line) for line in stream]


def test_a_recorded_book_follows_u_plus_one_without_a_gap():
    book = DepthBook()
    kinds = []
    for envelope in frames():
        data = wire.books.decode(envelope.data)
        assert book.take(data, envelope.type == "snapshot") == ""
        assert book.live
        bid, ask = book.book.best_bid(), book.book.best_ask()
        assert bid is not None
        assert ask is not None
        assert 1.9 < bid[0] < ask[0] < 2.0
        kinds.append(envelope.type)
    assert kinds == ["snapshot"] + ["delta"] * 49
    assert (book.gaps, book.repeats) == (0, 0)


def test_one_missing_delta_is_found_and_the_next_snapshot_repairs_the_book():
    recorded = frames()
    book = DepthBook()
    troubles = [
        book.take(wire.books.decode(envelope.data), envelope.type == "snapshot")
        for number, envelope in enumerate(recorded)
        if number != 20
    ]
    assert [number for number, trouble in enumerate(troubles) if trouble] == [20]
    assert not book.live
    assert book.take(wire.books.decode(recorded[0].data), True) == ""
    assert book.live
