"""Patterns: a squeeze that lets go, and reversal candles at a level."""

from __future__ import annotations

from core.market.indicators import COLUMNS
from core.signals.reading import Memory, Scene, Vote, clip, detector

_SMA, _STD, _EMA20 = COLUMNS.index("sma20"), COLUMNS.index("std20"), COLUMNS.index("ema20")
_TOP, _BOTTOM = COLUMNS.index("kc_upper"), COLUMNS.index("kc_lower")

BAND_SIGMA = 2.0
LEVELS = 8
"""So many confirmed swings count as levels."""
CANDLE_SCORE = 0.3
"""A weak prior: candlestick patterns alone earned nothing (Marshall, Young & Rose, 2006)."""

CANDLES: dict[str, str] = {
    "cdl_morning_star": "morning star",
    "cdl_evening_star": "evening star",
    "cdl_piercing": "piercing line",
    "cdl_dark_cloud": "dark cloud cover",
    "cdl_shooting_star": "shooting star",
    "cdl_inverted_hammer": "inverted hammer",
    "cdl_hammer": "hammer",
    "cdl_hanging_man": "hanging man",
    "cdl_inside3": "three inside",
    "cdl_outside3": "three outside",
    "cdl_engulfing": "engulfing",
    "cdl_harami": "harami",
}
"""Column and name, the rarer first: a bar is named by the first that fits.

Of TA-Lib's 61 these are the reversal patterns with a direction that markets without gaps still show (Nison, 1991). Dojis
have no direction, soldiers, marubozus and their kin continue a move rather than turn it, and a third of the rest comes
less than once in ten thousand 5-minute bars.
"""
TWO_SIDED = ("cdl_inside3", "cdl_outside3", "cdl_engulfing", "cdl_harami")
WHOLE = 100.0
"""What TA-Lib says of a whole pattern; 80 is one whose bodies only just touch."""

_FIRST = COLUMNS.index("cdl_morning_star")
_LAST = _FIRST + len(CANDLES)


@detector("squeeze", family="PATTERN", warmup=195, needs=("sma20", "std20", "ema20", "kc_upper", "kc_lower", "atr14"))
def squeeze(memory: Memory, scene: Scene) -> Vote | None:
    """Bollinger bands (20, 2) leave the Keltner channel (20, 1.5 ATR) after at least six bars inside it (Carter, 2005).

    Speaks on that bar only, for the side of EMA20 the close is on. ATR14 in the score needs 195 bars.
    """
    row, close = scene.row, scene.close
    middle, reach = row[_SMA], BAND_SIGMA * row[_STD]
    over, under = middle + reach >= row[_TOP], middle - reach <= row[_BOTTOM]
    inside: int = memory.get("inside", 0)
    if not over and not under:
        memory["inside"] = inside + 1
        return None
    memory["inside"] = 0
    atr, distance = scene.atr, close - row[_EMA20]
    if inside < scene.settings.squeeze_bars or not atr > 0.0:
        return None
    if over and distance > 0.0:
        return Vote("BUY", clip(distance / atr), "volatility squeeze released up")
    if under and distance < 0.0:
        return Vote("SELL", clip(-distance / atr), "volatility squeeze released down")
    return None


@detector("candle", family="PATTERN", warmup=195, needs=("atr14",))
def candle(_memory: Memory, scene: Scene) -> Vote | None:
    """A reversal candle (engulfing, harami, hammer, star, ...) at one of the last eight confirmed swings.

    The bar's low must be near a swing at or below the close (support), or its high near one at or above it.
    """
    found = scene.row[_FIRST:_LAST]
    up = WHOLE in found
    if up == (-WHOLE in found):  # none, or two that contradict each other
        return None
    price = scene.lows[-1] if up else scene.highs[-1]
    reach, close = scene.settings.candle_atr * scene.atr, scene.close
    for swing in scene.smc.swings[-LEVELS:]:
        if abs(price - swing.price) <= reach and (swing.price <= close if up else swing.price >= close):
            name = COLUMNS[_FIRST + found.index(WHOLE if up else -WHOLE)]
            words = f"{'bullish' if up else 'bearish'} {CANDLES[name]}" if name in TWO_SIDED else CANDLES[name]
            return Vote("BUY" if up else "SELL", CANDLE_SCORE, f"{words} at {'support' if up else 'resistance'}")
    return None
