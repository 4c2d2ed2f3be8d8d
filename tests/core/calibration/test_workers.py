"""Worker processes at work: what they are, how they end, and that the death of one harms no other."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path

import msgspec
import pytest

from core.calibration.job import Step
from core.calibration.worker_process import Result
from core.calibration.workers import IDLE_S, LAST_WORDS_S, LocalWorkers
from core.clock import SimClock
from tests.core.calibration.jobs import PLAIN, T0, job, work

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux"),
]
PATIENCE_S = 60.0


async def until(condition: Callable[[], bool]) -> None:
    """Let the machine work until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def ends(workers: LocalWorkers, count: int) -> dict[int, Result]:
    found: dict[int, Result] = {}

    def collect() -> bool:
        found.update(workers.ended())
        return len(found) == count

    await until(collect)
    return found


def is_alive(pid: int) -> bool:
    """Until its last thread is gone and it waits to be noticed, or was."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" or len(threads) > 1


@pytest.fixture
async def workers() -> AsyncGenerator[LocalWorkers, None]:
    made = LocalWorkers(SimClock(T0), work)
    yield made
    await made.close()


async def test_one_process_does_job_after_job_and_leaves_the_machine_to_others(workers: LocalWorkers) -> None:
    workers.start(job("A", task_id=1))
    first = (await ends(workers, 1))[1]
    steps = workers.steps()
    workers.start(job("B", task_id=2))
    second = (await ends(workers, 1))[2]
    assert first.report is not None
    assert second.report is not None
    assert (second.report.symbol, second.report.task_id) == ("B", 2)
    pid = workers.pids()[0]
    nice = min(19, os.nice(0) + 15)
    assert first.report.reason == second.report.reason == f"pid {pid} nice {nice} blas 1 ignores SIGINT True"
    assert steps == []  # the task is over: nobody asks how far it is


async def test_steps_come_back_while_it_works_and_what_hangs_is_killed_when_abandoned(workers: LocalWorkers) -> None:
    seen: list[tuple[int, Step]] = []
    workers.start(job("HANG", task_id=1, slot=0))
    workers.start(job("OTHER", task_id=2, slot=1))
    assert set(await ends(workers, 1)) == {2}

    def look() -> bool:
        seen.extend(workers.steps())
        return bool(seen)

    await until(look)
    assert seen == [(1, Step(1, 60, 2, 4, 0.25, 3.0))]
    pid = workers.pids()[0]
    assert pid is not None
    workers.abandon(1)
    await until(lambda: not is_alive(pid))
    assert workers.ended() == []
    workers.start(job("NEXT", task_id=3, slot=0))
    assert (await ends(workers, 1))[3].report is not None


async def test_a_killed_worker_loses_its_own_task_and_is_replaced(workers: LocalWorkers) -> None:
    workers.start(job("HANG1", task_id=1, slot=0))
    workers.start(job("HANG2", task_id=2, slot=1))
    await until(lambda: any(task_id == 1 for task_id, _ in workers.steps()))
    pid = workers.pids()[0]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    lost = (await ends(workers, 1))[1]
    assert (lost.cause, lost.report) == ("lost_worker", None)
    assert f"(process {pid}) was ended by SIGKILL" in lost.reason
    assert list(workers.pids()) == [1]
    workers.start(job("A", task_id=3, slot=0))
    assert (await ends(workers, 1))[3].report is not None


async def test_how_a_worker_ended_is_waited_for_a_while(workers: LocalWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    workers.start(job("DIE", task_id=1))
    future, clock = workers._workers[0]._future, workers._clock
    assert future is not None
    assert isinstance(clock, SimClock)
    await until(future.done)
    with monkeypatch.context() as busy:  # the machine has not come to say it yet
        busy.setattr(SpawnProcess, "exitcode", None)
        assert workers.ended() == []
        clock.set_ms(T0 + round(LAST_WORDS_S * 1000.0) - 1)
        assert workers.ended() == []
        clock.set_ms(T0 + round(LAST_WORDS_S * 1000.0) + 1)
        ((_, lost),) = workers.ended()
    assert (lost.cause, lost.reason.rpartition(") ")[2]) == ("lost_worker", "is gone")


async def test_memory_and_exceptions_are_told_apart_and_an_idle_death_costs_no_task(workers: LocalWorkers) -> None:
    workers.start(job("EAT", task_id=1))
    ate = (await ends(workers, 1))[1]
    assert ate.cause == "lost_worker"
    assert ate.reason == (
        "its worker ran out of memory: raise calibration.worker_memory_mb (400) or lower history.store_bars"
    )
    assert workers.pids() == {}
    workers.start(job("BAD", task_id=2))
    bad = (await ends(workers, 1))[2]
    assert (bad.cause, bad.reason.partition(" (")[0]) == ("exception", "ValueError: bad bar")
    pid = workers.pids()[0]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    workers.start(job("A", task_id=3))
    assert (await ends(workers, 1))[3].report is not None


async def test_other_settings_make_another_worker_and_idle_ones_go(workers: LocalWorkers) -> None:
    workers.start(job("A", task_id=1))
    await ends(workers, 1)
    before = workers.pids()[0]
    workers.start(job("B", task_id=2, settings=msgspec.structs.replace(PLAIN, nice=19)))
    report = (await ends(workers, 1))[2].report
    assert report is not None
    assert "nice 19" in report.reason
    after = workers.pids()[0]
    assert after != before
    assert after is not None
    workers.tend()
    assert workers.pids() == {0: after}
    clock = workers._clock
    assert isinstance(clock, SimClock)
    clock.set_ms(T0 + round(IDLE_S * 1000.0) + 1)
    workers.tend()
    assert workers.pids() == {}
    await until(lambda: not is_alive(after))


async def test_workers_end_with_a_program_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent("""
        import time
        from core.calibration.workers import LocalWorkers
        from core.clock import LiveClock
        from tests.core.calibration.jobs import job, work

        if __name__ == "__main__":
            workers = LocalWorkers(LiveClock(), work)
            workers.start(job("HANG"))
            while not workers.steps():
                time.sleep(0.01)
            print(workers.pids()[0], flush=True)
            time.sleep(600)
        """)
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as owner:
        assert owner.stdout is not None
        pid = int((await asyncio.to_thread(owner.stdout.readline)).strip())
        assert is_alive(pid)
        owner.kill()
    await until(lambda: not is_alive(pid))


def test_workers_start_under_a_screen_that_has_taken_standard_error(tmp_path: Path) -> None:
    script = tmp_path / "screen.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        import time
        from core.calibration.workers import LocalWorkers
        from core.clock import LiveClock
        from tests.core.calibration.jobs import job, work

        class Captured:
            def write(self, text):
                print("captured", text, flush=True)
            def flush(self):
                pass
            def fileno(self):
                return -1

        if __name__ == "__main__":
            sys.stderr = Captured()
            workers = LocalWorkers(LiveClock(), work)
            workers.start(job("BTCUSDT"))
            while not (ended := workers.ended()):
                time.sleep(0.01)
            print(ended[0][1].report.symbol, flush=True)
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert (done.stdout, done.stderr) == ("BTCUSDT\n", "")


def test_nothing_of_the_search_is_loaded_by_whoever_owns_the_workers() -> None:
    code = "import sys, core.calibration.desk; print([m for m in ('optuna', 'numba', 'distributed', 'pandas') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
