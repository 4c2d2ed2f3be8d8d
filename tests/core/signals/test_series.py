"""One symbol: live steps equal replayed ones, more data changes nothing said, and the start is forgotten after warm-up."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.candles import CandleWindow
from core.market.indicators import oscillators_may_vote
from core.messages import StateChange
from core.settings import ConfluenceSettings, Detectors, Settings
from core.signals.drive import Judged
from core.signals.higher import HigherFrames
from core.signals.reading import REGISTRY, TRADED_WINDOW
from core.signals.series import SymbolSignals
from core.venue import CandleBlock
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, bar_of, coarser, lively, walk, window_of

SETTINGS = Settings()


def opened(window: CandleWindow, rules: Settings = SETTINGS) -> tuple[SymbolSignals, list[StateChange]]:
    signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    return signals, [change for part in signals.open(window, rules) for change in part]


def said(signals: SymbolSignals, rules: Settings = SETTINGS) -> tuple[bytes, bytes]:
    return msgspec.json.encode(signals.newest_readings()), msgspec.json.encode(signals.confluence(rules, ""))


def judgements(
    block: CandleBlock, first: int, rules: Settings = SETTINGS, frames: HigherFrames | None = None
) -> dict[int, Judged]:
    """What was judged at every bar from `first` on, stepped live after opening on the bars before it."""
    signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    signals.frames = frames or signals.frames
    list(signals.open(window_of(block[:first]), rules))
    found: dict[int, Judged] = {}
    for row in block[first:]:
        signals.step(bar_of(row), rules, "")
        assert signals.judged is not None
        found[int(row[0])] = signals.judged
    return found


def argued(signals: SymbolSignals) -> tuple[bytes, bytes]:
    """The same without the beginning of the state, which may lie before the bars a start replays."""
    view = msgspec.structs.replace(signals.confluence(SETTINGS, ""), since_ms=0, since_price=0.0)
    return msgspec.json.encode(signals.newest_readings()), msgspec.json.encode(view)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(20, 599))
def test_prefix_a_bars_readings_never_change_when_more_data_comes(seed: int, cut: int) -> None:
    block = walk(seed, 600)
    whole, _ = opened(window_of(block))
    stepped, _ = opened(window_of(block[:cut]))
    published = [argued(stepped)]
    for row in block[cut:]:
        stepped.step(bar_of(row), SETTINGS, "")
        published.append(argued(stepped))
    assert published[-1] == argued(whole)
    again, _ = opened(window_of(block[: cut + 1]))
    assert argued(again) == published[1]


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 4), marks=pytest.mark.slow)])
def test_start_evidence_does_not_depend_on_where_history_began(seeds: range) -> None:
    compared, votes = 0, Counter[str]()
    for seed in seeds:
        block = walk(seed, 2000)
        frames = HigherFrames(("15m", "1h"))
        for name in frames.timeframes:  # a year of it: what the longer timeframes say does not depend on the start
            frames.load(name, coarser(walk(seed + 50, 40_000), name)[-400:])
        full = judgements(block, 1600, frames=frames)
        for warmup in sorted({entry.warmup for entry in REGISTRY.values()}):
            first = max(warmup, TRADED_WINDOW)
            late = judgements(block[1600 - first :], first, frames=frames)
            for open_ms, judged in full.items():
                for (entry, mine), (_, other) in zip(judged.verdicts, late[open_ms].verdicts, strict=True):
                    if entry.warmup == warmup:
                        compared += 1
                        votes[entry.name] += mine.side != "HOLD"
                        assert mine.evidence == pytest.approx(other.evidence, abs=1e-5), entry.name
    assert compared == len(seeds) * 400 * len(REGISTRY)
    assert sum(votes.values()) > 0.05 * compared


def test_states_other_than_hold_occur_on_a_random_walk() -> None:
    reached = bars = 0
    for seed in range(5):
        for judged in judgements(walk(seed, 1300), 300).values():
            bars += 1
            reached += not 0.4 < judged.pooled.probability < 0.6
    assert 0.01 < reached / bars < 0.4


def test_warming_up_forces_hold_and_says_how_far() -> None:
    signals, changes = opened(window_of(walk(1, 100)))
    view = signals.confluence(SETTINGS, "")
    assert changes == []
    middle = sorted(entry.warmup for entry in REGISTRY.values())[len(REGISTRY) // 2]
    assert (view.state, view.hold_reason) == ("HOLD", f"warming up (100/{middle} bars)")
    assert view.readings == len(REGISTRY)
    assert len(REGISTRY) / 2 < view.warming < len(REGISTRY)
    told = {reading.detector: reading.reasons[0] for reading in signals.readings() if reading.warming}
    assert told == {e.name: f"warming up (100/{e.warmup} bars)" for e in REGISTRY.values() if e.warmup > 100}


def test_the_confluence_adds_up_and_carries_its_state() -> None:
    signals, changes = opened(window_of(walk(3, 900)))
    view = signals.confluence(SETTINGS, "")
    assert sum(part.logit for part in view.contributions) == pytest.approx(view.logit - view.base_logit, abs=1e-12)
    assert view.calibrated is False
    assert view.occurred_at == START_MS + 899 * 300_000
    assert view.known_at == view.occurred_at + 300_000
    last = changes[-1]
    assert (view.state, view.since_ms, view.since_price) == (last.after, last.known_at, last.price)
    assert all(change.replayed for change in changes)
    assert all(change.known_at > view.known_at - 86_400_000 for change in changes)
    assert all(change.before != change.after for change in changes)


def test_readings_of_a_bar_are_told_once() -> None:
    signals, _ = opened(window_of(walk(3, 400)))
    assert len(signals.readings()) == len(REGISTRY)
    assert signals.readings() == []
    assert len(signals.newest_readings()) == len(REGISTRY)


def test_a_reopened_series_keeps_its_published_past_and_takes_the_bars_after() -> None:
    block = walk(5, 700)
    window = window_of(block[:600])
    signals, _ = opened(window)
    signals.readings()
    past = (signals.hysteresis.state, signals.hysteresis.since_ms, signals.hysteresis.cooldown_until_ms)
    corrected = block[:600].copy()
    corrected[300:600, 1:5] *= 1.5
    list(signals.open(window_of(corrected), SETTINGS))
    assert (signals.hysteresis.state, signals.hysteresis.since_ms, signals.hysteresis.cooldown_until_ms) == past
    assert signals.readings() == []
    after = [change for part in signals.open(window_of(block), SETTINGS) for change in part]
    straight, _ = opened(window_of(block[:600]))
    expected = [change for row in block[600:] for change in straight.step(bar_of(row), SETTINGS, "")]
    assert after == expected
    assert not any(change.replayed for change in after)
    assert said(signals) == said(straight)


def test_a_veto_shows_hold_and_the_state_outlives_it() -> None:
    block = walk(lively(900), 900)
    signals, _ = opened(window_of(block))
    state = signals.hysteresis.state
    assert state != "HOLD"
    following = block[-1].copy()
    following[0] += 300_000
    assert signals.step(bar_of(following), SETTINGS, "order book stale") == []
    shown = signals.confluence(SETTINGS, "order book stale")
    assert (shown.state, shown.hold_reason) == ("HOLD", "order book stale")
    assert (signals.hysteresis.state, signals.confluence(SETTINGS, "").state) == (state, state)


def test_filler_bars_force_hold_after_the_limit_and_never_vote() -> None:
    block = walk(3, 900)
    signals, _ = opened(window_of(block))
    seen = []
    for number in range(1, 6):
        row = np.array([block[-1, 0] + number * 300_000, *[block[-1, 4]] * 4, 0.0, 0.0, 0.0, 0.0])
        signals.step(bar_of(row, synthetic=True), SETTINGS, "")
        seen.append(signals.confluence(SETTINGS, "").hold_reason)
        assert {reading.side for reading in signals.newest_readings()} == {"HOLD"}
    assert seen == ["", "", "", "no candle from the venue for 4 bars", "no candle from the venue for 5 bars"]


def test_a_flat_dead_market_never_votes() -> None:
    block = walk(1, 500)
    block[:, 1:5] = 100.0
    block[:, 5:] = 0.0
    for judged in judgements(block, 300).values():
        assert {verdict.side for _, verdict in judged.verdicts} == {"HOLD"}


def test_a_bar_that_is_not_finite_is_silent_and_harms_no_later_one() -> None:
    block = walk(1, 500)
    signals, _ = opened(window_of(block[:400]))
    for place, row in enumerate(block[400:]):
        odd = row.copy()
        if place == 10:
            odd[4] = np.nan
        signals.step(bar_of(odd), SETTINGS, "")
        if place == 10:
            assert {reading.side for reading in signals.newest_readings()} == {"HOLD"}
    assert any(verdict.side != "HOLD" for _, verdict in signals.judged.verdicts) if signals.judged else False


def test_detectors_that_are_off_do_not_vote() -> None:
    rules = Settings(detectors=Detectors(off=("macd", "boll")))
    signals, _ = opened(window_of(walk(3, 400)), rules)
    assert {reading.detector for reading in signals.readings()} == set(REGISTRY) - {"macd", "boll"}


def test_the_gate_for_oscillators_is_the_markets_own_rule() -> None:
    random = np.random.default_rng(4)
    block = walk(4, 400)
    block[random.random(400) < 0.15, 5] = 0.0
    window = CandleWindow(2000)
    flags = random.random(400) < 0.01
    signals, _ = opened(window_of(block[:100]))
    window.extend(block[:100])
    agreed = set()
    for row, synthetic in zip(block[100:], flags[100:], strict=True):
        window.append(row, bool(synthetic))
        signals.step(bar_of(row, synthetic=bool(synthetic)), SETTINGS, "")
        assert signals.drive is not None
        assert signals.drive.scene.traded == oscillators_may_vote(window, 1.0)
        agreed.add(signals.drive.scene.traded)
    assert agreed == {True, False}


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), enter=st.floats(0.5, 0.9))
def test_the_same_bars_twice_are_byte_identical(seed: int, enter: float) -> None:
    rules = Settings(confluence=ConfluenceSettings(enter=enter, cooldown_s=60.0))

    def play() -> list[Any]:
        block = walk(seed, 500)
        signals, changes = opened(window_of(block[:300]), rules)
        out: list[Any] = [msgspec.json.encode(changes)]
        for row in block[300:]:
            out.append(msgspec.json.encode(signals.step(bar_of(row), rules, "")))
            out.append(said(signals, rules))
        return out

    assert play() == play()
