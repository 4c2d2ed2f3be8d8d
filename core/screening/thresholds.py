"""The thresholds of one asset: their values, where each came from, and what becomes of them when they expire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from core.messages import ThresholdCatalogue, ThresholdInfo, ThresholdSource

if TYPE_CHECKING:  # the settings check class defaults with this module before the first frame, without numpy
    from core.market.volatility import NatrSample

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


FITTED: tuple[ThresholdSource, ...] = ("calibrated", "operator")
"""Sources whose values expire."""


class Span(NamedTuple):
    """Smallest and largest value that makes sense, the unit, and what the threshold is about."""

    least: float
    most: float
    unit: str
    about: str


SPANS: dict[str, Span] = {
    "low_gate": Span(
        0.0, 0.05, "NATR 1m", "calmer than this, ATR14 over close of one-minute bars: quiet, nothing alerts"
    ),
    "high_gate": Span(0.0, 0.5, "NATR 1m", "wilder than this, ATR14 over close of one-minute bars: a volatility spike"),
    "atr_target": Span(0.0, 50.0, "% per hour", "its usual ATR14 of one-hour bars, in percent of the price"),
    "vol_z_threshold": Span(1.0, 10.0, "robust deviations", "volume this far above its last 50 minutes is a spike"),
    "rsi_oversold": Span(5.0, 45.0, "RSI14 points", "oversold below this"),
    "rsi_overbought": Span(55.0, 95.0, "RSI14 points", "overbought above this"),
    "vwap_multiple": Span(0.5, 6.0, "deviations", "a close this far from its 30-minute VWAP counts"),
    "breakout_atr": Span(0.0, 3.0, "ATR14", "a close this far beyond a level breaks it"),
    "tp_mult": Span(0.5, 20.0, "ATR14", "first target, from the entry"),
    "sl_mult": Span(0.1, 10.0, "ATR14", "stop, from the entry, where no level gives one"),
}


def catalogue() -> ThresholdCatalogue:
    """Every threshold, for the screens."""
    return ThresholdCatalogue(
        thresholds=tuple(
            ThresholdInfo(name=name, least=span.least, most=span.most, unit=span.unit, about=span.about)
            for name, span in SPANS.items()
        )
    )


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

    `since_ms` is when the newest of them was set. `expires_ms` is when the first fitted value expires, `later` holds
    those that expire later, by name; 0: nothing expires, as class defaults and adaptive values never do.
    """

    values: Thresholds
    sources: dict[str, ThresholdSource]
    since_ms: int = 0
    expires_ms: int = 0
    later: dict[str, int] = {}
    blended: bool = False
    """Expired: those values that have stand half way back to their class default."""

    @property
    def fitted(self) -> tuple[str, ...]:
        """Names of the values that were calibrated or set by hand."""
        return tuple(name for name in NAMES if self.sources[name] in FITTED)

    @property
    def is_default(self) -> bool:
        """Nothing of it was fitted or set by hand."""
        return not self.fitted

    def expires_of(self, name: str) -> int:
        """When this value expires; 0: never."""
        return self.later.get(name, self.expires_ms) if self.sources[name] in FITTED else 0


def from_class(values: Thresholds) -> InForce:
    """Class defaults, as they stand in force for an asset of which nothing is known."""
    return InForce(values=values, sources=dict.fromkeys(NAMES, "class"))


def dated(
    values: Thresholds, sources: dict[str, ThresholdSource], since_ms: int, expires: Mapping[str, int]
) -> InForce:
    """Thresholds in force from when each fitted value expires; what `expires` says of others counts for nothing."""
    moments = {name: expires[name] for name in NAMES if sources[name] in FITTED}
    first = min(moments.values(), default=0)
    later = {name: moment for name, moment in moments.items() if moment > first}
    return InForce(values=values, sources=sources, since_ms=since_ms, expires_ms=first, later=later)


def changed(current: InForce, source: ThresholdSource, now_ms: int, expires_ms: int, **values: float) -> InForce:
    """`current` with some values set by `source`; the others expire when they did before.

    Raises ValueError that says what is wrong with them.
    """
    unknown = sorted(set(values) - set(NAMES))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such threshold; there are {', '.join(NAMES)}")
    made = msgspec.structs.replace(current.values, **values)
    wrong = problems(made)
    if wrong:
        raise ValueError("; ".join(wrong))
    sources = current.sources | dict.fromkeys(values, source)
    expires = {name: current.expires_of(name) for name in current.fitted} | dict.fromkeys(values, expires_ms)
    return dated(made, sources, now_ms, expires)


def without_expired(current: InForce, default: Thresholds, now_ms: int) -> InForce:
    """`current` with expired values given back to the class, for a new calibration that does not renew them."""
    over = [name for name in current.fitted if current.expires_of(name) <= now_ms]
    if not over:
        return current
    sources = current.sources | dict.fromkeys(over, "class")
    expires = {name: current.expires_of(name) for name in current.fitted}
    return on_class(dated(current.values, sources, current.since_ms, expires), default)


def on_class(current: InForce, default: Thresholds) -> InForce:
    """`current` with the values that come from the class as the class has them now.

    A gate that would cross one set otherwise stays where it is.
    """
    wanted = {name: getattr(default, name) for name in NAMES if current.sources[name] == "class"}
    values = msgspec.structs.replace(current.values, **wanted)
    if problems(values):
        wanted = {name: value for name, value in wanted.items() if name not in ("low_gate", "high_gate")}
        values = msgspec.structs.replace(current.values, **wanted)
    return current if values == current.values else msgspec.structs.replace(current, values=values)


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
    wanted = {
        name: min(max(value, SPANS[name].least), SPANS[name].most)
        for name, value in wanted.items()
        if current.sources[name] not in FITTED
    }
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
        for name in current.fitted
        if current.expires_of(name) <= now_ms
    }
    values = msgspec.structs.replace(current.values, **blend)
    if values.low_gate >= values.high_gate:  # one of them was set otherwise beyond the middle of the other
        values = msgspec.structs.replace(values, low_gate=current.values.low_gate, high_gate=current.values.high_gate)
    return msgspec.structs.replace(current, values=values, blended=True)
