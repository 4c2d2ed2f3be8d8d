"""The calibration desk: keeps the queue fed and the workers busy, and puts what the guards accept in force.

It owns the queue and turns a few times a second; the numbers are made in worker processes or on a cluster, and nothing here
waits for them. What fails marks its own asset; what cannot be stored is kept in memory and stored later.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from core.bus import Bus, Mailbox
from core.calibration.crew import Crew
from core.calibration.intake import TIMEFRAME, alerted, review
from core.calibration.orders import Order, Refused, follow
from core.calibration.preparation import Preparation, Stale, TooFew, bars_wanted, too_few
from core.calibration.queue import Queue
from core.calibration.reporting import Reporter
from core.calibration.task import ENDED, Task
from core.calibration.worker_process import Result
from core.calibration.workers import Opener, open_workers
from core.clock import Clock
from core.messages import (
    AcceptCalibration,
    CalibrateNow,
    CalibrationProgress,
    CalibrationReport,
    CancelCalibration,
    EngineStatus,
    HistoryStatus,
    PauseCalibration,
    PrioritiseCalibration,
    Replay,
    Screening,
    Ticker,
    Universe,
)
from core.screening.thresholds import InForce
from core.screening.view import ThresholdView
from core.settings_live import LiveSettings
from core.signals.shadow import Stored
from core.store import Store

log = logging.getLogger("tradetui.calibration")

TURN_S = 0.25
REVIEW_S = 60.0
CALM_S = 60.0
"""After the engine runs, only what is urgent or asked for by hand starts for so long: the start has the cores."""
MARGIN_S = 30.0
"""A search ends by itself at its time limit; one that has not after this margin hangs."""
OVERTAKEN = "passed, but the thresholds were changed by hand while it ran: accept it, or calibrate again"


class Book(ThresholdView, Protocol):
    """The thresholds in force, and how fitted ones are put there."""

    async def set_calibrated(self, symbol: str, values: Mapping[str, float], by: str) -> InForce:
        """Put them in force. Raises ValueError for values that cannot be."""


class Running(NamedTuple):
    """A task a worker has. `set_ms`: when the thresholds it competes with were set."""

    task: Task
    slot: int
    set_ms: int


class CalibrationDesk:
    """Publishes `CalibrationQueue`, `CalibrationProgress` and `CalibrationReport`; follows the operator's commands.

    `open` first, then `run`, `close` at the end. `turn` is one step of `run`.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        store: Store,
        stored: Stored,
        thresholds: Book,
        opener: Opener = open_workers,
    ) -> None:
        market = live.current.market
        self._bus = bus
        self._clock = clock
        self._live = live
        self._thresholds = thresholds
        self._venue, self._category = market.venue, market.category
        self._reporter = Reporter(bus, clock, live, store)
        self._preparation = Preparation(bus, clock, stored, thresholds)
        self._crew = Crew(clock, opener, lambda text: self._reporter.fault(text, "workers"))
        self._queue = Queue(0)
        self._running: dict[int, Running] = {}
        self._progress: dict[int, CalibrationProgress] = {}
        self._symbols: tuple[str, ...] = ()
        self._volumes: dict[str, float] = {}
        self._placed: set[str] = set()
        self._alerts: dict[str, None] = {}
        self._filled: dict[str, None] = {}
        """Symbols of which enough bars are stored since the last turn."""
        self._review_s = math.inf
        self._calm_s = -math.inf
        self._phase = ""
        self._orders: Mailbox[Any] = bus.mailbox(
            CalibrateNow, PauseCalibration, CancelCalibration, PrioritiseCalibration, AcceptCalibration,
            name="calibration.orders",
        )  # fmt: skip
        bus.subscribe(Universe, self._on_universe, name="calibration.universe")
        bus.subscribe(Ticker, self._on_ticker, name="calibration.ticker")
        bus.subscribe(Screening, self._on_screening, name="calibration.screening")
        bus.subscribe(HistoryStatus, self._on_history, name="calibration.history")
        bus.subscribe(EngineStatus, self._on_engine, name="calibration.engine")
        bus.subscribe(Replay, self._on_replay, name="calibration.replay")

    async def open(self) -> None:
        """Take up the queue as it was kept: what was in progress waits again."""
        self._queue = await self._reporter.load()

    async def run(self) -> None:
        """Work until cancelled."""
        if self._calm_s == -math.inf:
            self._calm_s = self._clock.monotonic() + CALM_S
        self._say_again()
        while True:
            await self.turn()
            await self._clock.sleep(TURN_S)

    async def close(self) -> None:
        """End the workers and keep the queue as it stands; what is in progress will wait again."""
        await self._crew.close()
        await self._reporter.keep(self._queue, at_last=True)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _on_universe(self, message: Universe) -> None:
        self._symbols = message.symbols
        self._review_s = -math.inf

    def _on_ticker(self, ticker: Ticker) -> None:
        self._volumes[ticker.symbol] = ticker.quote_volume

    def _on_screening(self, message: Screening) -> None:
        if message.signal == "ALERT" and not message.replayed:
            self._alerts[message.symbol] = None

    def _on_history(self, message: HistoryStatus) -> None:
        if message.timeframe == TIMEFRAME and message.stored >= bars_wanted(self._live.current.calibration):
            self._filled[message.symbol] = None

    def _on_engine(self, status: EngineStatus) -> None:
        if status.phase != self._phase:
            self._phase = status.phase
            self._calm_s = self._clock.monotonic() + CALM_S if status.phase == "running" else math.inf

    def _on_replay(self, _message: Replay) -> None:
        self._say_again()

    # --- a turn ------------------------------------------------------------------------------------------------------

    async def turn(self) -> None:
        """Do what is due now: orders, alerts, ends, limits, at most one start, and say and keep what moved."""
        settings = self._live.current
        wanted, queue = settings.calibration, self._queue
        ready = wanted.enabled and await self._crew.attend(wanted.executor, busy=bool(self._running))
        queue.slots = self._crew.slots(wanted.max_concurrent)
        queue.limit_ms = round((wanted.time_limit_s + MARGIN_S) * 1000.0)
        queue.aging_per_hour = wanted.aging_per_hour
        await self._follow_orders()
        self._take_in()
        await self._note_ends()
        if ready:
            task = queue.take(self._clock.now_ms(), pressing_only=self._clock.monotonic() < self._calm_s)
            if task is not None:
                await self._begin(task)
        self._tell_steps()
        await self._reporter.keep(self._queue)
        self._reporter.tell_queue(self._queue)

    async def _follow_orders(self) -> None:
        for order in self._orders.drain():
            try:
                if isinstance(order, AcceptCalibration):
                    await self._accept(order.symbol)
                else:
                    self._follow(order)
            except Refused as refusal:
                self._reporter.refuse(str(refusal))

    def _follow(self, order: Order) -> None:
        followed = follow(order, self._queue, self._symbols, self._clock.now_ms())
        if followed.ended is not None:
            self._drop(followed.ended)
        if followed.placed:
            self._placed.add(followed.placed)

    def _take_in(self) -> None:
        """Ask for what alerts and thresholds ask for."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
        filled, self._filled = self._filled, {}
        for symbol in filled:
            self._queue.history_is_in(symbol, TIMEFRAME, now_ms)
        alerts, self._alerts = list(self._alerts), {}
        for symbol in alerts:
            if symbol in self._symbols:
                alerted(self._queue, symbol, self._thresholds, now_ms)
        if now_s >= self._review_s:
            self._review_s = now_s + REVIEW_S
            self._placed &= {task.symbol for task in self._queue.tasks() if task.state not in ENDED}
            review(self._queue, self._symbols, self._thresholds, self._volumes, self._placed, now_ms)

    async def _note_ends(self) -> None:
        """Results of workers, then tasks whose time is over and thresholds that ran out."""
        workers = self._crew.workers
        for task_id, result in workers.ended() if workers is not None else ():
            running = self._running.pop(task_id, None)
            self._progress.pop(task_id, None)
            if running is not None:
                await self._finish(running, result)
        for task in self._queue.tick(self._clock.now_ms()):
            if task.state == "failed":
                self._drop(task.id)
                self._reporter.tell_failure(task)

    async def _begin(self, task: Task) -> None:
        """Give a task that just started to a worker, or back to the queue."""
        taken = {running.slot for running in self._running.values()}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        workers = self._crew.workers
        assert workers is not None
        try:
            prepared = await self._preparation.job(task, slot, self._live.current)
            if isinstance(prepared, TooFew):
                self._queue.wait_for_history(task.id, self._clock.now_ms(), prepared.until_ms, prepared.reason)
            elif isinstance(prepared, Stale):
                self._fail(task, Result(cause="stale_data", reason=prepared.reason))
            else:
                workers.start(prepared)
                self._running[task.id] = Running(task, slot, self._thresholds.in_force(task.symbol).since_ms)
        except Exception as error:
            # Fallback: this task failed before it reached a worker; it is counted, and the others go on.
            log.exception("calibration of %s could not start", task.symbol)
            reason = f"could not start: {type(error).__name__}: {error}"
            self._fail(task, Result(cause="exception", reason=reason))

    # --- how tasks end -----------------------------------------------------------------------------------------------

    async def _finish(self, running: Running, result: Result) -> None:
        task, now_ms = running.task, self._clock.now_ms()
        if result.report is None:
            self._fail(task, result)
            return
        report = msgspec.structs.replace(result.report, task_id=task.id, at_ms=now_ms)
        if report.verdict == "waiting":
            have, calibration = report.bars, self._live.current.history
            until_ms, text = too_few(have, have + report.bars_missing, calibration.store_bars, now_ms)
            self._queue.wait_for_history(task.id, now_ms, until_ms, text)
            return
        if report.verdict == "accept" and self._thresholds.in_force(task.symbol).since_ms != running.set_ms:
            report = msgspec.structs.replace(report, verdict="keep", reason=OVERTAKEN)
        if report.verdict == "accept":
            report = await self._put_in_force(task, report)
        elif report.verdict == "keep":
            self._queue.reject(task.id, now_ms, report.reason)
        else:
            self._queue.fail(task.id, now_ms, "no_feasible_trial", report.reason)
        self._reporter.tell_report(report)

    async def _put_in_force(self, task: Task, report: CalibrationReport) -> CalibrationReport:
        try:
            in_force = await self._thresholds.set_calibrated(task.symbol, report.parameters, by="calibration")
        except ValueError as error:
            reason = f"accepted, but the thresholds could not be set: {error}"
            self._queue.fail(task.id, self._clock.now_ms(), "exception", reason)
            return msgspec.structs.replace(report, verdict="failed", reason=reason)
        self._queue.complete(
            task.id, self._clock.now_ms(), partial=report.partial, reason=report.reason, expires_ms=in_force.expires_ms
        )
        return report

    async def _accept(self, symbol: str) -> None:
        """The operator takes what the guards left. Raises `Refused`."""
        report = self._reporter.newest.get(symbol)
        if report is None:
            raise Refused(f"{symbol} has no calibration report to accept: queue a calibration first")
        if report.verdict == "accept" or report.accepted_by_operator:
            raise Refused(f"the newest calibration of {symbol} was accepted already")
        if report.verdict != "keep" or not report.parameters:
            raise Refused(f"the newest calibration of {symbol} found no thresholds ({report.reason}): queue another")
        try:
            in_force = await self._thresholds.set_calibrated(symbol, report.parameters, by="operator")
        except ValueError as error:
            raise Refused(f"thresholds of {symbol} could not be set: {error}") from error
        self._queue.note_expiry(symbol, TIMEFRAME, in_force.expires_ms)
        taken = msgspec.structs.replace(report, accepted_by_operator=True, at_ms=self._clock.now_ms())
        self._reporter.tell_report(taken)

    def _fail(self, task: Task, result: Result) -> None:
        """It failed without a report to say so."""
        assert result.cause is not None
        if result.trace:
            log.error("calibration of %s failed: %s\n%s", task.symbol, result.reason, result.trace)
        self._reporter.tell_failure(self._queue.fail(task.id, self._clock.now_ms(), result.cause, result.reason))

    def _drop(self, task_id: int) -> None:
        """Nobody waits for this task any more: end what computes it."""
        workers = self._crew.workers
        if self._running.pop(task_id, None) is not None and workers is not None:
            workers.abandon(task_id)
        self._progress.pop(task_id, None)

    # --- what is said -------------------------------------------------------------------------------------------

    def _say_again(self) -> None:
        """Everything there is to know, at start and on `Replay`."""
        self._reporter.publish_queue(self._queue)
        for progress in self._progress.values():
            self._bus.publish(progress)
        for report in self._reporter.newest.values():
            self._bus.publish(report)

    def _tell_steps(self) -> None:
        workers = self._crew.workers
        for task_id, step in workers.steps() if workers is not None else ():
            running = self._running.get(task_id)
            if running is None:
                continue
            progress = self._progress[task_id] = CalibrationProgress(
                venue=self._venue,
                category=self._category,
                symbol=running.task.symbol,
                timeframe=running.task.timeframe,
                task_id=task_id,
                slot=running.slot,
                at_ms=self._clock.now_ms(),
                **step._asdict(),
            )
            self._bus.publish(progress)
