"""The thresholds of one asset: their values, where each came from, and what becomes of them when they expire."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.market.volatility import NatrSample
from core.messages import ThresholdSource

LOW_GATE_SHARE = 0.10
HIGH_GATE_SHARE = 0.95
"""Gates of an uncalibrated asset: these quantiles of its own NATR of seven days (methods sheet 4.1)."""
VOL_Z_MOST = 3.0
VOL_Z_LEAST = 2.0
CALM_PERCENT = 0.5
"""Hourly NATR in percent up to which the volume threshold stays at its highest."""
EXPIRED_WEIGHT = 0.5
"""Share of an expired value in the blend with its class default (methods sheet 5)."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """What the triggers of Stage 1 and the trades that follow compare with.

    Gates are NATR14 of one-minute bars as a share of the price; `atr_target` is percent an hour; `vol_z_threshold`
    in robust deviations; `vwap_multiple` in deviations of the close from its VWAP30; `breakout_atr`, `tp_mult` and
    `sl_mult` in ATR14.
    """

    low_gate: float = 0.0003
    high_gate: float = 0.003
    atr_target: float = 1.0
    vol_z_threshold: float = 3.0
    rsi_oversold: float = 30.0
    rsi_overbought: float = 70.0
    vwap_multiple: float = 2.0
    breakout_atr: float = 0.1
    tp_mult: float = 3.0
    sl_mult: float = 1.0


NAMES: tuple[str, ...] = Thresholds.__struct_fields__


class Span(NamedTuple):
    """Smallest and largest value that makes sense."""

    least: float
    most: float


SPANS: dict[str, Span] = {
    "low_gate": Span(0.0, 0.05),
    "high_gate": Span(0.0, 0.5),
    "atr_target": Span(0.0, 50.0),
    "vol_z_threshold": Span(1.0, 10.0),
    "rsi_oversold": Span(5.0, 45.0),
    "rsi_overbought": Span(55.0, 95.0),
    "vwap_multiple": Span(0.5, 6.0),
    "breakout_atr": Span(0.0, 3.0),
    "tp_mult": Span(0.5, 20.0),
    "sl_mult": Span(0.1, 10.0),
}


def problems(values: Thresholds) -> tuple[str, ...]:
    """What is wrong with the values, in words that name the value and the remedy; empty: nothing."""
    found = [
        f"{name} is {value:g}: give a number from {span.least:g} to {span.most:g}"
        for name, span in SPANS.items()
        if not span.least <= (value := getattr(values, name)) <= span.most
    ]
    if values.low_gate >= values.high_gate:
        found.append(f"low_gate {values.low_gate:g} is not below high_gate {values.high_gate:g}: move one of them")
    return tuple(found)


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds an asset is watched with. `sources` has one entry per name of `NAMES`.

    `since_ms` is when the newest of them was set; `expires_ms` 0: class defaults and adaptive values do not expire.
    """

    values: Thresholds
    sources: dict[str, ThresholdSource]
    since_ms: int = 0
    expires_ms: int = 0
    blended: bool = False
    """Expired: each value that had been calibrated or set by hand stands half way back to its class default."""

    @property
    def is_default(self) -> bool:
        """Nothing of it was fitted or set by hand."""
        return not any(source in ("calibrated", "operator") for source in self.sources.values())


def from_class(values: Thresholds) -> InForce:
    """Class defaults, as they stand in force for an asset of which nothing is known."""
    return InForce(values=values, sources=dict.fromkeys(NAMES, "class"))


def changed(current: InForce, source: ThresholdSource, now_ms: int, expires_ms: int, **values: float) -> InForce:
    """`current` with some values set by `source`. Raises ValueError that says what is wrong with them."""
    unknown = sorted(set(values) - set(NAMES))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such threshold; there are {', '.join(NAMES)}")
    made = msgspec.structs.replace(current.values, **values)
    wrong = problems(made)
    if wrong:
        raise ValueError("; ".join(wrong))
    sources = current.sources | dict.fromkeys(values, source)
    return InForce(values=made, sources=sources, since_ms=now_ms, expires_ms=expires_ms)


def adaptive_from_atr(current: InForce, minute: NatrSample, hourly: NatrSample) -> InForce:
    """Fit what its own volatility says to an asset without calibration (methods sheet 4.1).

    `minute` and `hourly` are NATR14 of seven days at one-minute and one-hour bars. The gates are quantiles of the
    first; with a = median of the second in percent, atr_target = a and vol_z_threshold = 3 − (a − 0.5) / 1.5 within
    2 to 3. Only values still from the class or adaptive are touched; what is not stored changes nothing.
    """
    wanted: dict[str, float] = {}
    low, high = minute.quantile(LOW_GATE_SHARE), minute.quantile(HIGH_GATE_SHARE)
    if low < high:
        wanted.update(low_gate=low, high_gate=high)
    percent = 100.0 * hourly.quantile(0.5)
    if percent == percent:
        z = VOL_Z_MOST - (percent - CALM_PERCENT) / 1.5
        wanted.update(atr_target=percent, vol_z_threshold=min(max(z, VOL_Z_LEAST), VOL_Z_MOST))
    wanted = {name: value for name, value in wanted.items() if current.sources[name] in ("class", "adaptive")}
    values = msgspec.structs.replace(current.values, **wanted)
    if problems(values):  # a gate set by hand beyond the other one's own quantile
        for name in ("low_gate", "high_gate"):
            wanted.pop(name, None)
        values = msgspec.structs.replace(current.values, **wanted)
    sources = current.sources | dict.fromkeys(wanted, "adaptive")
    return msgspec.structs.replace(current, values=values, sources=sources)


def at(current: InForce, default: Thresholds, now_ms: int) -> InForce:
    """What is in force at `now_ms`: expired values are blended half and half with their class default, and say so."""
    if current.blended or not current.expires_ms or now_ms < current.expires_ms:
        return current
    blend = {
        name: EXPIRED_WEIGHT * getattr(current.values, name) + (1.0 - EXPIRED_WEIGHT) * getattr(default, name)
        for name, source in current.sources.items()
        if source in ("calibrated", "operator")
    }
    values = msgspec.structs.replace(current.values, **blend)
    return msgspec.structs.replace(current, values=values, blended=True)
