"""The canvas: what covers what, runs of equal style, and how much of a line has changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.chart_canvas import RULED, SHADE, SOLID, Canvas, last_difference


def test_what_matters_more_covers_what_matters_less() -> None:
    canvas = Canvas(6, 1)
    canvas.put(2, 0, "#", "candle_up", SOLID)
    canvas.fill(0, 6, 0, ":", "zone_up", SHADE)
    canvas.fill(1, 4, 0, "-", "dim", RULED)
    assert "".join(text for text, _ in canvas.lines()[0]) == ":-#-::"


def test_words_keep_off_candles_and_other_words() -> None:
    canvas = Canvas(8, 1)
    canvas.put(0, 0, "#", "candle_up", SOLID)
    canvas.write(3, 0, "HH", "dim")
    assert [canvas.is_free(x, x + 1, 0) for x in range(8)] == [False, True, False, False, False, False, True, True]
    assert not canvas.is_free(7, 9, 0)
    assert not canvas.is_free(0, 1, 1)


def test_blanks_join_the_run_before_them() -> None:
    canvas = Canvas(7, 1)
    canvas.write(0, 0, "a", "dim")
    canvas.write(3, 0, "b", "dim")
    canvas.write(5, 0, "c", "warn")
    assert canvas.lines()[0] == (("a  b ", "dim"), ("c ", "warn"))


def cells(line):
    return [(char, style) for text, style in line for char in text]


lines = st.lists(st.tuples(st.sampled_from("ab "), st.sampled_from(["dim", "warn"])), min_size=1, max_size=12)


@given(st.data(), st.integers(1, 14))
def test_cells_beyond_the_last_difference_are_the_same(data: st.DataObject, width: int) -> None:
    drawn = []
    for _ in range(2):
        canvas = Canvas(width, 1)
        for x, (char, style) in enumerate(data.draw(lines)):
            canvas.put(x, 0, char, style, SOLID)
        drawn.append(canvas.lines()[0])
    old, new = drawn
    end = last_difference(old, new)
    assert cells(old)[end:] == cells(new)[end:]
    assert (end == 0) == (old == new)
