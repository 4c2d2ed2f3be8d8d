"""Longer timeframes: only what had closed, the same whether loaded or grown, and said when bars are missing."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.indicators import IndicatorSet
from core.market.regime import RegimeTracker
from core.signals.higher import DAY_MS, KEPT_BARS, WARMUP_BARS, HigherFrames, frames_above
from core.signals.smc.event import NO_LEVELS
from core.venue import CandleBlock
from tests.core.signals.markets import START_MS, coarser, walk

QUARTER_MS = 900_000
DAYS = coarser(walk(7, 40 * 288), "1d")


def loaded(block: CandleBlock, since_ms: int = 0) -> HigherFrames:
    frames = HigherFrames(("15m",))
    frames.load("15m", block, since_ms)
    return frames


def test_the_two_next_timeframes_are_read_shortest_first() -> None:
    watched = ("1m", "1h", "15m", "5m", "5m")
    assert frames_above("1m", watched) == ("5m", "15m")
    assert frames_above("5m", watched) == ("15m", "1h")
    assert frames_above("15m", watched) == ("1h",)
    assert frames_above("1h", watched) == ()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), start=st.integers(60, 399), offset=st.integers(-QUARTER_MS, QUARTER_MS))
def test_a_frame_says_what_the_bars_closed_by_then_say(seed: int, start: int, offset: int) -> None:
    block = walk(seed, 400, "15m")
    whole = loaded(block)
    grown = loaded(block[:start])
    for row in block[start:]:
        assert grown.add("15m", int(row[0]), row[1:6].tolist())
    at_ms = START_MS + 350 * QUARTER_MS + offset
    closed = block[block[:, 0] + QUARTER_MS <= at_ms]
    tracker = RegimeTracker()
    said = [tracker.step(row.tolist()) for row in IndicatorSet.open(closed)[1]][-1]
    (reading,) = whole.at(at_ms)
    assert reading[1:5] == (*said, int(closed[-1, 0]) + QUARTER_MS)
    assert reading.warm == (len(closed) > WARMUP_BARS)
    assert grown.at(at_ms) == whole.at(at_ms) == loaded(closed).at(at_ms)


def test_the_kept_answer_gives_way_to_a_new_bar_and_to_an_older_question() -> None:
    block = walk(4, 400, "15m")
    frames, last_ms = loaded(block[:-1]), int(block[-1, 0])
    before = frames.at(last_ms + 5 * QUARTER_MS)
    assert before[0].closed_ms == last_ms
    frames.add("15m", last_ms, block[-1, 1:6].tolist())
    assert frames.at(last_ms + 5 * QUARTER_MS)[0].closed_ms == last_ms + QUARTER_MS
    assert frames.at(last_ms + QUARTER_MS - 1) == before
    assert frames.at(START_MS + QUARTER_MS)[0].closed_ms == START_MS + QUARTER_MS


def test_a_frame_without_a_closed_bar_is_named_and_not_warm() -> None:
    frames = HigherFrames(("15m", "1h"))
    frames.load("15m", walk(1, 50, "15m"))
    readings = frames.at(START_MS - 1)
    assert [(r.timeframe, r.regime, r.closed_ms, r.warm) for r in readings] == [
        ("15m", "undefined", 0, False), ("1h", "undefined", 0, False),
    ]  # fmt: skip
    assert frames.at(START_MS + 60 * QUARTER_MS)[0].closed_ms == START_MS + 50 * QUARTER_MS


def test_a_bar_that_leaves_a_hole_asks_for_loading_and_a_known_one_changes_nothing() -> None:
    block = walk(1, 400, "15m")
    frames = loaded(block[:390])
    at_ms = int(block[-1, 0]) + QUARTER_MS
    before = frames.at(at_ms)
    assert not frames.add("15m", int(block[391, 0]), block[391, 1:6].tolist())
    assert frames.add("15m", int(block[380, 0]), block[391, 1:6].tolist())
    assert frames.add("3m", int(block[391, 0]), block[391, 1:6].tolist())
    assert frames.at(at_ms) == before


def test_old_bars_are_forgotten_and_the_rest_says_the_same() -> None:
    block = walk(2, KEPT_BARS + 600, "15m")
    since_ms = START_MS + 1000 * QUARTER_MS
    whole, short = loaded(block[:KEPT_BARS]), loaded(block[:KEPT_BARS], since_ms)
    for row in block[KEPT_BARS:]:
        whole.add("15m", int(row[0]), row[1:6].tolist())
        short.add("15m", int(row[0]), row[1:6].tolist())
    for at_ms in range(since_ms + QUARTER_MS, int(block[-1, 0]), 7 * QUARTER_MS):
        assert short.at(at_ms) == whole.at(at_ms)
    assert not short.at(since_ms - QUARTER_MS)[0].warm


def test_days_and_weeks_are_over_and_whole_before_they_are_levels() -> None:
    frames = HigherFrames(())
    assert frames.levels(START_MS) == NO_LEVELS
    frames.load("1d", DAYS)
    for number in range(2, 38):
        for late_ms in (0, 3_600_000, DAY_MS - 1):
            at_ms = int(DAYS[0, 0]) + number * DAY_MS + late_ms
            levels = frames.levels(at_ms)
            day = DAYS[number - 1]
            assert (levels.day_ms, levels.day_high, levels.day_low) == (day[0], day[2], day[3])
            mondays = [row[0] for row in DAYS if (row[0] // DAY_MS + 3) % 7 == 0 and row[0] + 7 * DAY_MS <= at_ms]
            if not mondays:
                assert math.isnan(levels.week_high)
                continue
            week = DAYS[(DAYS[:, 0] >= mondays[-1]) & (DAYS[:, 0] < mondays[-1] + 7 * DAY_MS)]
            assert (levels.week_ms, levels.week_high, levels.week_low) == (
                mondays[-1], week[:, 2].max(), week[:, 3].min(),
            )  # fmt: skip


def test_a_day_that_closes_becomes_the_last_one() -> None:
    frames = HigherFrames(())
    frames.load("1d", DAYS[:20])
    at_ms = int(DAYS[20, 0]) + DAY_MS
    assert frames.levels(at_ms).day_ms == DAYS[19, 0]
    assert frames.add("1d", int(DAYS[20, 0]), DAYS[20, 1:6].tolist())
    assert frames.levels(at_ms).day_ms == DAYS[20, 0]
    assert frames.levels(at_ms - 1).day_ms == DAYS[19, 0]
    week = DAYS[21:28]
    for row in week:
        frames.add("1d", int(row[0]), np.array(row[1:6]).tolist())
    assert frames.levels(int(DAYS[28, 0])).day_high == DAYS[27, 2]
