"""Settings files are read again when they are saved: what is live takes effect, a mistake is named and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault
from core.saved_files import SavedFiles
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import SettingsError

WATCH_S = 1.0


class SettingsWatch:
    """Looks at the files once a second; `read` loads all layers and raises `SettingsError` with every problem."""

    def __init__(
        self, live: LiveSettings, bus: Bus, clock: Clock, files: Sequence[Path], read: Callable[[], Settings]
    ) -> None:
        self._live = live
        self._bus = bus
        self._clock = clock
        self._files = SavedFiles(lambda: files)
        self._read = read

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(WATCH_S)
            self.look()

    def look(self) -> bool:
        """Read again if a file changed since the last look; whether settings were taken."""
        if not self._files.changed():
            return False
        try:
            settings = self._read()
        except SettingsError as error:
            # Fallback: the settings in force stay; every problem is told.
            text = f"the saved settings are not used: {'; '.join(error.problems)}"
            self._bus.publish(Fault(source="settings", message=text, severity="warning", at_ms=self._clock.now_ms()))
            return False
        self._live.adopt(settings)
        return True
