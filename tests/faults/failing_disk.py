"""A disk under the journal that fails or stalls when told to."""

from __future__ import annotations

import errno
import os
import threading

import pytest

import core.trading.journal_writer
from core.trading.journal_writer import Disk

LONGEST_S = 10.0
"""A stall ends by itself, so that a test that fails amid it ends too."""
FULL, READ_ONLY = errno.ENOSPC, errno.EROFS


class FailingDisk(Disk):
    """`error`: every write fails with it, after half of its bytes; `gate` cleared: syncs wait for it."""

    def __init__(self) -> None:
        self.error = 0
        self.gate = threading.Event()
        self.gate.set()

    def write(self, fd: int, data: bytes) -> None:
        if self.error:
            if self.error == FULL:
                super().write(fd, data[: len(data) // 2])
            raise OSError(self.error, os.strerror(self.error))
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self.gate.wait(LONGEST_S)
        super().sync(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    """The disk of every journal opened in the test."""
    failing = FailingDisk()
    monkeypatch.setattr(core.trading.journal_writer, "Disk", lambda: failing)
    return failing
