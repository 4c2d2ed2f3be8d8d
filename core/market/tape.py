"""Recent public trades of one symbol, with running buy and sell volume over sliding windows."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from core.messages import Trade


class Flow(NamedTuple):
    """Volume of one window, in base units, by the taker's side. `trades` counts both sides."""

    buy: float
    sell: float
    trades: int

    @property
    def imbalance(self) -> float:
        """(buy - sell) / (buy + sell) in [-1, 1]; 0 when nothing traded."""
        total = self.buy + self.sell
        return (self.buy - self.sell) / total if total > 0.0 else 0.0


NO_FLOW = Flow(0.0, 0.0, 0)


WINDOW_MOST = 2000
"""Trades one window sums at most: on a wilder market it covers the newest of them."""
_CUT = 256
"""So many trades that left a window stay in its arrays before they are cut off."""


class _Sums:
    """Running sums of the trades younger than `span_ms`: their times and signed sizes, 16 bytes each."""

    __slots__ = ("_sizes", "_start", "_times", "buy", "sell", "span_ms")

    def __init__(self, span_ms: int) -> None:
        self.span_ms = span_ms
        self.buy = self.sell = 0.0
        self._times, self._sizes, self._start = array("q"), array("d"), 0

    def __len__(self) -> int:
        return len(self._times) - self._start

    def enter(self, trade: Trade) -> None:
        """The next trade."""
        if len(self) == WINDOW_MOST:
            self._leave()
        self._times.append(trade.event_ms)
        if trade.side == "BUY":
            self._sizes.append(trade.size)
            self.buy += trade.size
        else:
            self._sizes.append(-trade.size)
            self.sell += trade.size

    def until(self, from_ms: int) -> None:
        """Let go of trades at `from_ms` and before."""
        while len(self) and self._times[self._start] <= from_ms:
            self._leave()

    def _leave(self) -> None:
        size = self._sizes[self._start]
        self._start += 1
        if size > 0.0:
            self.buy -= size
        else:
            self.sell += size
        if not len(self):  # no rounding left over from additions and subtractions
            self.buy = self.sell = 0.0
        if self._start >= _CUT:
            del self._times[: self._start], self._sizes[: self._start]
            self._start = 0

    def clear(self) -> None:
        """Forget every trade."""
        self.buy = self.sell = 0.0
        self._times, self._sizes, self._start = array("q"), array("d"), 0


class Tape:
    """The newest `capacity` trades, oldest first; a trade id is taken once. Times are the venue's.

    `windows_s` are the lengths of the running windows, each over `WINDOW_MOST` trades at most, however few are kept whole.
    """

    def __init__(self, capacity: int = 1000, windows_s: Iterable[float] = (10.0, 60.0, 300.0)) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity} must be 1 or more")
        self.capacity = capacity
        self.repeated = 0
        """Trades heard twice and dropped."""
        self._trades: deque[Trade] = deque(maxlen=capacity)
        self._ids: set[str] = set()
        self._sums = {seconds: _Sums(int(seconds * 1000)) for seconds in windows_s}

    def __len__(self) -> int:
        return len(self._trades)

    @property
    def last(self) -> Trade | None:
        """The newest trade."""
        return self._trades[-1] if self._trades else None

    def newest(self, n: int) -> tuple[Trade, ...]:
        """Up to `n` trades, newest first."""
        return tuple(trade for trade, _ in zip(reversed(self._trades), range(n), strict=False))

    def add(self, trades: Iterable[Trade]) -> None:
        """Take a batch, oldest first."""
        for trade in trades:
            if trade.trade_id in self._ids:
                self.repeated += 1
                continue
            if len(self._trades) == self.capacity:
                self._ids.discard(self._trades[0].trade_id)
            self._trades.append(trade)
            self._ids.add(trade.trade_id)
            for sums in self._sums.values():
                sums.enter(trade)

    def flow(self, window_s: float, now_ms: int) -> Flow:
        """Buy and sell volume of the trades with now - window < event time. Raises KeyError for an unknown window."""
        sums = self._sums[window_s]
        sums.until(now_ms - sums.span_ms)
        return Flow(max(0.0, sums.buy), max(0.0, sums.sell), len(sums))

    def clear(self) -> None:
        """Forget everything, as after a gap in the stream."""
        self._trades.clear()
        self._ids.clear()
        for sums in self._sums.values():
            sums.clear()
