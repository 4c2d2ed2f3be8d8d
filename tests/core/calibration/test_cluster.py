"""Calibrations on a Dask cluster: a real one on this machine, where the extra is installed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from core.calibration.cluster import ClusterWorkers
from core.calibration.worker_process import Result
from core.calibration.workers import Workers, WorkersUnavailable, open_workers
from core.clock import SimClock
from tests.core.calibration.jobs import T0, job, work

pytestmark = pytest.mark.xdist_group("processes")
PATIENCE_S = 60.0


async def ends(workers: Workers, count: int) -> dict[int, Result]:
    found: dict[int, Result] = {}

    def collect() -> bool:
        found.update(workers.ended())
        return len(found) == count

    await until(collect)
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def cluster() -> AsyncGenerator[Any, None]:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    dask = pytest.importorskip("dask")
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        made = await asyncio.to_thread(
            distributed.LocalCluster, n_workers=1, threads_per_worker=3, processes=True, dashboard_address=None,
            host="127.0.0.1",
        )  # fmt: skip
    yield made
    await asyncio.to_thread(made.close)


async def test_jobs_run_there_fail_there_and_are_lost_with_their_worker_and_with_the_cluster(cluster: Any) -> None:
    workers = await open_workers(cluster.scheduler_address, SimClock(T0), work)
    assert (workers.slots(0), workers.slots(2)) == (3, 2)
    workers.start(job("A", task_id=1))
    workers.start(job("BAD", task_id=2, slot=1))
    workers.start(job("HANG", task_id=3, slot=2))
    results = await ends(workers, 2)
    report = results[1].report
    assert report is not None
    assert (report.symbol, report.task_id) == ("A", 1)
    assert results[2].cause == "exception"
    assert results[2].reason.startswith("ValueError: bad bar")
    told: list[int] = []

    def look() -> bool:
        told.extend(task_id for task_id, _ in workers.steps())
        return told == [3]

    await until(look)
    workers.abandon(3)
    workers.tend()
    workers.start(job("DIE", task_id=4))
    lost = (await ends(workers, 1))[4]
    assert lost.cause == "lost_worker"
    assert lost.reason.startswith(f"lost on the cluster at {workers.where}: KilledWorker")
    assert not workers.lost()
    workers.start(job("HANG", task_id=5))
    await asyncio.to_thread(cluster.close)
    lost = (await ends(workers, 1))[5]
    assert lost.cause == "lost_worker"
    assert lost.reason.startswith(f"lost on the cluster at {workers.where}: ")
    await until(workers.lost)
    await workers.close()


class GoneClient:
    """A client whose scheduler went away and does not say good-bye in time."""

    status = "connecting"

    def get_executor(self, **options: Any) -> None:
        """Nothing is submitted."""

    def subscribe_topic(self, topic: str, handler: Callable[[Any], None]) -> None:
        """Nothing is told."""

    def nthreads(self) -> dict[str, int]:
        raise OSError("not connected")

    def close(self, timeout: float) -> None:
        raise TimeoutError(f"timed out after {timeout:g} s.")


async def test_a_scheduler_that_says_no_good_bye_does_not_spoil_the_end() -> None:
    workers = ClusterWorkers("tcp://127.0.0.1:9", GoneClient(), 1, work)
    assert workers.lost()
    await workers.close()


async def test_a_scheduler_that_is_not_there_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr("core.calibration.cluster.CONNECT_S", 0.2)
    for where in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(WorkersUnavailable, match="no Dask scheduler answers at") as caught:
            await open_workers(where, SimClock(T0), work)
        assert where in str(caught.value)
        assert "start it, or set calibration.executor to local" in str(caught.value)


async def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersUnavailable) as caught:
        await open_workers("tcp://127.0.0.1:8786", SimClock(T0), work)
    assert str(caught.value) == (
        "calibration.executor is tcp://127.0.0.1:8786, but Dask is not installed:"
        ' pip install "tradetui[dask]", or set calibration.executor to local'
    )
