"""What the screens know of alerts, recommendations, thresholds and calibrations: the newest message of each, by symbol.

The other half of the view store. `version` counts anything of one symbol, `urgent` only what must be seen at once;
`queue_version` counts the queue, progress and reports, `record_version` the track record.
"""

from __future__ import annotations

from typing import Any

from core.messages import (
    Analysis,
    CalibrationProgress,
    CalibrationQueue,
    CalibrationReport,
    CalibrationTask,
    HistoryStatus,
    Message,
    Screening,
    ThresholdCatalogue,
    ThresholdInfo,
    ThresholdsInForce,
    TrackRecord,
    Universe,
)

CALIBRATED = "1m"
"""The timeframe calibrations are made on."""


class ScreenedRow:
    """One symbol: the newest message of each kind."""

    __slots__ = (
        "analysis",
        "asked",
        "progress",
        "report",
        "screening",
        "stored_bars",
        "task",
        "thresholds",
        "urgent",
        "version",
    )

    def __init__(self) -> None:
        self.screening: Screening | None = None
        self.analysis: Analysis | None = None
        """The newest that was completed or failed."""
        self.asked: Analysis | None = None
        """One under way or skipped since; None when the newest is done."""
        self.thresholds: ThresholdsInForce | None = None
        self.task: CalibrationTask | None = None
        self.progress: CalibrationProgress | None = None
        self.report: CalibrationReport | None = None
        self.stored_bars = 0
        """One-minute bars on disk, which calibrations are made from."""
        self.version = 0
        self.urgent = 0


class ScreeningStore:
    """Built by `ViewStore`; only the pump writes to it."""

    def __init__(self) -> None:
        self.rows: dict[str, ScreenedRow] = {}
        self.catalogue: dict[str, ThresholdInfo] = {}
        self.queue: CalibrationQueue | None = None
        self.record: TrackRecord | None = None
        self.queue_version = 0
        self.record_version = 0

    def row(self, symbol: str) -> ScreenedRow:
        """The row of a symbol, made on first use."""
        row = self.rows.get(symbol)
        if row is None:
            row = self.rows[symbol] = ScreenedRow()
        return row

    def on_screening(self, message: Screening) -> None:
        row = self.row(message.symbol)
        before = row.screening
        row.screening = message
        row.version += 1
        if before is None or before.alerted_ms != message.alerted_ms:  # the rest can wait for the row's turn
            row.urgent += 1

    def on_analysis(self, message: Analysis) -> None:
        row = self.row(message.symbol)
        if message.stage2_status in ("completed", "error"):
            row.analysis, row.asked = message, None
            row.urgent += 1
        else:
            row.asked = message
        row.version += 1

    def on_thresholds(self, message: ThresholdsInForce) -> None:
        row = self.row(message.symbol)
        row.thresholds = message
        row.version += 1
        self.queue_version += 1

    def on_catalogue(self, message: ThresholdCatalogue) -> None:
        self.catalogue = {info.name: info for info in message.thresholds}
        self.queue_version += 1

    def on_queue(self, message: CalibrationQueue) -> None:
        self.queue = message
        self.queue_version += 1
        for task in message.tasks:
            row = self.row(task.symbol)
            if row.task != task:
                row.task = task
                row.version += 1
                if task.state != "in_progress":
                    row.progress = None

    def on_progress(self, message: CalibrationProgress) -> None:
        self.row(message.symbol).progress = message
        self.queue_version += 1

    def on_report(self, message: CalibrationReport) -> None:
        row = self.row(message.symbol)
        row.report = message
        row.version += 1
        self.queue_version += 1

    def on_record(self, message: TrackRecord) -> None:
        self.record = message
        self.record_version += 1

    def on_history(self, message: HistoryStatus) -> None:
        """How many bars of the timeframe that is calibrated are stored; the view store passes these on."""
        if message.timeframe == CALIBRATED:
            row = self.row(message.symbol)
            if row.stored_bars != message.stored:
                row.stored_bars = message.stored
                self.queue_version += 1

    def on_universe(self, message: Universe) -> None:
        """Forget what is watched no longer."""
        watched = set(message.symbols)
        for symbol in [known for known in self.rows if known not in watched]:
            del self.rows[symbol]

    def handlers(self) -> dict[type[Message], Any]:
        """Which handler takes which message class; `Universe` is passed on by the view store."""
        return {
            Screening: self.on_screening,
            Analysis: self.on_analysis,
            ThresholdsInForce: self.on_thresholds,
            ThresholdCatalogue: self.on_catalogue,
            CalibrationQueue: self.on_queue,
            CalibrationProgress: self.on_progress,
            CalibrationReport: self.on_report,
            TrackRecord: self.on_record,
        }
