"""A simulated order book: a fixed lattice of price levels seen through a window that follows the touch.

Every cell of `cell_ticks` holds one level at a hashed place, so levels keep their prices while the touch moves over them.
The book is the levels behind the touch plus the touch itself; it changes only through the diffs it returns.
"""

from __future__ import annotations

from collections.abc import Sequence

DEPTH_CELLS = 260
"""Cells kept behind the touch on each side; about one in twelve is empty."""
MIN_CELLS = 235
FAR_BUDGET = 3
"""Levels added or removed at the far end in one diff, unless the window has become too short."""

Levels = tuple[tuple[int, int], ...]


class BookSide:
    """One side. `sign` is 1 for asks (levels rise from the touch) and -1 for bids."""

    def __init__(self, sign: int, cell_ticks: int, lots: float, salt: int) -> None:
        self._sign = sign
        self._cell = cell_ticks
        self._lots = lots
        self._salt = salt
        self.levels: dict[int, int] = {}
        self.touch = 0
        self._far = 0

    def price_at(self, cell: int) -> int:
        """The price of a lattice cell, in ticks."""
        if self._cell == 1:
            return cell
        return cell * self._cell + ((cell * 2_654_435_761 + self._salt) >> 9) % self._cell

    def _resting(self, cell: int, depth: int) -> int:
        """Size at which an untouched level rests; grows with the distance from the touch."""
        chance = ((cell * 40_503 + self._salt * 97) >> 5) % 1000
        return 1 + int(self._lots * (0.4 + min(depth, 60) / 30.0) * (0.3 + chance / 600.0))

    def open_at(self, touch: int, lots: int) -> None:
        """Start with a full window."""
        self.levels = {}
        self.touch = touch
        cell = touch // self._cell
        self._far = cell + self._sign * DEPTH_CELLS
        for depth in range(1, DEPTH_CELLS + 1):
            at = cell + self._sign * depth
            price = self.price_at(at)
            if price > 0:
                self.levels[price] = self._resting(at, depth)
        self.levels[touch] = lots

    def move(self, touch: int, lots: int, cells: Sequence[int], sizes: Sequence[int]) -> Levels:
        """New touch, and new sizes at so many cells behind it; returns the changes, best price first.

        A moving touch changes levels itself; only as many of `cells` follow as keep the diff at 1 + len(cells).
        """
        sign, levels = self._sign, self.levels
        changes: dict[int, int] = {}
        old = self.touch
        at = touch // self._cell
        if touch != old:
            self._move_touch(old, touch, at, changes)
        quiet = max(0, len(cells) - len(changes))
        for depth, size in zip(cells[:quiet], sizes[:quiet], strict=True):
            cell = at + sign * depth
            if (cell - self._far) * sign > 0:
                continue
            price = self.price_at(cell)
            if (price - touch) * sign > 0 and price > 0 and (size or price in levels):
                changes[price] = size
        changes[touch] = lots
        self._keep_depth(at, changes)
        for price, size in changes.items():
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
        return tuple(sorted(changes.items(), reverse=sign < 0))

    def _move_touch(self, old: int, touch: int, at: int, changes: dict[int, int]) -> None:
        """Levels in front of the new touch go; the cells it retreated from fill up again."""
        sign, levels = self._sign, self.levels
        self.touch = touch
        before = old // self._cell
        if (touch - old) * sign > 0:
            if abs(at - before) < len(levels):
                candidates = [self.price_at(cell) for cell in range(min(at, before), max(at, before) + 1)]
                for price in candidates:
                    if (touch - price) * sign > 0 and price in levels:
                        changes[price] = 0
            else:
                changes.update({price: 0 for price in levels if (touch - price) * sign > 0})
            if old in levels:
                changes[old] = 0
            return
        end = before if abs(at - before) <= DEPTH_CELLS else at + sign * DEPTH_CELLS
        for depth, cell in enumerate(range(at, end + sign, sign)):
            price = self.price_at(cell)
            if (price - touch) * sign > 0 and (old - price) * sign > 0 and price > 0:
                changes[price] = self._resting(cell, depth)
        if self.price_at(before) != old:
            changes[old] = 0

    def _keep_depth(self, at: int, changes: dict[int, int]) -> None:
        """Lengthen or shorten the window's far end towards `DEPTH_CELLS` behind the touch."""
        sign, levels = self._sign, self.levels
        depth = (self._far - at) * sign
        if depth < DEPTH_CELLS:
            add = FAR_BUDGET if depth >= MIN_CELLS else MIN_CELLS - depth + FAR_BUDGET
            # After a leap past the whole window the far end restarts behind the touch.
            first = depth + 1 if depth >= 0 else 1
            for step in range(first, min(depth + add, DEPTH_CELLS) + 1):
                cell = at + sign * step
                price = self.price_at(cell)
                if price > 0 and (price - self.touch) * sign > 0:
                    changes.setdefault(price, self._resting(cell, step))
            self._far = at + sign * min(depth + add, DEPTH_CELLS)
        elif depth > DEPTH_CELLS:
            drop = FAR_BUDGET if depth <= 2 * DEPTH_CELLS else depth - DEPTH_CELLS
            for step in range(depth - drop + 1, depth + 1):
                price = self.price_at(at + sign * step)
                if price in levels:
                    changes[price] = 0
            self._far = at + sign * (depth - drop)

    def ladder(self) -> Levels:
        """All levels, best first."""
        return tuple(sorted(self.levels.items(), reverse=self._sign < 0))
