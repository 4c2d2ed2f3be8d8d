"""What runs inside a worker process: how it behaves toward the machine and the operator, and one calibration after another.

Imports nothing heavy: `prepare` runs before the first calibration, and what limits the numeric libraries to one thread must
stand before they are loaded.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import msgspec

from core.clock import LiveClock
from core.messages import CalibrationCause, CalibrationReport

if TYPE_CHECKING:  # numpy waits until the limits are set
    from core.calibration.job import CalibrationJob, Step

    Tell = Callable[[Step], None]
    Work = Callable[[CalibrationJob, Tell], CalibrationReport]
else:
    Tell = Work = Any

RECORD = struct.Struct("<qiiiidd")
"""A step on the way to the owner: task, trial, trials, fold, folds, share, seconds left."""
TELL_S = 0.25
_MEGABYTE = 1_000_000
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended: with a report, or with a cause and a reason in words. `spent`: the worker is to be replaced."""

    report: CalibrationReport | None = None
    cause: CalibrationCause | None = None
    reason: str = ""
    trace: str = ""
    spent: bool = False


def search(job: CalibrationJob, tell: Tell) -> CalibrationReport:
    """The calibration itself; the search and its libraries are loaded here, in the worker, and nowhere else."""
    from core.calibration.calibrate import calibrate

    return calibrate(job, tell)


_steps: list[Connection] = []
"""The way back to the owner, in a worker process; empty anywhere else."""


def prepare(steps: Connection, nice: int, memory_mb: int) -> None:
    """First thing in a new worker: low priority, bounded memory, silence on the terminal, and an end with its owner."""
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C belongs to the program, which ends its workers itself
    for name in _THREADS:
        os.environ[name] = "1"
    silence = os.open(os.devnull, os.O_WRONLY)
    for terminal in (1, 2):  # a library's warning would be written across the screen
        os.dup2(silence, terminal)
    os.close(silence)
    if sys.platform != "win32":
        import resource

        os.nice(nice)
        # Data, not address space: libraries reserve address space they never touch.
        limit, allowed = memory_mb * _MEGABYTE, resource.getrlimit(resource.RLIMIT_DATA)[1]
        if allowed == resource.RLIM_INFINITY or limit < allowed:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    _steps.append(steps)


def perform(work: Work, job: CalibrationJob, send: Tell | None = None) -> Result:
    """One job, whatever happens in it: an exception becomes a result, so that nothing unknown has to travel back.

    `send` takes a few steps a second; unless given they go through the pipe to the owner of this process.
    """
    if send is None:
        send = _through_pipe(job.task_id)
    try:
        return Result(report=work(job, _now_and_then(send)))
    except MemoryError:
        remedy = f"raise calibration.worker_memory_mb ({job.settings.worker_memory_mb}) or lower history.store_bars"
        return Result(cause="lost_worker", reason=f"its worker ran out of memory: {remedy}", spent=True)
    except Exception as error:
        # Fallback: this calibration failed and says why; the queue counts it.
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(where.filename)}:{where.lineno}"
        reason = f"{type(error).__name__}: {error} ({place})"
        return Result(cause="exception", reason=reason, trace=traceback.format_exc())


def _now_and_then(send: Tell) -> Tell:
    clock, next_s = LiveClock(), 0.0

    def tell(step: Step) -> None:
        nonlocal next_s
        now_s = clock.monotonic()
        if now_s >= next_s:
            next_s = now_s + TELL_S
            send(step)

    return tell


def _through_pipe(task_id: int) -> Tell:
    """Records are small enough for a pipe to take each whole or not at all."""
    pipe = _steps[0].fileno()
    os.set_blocking(pipe, False)

    def send(step: Step) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody looks: the next step tells more anyway
            os.write(pipe, RECORD.pack(task_id, *step))

    return send


def _end_with_owner() -> None:
    """A worker whose owner is gone, by whatever signal, has nobody to answer."""
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os._exit(1)
