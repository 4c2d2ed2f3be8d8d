"""The screen of a mode on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from textual.pilot import Pilot

from core.messages import Message
from tests.snapshots.scenes import app
from tests.tui.calibration_builder import page
from tests.tui.confluence_builder import flush
from tui.app import TradeApp
from tui.screens.base import DeskScreen

S = TypeVar("S", bound=DeskScreen)


@asynccontextmanager
async def mode_desk(
    kind: type[S],
    key: str,
    messages: Iterable[Message] = (),
    size: tuple[int, int] = (120, 40),
    glyphs: str = "unicode",
) -> AsyncIterator[tuple[TradeApp, Pilot, S]]:
    """The app with the screen this key shows, once everything is told."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, kind)
        for message in messages:
            running.desk.bus.publish(message)
        await flush(running, pilot, 0.0)
        await flush(running, pilot, 0.0)  # what was told may have given panels another height
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def publish(running: TradeApp, pilot: Pilot, *messages: Message) -> str:
    """The picture after these messages."""
    for message in messages:
        running.desk.bus.publish(message)
    await flush(running, pilot, 0.0)
    return page(running)
