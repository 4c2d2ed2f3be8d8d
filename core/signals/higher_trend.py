"""What the longer timeframes say, as one voice."""

from __future__ import annotations

from core.messages import Regime
from core.signals.higher import WARMUP_BARS
from core.signals.reading import Memory, Scene, Vote, Warming, detector

_WORDS: dict[Regime, str] = {
    "trend_up": "trend up",
    "trend_down": "trend down",
    "range": "range",
    "undefined": "unclear",
}
_SIGNS: dict[Regime, float] = {"trend_up": 1.0, "trend_down": -1.0, "range": 0.0, "undefined": 0.0}


@detector("higher_trend", family="TREND", warmup=195, needs=("atr14",), lookback=1)
def higher_trend(_memory: Memory, scene: Scene) -> Vote | Warming | None:
    """The trend of the next two longer timeframes as of their last close: the mean of their regimes' confidence, up minus
    down, a range counting nothing."""
    frames = scene.higher
    if not frames:
        return None
    for frame in frames:
        if not frame.warm:
            return Warming(f"{frame.timeframe} needs {WARMUP_BARS} bars")
    mean = sum(_SIGNS[frame.regime] * frame.confidence for frame in frames) / len(frames)
    if mean == 0.0:
        return None
    reason = ", ".join(f"{frame.timeframe} {_WORDS[frame.regime]}" for frame in frames)
    return Vote("BUY" if mean > 0.0 else "SELL", abs(mean), reason)
