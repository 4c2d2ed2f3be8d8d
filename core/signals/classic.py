"""Six classic detectors of five families (methods sheet 1.2). SELL mirrors BUY.

Simple rules lose significance after data-snooping control and costs (Sullivan, Timmermann & White, 1999): these are
inputs to the pool, not signals by themselves.
"""

from __future__ import annotations

from core.market.indicators import COLUMNS
from core.messages import Side
from core.signals.reading import Memory, Scene, Vote, clip, detector

_EMA9, _EMA21 = COLUMNS.index("ema9"), COLUMNS.index("ema21")
_ADX, _PLUS, _MINUS = COLUMNS.index("adx14"), COLUMNS.index("plus_di14"), COLUMNS.index("minus_di14")
_MACD, _RSI = COLUMNS.index("macd_hist"), COLUMNS.index("rsi14")
_SMA, _STD = COLUMNS.index("sma20"), COLUMNS.index("std20")

FRESH_CROSS_BARS = 5
FRESH_CROSS_FACTOR = 1.2


def _side(up: bool) -> Side:
    return "BUY" if up else "SELL"


@detector("ema_cross", family="TREND", warmup=200, needs=("ema9", "ema21", "atr14"))
def ema_cross(memory: Memory, scene: Scene) -> Vote | None:
    """EMA9 away from EMA21 by more than a part of ATR; stronger for five bars after they crossed."""
    gap = scene.row[_EMA9] - scene.row[_EMA21]
    before = memory.get("gap", gap)
    memory["gap"] = gap
    crossed = (gap > 0.0) != (before > 0.0)
    age = memory["age"] = 0.0 if crossed else memory.get("age", FRESH_CROSS_BARS) + 1.0
    atr = scene.atr
    if not atr > 0.0 or not abs(gap) > scene.settings.ema_gap_atr * atr:
        return None
    score = clip(abs(gap) / atr)
    if age <= FRESH_CROSS_BARS:
        score = min(1.0, score * FRESH_CROSS_FACTOR)
    where = "above" if gap > 0.0 else "below"
    return Vote(_side(gap > 0.0), score, f"EMA9 {where} EMA21 by {abs(gap) / atr:.1f} ATR")


@detector("adx_di", family="TREND", warmup=280, needs=("adx14", "plus_di14", "minus_di14", "atr14"), oscillator=True)
def adx_di(_memory: Memory, scene: Scene) -> Vote | None:
    """The leading directional index while ADX14 says there is a trend (Wilder, 1978)."""
    adx, plus, minus = scene.row[_ADX], scene.row[_PLUS], scene.row[_MINUS]
    least = scene.settings.adx_min
    if adx < least or plus == minus:
        return None
    leader = "+DI" if plus > minus else "−DI"
    return Vote(_side(plus > minus), clip((adx - least) / 20.0), f"ADX {adx:.0f}, {leader} leads")


@detector("macd", family="MOMENTUM", warmup=200, needs=("macd_hist", "atr14"), oscillator=True)
def macd(memory: Memory, scene: Scene) -> Vote | None:
    """MACD histogram on one side of zero and moving further away from it, in units of ATR."""
    histogram = scene.row[_MACD]
    before = memory.get("histogram")
    memory["histogram"] = histogram
    atr = scene.atr
    if before is None or not atr > 0.0:
        return None
    score = clip(abs(histogram) / (scene.settings.macd_saturation_atr * atr))
    if histogram > 0.0 and histogram > before:
        return Vote("BUY", score, "MACD rising")
    if histogram < 0.0 and histogram < before:
        return Vote("SELL", score, "MACD falling")
    return None


@detector("rsi_static", family="MEANREV", warmup=250, needs=("rsi14", "atr14"), oscillator=True)
def rsi_static(_memory: Memory, scene: Scene) -> Vote | None:
    """RSI14 beyond fixed bounds (Wilder, 1978)."""
    rsi = scene.row[_RSI]
    low, high = scene.settings.rsi_oversold, scene.settings.rsi_overbought
    if rsi < low:
        return Vote("BUY", clip((low - rsi) / 20.0), f"RSI {rsi:.0f} oversold")
    if rsi > high:
        return Vote("SELL", clip((rsi - high) / 20.0), f"RSI {rsi:.0f} overbought")
    return None


@detector("boll", family="MEANREV", warmup=300, needs=("sma20", "std20", "atr14"), oscillator=True)
def boll(_memory: Memory, scene: Scene) -> Vote | None:
    """Close far from its 20-bar mean in population standard deviations, in a range only.

    The regime needs 300 bars to forget where the history began; the bands themselves need 20.
    """
    spread = scene.row[_STD]
    if scene.regime != "range" or not spread > 0.0:
        return None
    z = (scene.close - scene.row[_SMA]) / spread
    least = scene.settings.boll_z
    if abs(z) <= least:
        return None
    where = "above" if z > 0.0 else "below"
    return Vote(_side(z < 0.0), clip((abs(z) - least + 0.5) / 1.5), f"{abs(z):.1f}σ {where} the mean")


@detector("donchian", family="LEVEL", warmup=195, needs=("atr14",))
def donchian(_memory: Memory, scene: Scene) -> Vote | None:
    """Close beyond the extreme of the bars before this one. ATR in the score needs 195 bars, the channel itself 21."""
    bars = scene.settings.donchian_bars
    atr, close = scene.atr, scene.close
    if scene.bars <= bars or not atr > 0.0:
        return None
    top = max(scene.highs[-bars - 1 : -1])
    if close > top:
        return Vote("BUY", clip((close - top) / (0.5 * atr)), f"{bars}-bar high broken")
    bottom = min(scene.lows[-bars - 1 : -1])
    if close < bottom:
        return Vote("SELL", clip((bottom - close) / (0.5 * atr)), f"{bars}-bar low broken")
    return None
