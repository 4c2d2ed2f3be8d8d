"""The confluence screen on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from core.clock import SimClock
from core.messages import Message
from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.screens.base import DeskScreen
from tui.screens.confluence import ConfluenceScreen
from tui.screens.watchlist import WatchlistScreen

SYMBOL = scene.SYMBOL


@asynccontextmanager
async def desk(
    size: tuple[int, int] = (120, 40), answers: Iterable[Message] | None = None, glyphs: str = "unicode"
) -> AsyncIterator[tuple[TradeApp, Pilot, ConfluenceScreen]]:
    """The app with the confluence screen on the scene's symbol, once everything is told."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        for message in scene.market():
            running.desk.bus.publish(message)
        await flush(running, pilot)
        listed = running.screen
        assert isinstance(listed, WatchlistScreen)
        listed.show_symbol(SYMBOL)
        await pilot.press("enter")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, ConfluenceScreen)
        for message in scene.answers() if answers is None else answers:
            running.desk.bus.publish(message)
        await flush(running, pilot)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def flush(running: TradeApp, pilot: Pilot, seconds: float = 1.0) -> None:
    """So much later, one flush of the screen on top."""
    clock, screen = running.desk.clock, running.screen
    assert isinstance(clock, SimClock)
    clock.set_ms(clock.now_ms() + int(seconds * 1000))
    if isinstance(screen, DeskScreen):
        screen._tick()
    await pilot.pause()


async def typed(running: TradeApp, pilot: Pilot, *keys: str) -> str:
    """The picture after these keys."""
    await pilot.press(*keys)
    await flush(running, pilot)
    return "\n".join(shown(running))


def told(running: TradeApp, kind: type[Message]) -> list[Message]:
    """What is published of this kind from now on."""
    found: list[Message] = []
    running.desk.bus.subscribe(kind, found.append)
    return found
