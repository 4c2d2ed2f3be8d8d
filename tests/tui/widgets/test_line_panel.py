"""Lines of a panel: folding, how much of a line has to be sent, and which lines are in sight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from tests.tui.desk_builder import desk
from tui.widgets.line_panel import LinePanel, changed_to, ends, fold, joined, width_of

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


class Watched(LinePanel):
    """Notes its second row as it stands when a new size is told, which is after the first picture of that size."""

    def __init__(self, head: int) -> None:
        super().__init__(desk(), "panel", head)
        self.seconds: list[str] = []

    def on_resize(self) -> None:
        self.seconds.append(self.render_lines(Region(0, 1, self.size.width, 1))[0].text.strip(" ▸"))


class Stage(App[None]):
    """A panel by itself."""

    def __init__(self, head: int = 0) -> None:
        super().__init__()
        self.panel = Watched(head)

    def compose(self) -> ComposeResult:
        yield self.panel

    def painted(self, height: int) -> list[str]:
        """The words in these rows of the picture, without the mark of the cursor."""
        strips = self.screen._compositor.render_strips()[:height]
        return ["".join(part.text for part in strip).strip(" ▸") for strip in strips]


NUMBERED = [[(f" line {number}", "text")] for number in range(20)]


@pytest.mark.parametrize("head", [0, 1])
async def test_the_headings_above_the_first_line_come_back_when_the_panel_has_room_for_them(head):
    """A layout gives a panel its height step by step, and small ones leave room for the cursor only."""
    stage = Stage(head)
    async with stage.run_test() as pilot:
        for height in (8, 2, 8):
            stage.panel.styles.height = height
            await pilot.pause()
            stage.panel.put(NUMBERED, cursor=4, home=4)
            assert 4 in [stage.panel.top + row for row in range(head, height)]
        assert stage.painted(8) == [f"line {number}" for number in range(8)]
        stage.panel.styles.height = 2
        await pilot.pause()
        assert stage.painted(2) == [f"line {3 if not head else 0}", "line 4"]
        stage.panel.styles.height = 8  # nothing is put any more
        await pilot.pause()
        assert stage.painted(8) == [f"line {number}" for number in range(8)]
        assert stage.panel.seconds[-2:] == ["line 4", "line 1"], "from the first picture of a size on"


async def test_back_on_the_first_line_the_headings_are_shown_and_other_moves_in_sight_scroll_nothing():
    stage = Stage()
    async with stage.run_test() as pilot:
        stage.panel.styles.height = 8
        await pilot.pause()
        tops = []
        for cursor in (4, 12, 8, 5, 4, -1):
            stage.panel.put(NUMBERED, cursor, home=4)
            tops.append(stage.panel.top)
        assert tops == [0, 5, 5, 5, 0, 0]
        for cursor in (12, 5, -1):
            stage.panel.put(NUMBERED, cursor)
        assert stage.panel.top == 5
        await pilot.pause()
        assert stage.painted(8)[0] == "line 5"
