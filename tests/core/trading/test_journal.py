"""Appends are durable when they return, in order, without blocking the loop; a disk that fails is told by type."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.trading.journal import BATCH, Journal, JournalLimits, read_journal
from core.trading.journal_errors import (
    JournalClosed,
    JournalError,
    JournalFailed,
    JournalFull,
    JournalLocked,
    JournalReadOnly,
    JournalSlow,
)
from core.trading.journal_records import Note
from core.trading.journal_writer import Disk

ROOT = Path(__file__).parents[3]


def note(number: int) -> Note:
    return Note(at_ms=number, code="N", text=f"note {number}")


class TestDisk(Disk):
    """A disk that fails as told: `write_error` after half of the bytes, `sync_error`, or syncs that wait for `gate`."""

    __test__ = False

    def __init__(self) -> None:
        self.write_error = self.sync_error = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.syncs = 0

    def write(self, fd: int, data: bytes) -> None:
        if self.write_error:
            os.write(fd, data[: len(data) // 2])
            raise OSError(self.write_error, os.strerror(self.write_error))
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self.entered.set()
        self.gate.wait()
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().sync(fd)
        self.syncs += 1


def texts(folder: Path) -> list[str]:
    return [entry.record.text for entry in read_journal(folder) if isinstance(entry.record, Note)]


async def test_an_append_is_on_the_disk_when_it_returns(tmp_path):
    journal = await Journal.open(tmp_path / "j")
    for number in range(3):
        assert await journal.append(note(number)) == number + 1
        assert texts(tmp_path / "j") == [f"note {n}" for n in range(number + 1)]
    await journal.close()
    again = await Journal.open(tmp_path / "j")
    assert [entry.seq for entry in again.entries] == [1, 2, 3]
    assert await again.append(note(3)) == 4
    await again.close()


async def test_what_is_kept_with_an_append_shares_its_sync_and_goes_in_front(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", disk=disk)
    syncs = disk.syncs
    assert await journal.append(note(3), [note(1), note(2)]) == 3
    assert disk.syncs == syncs + 1
    assert texts(tmp_path / "j") == ["note 1", "note 2", "note 3"]
    disk.write_error = errno.ENOSPC
    with pytest.raises(JournalFull):
        await journal.append(note(6), [note(4), note(5)])
    disk.write_error = 0
    await journal.append(note(7))
    assert texts(tmp_path / "j")[3:] == ["note 4", "note 5", "note 7"], (
        "what happened is kept, what was not done is not"
    )
    await journal.close()


async def test_a_burst_larger_than_a_batch_loses_nothing(tmp_path):
    journal = await Journal.open(tmp_path / "j")
    for number in range(2 * BATCH + 7):
        journal.keep(note(number))
    await journal.append(note(-1), [note(-3), note(-2)])
    assert texts(tmp_path / "j") == [f"note {n}" for n in (*range(2 * BATCH + 7), -3, -2, -1)]
    await journal.close()


async def test_records_keep_the_order_of_the_calls_awaited_or_not(tmp_path):
    journal = await Journal.open(tmp_path / "j")
    waiting = []
    for number in range(200):
        if number % 3:
            journal.keep(note(number))
        else:
            waiting.append(asyncio.ensure_future(journal.append(note(number))))
            await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [n + 1 for n in range(200) if n % 3 == 0]
    await journal.close()
    assert texts(tmp_path / "j") == [f"note {n}" for n in range(200)]


async def test_what_waits_shares_one_sync_and_the_loop_goes_on(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", disk=disk)
    disk.gate.clear()
    disk.entered.clear()
    first = asyncio.ensure_future(journal.append(note(0)))
    await asyncio.to_thread(disk.entered.wait)
    rest = [asyncio.ensure_future(journal.append(note(n))) for n in range(1, 50)]
    await asyncio.sleep(0)
    before = disk.syncs
    disk.gate.set()
    assert await asyncio.gather(first, *rest) == list(range(1, 51))
    assert disk.syncs - before == 2
    await journal.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, JournalFull), (errno.EDQUOT, JournalFull), (errno.EROFS, JournalReadOnly), (errno.EACCES, JournalReadOnly),
        (errno.EIO, JournalFailed),
    ],
)  # fmt: skip
async def test_a_write_that_fails_is_told_by_type_taken_back_and_may_succeed_later(tmp_path, number, kind):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", disk=disk)
    heard: list[JournalError | None] = []
    journal.on_trouble = heard.append
    await journal.append(note(0))
    disk.write_error = number
    for _ in range(2):
        with pytest.raises(kind) as caught:
            await journal.append(note(1))
    assert journal.trouble is caught.value
    journal.keep(note(2))
    with pytest.raises(kind):
        await journal.append(note(3))
    disk.write_error = 0
    assert await journal.append(note(4)) == 3
    assert [type(error) for error in heard] == [kind, type(None)]
    assert texts(tmp_path / "j") == ["note 0", "note 2", "note 4"]
    await journal.close()


async def test_a_sync_that_fails_is_final(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", disk=disk)
    await journal.append(note(0))
    disk.sync_error = errno.EIO
    with pytest.raises(JournalFailed, match="start the program again"):
        await journal.append(note(1))
    disk.sync_error = 0
    with pytest.raises(JournalFailed):
        await journal.append(note(2))
    await journal.close()
    assert "note 2" not in texts(tmp_path / "j")


async def test_a_disk_that_stalls_fails_the_append_but_loses_nothing(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", JournalLimits(durable_within_s=0.01), disk)
    disk.gate.clear()
    with pytest.raises(JournalSlow, match=r"after 0\.01 s"):
        await journal.append(note(0))
    assert isinstance(journal.trouble, JournalSlow)
    well = asyncio.Event()
    journal.on_trouble = lambda trouble: well.set() if trouble is None else None
    disk.gate.set()
    await well.wait()
    await journal.close()
    assert texts(tmp_path / "j") == ["note 0"]


async def test_closing_writes_what_waits_and_frees_the_folder(tmp_path):
    journal = await Journal.open(tmp_path / "j")
    with pytest.raises(JournalLocked, match=f"process {os.getpid()}"):
        await Journal.open(tmp_path / "j")
    for number in range(100):
        journal.keep(note(number))
    await journal.close()
    await journal.close()
    assert len(texts(tmp_path / "j")) == 100
    with pytest.raises(JournalClosed):
        journal.keep(note(1))
    with pytest.raises(JournalClosed):
        await journal.append(note(1))
    await (await Journal.open(tmp_path / "j")).close()


async def test_closing_tells_of_records_that_could_not_be_written(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", disk=disk)
    disk.write_error = errno.ENOSPC
    journal.keep(note(0))
    with pytest.raises(JournalFull):
        await journal.close()
    assert texts(tmp_path / "j") == []


async def test_a_folder_that_may_not_be_written_is_told_at_opening(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file"):
        await Journal.open(tmp_path / "file" / "j")


async def test_a_journal_that_cannot_begin_its_next_file_recovers(tmp_path):
    disk = TestDisk()
    journal = await Journal.open(tmp_path / "j", JournalLimits(rotate_bytes=1), disk)
    await journal.append(note(0))
    disk.write_error = errno.ENOSPC
    with pytest.raises(JournalFull):
        await journal.append(note(1))
    disk.write_error = 0
    assert await journal.append(note(2)) == 2
    await journal.close()
    assert texts(tmp_path / "j") == ["note 0", "note 2"]


@pytest.mark.parametrize("seed", range(4))
def test_a_writer_killed_at_any_moment_keeps_all_it_acknowledged(tmp_path, seed):
    """SIGKILL after a random number of acknowledgements; a second process goes on where the first was cut off."""
    rng = random.Random(seed)
    highest = 0
    for _ in range(2):
        command = [sys.executable, "-m", "tests.core.trading.journal_process", str(tmp_path / "j")]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(rng.randint(1, 120)):
                highest = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split("\n")[:-1]  # the last line may be cut
            highest = int(rest[-1]) if rest else highest
        seqs = [entry.seq for entry in read_journal(tmp_path / "j")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= highest
