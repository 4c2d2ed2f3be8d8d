"""The candle store: every series the program has seen, on disk, in one bounded SQLite file.

All work happens in the store's own single thread; the event loop only waits. Candles can be fetched again, so a damaged
file is moved aside and a new one begun, and `recovered` says so.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from core.venue import CANDLE_COLUMNS, TIMEFRAME_MS, CandleBlock, MarketProvider

T = TypeVar("T")

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, venue TEXT NOT NULL, category TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,
    keep INTEGER NOT NULL DEFAULT 0, UNIQUE (venue, category, symbol, timeframe)
);
CREATE TABLE candle (
    series INTEGER NOT NULL, open_ms INTEGER NOT NULL, open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL,
    close REAL NOT NULL, volume REAL NOT NULL, quote_volume REAL, trades REAL, taker_buy_volume REAL,
    PRIMARY KEY (series, open_ms)
) WITHOUT ROWID;
CREATE TABLE absent (
    series INTEGER NOT NULL, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (series, from_ms)
) WITHOUT ROWID;
"""

_COLUMNS = ", ".join(CANDLE_COLUMNS)
_UPSERT = f"INSERT OR REPLACE INTO candle (series, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_READ_ROWS = 256
"""Rows turned into an array at once: the conversion keeps the event loop from running, and tuples cost memory."""

_MEGABYTE = 1_000_000
_ROOM = 0.95
"""After an eviction the file is filled to this share of its bound."""


class SeriesKey(NamedTuple):
    """One stored series. `venue` must also tell sandbox and live data apart."""

    venue: str
    category: str
    symbol: str
    timeframe: str


def series_key(provider: MarketProvider, symbol: str, timeframe: str) -> SeriesKey:
    """The key of a provider's series: a sandbox never shares candles with the venue it imitates."""
    kind = "" if provider.host_kind == "LIVE DATA" else f"-{provider.host_kind.lower()}"
    return SeriesKey(provider.venue + kind, provider.category, symbol, timeframe)


class Span(NamedTuple):
    """What is stored of a series; first and last open time are -1 when nothing is."""

    bars: int
    first_ms: int
    last_ms: int


class StoreError(Exception):
    """The candle store could not do it: disk full, no permission, newer schema. The text names file and remedy."""


class CandleStore:
    """Async face of the store. Make one with `await CandleStore.open(path, max_mb)`; end it with `await close()`.

    Every method raises `StoreError`.
    """

    def __init__(self, path: Path, max_mb: float) -> None:
        self.path = path
        self.max_mb = max_mb
        self.recovered = ""
        """What happened when a damaged file was moved aside; empty when none was."""
        self.evicted = 0
        """Bars deleted to keep the file inside its bound."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="candle-store")
        self._db: sqlite3.Connection | None = None
        self._ids: dict[SeriesKey, int] = {}

    @classmethod
    async def open(cls, path: Path, max_mb: float = 4000) -> CandleStore:
        """Open or create the file, moving a damaged one aside. Raises `StoreError`."""
        store = cls(path, max_mb)
        try:
            await store._run(lambda db: None)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Finish what is queued, then close the file."""
        await asyncio.get_running_loop().run_in_executor(None, self.close_now)

    def close_now(self) -> None:
        """`close` for callers without a loop; blocks until the queue is done."""

        def shut() -> None:
            if self._db is not None:
                self._db.close()
                self._db = None

        try:
            self._thread.submit(shut)
        except RuntimeError:  # closed before
            return
        self._thread.shutdown(wait=True)

    async def write(self, key: SeriesKey, block: CandleBlock, keep: int = 0) -> None:
        """Insert or replace the bars of `block`; with `keep`, bars older than the newest `keep` intervals are dropped."""
        await self.write_many([(key, block, keep)])

    async def write_many(self, blocks: Sequence[tuple[SeriesKey, CandleBlock, int]]) -> None:
        """`write` for many series in one transaction."""
        await self._run(lambda db: self._write(db, blocks))

    async def read(
        self, key: SeriesKey, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 0
    ) -> CandleBlock:
        """The newest `limit` bars (0: all) with start_ms <= open_ms < end_ms, oldest first."""
        return await self._run(lambda db: self._read(db, key, start_ms, end_ms, limit))

    async def span(self, key: SeriesKey) -> Span:
        """How many bars of the series are stored, and between which open times."""

        def job(db: sqlite3.Connection) -> Span:
            found = db.execute(
                "SELECT count(*), coalesce(min(open_ms), -1), coalesce(max(open_ms), -1) FROM candle WHERE series = ?",
                (self._id(db, key),),
            ).fetchone()
            return Span(*found)

        return await self._run(job)

    async def gaps(
        self, key: SeriesKey, from_ms: int | None = None, until_ms: int | None = None
    ) -> list[tuple[int, int]]:
        """Missing stretches [from, until), oldest first, without those the venue is known to have none for.

        Between the first and the last stored bar, or in [from_ms, until_ms) where given.
        """
        return await self._run(lambda db: self._gaps(db, key, from_ms, until_ms))

    async def count(self, key: SeriesKey, from_ms: int, until_ms: int) -> int:
        """Stored bars with from_ms <= open_ms < until_ms."""
        question = "SELECT count(*) FROM candle WHERE series = ? AND open_ms >= ? AND open_ms < ?"
        return await self._run(
            lambda db: int(db.execute(question, (self._id(db, key), from_ms, until_ms)).fetchone()[0])
        )

    async def hold(self, key: SeriesKey, bars: int) -> None:
        """Keep at least the newest `bars` of this series from now on, whatever `keep` a later `write` asks for."""

        def job(db: sqlite3.Connection) -> None:
            with db:
                db.execute("UPDATE series SET keep = max(keep, ?) WHERE id = ?", (bars, self._id(db, key)))

        await self._run(job)

    async def mark_absent(self, key: SeriesKey, from_ms: int, until_ms: int) -> None:
        """Remember that the venue has no candles in [from, until), so that nobody asks for them for ever."""

        def job(db: sqlite3.Connection) -> None:
            with db:
                db.execute(
                    "INSERT INTO absent VALUES (?, ?, ?)"
                    " ON CONFLICT (series, from_ms) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
                    (self._id(db, key), from_ms, until_ms),
                )

        await self._run(job)

    async def drop(self, key: SeriesKey) -> None:
        """Forget everything about one series."""

        def job(db: sqlite3.Connection) -> None:
            series = self._id(db, key)
            with db:
                db.execute("DELETE FROM candle WHERE series = ?", (series,))
                db.execute("DELETE FROM absent WHERE series = ?", (series,))

        await self._run(job)

    async def size_mb(self) -> float:
        """Megabytes in use inside the file."""
        return await self._run(lambda db: _used_bytes(db) / _MEGABYTE)

    # --- in the store's thread ---------------------------------------------------------------------------------------

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, job)
        except RuntimeError as error:
            raise StoreError(f"candle store {self.path} is closed") from error

    def _guarded(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job; a damaged file is moved aside and the job runs once more, on the new one."""
        try:
            return self._attempt(job)
        except _Damaged as damage:
            self._move_aside(str(damage))
        try:
            return self._attempt(job)
        except _Damaged as damage:
            raise StoreError(f"candle store {self.path}: {damage}, even in a new file; check the disk") from damage

    def _attempt(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._db is None:
                self._db = self._connect()
            return job(self._db)
        except sqlite3.OperationalError as error:  # locked, full, read-only: the file itself is sound
            raise StoreError(f"candle store {self.path}: {error}; check free space and permissions") from error
        except sqlite3.DatabaseError as error:
            raise _Damaged(str(error)) from error
        except OSError as error:
            raise StoreError(f"candle store {self.path}: {error}; check that the folder can be written") from error

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=10.0, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_size_limit = 64000000")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                with db:
                    db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
            elif version != SCHEMA_VERSION:
                raise StoreError(
                    f"candle store {self.path} has schema {version}, this program writes {SCHEMA_VERSION}:"
                    " use the newer program, or move the file away to begin a new store"
                )
        except BaseException:
            db.close()
            raise
        return db

    def _move_aside(self, reason: str) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._ids.clear()
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            raise StoreError(f"candle store {self.path} is damaged ({reason}) and cannot be moved: {error}") from error
        self.recovered = (
            f"candle store {self.path} is damaged ({reason}); it was moved to {aside.name} and a new one begun:"
            " history is fetched again, delete the old file when you do not need it"
        )

    def _id(self, db: sqlite3.Connection, key: SeriesKey) -> int:
        """Row id of a series; made on first use."""
        known = self._ids.get(key)
        if known is None:
            with db:
                db.execute("INSERT OR IGNORE INTO series (venue, category, symbol, timeframe) VALUES (?, ?, ?, ?)", key)
            known = int(
                db.execute(
                    "SELECT id FROM series WHERE venue = ? AND category = ? AND symbol = ? AND timeframe = ?", key
                ).fetchone()[0]
            )
            self._ids[key] = known
        return known

    def _write(self, db: sqlite3.Connection, blocks: Sequence[tuple[SeriesKey, CandleBlock, int]]) -> None:
        ids = [self._id(db, key) for key, _, _ in blocks]
        with db:
            for (key, block, keep), series in zip(blocks, ids, strict=True):
                db.executemany(_UPSERT, ((series, int(row[0]), *row[1:]) for row in block.tolist()))
                if keep:
                    _trim(db, series, keep, TIMEFRAME_MS[key.timeframe])
        if _used_bytes(db) > self.max_mb * _MEGABYTE:
            self._evict(db)

    def _evict(self, db: sqlite3.Connection) -> None:
        """Delete the oldest tenth of the largest series until the file is below its bound."""
        counts: dict[int, int] = dict(db.execute("SELECT series, count(*) FROM candle GROUP BY series"))
        while counts and _used_bytes(db) > _ROOM * self.max_mb * _MEGABYTE:
            largest = max(counts, key=lambda series: counts[series])
            dropped = max(1, counts[largest] // 10)
            with db:
                db.execute(
                    "DELETE FROM candle WHERE series = ? AND open_ms < coalesce("
                    "(SELECT open_ms FROM candle WHERE series = ? ORDER BY open_ms LIMIT 1 OFFSET ?), 1e18)",
                    (largest, largest, dropped),
                )
            self.evicted += dropped
            counts[largest] -= dropped
            if counts[largest] <= 0:
                del counts[largest]

    def _read(
        self, db: sqlite3.Connection, key: SeriesKey, start_ms: int | None, end_ms: int | None, limit: int
    ) -> CandleBlock:
        cursor = db.execute(
            f"SELECT {_COLUMNS} FROM candle WHERE series = ? AND open_ms >= ? AND open_ms < ?"
            " ORDER BY open_ms DESC LIMIT ?",
            (self._id(db, key), start_ms or 0, end_ms if end_ms is not None else 2**62, limit or -1),
        )
        parts = [np.empty((0, len(CANDLE_COLUMNS)))]
        while rows := cursor.fetchmany(_READ_ROWS):
            parts.append(np.array(rows, dtype=np.float64))  # NULL becomes NaN
        return np.ascontiguousarray(np.concatenate(parts)[::-1])

    def _gaps(
        self, db: sqlite3.Connection, key: SeriesKey, from_ms: int | None, until_ms: int | None
    ) -> list[tuple[int, int]]:
        series, interval_ms = self._id(db, key), TIMEFRAME_MS[key.timeframe]
        low, high = from_ms or 0, until_ms if until_ms is not None else 2**62
        missing = db.execute(
            "SELECT before + ?, open_ms FROM (SELECT open_ms, lag(open_ms) OVER (ORDER BY open_ms) AS before"
            " FROM candle WHERE series = ? AND open_ms >= ? AND open_ms < ?) WHERE open_ms - before > ?",
            (interval_ms, series, low, high, interval_ms),
        ).fetchall()
        first, last = db.execute(
            "SELECT min(open_ms), max(open_ms) FROM candle WHERE series = ? AND open_ms >= ? AND open_ms < ?",
            (series, low, high),
        ).fetchone()
        if from_ms is not None and (first is None or first > from_ms):
            missing.insert(0, (from_ms, first if first is not None else high))
        if until_ms is not None and last is not None and last + interval_ms < until_ms:
            missing.append((last + interval_ms, until_ms))
        absent = db.execute(
            "SELECT from_ms, until_ms FROM absent WHERE series = ? ORDER BY from_ms", (series,)
        ).fetchall()
        return [part for gap in missing for part in _without(gap, absent)]


class _Damaged(Exception):
    """SQLite says the file is not a database or is malformed."""


def _trim(db: sqlite3.Connection, series: int, keep: int, interval_ms: int) -> None:
    held, newest = db.execute(
        "SELECT keep, (SELECT max(open_ms) FROM candle WHERE series = id) FROM series WHERE id = ?", (series,)
    ).fetchone()
    if newest is not None:
        oldest_ms = newest - max(keep, held) * interval_ms
        db.execute("DELETE FROM candle WHERE series = ? AND open_ms <= ?", (series, oldest_ms))
        db.execute("DELETE FROM absent WHERE series = ? AND until_ms <= ?", (series, oldest_ms))


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _without(gap: tuple[int, int], known: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a gap after taking known stretches out of it."""
    parts, (start, end) = [], gap
    for from_ms, until_ms in known:
        if until_ms <= start or from_ms >= end:
            continue
        if from_ms > start:
            parts.append((start, from_ms))
        start = max(start, until_ms)
    if start < end:
        parts.append((start, end))
    return parts
