"""The app on a frozen clock with a market from a seed, brought into the state a picture shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from textual.pilot import Pilot

from core.bus import Bus
from core.clock import SimClock
from core.messages import Message
from core.settings import Market, Screen, Settings
from tests import builders as make
from tui.app import TradeApp
from tui.screens.base import DeskScreen

Prepare = Callable[[Pilot], Awaitable[None]]


def settings(theme: str = "desk-dark", glyphs: str = "unicode") -> Settings:
    """The demo's settings: decisions on one-minute bars."""
    return Settings(
        market=Market(decision_timeframe="1m"),
        screen=Screen(theme=theme, glyphs=glyphs),  # type: ignore[arg-type]
    )


def app(theme: str = "desk-dark", glyphs: str = "unicode") -> TradeApp:
    """The program without an engine."""
    clock = SimClock(make.NOW_MS)
    running = TradeApp(Bus(clock), clock, settings(theme, glyphs))
    running.animation_level = "none"
    return running


def market(busy: bool = True, symbols: int = 60) -> list[Message]:
    """A market and its morning of events."""
    feed = make.SeededFeed(symbols)
    return [*feed.opening(busy), *feed.log()]


async def paint(pilot: Pilot) -> None:
    """One flush of the current screen, then wait for the picture."""
    screen = pilot.app.screen
    if isinstance(screen, DeskScreen):
        screen._tick()
    await pilot.pause()


def shows(messages: Iterable[Message], *keys: str) -> Prepare:
    """Publish the messages, paint, press the keys, paint."""

    async def prepare(pilot: Pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        for message in messages:
            running.desk.bus.publish(message)
        await paint(pilot)
        for key in keys:
            await pilot.press(key)
        await paint(pilot)
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures

    return prepare


async def settle(running: TradeApp, pilot: Pilot, keys: Iterable[str]) -> None:
    """Press the keys one by one, then paint: twice, for what is painted may give panels another height."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await paint(pilot)
    await paint(pilot)
    assert not running.desk.guard.failures
    assert not running.desk.pump.failures


def looks(mode: str, messages: Iterable[Message], *keys: str) -> Prepare:
    """The screen this key shows once these were told, after these keys."""

    async def prepare(pilot: Pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        await pilot.press(mode)
        for message in messages:
            running.desk.bus.publish(message)
        running.desk.store.notice = ""
        await paint(pilot)
        await settle(running, pilot, keys)

    return prepare
