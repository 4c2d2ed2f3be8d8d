"""The modes of the app, first one shown first. A new main screen is one entry here.

What a screen can do is known at once; the screen itself is loaded when it is first shown, or soon after the first picture:
only the first one may keep the first picture waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.app import App

from tui.actions import Action, mode_action_id
from tui.screens.base import DeskScreen, Keyed


@dataclass(frozen=True, slots=True)
class Mode:
    """One main screen: `name` is also its scope, `keys` show it, `footer` orders it in the other screens' key bars."""

    name: str
    load: Callable[[], type[DeskScreen]]
    actions: tuple[Action, ...]
    keys: str
    footer: int = 0

    @classmethod
    def of(cls, name: str, screen: type[DeskScreen], keys: str, footer: int = 0) -> Mode:
        """The mode of a screen that is loaded already."""
        return cls(name, lambda: screen, screen.ACTIONS, keys, footer)


def default_modes() -> tuple[Mode, ...]:
    """The table."""
    from tui.screens.calibration_actions import ACTIONS as CALIBRATION
    from tui.screens.confluence_actions import ACTIONS as CONFLUENCE
    from tui.screens.events_actions import ACTIONS as EVENTS
    from tui.screens.history_actions import ACTIONS as HISTORY
    from tui.screens.inbox_actions import ACTIONS as INBOX
    from tui.screens.orders_actions import ACTIONS as ORDERS
    from tui.screens.risk_actions import ACTIONS as RISK
    from tui.screens.watchlist import WatchlistScreen

    return (
        Mode.of("watchlist", WatchlistScreen, "1"),
        Mode("confluence", _confluence, CONFLUENCE, "2"),
        Mode("events", _events, EVENTS, "3,e"),
        Mode("calibration", _calibration, CALIBRATION, "4,c"),
        Mode("orders", _orders, ORDERS, "5"),
        Mode("inbox", _inbox, INBOX, "6,I"),
        Mode("risk", _risk, RISK, "7"),
        Mode("history", _history, HISTORY, "8"),
    )


def _confluence() -> type[DeskScreen]:
    from tui.screens.confluence import ConfluenceScreen

    return ConfluenceScreen


def _events() -> type[DeskScreen]:
    from tui.screens.events import EventsScreen

    return EventsScreen


def _calibration() -> type[DeskScreen]:
    from tui.screens.calibration import CalibrationScreen

    return CalibrationScreen


def _orders() -> type[DeskScreen]:
    from tui.screens.orders import OrdersScreen

    return OrdersScreen


def _inbox() -> type[DeskScreen]:
    from tui.screens.inbox import InboxScreen

    return InboxScreen


def _history() -> type[DeskScreen]:
    from tui.screens.history import HistoryScreen

    return HistoryScreen


def _risk() -> type[DeskScreen]:
    from tui.screens.risk import RiskScreen

    return RiskScreen


def questions() -> tuple[type[Keyed[Any]], ...]:
    """What is asked over any screen: loaded early, for a key that matters must not wait for code."""
    from tui.screens.ask_value import ValueScreen
    from tui.screens.go_live import GoLiveScreen
    from tui.screens.leave import LeaveScreen
    from tui.screens.order import OrderScreen

    return (LeaveScreen, GoLiveScreen, ValueScreen, OrderScreen)


async def load_questions(app: App[Any]) -> None:
    """Their code in a thread, and their layouts all at once: Textual would parse everything anew at each first use."""
    layouts = {str(screen.CSS_PATH) for screen in await asyncio.to_thread(questions)}
    for path in sorted(path for path in layouts if not app.stylesheet.has_source(path, "")):
        app.stylesheet.read(path)
    app.stylesheet.reparse()
    app.stylesheet.update(app)


def mode_actions(modes: tuple[Mode, ...]) -> list[Action]:
    """One action per mode."""
    return [
        Action(mode_action_id(mode.name), mode.keys, mode.name, f"Show the {mode.name} screen.", footer=mode.footer)
        for mode in modes
    ]
