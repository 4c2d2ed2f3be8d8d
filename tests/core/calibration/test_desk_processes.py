"""The desk with real worker processes: killed, hung, out of memory, and restarted in mid-task."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from core.calibration.desk import MARGIN_S
from core.calibration.workers import LocalWorkers, Workers
from core.clock import Clock
from core.messages import CalibrationProgress, CalibrationReport
from tests.core.calibration.jobs import PLAIN, work
from tests.core.calibration.room import Room

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux"),
]
TWO = msgspec.structs.replace(PLAIN, max_concurrent=2)


class Crewed:
    """Opens real workers, and remembers them."""

    def __init__(self) -> None:
        self.workers: LocalWorkers | None = None

    async def open(self, where: str, clock: Clock) -> Workers:
        self.workers = LocalWorkers(clock, work)
        return self.workers

    def pid(self, slot: int) -> int:
        assert self.workers is not None
        pid = self.workers.pids()[slot]
        assert pid is not None
        return pid


async def test_each_kind_of_death_fails_its_own_task_and_the_others_are_calibrated(tmp_path: Path) -> None:
    crew = Crewed()
    symbols = ("DIE", "A", "EAT", "B")
    room = await Room.open(tmp_path, *symbols, settings=TWO, opener=crew.open)
    await room.until(lambda: not room.queue().running and not room.queue().waiting)
    assert {task.symbol: (task.state, task.cause) for task in room.queue().tasks} == {
        "DIE": ("failed", "lost_worker"),
        "EAT": ("failed", "lost_worker"),
        "A": ("rejected", None),
        "B": ("rejected", None),
    }
    assert "ended by SIGKILL" in room.task("DIE").reason
    assert "ran out of memory" in room.task("EAT").reason
    assert sorted(report.symbol for report in room.heard(CalibrationReport)) == ["A", "B"]
    assert room.queue().done == 2
    await room.close()


async def test_one_that_hangs_is_killed_at_its_limit_and_its_slot_goes_on(tmp_path: Path) -> None:
    crew = Crewed()
    room = await Room.open(
        tmp_path, "HANG", "NEXT", settings=msgspec.structs.replace(TWO, max_concurrent=1), opener=crew.open
    )
    await room.until(lambda: bool(room.heard(CalibrationProgress)))
    pid = crew.pid(0)
    await room.turn(seconds=PLAIN.time_limit_s + MARGIN_S)
    assert (room.task("HANG").state, room.task("HANG").cause) == ("failed", "time_limit")
    await room.until(lambda: room.task("NEXT").state == "rejected")
    assert crew.pid(0) != pid
    await room.close()


async def test_a_program_that_ends_in_mid_task_takes_it_up_again(tmp_path: Path) -> None:
    crew = Crewed()
    room = await Room.open(tmp_path, "HANG", "A", settings=TWO, opener=crew.open)
    await room.until(lambda: room.states() == {"HANG": "in_progress", "A": "rejected"})
    os.kill(crew.pid(0), signal.SIGSTOP)  # not even able to answer
    await room.close()
    again = await Room.open(tmp_path, "HANG", "A", settings=TWO, opener=crew.open, clock=room.clock)
    await again.until(lambda: bool(again.heard(CalibrationProgress)))
    assert again.states() == {"HANG": "in_progress", "A": "rejected"}
    assert len({task.task_id for task in again.queue().tasks}) == 2
    rows = await again.store.run(lambda db: db.execute("SELECT instrument FROM calibrations").fetchall())
    assert rows == [("binance_us.spot:A",)]
    await again.close()
