"""Stage 1 on recorded one-minute perpetuals: live and vectorised say the same on every bar, and how often it alerts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.market.candles import CandleWindow
from core.market.resample import resample
from core.market.volatility import natr_sample
from core.screening.classes import classify
from core.screening.columns import TAIL, WARMUP, TriggerColumns, columns
from core.screening.levels import DAY_MS, DAYS_NEEDED, daily_levels
from core.screening.stage1 import HOUR_MS, AlertMemory, Circumstances, Judgement, Rules, judge, ration, remember
from core.screening.thresholds import Thresholds, adaptive_from_atr, from_class
from core.screening.triggers import REGISTRY
from tests.core.screening.bars import MINUTE_MS, part, same
from tests.core.screening.watch import Watch, listing
from tests.core.signals.markets import bar_of
from tests.realdata.bars import FOLDER, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]
TICK = 0.0001
PERPETUAL = classify("ETH", "USDT", "linear").asset_class


@cache
def whole(symbol: str) -> TriggerColumns:
    block = candles(symbol, "1m")
    return columns(block, daily_levels(resample(block, DAY_MS)), tick=TICK)


@cache
def thresholds(symbol: str) -> Thresholds:
    block = candles(symbol, "1m")
    minute, hourly = natr_sample(block, MINUTE_MS, 7.0), natr_sample(block, HOUR_MS, 7.0)
    return adaptive_from_atr(from_class(PERPETUAL.defaults), minute, hourly).values


def live(symbol: str) -> Iterator[Judgement]:
    """Every bar as the program sees it: the desk, and windows that grow bar by bar, by hour and by day."""
    block = candles(symbol, "1m")
    longer = {name: resample(block, length) for name, length in (("1h", HOUR_MS), ("1d", DAY_MS))}
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder), bars=1)
        watch.market.windows[symbol, "1m"] = minutes = CandleWindow(2000)
        for name in longer:
            watch.market.windows[symbol, name] = CandleWindow(94 if name == "1d" else 2000)
        watch.thresholds.values[symbol] = msgspec.structs.asdict(thresholds(symbol))
        watch.bus.publish(listing(symbol, str(TICK)))
        watch.watch(symbol)
        for row in block:
            close_ms = int(row[0]) + MINUTE_MS
            for name, length in (("1h", HOUR_MS), ("1d", DAY_MS)):
                if close_ms % length == 0:
                    for bar in longer[name][longer[name][:, 0] == close_ms - length]:
                        watch.market.windows[symbol, name].append(bar)
            minutes.append(row)
            found = watch.desk.judge(bar_of(row, symbol, "1m"))
            assert found is not None
            yield found


@pytest.mark.parametrize("symbol", ["ADAUSDT", "ETHUSDT"])
def test_live_and_vectorised_say_the_same_on_every_bar(symbol: str) -> None:
    """Each trigger, on each bar: fired or not, the side, the value, the threshold and how strongly."""
    full = whole(symbol)
    readings = {code: entry.read(full, thresholds(symbol)) for code, entry in REGISTRY.items()}
    spoken = {code: readings[code] for code, entry in REGISTRY.items() if entry.role == "reason" and not entry.reserved}
    fired = dict.fromkeys(spoken, 0)
    bars = suppressed = touched = 0
    for place, found in enumerate(live(symbol)):
        bars += 1
        assert found.stats.price == full.close[place]
        told = {reason.code: reason for reason in found.trigger_reasons}
        assert set(told) == {code for code, reading in spoken.items() if reading.fires[place]}, place
        for code, reason in told.items():
            reading = spoken[code]
            fired[code] += 1
            assert (reason.family, reason.side) == (REGISTRY[code].family, int(reading.side[place]))
            expected = [column[place] for column in reading[:3]]
            assert [reason.value, reason.threshold, reason.distance] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert reason.strength == pytest.approx(REGISTRY[code].strength(*expected), abs=1e-9)
        quiet, touch = (any(words in hint for hint in found.hints) for words in ("too quiet", "ATR from a level"))
        assert quiet == readings["QUIET"].fires[place]
        assert touch == readings["LEVEL_TOUCH"].fires[place]
        suppressed, touched = suppressed + quiet, touched + touch
    assert bars == len(full) == len(candles(symbol, "1m"))
    assert min(fired.values()) > 0, f"not all fired, so nothing was compared: {fired}"
    assert suppressed
    assert touched


@pytest.mark.parametrize("symbol", ["ADAUSDT", "ETHUSDT"])
def test_the_newest_bars_alone_give_the_same_columns(symbol: str) -> None:
    """Every tenth bar: all columns from the newest `TAIL` bars, none of which the triggers may hide a difference in."""
    block, full = candles(symbol, "1m"), whole(symbol)
    days = resample(block, DAY_MS)
    for end in range(1, len(block) + 1, 10):
        over = days[days[:, 0] + DAY_MS <= block[end - 1, 0]]
        newest = columns(block[max(0, end - TAIL) : end], daily_levels(over[-DAYS_NEEDED:]), tick=TICK, newest=1)
        assert same(newest, part(full, end - 1, end)) == {}, end


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
