"""The reliability diagram: where marks, band and diagonal stand, and what is said of Brier, ECE and noise."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import ReliabilityBin, ReliabilityReport
from tests.snapshots import scenes_calibration as scene
from tests.tui.desk_builder import store_with
from tui.glyphs import ASCII, UNICODE
from tui.widgets.line_panel import Line, width_of
from tui.widgets.reliability import record_lines, reliability_lines, reliability_words


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def report(*bins: ReliabilityBin, **changes: object) -> ReliabilityReport:
    return msgspec.structs.replace(scene.reliability(), **({"bins": bins} if bins else {}), **changes)


def one(forecast: float, observed: float, low: float, high: float) -> ReliabilityBin:
    return ReliabilityBin(forecast=forecast, observed=observed, low=low, high=high, count=30)


def test_a_bin_in_its_band_a_bin_outside_and_the_diagonal():
    lines = text(reliability_lines(report(one(0.25, 0.25, 0.0, 0.5), one(0.75, 0.25, 0.5, 1.0)), UNICODE, 48, 9))
    assert lines[2:] == [
        " 1.0┤                             ░░░   ······",
        "    │                          ···░░░···      ",
        " 0.5┤         ░░░   ···········   ░░░         ",
        "    │      ···░■░···               ✗          ",
        "    │······   ░░░                             ",
        "   0└─────────────────────────────────────────",
        "     0                 0.5                 1.0",
    ]


def test_an_honest_forecast_lies_on_the_diagonal():
    for share in (0.05, 0.3, 0.5, 0.8, 0.95):
        lines = reliability_lines(report(one(share, share, share, share)), UNICODE, 60, 20)
        bare = reliability_lines(report(bins=()), UNICODE, 60, 20)
        (y,) = [y for y, line in enumerate(text(lines)) if "■" in line]
        x = text(lines)[y].index("■")
        assert text(bare)[y][x] == "·"


def test_an_empty_bin_draws_nothing():
    empty = ReliabilityBin(forecast=0.5, observed=0.5, low=0.0, high=1.0, count=0)
    lines = text(reliability_lines(report(empty), UNICODE, 60, 12))
    assert not any("■" in line or "░" in line for line in lines)


@pytest.mark.parametrize(
    ("ece", "words", "style"),
    [
        (0.041, " ECE .041, within the noise .056: no fault found", "text"),
        (0.093, " ECE .093, above the noise .056: P is off by 9 points", "warn"),
    ],
)
def test_the_error_is_told_against_the_noise_of_so_many_outcomes(ece, words, style):
    brier, told = reliability_words(report(ece=ece), UNICODE)
    assert text([brier]) == [" Brier .231, skill + 0.04, log loss .655"]
    assert told == [(words, style)]


def test_without_outcomes_it_says_what_is_missing():
    for nothing in (None, report(outcomes=0, bins=())):
        assert "no outcome yet" in " ".join(text(reliability_lines(nothing, UNICODE, 50, 10)))
    known = store_with().screening
    assert "no track record yet" in " ".join(text(record_lines(known, "", False, UNICODE, 50, 10)))


def test_where_there_is_room_it_says_how_often_calls_came_right():
    known = store_with(*scene.busy()).screening
    lines = text(record_lines(known, scene.KEPT, False, UNICODE, 50, 24))
    assert " ETHUSDT                  20 of 48    42 % [31–54]" in lines
    assert " buy                     104 of 212   49 % [43–55]" in lines
    assert " score map of class spot: platt" in lines
    assert not any("CAME RIGHT" in line for line in text(record_lines(known, scene.KEPT, False, UNICODE, 50, 11)))


@given(width=st.integers(1, 120), height=st.integers(1, 40), ascii_only=st.booleans())
def test_it_never_leaves_its_panel(width, height, ascii_only):
    known = store_with(*scene.busy()).screening
    lines = record_lines(known, scene.KEPT, False, ASCII if ascii_only else UNICODE, width, height)
    assert len(lines) <= max(height, 3)
    if width >= 60:
        assert all(width_of(line) <= width for line in lines)
