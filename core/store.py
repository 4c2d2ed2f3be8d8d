"""Facts worth keeping, in one SQLite file (WAL) behind one writer thread.

Every statement runs on that thread, so the event loop never waits for the disk. Schema changes are numbered steps.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from core.messages import Event, EventChange, EventKind, SettingChanged

T = TypeVar("T")

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE events (
            event_id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, severity TEXT NOT NULL, symbol TEXT NOT NULL,
            text TEXT NOT NULL, at_ms INTEGER NOT NULL, fact TEXT UNIQUE)""",
        "CREATE INDEX events_at ON events (at_ms)",
        """CREATE TABLE setting_edits (
            at_ms INTEGER NOT NULL, key TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, by TEXT NOT NULL,
            undo INTEGER NOT NULL)""",
    ),
    ("ALTER TABLE events ADD COLUMN change TEXT",),
    (
        """CREATE TABLE thresholds (
            instrument TEXT PRIMARY KEY, in_force TEXT NOT NULL, at_ms INTEGER NOT NULL)""",
        """CREATE TABLE threshold_history (
            id INTEGER PRIMARY KEY AUTOINCREMENT, instrument TEXT NOT NULL, in_force TEXT NOT NULL, by TEXT NOT NULL,
            at_ms INTEGER NOT NULL)""",
        "CREATE INDEX threshold_history_of ON threshold_history (instrument, id)",
        """CREATE TABLE calibrations (
            id INTEGER PRIMARY KEY AUTOINCREMENT, instrument TEXT NOT NULL, at_ms INTEGER NOT NULL, report TEXT NOT NULL)""",
        "CREATE INDEX calibrations_of ON calibrations (instrument, id)",
        """CREATE TABLE calibration_queue (
            market TEXT PRIMARY KEY, state TEXT NOT NULL, at_ms INTEGER NOT NULL)""",
        """CREATE TABLE calls (
            id INTEGER PRIMARY KEY AUTOINCREMENT, instrument TEXT NOT NULL, kind TEXT NOT NULL, at_ms INTEGER NOT NULL,
            fact TEXT NOT NULL UNIQUE, call TEXT NOT NULL, resolved_ms INTEGER, outcome TEXT)""",
        "CREATE INDEX calls_open ON calls (resolved_ms, at_ms)",
        "CREATE INDEX calls_of ON calls (instrument, at_ms)",
        """CREATE TABLE score_maps (
            market TEXT NOT NULL, asset_class TEXT NOT NULL, timeframe TEXT NOT NULL, map TEXT NOT NULL,
            at_ms INTEGER NOT NULL, PRIMARY KEY (market, asset_class, timeframe))""",
    ),
)
"""Step k brings a file from schema version k to k + 1. Steps are never changed, only added."""


class StoreError(Exception):
    """The store cannot be used; the text says why and what to do."""


class Store:
    """Open with `await Store.open(path)`; every method raises `StoreError` when the disk refuses."""

    def __init__(self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self.path = path
        self._connection = connection
        self._thread = thread
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or make the file and bring its schema up to date."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connect, path)
        except (sqlite3.Error, OSError) as error:
            thread.shutdown(wait=False)
            raise StoreError(
                f"{path}: cannot be opened ({error}); {_remedy(error, 'move the file away or mend the disk')}"
            ) from error
        except StoreError:
            thread.shutdown(wait=False)
            raise
        return cls(path, connection, thread)

    async def add_events(self, events: Sequence[tuple[Event, str | None]]) -> None:
        """Keep events, each with a name of the fact it tells, or None. A fact already kept is not kept twice.

        The store numbers them itself: two programs may share a file.
        """
        rows = [(e.kind, e.severity, e.symbol, e.text, e.at_ms, fact, _change_text(e)) for e, fact in events]
        columns = "kind, severity, symbol, text, at_ms, fact, change"
        insert = f"INSERT OR IGNORE INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        await self.run(lambda db: db.executemany(insert, rows))

    async def events(self, newest: int) -> list[Event]:
        """The newest events, oldest first."""
        query = (
            "SELECT event_id, kind, severity, symbol, text, at_ms, change FROM events ORDER BY event_id DESC LIMIT ?"
        )
        rows = await self.run(lambda db: db.execute(query, (newest,)).fetchall())
        return [
            Event(
                event_id=i, kind=kind, severity=severity, symbol=symbol, text=text, at_ms=at_ms, change=_change(change)
            )
            for i, kind, severity, symbol, text, at_ms, change in reversed(rows)
        ]

    async def facts(self, since_ms: int) -> set[str]:
        """Names of the facts kept at or after this time."""
        query = "SELECT fact FROM events WHERE fact IS NOT NULL AND at_ms >= ?"
        return {fact for (fact,) in await self.run(lambda db: db.execute(query, (since_ms,)).fetchall())}

    async def event_times(self, kind: EventKind, since_ms: int) -> tuple[int, ...]:
        """When events of this kind were told after this time, rising."""
        query = "SELECT at_ms FROM events WHERE kind = ? AND at_ms > ? ORDER BY at_ms"
        return tuple(at_ms for (at_ms,) in await self.run(lambda db: db.execute(query, (kind, since_ms)).fetchall()))

    async def last_event_id(self) -> int:
        """The highest event id ever given, 0 for none."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
        row = await self.run(lambda db: db.execute(query).fetchone())
        return int(row[0]) if row else 0

    async def add_edit(self, edit: SettingChanged) -> None:
        """Keep one live edit of a setting."""
        row = (edit.at_ms, edit.key, edit.old, edit.new, edit.by, int(edit.undo))
        await self.run(lambda db: db.execute("INSERT INTO setting_edits VALUES (?, ?, ?, ?, ?, ?)", row))

    async def edits(self) -> list[SettingChanged]:
        """Every kept edit, oldest first."""
        query = "SELECT at_ms, key, old, new, by, undo FROM setting_edits ORDER BY rowid"
        rows = await self.run(lambda db: db.execute(query).fetchall())
        return [
            SettingChanged(at_ms=at_ms, key=key, old=old, new=new, by=by, undo=bool(undo))
            for at_ms, key, old, new, by, undo in rows
        ]

    async def forget_events(self, before_ms: int) -> int:
        """Drop events older than this; returns how many."""
        return await self.run(lambda db: db.execute("DELETE FROM events WHERE at_ms < ?", (before_ms,)).rowcount)

    async def close(self) -> None:
        """Finish what waits, fold the write-ahead log into the file and close it. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)

    async def run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction on the writer thread, for a part that keeps its own tables. Raises `StoreError`."""
        if self._closed:
            raise StoreError(f"{self.path}: is closed")

        def transaction() -> T:
            with self._connection:
                return act(self._connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: {error}; {_remedy(error, 'check space and permissions of its folder')}"
            ) from error


def _remedy(error: Exception, otherwise: str) -> str:
    return "quit the program that holds it" if "locked" in str(error) else otherwise


def _change_text(event: Event) -> str | None:
    """The parts of a change of state as JSON."""
    return msgspec.json.encode(event.change).decode() if event.change is not None else None


def _change(text: str | None) -> EventChange | None:
    """The opposite; None for what an older or newer program wrote otherwise: the sentence of the event says it all."""
    try:
        return msgspec.json.decode(text, type=EventChange) if text else None
    except msgspec.MsgspecError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the schema to the newest version, each step whole or not at all. Refuses a file of a newer program."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StoreError(
            f"{path}: made by a newer program (schema {version}, this one knows {len(steps)}); update or move it away"
        )
    for number in range(version, len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in steps[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.commit()
        except sqlite3.Error:
            connection.rollback()
            raise
