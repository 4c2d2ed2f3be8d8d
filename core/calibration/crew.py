"""The workers that settings ask for: opened when first needed, looked after, and exchanged when nothing runs."""

from __future__ import annotations

import math
from collections.abc import Callable

from core.calibration.workers import Opener, Workers, WorkersUnavailable
from core.clock import Clock

TEND_S = 10.0
AGAIN_S = 60.0
"""Workers that could not be had are tried again after this."""


class Crew:
    """At most one kind of workers at a time. `complain` hears why there are none."""

    def __init__(self, clock: Clock, opener: Opener, complain: Callable[[str], None]) -> None:
        self._clock = clock
        self._opener = opener
        self._complain = complain
        self._workers: Workers | None = None
        self._open_s = -math.inf
        self._tend_s = 0.0

    @property
    def workers(self) -> Workers | None:
        """What computes now; None while nothing does."""
        return self._workers

    def slots(self, wanted: int) -> int:
        """How many jobs may run at once: 0 while there are no workers."""
        return self._workers.slots(wanted) if self._workers is not None else 0

    async def attend(self, where: str, *, busy: bool) -> bool:
        """Have the workers of `calibration.executor`; True when a job may start there now.

        While jobs run elsewhere (`busy`) those end first; a cluster that went away is looked for again. What cannot be
        opened is said, and tried again later.
        """
        now_s = self._clock.monotonic()
        if self._workers is not None and (self._workers.where != where or self._workers.lost()):
            if busy:
                return False
            await self.close()
        if self._workers is None:
            if now_s < self._open_s:
                return False
            try:
                self._workers = await self._opener(where, self._clock)
            except WorkersUnavailable as error:
                self._open_s = now_s + AGAIN_S
                self._complain(f"{error}; trying again in {AGAIN_S:.0f} s")
                return False
            self._tend_s = now_s + TEND_S
        elif now_s >= self._tend_s:
            self._tend_s = now_s + TEND_S
            self._workers.tend()
        return True

    async def close(self) -> None:
        """End all workers; the next job opens them again."""
        workers, self._workers, self._open_s = self._workers, None, -math.inf
        if workers is not None:
            await workers.close()
