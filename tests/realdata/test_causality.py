"""Nothing said is ever taken back, and nothing depends on where the history began: every detector and the confluence.

The tests run over the registry, so a detector added tomorrow is held to them without a line here. Two detectors that
cheat are registered to show that the tests see it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
import numpy as np
import pytest

from core.label import wanted
from core.scan import higher_frames
from core.signals.confluence import explain
from core.signals.drive import Judged
from core.signals.reading import REGISTRY, Memory, Scene, Step, Vote, detector
from core.signals.series import SymbolSignals
from core.venue import TIMEFRAME_MS, CandleBlock
from tests.realdata.bars import DATA, SETTINGS, Given, Live, at_once, candles, frames_until

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded market data is not at {DATA.resolve()}"),
]
SERIES = (("BTCUSDT", "5m"), ("ADAUSDT", "5m"), ("SUIUSDT", "1m"), ("XRPUSDT", "1m"))
BEFORE = 4600
"""Bars that only the longer timeframes see: 300 of the second longer one and some."""
OPENED = 1600
"""Bars of the series when it is opened: more than any warm-up."""
LENGTH = 4600
STARTS = (331, 1207)
TOLERANCE = {"ema_stack": 1e-5}
"""1e-6 for all others. EMA200 after its 1,400 bars is right to 1e-6 of the price, which is more in ATR."""


def part(symbol: str, timeframe: str, bars: int = LENGTH) -> CandleBlock:
    return candles(symbol, timeframe)[: BEFORE + bars]


@cache
def whole_of(symbol: str, timeframe: str) -> dict[int, Judged]:
    """A series judged with all its bars at hand; what every other run is compared with."""
    return all_at_once(part(symbol, timeframe), timeframe)


def all_at_once(block: CandleBlock, timeframe: str, start: int = BEFORE) -> dict[int, Judged]:
    return dict(at_once(block[start:], timeframe, higher_frames(block, timeframe, SETTINGS)))


@contextmanager
def registered(name: str, step: Step, warmup: int) -> Iterator[None]:
    detector(name, family="PATTERN", warmup=warmup, needs=())(step)
    try:
        yield
    finally:
        del REGISTRY[name]


# --- the prefix test -------------------------------------------------------------------------------------------------


def rewritten(block: CandleBlock, timeframe: str, whole: dict[int, Judged]) -> tuple[Counter[str], Counter[str]]:
    """Compare what is said with all bars at hand and what was said when each bar was the newest.

    Returns by detector (and `confluence`) how many readings differ, and how many were not HOLD.
    """
    live = Live(block, timeframe, BEFORE + OPENED, BEFORE)
    differ, spoke = Counter[str](), Counter[str]()
    while live.count < len(block):
        open_ms = live.move()
        then, now = live.signals.judged, whole[open_ms]
        assert then is not None
        for (entry, was), (_, is_now) in zip(then.verdicts, now.verdicts, strict=True):
            differ[entry.name] += was != is_now
            spoke[entry.name] += was.side != "HOLD"
        differ["confluence"] += (then.pooled, then.gate, then.forced) != (now.pooled, now.gate, now.forced)
        spoke["confluence"] += live.signals.hysteresis.state != "HOLD"
    return differ, spoke


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_prefix_no_reading_is_rewritten_when_later_bars_come(symbol: str, timeframe: str) -> None:
    differ, spoke = rewritten(part(symbol, timeframe), timeframe, whole_of(symbol, timeframe))
    told = ", ".join(f"{name} {spoke[name]}" for name in (*REGISTRY, "confluence"))
    print(f"\n{symbol} {timeframe}: {sum(differ.values())} rewritten; not HOLD of {LENGTH - OPENED} bars: {told}")
    assert +differ == Counter()
    assert spoke["confluence"] > 0.03 * (LENGTH - OPENED)
    assert sum(spoke.values()) > LENGTH - OPENED


def test_prefix_every_detector_spoke_somewhere() -> None:
    spoke = Counter[str]()
    for symbol, timeframe in SERIES:
        for judged in whole_of(symbol, timeframe).values():
            for entry, verdict in judged.verdicts:
                spoke[entry.name] += verdict.side != "HOLD"
    assert [name for name in REGISTRY if not spoke[name]] == []


def look_ahead(_memory: Memory, scene: Scene) -> Vote | None:
    """Votes by tomorrow's return, wherever tomorrow is already in the data."""
    times = scene.times
    tomorrow = Given.closes.get(2 * times[-1] - times[-2]) if len(times) > 1 else None
    if tomorrow is None or tomorrow == scene.close:
        return None
    return Vote("BUY" if tomorrow > scene.close else "SELL", 0.9, "it will")


def test_prefix_a_detector_that_looks_ahead_is_caught() -> None:
    block = part("BTCUSDT", "5m", OPENED + 300)
    with registered("look_ahead", look_ahead, 1):
        differ, _ = rewritten(block, "5m", all_at_once(block, "5m"))
    assert differ["look_ahead"] > 250
    assert differ["confluence"] > 250
    assert set(+differ) == {"look_ahead", "confluence"}


# --- the start test --------------------------------------------------------------------------------------------------


def disagreeing(
    early: dict[int, Judged], block: CandleBlock, timeframe: str, start: int
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Compare the same bars of two histories, one begun `start` bars later; both know the same longer timeframes.

    Returns by detector how many values differ, how many were compared, how many of them were not HOLD.
    """
    late = all_at_once(block, timeframe, BEFORE + start)
    differ, compared, spoke = Counter[str](), Counter[str](), Counter[str]()
    for open_ms, judged in late.items():
        for (entry, mine), (_, theirs) in zip(judged.verdicts, early[open_ms].verdicts, strict=True):
            if mine.warming or theirs.warming:
                continue
            compared[entry.name] += 1
            spoke[entry.name] += theirs.side != "HOLD"
            differ[entry.name] += abs(mine.evidence - theirs.evidence) > TOLERANCE.get(entry.name, 1e-6)
    return differ, compared, spoke


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_start_values_are_the_same_wherever_history_began(symbol: str, timeframe: str) -> None:
    block = part(symbol, timeframe)
    for start in STARTS:
        differ, compared, spoke = disagreeing(whole_of(symbol, timeframe), block, timeframe, start)
        assert +differ == Counter(), {name: (count, compared[name]) for name, count in (+differ).items()}
        assert min(compared[name] for name in REGISTRY) > 1000
        assert sum(spoke.values()) > 3000


def slow_mean(memory: Memory, scene: Scene) -> Vote | None:
    """Votes by the distance from a 400-bar exponential mean, which it calls ready after 30 bars."""
    mean = memory["mean"] = memory.get("mean", scene.close) + (scene.close - memory.get("mean", scene.close)) / 400
    gap = (scene.close - mean) / scene.close * 20
    return Vote("BUY" if gap > 0 else "SELL", min(1.0, abs(gap)), "far from its mean") if gap else None


def test_start_a_detector_that_forgets_its_warm_up_is_caught() -> None:
    block = part("BTCUSDT", "5m", 1200)
    with registered("slow_mean", slow_mean, 30):
        differ, compared, _ = disagreeing(all_at_once(block, "5m"), block, "5m", 500)
    assert differ["slow_mean"] > 0.9 * compared["slow_mean"] > 500
    assert set(+differ) == {"slow_mean"}


# --- the confluence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_contributions_sum_to_the_score_on_every_bar(symbol: str, timeframe: str) -> None:
    voices = 0
    for open_ms, judged in whole_of(symbol, timeframe).items():
        pooled = judged.pooled
        assert math.fsum(pooled.shares) == pytest.approx(pooled.logit - pooled.base_logit, abs=1e-9)
        if any(pooled.shares) and open_ms // TIMEFRAME_MS[timeframe] % 4 == 0:
            words = explain(judged.voices(open_ms), pooled, "HOLD", SETTINGS.confluence)
            told = math.fsum(each.logit for each in words.contributions)
            assert told == pytest.approx(pooled.logit - pooled.base_logit, abs=1e-9)
            voices += len(words.contributions)
    assert voices > 2000


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_the_label_changes_only_where_thresholds_and_cooldown_allow(symbol: str, timeframe: str) -> None:
    block = part(symbol, timeframe, 3000)
    rules, live = SETTINGS.confluence, Live(block, timeframe, BEFORE + OPENED, BEFORE)
    changes, kept = 0, Counter[str]()
    while live.count < len(block):
        before, quiet_until_ms = live.signals.hysteresis.state, live.signals.hysteresis.cooldown_until_ms
        known_at = live.move() + live.interval_ms
        after, judged = live.signals.hysteresis.state, live.signals.judged
        assert judged is not None
        allowed = before if known_at < quiet_until_ms else wanted(before, judged.pooled.probability, rules)
        assert after == ("HOLD" if judged.forced else allowed)
        changes += after != before
        kept[after] += 1
    assert changes > 3
    assert "HOLD" in kept
    assert len(kept) > 1


# --- a restart -------------------------------------------------------------------------------------------------------


def said(signals: SymbolSignals, since: bool = True) -> tuple[bytes, bytes]:
    """Readings and view; without `since`, when the state began and how long it may not change are left out."""
    view = signals.confluence(SETTINGS, "")
    if not since:
        view = msgspec.structs.replace(view, since_ms=0, since_price=0.0, cooldown_until_ms=0)
    return msgspec.json.encode(signals.newest_readings()), msgspec.json.encode(view)


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_a_restart_says_what_one_that_never_stopped_says(symbol: str, timeframe: str) -> None:
    block = part(symbol, timeframe, OPENED + 1500)
    live = Live(block, timeframe, BEFORE + OPENED, BEFORE)
    places = dated = 0
    while live.count < len(block):
        live.move()
        if live.count % 149 == 0:
            again = live.opened()
            # A state older than the bars replayed at start is the same state, but nobody claims to know since when.
            since = bool(again.hysteresis.since_ms)
            dated += since
            assert said(again) == said(live.signals, since), live.count
            places += 1
    assert places > 8
    assert dated


@pytest.mark.parametrize("bars", [SETTINGS.history.bars, SETTINGS.history.memory_bars])
@pytest.mark.parametrize(("symbol", "timeframe"), SERIES[::3])
def test_a_restart_on_what_is_kept_says_the_same(symbol: str, timeframe: str, bars: int) -> None:
    """At start the newest bars are loaded, not all that a running program saw: the values agree, and with the whole of
    what is kept in memory the label and its age too."""
    block = part(symbol, timeframe)
    live = Live(block, timeframe, BEFORE + OPENED, BEFORE)
    places = 0
    while live.count < len(block):
        live.move()
        if live.count % 251 or live.count - BEFORE <= bars:
            continue
        again = live.opened(newest=bars)
        mine, theirs = again.judged, live.signals.judged
        assert mine is not None
        assert theirs is not None
        for (entry, now), (_, then) in zip(mine.verdicts, theirs.verdicts, strict=True):
            assert (now.side, now.reason) == (then.side, then.reason), entry.name
            assert now.evidence == pytest.approx(then.evidence, abs=TOLERANCE.get(entry.name, 1e-6)), entry.name
        assert mine.pooled.probability == pytest.approx(theirs.pooled.probability, abs=1e-6)
        if bars == SETTINGS.history.memory_bars:
            label, known = again.hysteresis, live.signals.hysteresis
            assert label.state == known.state
            if label.since_ms:  # else the state began before the bars replayed at start, and nobody claims to know when
                assert (label.since_ms, label.since_price) == (known.since_ms, known.since_price)
        places += 1
    assert places > 8


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_real_prefixes_end_with_what_the_whole_says(symbol: str, timeframe: str) -> None:
    block = part(symbol, timeframe)
    whole = whole_of(symbol, timeframe)
    random = np.random.default_rng(7)
    for count in random.integers(BEFORE + 50, len(block), 2).tolist():
        known = block[:count]
        cut = dict(at_once(known[BEFORE:], timeframe, frames_until(block, count, timeframe)))
        assert len(cut) == count - BEFORE
        assert all(judged == whole[open_ms] for open_ms, judged in cut.items())
