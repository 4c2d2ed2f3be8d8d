"""Looks and keys that change while the program runs: own keys from saved settings, theme files saved in the themes folder."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from core.messages import SettingChanged
from core.saved_files import SavedFiles
from themes.loader import DeskTheme, load_themes
from tui.desk import Desk
from tui.keymap import Keymap

LOOK_S = 1.0
KEYS = "keys."


class OwnKeys:
    """The operator's own keys as they stand; a change makes a new keymap."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._own = dict(desk.settings.keys)

    def on_setting(self, message: SettingChanged) -> None:
        """Take a key that was saved; what is wrong with the keymap now is said once."""
        if not message.key.startswith(KEYS):
            return
        action, keys = message.key.removeprefix(KEYS), str(tomllib.loads(f"v = {message.new}")["v"])
        if keys:
            self._own[action] = keys
        else:
            self._own.pop(action, None)
        keymap = Keymap(self._desk.registry, self._own)
        for problem in keymap.problems:
            self._desk.say(problem, "warning")
        self._desk.keymap = keymap


class ThemeFiles:
    """Looks at the operator's themes folder and hands over all themes when a file in it changed."""

    def __init__(
        self, desk: Desk, folder: Path | None, take: Callable[[dict[str, DeskTheme], list[str]], None]
    ) -> None:
        self._desk = desk
        self._folder = folder
        self._take = take
        self._files = SavedFiles(lambda: sorted(folder.glob("*.toml")) if folder is not None else ())

    async def run(self) -> None:
        """Watch until cancelled."""
        while self._folder is not None:
            await self._desk.clock.sleep(LOOK_S)
            self.look()

    def look(self) -> bool:
        """Load again if something changed since the last look. A broken file leaves its theme out and is told."""
        if not self._files.changed():
            return False
        self._take(*load_themes(self._folder))
        return True
