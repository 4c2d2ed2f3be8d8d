"""Work on the event loop in slices: others get a turn after every few milliseconds, and the operator goes first."""

from __future__ import annotations

import asyncio

from core.bus import Bus
from core.messages import KeyPressed

GIVE_WAY_S = 0.25
"""After a key, work in slices waits so long: what the key asks for is on the screen by then."""
WORK_S = 0.25
"""And then goes on for as long at least, however many keys follow: a key held down costs half of it, never all."""


class Slices:
    """`begin` when work is taken up, `await turn()` between its pieces. It is about the processor's time, not the market's."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._seconds = self._until = self._free_from = self._owed_until = 0.0
        bus.subscribe(KeyPressed, self._give_way, name=f"{name}.slices")

    def begin(self, seconds: float) -> None:
        """A slice of this length begins now, and after it others as long."""
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + self._seconds

    async def turn(self, *, asked: bool = False) -> None:
        """Leave the loop to others if the slice is over, or if a key was pressed; `asked`: the work is what a key asked for."""
        now = asyncio.get_running_loop().time()
        wait_s = 0.0 if asked else max(0.0, self._free_from - now)
        if now >= self._until or wait_s:
            await asyncio.sleep(wait_s)
            self.begin(self._seconds)

    def _give_way(self, _: KeyPressed) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._owed_until:
            self._free_from = now + GIVE_WAY_S
            self._owed_until = self._free_from + WORK_S
