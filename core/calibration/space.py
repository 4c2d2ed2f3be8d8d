"""What a search may choose: eight parameters, their ranges, and the thresholds a point stands for (methods sheet 5).

The gates are chosen as quantiles of the asset's own NATR over the bars searched on, so that a point means the same for
every asset; what comes out are prices' shares again. `breakout_atr` and `atr_target` are not searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from core.screening.thresholds import Thresholds, problems

Floats = NDArray[np.float64]
Point = dict[str, float]


class Parameter(NamedTuple):
    """`threshold`: the name of what it sets; `quantile`: it is a share of the asset's own NATR.

    Triggers fire most easily at the least value, or at the most (`lax_most`).
    """

    name: str
    threshold: str
    least: float
    most: float
    quantile: bool = False
    lax_most: bool = False


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("vol_z_threshold", "vol_z_threshold", 2.0, 4.0),
    Parameter("rsi_oversold", "rsi_oversold", 15.0, 40.0, lax_most=True),
    Parameter("rsi_overbought", "rsi_overbought", 60.0, 85.0),
    Parameter("vwap_multiple", "vwap_multiple", 1.0, 3.0),
    Parameter("low_quantile", "low_gate", 0.02, 0.30, quantile=True),
    Parameter("high_quantile", "high_gate", 0.80, 0.99, quantile=True),
    Parameter("tp_mult", "tp_mult", 1.5, 5.0),
    Parameter("sl_mult", "sl_mult", 0.5, 2.0),
)
SEARCHED: tuple[str, ...] = tuple(parameter.threshold for parameter in PARAMETERS)
"""The thresholds a calibration sets."""


class Space:
    """The points over a stretch of bars: `natr` (n,) of that stretch, NaN left out, and what is not searched from `base`."""

    def __init__(self, natr: Floats, base: Thresholds) -> None:
        self.natr = np.sort(natr[np.isfinite(natr)])
        self.base = base

    def thresholds(self, point: Mapping[str, float]) -> Thresholds:
        """What a point stands for; the gates of `base` where the stretch has no two different volatilities."""
        found = {}
        for parameter in PARAMETERS:
            value = point[parameter.name]
            if not parameter.quantile:
                found[parameter.threshold] = value
            elif len(self.natr):
                found[parameter.threshold] = float(np.quantile(self.natr, value))
        made = replace(self.base, **found)
        if problems(made):
            made = replace(made, low_gate=self.base.low_gate, high_gate=self.base.high_gate)
        return made

    @property
    def laxest(self) -> Thresholds:
        """Thresholds at which any point's triggers would fire as well."""
        return self.thresholds(
            {parameter.name: parameter.most if parameter.lax_most else parameter.least for parameter in PARAMETERS}
        )

    def point(self, thresholds: Thresholds) -> Point:
        """The point nearest to some thresholds, every parameter held within its range."""
        found = {}
        for parameter in PARAMETERS:
            value = getattr(thresholds, parameter.threshold)
            if parameter.quantile:
                value = float(np.searchsorted(self.natr, value)) / len(self.natr) if len(self.natr) else parameter.least
            found[parameter.name] = min(max(value, parameter.least), parameter.most)
        return found


def scaled(points: list[Point]) -> Floats:
    """Points (n, 8) with every range laid on [0, 1], so that distances mean something."""
    least = np.array([parameter.least for parameter in PARAMETERS])
    reach = np.array([parameter.most for parameter in PARAMETERS]) - least
    rows = np.array([[point[parameter.name] for parameter in PARAMETERS] for point in points], dtype=np.float64)
    placed: Floats = (rows.reshape(len(points), len(PARAMETERS)) - least) / reach
    return placed
