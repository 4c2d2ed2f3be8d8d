"""Swing highs and lows as a state machine: a pivot is known some bars later, and a more extreme one takes its place."""

from __future__ import annotations

from typing import Literal

from core.signals.smc.bars import Bars
from core.signals.smc.event import Swing, SwingSide

KEPT = 16
Change = Literal["", "append", "replace"]


class SwingTracker:
    """The alternating list of swings, thinned online.

    Bar i is a pivot high when its high is the highest of the `length` - 1 bars before it and the `length` bars after it;
    ties count, and a bar that is both is a high. The asymmetric window and the first bar looked at (2 `length` - 1) are
    those of smartmoneyconcepts 0.0.27, so that the lists compare one to one.
    """

    __slots__ = ("_length", "_window", "swings")

    def __init__(self, length: int) -> None:
        self._length = length
        self._window = 2 * length
        self.swings: list[Swing] = []

    def step(self, bars: Bars, known_ms: int) -> tuple[Change, Swing | None]:
        """Test the bar `length` back; what happened to the list, and on a replacement the swing that went."""
        length = self._length
        if bars.place < 3 * length - 1:
            return "", None
        highs = bars.highs
        high = highs[-length - 1]
        if high >= highs[-1] and high >= highs[-length] and high == max(highs[-self._window :]):
            return self._take("high", high, bars, known_ms)
        lows = bars.lows
        low = lows[-length - 1]
        if low <= lows[-1] and low <= lows[-length] and low == min(lows[-self._window :]):
            return self._take("low", low, bars, known_ms)
        return "", None

    def _take(self, side: SwingSide, price: float, bars: Bars, known_ms: int) -> tuple[Change, Swing | None]:
        swings, length = self.swings, self._length
        tail = swings[-1] if swings else None
        same = tail is not None and tail.side == side
        if same and tail is not None and not (price > tail.price if side == "high" else price < tail.price):
            return "", None
        swing = Swing(side, price, bars.place - length, bars.times[-length - 1], known_ms)
        if same:
            swings[-1] = swing
            return "replace", tail
        if len(swings) >= 2 * KEPT:
            del swings[:KEPT]
        swings.append(swing)
        return "append", None
