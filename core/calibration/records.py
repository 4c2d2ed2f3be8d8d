"""The queue and the reports of calibrations in the store: rows of the tables calibration_queue and calibrations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

import msgspec

from core.calibration.queue import QueueState
from core.messages import CalibrationReport
from core.store import Store

_NEWEST = """SELECT report FROM calibrations WHERE id IN (
    SELECT max(id) FROM calibrations WHERE substr(instrument, 1, ?) = ? GROUP BY instrument)"""


class Records:
    """The tables of one market, `venue.category`. Every method raises `StoreError`."""

    def __init__(self, store: Store, market: str) -> None:
        self._store = store
        self._market = market

    async def queue(self) -> QueueState | None:
        """The queue as it was kept last; None if never. Raises ValueError for one that cannot be read."""
        query = "SELECT state FROM calibration_queue WHERE market = ?"
        row = await self._store.run(lambda db: db.execute(query, (self._market,)).fetchone())
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=QueueState)
        except msgspec.MsgspecError as error:
            raise ValueError(f"stored queue of {self._market}: {error}") from error

    async def newest_reports(self) -> tuple[list[CalibrationReport], int]:
        """The newest report of every symbol, and how many of them cannot be read by this program."""
        prefix = f"{self._market}:"
        rows = await self._store.run(lambda db: db.execute(_NEWEST, (len(prefix), prefix)).fetchall())
        reports, unread = [], 0
        for (text,) in rows:
            try:
                reports.append(msgspec.convert(json.loads(text), CalibrationReport))
            except (ValueError, msgspec.ValidationError):
                # Fallback: the symbol counts as never calibrated; the owner says how many.
                unread += 1
        return reports, unread

    async def keep(self, state: QueueState, reports: Iterable[CalibrationReport], now_ms: int) -> None:
        """The queue and the reports that led to it, together or not at all."""
        text = msgspec.json.encode(state).decode()
        rows = [(f"{self._market}:{report.symbol}", report.at_ms, _as_text(report)) for report in reports]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("INSERT INTO calibrations (instrument, at_ms, report) VALUES (?, ?, ?)", rows)
            db.execute("INSERT OR REPLACE INTO calibration_queue VALUES (?, ?, ?)", (self._market, text, now_ms))

        await self._store.run(write)


def _as_text(report: CalibrationReport) -> str:
    """JSON of the standard library, which keeps NaN apart from a value that is not there."""
    return json.dumps(msgspec.to_builtins(report))
