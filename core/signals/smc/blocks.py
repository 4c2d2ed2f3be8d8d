"""Order blocks: the last bar against a move that broke structure, where the move's orders are thought to have rested."""

from __future__ import annotations

from typing import NamedTuple

from core.messages import Side
from core.signals.smc.bars import Bars
from core.signals.smc.event import Swing, SwingSide
from core.signals.smc.structure import Break

MOVE_BARS = 3
SEARCH_BARS = 10
"""How many bars before a move may hold its block."""


class Block(NamedTuple):
    """The bar that is the block."""

    side: Side
    t_event: int
    top: float
    bottom: float


class Displacements:
    """Mode `trend`: the last bar of the other colour before three bars that moved far and broke structure.

    The first of the three may be it: the move then begins after it.
    """

    __slots__ = ("_break_place", "_break_side", "_told")

    def __init__(self) -> None:
        self._told: dict[Side, int] = {}
        self._break_place = -MOVE_BARS
        self._break_side: Side = "BUY"

    def step(self, bars: Bars, broken: Break | None, least: float) -> Block | None:
        """The block this bar makes known: a break within the last three bars, and a move of at least `least` in price."""
        if broken is not None:
            self._break_place, self._break_side = bars.place, broken.side
        if bars.place - self._break_place >= MOVE_BARS or not bars.move(self._break_side) >= least:
            return None
        side = self._break_side
        self._break_place = -MOVE_BARS  # one block for one break
        opens, closes = bars.opens, bars.closes
        for index in range(-MOVE_BARS, -1 - min(len(closes), MOVE_BARS + SEARCH_BARS), -1):
            body = closes[index] - opens[index]
            if body < 0.0 if side == "BUY" else body > 0.0:
                if self._told.get(side) == bars.times[index]:
                    return None  # an earlier break of the same move has told it
                self._told[side] = bars.times[index]
                return Block(side, bars.times[index], bars.highs[index], bars.lows[index])
        return None


class Extremes:
    """Mode `smc`: the lowest bar between a swing high and the close beyond it (last on ties), and the mirror image.

    The block of smartmoneyconcepts 0.0.27, stamped when it becomes known. The reference takes it from the final list of
    swings; we can only take it from the list as it stands.
    """

    __slots__ = ("_highest", "_lowest")

    def __init__(self) -> None:
        self._lowest: Block | None = None  # since the last swing high
        self._highest: Block | None = None  # since the last swing low

    def confirm(self, swing: Swing, bars: Bars) -> None:
        """A new swing, or one in place of the last: start again after it, up to the bar before the newest."""
        self._clear(swing.side)
        for index in range(swing.place - bars.place, -1):
            self._extend(swing.side, bars, index)

    def step(self, bars: Bars, broken: Break | None) -> Block | None:
        """The block of a break on the newest bar; then that bar joins the search."""
        found = None
        if broken is not None:
            found = self._lowest if broken.side == "BUY" else self._highest
        lowest, highest = self._lowest, self._highest
        if lowest is None or bars.lows[-1] <= lowest.bottom:
            self._extend("high", bars, -1)
        if highest is None or bars.highs[-1] >= highest.top:
            self._extend("low", bars, -1)
        return found

    def _clear(self, side: SwingSide) -> None:
        if side == "high":
            self._lowest = None
        else:
            self._highest = None

    def _extend(self, side: SwingSide, bars: Bars, index: int) -> None:
        high, low = bars.highs[index], bars.lows[index]
        if side == "high" and (self._lowest is None or low <= self._lowest.bottom):
            self._lowest = Block("BUY", bars.times[index], high, low)
        elif side == "low" and (self._highest is None or high >= self._highest.top):
            self._highest = Block("SELL", bars.times[index], high, low)
