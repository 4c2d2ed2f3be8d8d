"""Breaks of structure (BOS) and changes of character (CHoCH), in the two ways people define them."""

from __future__ import annotations

import math
import struct
from bisect import insort
from typing import Literal, NamedTuple

from core.messages import Side
from core.signals.smc.bars import Bars
from core.signals.smc.event import Swing
from core.signals.smc.swings import Change

Label = Literal["", "bos", "choch"]

WAITING = 200
"""Unbroken levels kept on each side, the nearest ones; a year of one symbol has a tenth of it."""


class Break(NamedTuple):
    """A swing's level was closed beyond. `body` and `beyond` are those of the breaking bar, in price."""

    label: Label
    side: Side
    swing: Swing
    broken_ms: int
    body: float
    beyond: float


class LastSwings:
    """The last swing high and low, and whether a close went beyond them: mode `trend`.

    The two levels cannot break on one bar: a low that lies above the high was made by a bar whose close was above it too.
    """

    __slots__ = ("_high", "_low", "high_price", "low_price", "trend")

    def __init__(self) -> None:
        self._high: Swing | None = None
        self._low: Swing | None = None
        self.high_price = math.inf
        """The level to break upwards, infinite while there is none."""
        self.low_price = -math.inf
        self.trend = 0

    def confirm(self, swing: Swing) -> None:
        """A new swing, or one in place of the last."""
        if swing.side == "high":
            self._high, self.high_price = swing, swing.price
        else:
            self._low, self.low_price = swing, swing.price

    def step(self, bars: Bars) -> Break | None:
        """The break the newest close made, if any; labelled by the trend before it."""
        close = bars.closes[-1]
        if close > self.high_price:
            assert self._high is not None
            self.high_price = math.inf
            label: Label = "bos" if self.trend >= 0 else "choch"
            self.trend = 1
            return _broken(label, "BUY", self._high, bars, -1)
        if close < self.low_price:
            assert self._low is not None
            self.low_price = -math.inf
            label = "bos" if self.trend <= 0 else "choch"
            self.trend = -1
            return _broken(label, "SELL", self._low, bars, -1)
        return None


class _Watch:
    """A swing whose level may be the one a four-swing pattern names. `level` is rounded to single precision."""

    __slots__ = ("broken", "label", "level", "swing")

    def __init__(self, swing: Swing) -> None:
        self.swing = swing
        self.level = single(swing.price)
        self.label: Label = ""
        self.broken: Break | None = None


class FourSwings:
    """The four-swing pattern of smartmoneyconcepts 0.0.27 as it becomes true: mode `smc`.

    With swings l4, l3, l2, l1 (newest last), upwards: BOS when l4 < l2 < l3 < l1, CHoCH when l2 < l4 < l3 < l1, each known
    once a bar from two after l3 on has closed beyond l3. The reference rounds levels to single precision; so do we here,
    or a close on the level would differ. It also deletes an event when a newer one breaks first, which nobody can know
    in time: we do not. A pattern waits for its break however long that takes; few wait long.
    """

    __slots__ = ("_down", "_last", "_up")

    def __init__(self) -> None:
        self._last: list[_Watch] = []
        self._up: list[_Watch] = []  # by level, the lowest last
        self._down: list[_Watch] = []  # by level, the highest last

    def step(self, bars: Bars) -> list[Break]:
        """Known patterns whose level the newest close went beyond. Call it before this bar's `confirm`."""
        close, found = bars.closes[-1], []
        up, down = self._up, self._down
        while up and close > up[-1].level:
            found.append(self._break(up.pop(), bars, -1))
        while down and close < down[-1].level:
            found.append(self._break(down.pop(), bars, -1))
        return [each for each in found if each.label]

    def confirm(self, change: Change, swing: Swing, bars: Bars) -> Break | None:
        """The online list changed; the break that this makes known, if any."""
        last = self._last
        if change == "replace":
            self._forget(last.pop())
        elif len(last) >= 3 and not last[-3].label:
            self._forget(last[-3])  # its newest swing is final: no pattern will name this level
        watch = _Watch(swing)
        self._watch(watch, bars)
        last.append(watch)
        if len(last) > 4:
            del last[0]
        if len(last) < 4:
            return None
        named = last[1]
        if named.label:
            return None
        named.label = _pattern(*(each.swing.price for each in last), up=swing.side == "high")
        if named.label and named.broken is not None:
            return named.broken._replace(label=named.label)
        return None

    def _watch(self, watch: _Watch, bars: Bars) -> None:
        """Look for a break from two bars after the swing on, first in the bars already there."""
        up, level = watch.swing.side == "high", watch.level
        for back in range(bars.place - watch.swing.place - 2, -1, -1):
            close = bars.closes[-1 - back]
            if close > level if up else close < level:
                self._break(watch, bars, -1 - back)
                return
        side = self._up if up else self._down
        insort(side, watch, key=_fall if up else _rise)
        if len(side) > WAITING:
            del side[0]

    def _break(self, watch: _Watch, bars: Bars, index: int) -> Break:
        side: Side = "BUY" if watch.swing.side == "high" else "SELL"
        watch.broken = _broken(watch.label, side, watch.swing, bars, index)
        return watch.broken

    def _forget(self, watch: _Watch) -> None:
        side = self._up if watch.swing.side == "high" else self._down
        if watch in side:
            side.remove(watch)


def _fall(watch: _Watch) -> float:
    return -watch.level


def _rise(watch: _Watch) -> float:
    return watch.level


def _pattern(l4: float, l3: float, l2: float, l1: float, *, up: bool) -> Label:
    if not up:
        l4, l3, l2, l1 = -l4, -l3, -l2, -l1
    if l4 < l2 < l3 < l1:
        return "bos"
    return "choch" if l2 < l4 < l3 < l1 else ""


def _broken(label: Label, side: Side, swing: Swing, bars: Bars, index: int) -> Break:
    close = bars.closes[index]
    return Break(label, side, swing, bars.times[index], abs(close - bars.opens[index]), abs(close - swing.price))


def single(price: float) -> float:
    """The nearest number of single precision."""
    (rounded,) = struct.unpack("f", struct.pack("f", price))
    return float(rounded)
