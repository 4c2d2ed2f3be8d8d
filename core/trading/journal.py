"""The journal: what was meant and what was learnt, on the disk before anything acts on it.

`await append(record)` returns after the fsync; no journal, no send. One thread writes; records that wait while the disk works
share the next fsync, so the event loop never blocks and a burst costs little more than one record.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from msgspec import Struct

from core.trading.journal_errors import JournalClosed, JournalError, JournalSlow
from core.trading.journal_file import all_entries, scan_folder
from core.trading.journal_records import Entry, Record, encode
from core.trading.journal_writer import Disk, JournalWriter, Repair

BATCH = 4096
"""Records that share one fsync at most."""


class JournalLimits(Struct, frozen=True, kw_only=True):
    """A file is closed and the next begun above `rotate_bytes`. An append not durable within `durable_within_s` fails."""

    rotate_bytes: int = 64 * 1024 * 1024
    durable_within_s: float = 2.0


class _Waiting(Struct, frozen=True, eq=False):
    """One record on its way. `done` gets its number; None: nobody waits, and it is kept until it can be written."""

    payload: bytes
    done: asyncio.Future[int] | None


class Journal:
    """Open with `await Journal.open(folder)`. Records keep the order of the calls, awaited or not.

    `entries` are the records found at opening, `repair` tells of a torn tail that was cut off then. `trouble` is the error
    of the newest write, None while all is well; `on_trouble` hears each change of it, on the loop.
    """

    def __init__(self, writer: JournalWriter, limits: JournalLimits) -> None:
        """Use `open`."""
        self.folder = writer.folder
        self.entries = writer.entries
        self.repair: Repair | None = writer.repair
        self.trouble: JournalError | None = None
        self.on_trouble: Callable[[JournalError | None], None] = lambda trouble: None
        self._limits = limits
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[_Waiting, ...] | None] = SimpleQueue()
        self._closed = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._write, name="journal", daemon=True).start()

    @classmethod
    async def open(cls, folder: Path, limits: JournalLimits | None = None, disk: Disk | None = None) -> Journal:
        """Lock the folder, check every record, repair a torn tail. Raises `JournalError`."""
        limits = limits or JournalLimits()
        return cls(await asyncio.to_thread(JournalWriter, folder, limits.rotate_bytes, disk), limits)

    async def append(self, record: Record, before: Sequence[Record] = ()) -> int:
        """Write down, and return its number once it is durable. Raises `JournalError`: then do not act on it.

        `before` are kept as by `keep`, in front of it and without an fsync of their own.
        """
        done: asyncio.Future[int] = self._loop.create_future()
        done.add_done_callback(_look_at_error)
        self._put(*(_Waiting(encode(one), None) for one in before), _Waiting(encode(record), done))
        await asyncio.wait((done,), timeout=self._limits.durable_within_s)
        if done.done():
            return done.result()
        self._tell(JournalSlow(self._writer.path, self._limits.durable_within_s))
        raise JournalSlow(self._writer.path, self._limits.durable_within_s)

    def keep(self, record: Record) -> None:
        """Write down without waiting, for what has happened already. Kept in memory until the disk takes it."""
        self._put(_Waiting(encode(record), None))

    def forget(self) -> None:
        """Everybody has read what was found at opening: a journal of years would hold its memory until the end."""
        self.entries = self._writer.entries = ()

    async def close(self) -> None:
        """Make durable what waits and release the folder. Raises `JournalError` when records could not be written."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.shield(self._ended)

    def _put(self, *waiting: _Waiting) -> None:
        if self._closed:
            raise JournalClosed(self.folder)
        self._queue.put(waiting)

    def _write(self) -> None:
        """The thread: take what waits, make it durable together, tell who waited."""
        kept: list[_Waiting] = []
        error: JournalError | None = None
        ended = False
        try:
            while not ended:
                taken, ended = self._take()
                kept, error = self._commit([*kept, *taken])
            self._writer.close()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                self._loop.call_soon_threadsafe(self._end, error if kept else None)

    def _take(self) -> tuple[list[_Waiting], bool]:
        """What waits, at least one thing, and whether that was the last."""
        taken: list[_Waiting] = []
        got = self._queue.get()
        with contextlib.suppress(Empty):
            while got is not None:
                taken.extend(got)
                if len(taken) >= BATCH:
                    break
                got = self._queue.get_nowait()
        return taken, got is None

    def _commit(self, batch: list[_Waiting]) -> tuple[list[_Waiting], JournalError | None]:
        """Write a batch; returns what must be tried again, and why."""
        if not batch:
            return [], None
        try:
            first_seq = self._writer.commit([item.payload for item in batch])
        except JournalError as error:
            self._deliver(batch, 0, error)
            return [item for item in batch if item.done is None], error
        self._deliver(batch, first_seq, None)
        return [], None

    def _deliver(self, batch: list[_Waiting], first_seq: int, error: JournalError | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(self._tell_all, batch, first_seq, error)

    def _tell_all(self, batch: list[_Waiting], first_seq: int, error: JournalError | None) -> None:
        self._tell(error)
        for seq, item in enumerate(batch, start=first_seq):
            if item.done is None or item.done.done():
                continue
            if error is None:
                item.done.set_result(seq)
            else:
                item.done.set_exception(error)

    def _tell(self, trouble: JournalError | None) -> None:
        before, self.trouble = self.trouble, trouble
        if type(before) is not type(trouble):
            self.on_trouble(trouble)

    def _end(self, error: JournalError | None) -> None:
        self._closed = True
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)


def read_journal(folder: Path) -> list[Entry]:
    """Every record of a folder, oldest first, without opening it for writing; a torn tail is left out.

    Raises `JournalDamaged`, `JournalTooNew` or `OSError`.
    """
    return all_entries(scan_folder(folder))


def _look_at_error(done: asyncio.Future[int]) -> None:
    """Whoever waited may be gone by now; `trouble` tells of the error all the same."""
    if not done.cancelled():
        done.exception()
