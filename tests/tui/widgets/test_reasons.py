"""The argument in words: in reading order, and what matters least goes first."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_confluence as scene
from tests.tui.widgets.test_readings import sight
from tui.glyphs import UNICODE
from tui.widgets.line_panel import width_of
from tui.widgets.reasons import reason_lines


def texts(*messages, width=55, height=12):
    lines = reason_lines(sight(*(messages or (scene.view(),))), UNICODE, width, height)
    return ["".join(text for text, _ in line) for line in lines]


def labels(lines) -> list[str]:
    return [line[:10].strip() for line in lines]


def test_the_whole_argument_in_reading_order():
    assert labels(texts()) == ["↑ BUY", "for", "", "", "against", "next", "", "cooldown", "P is"]


def test_what_matters_least_goes_first():
    assert labels(texts(height=4)) == ["↑ BUY", "for", "against", "next"]
    assert labels(texts(height=2)) == ["↑ BUY", "for"]
    assert len(texts(height=1)) == 1


def test_a_forced_hold_a_gate_and_no_opinion_are_said():
    told = scene.view("1m", "HOLD", (), hold_reason="warming up", gate=0.7, gate_reason="too volatile: ATR 0.30 %")
    lines = texts(told)
    assert " held     warming up" in lines
    assert any(line.startswith(" for      no detector has an opinion") for line in lines)
    assert " gate     too volatile: ATR 0.30 %, every vote ×0.7" in lines


def test_a_calibrated_view_needs_no_excuse():
    assert not any("uncalibrated" in line for line in texts(scene.view(calibrated=True)))


@pytest.mark.parametrize("width", [30, 45, 55, 80])
def test_long_words_hang_under_their_beginning(width):
    lines = reason_lines(sight(*scene.stale()), UNICODE, width, 40)
    assert all(width_of(line) <= width for line in lines)
