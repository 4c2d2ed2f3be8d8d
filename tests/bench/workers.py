"""Calibrations in the background: what the desk's turns cost, and how late the loop gets while every worker is busy."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from core.calibration.worker_process import Result
from core.calibration.workers import LocalWorkers
from core.clock import LiveClock
from core.lag import BEAT_S
from core.settings_screening import Calibration
from tests.bench.timing import Figure
from tests.core.calibration.jobs import PLAIN, job
from tests.core.calibration.room import Room
from tests.core.signals.markets import walk

ASSETS = 60
TURNS = 200
WORKERS = 2
BARS = 20_000


def turns() -> list[Figure]:
    """CPU time of a turn of the desk that finds nothing to do, with 60 assets in the queue."""
    spent = asyncio.run(_turns())
    return [
        Figure(
            name="calibration desk: a turn", value=spent, unit="ms", target=2.0, better="less",
            detail=f"{ASSETS} assets, one being calibrated; four turns a second",
        )
    ]  # fmt: skip


def lag() -> list[Figure]:
    """How late a short timer wakes while both workers calibrate at their low priority."""
    late, seconds, lost = asyncio.run(_busy())
    late.sort()
    return [
        Figure(
            name="loop lag p99 while two workers calibrate", value=late[int(len(late) * 0.99)], unit="ms", target=50.0,
            better="less", must=True, detail=f"{seconds:.0f} s, worst {late[-1]:.0f} ms, {lost} lost",
        )
    ]  # fmt: skip


async def _turns() -> float:
    symbols = [f"S{number}USDT" for number in range(ASSETS)]
    with tempfile.TemporaryDirectory() as folder:
        room = await Room.open(
            Path(folder), *symbols, settings=msgspec.structs.replace(PLAIN, max_concurrent=1, time_limit_s=3600.0)
        )
        await room.turn(2)
        begun = time.process_time()
        for _ in range(TURNS):
            await room.turn(seconds=0.25)
        spent = time.process_time() - begun
        await room.close()
    return spent / TURNS * 1e3


async def _busy() -> tuple[list[float], float, int]:
    """Lateness of each beat in ms, how long it took, and how many jobs were lost."""
    loop, late, ended = asyncio.get_running_loop(), [0.0], dict[int, Result]()
    workers = LocalWorkers(LiveClock())
    begun = loop.time()
    for slot in range(WORKERS):
        market = walk(slot, BARS, "1m")
        workers.start(
            msgspec.structs.replace(
                job(f"S{slot}USDT", slot, slot, Calibration(time_limit_s=60.0)), bars=market, days=np.empty((0, 9))
            )
        )
    while len(ended) < WORKERS:
        due = loop.time() + BEAT_S
        await asyncio.sleep(BEAT_S)
        late.append(max(0.0, (loop.time() - due) * 1e3))
        workers.steps()
        ended.update(workers.ended())
    seconds = loop.time() - begun
    await workers.close()
    return late, seconds, sum(result.report is None for result in ended.values())


if __name__ == "__main__":
    for figure in (*turns(), *lag()):
        sys.stdout.write(figure.line() + "\n")
