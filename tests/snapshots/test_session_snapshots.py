"""Pictures of going live. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from core.clock import SimClock
from core.messages import Message
from tests.snapshots import scenes_session as scene
from tests.snapshots.scenes import Prepare, app, paint
from tui.app import TradeApp
from tui.screens.go_live import GoLiveScreen

pytestmark = pytest.mark.snapshot

NARROW, WIDE = (80, 24), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


def looks(told: list[Message], *then: Message | str) -> Prepare:
    """The screen once these were told; then keys and the engine's answers, a second apart."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        clock = running.desk.clock
        assert isinstance(clock, SimClock)
        await pilot.pause()
        for message in told:
            running.desk.bus.publish(message)
        await paint(pilot)
        await running.push_screen(GoLiveScreen(running.desk))
        for step in ("", *then):
            if isinstance(step, Message):
                running.desk.bus.publish(step)
            elif step:
                await pilot.press(step)
            for _ in range(2):
                await pilot.pause()
                clock.set_ms(clock.now_ms() + 1_000)
                assert isinstance(running.screen, GoLiveScreen)
                running.screen.flush()
            await pilot.pause()
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures

    return prepare


@SIZES
@pytest.mark.parametrize("record", ["recorded", "unproven"])
def test_first_question(snap_compare, size, record):
    told = scene.paper() if record == "recorded" else scene.paper(paper=None)
    assert snap_compare(app(), terminal_size=size, run_before=looks(told))


@SIZES
@pytest.mark.parametrize("state", ["good", "bad"])
def test_second_question(snap_compare, size, state):
    answer = scene.good() if state == "good" else scene.bad()
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.paper(), "y", answer))


def test_second_question_to_its_end(snap_compare):
    steps = ("y", scene.good(), "pagedown", "pagedown")
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(scene.paper(), *steps))


@SIZES
def test_third_question(snap_compare, size):
    steps = ("y", scene.good(), "pagedown", "pagedown", "y", "L", "I")
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.paper(), *steps))


def test_third_question_at_a_simulated_exchange_without_colour_or_unicode(snap_compare):
    steps = ("y", scene.sandbox(), "pagedown", "pagedown", "y")
    assert snap_compare(app("mono", "ascii"), terminal_size=NARROW, run_before=looks(scene.paper(), *steps))
