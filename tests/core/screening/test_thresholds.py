"""Thresholds: where each value came from, what volatility makes of them, and what is left of them once expired."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.volatility import NO_SAMPLE, NatrSample
from core.screening.thresholds import (
    NAMES,
    SPANS,
    InForce,
    Thresholds,
    adaptive_from_atr,
    at,
    changed,
    from_class,
    on_class,
    problems,
    without_expired,
)

DEFAULT = Thresholds()


def sample(low: float, high: float) -> NatrSample:
    """Quantiles rising evenly from `low` to `high`."""
    return NatrSample(tuple(low + (high - low) * k / 100.0 for k in range(101)), 7.0)


def test_defaults_are_sound_and_every_name_has_a_span() -> None:
    assert problems(DEFAULT) == ()
    assert set(SPANS) == set(NAMES)


@pytest.mark.parametrize(("median_percent", "z"), [(0.2, 3.0), (0.5, 3.0), (1.25, 2.5), (2.0, 2.0), (9.0, 2.0)])
def test_the_volume_threshold_falls_with_volatility(median_percent: float, z: float) -> None:
    share = median_percent / 100.0
    found = adaptive_from_atr(from_class(DEFAULT), sample(0.001, 0.002), sample(share, share))
    assert found.values.vol_z_threshold == pytest.approx(z)
    assert found.values.atr_target == pytest.approx(median_percent)
    assert found.values.low_gate == pytest.approx(0.0011)
    assert found.values.high_gate == pytest.approx(0.00195)
    adaptive = {"low_gate", "high_gate", "atr_target", "vol_z_threshold"}
    assert found.sources == {name: "adaptive" if name in adaptive else "class" for name in NAMES}
    assert found.is_default


def test_nothing_stored_changes_nothing() -> None:
    current = from_class(DEFAULT)
    assert adaptive_from_atr(current, NO_SAMPLE, NO_SAMPLE) == current


def test_adaptive_leaves_what_was_fitted_or_set_by_hand() -> None:
    mine = changed(from_class(DEFAULT), "operator", 5, 10, vol_z_threshold=3.5, low_gate=0.0001)
    found = adaptive_from_atr(mine, sample(0.001, 0.002), sample(0.02, 0.02))
    assert (found.values.vol_z_threshold, found.values.low_gate) == (3.5, 0.0001)
    assert found.sources["vol_z_threshold"] == "operator"
    assert found.sources["high_gate"] == "adaptive"
    assert not found.is_default


def test_a_gate_set_by_hand_is_not_crossed_by_the_other_one() -> None:
    mine = changed(from_class(DEFAULT), "operator", 5, 10, high_gate=0.0009)
    found = adaptive_from_atr(mine, sample(0.001, 0.002), NO_SAMPLE)
    assert problems(found.values) == ()
    assert (found.values.low_gate, found.sources["low_gate"]) == (DEFAULT.low_gate, "class")


@pytest.mark.parametrize(
    ("values", "word"),
    [({"rsi_oversold": 60.0}, "rsi_oversold is 60"), ({"vol_z_threshold": math.nan}, "vol_z_threshold is nan"),
     ({"low_gate": 0.01}, "not below high_gate"), ({"speed": 1.0}, "no such threshold")],
)  # fmt: skip
def test_a_senseless_change_is_refused_in_words(values: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        changed(from_class(DEFAULT), "operator", 5, 10, **values)


def test_expired_values_stand_half_way_to_the_class_default() -> None:
    current = changed(from_class(DEFAULT), "calibrated", 100, 1_000, vol_z_threshold=2.0, rsi_oversold=20.0)
    assert at(current, DEFAULT, 999) == current
    found = at(current, DEFAULT, 1_000)
    assert found.blended
    assert (found.values.vol_z_threshold, found.values.rsi_oversold) == (2.5, 25.0)
    assert found.sources == current.sources
    assert msgspec.structs.replace(found.values, vol_z_threshold=3.0, rsi_oversold=30.0) == DEFAULT
    assert at(found, DEFAULT, 2_000) == found, "blended once, not again on every look"


def test_every_value_expires_by_its_own_date() -> None:
    first = changed(from_class(DEFAULT), "calibrated", 100, 1_000, vol_z_threshold=2.0, tp_mult=5.0)
    both = changed(first, "operator", 500, 3_000, rsi_oversold=20.0)
    assert (both.expires_ms, both.later, both.since_ms) == (1_000, {"rsi_oversold": 3_000}, 500)
    assert [both.expires_of(name) for name in ("tp_mult", "rsi_oversold", "sl_mult")] == [1_000, 3_000, 0]
    found = at(both, DEFAULT, 1_000).values
    assert (found.vol_z_threshold, found.rsi_oversold) == (2.5, 20.0)
    assert at(both, DEFAULT, 3_000).values.rsi_oversold == 25.0
    renewed = changed(both, "calibrated", 2_000, 9_000, vol_z_threshold=2.0, tp_mult=5.0)
    assert (renewed.expires_ms, renewed.later) == (3_000, {"vol_z_threshold": 9_000, "tp_mult": 9_000})
    given_back = without_expired(both, DEFAULT, 1_000)
    assert (given_back.fitted, given_back.expires_ms) == (("rsi_oversold",), 3_000)
    assert given_back.values == Thresholds(rsi_oversold=20.0)
    assert without_expired(both, DEFAULT, 999) is both


def test_a_blend_never_crosses_the_gates() -> None:
    low = changed(from_class(DEFAULT), "calibrated", 100, 1_000, low_gate=0.0008, high_gate=0.002)
    both = changed(low, "operator", 500, 3_000, high_gate=0.0009)
    wide = Thresholds(low_gate=0.0028, high_gate=0.003)
    assert problems(at(both, wide, 1_000).values) == ()


def test_class_values_follow_the_class_and_the_others_stay() -> None:
    mine = changed(from_class(DEFAULT), "operator", 5, 10, tp_mult=5.0, high_gate=0.001)
    found = on_class(mine, Thresholds(tp_mult=9.0, sl_mult=2.0, low_gate=0.002, high_gate=0.004))
    assert (found.values.tp_mult, found.values.sl_mult) == (5.0, 2.0)
    assert (found.values.low_gate, found.values.high_gate) == (DEFAULT.low_gate, 0.001), "gates never cross"
    assert on_class(mine, DEFAULT) is mine


def test_volatility_beyond_all_reason_stays_within_the_range() -> None:
    found = adaptive_from_atr(from_class(DEFAULT), sample(0.2, 0.9), sample(0.9, 0.9))
    assert problems(found.values) == ()
    assert (found.values.low_gate, found.values.high_gate, found.values.atr_target) == (0.05, 0.5, 50.0)


def test_class_defaults_do_not_expire() -> None:
    current = from_class(DEFAULT)
    assert at(current, DEFAULT, 1 << 60) == current


@given(st.fixed_dictionaries({name: st.floats(*SPANS[name][:2]) for name in NAMES}), st.integers(0, 2_000))
def test_what_is_in_force_is_always_sound(values: dict[str, float], now_ms: int) -> None:
    values["high_gate"] = values["low_gate"] + 0.001
    current = InForce(values=Thresholds(**values), sources=dict.fromkeys(NAMES, "calibrated"), expires_ms=1_000)
    assert problems(at(current, DEFAULT, now_ms).values) == ()


def test_thresholds_survive_storage() -> None:
    current = changed(from_class(DEFAULT), "operator", 5, 10, sl_mult=0.8)
    assert msgspec.json.decode(msgspec.json.encode(current), type=InForce) == current
