"""The engine as a whole: causal, told once, bounded, and forgetful of where it began."""

import math
import sys
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Detectors
from core.signals.smc.engine import HOUR_MS, KEPT_EVENTS, SmcRules, rules_of
from core.signals.smc.event import NO_LEVELS, Levels, SmcEvent
from tests.core.signals.markets import walk
from tests.core.signals.smc.tape import MINUTE_MS, REFERENCE, TREND, Candle, Run, candles, drawn

DAY_BARS = 40


def levels_at(place: int, bars: list[Candle]) -> Levels:
    """Extremes of the last finished 40 bars, as the day's; every fourth day ends a week."""
    day = place // DAY_BARS
    if not day:
        return NO_LEVELS
    part = bars[(day - 1) * DAY_BARS : day * DAY_BARS]
    high, low = max(bar[1] for bar in part), min(bar[2] for bar in part)
    return Levels(high, low, day * MINUTE_MS, high + 3.0, low - 3.0, day // 4 * MINUTE_MS)


def played(rules: SmcRules, bars: list[Candle]) -> Run:
    run = Run(rules)
    for place, bar in enumerate(bars):
        run.feed([bar], levels=levels_at(place, bars))
    return run


def told(run: Run, until_ms: int) -> list[str]:
    """The events known by then, as text: NaN is not equal to itself."""
    return [repr(event) for event in run.events if event.t_known <= until_ms]


@given(bars=candles, other=candles, cut=st.integers(0, 160), reference=st.booleans())
def test_what_is_known_at_a_close_does_not_depend_on_later_bars(
    bars: list[Candle], other: list[Candle], cut: int, reference: bool
) -> None:
    rules = REFERENCE if reference else TREND
    now = min(cut, len(bars)) * MINUTE_MS
    past = bars[:cut]
    assert told(played(rules, bars), now) == told(played(rules, past), now) == told(played(rules, past + other), now)


@given(bars=candles, reference=st.booleans())
def test_events_come_at_their_close_and_speak_of_bars_before_it(bars: list[Candle], reference: bool) -> None:
    run = Run(REFERENCE if reference else TREND)
    once: set[str] = set()
    for place, bar in enumerate(bars):
        for event in run.feed([bar], levels=levels_at(place, bars)):
            assert event.t_known == (place + 1) * MINUTE_MS
            assert max(event.t_event, event.broken_at, event.replaces) < event.t_known
            again = reference and event.kind == "order_block"  # there one bar may be the block of two breaks
            once.add(repr(event if again else event._replace(t_known=0)))
    assert len(once) == len(run.events), "an event was told twice"
    assert list(run.engine.history) == run.events[-KEPT_EVENTS:]


def test_a_bar_that_is_no_number_is_passed_over() -> None:
    bars = [tuple(row) for row in walk(3, 300)[:, 1:5].tolist()]
    straight, odd = Run(), Run()
    for bar in bars:
        straight.feed([bar])
        odd.feed([bar])
        odd.place -= 1
        assert odd.feed([(math.nan, *bar[1:]), (bar[0], math.inf, *bar[2:]), (*bar[:3], math.nan)]) == []
        odd.place -= 2
    assert [repr(event) for event in odd.events] == [repr(event) for event in straight.events]
    assert odd.engine.bars == 300


def test_nothing_is_measured_in_an_atr_that_is_not_there() -> None:
    run = Run()
    bars = [tuple(row) for row in walk(3, 200)[:, 1:5].tolist()]
    run.feed(bars[:100], atr=math.nan)
    run.feed(bars[100:], atr=0.0)
    assert {event.kind for event in run.events} == {"swing", "bos", "choch"}


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        (SmcRules("trend", 5, 0.1, 0.15, 1.5), 100_000),
        (SmcRules("smc", 5, 0.1, 0.15, 1.5), 100_000),
        (SmcRules("smc", 1, 0.0, 2.0, 0.5), 200_000),
        (SmcRules("smc", 200, 0.0, 2.0, 0.5), 200_000),
    ],
)
def test_state_is_bounded(rules: SmcRules, most: int) -> None:
    run = Run(rules)
    largest = 0
    bars = [tuple(row) for row in walk(1, 6000)[:, 1:5].tolist()]
    for place, bar in enumerate(bars):
        run.feed([bar], atr=0.2, levels=levels_at(place, bars))
        if place % 500 == 499:
            run.events.clear()
            largest = max(largest, size_of(run.engine))
    assert 10_000 < largest < most
    assert 0 < len(run.engine.zones) <= 200


def timely(events: list[SmcEvent], rules: SmcRules) -> list[str]:
    """Without breaks so long after their swing that a later beginning may not know the swing."""
    most = rules.pattern_bars * MINUTE_MS
    return [repr(each) for each in events if each.kind not in ("bos", "choch") or each.broken_at - each.t_event <= most]


def size_of(start: object) -> int:
    """Bytes of an object and all it alone refers to."""
    seen: set[int] = set()
    total, left = 0, [start]
    while left:
        item: Any = left.pop()
        if id(item) in seen or isinstance(item, type | ModuleType | FunctionType | str):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        if isinstance(item, dict):
            left += [*item.values(), *item.keys()]
        elif hasattr(item, "__iter__"):
            left += list(item)
        for part in type(item).__mro__:
            left += [getattr(item, name) for name in getattr(part, "__slots__", ()) if hasattr(item, name)]
    return total


@pytest.mark.parametrize("mode", ["trend", "smc"])
@pytest.mark.parametrize("seed", range(3))
def test_what_stands_does_not_depend_on_where_the_history_began(mode: str, seed: int) -> None:
    bars = [tuple(row) for row in walk(seed, 2200)[:, 1:5].tolist()]
    rules = SmcRules("smc" if mode == "smc" else "trend", 5, 0.1, 0.15, 1.5)
    full, late = Run(rules), Run(rules, first=1200)
    compared = 0
    for place, bar in enumerate(bars):
        mine = full.feed([bar], atr=0.3, levels=levels_at(place, bars))
        if place < 1200:
            continue
        other = late.feed([bar], atr=0.3, levels=levels_at(place, bars))
        if place >= 1200 + 665:
            assert standing(full) == standing(late)
            assert timely(mine, rules) == timely(other, rules)
            compared += len(mine)
    assert compared > 50


def standing(run: Run) -> list[Any]:
    engine = run.engine
    return [
        engine.trend,
        [swing._replace(place=0) for swing in engine.swings[-4:]],
        [(zone.kind, zone.t_event, zone.state, zone.touches, zone.depth) for zone in engine.zones],
        sorted(
            (pool.source, pool.side, pool.level, pool.members, pool.swept_ms > 0)
            for pool in engine.pools
            if pool.source == "equal"
        ),
    ]


def test_the_swing_length_follows_the_timeframe_unless_it_is_set() -> None:
    assert rules_of(Detectors(), HOUR_MS - 1).swing_length == 5
    assert rules_of(Detectors(), HOUR_MS).swing_length == 3
    assert rules_of(Detectors(swing_length=7), HOUR_MS).swing_length == 7
    assert rules_of(Detectors(smc_mode="smc"), 60_000).mode == "smc"


def test_the_newest_of_each_kind_is_at_hand() -> None:
    run = Run()
    run.feed([tuple(row) for row in walk(5, 800)[:, 1:5].tolist()], atr=0.3)
    run.feed(drawn([(1, 0, 0)] * 6), atr=5.0)  # gaps, but no great move
    latest: dict[str, SmcEvent] = {}
    for event in run.events:
        if event.kind in ("bos", "choch"):
            latest[event.kind] = event
        if event.kind == "fvg" and event.push >= TREND.displacement_atr:
            latest["displacement"] = event
    assert {name: run.engine.latest.get(name) for name in latest} == latest
    assert set(latest) == {"bos", "choch", "displacement"}
    sweeps = run.of("sweep")
    assert run.engine.latest["sweep"].t_known == sweeps[-1].t_known
