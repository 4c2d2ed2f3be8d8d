"""The newest bars of one series, as the structure engine looks back on them."""

from __future__ import annotations

SPARE = 32
"""The columns are cut once in so many bars."""


class Bars:
    """Columns of the newest `keep` bars at least, oldest first; index -1 is the newest. `place` is its number from 0."""

    __slots__ = ("_limit", "closes", "highs", "keep", "lows", "opens", "place", "times")

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._limit = keep + SPARE
        self.place = -1
        self.times: list[int] = []
        self.opens: list[float] = []
        self.highs: list[float] = []
        self.lows: list[float] = []
        self.closes: list[float] = []

    def push(self, open_ms: int, first: float, high: float, low: float, close: float) -> None:
        """The next closed bar."""
        self.place += 1
        if len(self.times) >= self._limit:
            for column in (self.times, self.opens, self.highs, self.lows, self.closes):
                del column[: -self.keep]
        self.times.append(open_ms)
        self.opens.append(first)
        self.highs.append(high)
        self.lows.append(low)
        self.closes.append(close)

    def move(self, side: str) -> float:
        """How far the last three bars went towards `side` (BUY or SELL), in price; NaN while there are too few bars."""
        if len(self.closes) < 4:
            return float("nan")
        change = self.closes[-1] - self.closes[-4]
        return change if side == "BUY" else -change
