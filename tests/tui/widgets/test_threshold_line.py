"""What a typed threshold would do: the engine's own rule, tried before it is asked for."""

from __future__ import annotations

from tests.tui.desk_builder import desk
from tui.widgets.threshold_line import ALWAYS, Knob, effect, knobs_for, number


def test_a_detector_brings_its_own_thresholds_behind_the_three_of_the_state():
    found = knobs_for(desk(), "rsi_static")
    assert [knob.key for knob in found] == [*ALWAYS, "detectors.rsi_oversold", "detectors.rsi_overbought"]
    assert [knob.key for knob in knobs_for(desk(), "")] == list(ALWAYS)
    assert found[3].meaning.startswith("oversold below this.")


def test_values_in_force_are_shown_with_live_edits():
    edited = desk()
    edited.edited["confluence.enter"] = "0.7"
    assert knobs_for(edited, "")[0].value == "0.7"


def test_only_finite_numbers_are_numbers():
    assert number("0.5") == 0.5
    for text in ("", "x", "nan", "inf", "1e999"):
        assert number(text) != number(text)


def test_without_a_view_nothing_can_be_tried():
    knob = Knob("confluence.enter", "0.6", "")
    assert effect(knob, "0.7", None, "0.6", "0.45") == ("no view yet to try it on", "dim")
