"""A local book kept exactly by Binance's rules (exchanges.md A9): buffer diffs, take a snapshot, drop what is older, let the
first diff straddle it, then every diff must continue the one before. Spot compares `U` with the last `u`; the futures rule
compares `pu`. A gap invalidates this book alone.
"""

from __future__ import annotations

from typing import Literal

from core.market.book import OrderBook
from providers.binance_us.wire import DepthFrame, Snapshot

BUFFER_LIMIT = 2000
"""Diffs kept while waiting for a snapshot; when more come the oldest go, and an older snapshot will not fit."""

WIDEST_DIFF = 10_000_000
"""Ids one diff may span; a wider one is not believed."""

IGNORED_LIMIT = 200
"""Old diffs in a row that are normal (two sockets overlap while rotating). Beyond, our own id must be wrong."""

State = Literal["syncing", "live"]


class LocalBook:
    """Book of one symbol with its place in the diff sequence. `on_diff` and `on_snapshot` return "" or what went wrong."""

    __slots__ = ("_buffer", "_futures", "_ignored", "book", "gaps", "last_id", "resyncs", "state", "symbol")

    def __init__(self, symbol: str, *, futures: bool = False) -> None:
        self.symbol = symbol
        self.book = OrderBook()
        self.state: State = "syncing"
        self.last_id = 0
        self.gaps = 0
        self.resyncs = 0
        self._futures = futures
        self._buffer: list[DepthFrame] = []
        self._ignored = 0

    def on_diff(self, diff: DepthFrame) -> str:
        """Apply or buffer one diff. A non-empty answer means: the book is invalid now, fetch a snapshot."""
        if self.state != "live":
            self._buffer.append(diff)
            if len(self._buffer) > BUFFER_LIMIT:
                del self._buffer[: BUFFER_LIMIT // 2]
            return ""
        last = self.last_id
        first, final = diff.U, diff.u
        if final <= last:
            self._ignored += 1
            return self._lost(diff, "ids went back") if self._ignored > IGNORED_LIMIT else ""
        continues = diff.pu == last if self._futures else first <= last + 1
        if not continues:
            return self._lost(diff, f"gap: expected {last + 1}, got {first}")
        if final - first > WIDEST_DIFF or first > final:
            return self._lost(diff, f"impossible diff {first}..{final}")
        self.last_id = final
        self._ignored = 0
        self.book.apply(diff.b, diff.a)
        return ""

    def on_snapshot(self, snapshot: Snapshot) -> str:
        """Start from a snapshot and catch up with the buffer. A non-empty answer means: fetch another one."""
        last = snapshot.lastUpdateId
        waiting = [diff for diff in self._buffer if (diff.u >= last if self._futures else diff.u > last)]
        reach = last if self._futures else last + 1
        if waiting and reach < waiting[0].U:
            self._buffer = waiting
            return f"snapshot {last} is older than the first diff {waiting[0].U}"
        self._buffer = []
        self.book.replace(snapshot.bids, snapshot.asks)
        self.last_id = last
        self.state = "live"
        for index, diff in enumerate(waiting):
            if self._futures and index == 0:
                self.last_id = diff.u
                self.book.apply(diff.b, diff.a)
            elif trouble := self.on_diff(diff):
                self._buffer = waiting[index:]
                return trouble
        if self.book.is_crossed:
            return self.invalidate("crossed after snapshot")
        return ""

    def invalidate(self, reason: str) -> str:
        """Forget the book: it must be fetched anew. Returns the reason."""
        if self.state == "live":
            self.resyncs += 1
        self.state = "syncing"
        self.book.clear()
        self._buffer = []
        self._ignored = 0
        return reason

    def _lost(self, diff: DepthFrame, reason: str) -> str:
        self.gaps += 1
        self.invalidate(reason)
        self._buffer = [diff]
        return reason
