"""Trend: averages in order, directional movement, Supertrend, a price that runs away from its VWAP."""

from __future__ import annotations

from core.market.indicators import COLUMNS
from core.signals.classic import vwap
from core.signals.reading import Memory, Scene, Vote, clip, detector

_EMA9, _EMA20, _EMA21 = COLUMNS.index("ema9"), COLUMNS.index("ema20"), COLUMNS.index("ema21")
_EMA50, _EMA200 = COLUMNS.index("ema50"), COLUMNS.index("ema200")
_ADX, _PLUS, _MINUS = COLUMNS.index("adx14"), COLUMNS.index("plus_di14"), COLUMNS.index("minus_di14")
_SUPERTREND = COLUMNS.index("supertrend")

FRESH_CROSS_BARS = 5
FRESH_CROSS_FACTOR = 1.2
FLIP_HALF_LIFE = 10.0
OLD_FLIP_BARS = 200
"""A flip this long ago adds less than a millionth to the score."""


@detector("ema_cross", family="TREND", warmup=200, needs=("ema9", "ema21", "atr14"))
def ema_cross(memory: Memory, scene: Scene) -> Vote | None:
    """EMA9 away from EMA21 by more than a part of ATR; stronger for five bars after they crossed."""
    gap = scene.row[_EMA9] - scene.row[_EMA21]
    before: float = memory.get("gap", gap)
    if gap != 0.0:
        memory["gap"] = gap
    crossed = gap * before < 0.0
    age = memory["age"] = 0.0 if crossed else memory.get("age", FRESH_CROSS_BARS) + 1.0
    atr = scene.atr
    if not atr > 0.0 or not abs(gap) > scene.settings.ema_gap_atr * atr:
        return None
    score = clip(abs(gap) / atr)
    if age <= FRESH_CROSS_BARS:
        score = min(1.0, score * FRESH_CROSS_FACTOR)
    where = "above" if gap > 0.0 else "below"
    return Vote("BUY" if gap > 0.0 else "SELL", score, f"EMA9 {where} EMA21 by {abs(gap) / atr:.1f} ATR")


@detector("ema_stack", family="TREND", warmup=1400, needs=("ema20", "ema50", "ema200", "atr14"))
def ema_stack(_memory: Memory, scene: Scene) -> Vote | None:
    """EMA20, EMA50 and EMA200 in order with the close beyond EMA20; the wider apart in ATR, the stronger."""
    # 1,400 bars have EMA200 to 1e-6 of the price, and the score, a difference in ATR, to about 1e-5; 1,700 would be more
    # than is loaded at start.
    row = scene.row
    fast, middle, slow = row[_EMA20], row[_EMA50], row[_EMA200]
    atr = scene.atr
    if not atr > 0.0:
        return None
    if scene.close > fast > middle > slow:
        return Vote("BUY", clip((fast - slow) / (4.0 * atr)), "EMAs stacked up")
    if scene.close < fast < middle < slow:
        return Vote("SELL", clip((slow - fast) / (4.0 * atr)), "EMAs stacked down")
    return None


@detector("adx_di", family="TREND", warmup=280, needs=("adx14", "plus_di14", "minus_di14", "atr14"), oscillator=True)
def adx_di(_memory: Memory, scene: Scene) -> Vote | None:
    """The leading directional index while ADX14 says there is a trend (Wilder, 1978)."""
    adx, plus, minus = scene.row[_ADX], scene.row[_PLUS], scene.row[_MINUS]
    least = scene.settings.adx_min
    if adx < least or plus == minus:
        return None
    leader = "+DI" if plus > minus else "−DI"
    return Vote("BUY" if plus > minus else "SELL", clip((adx - least) / 20.0), f"ADX {adx:.0f}, {leader} leads")


@detector("supertrend", family="TREND", warmup=335, needs=("supertrend", "atr14"), lookback=OLD_FLIP_BARS)
def supertrend(memory: Memory, scene: Scene) -> Vote | None:
    """Side of the Supertrend line (10 bars, 3 ATR) the price is on; strongest when it has just changed sides.

    0.4, and 0.6 more at the flip, which halves every 10 bars. The line needs 135 bars, the flip's age 200 more.
    """
    direction = scene.row[_SUPERTREND]
    before = memory.get("direction", direction)
    memory["direction"] = direction
    age: int = memory.get("age", OLD_FLIP_BARS)
    age = 0 if direction != before else min(age + 1, OLD_FLIP_BARS)
    memory["age"] = age
    if direction == 0.0:
        return None
    word = "up" if direction > 0.0 else "down"
    if age < OLD_FLIP_BARS:
        when = f" {age} bar{'s' if age > 1 else ''} ago" if age else ""
        score, reason = 0.4 + 0.6 * 2.0 ** (-age / FLIP_HALF_LIFE), f"Supertrend flipped {word}{when}"
    else:
        score, reason = 0.4, f"Supertrend {word} for {OLD_FLIP_BARS} bars or more"
    return Vote("BUY" if direction > 0.0 else "SELL", score, reason)


@detector("vwap_trend", family="TREND", warmup=vwap.WARMUP, needs=vwap.NEEDS, oscillator=True)
def vwap_trend(_memory: Memory, scene: Scene) -> Vote | None:
    """In a trend: close far from its 30-bar VWAP on the trend's side. In a range vwap_dev reads the same distance."""
    up = scene.regime == "trend_up"
    if not up and scene.regime != "trend_down":
        return None
    share, z = vwap.vwap_deviation(scene)
    ahead = z if up else -z
    if ahead <= scene.settings.vwap_z:
        return None
    return Vote("BUY" if up else "SELL", clip((ahead - 1.0) / 2.0), vwap.vwap_words(share))
