"""The calibration screen on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from core.messages import Command, Message
from tests.snapshots import scenes_calibration as scene
from tests.snapshots.scenes import app
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.screens.calibration import CalibrationScreen


@asynccontextmanager
async def desk(
    symbol: str = scene.KEPT,
    size: tuple[int, int] = (120, 40),
    messages: Iterable[Message] | None = None,
    glyphs: str = "unicode",
) -> AsyncIterator[tuple[TradeApp, Pilot, CalibrationScreen]]:
    """The app with the calibration screen on this asset, once everything is told."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        for message in scene.busy() if messages is None else messages:
            running.desk.bus.publish(message)
        await flush(running, pilot)
        await pilot.press("4")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, CalibrationScreen)
        await flush(running, pilot)
        if symbol:
            screen.show_symbol(symbol)
        await flush(running, pilot)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def typed(running: TradeApp, pilot: Pilot, *keys: str) -> str:
    """The picture after these keys, a moment after each."""
    for key in keys:
        await pilot.press(key)
        await flush(running, pilot)
    return "\n".join(shown(running))


def page(running: TradeApp) -> str:
    """The picture as text."""
    return "\n".join(shown(running))


def line_of(running: TradeApp, symbol: str) -> str:
    """The table's line of an asset."""
    return next(line for line in shown(running)[4:] if line[1:].startswith(symbol))


def commands(running: TradeApp) -> list[Command]:
    """What is asked of the engine from now on."""
    found: list[Command] = []
    for kind in Command.__subclasses__():
        running.desk.bus.subscribe(kind, found.append)
    return found
