"""Pools of equal highs and lows, the last day's and week's extremes, and what takes them."""

import math

import pytest
from hypothesis import given

from core.signals.smc.event import NO_LEVELS, Levels, Pool
from tests.core.signals.smc.tape import MINUTE_MS, REFERENCE, TREND, Candle, Run, candles, path

NAN = math.nan
DAY = Levels(110.0, 90.0, 86_400_000, NAN, NAN, 0)


def equal_highs(run: Run | None = None) -> tuple[Run, Pool]:
    """Two highs at 110 and 110.1, the second final; price at 108."""
    run = run or Run()
    run.feed(path(100, 110, 104, 110.1, 104, 108))
    (pool,) = run.engine.pools
    return run, pool


def test_a_pool_is_known_when_its_second_swing_is_final() -> None:
    run, pool = equal_highs()
    (event,) = run.of("liquidity")
    assert (event.side, event.members, pool.members, pool.source) == ("high", 2, 2, "equal")
    assert event.level == pool.level == pytest.approx(110.05)
    assert event.t_event == pool.t_event == 4 * MINUTE_MS
    low = [swing for swing in run.of("swing") if swing.side == "low"][-1]
    assert event.t_known == pool.t_known == low.t_known
    assert pool.swept_ms == 0


def test_swings_farther_apart_than_their_share_of_atr_are_not_equal() -> None:
    run = Run()
    run.feed(path(100, 110, 104, 110.2, 104, 108))
    assert run.engine.pools == []
    run = Run()
    run.feed(path(100, 110, 104, 110.2, 104, 108), atr=2.0)
    assert len(run.engine.pools) == 1
    run = Run(TREND._replace(equal_range=1.0))
    run.feed(path(100, 110, 104, 110.9, 104, 108), atr=NAN)
    assert len(run.engine.pools) == 1
    run = Run(TREND._replace(equal_range=1.0))
    run.feed(path(100, 110, 104, 111, 104, 108))
    assert run.engine.pools == [], "a swing at the very edge ends the range"


def test_a_third_swing_joins_the_pool_without_another_event() -> None:
    run, pool = equal_highs()
    run.feed(path(108, 109.9, 104, 108))
    assert pool.members == 3
    assert pool.level == pytest.approx(110.0)
    assert len([event for event in run.of("liquidity") if event.side == "high"]) == 1


def test_the_wick_of_a_sweep_is_measured_from_the_level_told_even_if_a_third_swing_joins_on_the_way() -> None:
    run, pool = equal_highs()
    run.feed(path(108, 109.9, 109.0))
    run.feed([(109, 109.5, 108.5, 109), (109, 109.5, 108.9, 109)])
    run.feed([(109, 110.4, 109, 110.2)])  # makes the low final, and the high before it: the level moves to 110
    assert (pool.members, pool.swept_ms) == (3, 0)
    run.feed([(110.2, 110.3, 109, 109.5)])
    (event,) = run.of("sweep")
    assert event.level == pytest.approx(110.0)
    assert event.size == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("bars", "sweeps", "swept"),
    [
        ([(108, 110.35, 108, 109)], 1, True),  # beyond and back on one bar
        ([(108, 110.1, 108, 109)], 0, False),  # hardly beyond: less than 0.1 ATR
        ([(108, 110.35, 108, 110.2)], 0, False),  # closed beyond, but not far: the next bar decides
        ([(108, 110.35, 108, 110.2), (110.2, 110.3, 109, 109.5)], 1, True),
        ([(108, 110.35, 108, 110.2), (110.2, 110.9, 110, 110.2)], 0, True),  # it stayed beyond
        ([(108, 110.12, 108, 110.1), (110.1, 110.12, 109, 109.5)], 0, False),
        ([(108, 110.12, 108, 110.1), (110.1, 110.12, 109, 109.5), (109.5, 110.3, 109, 110.2)], 0, False),
        ([(108, 111, 108, 110.4)], 0, True),  # a run
        ([(108, 109.9, 107, 108)], 0, False),
    ],
)
def test_a_sweep_goes_beyond_and_closes_back_at_once_or_on_the_next_bar(
    bars: list[Candle], sweeps: int, swept: bool
) -> None:
    run, pool = equal_highs()
    place = run.place
    run.feed(bars)
    found = run.of("sweep")
    assert len(found) == sweeps
    assert (pool.swept_ms > 0) == swept
    for event in found:
        assert (event.side, event.members, event.source) == ("SELL", 2, "equal")
        assert (event.t_event, event.t_known) == (place * MINUTE_MS, run.place * MINUTE_MS)
        assert event.size == pytest.approx(0.3)
        assert pool.swept_ms == event.t_known
    run.feed([(109, 112, 108, 108), (108, 112, 108, 108)])
    assert len(run.of("sweep")) == (1 if sweeps or not swept else 0), "a pool is swept once, and not after a run"


def test_swept_lows_speak_for_a_rise() -> None:
    run = Run()
    run.feed(path(120, 110, 116, 110, 116, 112))
    (event,) = [each for each in run.feed([(112, 112, 109.5, 111)]) if each.kind == "sweep"]
    assert (event.side, event.level, event.size) == ("BUY", 110.0, 0.5)


def test_a_swept_pool_takes_no_more_swings_unless_the_range_is_the_references() -> None:
    for rules, members in ((TREND, 2), (TREND._replace(equal_range=0.5), 4)):
        run, pool = equal_highs(Run(rules))
        run.feed([(108, 110.35, 108, 109)])
        run.feed(path(109, 104, 110.05, 104, 108))
        assert pool.members == members


def test_swings_that_went_beyond_before_they_were_final_make_a_pool_already_swept() -> None:
    run = Run()
    run.feed(path(100, 110, 104, 110.1, 109))
    run.feed([(109, 109, 106, 108), (108, 111, 107, 108), (108, 108, 107.5, 108)])
    pools = [pool for pool in run.engine.pools if pool.side == "high"]
    assert [pool.swept_ms > 0 for pool in pools] in ([], [True])


def test_the_last_days_extremes_are_pools_until_they_are_swept_and_again_after_a_long_time() -> None:
    run = Run(TREND._replace(pool_bars=20))
    calm: list[Candle] = [(100, 100.5, 99.5, 100)]
    run.feed(calm, levels=DAY)
    assert [(pool.side, pool.level, pool.source, pool.members) for pool in run.engine.pools] == [
        ("high", 110.0, "day", 0), ("low", 90.0, "day", 0),
    ]  # fmt: skip
    (event,) = [each for each in run.feed([(109, 110.5, 108, 109)], levels=DAY) if each.kind == "sweep"]
    assert (event.side, event.source, event.members, event.level) == ("SELL", "day", 0, 110.0)
    assert sum(pool.swept_ms > 0 for pool in run.engine.pools) == 1
    assert not [e for e in run.feed([(109, 110.5, 108, 109)], levels=DAY) if e.kind == "sweep"]
    run.feed(calm * 19, levels=DAY)
    assert not [e for e in run.feed([(109, 110.5, 108, 109)], levels=DAY) if e.kind == "sweep"], "tapped meanwhile"
    run.feed(calm * 20, levels=DAY)
    assert [e for e in run.feed([(109, 110.5, 108, 109)], levels=DAY) if e.kind == "sweep"]


def test_a_new_day_and_a_new_week_bring_their_own_extremes() -> None:
    run = Run()
    calm: list[Candle] = [(100, 100.5, 99.5, 100)]
    run.feed(calm, levels=NO_LEVELS)
    assert run.engine.pools == []
    run.feed(calm, levels=DAY)
    week = Levels(112.0, 91.0, 2 * 86_400_000, 120.0, 80.0, 4 * 86_400_000)
    run.feed(calm, levels=week)
    assert sorted((pool.source, pool.level) for pool in run.engine.pools) == [
        ("day", 91.0), ("day", 112.0), ("week", 80.0), ("week", 120.0),
    ]  # fmt: skip
    run.feed([(111, 112.05, 111, 112), (112, 121, 112, 119)], levels=week)
    assert [(event.source, event.level) for event in run.of("sweep")] == [("week", 120.0)]


def test_pools_are_forgotten_by_the_age_of_their_first_swing() -> None:
    run, pool = equal_highs(Run(TREND._replace(pool_bars=60)))
    age = run.place - pool.place
    run.feed([(108, 108.5, 107.5, 108)] * (60 - age))
    assert pool in run.engine.pools
    run.feed([(108, 108.5, 107.5, 108)] * 2)
    assert pool not in run.engine.pools
    assert not [event for event in run.feed([(108, 110.5, 108, 109)]) if event.kind == "sweep"]


@given(bars=candles)
def test_pools_hold_what_their_events_say(bars: list[Candle]) -> None:
    for rules in (TREND, REFERENCE, TREND._replace(equal_atr=1.0), TREND._replace(equal_atr=0.0)):
        run = Run(rules)
        run.feed(bars, levels=Levels(1004.0, 996.0, 86_400_000, 1009.0, 991.0, 86_400_000))
        pools = run.of("liquidity")
        assert len({(event.side, event.t_event) for event in pools}) == len(pools)
        assert {(pool.side, pool.t_event) for pool in run.engine.pools if pool.source == "equal"} == {
            (event.side, event.t_event) for event in pools
        }
        for event in run.of("sweep"):
            first, last = event.t_event // MINUTE_MS, event.t_known // MINUTE_MS - 1
            assert 0 <= last - first <= 1
            above = event.side == "SELL"
            assert bars[last][3] < event.level if above else bars[last][3] > event.level
            reach = max(bar[1] for bar in bars[first : last + 1]) - event.level
            if not above:
                reach = event.level - min(bar[2] for bar in bars[first : last + 1])
            assert event.size == pytest.approx(reach)
            assert reach >= 0.1
