"""Sequence rules of Bybit's book topics: the local book of one symbol, and its best quote.

Rules (exchanges.md B7): a snapshot replaces the book at any time; `u` of a delta is the previous one plus 1; anything else
is a gap, and so is a book that crosses after a batch. After a gap the topic is subscribed anew and sends a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable

from core.market.book import Level, OrderBook
from providers.bybit.wire import BookData

RETRY_S = 5.0
"""Resyncs of one book are this far apart, doubling while they do not help, up to `RETRY_CAP_S`; the first is immediate."""

RETRY_CAP_S = 60.0
SETTLED_S = 60.0
"""A book that held this long starts small again."""


class DepthBook:
    """One symbol's book with its sequence. `live` is false from a gap to the next snapshot."""

    __slots__ = (
        "book",
        "changed",
        "due_at",
        "gaps",
        "last_u",
        "live",
        "not_before",
        "repeats",
        "resyncs",
        "retry_s",
        "synced_at",
    )

    def __init__(self) -> None:
        self.book = OrderBook()
        self.live = False
        self.last_u = -1
        self.changed = False
        self.resyncs = 0
        self.gaps = 0
        self.repeats = 0
        self.due_at: float | None = None
        self.not_before = float("-inf")
        self.retry_s = 0.0
        self.synced_at = 0.0

    def take(self, data: BookData, snapshot: bool) -> str:
        """Apply one frame; returns why the book must be fetched anew, or an empty string.

        Repeated frames (an overlapping socket) are ignored and counted; deltas while not live are ignored.
        """
        if snapshot:
            self.book.replace(data.b, data.a)
        elif not self.live:
            return ""
        elif data.u != self.last_u + 1:
            if data.u <= self.last_u:
                self.repeats += 1
                return ""
            self.gaps += 1
            gap = f"gap: u {data.u} after {self.last_u}"
            self.lose()
            return gap
        else:
            self.book.apply(data.b, data.a)
        self.last_u = data.u
        self.changed = True
        if self.book.is_crossed:
            self.lose()
            return "crossed book"
        self.live = True
        return ""

    def lose(self) -> None:
        """The book cannot be trusted any more."""
        self.live = False
        self.book.clear()

    def settle(self, now_s: float) -> None:
        """A snapshot arrived."""
        self.due_at = None
        self.synced_at = now_s

    def plan(self, now_s: float) -> bool:
        """Note that a resync is needed; true when it may be asked for at once, else `due_at` says when."""
        self.due_at = max(now_s, self.not_before)
        return self.due_at <= now_s

    def asked(self, now_s: float) -> None:
        """A resync was asked for; without a snapshot, or with the next gap soon after, the next waits longer."""
        self.resyncs += 1
        settled = now_s - self.synced_at > SETTLED_S
        self.retry_s = RETRY_S if settled else min(RETRY_CAP_S, max(RETRY_S, 2 * self.retry_s))
        self.due_at = self.not_before = now_s + self.retry_s


class TopOfBook:
    """Best bid and ask of `orderbook.1`: snapshots replace both sides, deltas (seen in 2023) change one."""

    __slots__ = ("ask", "bid", "last_u")

    def __init__(self) -> None:
        self.bid: Level | None = None
        self.ask: Level | None = None
        self.last_u = -1

    def take(self, data: BookData, snapshot: bool) -> bool:
        """Apply one frame; true when both sides are known. An unchanged top is sent again with the same `u`."""
        if snapshot:
            self.bid = max(data.b, default=None)
            self.ask = min(data.a, default=None)
        elif data.u < self.last_u:
            return False
        else:
            self.bid = _side(self.bid, data.b, max)
            self.ask = _side(self.ask, data.a, min)
        self.last_u = data.u
        return self.bid is not None and self.ask is not None and self.bid[1] > 0 and self.ask[1] > 0


def _side(held: Level | None, levels: list[Level], best: Callable[[list[Level]], Level]) -> Level | None:
    """The top after a delta: the best level left standing, or None when the held one went and none came."""
    standing = {} if held is None else {held[0]: held[1]}
    standing.update(levels)
    alive = [(price, size) for price, size in standing.items() if size > 0]
    return best(alive) if alive else None
