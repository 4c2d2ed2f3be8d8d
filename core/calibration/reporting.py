"""What the calibration part says on the bus and keeps in the store: the queue, reports, and what failed."""

from __future__ import annotations

import logging
import math
from collections import deque

import msgspec

from core.bus import Bus, worth_reporting
from core.calibration.listing import rows, summary
from core.calibration.preparation import bars_wanted
from core.calibration.queue import Queue, QueueState
from core.calibration.records import Records
from core.calibration.task import Task
from core.clock import Clock
from core.messages import CalibrationQueue, CalibrationReport, Fault, SettingRejected, Severity
from core.settings_live import LiveSettings
from core.store import Store, StoreError

log = logging.getLogger("tradetui.calibration")

STORE_AGAIN_S = 10.0
SAID_S = 10.0
"""The queue is published this often while nothing moves: breakers go from open to half-open by time alone."""
UNSTORED_MOST = 1000
"""Reports held while the store refuses them; of more the oldest are lost."""


class Reporter:
    """Says and keeps what moved; the caller decides when."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, store: Store) -> None:
        market = live.current.market
        self.newest: dict[str, CalibrationReport] = {}
        """The newest report of each symbol."""
        self._bus = bus
        self._clock = clock
        self._live = live
        self._venue, self._category = market.venue, market.category
        self._records = Records(store, f"{market.venue}.{market.category}")
        self._unstored: deque[CalibrationReport] = deque(maxlen=UNSTORED_MOST)
        self._stored_state: QueueState | None = None
        self._told_state: QueueState | None = None
        self._store_s = self._say_s = -math.inf
        self._faults: dict[str, int] = {}

    async def load(self) -> Queue:
        """The queue and the newest reports as they were kept. What cannot be read is begun anew, and said."""
        queue = Queue(0)
        try:
            state = await self._records.queue()
            if state is not None:
                queue = Queue.load(state, 0, self._clock.now_ms())
                self._stored_state = state
        except (StoreError, ValueError) as error:
            self.fault(f"{error}; the calibration queue begins empty", "load queue")
        try:
            reports, unread = await self._records.newest_reports()
            self.newest = {report.symbol: report for report in reports}
            if unread:
                text = f"{unread} stored calibration reports are of another version of the program; they are left alone"
                self.fault(text, "load reports")
        except StoreError as error:
            self.fault(f"{error}; earlier calibration reports are not shown", "load reports")
        return queue

    def tell_report(self, report: CalibrationReport) -> None:
        """A new report: published now, stored with the next `keep`."""
        self.newest[report.symbol] = report
        self._unstored.append(report)
        self._bus.publish(report)

    def tell_queue(self, queue: Queue) -> None:
        """Publish the queue if it moved, or was not heard of for a while."""
        if queue.dump() != self._told_state or self._clock.monotonic() >= self._say_s:
            self.publish_queue(queue)

    def publish_queue(self, queue: Queue) -> None:
        """Publish the queue as it stands."""
        now_ms, wanted = self._clock.now_ms(), self._live.current.calibration
        self._told_state, self._say_s = queue.dump(), self._clock.monotonic() + SAID_S
        self._bus.publish(
            CalibrationQueue(
                venue=self._venue,
                category=self._category,
                tasks=tuple(rows(queue, now_ms)),
                bars_wanted=bars_wanted(wanted),
                where=wanted.executor,
                enabled=wanted.enabled,
                held=queue.held,
                at_ms=now_ms,
                **msgspec.structs.asdict(summary(queue, now_ms)),
            )
        )

    async def keep(self, queue: Queue, *, at_last: bool = False) -> None:
        """Store the queue and new reports when something moved. While the store refuses, memory holds them.

        `at_last`: try even if it refused a moment ago, there will be no other time.
        """
        state, now_s = queue.dump(), self._clock.monotonic()
        if (state == self._stored_state and not self._unstored) or (now_s < self._store_s and not at_last):
            return
        reports = list(self._unstored)
        try:
            await self._records.keep(state, reports, self._clock.now_ms())
        except StoreError as error:
            self._store_s = now_s + STORE_AGAIN_S
            self.fault(f"{error}; the calibration queue is kept in memory meanwhile", "store", "error")
            return
        self._stored_state = state
        for _ in reports:
            self._unstored.popleft()

    def tell_failure(self, task: Task) -> None:
        """A task failed."""
        text = f"calibration of {task.symbol} failed ({task.cause}): {task.reason}; the thresholds in force stay"
        self.fault(text, task.symbol, symbol=task.symbol)

    def refuse(self, text: str) -> None:
        """An order of the operator cannot be followed: the screen says so at once."""
        self._bus.publish(SettingRejected(key="", value="", reason=text, at_ms=self._clock.now_ms()))

    def fault(self, text: str, cause: str, severity: Severity = "warning", symbol: str = "") -> None:
        """Say it the 1st, 10th, 100th ... time this cause is seen."""
        count = self._faults[cause] = self._faults.get(cause, 0) + 1
        log.warning("%s", text)
        if worth_reporting(count):
            self._publish_fault(text, severity, symbol, count)

    def _publish_fault(self, text: str, severity: Severity, symbol: str, count: int) -> None:
        at_ms = self._clock.now_ms()
        self._bus.publish(
            Fault(source="calibration", message=text, severity=severity, count=count, symbol=symbol, at_ms=at_ms)
        )
