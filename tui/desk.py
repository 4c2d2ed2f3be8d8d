"""What every screen is given: messages in, commands out, looks. Built once by the app, never an engine object."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.bus import Bus
from core.clock import Clock
from core.settings import Settings
from themes.palette import Palette
from tui.actions import Registry
from tui.glyphs import Glyphs
from tui.guard import Guard
from tui.keymap import Keymap
from tui.pump import Pump
from tui.store import ViewStore


@dataclass(slots=True)
class Desk:
    """Shared by all screens and widgets. `palette` is replaced when the theme changes; read it when painting.

    `symbol` and `timeframe` are what the operator looks at, shown in the status bar; screens set them. `edited` holds
    live edits (`section.key` to TOML text). `waiting` is said before the engine speaks. `dropped_frames` asks the driver
    how many pictures a slow terminal missed. `listed` asks the watchlist for its symbols in their order, and for the one
    under its cursor. `touched`: the operator has pressed a key since the start.
    """

    bus: Bus
    clock: Clock
    settings: Settings
    store: ViewStore
    pump: Pump
    guard: Guard
    registry: Registry
    keymap: Keymap
    glyphs: Glyphs
    palette: Palette
    symbol: str = ""
    timeframe: str = ""
    edited: dict[str, str] = field(default_factory=dict)
    waiting: str = "starting"
    dropped_frames: Callable[[], int] = lambda: 0
    touched: bool = False
    listed: Callable[[], tuple[Sequence[str], str]] = lambda: ((), "")

    def setting(self, key: str) -> Any:
        """The value of `section.key` in force: live edits on top of what the program started with. Lists are tuples."""
        if key in self.edited:
            value = tomllib.loads(f"value = {self.edited[key]}")["value"]
            return tuple(value) if isinstance(value, list) else value
        section, _, name = key.partition(".")
        return getattr(getattr(self.settings, section), name)

    def say(self, text: str, severity: str = "info") -> None:
        """One line for the operator on the current screen."""
        self.store.say(text, severity, self.clock.now_ms())
