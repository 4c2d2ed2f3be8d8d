"""The circuit breaker of the calibration queue: after three failures in a row it waits, then allows one try (methods 5).

Pure functions over a frozen value, on event time in milliseconds. The queue keeps one breaker per (symbol, timeframe) and
one for all tasks. What counts as a failure is the queue's business; a refusal by the guards is a success here, because the
machinery worked.

    closed     every start is allowed; the third failure in a row opens it for 600 s, a success starts the count again
    open       no start is allowed; results of tasks begun before it opened change nothing
    half-open  the wait is over: one task may start as the try, and only its result counts. Success closes the breaker,
               failure opens it again for twice as long (at most 4 h), a try that ended without a result gives its place back
"""

from __future__ import annotations

import msgspec

from core.messages import BreakerPhase

FAILURES_TO_OPEN = 3
FIRST_WAIT_MS = 600_000
LONGEST_WAIT_MS = 4 * 3_600_000


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """`wait_ms` is 0 while it is closed; otherwise how long it opened for the last time, until `until_ms`."""

    failures: int = 0
    """Failures in a row, those of half-open tries included."""
    wait_ms: int = 0
    until_ms: int = 0
    trying: int | None = None
    """The task that is the half-open try, while it runs."""


CLOSED = Breaker()


def phase(breaker: Breaker, now_ms: int) -> BreakerPhase:
    """Where the breaker stands at `now_ms`."""
    if breaker.wait_ms == 0:
        return "closed"
    if breaker.trying is not None or now_ms >= breaker.until_ms:
        return "half_open"
    return "open"


def allows(breaker: Breaker, now_ms: int) -> bool:
    """May a task start now?"""
    return breaker.trying is None and phase(breaker, now_ms) != "open"


def next_try_ms(breaker: Breaker, now_ms: int) -> int | None:
    """The earliest moment a task may start: `now_ms` if at once, None while a try runs and its result decides."""
    if breaker.trying is not None:
        return None
    return max(now_ms, breaker.until_ms) if breaker.wait_ms else now_ms


def begun(breaker: Breaker, task_id: int, now_ms: int) -> Breaker:
    """A task starts: in the half-open phase it becomes the try. Raises ValueError if the breaker allows no start."""
    if not allows(breaker, now_ms):
        raise ValueError(
            f"task {task_id} may not start at {now_ms} ms: the breaker is {phase(breaker, now_ms)}; ask allows() first"
        )
    if breaker.wait_ms == 0:
        return breaker
    return msgspec.structs.replace(breaker, trying=task_id)


def failed(breaker: Breaker, task_id: int, now_ms: int) -> Breaker:
    """A task failed. Counts if the breaker is closed or the task is its try."""
    if breaker.wait_ms == 0:
        failures = breaker.failures + 1
        if failures < FAILURES_TO_OPEN:
            return Breaker(failures=failures)
        return Breaker(failures=failures, wait_ms=FIRST_WAIT_MS, until_ms=now_ms + FIRST_WAIT_MS)
    if breaker.trying != task_id:
        return breaker
    wait_ms = min(2 * breaker.wait_ms, LONGEST_WAIT_MS)
    return Breaker(failures=breaker.failures + 1, wait_ms=wait_ms, until_ms=now_ms + wait_ms)


def succeeded(breaker: Breaker, task_id: int) -> Breaker:
    """A task worked, whatever its verdict. Closes the breaker if the task is its try; while closed the count starts again."""
    return CLOSED if breaker.wait_ms == 0 or breaker.trying == task_id else breaker


def released(breaker: Breaker, task_id: int) -> Breaker:
    """A task ended without a result (cancelled, waiting for history, program restarted): if it was the try, another may be."""
    return msgspec.structs.replace(breaker, trying=None) if breaker.trying == task_id else breaker
