"""The volatility gate: readings count less while a market is too quiet or too wild for them (methods sheet 1.2).

It has no direction, so it is no voice of its own: it multiplies every reading's evidence, and the contributions still add
up exactly.
"""

from __future__ import annotations

from typing import NamedTuple

from core.settings import Detectors
from core.signals.ranks import WINDOW, RollingRank

QUIET_FACTOR = 0.5
WILD_FACTOR = 0.7
ATR_BARS = 195
"""Bars after which ATR14 no longer depends on where the history began."""
WARMUP = ATR_BARS + WINDOW
"""Bars after which the gate no longer does: it compares with a full window of settled values. Open before that."""
NAME = "atr_gate"


class Gate(NamedTuple):
    """`factor` on every reading's evidence, and why it is less than 1."""

    factor: float
    reason: str


OPEN = Gate(1.0, "")


class AtrGate:
    """NATR14 against its own last 1,000 values: for any symbol and timeframe, without absolute bounds (methods sheet 4.1)."""

    __slots__ = ("_bars", "_ranks")

    def __init__(self) -> None:
        self._bars = 0
        self._ranks = RollingRank()

    def step(self, natr: float, settings: Detectors) -> Gate:
        """The gate at the next closed bar; open while there is too little history."""
        self._bars += 1
        if self._bars < ATR_BARS:
            return OPEN
        rank = self._ranks.step(natr)
        if NAME in settings.off:
            return OPEN
        if rank < settings.natr_low_share:
            return Gate(QUIET_FACTOR, f"too quiet: ATR {natr * 100.0:.2f} %")
        if rank > settings.natr_high_share:
            return Gate(WILD_FACTOR, f"too volatile: ATR {natr * 100.0:.2f} %")
        return OPEN
