"""Where an asset stands, in words: every state and verdict there is, at every width."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.preparation import too_few
from core.calibration.verdict import Code
from core.messages import CalibrationCause, CalibrationState
from tests.snapshots import scenes_calibration as scene
from tests.tui.desk_builder import store_with
from tui.glyphs import ASCII, UNICODE
from tui.screening_store import ScreenedRow
from tui.widgets import calibration_words as words
from tui.widgets.calibration_report import CHECKS

NOW = scene.NOW


def row(task=None, report=None, force=None, progress=None) -> ScreenedRow:
    made = ScreenedRow()
    made.task, made.report, made.thresholds, made.progress = task, report, force, progress
    return made


@pytest.mark.parametrize("state", get_args(CalibrationState))
def test_every_state_of_a_task_is_said(state):
    told = words.standing(row(scene.task("X", state, 1, position=1, reason="no edge")), NOW)
    assert told.text(60, UNICODE).strip()
    assert len(told.text(22, UNICODE)) == 22


def test_what_the_engine_can_tell_has_words():
    assert set(words.CAUSES) == set(get_args(CalibrationCause))
    assert set(words.FAILED_CHECKS) == set(CHECKS) == set(get_args(Code))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (row(), "not calibrated yet"),
        (row(report=scene.accepted()), "✓ accepted"),
        (row(report=scene.accepted(shrunk_lambda=0.38, partial=True)), "✓ accepted, shrunk to .38, partial"),
        (row(report=scene.accepted(), force=scene.in_force("X", "calibrated", scene.FOUND)), "✓ accepted"),
        (row(report=scene.accepted(), force=scene.in_force("X")), "• accepted, not in force any more"),
        (row(report=scene.kept()), "• kept: no edge out of sample, no better than now, may be luck, overfitted"),
        (row(report=scene.report("X", "keep", "cancelled")), "• kept: cancelled"),
        (row(report=scene.report("X", "failed", "no bars")), "✗ failed: no bars"),
        (row(report=scene.report("X", "waiting", "", bars_missing=125)), "waiting for history, 20,160 of 20,285 bars"),
        (row(force=scene.in_force("X", blended=True), report=scene.accepted()), "! expired, n calibrates anew"),
        (row(scene.task("X", "rejected", 9, reason="taken out by the operator"), scene.kept(number=4)),
         "• kept: taken out by the operator"),
        (row(scene.task("X", "in_progress", 1)), "running, just begun"),
        (row(scene.task("X", "in_progress", 2), progress=scene.progress(number=1)), "running, just begun"),
        (row(scene.task("X", "queued_high", 1, priority="high", position=4)), "high, place 4"),
    ],
)  # fmt: skip
def test_each_standing_in_its_words(found, text):
    assert words.standing(found, NOW).text(100, UNICODE).strip() == text


def test_a_breaker_says_when_the_next_try_is():
    task = scene.task("X", "queued", 1, position=1, breaker="open", next_try_ms=NOW + 480_000)
    assert words.standing(row(task), NOW).words == ("breaker open", "next try in 8 m 0 s")
    held = msgspec.structs.replace(task, breaker="closed")
    assert words.standing(row(held), NOW, "open").words == ("place 1",), "the breaker over all is told above the table"


@pytest.mark.parametrize(("have", "left", "share"), [(17_815, "3 h 5 min", 98), (900, "11 d 21 h", 5)])
def test_waiting_for_history_says_how_much_of_it_there_is_and_the_longest_it_can_take(have, left, share):
    wait = too_few(have, 18_000, 20_000, NOW)
    waiting = row(scene.task("X", "queued", 1, position=3, next_try_ms=wait.until_ms, reason=wait.reason))
    told = words.standing(waiting, NOW)
    assert told.rank == words.HISTORY
    assert told.text(90, UNICODE).strip() == f"waiting for history, {have:,} of 18,000 bars, {left} at most"
    assert told.text(24, UNICODE).strip() == f"history {share} %"
    waiting.stored_bars = 17_999
    assert words.standing(waiting, NOW).words[1] == "17,999 of 18,000 bars", "what was fetched since counts"


def test_a_store_kept_too_small_has_no_time_to_tell():
    wait = too_few(10, 18_000, 5_000, NOW)
    task = scene.task("X", "queued", 1, next_try_ms=wait.until_ms, reason=wait.reason)
    assert words.standing(row(task), NOW).text(60, UNICODE).strip() == "waiting for history, 10 of 18,000 bars"


@given(width=st.integers(1, 120), number=st.integers(0, len(scene.TASKS) - 1))
def test_no_width_is_overrun_and_no_word_is_cut_where_the_first_fits(width, number):
    store = store_with(*scene.busy()).screening
    told = words.standing(store.row(scene.TASKS[number].symbol), NOW)
    for glyphs in (UNICODE, ASCII):
        text = told.text(width, glyphs)
        assert len(text) == width
        if width >= 24:
            assert glyphs.ellipsis not in text


@pytest.mark.parametrize(
    ("seconds", "two", "one"),
    [
        (-5, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (72, "1 m 12 s", "1 m"),
        (720, "12 m", "12 m"),
        (11_100, "3 h 5 m", "3 h"),
        (47 * 3600, "47 h", "47 h"),
        (48 * 3600, "2 d", "2 d"),
    ],
)
def test_spans_have_two_parts_while_the_second_matters(seconds, two, one):
    assert (words.span(seconds), words.span(seconds, 1)) == (two, one)


@pytest.mark.parametrize(
    ("name", "seconds"), [("1m", 60), ("15m", 900), ("4h", 14_400), ("1d", 86_400), ("x", 0), ("", 0)]
)
def test_timeframes_in_seconds(name, seconds):
    assert words.seconds_of(name) == seconds
