"""Recent public trades of one symbol, with running buy and sell volume over sliding windows."""

from __future__ import annotations

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


class _Sums:
    """Running sums of the trades younger than `span_ms`."""

    __slots__ = ("buy", "members", "sell", "span_ms")

    def __init__(self, span_ms: int) -> None:
        self.span_ms = span_ms
        self.buy = 0.0
        self.sell = 0.0
        self.members: deque[Trade] = deque()


class Tape:
    """The newest `capacity` trades, oldest first; a trade id is taken once. Times are the venue's.

    `windows_s` are the lengths of the running windows. A window holds at most `capacity` trades: on a wilder market it
    covers the newest of them.
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
                _enter(sums, trade, self.capacity)

    def flow(self, window_s: float, now_ms: int) -> Flow:
        """Buy and sell volume of the trades with now - window < event time. Raises KeyError for an unknown window."""
        sums = self._sums[window_s]
        members = sums.members
        while members and members[0].event_ms <= now_ms - sums.span_ms:
            _leave(sums)
        return Flow(max(0.0, sums.buy), max(0.0, sums.sell), len(members))

    def clear(self) -> None:
        """Forget everything, as after a gap in the stream."""
        self._trades.clear()
        self._ids.clear()
        for sums in self._sums.values():
            sums.members.clear()
            sums.buy = sums.sell = 0.0


def _enter(sums: _Sums, trade: Trade, capacity: int) -> None:
    if len(sums.members) == capacity:
        _leave(sums)
    sums.members.append(trade)
    if trade.side == "BUY":
        sums.buy += trade.size
    else:
        sums.sell += trade.size


def _leave(sums: _Sums) -> None:
    trade = sums.members.popleft()
    if trade.side == "BUY":
        sums.buy -= trade.size
    else:
        sums.sell -= trade.size
    if not sums.members:  # no rounding left over from additions and subtractions
        sums.buy = sums.sell = 0.0
