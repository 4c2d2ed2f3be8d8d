"""Bars from literals, from turning points or drawn at random, and an engine run over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random

from hypothesis import strategies as st

from core.signals.smc.engine import SmartMoney, SmcRules
from core.signals.smc.event import NO_LEVELS, Levels, SmcEvent

MINUTE_MS = 60_000
Candle = tuple[float, float, float, float]
"""Open, high, low, close."""

TREND = SmcRules("trend", 2, 0.1, 0.15, 1.5)
REFERENCE = SmcRules("smc", 2, 0.1, 0.15, 1.5)


class Run:
    """An engine and everything it said. Bar i opens at i minutes; ATR is 1 unless told otherwise."""

    def __init__(self, rules: SmcRules = TREND, first: int = 0) -> None:
        self.engine = SmartMoney(rules, MINUTE_MS)
        self.events: list[SmcEvent] = []
        self.place = first

    def feed(self, bars: Iterable[Candle], atr: float = 1.0, levels: Levels = NO_LEVELS) -> list[SmcEvent]:
        """The next bars; what became known with them."""
        known: list[SmcEvent] = []
        for bar in bars:
            known.extend(self.engine.step(self.place * MINUTE_MS, bar, atr, levels))
            self.place += 1
        self.events += known
        return known

    def of(self, *kinds: str) -> list[SmcEvent]:
        return [event for event in self.events if event.kind in kinds]


def path(*turns: float, bars: int = 5) -> list[Candle]:
    """Straight legs of so many bars from turn to turn, without wicks."""
    out: list[Candle] = []
    for start, end in pairwise(turns):
        step = (end - start) / bars
        closes = [start + step * (number + 1) for number in range(bars - 1)] + [end]
        for first, close in pairwise([start, *closes]):
            out.append((first, max(first, close), min(first, close), close))
    return out


def drawn(moves: Sequence[tuple[int, int, int]]) -> list[Candle]:
    """Bars on a grid of 1, so that equal highs and lows are common."""
    out: list[Candle] = []
    price = 1000.0
    for move, above, below in moves:
        close = price + move
        out.append((price, max(price, close) + above, min(price, close) - below, close))
        price = close
    return out


@st.composite
def markets(draw: st.DrawFn) -> list[Candle]:
    """Random bars by a seed: long enough for something to happen, cheap to draw."""
    random = Random(draw(st.integers(0, 100_000)))
    moves = [
        (random.randint(-4, 4), random.randint(0, 3), random.choice((0, 0, 1, 3)))
        for _ in range(draw(st.integers(0, 200)))
    ]
    return drawn(moves)


candles = markets()
