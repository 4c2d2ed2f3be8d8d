"""The order ticket on a scene, for tests: frozen clock, keys of a calm hand or of none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from core.clock import SimClock
from core.messages import Message, OpenTicket, TicketStatus
from tests.snapshots import scenes_ticket as scene
from tests.snapshots.scenes import app
from tests.tui.calibration_builder import commands, page
from tui.app import TradeApp
from tui.screens.order import OrderScreen

__all__ = ["WANTED", "burst", "by_hand", "commands", "desk", "page", "publish"]

WANTED = OpenTicket(symbol="SOLUSDT")


@asynccontextmanager
async def desk(
    ticket: TicketStatus | None,
    size: tuple[int, int] = (80, 24),
    glyphs: str = "unicode",
    wanted: OpenTicket | None = None,
) -> AsyncIterator[tuple[TradeApp, Pilot, OrderScreen]]:
    """The app with a ticket over its first screen; shown long enough for a key to count."""
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        for message in scene.scene(ticket) if ticket is not None else ():
            running.desk.bus.publish(message)
        screen = OrderScreen(running.desk, wanted)
        await running.push_screen(screen)
        await pilot.pause()
        await pilot.pause()
        later(running, 1.0)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


def later(running: TradeApp, seconds: float) -> None:
    """Time goes by."""
    clock = running.desk.clock
    assert isinstance(clock, SimClock)
    clock.set_ms(clock.now_ms() + int(seconds * 1000))


async def painted(running: TradeApp, pilot: Pilot) -> str:
    """The picture as it is now."""
    if isinstance(running.screen, OrderScreen):
        running.screen._tick()
    await pilot.pause()
    return page(running)


async def publish(running: TradeApp, pilot: Pilot, messages: Iterable[Message] | Message, seconds: float = 0.0) -> str:
    """The picture after these messages, so much later."""
    for message in [messages] if isinstance(messages, Message) else messages:
        running.desk.bus.publish(message)
    shown = await painted(running, pilot)
    later(running, seconds)
    return shown


async def by_hand(running: TradeApp, pilot: Pilot, *keys: str) -> str:
    """The picture after these keys, each after a moment."""
    for key in keys:
        later(running, 0.4)
        await pilot.press(key)
    return await painted(running, pilot)


async def burst(running: TradeApp, pilot: Pilot, *keys: str) -> str:
    """The picture after these keys, all at one moment: a key held down, or a paste as keys."""
    await pilot.press(*keys)
    return await painted(running, pilot)
