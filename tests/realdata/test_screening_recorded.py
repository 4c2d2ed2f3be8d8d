"""Stage 1 on recorded one-minute perpetuals: live and vectorised say the same on every bar, and how often it alerts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from core.market.resample import resample
from core.market.volatility import natr_sample
from core.screening.classes import classify
from core.screening.columns import COLUMNS, TAIL, WARMUP, TriggerColumns, columns
from core.screening.levels import DAY_MS, DAYS_NEEDED, DailyLevels, daily_levels
from core.screening.stage1 import HOUR_MS, AlertMemory, Circumstances, Rules, judge, ration, remember
from core.screening.thresholds import Thresholds, adaptive_from_atr, from_class
from core.screening.triggers import REGISTRY
from tests.core.screening.bars import MINUTE_MS, part, same
from tests.realdata.bars import FOLDER, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]
PERPETUAL = classify("ETH", "USDT", "linear").asset_class


@cache
def whole(symbol: str) -> TriggerColumns:
    block = candles(symbol, "1m")
    return columns(block, daily_levels(resample(block, DAY_MS)), tick=0.0001)


@cache
def thresholds(symbol: str) -> Thresholds:
    block = candles(symbol, "1m")
    minute, hourly = natr_sample(block, MINUTE_MS, 7.0), natr_sample(block, HOUR_MS, 7.0)
    return adaptive_from_atr(from_class(PERPETUAL.defaults), minute, hourly).values


def live(symbol: str, first: int) -> TriggerColumns:
    """Every bar from `first` on as the program sees it: the newest bars only, and days that are over."""
    block = candles(symbol, "1m")
    days = resample(block, DAY_MS)
    daily, day = DailyLevels(np.empty(0), ()), -1
    found = np.empty((len(COLUMNS), len(block) - first))
    for end in range(first + 1, len(block) + 1):
        if block[end - 1, 0] // DAY_MS != day:
            day = block[end - 1, 0] // DAY_MS
            over = days[days[:, 0] + DAY_MS <= block[end - 1, 0]]
            daily = daily_levels(over[-DAYS_NEEDED:])
        newest = columns(block[max(0, end - TAIL) : end], daily, tick=0.0001, newest=1)
        found[:, end - 1 - first] = [getattr(newest, name)[0] for name in COLUMNS]
    return TriggerColumns(tick=0.0001, **dict(zip(COLUMNS, found, strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["ADAUSDT", "ETHUSDT"])
def test_live_and_vectorised_say_the_same_on_every_bar(symbol: str) -> None:
    tails, full = live(symbol, 0), whole(symbol)
    assert len(tails) == len(full) == len(candles(symbol, "1m"))
    assert same(tails, full) == {}
    for code, entry in REGISTRY.items():
        mine, theirs = entry.read(tails, thresholds(symbol)), entry.read(full, thresholds(symbol))
        assert np.array_equal(mine.fires, theirs.fires), code
        assert np.array_equal(mine.side[mine.fires], theirs.side[theirs.fires]), code
        assert mine.fires.any(), f"{code} never fired: nothing was compared"


def test_both_sides_fire_on_recorded_bars() -> None:
    for code in ("VOLUME_SPIKE", "RSI_STATIC", "RSI_DYNAMIC", "RSI_DIVERGENCE", "VWAP_DEVIATION"):
        found = REGISTRY[code].read(whole("ETHUSDT"), thresholds("ETHUSDT"))
        assert {1.0, -1.0} <= set(found.side[found.fires].tolist()), code


def test_alerts_of_a_small_universe_stay_within_their_budget() -> None:
    symbols, rules = ("BTCUSDT", "ETHUSDT", "XRPUSDT"), Rules()
    circumstances = Circumstances(quote_volume=1e9, natr_1h=0.01)
    start_ms = candles("BTCUSDT", "1m")[WARMUP + 100, 0]
    memories = {symbol: AlertMemory() for symbol in symbols}
    places = {symbol: int(np.searchsorted(candles(symbol, "1m")[:, 0], start_ms)) for symbol in symbols}
    spent: tuple[int, ...] = ()
    told: list[int] = []
    for minute in range(2880):
        at_ms = int(start_ms) + (minute + 1) * MINUTE_MS
        judgements = []
        for symbol in symbols:
            place = places[symbol] + minute
            bar = part(whole(symbol), place, place + 1)
            assert bar.open_ms[0] + MINUTE_MS == at_ms
            judgements.append(
                judge(symbol, at_ms, bar, thresholds(symbol), PERPETUAL, circumstances, memories[symbol], rules)
            )
        judgements, spent = ration(judgements, spent, at_ms, rules)
        for found in judgements:
            memories[found.symbol] = remember(memories[found.symbol], found, rules)
            told += [at_ms] * (found.signal == "ALERT")
    assert 48 < len(told) <= 48 * rules.alerts_per_hour
    for last, alert_ms in enumerate(told):
        assert sum(alert_ms - HOUR_MS < one for one in told[: last + 1]) <= rules.alerts_per_hour
