"""The tape: fills of one taker are one line."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.messages import RecentTrades, Trade
from tests import builders as make
from tests.tui.desk_builder import desk
from tui.glyphs import ASCII, UNICODE
from tui.widgets.sight import look
from tui.widgets.tape_list import JUDGED_FROM, takers, tape_lines

TRADES = st.lists(
    st.builds(
        Trade,
        trade_id=st.just(""),
        price=st.sampled_from((10.0, 10.1, 10.2)),
        size=st.floats(0.01, 100.0),
        side=st.sampled_from(("BUY", "SELL")),
        event_ms=st.integers(0, 5),
    ),
    max_size=30,
)


def shown(trades, width=44, height=8, glyphs=UNICODE, back=0):
    """The tape's lines as text."""
    built = desk()
    built.store.look_at("AUSDT", "1m")
    recent = RecentTrades(
        venue=make.VENUE, category=make.CATEGORY, symbol="AUSDT", trades=tuple(trades), at_ms=make.NOW_MS
    )
    for message in (make.universe("AUSDT"), make.listing("AUSDT", "0.1"), recent):
        built.store.handlers()[type(message)](message)
    sight = look(built, "AUSDT", "1m")
    assert sight is not None
    return ["".join(text for text, _ in line) for line in tape_lines(sight, glyphs, width, height, back)]


def trade(price: float, size: float = 1.0, side: str = "BUY", at_ms: int = 0) -> Trade:
    return Trade("", price, size, side, make.NOW_MS + at_ms)  # type: ignore[arg-type]


@given(TRADES)
def test_joining_keeps_every_size_and_the_order(trades):
    found = takers(trades)
    assert sum(taker.size for taker in found) == sum_in_order(trades)
    for before, after in pairwise(found):
        assert (before.at_ms, before.side) != (after.at_ms, after.side)
    assert all(1 <= taker.levels <= 3 for taker in found)


def sum_in_order(trades) -> float:
    """Sizes added up taker by taker, as the tape does."""
    total, group, key = 0.0, 0.0, None
    for one in trades:
        if key != (one.event_ms, one.side) and key is not None:
            total, group = total + group, 0.0
        key, group = (one.event_ms, one.side), group + one.size
    return total + group


def test_one_taker_through_three_levels_is_a_sweep():
    lines = shown([trade(10.0), trade(10.1, 2.0), trade(10.2, 3.0), trade(10.2, 1.0, "SELL")])
    assert lines[1].split() == ["12:34:56", "10.2", "1.000", "↓", "sell"]
    assert lines[2].split() == ["12:34:56", "10.2", "6.000", "↑", "buy", "sweep", "×3"]


def test_fills_at_one_price_are_one_line_without_a_word():
    assert shown([trade(10.0), trade(10.0)])[1].split() == ["12:34:56", "10.0", "2.000", "↑", "buy"]


def test_a_big_taker_is_named_once_there_is_something_to_compare_with():
    few = [trade(10.0, at_ms=place * 10) for place in range(5)]
    assert "big" not in "".join(shown([*few, trade(10.0, 50.0, at_ms=900)]))
    many = [trade(10.0, at_ms=place * 10) for place in range(JUDGED_FROM)]
    assert shown([*many, trade(10.0, 50.0, at_ms=900)])[1].endswith("big")


def test_the_word_goes_before_the_note_where_it_is_narrow():
    sweep = [trade(10.0), trade(10.1)]
    assert shown(sweep, width=38)[1].endswith("↑ sweep ×2")
    assert shown(sweep, width=30)[1].endswith("↑")
    assert shown(sweep, glyphs=ASCII)[1].endswith("^ buy  sweep x2")


def test_newest_first_and_older_ones_on_request():
    many = [trade(10.0, float(place), at_ms=place * 1000) for place in range(1, 20)]
    assert [line.split()[2] for line in shown(many, height=4)[1:]] == ["19.000", "18.000", "17.000"]
    older = shown(many, height=4, back=2)
    assert "2 newer above" in older[0]
    assert [line.split()[2] for line in older[1:]] == ["17.000", "16.000", "15.000"]


def test_before_the_first_trade_it_says_so():
    assert shown([]) == [" TAPE", "  no trade seen yet"]
