"""Trade count and taker-buy volume of candles, from the trade stream: Bybit's candles carry neither.

Only for candles seen whole: the stream ran without a break since before the candle opened, and for a closed candle the
volumes agree with the venue's. Everything else is "not known", never an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from core.venue import TIMEFRAME_MS

MINUTE_MS = 60_000
UNKNOWN = (-1, nan)
AGREE = 1e-6
"""Relative difference of summed trade volume and candle volume that still counts as equal (float sums)."""


class _Sum:
    """Trades of one candle."""

    __slots__ = ("bought", "count", "open_ms", "volume")

    def __init__(self, open_ms: int) -> None:
        self.open_ms = open_ms
        self.count = 0
        self.volume = 0.0
        self.bought = 0.0

    def add(self, count: int, volume: float, bought: float) -> None:
        self.count += count
        self.volume += volume
        self.bought += bought


class TakerTally:
    """Sums of one symbol. Trades add to the present minute; each finished minute folds into every timeframe."""

    __slots__ = ("_lengths", "_minute", "_sums", "whole_since_ms")

    def __init__(self, timeframes: Sequence[str]) -> None:
        self._lengths = [TIMEFRAME_MS[timeframe] for timeframe in timeframes]
        self._sums = {length: (_Sum(-1), _Sum(-1)) for length in self._lengths}
        self._minute = _Sum(-1)
        self.whole_since_ms: int | None = None

    def begin(self, at_ms: int) -> None:
        """The trade stream runs without a break from this venue time."""
        self.whole_since_ms = at_ms

    def interrupt(self) -> None:
        """Trades may be missing from here on until `begin`."""
        self.whole_since_ms = None

    def add(self, at_ms: int, size: float, buy: bool) -> None:
        """One trade."""
        minute = self._minute
        if at_ms // MINUTE_MS != minute.open_ms // MINUTE_MS:
            open_ms = at_ms // MINUTE_MS * MINUTE_MS
            if open_ms < minute.open_ms:  # late: belongs to a minute already folded
                late = _Sum(open_ms)
                late.add(1, size, size if buy else 0.0)
                self._fold(late)
                return
            self._fold(minute)
            minute = self._minute = _Sum(open_ms)
        minute.count += 1
        minute.volume += size
        if buy:
            minute.bought += size

    def of(self, timeframe: str, open_ms: int, volume: float, closed: bool) -> tuple[int, float]:
        """(trades, taker-buy volume) of a candle, or (-1, NaN)."""
        if self.whole_since_ms is None or open_ms < self.whole_since_ms:
            return UNKNOWN
        length = TIMEFRAME_MS[timeframe]
        count, summed, bought = 0, 0.0, 0.0
        parts = [part for part in self._sums.get(length, ()) if part.open_ms == open_ms]
        if self._minute.open_ms // length * length == open_ms:
            parts.append(self._minute)
        for part in parts:
            count, summed, bought = count + part.count, summed + part.volume, bought + part.bought
        if closed and abs(summed - volume) > AGREE * max(summed, volume):
            return UNKNOWN
        return count, min(bought, volume)

    def _fold(self, minute: _Sum) -> None:
        """Put a finished minute into its candle of every timeframe; the present and the one before are kept."""
        if not minute.count:
            return
        for length, (present, before) in self._sums.items():
            open_ms = minute.open_ms // length * length
            if open_ms > present.open_ms:
                present, before = _Sum(open_ms), present
                self._sums[length] = (present, before)
            if open_ms == present.open_ms:
                present.add(minute.count, minute.volume, minute.bought)
            elif open_ms == before.open_ms:
                before.add(minute.count, minute.volume, minute.bought)
