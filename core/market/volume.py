"""How unusual the volume of the newest bar is (methods sheet 4.1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation of a normal distribution (Hampel, 1974)."""


def robust_volume_z(volume: NDArray[np.float64], bars: int = 50) -> float:
    """Robust z of the last value against the `bars` before it: x = ln(1 + V), (x - median) / (1.4826 MAD).

    The current bar is left out of the window: inside it, z could never exceed (n - 1) / sqrt(n). NaN with fewer than
    `bars + 1` values or when the window does not vary.
    """
    if len(volume) <= bars:
        return math.nan
    logs = np.log1p(volume[-bars - 1 :])
    past, current = logs[:-1], logs[-1]
    median = np.median(past)
    spread = float(np.median(np.abs(past - median)))
    if not spread > 0.0:
        return math.nan
    return float((current - median) / (MAD_TO_SIGMA * spread))
