"""The gauge: P, the thresholds of both sides and the base rate on one line."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tui.glyphs import ASCII, UNICODE
from tui.widgets.gauge import gauge_lines, place
from tui.widgets.line_panel import width_of

SHARE = st.floats(0.01, 0.99)


def texts(view, width=55, height=3, glyphs=UNICODE):
    return ["".join(text for text, _ in line) for line in gauge_lines(view, glyphs, width, height)]


def test_names_stand_under_their_marks():
    scale, begins, ends = texts(make.confluence("AUSDT", "BUY", 0.63, 10.0))
    marks = [cell for cell, glyph in enumerate(scale) if glyph == "│"]
    assert [begins.index("▴"), begins.rindex("▴")] == marks
    dotted = [cell for cell, glyph in enumerate(scale) if glyph == "┊"]
    assert [ends.index("▴"), ends.rindex("▴")] == dotted
    assert begins.split() == ["SELL", ".40", "▴", "▴", ".60", "BUY"]
    assert ends.split() == ["BUY", "ends", ".45", "▴", "▴", ".55", "SELL", "ends"]
    assert scale.startswith(" P .63  0 ")
    assert marks[1] < scale.index("■")


@given(SHARE, SHARE, SHARE, st.integers(55, 120), st.sampled_from(("BUY", "SELL", "HOLD")))
def test_any_thresholds_fit_any_width(probability, enter, leave, width, state):
    view = make.confluence(
        "AUSDT", state, probability, 10.0, enter=enter, exit=leave, base_logit=math.log(enter / (1 - enter))
    )
    for line in gauge_lines(view, UNICODE, width, 3):
        assert width_of(line) <= width
    assert "■" in texts(view, width)[0]


@given(st.floats(0.0, 1.0), st.integers(1, 200))
def test_a_probability_has_a_cell(probability, cells):
    assert 0 <= place(probability, cells) < cells


def test_low_panels_have_one_line_and_without_a_view_it_is_bare():
    assert len(texts(make.confluence("AUSDT", "BUY", 0.63, 10.0), height=1)) == 1
    assert texts(None)[0].startswith(" P –")
    assert len(texts(None)) == 1
    assert texts(make.confluence("AUSDT", "BUY", 0.63, 10.0), 20) == [" P .63"]
    assert all(line.isascii() for line in texts(make.confluence("AUSDT", "SELL", 0.3, 10.0), glyphs=ASCII))
