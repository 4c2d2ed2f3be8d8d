"""Where a value stands among the ones before it: the causal rank, default for anything whose scale differs by asset."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right, insort

WINDOW = 1000


class RollingRank:
    """The newest `window` values in order of size, for ranks (mid-rank ECDF, methods sheet 1.1) and quantiles.

    NaN takes its place in time but has no rank. Nothing is said before `window` values came, nor while fewer than half
    of them are numbers: so what is said never depends on where the history began. Two arrays of doubles: 16 bytes a
    value; a step costs a few comparisons.
    """

    __slots__ = ("_oldest", "_ring", "_sorted", "window")

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self._oldest = 0
        self._ring = array("d")
        self._sorted = array("d")

    def __len__(self) -> int:
        """How many of the values kept are numbers."""
        return len(self._sorted)

    @property
    def full(self) -> bool:
        """Whether there is enough to compare with."""
        return len(self._ring) == self.window and 2 * len(self._sorted) >= self.window

    def rank(self, value: float) -> float:
        """The share of the values kept below this one, ties counted half; NaN: too few, or no number."""
        if value != value or not self.full:
            return math.nan
        known = self._sorted
        return (bisect_left(known, value) + bisect_right(known, value)) / (2.0 * len(known))

    def quantile(self, share: float) -> float:
        """Quantile of the values kept at `share` in [0, 1], interpolated (Hyndman & Fan, 1996, type 7); NaN: too few."""
        if not self.full:
            return math.nan
        place = share * (len(self._sorted) - 1)
        below = int(place)
        low = self._sorted[below]
        if place == below:
            return low
        return low + (self._sorted[below + 1] - low) * (place - below)

    def push(self, value: float) -> None:
        """Take the next value; the oldest one leaves."""
        ring, known = self._ring, self._sorted
        if len(ring) < self.window:
            ring.append(value)
        else:
            gone = ring[self._oldest]
            ring[self._oldest] = value
            self._oldest = (self._oldest + 1) % self.window
            if gone == gone:
                del known[bisect_left(known, gone)]
        if value == value:
            insort(known, value)

    def step(self, value: float) -> float:
        """The rank among the values before this one; then it joins them."""
        found = self.rank(value)
        self.push(value)
        return found
