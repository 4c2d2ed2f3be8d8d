"""What every screen is given: messages in, commands out, looks. Built once by the app, never an engine object."""

from __future__ import annotations

from dataclasses import dataclass

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

    `dropped_frames` tells how many pictures the guarded driver left out for a slow terminal.
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
    dropped_frames: int = 0

    def say(self, text: str, severity: str = "info") -> None:
        """One line for the operator on the current screen."""
        self.store.say(text, severity, self.clock.now_ms())
