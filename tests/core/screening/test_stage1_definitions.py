"""A trigger fires live exactly when its definition says: the desk against the plain definitions, written out once more."""

from __future__ import annotations

import math
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from core.screening.thresholds import Thresholds
from tests.core.screening.bars import MINUTE_MS
from tests.core.screening.watch import PERPETUAL, Watch, codes, listing
from tests.core.signals.markets import START_MS, window_of

DAY_MS = 86_400_000
HIGH, LOW = 101.0, 99.0
"""Yesterday's extremes, the only levels."""
TICK = 0.01
VALUES = PERPETUAL.defaults


@cache
def watch() -> Watch:
    """One market that steps up and down a tenth of a percent between yesterday's extremes."""
    made = Watch(Path(tempfile.mkdtemp()), "A")
    today = (START_MS + made.count * MINUTE_MS) // DAY_MS * DAY_MS
    row = [today - DAY_MS, 100.0, HIGH, LOW, 100.0, 1.0, 1.0, 1.0, 1.0]
    made.market.windows["A", "1d"] = window_of(np.array([row]))
    made.bus.publish(listing("A", str(TICK)))
    made.thresholds.values["A"] = {"high_gate": VALUES.high_gate}
    return made


def defined(block: np.ndarray, values: Thresholds) -> set[str]:
    """What fires on the last bar, from the definitions of the triggers alone."""
    high, low, close, volume = (np.ascontiguousarray(block[:, place]) for place in (2, 3, 4, 5))
    now, before, atr = close[-1], close[-2], talib.ATR(high, low, close, 14)[-1]
    rsi = talib.RSI(close, 14)
    logs = np.log1p(volume[-51:])
    median = np.median(logs[:-1])
    z = (logs[-1] - median) / (1.4826 * np.median(np.abs(logs[:-1] - median)))
    typical, traded = ((high + low + close) / 3.0)[-30:], volume[-30:]
    vwap = (typical * traded).sum() / traded.sum()
    sigma = np.diff(np.log(close[-241:])).std() * math.sqrt(30 / 3)
    usual = np.quantile(rsi[-501:-1], [0.05, 0.95])
    beyond = max(values.breakout_atr * atr, 2 * TICK)
    fires = {
        "VOLUME_SPIKE": z >= values.vol_z_threshold,
        "RSI_STATIC": rsi[-1] < values.rsi_oversold or rsi[-1] > values.rsi_overbought,
        "RSI_DYNAMIC": rsi[-1] < np.clip(usual[0], 10, 40) or rsi[-1] > np.clip(usual[1], 60, 90),
        "BREAKOUT_UP": before <= HIGH and now - HIGH >= beyond,
        "BREAKOUT_DOWN": before >= LOW and LOW - now >= beyond,
        "VWAP_DEVIATION": abs(now - vwap) / vwap >= max(values.vwap_multiple * sigma, 0.001),
        "VOL_SPIKE": atr / now > values.high_gate,
    }
    return {code for code, true in fires.items() if true}


def block_with(row: np.ndarray) -> np.ndarray:
    return np.concatenate([watch().market.windows["A", "1m"].block(), row[None]])


@settings(max_examples=150, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(0.5, 5.0))
def test_the_desk_fires_what_the_definitions_say(change: float, volume: float) -> None:
    row = watch().next_row("A", close=change, volume=volume)
    found = watch().judged("A", row)
    assert set(codes(found)) == defined(block_with(row), VALUES)
    assert found.signal == ("ALERT" if len(found.families) >= 2 else "NORMAL" if found.families else "NONE")


@pytest.mark.parametrize(
    ("change", "fires"), [(0.0, set()), (0.015, {"BREAKOUT_UP"}), (-0.015, {"BREAKOUT_DOWN"}), (0.009, set())]
)
def test_the_grid_crosses_every_side(change: float, fires: set[str]) -> None:
    found = set(codes(watch().judged("A", watch().next_row("A", close=change))))
    assert found & {"BREAKOUT_UP", "BREAKOUT_DOWN"} == fires


def test_a_break_begins_at_its_distance_and_not_before() -> None:
    """Close by close in steps of a hundredth of the distance: the first to fire is the first at it or beyond."""
    seen = []
    for step in range(400):
        row = watch().next_row("A")
        row[4] = HIGH + step * 0.0005
        row[2] = max(row[2], row[4])
        found = watch().judged("A", row)
        distance = max(0.1 * found.stats.atr, 2 * TICK)
        seen.append("BREAKOUT_UP" in codes(found))
        assert seen[-1] == (row[4] - HIGH >= distance - 1e-6 * TICK), step
    assert seen[0] is False
    assert seen[-1] is True


def test_volume_fires_from_its_threshold_on() -> None:
    row = watch().next_row("A", volume=5.0)
    z = watch().judged("A", row).stats.volume_z
    assert 3.0 < z < 10.0
    for threshold, fires in ((z, True), (math.nextafter(z, 11.0), False)):
        watch().thresholds.values["A"] |= {"vol_z_threshold": threshold}
        assert ("VOLUME_SPIKE" in codes(watch().judged("A", row))) is fires
    watch().thresholds.values["A"].pop("vol_z_threshold")
