"""The Orders screen on a scene, for tests: frozen clock, flush by hand."""

from __future__ import annotations

from functools import partial

from textual.pilot import Pilot

from tests.tui.calibration_builder import commands, page, typed
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tests.tui.mode_builder import mode_desk, publish
from tui.app import TradeApp
from tui.screens.orders import OrdersScreen

__all__ = ["commands", "desk", "flush", "line_of", "on", "page", "publish", "typed"]

desk = partial(mode_desk, OrdersScreen, "5")
"""The app with the Orders screen, once everything is told."""


async def on(running: TradeApp, pilot: Pilot, screen: OrdersScreen, key: str) -> None:
    """The cursor to the line of this trade, order or discrepancy."""
    for _ in range(60):
        if screen.item is not None and screen.item.key == key:
            return
        await pilot.press("down")
        await flush(running, pilot, 0.0)
    raise AssertionError(f"no line of {key}")


def line_of(running: TradeApp, words: str, below: str = "") -> str:
    """The first line of the list with these words, below a heading."""
    lines = [line.partition("│")[0] for line in shown(running)[4:]]
    start = next((place for place, line in enumerate(lines) if below in line), 0)
    return next(line for line in lines[start:] if words in line)
