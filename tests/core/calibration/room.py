"""A calibration desk on a bus, with a real store and threshold book, and workers that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from core.bus import Bus
from core.calibration.desk import CalibrationDesk
from core.calibration.job import CalibrationJob, Step
from core.calibration.preparation import bars_wanted
from core.calibration.worker_process import Result
from core.calibration.workers import LOCAL, Opener, Workers
from core.clock import Clock, SimClock
from core.messages import (
    CalibrationProgress,
    CalibrationQueue,
    CalibrationReport,
    CalibrationTask,
    Fault,
    Message,
    Screening,
    SettingRejected,
    Signal,
    Ticker,
    TriggerStats,
    Universe,
)
from core.screening.threshold_book import ThresholdBook
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.settings_screening import Calibration
from core.store import Store
from core.venue import CandleBlock
from tests.core.calibration.jobs import PLAIN, T0, minutes, report

VENUE: Final = "binance_us"
CATEGORY = "spot"
M = TypeVar("M", bound=Message)
ENOUGH = bars_wanted(PLAIN) + 10
PATIENCE_S = 60.0
NAN = float("nan")


class Puppets:
    """Workers without processes: a test ends their jobs."""

    where = LOCAL

    def __init__(self) -> None:
        self.jobs: dict[int, CalibrationJob] = {}
        self.abandoned: list[int] = []
        self.closed = self.gone = False
        self._ended: list[tuple[int, Result]] = []
        self._steps: list[tuple[int, Step]] = []

    def lost(self) -> bool:
        return self.gone

    def slots(self, wanted: int) -> int:
        return wanted or 1

    def start(self, job: CalibrationJob) -> None:
        assert job.slot not in {running.slot for running in self.jobs.values()}
        self.jobs[job.task_id] = job

    def steps(self) -> list[tuple[int, Step]]:
        steps, self._steps = self._steps, []
        return steps

    def ended(self) -> list[tuple[int, Result]]:
        ended, self._ended = self._ended, []
        return ended

    def abandon(self, task_id: int) -> None:
        self.abandoned.append(task_id)
        del self.jobs[task_id]

    def tend(self) -> None: ...

    async def close(self) -> None:
        self.closed = True

    # for tests

    def symbols(self) -> list[str]:
        return [job.symbol for job in self.jobs.values()]

    def end(self, symbol: str, result: Result | CalibrationReport) -> None:
        (task_id,) = (task_id for task_id, job in self.jobs.items() if job.symbol == symbol)
        del self.jobs[task_id]
        self._ended.append((task_id, Result(report=result) if isinstance(result, CalibrationReport) else result))

    def step(self, symbol: str, step: Step) -> None:
        self._steps += [(task_id, step) for task_id, job in self.jobs.items() if job.symbol == symbol]


class Room:
    """Make one with `await Room.open(...)`; `turn` is one turn of the desk."""

    def __init__(
        self, folder: Path, store: Store, clock: SimClock, settings: Calibration, opener: Opener | None
    ) -> None:
        self.clock = clock
        self.bus = Bus(clock)
        self.store = store
        self.puppets = Puppets()
        self.said: list[Message] = []
        for kind in (CalibrationQueue, CalibrationProgress, CalibrationReport, Fault, SettingRejected):
            self.bus.subscribe(kind, self.said.append)
        self.live = LiveSettings(
            self.bus, clock, Settings(market=Market(venue=VENUE), calibration=settings), folder / "overrides.toml"
        )
        self.book = ThresholdBook(self.bus, clock, self.live, store, VENUE, CATEGORY)
        self.have: dict[str, int] = {}
        self.read: list[tuple[str, str]] = []
        self.newest_ms = 0
        """When the newest stored bar closed; 0: now."""
        self.desk = CalibrationDesk(
            self.bus, clock, self.live, store, self.stored, self.book, opener or self._open_puppets
        )

    @classmethod
    async def open(
        cls,
        folder: Path,
        *symbols: str,
        settings: Calibration = PLAIN,
        opener: Opener | None = None,
        clock: SimClock | None = None,
    ) -> Room:
        """With these symbols watched; a second room on the same folder is a restart."""
        store = await Store.open(folder / "tradetui.sqlite")
        room = cls(folder, store, clock or SimClock(T0), settings, opener)
        await room.book.open()
        await room.desk.open()
        if symbols:
            room.watch(*symbols)
        return room

    async def close(self) -> None:
        await self.desk.close()
        await self.store.close()

    async def _open_puppets(self, where: str, clock: Clock) -> Workers:
        self.puppets.where = where
        return self.puppets

    async def stored(self, symbol: str, timeframe: str, start_ms: int, end_ms: int) -> CandleBlock:
        self.read.append((symbol, timeframe))
        if timeframe != "1m":
            return np.empty((0, 9))
        bars = minutes(self.have.get(symbol, ENOUGH), self.newest_ms or end_ms)
        return bars[(bars[:, 0] >= start_ms) & (bars[:, 0] < end_ms)]

    # what happens

    async def turn(self, times: int = 1, seconds: float = 0.0) -> None:
        """So many turns, and time that passes before the first."""
        self.clock.set_ms(self.clock.now_ms() + round(seconds * 1000.0))
        for _ in range(times):
            await self.desk.turn()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Turn until it is so, with workers that are real."""
        async with asyncio.timeout(PATIENCE_S):
            await self.desk.turn()
            while not condition():
                await asyncio.sleep(0.01)
                await self.desk.turn()

    def watch(self, *symbols: str) -> None:
        now_ms = self.clock.now_ms()
        self.bus.publish(
            Universe(venue=VENUE, category=CATEGORY, symbols=symbols, added=(), removed=(), reason="", at_ms=now_ms)
        )

    def ticker(self, symbol: str, quote_volume: float) -> None:
        self.bus.publish(
            Ticker(
                venue=VENUE, category=CATEGORY, symbol=symbol, last=1.0, change=0.0, quote_volume=quote_volume,
                high=1.0, low=1.0, event_ms=self.clock.now_ms(),
            )
        )  # fmt: skip

    def alert(self, symbol: str, signal: Signal = "ALERT", *, replayed: bool = False) -> None:
        now_ms = self.clock.now_ms()
        stats = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, NAN))
        self.bus.publish(
            Screening(
                venue=VENUE, category=CATEGORY, symbol=symbol, signal=signal, trigger_reasons=(),
                stats=stats, hints=(), strength=1.0, asset_class="spot", replayed=replayed,
                occurred_at=now_ms, known_at=now_ms,
            )
        )  # fmt: skip

    def ends(self, symbol: str, result: Result | None = None, **changes: object) -> None:
        """The job of a symbol ends with this result, or a report with these fields."""
        self.puppets.end(symbol, result or report(symbol, **changes))  # type: ignore[arg-type]

    # what was said

    def heard(self, kind: type[M]) -> list[M]:
        return [message for message in self.said if isinstance(message, kind)]

    def queue(self) -> CalibrationQueue:
        """The newest one said."""
        return self.heard(CalibrationQueue)[-1]

    def task(self, symbol: str) -> CalibrationTask:
        (found,) = (task for task in self.queue().tasks if task.symbol == symbol)
        return found

    def states(self) -> dict[str, str]:
        return {task.symbol: task.state for task in self.queue().tasks}

    def faults(self) -> list[str]:
        return [fault.message for fault in self.heard(Fault)]

    def refusals(self) -> list[str]:
        return [refused.reason for refused in self.heard(SettingRejected)]
