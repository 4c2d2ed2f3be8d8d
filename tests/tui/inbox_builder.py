"""The Inbox screen on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from core.messages import Message
from tests.snapshots.scenes import app
from tests.tui.confluence_builder import flush
from tui.app import TradeApp
from tui.screens.inbox import InboxScreen


@asynccontextmanager
async def desk(
    messages: Iterable[Message], size: tuple[int, int] = (120, 40), glyphs: str = "unicode"
) -> AsyncIterator[tuple[TradeApp, Pilot, InboxScreen]]:
    """The app with the Inbox screen, once everything is told."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("6")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, InboxScreen)
        for message in messages:
            running.desk.bus.publish(message)
        await flush(running, pilot, 0.0)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures
