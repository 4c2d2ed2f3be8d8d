"""Looks and keys that change while the program runs: own keys from saved settings, theme files saved in the themes folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

from core.messages import SettingChanged
from themes.loader import DeskTheme, load_themes
from tui.desk import Desk
from tui.keymap import Keymap

LOOK_S = 1.0
KEYS = "keys."

Stamps = tuple[tuple[str, int, int], ...]


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
        self._seen = self._stamps()

    async def run(self) -> None:
        """Watch until cancelled."""
        while self._folder is not None:
            await self._desk.clock.sleep(LOOK_S)
            self.look()

    def look(self) -> bool:
        """Load again if something changed since the last look. A broken file leaves its theme out and is told."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        self._take(*load_themes(self._folder))
        return True

    def _stamps(self) -> Stamps:
        if self._folder is None or not self._folder.is_dir():
            return ()
        found = []
        for file in sorted(self._folder.glob("*.toml")):
            try:
                known = os.stat(file)
            except OSError:  # gone between the listing and the look: the next look sees that
                continue
            found.append((file.name, known.st_mtime_ns, known.st_size))
        return tuple(found)
