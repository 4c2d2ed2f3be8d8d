"""Fair value gaps: three bars of which the outer two do not overlap."""

from __future__ import annotations

from core.messages import Side
from core.signals.smc.bars import Bars
from core.signals.smc.event import SmcEvent


def find_gap(bars: Bars, known_ms: int, atr: float, least: float) -> SmcEvent | None:
    """The gap around the bar before the newest one, whose body points the same way, at least `least` in price.

    The definition, body condition included, is that of smartmoneyconcepts 0.0.27. Known one bar after its middle.
    """
    highs, lows = bars.highs, bars.lows
    if len(highs) < 3:
        return None
    if highs[-3] < lows[-1]:
        if not bars.closes[-2] > bars.opens[-2]:
            return None
        side: Side = "BUY"
        top, bottom = lows[-1], highs[-3]
    elif lows[-3] > highs[-1]:
        if not bars.closes[-2] < bars.opens[-2]:
            return None
        side = "SELL"
        top, bottom = lows[-3], highs[-1]
    else:
        return None
    gap = top - bottom
    if not gap >= least:
        return None
    atr = atr if atr > 0.0 else float("nan")
    return SmcEvent(
        "fvg", side, bars.times[-2], known_ms, 0.5 * (top + bottom), top, bottom,
        size=gap / atr, push=bars.move(side) / atr,
    )  # fmt: skip
