"""The full-screen application: modes, keys, themes, signals, and the engine as one supervised task.

Exit codes (`return_code`): 0 ended by the operator, 1 could not start, 129 the terminal went away, 130 SIGINT, 143 SIGTERM.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from core.bus import Bus
from core.clock import Clock
from core.settings import Settings
from themes.loader import DEFAULT, MONOCHROME, DeskTheme, load_themes
from tui.actions import APP_ACTIONS, Action, Registry, mode_action_id
from tui.desk import Desk
from tui.glyphs import choose
from tui.guard import Guard
from tui.keymap import Keymap
from tui.pump import Pump
from tui.screens.base import DeskScreen
from tui.store import ViewStore

RunEngine = Callable[[], Coroutine[Any, Any, None]]
ENGINE_STOP_S = 5.0


class EmptyScreen(DeskScreen):
    SCOPE = "empty"


MODE_TABLE: tuple[tuple[str, type[DeskScreen], str], ...] = (("empty", EmptyScreen, "1"),)


class TradeApp(App[int], inherit_bindings=False):
    """The screen of the program. `run_engine()` runs until cancelled; it starts after the first paint."""

    CSS_PATH = "css/base.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit_now", "quit", show=False, priority=True)]

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        *,
        run_engine: RunEngine | None,
        themes_dir: Path | None = None,
    ) -> None:
        no_color = bool(os.environ.get("NO_COLOR"))
        super().__init__(ansi_color=True if no_color else None)
        self._run_engine = run_engine
        self.themes, self._theme_problems = load_themes(themes_dir)
        theme = self.themes.get(MONOCHROME if no_color else settings.screen.theme, self.themes[DEFAULT])
        registry = Registry([*APP_ACTIONS, *mode_actions(), *(a for _, s, _ in MODE_TABLE for a in s.ACTIONS)])
        store = ViewStore(settings.events.shown)
        self.desk = Desk(
            bus=bus,
            clock=clock,
            settings=settings,
            store=store,
            pump=Pump(bus, store, clock, settings.screen),
            guard=Guard(bus, clock),
            registry=registry,
            keymap=Keymap(registry, settings.keys),
            glyphs=choose(settings.screen.glyphs, os.environ),
            palette=theme.palette,
        )
        for known in self.themes.values():
            self.register_theme(known.textual)
        self.use_theme(theme.name)
        for name, screen, _ in MODE_TABLE:
            self.add_mode(name, lambda screen=screen: screen(self.desk))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {}

    def use_theme(self, name: str) -> None:
        theme: DeskTheme = self.themes[name]
        self.desk.palette = theme.palette
        self.theme = name

    async def on_mount(self) -> None:
        self.desk.pump.connect()
        await self.switch_mode(MODE_TABLE[0][0])

    def action_quit_now(self) -> None:
        self.exit(return_code=0)

    def act_quit(self) -> None:
        self.exit(return_code=0)


def mode_actions() -> list[Action]:
    """One action per mode."""
    return [Action(mode_action_id(name), keys, name, f"Show the {name} screen.") for name, _, keys in MODE_TABLE]
