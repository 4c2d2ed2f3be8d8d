"""Which symbol is analysed next: requests wait by urgency, one per symbol, and not for ever."""

from __future__ import annotations

from msgspec import Struct

from core.screening.analysis_inputs import Cause

URGENCY: tuple[Cause, ...] = ("operator", "alert", "calibration", "state")
"""Most urgent first: somebody waits for the answer; the market moved; thresholds changed; the view changed."""


class Request(Struct, frozen=True, kw_only=True):
    """One symbol to analyse. `asked_s` is when, in seconds of the clock; `strength` that of the alert, 0 otherwise."""

    venue: str
    category: str
    symbol: str
    cause: Cause
    asked_s: float
    strength: float = 0.0

    @property
    def rank(self) -> tuple[int, float, float, str]:
        """Smaller is more urgent: by cause, the stronger alert, the older request, the symbol."""
        return (URGENCY.index(self.cause), -self.strength, self.asked_s, self.symbol)


class Requests:
    """What waits, at most one request per symbol."""

    def __init__(self) -> None:
        self._waiting: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, request: Request) -> bool:
        """Let it wait. False: the symbol waits already with a cause as urgent, and that one will answer both."""
        known = self._waiting.get(request.symbol)
        if known is not None and known.rank[:2] <= request.rank[:2]:
            return False
        self._waiting[request.symbol] = request
        return True

    def take(self) -> Request | None:
        """The most urgent one, which then waits no longer; None when nothing waits."""
        if not self._waiting:
            return None
        return self._waiting.pop(min(self._waiting.values(), key=lambda request: request.rank).symbol)

    def late(self, now_s: float, deadline_s: float) -> list[Request]:
        """Those asked for longer ago than the deadline, the oldest first; they wait no longer."""
        found = [request for request in self._waiting.values() if now_s - request.asked_s > deadline_s]
        for request in found:
            del self._waiting[request.symbol]
        return sorted(found, key=lambda request: (request.asked_s, request.symbol))

    def forget(self, symbol: str) -> None:
        """Drop what waits of this symbol."""
        self._waiting.pop(symbol, None)
