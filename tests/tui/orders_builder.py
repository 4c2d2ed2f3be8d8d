"""The Orders screen on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from core.messages import Message
from tests.snapshots.scenes import app
from tests.tui.calibration_builder import commands, page, typed
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.screens.orders import OrdersScreen

__all__ = ["commands", "desk", "flush", "line_of", "on", "page", "publish", "typed"]


@asynccontextmanager
async def desk(
    messages: Iterable[Message], size: tuple[int, int] = (120, 40), glyphs: str = "unicode"
) -> AsyncIterator[tuple[TradeApp, Pilot, OrdersScreen]]:
    """The app with the Orders screen, once everything is told."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("5")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, OrdersScreen)
        for message in messages:
            running.desk.bus.publish(message)
        await flush(running, pilot, 0.0)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def on(running: TradeApp, pilot: Pilot, screen: OrdersScreen, key: str) -> None:
    """The cursor to the line of this trade, order or discrepancy."""
    for _ in range(60):
        if screen.item is not None and screen.item.key == key:
            return
        await pilot.press("down")
        await flush(running, pilot, 0.0)
    raise AssertionError(f"no line of {key}")


async def publish(running: TradeApp, pilot: Pilot, *messages: Message) -> str:
    """The picture after these messages."""
    for message in messages:
        running.desk.bus.publish(message)
    await flush(running, pilot, 0.0)
    return page(running)


def line_of(running: TradeApp, words: str, below: str = "") -> str:
    """The first line of the list with these words, below a heading."""
    lines = [line.partition("│")[0] for line in shown(running)[4:]]
    start = next((place for place, line in enumerate(lines) if below in line), 0)
    return next(line for line in lines[start:] if words in line)
