"""F37: calibrations that burn every core, die, or eat their memory while an order works: the order path does not notice."""

from __future__ import annotations

import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.calibration.job import CalibrationJob, Step
from core.calibration.worker_process import Result, Tell
from core.calibration.workers import LocalWorkers
from core.messages import CalibrationReport
from tests.core.calibration.jobs import PLAIN, job, work
from tests.faults.order_rig import SYMBOL, order_rig

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux"),
]

URGENT = replace(PLAIN, nice=5)
"""Less polite than usual: beside other tests on every core, workers of the usual kind would hardly get to start."""
START_S = 120.0


def labour(task: CalibrationJob, tell: Tell) -> CalibrationReport:
    """In a worker: burn a core for ever, or what the other symbols stand for."""
    if task.symbol.startswith("BURN"):
        tell(Step(1, 60, 2, 4, 0.25, 3.0))
        while True:
            sum(range(100_000))
    return work(task, tell)


async def test_f37_workers_at_full_load_killed_and_out_of_memory_leave_the_order_path_alone(tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path) as rig:
        workers, ended, burning = LocalWorkers(rig.clock, labour), dict[int, Result](), set[int]()

        def look() -> bool:
            ended.update(workers.ended())
            burning.update(task for task, _ in workers.steps())
            return ended.keys() >= {3, 4} and burning >= {1, 2}

        try:
            for number, name in enumerate(("BURN-A", "BURN-B", "DIE", "EAT")):
                workers.start(job(name, number + 1, number, URGENT))
            await rig.until(look, "two workers at full load, one dead, one out of memory", START_S)
            record = await rig.entered(resting=True)
            await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
            rig.faults.partial_fill(record.client_id, "0.2")
            await rig.until_protected()
            pid = workers.pids()[0]
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            rig.faults.fill(record.client_id)
            await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the rest")
            await rig.until_protected()
            await rig.until(lambda: look() and 1 in ended, "the end of the one that was killed")
            assert {task: result.cause for task, result in ended.items()} == dict.fromkeys((1, 3, 4), "lost_worker")
            assert await rig.path.close_position(SYMBOL, Decimal(0)) == ""
            await rig.until(lambda: not rig.path.trades.planned(), "the end of the trade")
            assert "NAKED" not in rig.alarms()
            await rig.oracle()
        finally:
            await workers.close()
