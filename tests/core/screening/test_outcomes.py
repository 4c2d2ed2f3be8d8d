"""What became of calls: every way a path can go, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.screening.calls import MINUTE_MS, TRADE_BARS, of_analysis, of_change
from core.screening.outcomes import barrier_of, direction_of, trade_of, unbroken
from core.venue import TIMEFRAME_MS
from tests.core.screening.judged import (
    AT,
    BARRIER,
    DOWN,
    FIVE_MS,
    STEP,
    UP,
    analysis,
    call,
    change,
    confluence,
    decision_bars,
    flat,
    minutes,
    risk,
    sure,
    trade,
)

FREE = 0.0
LONG, SHORT = call(), call(side="SELL", recommendation="SELL", score=0.3)
UPWARD, DOWNWARD = (100.0, UP + 0.01, 99.0, 105.0), (100.0, 101.0, DOWN - 0.01, 95.0)
BOTH = (100.0, UP + 0.01, DOWN - 0.01, 100.0)


def test_the_barrier_is_one_and_a_half_deviations_over_twelve_bars() -> None:
    assert barrier_of(decision_bars(), FIVE_MS, AT) == pytest.approx(BARRIER, rel=1e-6)
    assert barrier_of(decision_bars(), FIVE_MS, AT + 2 * MINUTE_MS) == pytest.approx(BARRIER, rel=1e-6)
    assert barrier_of(decision_bars(step=0.0), FIVE_MS, AT) == 0.0


def test_the_barrier_sees_no_bar_that_was_open_and_waits_for_the_newest() -> None:
    later = decision_bars(AT + 3 * FIVE_MS)
    later[-3:, 1:5] = 500.0
    assert barrier_of(later, FIVE_MS, AT) == pytest.approx(BARRIER, rel=1e-3)
    assert math.isnan(barrier_of(decision_bars(AT - FIVE_MS), FIVE_MS, AT))
    assert math.isnan(barrier_of(decision_bars(count=60), FIVE_MS, AT))


@pytest.mark.parametrize(
    ("bars", "long", "short"),
    [
        ((UPWARD,), ("up", True), ("up", True)), ((DOWNWARD,), ("down", False), ("down", False)),
        ((flat(), flat(), UPWARD), ("up", True), ("up", True)),
        ((BOTH,), ("down", False), ("up", True)), ((flat(), BOTH, UPWARD), ("down", False), ("up", True)),
        ((flat(), DOWNWARD, UPWARD), ("down", False), ("down", False)),
    ],
)  # fmt: skip
def test_the_first_barrier_counts_and_of_both_the_one_against_the_call(bars, long, short) -> None:
    for one, wanted in ((LONG, long), (SHORT, short)):
        found = direction_of(one, minutes(*bars), BARRIER, FREE)
        assert found is not None
        assert (found.first, found.rose) == wanted
        hit = next(place for place, bar in enumerate(bars) if bar != flat())
        assert found.at_ms == AT + (hit + 1) * MINUTE_MS
        assert found.after_s == 60.0 * (hit + 1)


def test_without_a_side_the_doubtful_bar_counts_against_the_score() -> None:
    for score, rose in ((0.55, False), (0.45, True), (0.5, False)):
        found = direction_of(call(side=None, score=score), minutes(BOTH), BARRIER, FREE)
        assert found is not None
        assert (found.rose, found.adverse_r, found.favourable_r) == (rose, None, None)


@pytest.mark.parametrize(("close", "rose"), [(101.0, True), (99.0, False), (100.0, False)])
def test_time_runs_out_after_twelve_bars_and_the_return_decides(close: float, rose: bool) -> None:
    path = minutes(flat(), flat(close), fill_to=80)
    assert direction_of(LONG, path[:59], BARRIER, FREE) is None
    found = direction_of(LONG, path, BARRIER, FREE)
    assert found is not None
    assert (found.first, found.rose, found.after_s) == ("neither", rose, 3600.0)
    late = minutes(flat(), fill_to=60)
    late = np.vstack([late, minutes(UPWARD, since_ms=LONG.ends_ms)])
    told = direction_of(LONG, late, BARRIER, FREE)
    assert told is not None
    assert told.first == "neither", "what comes after the time is up is not looked at"


def test_excursions_are_in_barrier_distances() -> None:
    half = math.exp(BARRIER / 2)
    bars = minutes((100.0, 100.0 * half, 100.0, 100.0), (100.0, 100.0, 100.0 / half, 100.0), UPWARD)
    found = direction_of(LONG, bars, BARRIER, FREE)
    assert found is not None
    assert found.adverse_r == pytest.approx(0.5)
    assert found.favourable_r == pytest.approx(math.log((UP + 0.01) / 100) / BARRIER)
    other = direction_of(SHORT, bars, BARRIER, FREE)
    assert other is not None
    assert other.adverse_r == pytest.approx(found.favourable_r)
    assert other.favourable_r == pytest.approx(0.5), "the low of the bar that ended it is not counted for it"


def test_barriers_nearer_than_three_round_trips_teach_nothing() -> None:
    distance = math.expm1(BARRIER)
    for cost, teaches in ((distance / 3.001, True), (distance / 2.999, False)):
        found = direction_of(LONG, minutes(UPWARD), BARRIER, cost)
        assert found is not None
        assert found.teaches is teaches


ENTRY, TARGET, STOP = (100.5, 100.5, 99.9, 100.2), (100.2, 103.0, 100.2, 102.0), (100.2, 100.3, 99.0, 99.5)


@pytest.mark.parametrize(
    ("bars", "first", "minute"),
    [
        ((ENTRY, TARGET), "target", 2), ((ENTRY, STOP), "stop", 2), ((ENTRY, (100.0, 103.0, 99.0, 100.0)), "stop", 2),
        ((ENTRY, flat(100.5), STOP, TARGET), "stop", 3),
        (((100.0, 103.0, 99.9, 103.0),), "target", 1),
        (((100.5, 103.0, 99.9, 102.0), TARGET), "target", 2), (((100.5, 103.0, 99.9, 102.0), STOP), "stop", 2),
        (((100.0, 103.0, 98.9, 103.0),), "stop", 1), ((flat(98.0),), "stop", 1),
        ((flat(101.0), TARGET, ENTRY), "missed", 2),
    ],
)  # fmt: skip
def test_of_a_trade_the_first_level_counts_and_of_both_the_stop(bars, first: str, minute: int) -> None:
    found = trade_of(trade(), AT, minutes(*bars))
    assert found is not None
    assert (found.first, found.at_ms) == (first, AT + minute * MINUTE_MS)
    mirrored = minutes(*[(200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in bars])
    other = trade_of(trade("SELL"), AT, mirrored)
    assert other is not None
    assert (other.first, other.at_ms) == (found.first, found.at_ms)
    if first != "missed":
        assert other.adverse_r == pytest.approx(found.adverse_r)
        assert other.favourable_r == pytest.approx(found.favourable_r)


def test_a_trade_waits_and_runs_out_of_time() -> None:
    short = trade(bars=1)
    assert trade_of(short, AT, minutes(ENTRY, fill_to=14)) is None
    found = trade_of(short, AT, minutes(ENTRY, fill_to=15))
    assert found is not None
    assert (found.first, found.after_s) == ("neither", 900.0)
    assert trade_of(short, AT, minutes(flat(101.0), fill_to=14)) is None
    missed = trade_of(short, AT, minutes(flat(101.0), fill_to=15))
    assert missed is not None
    assert (missed.first, missed.adverse_r) == ("missed", None)
    assert trade_of(short, AT, minutes(flat())[:0]) is None


def test_excursions_of_a_trade_are_in_its_risk_and_from_the_fill_on() -> None:
    bars = minutes(flat(102.5), (100.5, 100.5, 99.6, 100.0), (100.0, 101.5, 99.5, 101.0), (101.0, 104.0, 98.8, 99.0))
    found = trade_of(trade(), AT, bars)
    assert found is not None
    assert found.first == "stop"
    assert found.adverse_r == pytest.approx(1.2)
    assert found.favourable_r == pytest.approx(1.5)


def test_bars_are_read_up_to_the_first_that_is_missing_or_senseless() -> None:
    block = minutes(flat(), fill_to=10)
    assert len(unbroken(block, AT)) == 10
    assert len(unbroken(block, AT + 3 * MINUTE_MS)) == 7
    assert len(unbroken(np.delete(block, 4, axis=0), AT)) == 4
    assert len(unbroken(block, AT - MINUTE_MS)) == 0
    block[6, 3] = math.nan
    assert len(unbroken(block, AT)) == 6
    assert len(unbroken(block[:0], AT)) == 0


steps = st.lists(st.integers(-3, 3), min_size=1, max_size=70)


@settings(deadline=None)
@given(steps=steps, cut=st.integers(1, 70))
def test_later_bars_never_change_what_was_told(steps: list[int], cut: int) -> None:
    closes = 100.0 * np.exp(STEP * np.cumsum(steps))
    opens = np.concatenate([[100.0], closes[:-1]])
    rows = [(o, max(o, c) * 1.003, min(o, c) * 0.997, c) for o, c in zip(opens, closes, strict=True)]
    bars, short = minutes(*rows), trade(bars=4)
    for one in (LONG, SHORT):
        early = direction_of(one, bars[:cut], BARRIER, FREE)
        assert early is None or early == direction_of(one, bars, BARRIER, FREE)
    told = trade_of(short, AT, bars[:cut])
    assert told is None or told == trade_of(short, AT, bars)


def test_a_call_of_a_change_of_state() -> None:
    found = of_change(change(), confluence(), "spot")
    assert (found.side, found.score, found.forecast, found.trade) == ("BUY", 0.63, 0.63, None)
    assert (found.starts_ms, found.ends_ms) == (AT, AT + 12 * FIVE_MS)
    assert found.detectors
    assert set(found.detectors.values()) == {"BUY", "SELL"}
    hold = of_change(change(after="HOLD"), None, "spot")
    assert (hold.side, hold.directed, hold.detectors) == (None, True, {})
    assert hold.fact == found.fact != of_change(change(at_ms=AT + FIVE_MS), None, "spot").fact


def test_a_call_of_a_recommendation() -> None:
    found = of_analysis(analysis(at_ms=AT + 1), confluence(), "spot", "5m")
    assert (found.starts_ms, found.at_ms) == (AT + MINUTE_MS, AT + 1), "entry is the next open"
    assert (found.score, found.forecast, found.calibrated, found.p_trade) == (0.7, 0.65, True, 0.4)
    assert found.trade is not None
    assert (found.trade.entry, found.trade.target, found.trade.stop) == (100.0, 103.0, 99.0)
    assert found.trade.ends_ms == found.starts_ms + TRADE_BARS * TIMEFRAME_MS["15m"]
    short = of_analysis(
        analysis(side="SELL", confidence_metrics=sure("SELL"), risk_parameters=risk("SELL")), None, "spot", "5m"
    )
    assert short.score == pytest.approx(0.3)
    assert short.forecast == pytest.approx(0.35)
    assert short.trade is not None
    assert (short.trade.entry, short.trade.target, short.trade.stop) == (100.0, 97.0, 101.0)


def test_a_recommendation_of_which_nothing_is_known_has_nothing_to_judge() -> None:
    empty = analysis(
        action="INVALID_DATA",
        side=None,
        confidence_metrics=None,
        risk_parameters=None,
        price=math.nan,
        p_trade=math.nan,
    )
    found = of_analysis(empty, None, "spot", "5m")
    assert (found.directed, found.trade, found.price, found.p_trade) == (False, None, None, None)
