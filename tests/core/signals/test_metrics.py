"""Metrics: numbers against plain recomputation, NaN where the data does not reach."""

import math

import numpy as np
import pytest

from core.market.indicators import load_talib
from core.market.volatility import NO_SAMPLE, NatrSample
from core.settings import Settings
from core.signals.metrics import close_at, measure, quote_volume
from core.signals.series import SymbolSignals
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, walk, window_of


def signals_on(block) -> SymbolSignals:
    signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    list(signals.open(window_of(block), Settings()))
    return signals


def test_metrics_of_the_last_closed_bar() -> None:
    block, minutes = walk(3, 400), walk(3, 2000, "1m")
    sample = NatrSample(tuple(np.linspace(0.0, 0.01, 101).tolist()), 3.5)
    found = measure(VENUE, CATEGORY, signals_on(block), window_of(minutes), sample)
    talib = load_talib()
    atr = talib.ATR(*(np.ascontiguousarray(block[:, i]) for i in (2, 3, 4)), 14)[-1]
    assert found.atr == pytest.approx(atr)
    assert found.rsi == pytest.approx(talib.RSI(np.ascontiguousarray(block[:, 4]), 14)[-1])
    assert found.natr == pytest.approx(atr / block[-1, 4])
    assert found.natr_percentile == pytest.approx(found.natr / 0.01, abs=0.011)
    assert (found.depth_days, found.close) == (3.5, block[-1, 4])
    assert found.sparkline == tuple(block[-24:, 4])
    assert (found.occurred_at, found.known_at) == (START_MS + 399 * 300_000, START_MS + 400 * 300_000)
    ended = 400 * 5  # minute bars that had ended by then
    assert found.close_1h_ago == minutes[ended - 61, 4]
    assert found.close_24h_ago == minutes[ended - 1441, 4]
    assert found.quote_volume_24h == pytest.approx(minutes[ended - 1440 : ended, 6].sum())


def test_what_the_minutes_do_not_cover_is_not_known() -> None:
    signals, minutes = signals_on(walk(3, 400)), walk(3, 2000, "1m")
    short = measure(VENUE, CATEGORY, signals, window_of(minutes[-600:]), NO_SAMPLE)
    assert short.close_1h_ago == minutes[-61, 4]
    assert math.isnan(short.close_24h_ago)
    assert math.isnan(short.quote_volume_24h)
    assert math.isnan(short.natr_percentile)
    assert short.depth_days == 0.0
    without = measure(VENUE, CATEGORY, signals, None, NO_SAMPLE)
    assert math.isnan(without.close_1h_ago)


def test_a_missing_minute_falls_back_on_the_one_before() -> None:
    minutes = np.delete(walk(1, 100, "1m"), 50, axis=0)
    window = window_of(minutes)
    assert close_at(window, START_MS + 51 * 60_000) == minutes[49, 4]
    assert math.isnan(close_at(window, START_MS))
    assert quote_volume(window, START_MS, START_MS + 2 * 60_000) == pytest.approx(minutes[:2, 6].sum())
