"""The search space: what a point stands for, and the point nearest to some thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.calibration.space import PARAMETERS, SEARCHED, Space, scaled
from core.screening.thresholds import NAMES, SPANS, Thresholds, problems

NATR = np.linspace(0.0005, 0.0025, 2001)
POINTS = some.fixed_dictionaries({p.name: some.floats(p.least, p.most) for p in PARAMETERS})


@given(point=POINTS)
def test_every_point_is_a_valid_set_and_its_own_nearest_point(point: dict[str, float]) -> None:
    space = Space(NATR, Thresholds(breakout_atr=0.3, atr_target=2.0))
    found = space.thresholds(point)
    assert problems(found) == ()
    assert (found.breakout_atr, found.atr_target) == (0.3, 2.0)
    assert space.point(found) == pytest.approx(point, abs=1e-3)


@given(point=POINTS)
def test_no_point_is_laxer_than_the_laxest(point: dict[str, float]) -> None:
    space = Space(NATR, Thresholds())
    found, lax = space.thresholds(point), space.laxest
    assert found.low_gate >= lax.low_gate
    assert found.high_gate >= lax.high_gate
    assert found.vol_z_threshold >= lax.vol_z_threshold
    assert found.vwap_multiple >= lax.vwap_multiple
    assert found.rsi_oversold <= lax.rsi_oversold
    assert found.rsi_overbought >= lax.rsi_overbought


def test_gates_are_quantiles_of_the_bars_searched_on() -> None:
    point = {p.name: p.least for p in PARAMETERS} | {"low_quantile": 0.1, "high_quantile": 0.9}
    found = Space(np.concatenate([NATR, [np.nan]]), Thresholds()).thresholds(point)
    assert found.low_gate == pytest.approx(0.0007)
    assert found.high_gate == pytest.approx(0.0023)


@pytest.mark.parametrize("natr", [np.full(5, np.nan), np.full(50, 0.001)])
def test_without_volatilities_to_tell_apart_the_gates_stay(natr: np.ndarray) -> None:
    base = Thresholds(low_gate=0.0004, high_gate=0.005)
    found = Space(natr, base).thresholds({p.name: p.least for p in PARAMETERS})
    assert (found.low_gate, found.high_gate) == (0.0004, 0.005)
    assert problems(found) == ()


def test_thresholds_outside_the_ranges_begin_at_the_nearest_edge() -> None:
    wild = Thresholds(low_gate=0.0, high_gate=0.4, vol_z_threshold=9.0, rsi_oversold=5.0, tp_mult=20.0, sl_mult=0.1)
    point = Space(NATR, wild).point(wild)
    assert point["vol_z_threshold"] == 4.0
    assert point["low_quantile"] == 0.02
    assert point["high_quantile"] == 0.99
    assert point["tp_mult"] == 5.0
    assert point["sl_mult"] == 0.5


def test_at_most_eight_parameters_of_known_thresholds_within_their_spans() -> None:
    assert len(PARAMETERS) <= 8
    assert set(SEARCHED) <= set(NAMES)
    for parameter in PARAMETERS:
        assert parameter.least < parameter.most
        if not parameter.quantile:
            span = SPANS[parameter.threshold]
            assert span.least <= parameter.least < parameter.most <= span.most


def test_ranges_are_laid_on_the_unit_cube() -> None:
    least, most = ({p.name: getattr(p, end) for p in PARAMETERS} for end in ("least", "most"))
    assert scaled([least, most]).tolist() == [[0.0] * len(PARAMETERS), [1.0] * len(PARAMETERS)]
