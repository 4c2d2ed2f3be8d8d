"""Orders the venue acknowledged and of which its private stream must speak soon.

A socket can live, answer pings, and yet carry no orders any more; neither venue numbers its private messages, so silence is
the only sign. An acknowledged order or cancel of which nothing is heard in time is taken for that sign.
"""

from __future__ import annotations

from typing import Final

from core.clock import Clock

ECHO_S: Final = 5.0
"""The venue tells within a tenth of a second what it has acknowledged."""


class Echoes:
    """By client id. The stream may be quicker than the answer: `sent` comes before the request, whatever follows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float | None] = {}

    def sent(self, client_id: str) -> None:
        """A request about this order is about to leave."""
        if client_id:
            self._due[client_id] = None

    def acknowledged(self, client_id: str) -> None:
        """The venue took it."""
        if client_id in self._due:
            self._due[client_id] = self._clock.monotonic() + ECHO_S

    def settled(self, client_id: str) -> None:
        """The stream spoke of the order, or nothing is to be expected."""
        self._due.pop(client_id, None)

    def clear(self) -> None:
        """The stream was interrupted: what it missed is asked for anyway."""
        self._due.clear()

    @property
    def waiting(self) -> int:
        """How many orders are still to be spoken of."""
        return len(self._due)

    def overdue(self) -> str:
        """One order of which too little was heard, and no other for its sake; empty: none."""
        now = self._clock.monotonic()
        late = next((client_id for client_id, due in self._due.items() if due is not None and due < now), "")
        if late:
            self._due.clear()
        return late
