"""One event as one line: columns, marks, prices, and words lit up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tui.glyphs import ASCII, UNICODE
from tui.store import ViewStore
from tui.widgets.event_columns import SPACIOUS, WIDE, action, event_runs, header_text, layout, lit, mark, price_text

CHANGE = make.state_event(1, "SOLUSDT", "HOLD", "BUY", 152.1, "MACD rising (+4.0 pp)", "ADX 31 up (+2.2 pp)")


def line(event, width=120, store=None, glyphs=UNICODE) -> str:
    runs = event_runs(event, make.NOW_MS, width, store or ViewStore(), glyphs)
    return "".join(text for text, _ in runs)


@pytest.mark.parametrize(
    ("event", "signs"),
    [
        (make.event(1, "link", "up"), (" ", "text")),
        (make.event(1, "link", "down", severity="warning"), ("!", "warn")),
        (make.event(1, "fault", "bad", severity="error"), ("✗", "danger")),
    ],
)
def test_severity_has_a_sign_besides_a_colour(event, signs):
    assert mark(event, UNICODE) == signs


@pytest.mark.parametrize(
    ("after", "told"),
    [("BUY", ("↑ BUY", "price_up")), ("SELL", ("↓ SELL", "price_down")), ("HOLD", ("• HOLD", "hold"))],
)
def test_a_state_has_an_arrow_besides_a_colour(after, told):
    change = make.state_event(1, "A", "HOLD", after, 1.0).change
    assert change is not None
    assert action(change, UNICODE) == told


def test_a_change_of_state_stands_under_its_titles():
    told, titles = line(CHANGE), header_text(120)
    assert " ".join(told.split()) == (
        "12:34:56Z state SOLUSDT ↑ BUY 152.100 .61 MACD rising (+4.0 pp), ADX 31 up (+2.2 pp)"
    )
    for title, value in (("KIND", "state"), ("SYMBOL", "SOLUSDT"), ("ACTION", "↑ BUY"), ("WHY", "MACD rising")):
        assert titles.index(title) == told.index(value)
    assert titles.index("PRICE") + 5 == told.index("152.100") + 7


def test_wide_lines_say_which_state_ended():
    told = line(make.state_event(1, "SOLUSDT", "SELL", "HOLD", 152.1), SPACIOUS)
    assert "• HOLD from SELL  " in told
    assert header_text(SPACIOUS).index("PRICE") + 5 == told.index("152.100") + 7


def test_narrow_lines_leave_out_kind_and_probability():
    told, titles = line(CHANGE, 77), header_text(77)
    assert titles.split() == ["TIME", "SYMBOL", "ACTION", "PRICE", "WHY"]
    assert told.split()[:5] == ["12:34:56Z", "SOLUSDT", "↑", "BUY", "152.100"]
    assert titles.index("WHY") == told.index("MACD rising")
    assert len(told) == 77


def test_prices_have_the_decimals_of_their_market():
    store = ViewStore()
    store.on_listing(make.listing("SOLUSDT", "0.01"))
    assert CHANGE.change is not None
    assert price_text(CHANGE, CHANGE.change, store, UNICODE) == "152.10"
    assert price_text(CHANGE, CHANGE.change, ViewStore(), UNICODE) == "152.100"


def test_events_of_other_days_carry_their_date():
    event = make.event(1, "state", "something")
    assert event_runs(event, make.NOW_MS, 80, ViewStore(), UNICODE)[0][0] == "12:34:56Z   "
    assert event_runs(event, make.NOW_MS + 86_400_000, 80, ViewStore(), UNICODE)[0][0] == "11-21 12:34 "


def test_a_state_event_kept_by_an_older_program_is_told_in_words():
    assert "HOLD → BUY at 1.0" in line(make.event(1, "state", "SOLUSDT HOLD → BUY at 1.0", symbol="SOLUSDT"))


words = st.lists(st.text(min_size=1, max_size=4), max_size=3)


@given(text=st.text(max_size=200), width=st.integers(57, 200), looked_for=words, of_state=st.booleans())
def test_a_line_is_exactly_as_wide_as_asked(text, width, looked_for, of_state):
    event = make.event(1, "channel", text, symbol="A" * 20)
    if of_state:
        event = make.state_event(1, "A" * 20, "HOLD", "SELL", 0.00001742, text)
    for glyphs in (UNICODE, ASCII):
        runs = event_runs(event, make.NOW_MS, width, ViewStore(), glyphs, [word.lower() for word in looked_for])
        assert sum(len(part) for part, _ in runs) == width
    columns = layout(width)
    assert bool(columns.kind) == bool(columns.chance) == (width >= WIDE)


@given(text=st.text(max_size=60), looked_for=words)
def test_lighting_words_up_changes_no_text(text, looked_for):
    assert "".join(part for part, _ in lit(text, "text", looked_for)) == text


def test_words_are_lit_up_whatever_their_case_and_signs():
    assert lit("EMA (+4) ema", "text", ("ema", "(+")) == [
        ("EMA", "accent"), (" ", "text"), ("(+", "accent"), ("4) ", "text"), ("ema", "accent"),
    ]  # fmt: skip
