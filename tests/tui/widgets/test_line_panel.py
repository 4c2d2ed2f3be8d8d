"""Lines of a panel: folding, and how much of a line has to be sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.line_panel import changed_to, ends, fold, joined, width_of

STYLES = st.sampled_from(("text", "dim", "bright"))
LINES = st.lists(st.tuples(st.text("ab c", max_size=8), STYLES), max_size=6)


def cells(line):
    return [(char, style) for text, style in line for char in text]


@given(LINES, LINES)
def test_everything_behind_the_last_change_is_the_same(before, after):
    end = changed_to(before, after)
    old, new = cells(before), cells(after)
    assert old[end:] == new[end:]
    if end and len(old) == len(new):
        assert old[end - 1] != new[end - 1]
    if not end:
        assert old == new


@given(LINES)
def test_joining_changes_no_cell(line):
    assert cells(joined(line)) == cells(line)


@given(st.lists(st.text("abcdef", min_size=1, max_size=9), min_size=1, max_size=20), st.integers(24, 60))
def test_folded_lines_fit_and_keep_every_word(words, width):
    folded = fold([(" label    ", "dim"), (" ".join(words), "text")], width, 10)
    assert all(width_of(line) <= width + 1 for line in folded)
    assert " ".join("".join(text for text, _ in line) for line in folded).split() == ["label", *words]


def test_the_right_end_goes_when_both_do_not_fit():
    assert ends([("abc", "text")], [("de", "dim")], 6) == [("abc", "text"), (" ", "text"), ("de", "dim")]
    assert ends([("abcde", "text")], [("de", "dim")], 6) == [("abcde", "text")]
