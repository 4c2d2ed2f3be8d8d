"""How far the close is from the average price paid of late (methods sheet 4.1)."""

from __future__ import annotations

import math

from core.market.indicators import COLUMNS
from core.signals.reading import Scene

VWAP_BARS = 30
NEEDS = ("vwap30", "return_std240", "atr14")
WARMUP = 300
"""The regime decides what a deviation means, and it needs 300 bars; deviations themselves need 241."""

_VWAP, _STD = COLUMNS.index("vwap30"), COLUMNS.index("return_std240")
_PATH = math.sqrt(VWAP_BARS / 3.0)
"""Deviation of the close from the mean of a random walk over 30 bars, in deviations of one bar."""


def vwap_deviation(scene: Scene) -> tuple[float, float]:
    """Deviation from the 30-bar VWAP as a share of it, and in standard deviations; zeros where nothing varies."""
    vwap, spread = scene.row[_VWAP], scene.row[_STD]
    if not vwap > 0.0 or not spread > 0.0:
        return 0.0, 0.0
    share = (scene.close - vwap) / vwap
    return share, share / (spread * _PATH)


def vwap_words(share: float) -> str:
    """The deviation as a reason."""
    return f"{abs(share) * 100.0:.1f} % {'over' if share > 0.0 else 'under'} {VWAP_BARS}-bar VWAP"
