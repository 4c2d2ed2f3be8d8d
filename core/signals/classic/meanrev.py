"""Mean reversion: oscillators at their extremes, Bollinger bands, divergence, a price far from its VWAP."""

from __future__ import annotations

from collections import deque

from core.market.indicators import COLUMNS
from core.messages import Side
from core.signals.classic import vwap
from core.signals.ranks import RollingRank
from core.signals.reading import Memory, Scene, Vote, clip, detector

_RSI = COLUMNS.index("rsi14")
_SMA, _STD = COLUMNS.index("sma20"), COLUMNS.index("std20")
_K, _D = COLUMNS.index("stoch_k"), COLUMNS.index("stoch_d")
_CCI, _WILLR, _MFI = COLUMNS.index("cci20"), COLUMNS.index("willr14"), COLUMNS.index("mfi14")

DYNAMIC_BARS = 500
DYNAMIC_SHARE = 0.05
DYNAMIC_LOW = (10.0, 40.0)
DYNAMIC_HIGH = (60.0, 90.0)
STOCH_EQUAL = 1e-6
"""%K and %D nearer than this are equal: their running sums differ by rounding while both rest at 0 or 100."""
BOLL_EQUAL = 1e-9
"""On a coarse tick a close may stand on the band exactly, and the score does not begin at 0 there."""

PIVOT_BARS = 5
APART_MOST = 60
"""Pivots of one side are six bars apart at the least anyway: each is the extreme of the five bars around it."""
DIVERGENCE_HALF_LIFE = 10.0
DIVERGENCE_LEAST = 0.05
DIVERGENCE_LIFE = 44
"""From this age on even a full score has fallen below `DIVERGENCE_LEAST`."""


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


@detector("rsi_dynamic", family="MEANREV", warmup=750, needs=("rsi14",), oscillator=True, lookback=DYNAMIC_BARS)
def rsi_dynamic(memory: Memory, scene: Scene) -> Vote | None:
    """RSI14 beyond its own 5 % and 95 % levels of the last 500 bars, which stay within 10 to 40 and 60 to 90."""
    past: RollingRank | None = memory.get("past")
    if past is None:
        past = memory["past"] = RollingRank(DYNAMIC_BARS)
    rsi = scene.row[_RSI]
    low, high = past.quantile(DYNAMIC_SHARE), past.quantile(1.0 - DYNAMIC_SHARE)
    past.push(rsi)
    if low != low:
        return None
    low = min(max(low, DYNAMIC_LOW[0]), DYNAMIC_LOW[1])
    if rsi < low:
        return Vote("BUY", clip((low - rsi) / 10.0), "RSI below its own 5 % level")
    high = min(max(high, DYNAMIC_HIGH[0]), DYNAMIC_HIGH[1])
    if rsi > high:
        return Vote("SELL", clip((rsi - high) / 10.0), "RSI above its own 95 % level")
    return None


@detector("rsi_div", family="MEANREV", warmup=360, needs=("rsi14",), oscillator=True, lookback=120)
def rsi_div(memory: Memory, scene: Scene) -> Vote | None:
    """Price made a lower low while RSI14 made a higher one, 5 to 60 bars apart; mirrored at highs.

    Known five bars after the second pivot, when it is confirmed; the score then halves every 10 bars and is dropped
    below 0.05. RSI needs 250 bars, the older pivot of the oldest divergence still told lies 108 bars back.
    """
    past: deque[float] | None = memory.get("past")
    if past is None or memory["bars"] != scene.bars - 1:
        memory.clear()
        past = memory["past"] = deque(maxlen=PIVOT_BARS + 1)
    memory["bars"] = scene.bars
    past.append(scene.row[_RSI])
    if len(past) > PIVOT_BARS and len(scene.lows) > 2 * PIVOT_BARS and not scene.synthetic[-1 - PIVOT_BARS]:
        place, rsi = scene.bars - PIVOT_BARS, past[0]
        lows, highs = scene.lows[-1 - 2 * PIVOT_BARS :], scene.highs[-1 - 2 * PIVOT_BARS :]
        low, high = lows[PIVOT_BARS], highs[PIVOT_BARS]
        # The first of equal extremes is the pivot: one for each plateau, none inside it.
        if low == min(lows) and low not in lows[:PIVOT_BARS]:
            _compare(memory, scene, "BUY", (place, -low, -rsi))
        if high == max(highs) and high not in highs[:PIVOT_BARS]:
            _compare(memory, scene, "SELL", (place, high, rsi))
    side: Side | None = memory.get("side")
    if side is None:
        return None
    age = scene.bars - memory["known"]
    score = memory["score"] * 2.0 ** (-age / DIVERGENCE_HALF_LIFE)
    if age >= DIVERGENCE_LIFE or score < DIVERGENCE_LEAST:
        memory["side"] = None
        return None
    word = "bullish" if side == "BUY" else "bearish"
    return Vote(side, score, f"{word} RSI divergence", memory["pivot_ms"])


def _compare(memory: Memory, scene: Scene, side: Side, pivot: tuple[int, float, float]) -> None:
    """A new pivot against the one before on its side: bar, price and RSI, negated for lows so that both read alike."""
    before: tuple[int, float, float] | None = memory.get(side)
    memory[side] = pivot
    if before is None or pivot[0] - before[0] > APART_MOST or not pivot[1] > before[1]:
        return
    points = before[2] - pivot[2]
    if points >= scene.settings.rsi_div_points:
        memory.update(side=side, known=scene.bars, score=clip(points / 10.0), pivot_ms=scene.times[-1 - PIVOT_BARS])


@detector("stoch", family="MEANREV", warmup=20, needs=("stoch_k", "stoch_d"), oscillator=True)
def stoch(memory: Memory, scene: Scene) -> Vote | None:
    """Stochastic (14, 3, 3): %K turns through %D while still at an extreme; speaks on the bar of the cross only."""
    k, d = scene.row[_K], scene.row[_D]
    before = memory.get("ahead", 0.0)
    ahead = memory["ahead"] = k - d
    low = scene.settings.stoch_low
    if before <= STOCH_EQUAL < ahead and k < low:
        return Vote("BUY", 0.8 * clip((low - k) / 20.0), f"Stochastic turns up from {k:.0f}")
    if before >= -STOCH_EQUAL > ahead and k > 100.0 - low:
        return Vote("SELL", 0.8 * clip((k - 100.0 + low) / 20.0), f"Stochastic turns down from {k:.0f}")
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
    if abs(z) <= least + BOLL_EQUAL:
        return None
    where = "above" if z > 0.0 else "below"
    return Vote("SELL" if z > 0.0 else "BUY", clip((abs(z) - least + 0.5) / 1.5), f"{abs(z):.1f}σ {where} the mean")


@detector("cci", family="MEANREV", warmup=20, needs=("cci20",), oscillator=True)
def cci(_memory: Memory, scene: Scene) -> Vote | None:
    """Commodity Channel Index of 20 bars beyond its limit; full strength at twice the limit (Lambert, 1980)."""
    value, limit = scene.row[_CCI], scene.settings.cci_limit
    if value < -limit:
        return Vote("BUY", clip((-value - limit) / limit), f"CCI −{-value:.0f} oversold")
    if value > limit:
        return Vote("SELL", clip((value - limit) / limit), f"CCI {value:.0f} overbought")
    return None


@detector("willr", family="MEANREV", warmup=15, needs=("willr14",), oscillator=True)
def willr(_memory: Memory, scene: Scene) -> Vote | None:
    """Williams %R of 14 bars: the close near the end of its recent range, full strength at the very end."""
    value, low = scene.row[_WILLR], scene.settings.willr_low
    if value < low - 100.0:
        return Vote("BUY", clip((low - 100.0 - value) / low), f"%R −{abs(value):.0f} oversold")
    if value > -low:
        return Vote("SELL", clip((value + low) / low), f"%R −{abs(value):.0f} overbought")
    return None


@detector("mfi", family="MEANREV", warmup=15, needs=("mfi14",), oscillator=True)
def mfi(_memory: Memory, scene: Scene) -> Vote | None:
    """Money Flow Index of 14 bars, an RSI weighted by volume, at an extreme; full strength at 5 and 95."""
    value, low = scene.row[_MFI], scene.settings.mfi_low
    if value < low:
        return Vote("BUY", clip((low - value) / (low - 5.0)), f"MFI {value:.0f} oversold")
    if value > 100.0 - low:
        return Vote("SELL", clip((value - 100.0 + low) / (low - 5.0)), f"MFI {value:.0f} overbought")
    return None


@detector("vwap_dev", family="MEANREV", warmup=vwap.WARMUP, needs=vwap.NEEDS, oscillator=True)
def vwap_dev(_memory: Memory, scene: Scene) -> Vote | None:
    """In a range: close far from its 30-bar VWAP, in deviations of a random walk. In a trend vwap_trend reads it."""
    if scene.regime != "range":
        return None
    share, z = vwap.vwap_deviation(scene)
    if abs(z) <= scene.settings.vwap_z:
        return None
    return Vote("SELL" if z > 0.0 else "BUY", clip((abs(z) - 1.0) / 2.0), vwap.vwap_words(share))
