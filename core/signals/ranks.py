"""Where a value stands among the ones before it: the causal rank, default for anything whose scale differs by asset."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import deque

WINDOW = 1000
LEAST = 500
"""Fewer values than this give no rank."""


class RollingRank:
    """Mid-rank ECDF of the previous `window` values, the newest one not among them (methods sheet 1.1)."""

    __slots__ = ("_least", "_order", "_sorted", "window")

    def __init__(self, window: int = WINDOW, least: int = LEAST) -> None:
        self.window = window
        self._least = least
        self._order: deque[float] = deque()
        self._sorted = array("d")

    def __len__(self) -> int:
        return len(self._order)

    def step(self, value: float) -> float:
        """The share of earlier values below this one, ties counted half; then it joins them. NaN: too few, or no number."""
        if value != value:
            return value
        known = self._sorted
        rank = float("nan")
        if len(known) >= self._least:
            rank = (bisect_left(known, value) + bisect_right(known, value)) / (2.0 * len(known))
        self._order.append(value)
        insort(known, value)
        if len(self._order) > self.window:
            del known[bisect_left(known, self._order.popleft())]
        return rank
