"""Every limit of the risk settings with its present use, for the screens."""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.settings_live import LiveSettings
from core.trading.risk_desk import RiskDesk


class LimitUses:
    """Publishes `RiskStatus` when it changed, at most once a second, and on `Replay`."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, risk: RiskDesk, venue: str, category: str) -> None:
        self._bus = bus
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
