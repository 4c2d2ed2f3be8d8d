"""Every long-running task of the engine runs under `Supervisor`: a failure becomes a Fault and follows a restart policy.

One task's failure never cancels its siblings. A task that ends by itself is finished; only an exception restarts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault

Policy = Literal["restart", "once"]
log = logging.getLogger("tradetui.engine")

RESTART_FIRST_S = 1.0
RESTART_CAP_S = 60.0
HEALTHY_AFTER_S = 60.0


class Supervisor:
    """Owns the tasks it starts and ends them all in `stop`."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._tasks: dict[asyncio.Task[None], str] = {}
        self.failures: dict[str, int] = {}

    def start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], policy: Policy = "restart") -> None:
        """Run `run()` as a task. `restart`: again after a failure, with growing waits; `once`: report and leave it."""
        task = asyncio.get_running_loop().create_task(self._watch(name, run, policy), name=name)
        self._tasks[task] = name
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def running(self) -> list[str]:
        """Names of the tasks that are alive."""
        return sorted(self._tasks.values())

    async def stop(self, timeout_s: float = 5.0) -> list[str]:
        """Cancel every task and wait for them; returns the names of those that did not end in time."""
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return []
        _, pending = await asyncio.wait(tasks, timeout=timeout_s)
        return sorted(tasks[task] for task in pending)

    async def _watch(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], policy: Policy) -> None:
        wait_s = RESTART_FIRST_S
        while True:
            started = self._clock.monotonic()
            try:
                await run()
                return
            except Exception as error:
                # Fallback: the failure is counted, published and logged; the policy decides what happens next.
                self.failures[name] = self.failures.get(name, 0) + 1
                log.exception("task %s failed", name)
                again = policy == "restart"
                if self._clock.monotonic() - started > HEALTHY_AFTER_S:
                    wait_s = RESTART_FIRST_S
                remedy = f"; starting it again in {wait_s:.0f} s" if again else ""
                self._bus.publish(
                    Fault(
                        source=name,
                        message=f"{name} failed: {type(error).__name__}: {error}{remedy}",
                        count=self.failures[name],
                        at_ms=self._clock.now_ms(),
                    )
                )
                if not again:
                    return
            await self._clock.sleep(wait_s)
            wait_s = min(RESTART_CAP_S, wait_s * 2)
