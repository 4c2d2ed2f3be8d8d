"""Thresholds, alerts, recommendations, track record and calibration: opened together, before the first bar can close."""

from __future__ import annotations

from core.bus import Bus
from core.calibration.desk import CalibrationDesk
from core.clock import Clock
from core.market.desk import MarketDesk
from core.messages import Fault
from core.screening.pipeline import Stage2Desk
from core.screening.stage1 import HOUR_MS
from core.screening.stage1_desk import Stage1Desk
from core.screening.threshold_book import ThresholdBook
from core.screening.track_record import TrackRecorder
from core.settings_live import LiveSettings
from core.signals.shadow import Stored
from core.store import Store, StoreError
from core.supervise import Supervisor
from core.venue import MarketProvider
from core.volatility_sampler import VolatilitySampler


class ScreeningParts:
    """Everything between the signals and the operator's decision. `await open()`, `start`, and `await close()` at the end."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        provider: MarketProvider,
        market: MarketDesk,
        store: Store,
        stored: Stored,
        sampler: VolatilitySampler,
    ) -> None:
        self._bus, self._clock, self._store = bus, clock, store
        self._book = ThresholdBook(bus, clock, live, store, provider.venue, provider.category)
        self._book.use_samples(sampler)
        self._record = TrackRecorder(bus, clock, live, store, stored, self._book)
        self._stage1 = Stage1Desk(bus, clock, live, market, self._book, sampler)
        self._stage2 = Stage2Desk(bus, clock, live, market, self._book, sampler, self._record)
        self._calibration = CalibrationDesk(bus, clock, live, store, stored, self._book)

    async def open(self) -> None:
        """Read what is kept."""
        await self._book.open()
        await self._record.open()
        await self._calibration.open()
        await self._recall_alerts()

    def start(self, supervisor: Supervisor) -> None:
        """Every part as a supervised task of its own."""
        supervisor.start("thresholds", self._book.run)
        supervisor.start("alerts", self._stage1.run)
        supervisor.start("recommendations", self._stage2.run)
        supervisor.start("track record", self._record.run)
        supervisor.start("calibration", self._calibration.run)

    async def close(self) -> None:
        """End the workers and keep the queue."""
        await self._calibration.close()

    async def _recall_alerts(self) -> None:
        """The budget of alerts is one of any 60 minutes, also of those in which the program was started again."""
        now_ms = self._clock.now_ms()
        try:
            self._stage1.recall(await self._store.event_times("alert", now_ms - HOUR_MS))
        except StoreError as error:
            # Fallback: the budget of the hour begins anew.
            text = f"earlier alerts cannot be read: {error}; the hour's budget of alerts begins anew"
            self._bus.publish(Fault(source="screening", message=text, severity="warning", at_ms=now_ms))
