"""One writer per folder: a lock that dies with its process, and says which process holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core.trading.journal_errors import JournalLocked, of_os_error

LOCK_NAME = "journal.lock"


class FolderLock:
    """Held from creation to `release`. Raises `JournalLocked` with the holder's process id."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise of_os_error(self.path, error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held_by = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if isinstance(error, BlockingIOError):
                raise JournalLocked(self.path, int(held_by) if held_by.isdigit() else 0) from error
            raise of_os_error(self.path, error) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it up. The file stays: removing it would let two processes hold two locks of one name."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
