"""Work on the event loop in slices: others get a turn after every few milliseconds."""

from __future__ import annotations

import asyncio


class Slices:
    """`begin` when work is taken up, `await turn()` between its pieces. It is about the processor's time, not the market's."""

    def __init__(self) -> None:
        self._seconds = self._until = 0.0

    def begin(self, seconds: float) -> None:
        """A slice of this length begins now, and after it others as long."""
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + self._seconds

    async def turn(self) -> None:
        """Leave the loop to others if the slice is over."""
        if asyncio.get_running_loop().time() >= self._until:
            await asyncio.sleep(0)
            self.begin(self._seconds)
