"""Each key of the calibration screen asks the engine for the right thing, or says why there is nothing to ask."""

from __future__ import annotations

import msgspec
import pytest

from core.messages import (
    AcceptCalibration,
    CalibrateNow,
    CancelCalibration,
    EditThreshold,
    PauseCalibration,
    PrioritiseCalibration,
    RevertThresholds,
    SettingRejected,
)
from tests.snapshots import scenes_calibration as scene
from tests.tui.calibration_builder import commands, desk, page, typed
from tests.tui.confluence_builder import flush


@pytest.mark.parametrize(
    ("symbol", "key", "command"),
    [
        (scene.KEPT, "n", CalibrateNow(symbol=scene.KEPT)),
        (scene.QUEUED, "p", PauseCalibration(symbol=scene.QUEUED, paused=True)),
        (scene.PAUSED, "p", PauseCalibration(symbol=scene.PAUSED, paused=False)),
        (scene.KEPT, "P", PauseCalibration(symbol="", paused=True)),
        (scene.ACCEPTED, "r", RevertThresholds(symbol=scene.ACCEPTED)),
        (scene.ACCEPTED, "u", RevertThresholds(symbol=scene.ACCEPTED)),
        (scene.RUNNING, "x", CancelCalibration(symbol=scene.RUNNING)),
        (scene.URGENT, "x", CancelCalibration(symbol=scene.URGENT)),
        (scene.PAUSED, "x", CancelCalibration(symbol=scene.PAUSED)),
        (scene.QUEUED, "+", PrioritiseCalibration(symbol=scene.QUEUED, priority="high")),
        (scene.URGENT, "-", PrioritiseCalibration(symbol=scene.URGENT, priority="high")),
    ],
)
async def test_a_key_asks_for_its_command(symbol, key, command):
    async with desk(symbol) as (running, pilot, _):
        asked = commands(running)
        await typed(running, pilot, key)
        assert asked == [command]


@pytest.mark.parametrize(
    ("symbol", "key", "words"),
    [
        (scene.RUNNING, "n", "SOLUSDT is being calibrated already"),
        (scene.KEPT, "p", "ETHUSDT does not wait, so there is nothing to pause"),
        (scene.KEPT, "x", "ETHUSDT is not in the queue, so there is nothing to cancel"),
        (scene.KEPT, "r", "ETHUSDT has no thresholds before these to go back to"),
        (scene.KEPT, "+", "ETHUSDT does not wait; n puts it in the queue"),
        (scene.URGENT, "+", "DOGEUSDT has priority urgent already, the highest"),
        (scene.QUEUED, "-", "ADAUSDT has priority normal already, the lowest"),
        (scene.ACCEPTED, "a", "BTCUSDT: what was found is in force already"),
        (scene.QUEUED, "a", "ADAUSDT was not calibrated yet: n does it"),
        (scene.KEPT, "y", "nothing is being asked"),
    ],
)
async def test_a_key_with_nothing_to_ask_says_why(symbol, key, words):
    async with desk(symbol) as (running, pilot, _):
        asked = commands(running)
        assert words in await typed(running, pilot, key)
        assert asked == []


async def test_a_held_queue_goes_on():
    async with desk(messages=[*scene.busy(), scene.queue(held=True)]) as (running, pilot, _):
        asked = commands(running)
        await typed(running, pilot, "P")
        assert asked == [PauseCalibration(symbol="", paused=False)]


# --- accept ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["a", "y"])
async def test_accepting_against_the_guards_is_asked_once(second):
    async with desk(scene.KEPT) as (running, pilot, _):
        asked = commands(running)
        picture = await typed(running, pilot, "a")
        assert (
            "ETHUSDT: the guards said no (no edge out of sample, no better than now, may be luck, overfitted)"
            in picture
        )
        assert asked == []
        picture = await typed(running, pilot, second)
        assert asked == [AcceptCalibration(symbol=scene.KEPT)]
        assert "the guards said no" not in picture


async def test_a_key_held_down_does_not_confirm():
    async with desk(scene.KEPT) as (running, pilot, _):
        asked = commands(running)
        await pilot.press("a", "a", "a")
        await flush(running, pilot, 0.1)
        assert asked == []
        assert "the guards said no" in page(running)


@pytest.mark.parametrize("key", ["escape", "down", "n", "tab", "P"])
async def test_any_other_key_takes_the_question_back(key):
    async with desk(scene.KEPT) as (running, pilot, screen):
        asked = commands(running)
        picture = await typed(running, pilot, "a", key)
        assert "the guards said no" not in picture
        await typed(running, pilot, "y")
        assert AcceptCalibration(symbol=scene.KEPT) not in asked
        if key == "escape":
            assert screen.symbol == scene.KEPT


async def test_what_you_accepted_is_told_as_yours():
    taken = msgspec.structs.replace(scene.kept(), accepted_by_operator=True)
    force = scene.in_force(scene.KEPT, "operator", scene.FOUND)
    async with desk(scene.KEPT, messages=[*scene.busy(), taken, force], size=(200, 50)) as (running, pilot, _):
        picture = page(running)
        assert "✓ accepted by you against the guards: no edge out of sample" in picture
        assert "in force already" in await typed(running, pilot, "a")


# --- edit --------------------------------------------------------------------------------------------------------------


async def test_a_typed_threshold_is_asked_for_and_its_arrival_said():
    async with desk(scene.KEPT) as (running, pilot, _):
        asked = commands(running)
        picture = await typed(running, pilot, "e", "j", "j", "j", "e", "2", ".", "5")
        assert "Enter: ETHUSDT vol_z_threshold 2.5 from the next bar, until it expires" in picture
        picture = await typed(running, pilot, "enter")
        assert asked == [EditThreshold(symbol=scene.KEPT, name="vol_z_threshold", value="2.5")]
        assert "ETHUSDT vol_z_threshold 2.5: asked the engine" in picture
        values = (*scene.CLASS[:3], 2.5, *scene.CLASS[4:])
        made = scene.in_force(scene.KEPT, "operator", values, at_ms=running.desk.clock.now_ms(), previous=1)
        running.desk.bus.publish(made)
        await flush(running, pilot)
        assert "✓ ETHUSDT vol_z_threshold is 2.5 from the next bar; r goes back" in page(running)
        await typed(running, pilot, "u")
        assert asked[1:] == [RevertThresholds(symbol=scene.KEPT)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("40", "✗ vol_z_threshold is 40: give a number from 1 to 10"),
        ("abc", "✗ vol_z_threshold: 'abc' is no number; give one from 1 to 10"),
        ("nan", "✗ vol_z_threshold: 'nan' is no number; give one from 1 to 10"),
    ],
)
async def test_a_value_out_of_range_is_not_sent_and_the_line_stays_open(value, words):
    async with desk(scene.KEPT, size=(80, 24)) as (running, pilot, screen):
        asked = commands(running)
        picture = await typed(running, pilot, "e", "j", "j", "j", "enter", *value, "enter")
        assert words in picture
        assert asked == []
        assert screen.thresholds.is_open
        await typed(running, pilot, "escape")
        assert not screen.thresholds.is_open
        assert screen.part == "thresholds"


async def test_a_refusal_of_the_engine_stays_under_the_line():
    async with desk(scene.KEPT) as (running, pilot, _):
        await typed(running, pilot, "e", "j", "e", *"0.0001", "enter")
        refused = SettingRejected(
            key=f"{scene.KEPT}.high_gate", value="0.0001", at_ms=running.desk.clock.now_ms(),
            reason="low_gate 0.0003 is not below high_gate 0.0001: move one of them",
        )  # fmt: skip
        running.desk.bus.publish(refused)
        await flush(running, pilot)
        running.desk.say("something else")
        await flush(running, pilot, 20.0)
        assert "✗ ETHUSDT.high_gate = 0.0001 refused: low_gate 0.0003 is not below" in page(running)
        picture = await typed(running, pilot, "j")
        assert "refused" not in picture


async def test_typing_nothing_or_the_same_asks_for_nothing():
    async with desk(scene.KEPT) as (running, pilot, screen):
        asked = commands(running)
        await typed(running, pilot, "e", "j", "j", "j", "enter", "enter")
        await typed(running, pilot, "enter", "3", ".", "0", "enter")
        assert asked == []
        assert not screen.thresholds.is_open


async def test_letters_typed_into_a_threshold_are_no_commands():
    async with desk(scene.KEPT) as (running, pilot, screen):
        asked = commands(running)
        await typed(running, pilot, "e", "enter", "n", "x", "P")
        assert asked == []
        assert screen.thresholds.input.value == "nxP"


async def test_what_was_accepted_and_taken_back_is_no_longer_told_as_in_force():
    reverted = scene.in_force(scene.ACCEPTED, previous=2)
    async with desk(scene.ACCEPTED, messages=[*scene.busy(), reverted], size=(200, 50)) as (running, pilot, _):
        picture = page(running)
        assert "• accepted, not in force any more" in picture
        assert "vol_z_threshold    3.00 → 2.61" in picture
        assert "in force, OOS" in picture
        assert "was accepted and taken back; n calibrates anew" in await typed(running, pilot, "a")
