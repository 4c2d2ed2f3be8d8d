"""The book in lines: best levels next to the mid, bars on a scale that stands still."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import BookStatus, Ladder
from tests import builders as make
from tests.tui.desk_builder import desk
from tui.glyphs import ASCII, UNICODE
from tui.widgets.ladder import eighth_bar, ladder_lines, nice_scale, size_decimals
from tui.widgets.sight import look


def shown(bids, asks, width=40, height=8, *more):
    built = desk()
    built.store.look_at("AUSDT", "1m")
    book = Ladder(venue=make.VENUE, category=make.CATEGORY, symbol="AUSDT", bids=bids, asks=asks, at_ms=make.NOW_MS)
    for message in (make.universe("AUSDT"), make.listing("AUSDT"), book, *more):
        built.store.handlers()[type(message)](message)
    sight = look(built, "AUSDT", "1m")
    assert sight is not None
    return ladder_lines(sight, UNICODE, width, height)


def text(line) -> str:
    return "".join(part for part, _ in line)


BIDS, ASKS = (
    ((9.99, 4.0), (9.98, 8.0), (9.97, 1.0), (9.96, 2.0)),
    ((10.01, 5.0), (10.02, 10.0), (10.03, 0.5), (10.04, 1.0)),
)


def test_asks_fall_to_the_mid_and_bids_from_it():
    lines = [text(line) for line in shown(BIDS, ASKS)]
    assert len(lines) == 8
    assert [line.split()[0] for line in lines[1:4]] == ["10.03", "10.02", "10.01"]
    assert lines[4].split()[1:] == ["10.00", "mid", "─", "bids", "48", "%"]
    assert [line.split()[0] for line in lines[5:]] == ["9.99", "9.98", "9.97"]


def test_prices_and_sizes_are_columns():
    for line in shown(BIDS, ASKS)[1:4]:
        assert line[0][0].index(".") == 3
        assert line[1][0].index(".") == 4


def test_a_wide_ladder_adds_up_from_the_mid():
    lines = [text(line) for line in shown(BIDS, ASKS, 60)]
    assert lines[1].split()[2] == "15.500"
    assert lines[7].split()[2] == "13.000"


def test_a_missing_side_leaves_its_place_empty_and_no_mid():
    lines = [text(line) for line in shown(BIDS, ())]
    assert lines[1:4] == ["", "", ""]
    assert "– mid" in lines[4]
    assert text(shown((), ())[1]) == "  waiting for the book"


def test_a_book_that_is_not_live_is_marked_and_dimmed():
    status = BookStatus(
        venue=make.VENUE, category=make.CATEGORY, symbol="AUSDT", state="syncing", reason="update 7 missing", resyncs=1,
        at_ms=make.NOW_MS,
    )  # fmt: skip
    lines = shown(BIDS, ASKS, 40, 8, status)
    assert text(lines[0]) == " BOOK  ≈ syncing: update 7 missing"
    assert {style for line in lines[1:4] for _, style in line} == {"stale"}


@given(st.floats(1e-9, 1e12))
def test_the_scale_is_the_next_round_number(largest):
    scale = nice_scale(largest)
    assert largest <= scale * (1 + 1e-12)
    assert scale <= largest * 2.5 * (1 + 1e-9)


@pytest.mark.parametrize("largest", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_of_nothing_is_one(largest):
    assert nice_scale(largest) == 1.0


@given(st.floats(-1.0, 2.0), st.integers(1, 30))
def test_a_bar_has_exactly_its_cells(fraction, cells):
    assert len(eighth_bar(fraction, cells, UNICODE)) == cells
    assert len(eighth_bar(fraction, cells, ASCII)) == cells


def test_a_bar_is_drawn_in_eighths_and_any_size_is_seen():
    assert eighth_bar(0.5, 4, UNICODE) == "██  "
    assert eighth_bar(0.03125, 4, UNICODE) == "▏   "
    assert eighth_bar(1e-9, 4, UNICODE) == "▏   "
    assert eighth_bar(0.0, 4, UNICODE) == "    "
    assert eighth_bar(0.5, 4, ASCII) == "##  "


@pytest.mark.parametrize(
    ("largest", "lot", "decimals"), [(5.0, "0.00001", 5), (500.0, "0.001", 3), (5_000_000.0, "0.01", 0), (50.0, "1", 0)]
)
def test_sizes_have_the_decimals_of_the_lot_as_far_as_they_fit(largest, lot, decimals):
    listing = make.listing("AUSDT")
    assert size_decimals(largest, msgspec.structs.replace(listing, lot_size=lot)) == decimals
