"""The triggers of Stage 1: what makes a bar unusual, each a small function over the columns and the thresholds.

A trigger says how large its value is, from where on it fires, how far it is from firing and on which side of the market
it stands; how many families fire together decides what becomes of it (`core.screening.stage1`). Adding one is a
function and its registration here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.screening.columns import TriggerColumns
from core.screening.elementwise import even, larger, sign, where
from core.screening.thresholds import Thresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Role = Literal["reason", "hint", "suppress"]
"""`reason` counts toward a signal, `hint` is only told, `suppress` keeps the bar calm whatever else fires."""

BODY_SHARE = 0.3
"""A bar whose body is a smaller share of its range has no direction."""
DIVERGENCE_POINTS = 2.0
VWAP_FLOOR = 0.001
"""Deviation from the VWAP that counts at the least, as a share (the specification's 0.1 %)."""
BREAKOUT_TICKS = 2.0 - 1e-6
"""Two, less what the difference of two decimal prices loses in binary: a close exactly two ticks beyond is beyond."""
TOUCH_ATR = 0.1
DEPEG_SHARE = 0.005
"""Off the peg by more (methods sheet 4.3)."""
_LEAST = 1e-18


class Reading(NamedTuple):
    """Arrays (k,), one value per bar, or plain numbers of one bar; NaN where nothing is known, and there `fires` is False.

    `value` and `threshold` are in the trigger's unit; `distance` says how far the value is from firing, in that unit:
    negative is how far past it. `side`: 1 speaks for BUY, −1 for SELL, 0 for neither; also told while not firing.
    """

    value: Floats
    threshold: Floats
    distance: Floats
    side: Floats
    fires: Bools


class Trigger(NamedTuple):
    """One entry of the registry.

    `words` is the reason as a template over `value`, `threshold`, `over` (how the value lies, by side) and `family`.
    `full`: so far past the threshold, in the trigger's unit, strength is 1; `relative`: in thresholds instead.
    """

    code: str
    family: str
    unit: str
    unknown: str
    """What a reason lacks when nothing is known of it, in words."""
    words: tuple[str, str, str]
    """As a reason when the side is BUY, SELL or neither: templates with `{value}` and `{threshold}`."""
    full: float
    relative: bool
    role: Role
    reserved: bool
    """Speaks only for asset classes that name it."""
    read: Callable[[TriggerColumns, Thresholds], Reading]

    def strength(self, value: float, threshold: float, distance: float) -> float:
        """How far past its threshold, in [0, 1]; 0 when it does not fire."""
        reach = self.full * threshold if self.relative else self.full
        return min(1.0, max(0.0, -distance / reach)) if reach > 0.0 else 0.0

    def reason(self, value: float, threshold: float, side: float) -> str:
        """The reason in words."""
        return self.words[0 if side > 0.0 else 1 if side < 0.0 else 2].format(value=abs(value), threshold=threshold)


REGISTRY: dict[str, Trigger] = {}
"""By reason code, in the order in which reasons are told."""

_Read = Callable[[TriggerColumns, Thresholds], Reading]


def trigger(
    code: str,
    *,
    family: str,
    unit: str,
    words: tuple[str, str, str] | str,
    full: float,
    unknown: str = "",
    relative: bool = False,
    role: Role = "reason",
    reserved: bool = False,
) -> Callable[[_Read], _Read]:
    """Register a trigger. `words`: one template, or three for the sides BUY, SELL and neither. See `Trigger`."""

    def register(read: _Read) -> _Read:
        if code in REGISTRY:
            raise ValueError(f"trigger {code} is registered twice: give one of them another code")
        spoken = (words, words, words) if isinstance(words, str) else words
        REGISTRY[code] = Trigger(code, family, unit, unknown, spoken, full, relative, role, reserved, read)
        return read

    return register


def reasons_for(only: tuple[str, ...] = ()) -> tuple[Trigger, ...]:
    """The triggers that speak for an asset class; empty: all that are not reserved."""
    return tuple(entry for entry in REGISTRY.values() if (entry.code in only if only else not entry.reserved))


@trigger(
    "VOLUME_SPIKE",
    family="VOLUME",
    unit="σ",
    words=(
        "volume {value:.1f}σ above normal on a rising bar",
        "volume {value:.1f}σ above normal on a falling bar",
        "volume {value:.1f}σ above normal",
    ),
    unknown="volume not comparable: the 50 bars before hardly differ",
    full=3.0,
)
def volume_spike(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """Robust z of the volume against the 50 bars before; the bar's direction is the side where it has a body."""
    side = where(abs(columns.body) >= BODY_SHARE, sign(columns.body), 0.0)
    return _above(columns, columns.volume_z, thresholds.vol_z_threshold, side)


@trigger(
    "RSI_STATIC",
    family="MEANREV",
    unit="points",
    words=("RSI {value:.1f} below {threshold:g}: oversold", "RSI {value:.1f} above {threshold:g}: overbought", ""),
    unknown="RSI not known",
    full=20.0,
)
def rsi_static(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """RSI14 beyond fixed bounds (Wilder, 1978)."""
    return _outside(columns, columns.rsi, thresholds.rsi_oversold, thresholds.rsi_overbought)


@trigger(
    "RSI_DYNAMIC",
    family="MEANREV",
    unit="points",
    words=(
        "RSI {value:.1f} below its own 5 % level {threshold:.1f}",
        "RSI {value:.1f} above its own 95 % level {threshold:.1f}",
        "",
    ),
    unknown="usual range of the RSI not known",
    full=10.0,
)
def rsi_dynamic(columns: TriggerColumns, _thresholds: Thresholds) -> Reading:
    """RSI14 beyond its own 5 % and 95 % levels of the 500 bars before."""
    return _outside(columns, columns.rsi, columns.rsi_low, columns.rsi_high)


@trigger(
    "RSI_DIVERGENCE",
    family="MEANREV",
    unit="points",
    words=(
        "bullish divergence: lower low, RSI {value:.0f} points higher",
        "bearish divergence: higher high, RSI {value:.0f} points lower",
        "",
    ),
    unknown="RSI pivots not known",
    full=8.0,
)
def rsi_divergence(columns: TriggerColumns, _thresholds: Thresholds) -> Reading:
    """A pivot confirmed on this bar is more extreme than the one before while RSI14 at it is less so by 2 points."""
    up, down = columns.divergence_up, columns.divergence_down
    bullish = up >= down
    return _above(columns, where(bullish, up, down), DIVERGENCE_POINTS, where(bullish, 1.0, -1.0))


@trigger(
    "BREAKOUT_UP",
    family="LEVEL",
    unit="ATR",
    words="close {value:.1f} ATR above a level it was below",
    unknown="no level above the price to break",
    full=0.5,
)
def breakout_up(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """Close above a level by `breakout_atr` ATR and two ticks at the least, the previous close not above it."""
    return _beyond(columns, columns.up_distance, thresholds, 1.0)


@trigger(
    "BREAKOUT_DOWN",
    family="LEVEL",
    unit="ATR",
    words="close {value:.1f} ATR below a level it was above",
    unknown="no level below the price to break",
    full=0.5,
)
def breakout_down(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """Close below a level by `breakout_atr` ATR and two ticks at the least, the previous close not below it."""
    return _beyond(columns, columns.down_distance, thresholds, -1.0)


@trigger(
    "VWAP_DEVIATION",
    family="MEANREV",
    unit="σ",
    words=("{value:.1f}σ under the 30-bar VWAP", "{value:.1f}σ over the 30-bar VWAP", ""),
    unknown="VWAP not known: nothing traded or moved",
    full=2.0,
)
def vwap_deviation(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """Close far from the 30-bar VWAP: by `vwap_multiple` deviations of a random walk and 0.1 % at the least."""
    sigma = _positive(columns.vwap_sigma)
    threshold = larger(thresholds.vwap_multiple, VWAP_FLOOR / sigma)
    return _above(columns, abs(columns.vwap_deviation) / sigma, threshold, -sign(columns.vwap_deviation))


@trigger(
    "VOL_SPIKE",
    family="VOLATILITY",
    unit="%",
    words="too volatile: ATR {value:.2f} % a bar, gate {threshold:.2f} %",
    unknown="ATR not known",
    full=1.0,
    relative=True,
)
def vol_spike(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """ATR14 as a share of the price above `high_gate`."""
    value, threshold = 100.0 * columns.natr, even(columns, 100.0 * thresholds.high_gate)
    return _reading(columns, value, threshold, threshold - value, even(columns, 0.0), value > threshold)


@trigger(
    "DEPEG",
    family="PEG",
    unit="%",
    words=("{value:.2f} % below its peg for 3 bars", "{value:.2f} % above its peg for 3 bars", ""),
    unknown="its last 3 closes not known",
    full=1.0,
    reserved=True,
)
def depeg(columns: TriggerColumns, _thresholds: Thresholds) -> Reading:
    """A stable coin more than 0.5 % off 1 on three bars in a row, on the same side."""
    value, threshold = 100.0 * abs(columns.depeg), even(columns, 100.0 * DEPEG_SHARE)
    return Reading(value, threshold, threshold - value, -sign(columns.depeg), value > threshold)


@trigger(
    "LEVEL_TOUCH",
    family="LEVEL",
    unit="ATR",
    words="{value:.2f} ATR from a level",
    full=TOUCH_ATR,
    role="hint",
)
def level_touch(columns: TriggerColumns, _thresholds: Thresholds) -> Reading:
    """Close within 0.1 ATR of a level."""
    value, threshold = columns.level_distance / _positive(columns.atr), even(columns, TOUCH_ATR)
    return _reading(columns, value, threshold, value - threshold, even(columns, 0.0), value <= threshold)


@trigger(
    "QUIET",
    family="VOLATILITY",
    unit="%",
    words="too quiet: ATR {value:.3f} % a bar, gate {threshold:.3f} %",
    full=1.0,
    relative=True,
    role="suppress",
)
def quiet(columns: TriggerColumns, thresholds: Thresholds) -> Reading:
    """ATR14 as a share of the price below `low_gate`."""
    value, threshold = 100.0 * columns.natr, even(columns, 100.0 * thresholds.low_gate)
    return _reading(columns, value, threshold, value - threshold, even(columns, 0.0), value < threshold)


def _reading(
    columns: TriggerColumns, value: Floats, threshold: Floats, distance: Floats, side: Floats, fires: Bools
) -> Reading:
    return Reading(value, threshold, distance, side, fires & (columns.usable > 0.0))


def _above(columns: TriggerColumns, value: Floats, threshold: Floats | float, side: Floats) -> Reading:
    """Fires at the threshold and above."""
    bounds = even(columns, threshold) if isinstance(threshold, float) else threshold
    return _reading(columns, value, bounds, bounds - value, side, value >= bounds)


def _outside(columns: TriggerColumns, value: Floats, low: Floats | float, high: Floats | float) -> Reading:
    """Fires below `low` (BUY) and above `high` (SELL), not at them; otherwise tells of the nearer one."""
    to_low, to_high = value - low, high - value
    lower = to_low <= to_high
    distance = where(lower, to_low, to_high)
    return _reading(columns, value, where(lower, low, high), distance, where(lower, 1.0, -1.0), distance < 0.0)


def _beyond(columns: TriggerColumns, distance: Floats, thresholds: Thresholds, side: float) -> Reading:
    atr = _positive(columns.atr)
    threshold = larger(thresholds.breakout_atr, BREAKOUT_TICKS * columns.tick / atr)
    value = distance / atr
    # A close on the level itself is not beyond it, however small the distance asked for.
    fires = (value >= threshold) & (value > 0.0)
    return _reading(columns, value, threshold, threshold - value, even(columns, side), fires)


def _positive(values: Floats) -> Floats:
    """The values, NaN where they are zero but for rounding: nothing is measured in them then."""
    found: Floats = where(values > _LEAST, values, math.nan)
    return found
