"""How much of a venue's rate limit is left: one small class per way of counting.

Both learn the truth from the venue's own headers and limits and never trust only their own arithmetic. A share limits what
one priority may take of a window, so that the background fill cannot starve what the screen waits for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from core.clock import Clock

Priority = Literal["normal", "book", "fill"]
"""normal: what the screen waits for; book: depth snapshots; fill: the background history."""

BOOK_SHARE = 0.4
"""Depth snapshots may take this share of a window: at start they compete with the history of the same symbols."""


class Budget(Protocol):
    """Rate budget of one venue."""

    limit: int

    @property
    def used(self) -> int:
        """How much of the present window is used."""

    def take(self, weight: int, priority: Priority) -> float:
        """0: taken, send now. Otherwise seconds to wait before asking again."""

    def observe(self, headers: Mapping[str, str]) -> None:
        """Correct the count by the headers of an answer."""

    def reset_in_s(self) -> float:
        """Seconds until the present window is over."""


def header_count(headers: Mapping[str, str], name: str) -> int:
    """A header that holds a whole number; 0 when it is missing or anything else."""
    told = headers.get(name, "").strip() if name else ""
    return int(told) if told.isascii() and told.isdigit() and len(told) < 16 else 0


class WeightWindow:
    """Binance: a weight per window, windows aligned to the venue's clock (the minute begins at :00).

    `limit` is the venue's own, from exchangeInfo `rateLimits`; `share` of it is ours. `used` follows the header
    `X-MBX-USED-WEIGHT-1M`, which counts everything from this address, other programs too.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int,
        share: float,
        fill_share: float,
        window_s: float = 60.0,
        header: str = "X-MBX-USED-WEIGHT-1M",
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._now_ms = now_ms or clock.now_ms
        self._window_ms = int(window_s * 1000)
        self._share = share
        self._shares: dict[Priority, float] = {"normal": 1.0, "book": BOOK_SHARE, "fill": fill_share}
        self._header = header
        self._window = -1
        self._taken: dict[Priority, int] = {}
        self.limit = limit
        self.used = 0

    def take(self, weight: int, priority: Priority) -> float:
        """See `Budget`. A request heavier than its whole allowance passes in a fresh window, or it would never."""
        self._turn()
        allowed = self.limit * self._share
        mine = self._taken.get(priority, 0)
        fits = self.used + weight <= allowed and mine + weight <= allowed * self._shares[priority]
        if not fits and (mine or self.used + weight > max(allowed, weight)):
            return self.reset_in_s()
        self.used += weight
        self._taken[priority] = mine + weight
        return 0.0

    def observe(self, headers: Mapping[str, str]) -> None:
        """The venue's count replaces ours when it is higher (answers can overtake each other)."""
        self._turn()
        self.used = max(self.used, header_count(headers, self._header))

    def reset_in_s(self) -> float:
        """Seconds to the next window, plus a little, for the clocks are never quite equal."""
        return (self._window_ms - self._now_ms() % self._window_ms) / 1000 + 0.1

    def _turn(self) -> None:
        window = self._now_ms() // self._window_ms
        if window != self._window:
            self._window = window
            self.used = 0
            self._taken.clear()


class RequestWindow:
    """Bybit: requests per sliding window and address (600 in 5 s). There is no header for it, so we count ourselves."""

    def __init__(
        self, clock: Clock, *, limit: int = 600, share: float, fill_share: float, window_s: float = 5.0
    ) -> None:
        self._clock = clock
        self._window_s = window_s
        self._share = share
        self._shares: dict[Priority, float] = {"normal": 1.0, "book": BOOK_SHARE, "fill": fill_share}
        self._sent: deque[tuple[float, Priority]] = deque()
        self._count: dict[Priority, int] = {"normal": 0, "book": 0, "fill": 0}
        self.limit = limit

    @property
    def used(self) -> int:
        """Requests of the last window."""
        self._forget()
        return len(self._sent)

    def take(self, weight: int, priority: Priority) -> float:
        """See `Budget`. Each request counts 1 here, whatever its weight."""
        self._forget()
        allowed = max(1.0, self.limit * self._share)
        if len(self._sent) + 1 > allowed or self._count[priority] + 1 > max(1.0, allowed * self._shares[priority]):
            return self.reset_in_s()
        self._sent.append((self._clock.monotonic(), priority))
        self._count[priority] += 1
        return 0.0

    def observe(self, headers: Mapping[str, str]) -> None:
        """Nothing to learn: market data answers carry no counter for the address."""

    def reset_in_s(self) -> float:
        """Seconds until the oldest request leaves the window."""
        if not self._sent:
            return 0.0
        return max(0.01, self._sent[0][0] + self._window_s - self._clock.monotonic())

    def _forget(self) -> None:
        edge = self._clock.monotonic() - self._window_s
        while self._sent and self._sent[0][0] <= edge:
            _, priority = self._sent.popleft()
            self._count[priority] -= 1
