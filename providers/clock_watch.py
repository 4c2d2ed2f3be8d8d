"""Measure the venue's clock now and then, and at once when this machine's clock jumps against its own monotonic time."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from core.clock import Clock
from core.venue import VenueError

EVERY_S = 60.0
LOOK_S = 1.0
JUMP_MS = 200.0

log = logging.getLogger("tradetui.rest")


async def keep_clock(clock: Clock, measure: Callable[[], Awaitable[float]]) -> None:
    """Runs until cancelled. `measure` publishes the offset (`SignedRest.sync_clock`); its failures are logged and tried again."""
    while True:
        try:
            await measure()
        except VenueError as error:
            log.warning("clock not measured: %s", error)
        difference = _difference_ms(clock)
        until = clock.monotonic() + EVERY_S
        while clock.monotonic() < until and abs(_difference_ms(clock) - difference) < JUMP_MS:
            await clock.sleep(LOOK_S)


def _difference_ms(clock: Clock) -> float:
    """Wall time minus monotonic time: constant unless somebody moves the wall clock."""
    return clock.now_ms() - clock.monotonic() * 1000
