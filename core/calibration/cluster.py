"""Calibrations on a Dask cluster, for when one machine is too small. Needs the extra `dask`, imported only here.

What hangs there cannot be killed from here: it fails at its time limit like any other, and the cluster is told that nobody
wants it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

import msgspec

from core.calibration.job import CalibrationJob, Step
from core.calibration.worker_process import Result, Work, perform
from core.calibration.workers import WorkersUnavailable

Client = Any
"""`distributed.Client`; the library is neither always there nor fully typed."""
CONNECT_S = 5.0
CLOSE_S = 1.0
"""A scheduler that went away does not hold up the end of the program."""
_TOPIC = "tradetui-calibration"


class ClusterWorkers:
    """Jobs go to the scheduler at `where`. Make one with `await ClusterWorkers.open(address, work)`."""

    def __init__(self, where: str, client: Client, threads: int, work: Work) -> None:
        self.where = where
        self._client = client
        self._executor = client.get_executor(pure=False, retries=0)
        self._threads = threads
        self._work = work
        self._running: dict[int, Future[Result]] = {}
        self._unwanted: list[Future[Result]] = []
        self._look: asyncio.Future[int] | None = None
        self._steps: dict[int, Step] = {}
        client.subscribe_topic(_TOPIC, self._on_step)

    @classmethod
    async def open(cls, where: str, work: Work) -> ClusterWorkers:
        """Connect to the scheduler. Raises `WorkersUnavailable`."""
        client, threads = await asyncio.to_thread(_connect, where)
        return cls(where, client, threads, work)

    def lost(self) -> bool:
        return bool(self._client.status != "running")

    def slots(self, wanted: int) -> int:
        return wanted or max(1, self._threads)

    def start(self, job: CalibrationJob) -> None:
        self._running[job.task_id] = self._executor.submit(_perform_there, self._work, job)

    def steps(self) -> list[tuple[int, Step]]:
        steps, self._steps = self._steps, {}
        newest = list(steps.items())  # the client's thread may still hold the old mapping
        return [(task_id, step) for task_id, step in newest if task_id in self._running]

    def ended(self) -> list[tuple[int, Result]]:
        done = [(task_id, future) for task_id, future in self._running.items() if future.done()]
        for task_id, _ in done:
            del self._running[task_id]
        return [(task_id, self._result(future)) for task_id, future in done]

    def abandon(self, task_id: int) -> None:
        future = self._running.pop(task_id, None)
        if future is not None:
            self._unwanted.append(future)

    def tend(self) -> None:
        """Asks the scheduler in a thread, one question at a time, and takes the answer when it is there."""
        if self._look is not None:
            if not self._look.done():
                return
            self._threads = self._look.result()
        unwanted, self._unwanted = self._unwanted, []
        ask = asyncio.get_running_loop().run_in_executor
        self._look = ask(None, _look, self._client, unwanted, self._threads)

    async def close(self) -> None:
        unwanted, self._unwanted = [*self._unwanted, *self._running.values()], []
        self._running.clear()
        await asyncio.to_thread(_leave, self._client, unwanted)

    def _on_step(self, event: tuple[float, Any]) -> None:
        """In the client's own thread: a single assignment."""
        task_id, *step = event[1]
        self._steps[task_id] = Step(*step)

    def _result(self, future: Future[Result]) -> Result:
        try:
            result = future.result()
        except (Exception, CancelledError) as error:
            # Fallback: whatever ended it there, the task failed with its worker.
            why = f"{type(error).__name__}: {error}" if str(error) else "it went away"
            reason = f"lost on the cluster at {self.where}: {why}"
            return Result(cause="lost_worker", reason=reason)
        if result.spent:
            reason = f"a worker of the cluster at {self.where} ran out of memory: give its workers more"
            return msgspec.structs.replace(result, reason=reason)
        return result


def _connect(where: str) -> tuple[Client, int]:
    remedy = "or set calibration.executor to local"
    try:
        import distributed
    except ImportError as error:
        raise WorkersUnavailable(
            f'calibration.executor is {where}, but Dask is not installed: pip install "tradetui[dask]", {remedy}'
        ) from error
    _log_with_us()
    try:
        connect: Client = distributed.Client
        client = connect(where, timeout=CONNECT_S, set_as_default=False, name="tradetui")
        return client, _threads(client)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise WorkersUnavailable(
            f"no Dask scheduler answers at calibration.executor {where} ({error}): start it, {remedy}"
        ) from error


def _log_with_us() -> None:
    """Dask writes its log to the terminal, where the screens are: let it go where ours goes."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True


def _threads(client: Client) -> int:
    counts: dict[str, int] = client.nthreads()
    return sum(counts.values())


def _look(client: Client, unwanted: list[Future[Result]], known: int) -> int:
    try:
        for future in unwanted:
            future.cancel()
        return _threads(client)
    except (OSError, RuntimeError):  # the scheduler is away: its tasks end as lost, and what was known stands
        return known


def _leave(client: Client, unwanted: list[Future[Result]]) -> None:
    _look(client, unwanted, 0)
    with suppress(TimeoutError):  # the scheduler went away: its connection ends with this process
        client.close(timeout=CLOSE_S)


def _perform_there(work: Work, job: CalibrationJob) -> Result:
    """In a worker of the cluster."""
    from distributed import get_worker

    log_event: Callable[[str, Any], None] = get_worker().log_event

    def tell(step: Step) -> None:
        log_event(_TOPIC, (job.task_id, *step))

    return perform(work, job, tell)
