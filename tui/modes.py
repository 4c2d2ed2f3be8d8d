"""The modes of the app, first one shown first. A new main screen is one entry here."""

from __future__ import annotations

from dataclasses import dataclass

from tui.actions import Action, mode_action_id
from tui.screens.base import DeskScreen


@dataclass(frozen=True, slots=True)
class Mode:
    """One main screen: `name` is also its scope, `keys` show it, `footer` orders it in the other screens' key bars."""

    name: str
    screen: type[DeskScreen]
    keys: str
    footer: int = 0


def default_modes() -> tuple[Mode, ...]:
    """The table."""
    from tui.screens.confluence import ConfluenceScreen
    from tui.screens.events import EventsScreen
    from tui.screens.watchlist import WatchlistScreen

    return (
        Mode("watchlist", WatchlistScreen, "1"),
        Mode("confluence", ConfluenceScreen, "2"),
        Mode("events", EventsScreen, "3,e", footer=40),
    )


def mode_actions(modes: tuple[Mode, ...]) -> list[Action]:
    """One action per mode."""
    return [
        Action(mode_action_id(mode.name), mode.keys, mode.name, f"Show the {mode.name} screen.", footer=mode.footer)
        for mode in modes
    ]
