"""The calibration screen with the real queue and the real threshold book behind it: what is asked for comes true on screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from core.calibration.job import Step
from core.messages import Replay
from core.settings import Market, Settings
from tests.core.calibration.room import Room
from tests.snapshots import scenes_calibration as scene
from tests.tui.calibration_builder import line_of, page
from tests.tui.confluence_builder import flush
from tui.app import TradeApp
from tui.screens.calibration import CalibrationScreen

BTC, ETH = "BTCUSDT", "ETHUSDT"


class Live:
    """The room, the app on its bus, and the keys."""

    def __init__(self, room: Room, running: TradeApp, pilot: Pilot) -> None:
        self.room, self.running, self.pilot = room, running, pilot

    async def goes_on(self, seconds: float = 1.0) -> str:
        """A turn of the desk and a flush of the screen."""
        await self.room.turn(2, seconds)
        await flush(self.running, self.pilot)
        return page(self.running)

    async def press(self, *keys: str) -> str:
        for key in keys:
            await self.pilot.press(key)
            await flush(self.running, self.pilot)
        return await self.goes_on()


@asynccontextmanager
async def live(folder: Path) -> AsyncIterator[Live]:
    room = await Room.open(folder, BTC, ETH)
    running = TradeApp(room.bus, room.clock, Settings(market=Market(venue="binance_us")))
    running.animation_level = "none"
    try:
        async with running.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            room.watch(BTC, ETH)
            room.bus.publish(Replay())
            made = Live(room, running, pilot)
            await pilot.press("4")
            await pilot.pause()
            await made.goes_on()
            assert isinstance(running.screen, CalibrationScreen)
            running.screen.show_symbol(ETH)
            yield made
            assert not running.desk.guard.failures
            assert not running.desk.pump.failures
    finally:
        await room.close()


async def test_from_the_question_to_thresholds_taken_against_the_guards(tmp_path: Path):
    async with live(tmp_path) as desk:
        await desk.press("n", "+")
        await desk.goes_on(3600.0)
        assert ETH in desk.room.puppets.symbols()
        desk.room.puppets.step(ETH, Step(12, 60, 2, 4, 0.3, 61.0))
        picture = await desk.goes_on()
        assert "ETHUSDT trial 12/60 fold 2/4" in picture
        assert "30 % done" in line_of(desk.running, ETH)
        guards = scene.checks(118, -0.104, -0.081, 0.213, 0.612)
        desk.room.ends(ETH, checks=guards, parameters={"tp_mult": 2.5}, previous={"tp_mult": 3.0})
        picture = await desk.goes_on()
        assert "• kept: no edge" in line_of(desk.running, ETH)
        assert "kept what is in force: no edge out of sample" in picture
        picture = await desk.press("a")
        assert "the guards said no" in picture
        picture = await desk.press("y")
        assert "accepted by you" in picture
        assert desk.room.book.in_force(ETH).values.tp_mult == 2.5
        await desk.press("r")
        assert desk.room.book.in_force(ETH).values.tp_mult != 2.5


async def test_edit_refusal_and_undo_through_the_real_book(tmp_path: Path):
    async with live(tmp_path) as desk:
        before = desk.room.book.in_force(ETH).values
        picture = await desk.press("e", "j", "e", *"0.0000001", "enter")
        assert "✗ ETHUSDT.high_gate = 0.0000001 refused: low_gate" in picture
        assert "move one of them" in picture
        assert desk.room.book.in_force(ETH).values == before
        picture = await desk.press("j", "j", "e", *"4.5", "enter")
        assert "✓ ETHUSDT vol_z_threshold is 4.5 from the next bar; r goes back" in picture
        assert desk.room.book.in_force(ETH).values.vol_z_threshold == 4.5
        assert "operator" in line_of(desk.running, ETH)
        await desk.press("u")
        assert desk.room.book.in_force(ETH).values == before


async def test_the_queue_held_and_let_go(tmp_path: Path):
    async with live(tmp_path) as desk:
        picture = await desk.press("P")
        assert "the queue is paused: P lets it go on" in picture
        await desk.goes_on(3600.0)
        assert desk.room.puppets.symbols() == []
        picture = await desk.press("P")
        assert "the queue is paused" not in picture


async def test_pause_resume_and_cancel_of_one_asset(tmp_path: Path):
    async with live(tmp_path) as desk:
        await desk.press("P", "p")
        assert "• paused" in line_of(desk.running, ETH)
        await desk.press("p")
        assert "place" in line_of(desk.running, ETH)
        await desk.press("x")
        assert "kept: cancelled" in line_of(desk.running, ETH)
