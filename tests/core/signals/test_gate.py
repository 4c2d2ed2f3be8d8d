"""The volatility gate: half weight where it is too quiet, seven tenths where it is too wild, one elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from core.settings import Detectors
from core.signals.gate import ATR_BARS, OPEN, WARMUP, AtrGate, Gate

SETTINGS = Detectors()


def gates(values: Iterable[float], settings: Detectors = SETTINGS) -> list[Gate]:
    gate = AtrGate()
    return [gate.step(value, settings) for value in values]


def past() -> list[float]:
    """Bars up to one before the first that is judged; settled values are 1 to 1,000 in steps of 1, shuffled."""
    settled = np.random.default_rng(1).permutation(np.arange(1.0, WARMUP - ATR_BARS + 1.0))
    return [1e6] * (ATR_BARS - 1) + [float(value) for value in settled]


@pytest.mark.parametrize(
    ("natr", "factor", "reason"),
    [
        (0.002, 0.5, "too quiet: ATR 0.20 %"),
        (100.4, 1.0, ""),
        (500.5, 1.0, ""),
        (950.4, 1.0, ""),
        (951.4, 0.7, "too volatile: ATR 95140.00 %"),
    ],
)
def test_the_factor_follows_the_share_of_the_last_thousand(natr: float, factor: float, reason: str) -> None:
    assert gates([*past(), natr])[-1] == Gate(factor, reason)


def test_exactly_at_the_bounds_it_is_open() -> None:
    assert gates([*past(), 100.5])[-1] == OPEN, "rank 0.10"
    assert gates([*past(), 950.5])[-1] == OPEN, "rank 0.95"
    assert gates([*past(), 99.5])[-1].factor == 0.5
    assert gates([*past(), 951.5])[-1].factor == 0.7


def test_the_bounds_are_settings() -> None:
    narrow = Detectors(natr_low_share=0.4, natr_high_share=0.6)
    assert gates([*past(), 399.5], narrow)[-1].factor == 0.5
    assert gates([*past(), 601.5], narrow)[-1].factor == 0.7


def test_before_its_history_is_settled_and_full_it_is_open() -> None:
    assert set(gates([*past()[:-1], 0.0])) == {OPEN}
    assert len(past()) + 1 == WARMUP
    assert set(gates([0.0] * 3000)) == {OPEN}, "a flat market is no quieter than itself"


def test_a_missing_value_opens_it_and_harms_no_later_one() -> None:
    found = gates([*past(), math.nan, 0.0])
    assert found[-2] == OPEN
    assert found[-1].factor == 0.5


def test_switched_off_it_is_open_but_keeps_counting() -> None:
    gate = AtrGate()
    for value in past():
        gate.step(value, SETTINGS)
    assert gate.step(0.0, Detectors(off=("atr_gate",))) == OPEN
    assert gate.step(0.0, SETTINGS).factor == 0.5


def test_its_word_does_not_depend_on_where_history_began() -> None:
    values = np.random.default_rng(3).lognormal(-6.0, 0.5, 3000).tolist()
    whole = gates(values)
    for start in (1, 400, 1500):
        late = gates(values[start:])
        assert late[WARMUP - 1 :] == whole[start + WARMUP - 1 :]
    assert {gate.factor for gate in whole} == {0.5, 0.7, 1.0}
