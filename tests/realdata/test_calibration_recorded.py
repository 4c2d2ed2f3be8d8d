"""Calibration on recorded one-minute perpetuals: entries as live would tell them, and verdicts by guards that could speak."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from core.calibration.calibrate import calibrate, fold_sizes
from core.calibration.entries import EntryTable
from core.calibration.kernels import compiled
from core.market.resample import resample
from core.screening.columns import WARMUP, columns
from core.screening.levels import DAY_MS, daily_levels
from core.screening.stage1 import AlertMemory, Circumstances, Rules, judge, remember
from core.settings_screening import Calibration
from tests.bench.calibration import PERPETUAL, recorded_job
from tests.core.screening.bars import MINUTE_MS, part
from tests.realdata.bars import FOLDER, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]


@pytest.mark.parametrize("base", ["ETH", "SUI"])
def test_entries_are_the_alerts_that_stage_1_tells_bar_by_bar(base: str) -> None:
    block = candles(f"{base}USDT", "1m")[-6000:]
    found = columns(block, daily_levels(resample(block, DAY_MS)), tick=0.0001)
    thresholds, rules = recorded_job(base).current, Rules()
    memory, whole = AlertMemory(), Circumstances(quote_volume=1e12, natr_1h=0.01)
    places, sides = [], []
    for place in range(WARMUP, len(found)):
        at_ms = int(found.open_ms[place]) + MINUTE_MS
        told = judge(base, at_ms, part(found, place, place + 1), thresholds, PERPETUAL, whole, memory, rules)
        memory = remember(memory, told, rules)
        side = sum(reason.side for reason in told.trigger_reasons)
        if told.signal == "ALERT" and side:
            places.append(place)
            sides.append(1 if side > 0 else -1)
    assert len(places) > 50
    for kernels in (None, compiled()):
        alerts = EntryTable(found, PERPETUAL, rules, kernels).alerts(thresholds, WARMUP)
        assert alerts.places.tolist() == places
        assert alerts.sides.tolist() == sides


def test_a_recorded_market_gets_its_verdict_from_guards_that_could_speak() -> None:
    found = calibrate(replace(recorded_job("XRP"), settings=Calibration(trials=20, random_trials=10)))
    assert found.verdict in ("keep", "accept")
    assert found.out_of_sample is not None
    assert found.out_of_sample.trades >= 30
    assert math.isfinite(found.dsr)
    assert math.isfinite(found.pbo)
    assert found.cost_r > 0.05  # what it costs is in


def test_a_recording_that_is_too_short_waits() -> None:
    found = calibrate(recorded_job("ADA"))
    assert found.verdict == "waiting"
    assert found.bars_missing == fold_sizes(Calibration()).bars_needed - len(candles("ADAUSDT", "1m"))
    assert np.isnan(found.dsr)
