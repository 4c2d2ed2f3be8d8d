"""Momentum: MACD, and the move of the last ten bars against its own past."""

from __future__ import annotations

import math

from core.market.indicators import COLUMNS
from core.signals.ranks import WINDOW, RollingRank
from core.signals.reading import Memory, Scene, Vote, clip, detector

_MACD, _STD = COLUMNS.index("macd_hist"), COLUMNS.index("return_std60")

ROC_BARS = 10
_ROOT = math.sqrt(ROC_BARS)


@detector("macd", family="MOMENTUM", warmup=230, needs=("macd_hist", "atr14"), oscillator=True)
def macd(memory: Memory, scene: Scene) -> Vote | None:
    """MACD histogram on one side of zero and moving further away from it, in units of ATR."""
    # The score is the histogram in quarters of ATR: to have it to 1e-6 takes 30 bars more than the histogram itself.
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


@detector("roc", family="MOMENTUM", warmup=61 + WINDOW, needs=("return_std60",), oscillator=True, lookback=WINDOW)
def roc(memory: Memory, scene: Scene) -> Vote | None:
    """The move of the last 10 bars, large for this market: its rank among the 1,000 before, on the move's own side.

    The move is ln(c/c[-10]) over what 60 bars of noise would give. A rise that is no more than usual is silent.
    """
    ranks: RollingRank | None = memory.get("ranks")
    if ranks is None:
        ranks = memory["ranks"] = RollingRank()
    closes, spread = scene.closes, scene.row[_STD]
    move = math.nan
    if len(closes) > ROC_BARS and spread > 0.0:
        ratio = closes[-1] / closes[-1 - ROC_BARS] if closes[-1 - ROC_BARS] > 0.0 else math.nan
        move = math.log(ratio) / (spread * _ROOT) if ratio > 0.0 else math.nan
    rank = ranks.step(move)
    if move > 0.0 and rank > 0.5:
        return Vote("BUY", 2.0 * rank - 1.0, f"{ROC_BARS}-bar move in top {_percent(1.0 - rank)} %")
    if move < 0.0 and rank < 0.5:
        return Vote("SELL", 1.0 - 2.0 * rank, f"{ROC_BARS}-bar move in bottom {_percent(rank)} %")
    return None


def _percent(share: float) -> int:
    return max(1, math.ceil(share * 100.0 - 1e-9))
