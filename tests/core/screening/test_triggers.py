"""Triggers: each fires exactly when its definition says, on both sides, at the threshold, and not on missing data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.screening.columns import COLUMNS, TriggerColumns
from core.screening.elementwise import newest
from core.screening.thresholds import Thresholds
from core.screening.triggers import REGISTRY, Reading, reasons_for, trigger
from tests.core.screening.bars import row, unknown

THRESHOLDS = Thresholds()


def read(code: str, columns: TriggerColumns, **thresholds: float) -> Reading:
    return REGISTRY[code].read(columns, Thresholds(**thresholds))


def fired(columns: TriggerColumns, **thresholds: float) -> dict[str, int]:
    """Codes that fire on the one bar, with their side."""
    found = {code: entry.read(columns, Thresholds(**thresholds)) for code, entry in REGISTRY.items()}
    return {code: int(reading.side[0]) for code, reading in found.items() if reading.fires[0]}


def test_a_calm_bar_fires_nothing() -> None:
    assert fired(row()) == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"volume_z": 3.0}, {"VOLUME_SPIKE": 0}),
        ({"volume_z": 2.999}, {}),
        ({"volume_z": 3.1, "body": 0.3}, {"VOLUME_SPIKE": 1}),
        ({"volume_z": 3.1, "body": -0.3}, {"VOLUME_SPIKE": -1}),
        ({"volume_z": 3.1, "body": 0.29}, {"VOLUME_SPIKE": 0}),
        ({"volume_z": math.nan}, {}),
        ({"volume_z_plain": 9.0}, {}),
        ({"rsi": 30.0, "rsi_low": 20.0}, {}),
        ({"rsi": 29.99, "rsi_low": 20.0}, {"RSI_STATIC": 1}),
        ({"rsi": 70.0, "rsi_high": 80.0}, {}),
        ({"rsi": 70.01, "rsi_high": 80.0}, {"RSI_STATIC": -1}),
        ({"rsi": 38.0, "rsi_low": 38.0}, {}),
        ({"rsi": 37.9, "rsi_low": 38.0}, {"RSI_DYNAMIC": 1}),
        ({"rsi": 62.0, "rsi_high": 62.0}, {}),
        ({"rsi": 62.1, "rsi_high": 62.0}, {"RSI_DYNAMIC": -1}),
        ({"rsi": 10.0}, {"RSI_STATIC": 1, "RSI_DYNAMIC": 1}),
        ({"rsi": math.nan}, {}),
        ({"rsi": 10.0, "rsi_low": math.nan, "rsi_high": math.nan}, {"RSI_STATIC": 1}),
        ({"divergence_up": 2.0}, {"RSI_DIVERGENCE": 1}),
        ({"divergence_down": 2.0}, {"RSI_DIVERGENCE": -1}),
        ({"divergence_up": 1.99, "divergence_down": 1.5}, {}),
        ({"divergence_up": 3.0, "divergence_down": 4.0}, {"RSI_DIVERGENCE": -1}),
        ({"divergence_up": math.nan, "divergence_down": math.nan}, {}),
        ({"up_distance": 0.0125, "atr": 0.125}, {"BREAKOUT_UP": 1}),
        ({"up_distance": 0.0124, "atr": 0.125}, {}),
        ({"down_distance": 0.0125, "atr": 0.125}, {"BREAKOUT_DOWN": -1}),
        ({"down_distance": 0.0124, "atr": 0.125}, {}),
        ({"up_distance": math.nan, "down_distance": math.nan}, {}),
        ({"up_distance": 1.0, "atr": math.nan}, {}),
        ({"up_distance": 1.0, "atr": 0.0}, {}),
        ({"vwap_deviation": 0.004}, {"VWAP_DEVIATION": -1}),
        ({"vwap_deviation": -0.004}, {"VWAP_DEVIATION": 1}),
        ({"vwap_deviation": 0.0039}, {}),
        ({"vwap_deviation": 0.0009, "vwap_sigma": 0.0001}, {}),
        ({"vwap_deviation": 0.0011, "vwap_sigma": 0.0001}, {"VWAP_DEVIATION": -1}),
        ({"vwap_deviation": math.nan}, {}),
        ({"vwap_deviation": 0.5, "vwap_sigma": 0.0}, {}),
        ({"natr": 0.003}, {}),
        ({"natr": 0.00301}, {"VOL_SPIKE": 0}),
        ({"natr": 0.0003}, {}),
        ({"natr": 0.000299}, {"QUIET": 0}),
        ({"natr": math.nan}, {}),
        ({"level_distance": 0.01}, {"LEVEL_TOUCH": 0}),
        ({"level_distance": 0.0101}, {}),
        ({"level_distance": math.nan}, {}),
        ({"depeg": 0.0051}, {"DEPEG": -1}),
        ({"depeg": -0.0051}, {"DEPEG": 1}),
        ({"depeg": 0.005}, {}),
    ],
)
def test_fires_exactly_by_its_definition(values: dict[str, float], expected: dict[str, int]) -> None:
    assert fired(row(**values)) == expected


def test_a_breakout_needs_two_ticks() -> None:
    assert "BREAKOUT_UP" not in fired(row(tick=0.01, up_distance=0.019, atr=0.1))
    assert fired(row(tick=0.0078125, up_distance=0.015625, atr=0.125)) == {"BREAKOUT_UP": 1}
    below_by_two = 0.825 - 0.8248
    assert below_by_two < 2 * 0.0001
    assert fired(row(tick=0.0001, down_distance=below_by_two, atr=0.0018)) == {"BREAKOUT_DOWN": -1}


def test_a_close_on_the_level_is_no_breakout_whatever_is_asked_for() -> None:
    assert fired(row(up_distance=0.0, down_distance=0.0), breakout_atr=0.0) == {}
    assert fired(row(up_distance=1e-9), breakout_atr=0.0) == {"BREAKOUT_UP": 1}


@pytest.mark.parametrize(
    ("name", "values", "threshold", "looser"),
    [
        ("vol_z_threshold", {"volume_z": 2.5}, 3.0, 2.5),
        ("rsi_oversold", {"rsi": 33.0}, 33.0, 33.1),
        ("rsi_overbought", {"rsi": 67.0}, 67.0, 66.9),
        ("vwap_multiple", {"vwap_deviation": 0.003}, 1.6, 1.5),
        ("breakout_atr", {"up_distance": 0.05}, 0.51, 0.49),
        ("high_gate", {"natr": 0.001}, 0.001, 0.00099),
        ("low_gate", {"natr": 0.001}, 0.001, 0.00101),
    ],
)
def test_thresholds_of_the_asset_decide(name: str, values: dict[str, float], threshold: float, looser: float) -> None:
    assert fired(row(**values), **{name: threshold}) == {}
    assert len(fired(row(**values), **{name: looser})) == 1


def test_nothing_fires_where_nothing_is_known_or_triggers_may_not_speak() -> None:
    assert fired(unknown()) == {}
    loud = {"volume_z": 9.0, "rsi": 5.0, "divergence_up": 9.0, "up_distance": 9.0, "vwap_deviation": -0.1, "natr": 0.1}
    assert len(fired(row(**loud))) == 7
    assert fired(row(**loud, usable=0.0)) == {}


_number = st.one_of(st.just(math.nan), st.floats(-1e3, 1e3))


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, _number)), min_size=1, max_size=5))
def test_what_fires_is_at_or_past_its_threshold(bars: list[dict[str, float]]) -> None:
    columns = TriggerColumns(tick=0.01, **{name: np.array([bar[name] for bar in bars]) for name in COLUMNS})
    for entry in REGISTRY.values():
        found = entry.read(columns, THRESHOLDS)
        assert {len(column) for column in found} == {len(bars)}
        assert found.fires.dtype == np.bool_
        fires = found.fires
        assert (found.distance[fires] <= 0.0).all(), entry.code
        assert np.isin(found.side[fires], (-1.0, 0.0, 1.0)).all(), entry.code
        assert not fires[np.isnan(found.value)].any(), entry.code
        for value, threshold, distance, side in zip(*[column[fires].tolist() for column in found[:4]], strict=True):
            assert 0.0 <= entry.strength(value, threshold, distance) <= 1.0
            assert entry.reason(value, threshold, side), entry.code


def test_distance_says_how_far_it_is_from_firing() -> None:
    assert read("VOLUME_SPIKE", row(volume_z=2.0)).distance[0] == pytest.approx(1.0)
    assert read("RSI_STATIC", row(rsi=34.0)).distance[0] == pytest.approx(4.0)
    assert read("RSI_STATIC", row(rsi=64.0)).side[0] == -1.0
    assert read("BREAKOUT_UP", row(up_distance=-0.05)).distance[0] == pytest.approx(0.6)
    assert read("VWAP_DEVIATION", row(vwap_deviation=-0.002)).distance[0] == pytest.approx(1.0)
    assert read("VOL_SPIKE", row(natr=0.002)).distance[0] == pytest.approx(0.1)


def test_strength_grows_from_nothing_at_the_threshold_to_one() -> None:
    entry = REGISTRY["VOLUME_SPIKE"]
    assert [entry.strength(z, 3.0, 3.0 - z) for z in (2.0, 3.0, 4.5, 6.0, 60.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    entry = REGISTRY["VOL_SPIKE"]
    assert [entry.strength(natr, 0.3, 0.3 - natr) for natr in (0.3, 0.45, 0.6)] == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("VOLUME_SPIKE", {"volume_z": 4.1, "body": -0.8}, "volume 4.1σ above normal on a falling bar"),
        ("RSI_STATIC", {"rsi": 24.0}, "RSI 24.0 below 30: oversold"),
        ("RSI_DYNAMIC", {"rsi": 81.0}, "RSI 81.0 above its own 95 % level 70.0"),
        ("RSI_DIVERGENCE", {"divergence_up": 5.0}, "bullish divergence: lower low, RSI 5 points higher"),
        ("BREAKOUT_DOWN", {"down_distance": 0.04}, "close 0.4 ATR below a level it was above"),
        ("VWAP_DEVIATION", {"vwap_deviation": 0.005}, "2.5σ over the 30-bar VWAP"),
        ("VOL_SPIKE", {"natr": 0.004}, "too volatile: ATR 0.40 % a bar, gate 0.30 %"),
        ("QUIET", {"natr": 0.0002}, "too quiet: ATR 0.020 % a bar, gate 0.030 %"),
    ],
)
def test_reasons_in_words(code: str, values: dict[str, float], words: str) -> None:
    found = read(code, row(**values))
    assert found.fires[0]
    assert REGISTRY[code].reason(found.value[0], found.threshold[0], found.side[0]) == words


def test_which_triggers_speak_for_a_class() -> None:
    codes = [entry.code for entry in reasons_for()]
    assert codes == [code for code in REGISTRY if code != "DEPEG"]
    assert [entry.code for entry in reasons_for(("DEPEG",))] == ["DEPEG"]


def test_a_code_is_registered_once() -> None:
    with pytest.raises(ValueError, match="QUIET is registered twice"):
        trigger("QUIET", family="VOLUME", unit="", words="", full=1.0)(REGISTRY["QUIET"].read)


def test_families() -> None:
    assert {entry.code: entry.family for entry in REGISTRY.values() if entry.role == "reason"} == {
        "VOLUME_SPIKE": "VOLUME", "RSI_STATIC": "MEANREV", "RSI_DYNAMIC": "MEANREV", "RSI_DIVERGENCE": "MEANREV",
        "BREAKOUT_UP": "LEVEL", "BREAKOUT_DOWN": "LEVEL", "VWAP_DEVIATION": "MEANREV", "VOL_SPIKE": "VOLATILITY",
        "DEPEG": "PEG",
    }  # fmt: skip
    assert {code: entry.role for code, entry in REGISTRY.items() if entry.role != "reason"} == {
        "LEVEL_TOUCH": "hint",
        "QUIET": "suppress",
    }


_NUMBER = st.one_of(st.floats(-5.0, 5.0), st.just(math.nan), st.just(0.0))


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, _NUMBER)), st.sampled_from([0.0, 0.01]))
def test_a_trigger_reads_plain_numbers_as_it_reads_columns(values: dict[str, float], tick: float) -> None:
    columns = row(tick, **values)
    for code, entry in REGISTRY.items():
        array, number = entry.read(columns, THRESHOLDS), entry.read(newest(columns), THRESHOLDS)
        assert bool(number.fires) is bool(array.fires[0]), code
        for mine, theirs in zip(number[:4], array[:4], strict=True):
            assert not isinstance(mine, np.ndarray), code
            np.testing.assert_array_equal(mine, theirs[0], err_msg=code)
