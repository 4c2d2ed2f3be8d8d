"""Indicator rows equal the batch functions bit for bit, however they were reached."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from core.market.candles import CandleWindow
from core.market.indicators import COLUMNS, TABLE, WARMUP, IndicatorSet, load_talib, oscillators_may_vote
from tests.core.market.builders import candle, candles, walk


def batch(block):
    """Every column by the plain TA-Lib functions over the whole block."""
    talib = load_talib()
    by_name = dict(zip(("open", "high", "low", "close", "volume"), block[:, 1:6].T.copy(), strict=True))
    rows = np.full((len(block), len(COLUMNS)), np.nan)
    for entry in TABLE:
        values = getattr(talib, entry.function)(*[by_name[name] for name in entry.inputs], **entry.parameters)
        for output, name in zip(values if len(entry.outputs) > 1 else (values,), entry.outputs, strict=True):
            if name:
                rows[:, COLUMNS.index(name)] = output
    return rows


def feed(handles, block):
    return np.array([handles.update(*row[1:6]) for row in block]).reshape(-1, len(COLUMNS))


def test_rows_over_history_equal_the_batch_functions():
    block = walk(600)
    _, rows = IndicatorSet.open(block)
    np.testing.assert_array_equal(rows, batch(block))
    assert not np.isnan(rows[-1]).any()


def test_updates_equal_the_batch_functions_bit_for_bit():
    block = walk(700)
    handles, _ = IndicatorSet.open(block[:400])
    np.testing.assert_array_equal(feed(handles, block[400:]), batch(block)[400:])


@pytest.mark.parametrize("history", [0, 1, 10, 27, 33, 150])
def test_too_little_history_gives_missing_values_until_there_is_enough(history):
    block = walk(230)
    handles, rows = IndicatorSet.open(block[:history])
    rows = np.concatenate([rows, feed(handles, block[history:])])
    np.testing.assert_array_equal(rows, batch(block))
    assert np.isnan(rows[8, COLUMNS.index("ema9") + 1])


def test_a_window_and_a_block_open_alike():
    block = walk(500)
    window = CandleWindow(400)
    window.extend(block)
    handles, rows = IndicatorSet.open(window)
    other, expected = IndicatorSet.open(block[-400:])
    np.testing.assert_array_equal(rows, expected)
    for row in walk(20, seed=5):
        window.append([window.last_open_ms + 60_000, *row[1:]])  # the window moves on; the handles must not notice
        np.testing.assert_array_equal(handles.update(*row[1:6]), other.update(*row[1:6]))


def test_peeking_commits_nothing():
    block = walk(320)
    handles, _ = IndicatorSet.open(block[:-1])
    forming = block[-1, 1:6]
    for factor in (0.5, 1.5, 1.0):
        peeked = handles.peek(*(forming * factor))
    np.testing.assert_array_equal(peeked, handles.update(*forming))


def test_a_copy_goes_its_own_way():
    block = walk(320)
    for size in (30, 300):
        handles, _ = IndicatorSet.open(block[:size])
        twin = handles.copy()
        feed(twin, block[-10:])
        np.testing.assert_array_equal(feed(handles, block[size : size + 5]), batch(block)[size : size + 5])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bar_that_is_not_finite_is_never_fed(bad):
    block = walk(400)
    handles, _ = IndicatorSet.open(block[:399])
    assert np.isnan(handles.update(1.0, 1.0, 1.0, bad, 1.0)).all()
    assert np.isnan(handles.peek(1.0, bad, 1.0, 1.0, 1.0)).all()
    assert handles.refused == 1
    np.testing.assert_array_equal(handles.update(*block[399, 1:6]), batch(block)[399])


def test_golden_values():
    """Values computed independently for the project's method sheet, relative tolerance 1e-6."""
    t = np.arange(300)
    close = 100 + 5 * np.sin(t / 7) + 0.01 * t
    block = np.full((300, 9), 1.0)
    block[:, 0] = t * 60_000
    block[:, 1] = block[:, 4] = close
    block[:, 2], block[:, 3] = close + 0.5, close - 0.5
    handles, _ = IndicatorSet.open(block[:250])
    row = dict(zip(COLUMNS, feed(handles, block[250:])[-1], strict=True))
    expected = {"rsi14": 20.7728615, "adx14": 51.4531107, "ema20": 100.5037450, "atr14": 1.0528351}
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-6), name
    assert row["macd_hist"] == pytest.approx(-0.3493167, rel=1e-6)
    assert row["std20"] == pytest.approx(np.std(close[-20:]), rel=1e-9)
    assert row["max20"] == block[-20:, 2].max()


@pytest.mark.parametrize("name", COLUMNS)
def test_declared_warm_up_is_enough(name):
    """Start test: values from different first bars agree after the declared warm-up."""
    block = walk(2400, seed=11)
    column = COLUMNS.index(name)
    need = WARMUP[name]
    full = batch(block)[:, column]
    scale = 1.0 if name in ("adx14", "plus_di14", "minus_di14", "rsi14") else block[:, 4]
    if name in ("macd_hist", "atr14"):
        scale = batch(block)[:, COLUMNS.index("atr14")]
    for end in range(need, 2400, 191):
        late = IndicatorSet.open(block[end - need : end])[1][-1, column]
        reference = scale if isinstance(scale, float) else scale[end - 1]
        assert abs(late - full[end - 1]) / reference <= 2e-6


def test_loading_leaves_pandas_out_and_usable():
    code = (
        "import sys\n"
        "from core.market.indicators import load_talib\n"
        "talib = load_talib()\n"
        "assert 'pandas' not in sys.modules, 'pandas was imported or left blocked'\n"
        "import pandas, numpy\n"
        "assert pandas.Series([1.0]).sum() == 1.0\n"
        "assert load_talib() is talib\n"
        "assert talib.EMA(numpy.arange(20.0), 9)[-1] == 15.0\n"
        "print('fine')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr


def test_loading_works_where_pandas_is_already_there():
    code = (
        "import pandas, sys\n"
        "from core.market.indicators import load_talib\n"
        "load_talib()\n"
        "assert sys.modules['pandas'] is pandas\n"
        "print('fine')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr


def window_of(block, synthetic=()):
    window = CandleWindow(100)
    for i, row in enumerate(block):
        window.append(row, i in synthetic)
    return window


def test_oscillators_need_movement_volume_and_real_bars():
    block = candles(0, 30)
    assert oscillators_may_vote(window_of(block), atr14=0.5, tick_size=0.1)
    assert not oscillators_may_vote(window_of(block), atr14=0.2, tick_size=0.1)
    assert not oscillators_may_vote(window_of(block), atr14=0.0)
    assert not oscillators_may_vote(window_of(block), atr14=math.nan, tick_size=0.1)
    assert not oscillators_may_vote(window_of(block[:13]), atr14=0.5)
    assert not oscillators_may_vote(window_of(block, synthetic=(20,)), atr14=0.5)
    assert oscillators_may_vote(window_of(block, synthetic=(10,)), atr14=0.5)


@pytest.mark.parametrize(("silent", "may"), [(2, True), (3, False)])
def test_oscillators_need_volume_in_four_of_five_bars(silent, may):
    rows = [candle(i, volume=0.0 if i >= 30 - silent else 5.0) for i in range(30)]
    assert oscillators_may_vote(window_of(rows), atr14=0.5) is may
