"""Closed candles of one series in memory: a bounded window with one contiguous array per column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.venue import CANDLE_COLUMNS, CandleBlock

_SLACK = 64
"""Spare rows behind the capacity: the window slides through them, so a shift back happens once in 64 appends."""

_WIDTH = len(CANDLE_COLUMNS)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class CandleWindow:
    """The newest `capacity` closed bars, oldest first, open times strictly rising.

    Column properties are float64 views of length `len(window)`, contiguous, valid until the next change: copy what must
    outlive it. `synthetic` is the matching bool view: a flat filler of ours where the venue was silent, not its candle.
    `rewritten` grows whenever a stored bar changes or bars are inserted between others; whoever carries state over the
    bars (indicators) must then start again from the window.
    """

    __slots__ = ("_columns", "_end", "_start", "_synthetic", "capacity", "rewritten")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity} must be 1 or more")
        self.capacity = capacity
        self.rewritten = 0
        self._columns = np.empty((_WIDTH, capacity + _SLACK))
        self._synthetic = np.zeros(capacity + _SLACK, dtype=np.bool_)
        self._start = 0
        self._end = 0

    def __len__(self) -> int:
        return self._end - self._start

    def column(self, index: int) -> Floats:
        """One column by its place in `CANDLE_COLUMNS`."""
        return self._columns[index, self._start : self._end]

    @property
    def open_ms(self) -> Floats:
        return self.column(0)

    @property
    def open(self) -> Floats:
        return self.column(1)

    @property
    def high(self) -> Floats:
        return self.column(2)

    @property
    def low(self) -> Floats:
        return self.column(3)

    @property
    def close(self) -> Floats:
        return self.column(4)

    @property
    def volume(self) -> Floats:
        return self.column(5)

    @property
    def quote_volume(self) -> Floats:
        return self.column(6)

    @property
    def trades(self) -> Floats:
        return self.column(7)

    @property
    def taker_buy_volume(self) -> Floats:
        return self.column(8)

    @property
    def synthetic(self) -> Flags:
        return self._synthetic[self._start : self._end]

    @property
    def last_open_ms(self) -> int:
        """Open time of the newest bar; -1 when empty."""
        return int(self._columns[0, self._end - 1]) if self._end > self._start else -1

    def row(self, index: int) -> Floats:
        """A copy of one bar, negative indexes from the newest. Raises IndexError outside the window."""
        place = self._end + index if index < 0 else self._start + index
        if not self._start <= place < self._end:
            raise IndexError(f"bar {index} of {len(self)}")
        return self._columns[:, place].copy()

    def block(self) -> CandleBlock:
        """A copy of the whole window, shape (n, 9)."""
        return np.ascontiguousarray(self._columns[:, self._start : self._end].T)

    def index_of(self, open_ms: float) -> int:
        """Place of the bar with this open time, or -1."""
        times = self.open_ms
        place = int(np.searchsorted(times, open_ms))
        return place if place < len(times) and times[place] == open_ms else -1

    def append(self, row: Sequence[float] | Floats, synthetic: bool = False) -> None:
        """Add the next bar (nine values, `CANDLE_COLUMNS`). Raises ValueError when it is not newer than the last."""
        if self._end > self._start and not row[0] > self._columns[0, self._end - 1]:
            raise ValueError(f"bar {row[0]:.0f} is not newer than the last, {self.last_open_ms}: use `correct`")
        if self._end == self.capacity + _SLACK:
            self._shift()
        self._columns[:, self._end] = row
        self._synthetic[self._end] = synthetic
        self._end += 1
        self._start = max(self._start, self._end - self.capacity)

    def correct(self, open_ms: float, row: Sequence[float] | Floats, synthetic: bool = False) -> bool:
        """Replace the bar with this open time; False when the window does not hold it."""
        place = self.index_of(open_ms)
        if place < 0:
            return False
        self._columns[:, self._start + place] = row
        self._synthetic[self._start + place] = synthetic
        self.rewritten += 1
        return True

    def vouch(self, open_ms: float) -> None:
        """The venue has exactly this bar: it is no filler of ours any more. Not a rewriting."""
        place = self.index_of(open_ms)
        if place >= 0:
            self._synthetic[self._start + place] = False

    def extend(self, block: CandleBlock, synthetic: Flags | None = None) -> None:
        """Append many bars, all newer than the last; the venue's unless flagged `synthetic`. Raises ValueError otherwise."""
        if not len(block):
            return
        if block.ndim != 2 or block.shape[1] != _WIDTH:
            raise ValueError(f"candle block of shape {block.shape}: expected (n, {_WIDTH})")
        if np.any(np.diff(block[:, 0]) <= 0) or block[0, 0] <= self.last_open_ms:
            raise ValueError("candle block is not strictly rising, or not newer than the window: use `merge`")
        flags = np.zeros(len(block), dtype=np.bool_) if synthetic is None else synthetic
        rows, flags = block[-self.capacity :], flags[-self.capacity :]
        if self._end + len(rows) > self.capacity + _SLACK:
            self._start = max(self._start, self._end + len(rows) - self.capacity)
            self._shift()
        self._columns[:, self._end : self._end + len(rows)] = rows.T
        self._synthetic[self._end : self._end + len(rows)] = flags
        self._end += len(rows)
        self._start = max(self._start, self._end - self.capacity)

    def merge(self, block: CandleBlock) -> None:
        """Put the venue's bars where they belong by open time; they win over stored ones. The oldest beyond capacity go.

        `block` is strictly rising.
        """
        if not len(block):
            return
        if block[0, 0] > self.last_open_ms:
            self.extend(block)
            return
        kept = ~np.isin(self.open_ms, block[:, 0])
        rows = np.concatenate([self.block()[kept], block])
        flags = np.concatenate([self.synthetic[kept], np.zeros(len(block), dtype=np.bool_)])
        order = np.argsort(rows[:, 0], kind="stable")
        self._start = self._end = 0
        self.extend(rows[order], flags[order])
        self.rewritten += 1

    def gaps(self, interval_ms: int) -> list[tuple[int, int]]:
        """Missing stretches inside the window as (first missing open time, first present one after)."""
        times = self.open_ms
        after = np.flatnonzero(np.diff(times) > interval_ms)
        return [(int(times[i]) + interval_ms, int(times[i + 1])) for i in after]

    def _shift(self) -> None:
        """Move the rows to the front of the buffer."""
        size = self._end - self._start
        self._columns[:, :size] = self._columns[:, self._start : self._end].copy()
        self._synthetic[:size] = self._synthetic[self._start : self._end].copy()
        self._start, self._end = 0, size
