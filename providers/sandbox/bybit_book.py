"""Bybit's order book topics: the best N levels, published as one snapshot and then as changes of that window."""

from __future__ import annotations

from bisect import bisect_left, insort

from providers.sandbox.model import BookSnapshot, SandboxDepth

LEVELS = (1, 50, 200, 1000)
PUSH_EVERY_MS = {1: 10, 50: 20, 200: 100, 1000: 200}

Level = tuple[int, int]


class Side:
    """One side of a book: sizes by price, prices sorted with the best first (bids are kept as negative prices)."""

    __slots__ = ("_sign", "keys", "sizes")

    def __init__(self, rows: tuple[Level, ...], sign: int) -> None:
        self._sign = sign
        self.sizes: dict[int, int] = dict(rows)
        self.keys = sorted(sign * ticks for ticks in self.sizes)

    def apply(self, rows: tuple[Level, ...]) -> None:
        """Set absolute sizes; 0 removes."""
        sizes, keys, sign = self.sizes, self.keys, self._sign
        for ticks, lots in rows:
            if lots:
                if ticks not in sizes:
                    insort(keys, sign * ticks)
                sizes[ticks] = lots
            elif ticks in sizes:
                del sizes[ticks]
                del keys[bisect_left(keys, sign * ticks)]

    def best(self, levels: int) -> dict[int, int]:
        """The best levels, best first."""
        sizes, sign = self.sizes, self._sign
        return {sign * key: sizes[sign * key] for key in self.keys[:levels]}


class Ladder:
    """The full book of one symbol, kept up with the stream."""

    def __init__(self, book: BookSnapshot) -> None:
        self.bids = Side(book.bids, -1)
        self.asks = Side(book.asks, 1)
        self.seq = book.last_id
        self.at_ms = book.at_ms

    def apply(self, event: SandboxDepth) -> None:
        """Take in one event; older ones are ignored."""
        if event.last_id > self.seq:
            self.bids.apply(event.bids)
            self.asks.apply(event.asks)
            self.seq = event.last_id
            self.at_ms = event.at_ms


class Window:
    """What one topic has published: the best `levels` a side and the update id `u`, which rises by 1 per message."""

    def __init__(self, ladder: Ladder, levels: int) -> None:
        self.levels = levels
        self.u = ladder.seq
        self.seq = ladder.seq
        self.next_ms = 0
        self.waiting = False
        self.bids = ladder.bids.best(levels)
        self.asks = ladder.asks.best(levels)

    def advance(self, ladder: Ladder) -> tuple[list[Level], list[Level]]:
        """Move to the ladder's present state; returns the changed levels of bids and asks (size 0: left the window)."""
        bids, asks = ladder.bids.best(self.levels), ladder.asks.best(self.levels)
        changed = _changes(self.bids, bids), _changes(self.asks, asks)
        self.bids, self.asks, self.seq = bids, asks, ladder.seq
        if changed[0] or changed[1]:
            self.u += 1
        return changed


def _changes(before: dict[int, int], after: dict[int, int]) -> list[Level]:
    changed = [(ticks, lots) for ticks, lots in after.items() if before.get(ticks) != lots]
    return changed + [(ticks, 0) for ticks in before if ticks not in after]
