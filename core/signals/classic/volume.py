"""Volume: an unusual bar, and on which side of the market volume has been of late."""

from __future__ import annotations

import math
from collections import deque
from operator import mul

from core.market.indicators import COLUMNS
from core.market.volume import MAD_TO_SIGMA
from core.signals.ranks import WINDOW, RollingRank
from core.signals.reading import Memory, Scene, Vote, clip, detector

_CMF = COLUMNS.index("cmf20")

SPIKE_BARS = 50
BODY_SHARE = 0.3
SLOPE_BARS = 20
_STEPS = SLOPE_BARS - 1
_WEIGHTS = tuple(6.0 * j * (SLOPE_BARS - j) / (SLOPE_BARS * (SLOPE_BARS**2 - 1)) for j in range(1, SLOPE_BARS))
"""Least-squares slope of a level over 20 bars, written as a weighted sum of its 19 steps."""


@detector("vol_spike", family="VOLUME", warmup=SPIKE_BARS + 1, needs=())
def vol_spike(_memory: Memory, scene: Scene) -> Vote | None:
    """Volume far above the 50 bars before (robust z of its logarithm) on a bar with a body: its direction counts."""
    body = scene.close - scene.opens[-1]
    if len(scene.volumes) <= SPIKE_BARS or body == 0.0:
        return None
    if not abs(body) >= BODY_SHARE * (scene.highs[-1] - scene.lows[-1]):
        return None
    past = sorted(scene.volumes[-SPIKE_BARS - 1 : -1])
    if not scene.volumes[-1] > past[SPIKE_BARS // 2]:
        return None
    logs = [math.log1p(volume) for volume in past]
    median = _middle(logs)
    spread = MAD_TO_SIGMA * _middle(sorted([abs(value - median) for value in logs]))
    if not spread > 0.0:
        return None
    z, least = (math.log1p(scene.volumes[-1]) - median) / spread, scene.settings.volume_z
    if z < least:
        return None
    return Vote("BUY" if body > 0.0 else "SELL", clip((z - least) / 3.0), f"volume {z:.1f}σ above normal")


def _middle(ordered: list[float]) -> float:
    return (ordered[SPIKE_BARS // 2 - 1] + ordered[SPIKE_BARS // 2]) / 2.0


@detector(
    "obv_slope", family="VOLUME", warmup=SLOPE_BARS + WINDOW, needs=(), oscillator=True, lookback=WINDOW + SLOPE_BARS
)
def obv_slope(memory: Memory, scene: Scene) -> Vote | None:
    """Slope of on-balance volume over 20 bars against its own last 1,000 values: more volume on rising or falling bars.

    On-balance volume itself never forgets where it began; its slope needs its last 19 steps only.
    """
    steps: deque[float] | None = memory.get("steps")
    if steps is None:
        steps = memory["steps"] = deque(maxlen=_STEPS)
        memory["ranks"] = RollingRank()
    closes, volumes = scene.closes, scene.volumes
    if len(closes) < 2:
        return None
    volume, change = volumes[-1], closes[-1] - closes[-2]
    steps.append(volume if change > 0.0 else -volume if change < 0.0 else 0.0)
    if len(steps) < _STEPS:
        return None
    mean = sum(volumes[-SLOPE_BARS:]) / SLOPE_BARS
    slope = sum(map(mul, _WEIGHTS, steps)) / mean if mean > 0.0 else math.nan
    rank: float = memory["ranks"].step(slope)
    if slope > 0.0 and rank > 0.5:
        return Vote("BUY", 2.0 * rank - 1.0, "volume on rising bars (OBV)")
    if slope < 0.0 and rank < 0.5:
        return Vote("SELL", 1.0 - 2.0 * rank, "volume on falling bars (OBV)")
    return None


@detector("cmf", family="VOLUME", warmup=20, needs=("cmf20",), oscillator=True)
def cmf(_memory: Memory, scene: Scene) -> Vote | None:
    """Chaikin Money Flow of 20 bars: closes near the highs on volume (or near the lows), by more than a little."""
    flow = scene.row[_CMF]
    if abs(flow) <= scene.settings.cmf_min:
        return None
    sign = "+" if flow > 0.0 else "−"
    return Vote("BUY" if flow > 0.0 else "SELL", clip(abs(flow) / 0.25), f"money flow {sign}{abs(flow):.2f}")
