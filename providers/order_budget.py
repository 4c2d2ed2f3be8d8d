"""Rate limits of signed requests, with a reserve that only cancels, stops and closes may use.

A limit is a count in a window. Binance's windows are aligned to the venue's clock (weight per minute and address, orders
per ten seconds and per day and account); Bybit's slide (requests per second, account and endpoint; requests per five seconds
and address). The venue's own counts, told in headers, replace ours wherever they are worse. Sources: exchanges.md A8, B6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol

from core.clock import Clock
from providers.budget import header_count

SAFETY_RESERVE = 0.25
"""Share of a limit that is kept for what protects: entries and reads stop at the rest."""

WEIGHT_RESERVE = 0.15
"""That of a weight shared with market data, which stops sooner (settings, network.rest_budget_share): so reads pass it."""

LONG_WINDOW_MS = 3_600_000

Unit = Literal["weight", "orders"]


class Limit(Protocol):
    """One limit. `room` asks and `take` counts: a request is sent only if every limit it touches has room."""

    name: str
    limit: int

    @property
    def used(self) -> int:
        """How much of the present window is used."""

    def room_in_s(self, cost: int, safety: bool) -> float:
        """0: there is room now. Else seconds until it is worth asking again."""

    def take(self, cost: int) -> None:
        """Count it."""

    def observe(self, headers: Mapping[str, str]) -> None:
        """Believe the venue's own count."""


def _allowed(limit: int, safety: bool, reserve: float = SAFETY_RESERVE) -> int:
    """What a request may bring the count up to: at least one, or nothing could ever be sent."""
    return limit if safety else max(1, int(limit * (1.0 - reserve)))


class AlignedLimit:
    """A count per window aligned to the venue's clock, which tells its own count in a header."""

    def __init__(
        self, name: str, unit: Unit, limit: int, window_s: float, header: str, now_ms: Callable[[], int]
    ) -> None:
        self.name = name
        self.unit: Unit = unit
        self._reserve = WEIGHT_RESERVE if unit == "weight" else SAFETY_RESERVE
        self.limit = max(1, limit)
        self._window_ms = int(window_s * 1000)
        self._header = header
        self._now_ms = now_ms
        self._window = -1
        self._used = 0

    @property
    def used(self) -> int:
        """See `Limit`."""
        self._turn()
        return self._used

    def room_in_s(self, cost: int, safety: bool) -> float:
        """See `Limit`. A cost above the whole allowance passes in a fresh window, or it would never."""
        self._turn()
        if not cost or self._used + cost <= max(_allowed(self.limit, safety, self._reserve), cost):
            return 0.0
        return self.reset_in_s()

    def take(self, cost: int) -> None:
        """See `Limit`."""
        self._turn()
        self._used += cost

    def observe(self, headers: Mapping[str, str]) -> None:
        """The venue's count replaces ours when it is higher (answers can overtake each other).

        In a window of hours it replaces ours always: an answer of yesterday must not count for the whole of today.
        """
        self._turn()
        told = header_count(headers, self._header)
        self._used = told if told and self._window_ms >= LONG_WINDOW_MS else max(self._used, told)

    def reset_in_s(self) -> float:
        """Seconds to the next window, plus a little, for the clocks are never quite equal."""
        return (self._window_ms - self._now_ms() % self._window_ms) / 1000 + 0.1

    def _turn(self) -> None:
        window = self._now_ms() // self._window_ms
        if window != self._window:
            self._window = window
            self._used = 0


class SlidingLimit:
    """A count of the last `window_s` seconds. `left_header` and `reset_header` tell what is left and until when (ms)."""

    def __init__(
        self,
        name: str,
        limit: int,
        window_s: float,
        clock: Clock,
        *,
        left_header: str = "",
        reset_header: str = "",
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.name = name
        self.limit = max(1, limit)
        self._window_s = window_s
        self._clock = clock
        self._left_header = left_header
        self._reset_header = reset_header
        self._now_ms = now_ms or clock.now_ms
        self._taken: deque[float] = deque()
        self._full_until = 0.0

    @property
    def used(self) -> int:
        """See `Limit`."""
        self._forget()
        return self.limit if self._clock.monotonic() < self._full_until else len(self._taken)

    def room_in_s(self, cost: int, safety: bool) -> float:
        """See `Limit`."""
        self._forget()
        now = self._clock.monotonic()
        if now < self._full_until:
            return self._full_until - now
        over = len(self._taken) + cost - _allowed(self.limit, safety)
        if over <= 0 or not self._taken:
            return 0.0
        oldest = self._taken[min(over, len(self._taken)) - 1]
        return max(0.001, oldest + self._window_s - now)

    def take(self, cost: int) -> None:
        """See `Limit`."""
        self._taken.extend([self._clock.monotonic()] * cost)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Nothing left: no more until the venue's reset stamp, at most one window away."""
        if not self._left_header or headers.get(self._left_header, "").strip() != "0":
            return
        wait_s = (header_count(headers, self._reset_header) - self._now_ms()) / 1000
        self._full_until = self._clock.monotonic() + min(self._window_s, max(0.0, wait_s))

    def _forget(self) -> None:
        edge = self._clock.monotonic() - self._window_s
        while self._taken and self._taken[0] <= edge:
            self._taken.popleft()


class OrderBudget(ABC):
    """All limits of one account together. A venue's class says which of them a request touches, and by how much."""

    def room_in_s(self, path: str, weight: int, orders: int, *, safety: bool) -> float:
        """0: counted, send now. Otherwise seconds to wait before asking again. `orders`: how many it places."""
        touched = self._touched(path, weight, orders)
        wait_s = max((limit.room_in_s(cost, safety) for limit, cost in touched), default=0.0)
        if wait_s <= 0:
            for limit, cost in touched:
                limit.take(cost)
        return wait_s

    def observe(self, path: str, headers: Mapping[str, str]) -> None:
        """Correct the counts by the headers of an answer to this request."""
        for limit, _ in self._touched(path, 1, 1):
            limit.observe(headers)

    @property
    def used(self) -> float:
        """Share of the tightest limit that is used, 0 to 1."""
        return max((min(1.0, limit.used / limit.limit) for limit in self._all()), default=0.0)

    def reset_in_s(self) -> float:
        """Seconds until everything that is used up is free again; 0: nothing is."""
        return max((limit.room_in_s(1, safety=True) for limit in self._all()), default=0.0)

    @abstractmethod
    def _all(self) -> Sequence[Limit]:
        """Every limit there is."""

    @abstractmethod
    def _touched(self, path: str, weight: int, orders: int) -> Sequence[tuple[Limit, int]]:
        """The limits that request counts in, and what it costs in each."""


class AlignedBudget(OrderBudget):
    """Binance: weights for every request, order counts for those that place orders."""

    def __init__(self, limits: Iterable[AlignedLimit]) -> None:
        self.limits = {limit.name: limit for limit in limits}

    def learn(self, told: AlignedLimit) -> None:
        """A limit as the venue tells it: what is used of it stays."""
        known = self.limits.setdefault(told.name, told)
        known.limit = told.limit

    def _all(self) -> Sequence[Limit]:
        return tuple(self.limits.values())

    def _touched(self, path: str, weight: int, orders: int) -> Sequence[tuple[Limit, int]]:
        return [(limit, weight if limit.unit == "weight" else orders) for limit in self.limits.values()]


class EndpointBudget(OrderBudget):
    """Bybit: one sliding count for the address, and one a second for each endpoint; `rate(path)` is its limit."""

    def __init__(self, clock: Clock, address: Limit, rate: Callable[[str], int], now_ms: Callable[[], int]) -> None:
        self._clock = clock
        self._address = address
        self._rate = rate
        self._now_ms = now_ms
        self._endpoints: dict[str, SlidingLimit] = {}

    def _all(self) -> Sequence[Limit]:
        return (self._address, *self._endpoints.values())

    def _touched(self, path: str, weight: int, orders: int) -> Sequence[tuple[Limit, int]]:
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            endpoint = self._endpoints[path] = SlidingLimit(
                path,
                self._rate(path),
                1.0,
                self._clock,
                left_header="X-Bapi-Limit-Status",
                reset_header="X-Bapi-Limit-Reset-Timestamp",
                now_ms=self._now_ms,
            )
        return [(self._address, 1), (endpoint, 1)]
