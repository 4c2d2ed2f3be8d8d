"""Levels: the channel of the last bars, broken."""

from __future__ import annotations

from core.signals.reading import Memory, Scene, Vote, clip, detector


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
