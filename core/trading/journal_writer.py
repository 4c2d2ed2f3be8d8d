"""The journal's files as their one writer sees them: open and repair, write a frame and make it durable, rotate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from core.trading.journal_errors import JournalError, JournalFailed, of_os_error
from core.trading.journal_file import FILE_HEAD_SIZE, Position, Scan, file_head, file_name, frame, scan_folder
from core.trading.journal_lock import FolderLock
from core.trading.journal_records import Entry

_sync = getattr(os, "fdatasync", os.fsync)  # a file's length is data to it: appends are durable


class Repair(Struct, frozen=True):
    """A torn tail that was cut off: `dropped` bytes at `offset`, kept beside the file as `saved`. `next_seq` goes on."""

    file: Path
    offset: int
    dropped: int
    next_seq: int
    saved: Path

    def __str__(self) -> str:
        return (
            f"{self.file}: the last write was cut short; its {self.dropped} bytes from byte {self.offset} on were never acted "
            f"on, and lie in {self.saved.name} now"
        )


class Disk:
    """What the writer asks of the disk. A test puts a failing one in its place."""

    def write(self, fd: int, data: bytes) -> None:
        """All of it, at the end of what is there."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        """Return once what was written survives a power failure."""
        _sync(fd)


class JournalWriter:
    """Blocking: for one thread. Every `OSError` becomes the `JournalError` that tells what to do.

    A write that failed is taken back, and the next one may succeed. A sync that failed is final: the kernel may have
    dropped the pages and would report success the next time (Rebello and others, "Can Applications Recover from fsync
    Failures?", 2020).
    """

    def __init__(self, folder: Path, rotate_bytes: int, disk: Disk | None = None) -> None:
        """Open or begin the journal of a folder, alone. Raises `JournalError`."""
        self.folder = folder
        self.repair: Repair | None = None
        self._rotate_bytes = rotate_bytes
        self._disk = disk or Disk()
        self._failed: JournalError | None = None
        self._fd = -1
        self._number = 0
        self._size = 0
        self._position = Position()
        self.path = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise of_os_error(folder, error) from error
        self._lock: FolderLock | None = FolderLock(folder)
        try:
            self.entries: tuple[Entry, ...] = self._open()
        except OSError as error:
            self.close()
            raise of_os_error(folder, error) from error
        except BaseException:
            self.close()
            raise

    @property
    def next_seq(self) -> int:
        """The number the next record will have."""
        return self._position.next_seq

    def commit(self, payloads: Sequence[bytes]) -> int:
        """Encoded records as one frame, durable when this returns; the first one's sequence number."""
        if self._failed is not None:
            raise self._failed
        if self._size >= self._rotate_bytes:
            self._rotate()
        data, after = frame(payloads, self._position)
        try:
            self._disk.write(self._fd, data)
        except OSError as error:
            self._take_back(error)
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            self._failed = JournalFailed(self.path, error)
            raise self._failed from error
        first_seq = self._position.next_seq
        self._position, self._size = after, self._size + len(data)
        return first_seq

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as worse:
            self._failed = JournalFailed(self.path, worse)
            raise self._failed from worse
        raise of_os_error(self.path, error) from error

    def _open(self) -> tuple[Entry, ...]:
        scans = scan_folder(self.folder)
        if not scans:
            self._begin(1, Position())
            return ()
        newest = scans[-1]
        self.path, self._number, self._position = newest.path, newest.number, newest.end
        self._size = newest.good_size
        self._fd = os.open(newest.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if newest.torn:
            self._cut(newest)
        if self._size < FILE_HEAD_SIZE:
            self._disk.write(self._fd, file_head(newest.number, newest.end))
            self._disk.sync(self._fd)
            self._size = FILE_HEAD_SIZE
        return tuple(entry for scan in scans for entry in scan.entries)

    def _cut(self, newest: Scan) -> None:
        """Cut off a torn tail, keeping its bytes aside: they are evidence."""
        saved = newest.path.with_suffix(f".torn-{newest.good_size}")
        saved.touch(mode=0o600)
        saved.write_bytes(newest.path.read_bytes()[newest.good_size :])
        os.ftruncate(self._fd, newest.good_size)
        self._disk.sync(self._fd)
        self.repair = Repair(newest.path, newest.good_size, newest.torn, newest.end.next_seq, saved)

    def _begin(self, number: int, start: Position) -> None:
        """A new file with its header, durable together with its name."""
        path = self.folder / file_name(number)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._disk.write(fd, file_head(number, start))
            self._disk.sync(fd)
            self._sync_folder()
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self.path, self._number, self._position = path, number, start
        self._fd, self._size = fd, FILE_HEAD_SIZE

    def _rotate(self) -> None:
        try:
            self._begin(self._number + 1, self._position)
        except OSError as error:
            raise of_os_error(self.folder, error) from error

    def _sync_folder(self) -> None:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
