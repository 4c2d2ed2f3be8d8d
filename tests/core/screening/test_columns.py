"""Trigger columns: their definitions, no look ahead, the tail that says what the whole window says, poor data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.indicators import IndicatorSet
from core.market.resample import resample
from core.market.volume import robust_volume_z
from core.screening.columns import COLUMNS, TAIL, VWAP_PATH, WARMUP, TriggerColumns, columns
from core.screening.levels import DAY_MS, daily_levels
from core.signals.ranks import RollingRank
from tests.core.screening.bars import MINUTE_MS, flat, minutes, part, same

KNOWN = tuple(name for name in COLUMNS if name not in ("up_level", "up_distance", "down_level", "down_distance"))


@pytest.fixture(scope="module")
def block() -> np.ndarray:
    return minutes(11, 4500)


@pytest.fixture(scope="module")
def whole(block: np.ndarray) -> TriggerColumns:
    return columns(block, daily_levels(resample(block, DAY_MS)))


def test_every_column_speaks_after_warm_up(block: np.ndarray, whole: TriggerColumns) -> None:
    assert len(whole) == len(block)
    for name in KNOWN:
        assert not np.isnan(getattr(whole, name)[WARMUP:]).any(), name
    assert np.isnan(whole.rsi_low[:WARMUP]).all()


def test_the_tail_says_what_the_whole_window_says(block: np.ndarray, whole: TriggerColumns) -> None:
    daily = daily_levels(resample(block, DAY_MS))
    for end in range(WARMUP, len(block), 37):
        tail = columns(block[max(0, end - TAIL) : end], daily, newest=1)
        assert same(tail, part(whole, end - 1, end)) == {}, end


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(1, 1800), st.integers(1, 40))
def test_no_later_bar_is_looked_at(seed: int, end: int, newest: int) -> None:
    bars = minutes(seed, 1900)
    full = columns(bars)
    assert same(columns(bars[:end]), part(full, 0, end)) == {}
    newest = min(newest, end)
    assert same(columns(bars[:end], newest=newest), part(full, end - newest, end)) == {}


def test_the_start_is_forgotten_after_warm_up(block: np.ndarray) -> None:
    full = columns(block)
    for start in (1, 333, 1000):
        later = columns(block[start:])
        found = same(part(later, WARMUP, len(later)), part(full, start + WARMUP, len(full)), 1e-6)
        assert found == {}, start


def test_values_are_those_of_the_detectors(block: np.ndarray, whole: TriggerColumns) -> None:
    indicators, rows = IndicatorSet.open(block)
    for ours, theirs in (("rsi", "rsi14"), ("atr", "atr14"), ("vwap", "vwap30")):
        expected = rows[WARMUP:, indicators.columns.index(theirs)]
        assert getattr(whole, ours)[WARMUP:] == pytest.approx(expected, rel=1e-9), ours
    spread = rows[WARMUP:, indicators.columns.index("return_std240")]
    assert whole.vwap_sigma[WARMUP:] == pytest.approx(spread * VWAP_PATH, rel=1e-6)
    past, rsi = RollingRank(500), rows[:, indicators.columns.index("rsi14")]
    for place in range(250, len(block)):
        if place >= WARMUP and place % 50 == 0:
            assert whole.rsi_low[place] == pytest.approx(min(max(past.quantile(0.05), 10.0), 40.0), abs=1e-9)
            assert whole.rsi_high[place] == pytest.approx(min(max(past.quantile(0.95), 60.0), 90.0), abs=1e-9)
            assert whole.volume_z[place] == pytest.approx(robust_volume_z(block[: place + 1, 5]), abs=1e-9)
        past.push(float(rsi[place]))


def test_volume_is_compared_with_the_bars_before_only() -> None:
    bars = minutes(2, 51)
    bars[:50, 5] = [1.0, 3.0] * 25
    bars[50, 5] = 1e6
    found = columns(bars)
    spread = math.sqrt(50 / 49)
    assert (found.volume_mean[50], found.volume_std[50]) == (2.0, pytest.approx(spread))
    assert found.volume_z_plain[50] == pytest.approx((1e6 - 2.0) / spread)
    inside = (1e6 - bars[1:51, 5].mean()) / bars[1:51, 5].std(ddof=1)
    assert inside == pytest.approx(49 / math.sqrt(50), rel=1e-4), "with the bar itself inside, z could never pass this"
    assert np.isnan(found.volume_z[:50]).all()


def test_constant_or_no_volume_has_no_z() -> None:
    for volume in (0.0, 5.0, 0.1):
        found = columns(flat(1200, volume=volume))
        assert np.isnan(found.volume_z).all()
        assert np.isnan(found.volume_z_plain).all()


def test_a_halted_market_says_nothing() -> None:
    found = columns(flat(1200, volume=0.0))
    assert not found.usable.any()
    assert np.isnan(found.rsi).all(), "RSI 0 on a flat window is no oversold market"
    assert np.isnan(found.vwap).all()
    assert not found.body.any()


@pytest.mark.parametrize(("traded", "usable"), [(12, 1.0), (11, 0.0)])
def test_a_hardly_traded_market_is_not_usable(traded: int, usable: float) -> None:
    bars = minutes(3, 900)
    bars[900 - 14 : 900 - traded, 5] = 0.0
    found = columns(bars, newest=1)
    assert found.usable.tolist() == [usable]
    assert math.isnan(found.rsi[0]) == (usable == 0.0)


def test_a_market_that_moves_less_than_two_ticks_is_not_usable() -> None:
    bars = minutes(3, 900)
    atr = float(columns(bars, newest=1).atr[0])
    assert columns(bars, tick=atr / 2.001, newest=1).usable.tolist() == [1.0]
    assert columns(bars, tick=atr / 2.0, newest=1).usable.tolist() == [0.0]


def test_made_up_and_missing_bars_silence_the_fourteen_after_them() -> None:
    bars = minutes(3, 900)
    synthetic = np.zeros(900, dtype=bool)
    synthetic[800] = True
    assert np.flatnonzero(columns(bars, synthetic=synthetic).usable[195:] == 0.0).tolist() == list(range(605, 619))
    torn = np.delete(bars, 800, axis=0)
    assert np.flatnonzero(columns(torn).usable[195:] == 0.0).tolist() == list(range(605, 619))


@pytest.mark.parametrize("column", range(1, 6))
def test_a_value_that_is_no_number_begins_the_history_anew(column: int) -> None:
    bars = minutes(3, 2000)
    broken = bars.copy()
    broken[1000, column] = math.nan
    found = columns(broken)
    assert same(part(found, 0, 1000), columns(bars[:1000])) == {}
    assert same(part(found, 1001, 2000), columns(bars[1001:])) == {}
    assert found.usable[1000] == 0.0
    assert same(columns(broken, newest=5), part(found, 1995, 2000)) == {}


def test_too_few_bars_are_no_error() -> None:
    bars = minutes(3, 900)
    for count in (0, 1, 2, 14, 15, 50, 51, 196, 241, 251, 326, 551, 751):
        found = columns(bars[:count])
        assert len(found) == count
        assert same(columns(bars[:count], newest=3), part(found, max(0, count - 3), count)) == {}


def zigzag(rsi_turns: bool, mirrored: bool = False) -> np.ndarray:
    """A fall, a rebound, and a slower fall to a lower low (with RSI higher there, or lower), then a rise; lows at 620, 650."""
    steps = np.full(700, 0.02)
    steps[::2] = -0.02
    steps[605:621] = -0.30 if rsi_turns else -0.04
    steps[621:636] = 0.22 if rsi_turns else 0.03
    steps[636:651] = -0.27 if rsi_turns else -0.60
    steps[651:662] = 0.3
    close = 100 + np.cumsum(steps) * (-1.0 if mirrored else 1.0)
    bars = flat(700)
    bars[:, 1:5] = close[:, None]
    bars[:, 2] += 0.001
    bars[:, 3] -= 0.001
    return bars


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_divergence_is_known_five_bars_after_its_pivot(mirrored: bool) -> None:
    bars = zigzag(True, mirrored)
    found = columns(bars)
    events, others = found.divergence_up, found.divergence_down
    if mirrored:
        events, others = others, events
    indicators, rows = IndicatorSet.open(bars)
    rsi = rows[:, indicators.columns.index("rsi14")]
    assert events[655] == pytest.approx(abs(rsi[650] - rsi[620]), rel=1e-9)
    assert events[655] > 2.0
    assert not events[640:655].any()
    assert not events[656:].any()
    assert not others[640:].any()


def test_a_lower_low_with_a_lower_rsi_is_no_divergence() -> None:
    bars = zigzag(False)
    assert bars[650, 3] == bars[640:661, 3].min() < bars[620, 3] == bars[610:631, 3].min()
    assert not columns(bars).divergence_up[640:].any()


def test_the_vwap_is_that_of_thirty_bars_with_their_volume() -> None:
    bars = minutes(8, 400)
    found = columns(bars)
    typical = bars[:, 2:5].sum(axis=1) / 3.0
    vwap = (typical[370:] * bars[370:, 5]).sum() / bars[370:, 5].sum()
    assert found.vwap[-1] == pytest.approx(vwap)
    assert found.vwap_deviation[-1] == pytest.approx(bars[-1, 4] / vwap - 1.0)
    returns = np.diff(np.log(bars[-241:, 4]))
    assert found.vwap_sigma[-1] == pytest.approx(returns.std() * math.sqrt(30) / math.sqrt(3))


@pytest.mark.parametrize(
    ("closes", "expected"),
    [((0.99, 0.994, 0.993), -0.006), ((1.006, 1.02, 1.007), 0.006), ((0.99, 1.01, 0.99), 0.0), ((1.0, 1.0, 1.0), 0.0)],
)
def test_a_peg_is_off_by_the_least_of_three_closes(closes: tuple[float, ...], expected: float) -> None:
    bars = flat(3)
    bars[:, 4] = closes
    assert columns(bars).depeg[-1] == pytest.approx(expected)


def test_a_break_is_measured_from_the_level_the_previous_close_had_not_passed() -> None:
    bars = minutes(6, 1000)
    bars[:, 0] += DAY_MS - bars[0, 0]  # all on the second day
    day = np.zeros((1, 9))
    day[0, :5] = 0.0, 100.0, 150.0, 60.0, 100.0
    bars[-2, 1:5], bars[-1, 1:5] = 149.0, 151.0
    found = columns(bars, daily_levels(day), newest=1)
    assert (found.up_level[0], found.up_distance[0], found.level_distance[0]) == (150.0, 1.0, 1.0)
    bars[-2, 4] = 150.5
    found = columns(bars, daily_levels(day), newest=1)
    assert math.isnan(found.up_distance[0]), "it was beyond before"
    assert found.down_level[0] == 150.0
    bars[-2, 4], bars[-1, 4] = 60.0, 59.0
    found = columns(bars, daily_levels(day), newest=1)
    assert (found.down_level[0], found.down_distance[0]) == (60.0, 1.0), "a close on the level is not beyond it"
    assert found.open_ms[0] == DAY_MS + 999 * MINUTE_MS
