"""Nothing that fails on the screen may reach Textual, which would end the program and print local variables.

`Guard` runs tasks and calls of the screen part: a failure is counted, logged and published as one `Fault` per cause and
minute, and shown as a red status. The program goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault

T = TypeVar("T")
log = logging.getLogger("tradetui.screen")

REPORT_EVERY_S = 60.0


class Guard:
    """Contains failures of the screen and owns the tasks it starts."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported_at: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.last_failure = ""

    def call(self, name: str, function: Callable[[], T]) -> T | None:
        """`function()`; None when it failed."""
        try:
            return function()
        except Exception as error:
            # Fallback: the caller goes on without the result.
            self.report(name, error)
            return None

    def wrap(self, name: str, function: Callable[[], None]) -> Callable[[], None]:
        """A timer callback that cannot fail."""

        def guarded() -> None:
            self.call(name, function)

        return guarded

    def start(
        self,
        name: str,
        run: Callable[[], Coroutine[Any, Any, None]],
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[None]:
        """Run `run()` as a task once; its failure is reported, then told to `on_failure`."""
        task = asyncio.get_running_loop().create_task(self._watch(name, run, on_failure), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self, timeout_s: float) -> list[str]:
        """Cancel every task and wait for them; names of those that did not end in time.

        A task that is being cancelled already is left to end in order: a second cancel would interrupt its clean-up.
        """
        tasks = set(self._tasks)
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        if not tasks:
            return []
        _, pending = await asyncio.wait(tasks, timeout=timeout_s)
        return sorted(task.get_name() for task in pending)

    def report(self, name: str, error: BaseException) -> None:
        """Count, log and publish a failure. Repeats of one cause are published once a minute."""
        count = self.failures[name] = self.failures.get(name, 0) + 1
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self.last_failure = f"{name} failed: {text}"
        now = self._clock.monotonic()
        if now - self._reported_at.get(name, now - REPORT_EVERY_S) < REPORT_EVERY_S:
            return
        self._reported_at[name] = now
        log.error("%s failed", name, exc_info=error)
        self._bus.publish(
            Fault(source=f"screen: {name}", message=self.last_failure, count=count, at_ms=self._clock.now_ms())
        )

    async def _watch(
        self,
        name: str,
        run: Callable[[], Coroutine[Any, Any, None]],
        on_failure: Callable[[BaseException], None] | None,
    ) -> None:
        try:
            await run()
        except Exception as error:
            # Fallback: the screen stays; the failure is reported and the owner told.
            self.report(name, error)
            if on_failure is not None:
                on_failure(error)
