"""Where calibrations are computed: worker processes of this machine, one per slot, or a cluster (`cluster`).

Whoever owns the workers starts jobs and asks now and then what became of them; nothing here waits for a worker. Each local
slot is a pool of its own with a single spawned process, so that the death of one worker breaks one job and no other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import Pipe, resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol

from core.calibration.job import CalibrationJob, Step
from core.calibration.worker_process import RECORD, Result, Work, perform, prepare, search
from core.clock import Clock

LOCAL = "local"
IDLE_S = 120.0
"""A worker without work gives its memory back after this."""
LAST_WORDS_S = 5.0
"""The pool sees the end of a process before the system says how it ended, longer so on a busy machine: waited for at most."""
_READ_BYTES = 65_536


class WorkersUnavailable(Exception):
    """Nothing can be computed there now; the text says why and what to do."""


class Workers(Protocol):
    """Where jobs run. Every method answers at once but `close`, and that leaves the event loop alone."""

    where: str
    """`local`, or the address of the cluster."""

    def lost(self) -> bool:
        """Nothing can be started here any more; what runs ends as lost or at its time limit. Open others."""

    def slots(self, wanted: int) -> int:
        """How many jobs may run at once: `wanted`, or what the machine is good for if that is 0; at least 1."""

    def start(self, job: CalibrationJob) -> None:
        """Begin a job on its slot. May raise OSError when no process can be made."""

    def steps(self) -> list[tuple[int, Step]]:
        """The newest step of each task that went on since the last question."""

    def ended(self) -> list[tuple[int, Result]]:
        """Tasks that ended since the last question, each once."""

    def abandon(self, task_id: int) -> None:
        """Nobody wants the result of this task any more: what computes it is ended where that is possible."""

    def tend(self) -> None:
        """Look after the workers; to be called every few seconds from the event loop."""

    async def close(self) -> None:
        """End all workers."""


Opener = Callable[[str, Clock], Awaitable[Workers]]
"""Opens the workers of `calibration.executor`. May raise `WorkersUnavailable`."""


async def open_workers(where: str, clock: Clock, work: Work = search) -> Workers:
    """The workers of `calibration.executor`: `local`, or the cluster of a Dask scheduler's address.

    Raises `WorkersUnavailable`.
    """
    if where == LOCAL:
        return LocalWorkers(clock, work)
    from core.calibration.cluster import ClusterWorkers

    return await ClusterWorkers.open(where, work)


class LocalWorkers:
    """Worker processes of this machine. Not thread-safe: one owner."""

    where = LOCAL

    def __init__(self, clock: Clock, work: Work = search) -> None:
        self._clock = clock
        self._work = work
        self._workers: dict[int, _Worker] = {}

    def lost(self) -> bool:
        return False

    def slots(self, wanted: int) -> int:
        return wanted or max(1, cores() - 1)

    def start(self, job: CalibrationJob) -> None:
        worker = self._workers.get(job.slot)
        made_for = (job.settings.nice, job.settings.worker_memory_mb)
        if worker is not None and not (worker.is_sound() and worker.made_for == made_for):
            worker.kill()
            worker = None
        if worker is None:
            worker = self._workers[job.slot] = _Worker(*made_for)
        try:
            worker.start(self._work, job)
        except BrokenProcessPool:  # it died since it was looked at: a new one takes the job
            worker.kill()
            worker = self._workers[job.slot] = _Worker(*made_for)
            worker.start(self._work, job)

    def steps(self) -> list[tuple[int, Step]]:
        return [step for worker in self._workers.values() for step in worker.steps()]

    def ended(self) -> list[tuple[int, Result]]:
        results = []
        for slot, worker in list(self._workers.items()):
            found = worker.result(self._clock.monotonic())
            if found is not None:
                results.append(found)
                worker.idle_since = self._clock.monotonic()
                if found[1].spent:
                    self._end(slot)
        return results

    def abandon(self, task_id: int) -> None:
        for slot, worker in list(self._workers.items()):
            if worker.task_id == task_id:
                self._end(slot)

    def tend(self) -> None:
        now_s = self._clock.monotonic()
        for slot, worker in list(self._workers.items()):
            if worker.task_id is None and now_s - worker.idle_since > IDLE_S:
                self._end(slot)

    async def close(self) -> None:
        for slot in list(self._workers):
            self._end(slot)

    def pids(self) -> dict[int, int | None]:
        """The process of each slot that has one."""
        return {slot: worker.pid for slot, worker in self._workers.items()}

    def _end(self, slot: int) -> None:
        self._workers.pop(slot).kill()


class _OneProcess(SpawnContext):
    """Remembers the process a pool makes, which the pool itself keeps to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.made: SpawnProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        self.made = SpawnProcess(*args, **kwargs)
        return self.made


class _Worker:
    """One process, the pool that feeds it, and the pipe its steps come through."""

    def __init__(self, nice: int, memory_mb: int) -> None:
        self.made_for = (nice, memory_mb)
        self.task_id: int | None = None
        self.idle_since = 0.0
        start_tracker()
        self._context = _OneProcess()
        self._reader, self._writer = Pipe(duplex=False)
        os.set_blocking(self._reader.fileno(), False)
        self._pool = ProcessPoolExecutor(
            max_workers=1, mp_context=self._context, initializer=prepare, initargs=(self._writer, nice, memory_mb)
        )
        self._future: Future[Result] | None = None
        self._broken_at: float | None = None
        self._unread = b""

    @property
    def pid(self) -> int | None:
        return self._context.made.pid if self._context.made is not None else None

    def is_sound(self) -> bool:
        """Alive, as far as can be seen from here."""
        return self._context.made is not None and self._context.made.is_alive()

    def start(self, work: Work, job: CalibrationJob) -> None:
        """The first job makes the process."""
        start_tracker()
        self._future = self._pool.submit(perform, work, job)
        self.task_id = job.task_id
        self._writer.close()  # only the worker writes

    def steps(self) -> list[tuple[int, Step]]:
        """The newest step of the task it has, if one came."""
        with contextlib.suppress(BlockingIOError):
            while read := os.read(self._reader.fileno(), _READ_BYTES):
                self._unread += read
        whole = len(self._unread) // RECORD.size * RECORD.size
        if not whole:
            return []
        task_id, *step = RECORD.unpack(self._unread[whole - RECORD.size : whole])
        self._unread = self._unread[whole:]
        return [(task_id, Step(*step))] if task_id == self.task_id else []

    def result(self, now_s: float) -> tuple[int, Result] | None:
        """The task that ended and how, once; None while it runs or has none, and until it is known how its process ended."""
        if self._future is None or self.task_id is None or not self._future.done():
            return None
        task_id, error = self.task_id, self._future.exception()
        if isinstance(error, BrokenProcessPool) and self._code() is None:
            self._broken_at = now_s if self._broken_at is None else self._broken_at
            if now_s - self._broken_at < LAST_WORDS_S:
                return None
        result = self._future.result() if error is None else self._lost(error)
        self._future = self.task_id = None
        return task_id, result

    def kill(self) -> None:
        """End the process, whatever it does; what it had is nobody's any more."""
        if self._context.made is not None:
            self._context.made.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._reader.close()
        self._writer.close()

    def _code(self) -> int | None:
        return self._context.made.exitcode if self._context.made is not None else None

    def _lost(self, error: BaseException) -> Result:
        if not isinstance(error, BrokenProcessPool):  # the job or its result could not travel
            return Result(cause="exception", reason=f"{type(error).__name__}: {error}")
        code = self._code()
        how = "is gone"
        if code is not None:
            how = f"ended with exit code {code}"
            if code < 0:
                name = signal.Signals(-code).name
                how = f"was ended by {name}, by hand or by the system for want of memory"
        reason = f"its worker (process {self.pid}) {how}"
        return Result(cause="lost_worker", reason=reason, trace=f"{type(error).__name__}: {error}", spent=True)


def start_tracker() -> None:
    """Start the process that tidies up after spawned ones, if it does not run.

    It is handed standard error; a full-screen program has put something there that is no file, and whatever it wrote would
    stand in the picture. It gets nowhere to write instead.
    """
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        resource_tracker.ensure_running()


def cores() -> int:
    """Cores this program may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
