"""Settings files are read again when they are saved: what is live takes effect, a mistake is named and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import SettingsError

WATCH_S = 1.0

Stamp = tuple[int, int, int]
"""Inode, time of the last change and size: an editor that replaces the file is noticed as well."""


class SettingsWatch:
    """Looks at the files once a second; `read` loads all layers and raises `SettingsError` with every problem."""

    def __init__(
        self, live: LiveSettings, bus: Bus, clock: Clock, files: Sequence[Path], read: Callable[[], Settings]
    ) -> None:
        self._live = live
        self._bus = bus
        self._clock = clock
        self._files = tuple(files)
        self._read = read
        self._seen = self._stamps()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(WATCH_S)
            self.look()

    def look(self) -> bool:
        """Read again if a file changed since the last look; whether settings were taken."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            settings = self._read()
        except SettingsError as error:
            # Fallback: the settings in force stay; every problem is told.
            text = f"the saved settings are not used: {'; '.join(error.problems)}"
            self._bus.publish(Fault(source="settings", message=text, severity="warning", at_ms=self._clock.now_ms()))
            return False
        self._live.adopt(settings)
        return True

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: Path) -> Stamp | None:
    try:
        found = os.stat(file)
    except OSError:  # not there, or not readable: loading says why
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
