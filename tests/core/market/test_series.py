"""Bars close in order and end up as the venue's, whatever happens to the frames."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.series import MAX_FILL, Series, filled
from core.messages import Kline
from tests.core.market.builders import MINUTE, START, candle, candles

GRACE_MS = 3000


def at(index, offset_ms=0):
    return START + index * MINUTE + offset_ms


def frame(index, price=100.0, volume=5.0, *, closed=False, event_ms=None, trades=3, interval=MINUTE, timeframe="1m"):
    row = candle(index, price, volume, interval=interval)
    return Kline(
        venue="v",
        category="spot",
        symbol="A",
        timeframe=timeframe,
        open_ms=int(row[0]),
        open=row[1],
        high=row[2],
        low=row[3],
        close=row[4],
        volume=row[5],
        quote_volume=row[6],
        trades=trades,
        taker_buy_volume=2.0,
        closed=closed,
        event_ms=event_ms if event_ms is not None else int(row[0]) + 30_000,
        received_ms=0,
    )


def loaded(count=10, capacity=500):
    series = Series("1m", capacity, GRACE_MS / 1000)
    series.load(candles(0, count), at(count, GRACE_MS + 500))
    return series


def opens(outcome):
    return [(int(bar.row[0]) - START) // MINUTE for bar in outcome.closed]


def test_the_venues_flag_closes_a_bar_at_once():
    series = loaded(10)
    assert series.on_kline(frame(10, 101.0), at(10, 30_000)).closed == []
    assert series.forming is not None
    outcome = series.on_kline(frame(10, 102.0, closed=True), at(11))
    assert opens(outcome) == [10]
    assert outcome.closed[0].confirmed
    assert not outcome.gap
    assert series.forming is None
    assert series.unconfirmed == 0
    assert series.window.open[-1] == 102.0


def test_without_the_flag_the_clock_closes_after_the_grace():
    series = loaded(10)
    series.on_kline(frame(10, 101.0), at(10, 30_000))
    assert series.on_clock(at(11, GRACE_MS - 1)).closed == []
    outcome = series.on_clock(at(11, GRACE_MS))
    assert opens(outcome) == [10]
    assert not outcome.closed[0].synthetic
    assert not outcome.closed[0].confirmed
    assert series.first_unconfirmed_ms() == at(10)
    assert series.closed_by_clock == 1


def test_a_minute_without_a_trade_becomes_a_flat_synthetic_bar():
    series = loaded(10)
    last_close = series.window.close[-1]
    outcome = series.on_clock(at(11, GRACE_MS))
    assert opens(outcome) == [10]
    bar = outcome.closed[0]
    assert bar.synthetic
    assert list(bar.row[1:7]) == [last_close] * 4 + [0.0, 0.0]
    assert series.window.synthetic[-1]


def test_a_late_closing_frame_corrects_and_counts():
    series = loaded(10)
    series.on_kline(frame(10, 101.0), at(10, 30_000))
    series.on_clock(at(11, GRACE_MS))
    outcome = series.on_kline(frame(10, 103.0, closed=True), at(11, 9000))
    assert [(bar.revision, bar.row[1], bar.confirmed) for bar in outcome.closed] == [(1, 103.0, True)]
    assert series.window.open[-1] == 103.0
    assert series.corrections == 1
    assert series.unconfirmed == 0
    outcome = series.on_kline(frame(10, 104.0, closed=True), at(11, 9500))
    assert outcome.closed[0].revision == 2


def test_a_late_closing_frame_that_says_the_same_only_confirms():
    series = loaded(10)
    series.on_kline(frame(10, 101.0), at(10, 30_000))
    series.on_clock(at(11, GRACE_MS))
    rewritten = series.window.rewritten
    assert series.on_kline(frame(10, 101.0, closed=True), at(11, 9000)).closed == []
    assert series.corrections == 0
    assert series.unconfirmed == 0
    assert series.window.rewritten == rewritten


def test_a_successor_closes_the_bar_before_it():
    series = loaded(10)
    series.on_kline(frame(10, 101.0), at(10, 30_000))
    outcome = series.on_kline(frame(11, 102.0), at(11, 100))
    assert opens(outcome) == [10]
    assert not outcome.gap
    assert series.forming is not None
    assert series.forming[0] == at(11)
    overtaken = series.on_kline(frame(10, 101.5, closed=True), at(11, 200))
    assert [bar.revision for bar in overtaken.closed] == [1]


def test_duplicates_and_older_frames_change_nothing():
    series = loaded(10)
    series.on_kline(frame(10, 105.0, event_ms=at(10, 40_000)), at(10, 40_000))
    series.on_kline(frame(10, 101.0, event_ms=at(10, 20_000)), at(10, 41_000))
    series.on_kline(frame(5, 999.0, event_ms=at(10, 42_000)), at(10, 42_000))
    assert series.forming is not None
    assert series.forming[1] == 105.0
    assert series.window.open[5] == 105.0
    assert series.ignored == 2
    series.on_kline(frame(10, 105.0, closed=True), at(11))
    assert series.on_kline(frame(10, 105.0, closed=True), at(11)).closed == []


def test_missing_bars_are_filled_in_order_and_reported():
    series = loaded(10)
    outcome = series.on_kline(frame(13, 101.0), at(13, 1000))
    assert opens(outcome) == [10, 11, 12]
    assert outcome.gap
    assert series.window.gaps(MINUTE) == []
    assert series.unconfirmed == 3


def test_a_long_hole_is_held_until_rest_brings_it():
    series = loaded(10)
    far = 10 + MAX_FILL + 1
    outcome = series.on_kline(frame(far, 101.0), at(far, 1000))
    assert outcome.closed == []
    assert outcome.gap
    assert series.held
    assert series.on_clock(at(far, 30_000)).closed == []
    assert series.on_kline(frame(far, 102.0, closed=True), at(far + 1)).closed == []
    now = at(far + 1, GRACE_MS)
    outcome = series.merge(candles(9, far - 8), at(9), now)
    assert not series.held
    assert opens(outcome) == list(range(10, far + 1))
    assert series.window.gaps(MINUTE) == []
    assert opens(series.on_kline(frame(far + 1, closed=True), at(far + 2))) == [far + 1]


def test_a_held_series_whose_venue_has_nothing_goes_on_with_flat_bars():
    series = loaded(10)
    assert series.on_clock(at(30)).gap
    assert series.held
    outcome = series.merge(candles(9, 1), at(9), at(30))
    assert not series.held
    assert opens(outcome) == list(range(10, 29))
    assert all(bar.synthetic and not bar.confirmed for bar in outcome.closed)


def test_rest_corrects_inserts_and_appends():
    series = loaded(10)
    series.on_clock(at(11, GRACE_MS))
    series.on_kline(frame(11, 150.0), at(11, 30_000))
    series.on_clock(at(12, GRACE_MS))
    outcome = series.merge(candles(8, 5), at(8), at(13, GRACE_MS))
    assert [(int(bar.row[0] - START) // MINUTE, bar.revision) for bar in outcome.closed] == [(10, 1), (11, 1), (12, 0)]
    np.testing.assert_array_equal(series.window.block(), candles(0, 13))
    assert not series.window.synthetic.any()
    assert series.unconfirmed == 0
    assert series.corrections == 2
    assert series.repaired == 1


def test_rest_confirms_what_did_not_trade():
    series = loaded(10)
    close = float(series.window.close[-1])
    series.on_clock(at(12, GRACE_MS))
    flat = np.array([[at(10), close, close, close, close, 0, 0, 0, 0]], dtype=float)
    rewritten = series.window.rewritten
    outcome = series.merge(np.vstack([flat, candles(12, 1)]), at(10), at(13, GRACE_MS))
    assert opens(outcome) == [12]
    assert series.window.synthetic[-3:].tolist() == [False, True, False]  # 10 is the venue's own, 11 it has not
    assert series.unconfirmed == 0
    assert series.window.rewritten == rewritten


def test_numbers_the_venue_leaves_out_are_kept():
    series = loaded(10)
    series.on_kline(frame(10, 101.0, trades=9), at(10, 30_000))
    series.on_clock(at(11, GRACE_MS))
    row = np.array([candle(10, 101.0, trades=math.nan, taker=math.nan)])
    assert series.merge(row, at(10), at(12, 0)).closed == []
    assert series.window.trades[-1] == 9


def test_a_bar_that_is_barely_over_is_not_taken_from_rest():
    series = loaded(10)
    series.on_kline(frame(10, 101.0), at(10, 59_000))
    assert series.merge(candles(9, 2), at(9), at(11, GRACE_MS - 1)).closed == []
    assert series.forming is not None


def test_frames_before_history_are_applied_after_it():
    series = Series("1m", 100, 3.0)
    assert series.on_kline(frame(9, 101.0, closed=True), at(10)).closed == []
    series.on_kline(frame(10, 102.0), at(10, 20_000))
    series.on_kline(frame(10, 103.0), at(10, 40_000))
    outcome = series.load(candles(0, 9), at(10, 41_000))
    assert opens(outcome) == [9]
    assert series.forming is not None
    assert series.forming[1] == 103.0


def test_the_forming_row_of_history_is_not_closed():
    series = Series("1m", 100, 3.0)
    series.load(candles(0, 11), at(10, 30_000))
    assert series.window.last_open_ms == at(9)
    assert series.forming is not None
    assert series.forming[0] == at(10)
    assert series.unconfirmed == 0


def test_a_bar_just_over_when_history_was_read_waits_for_confirmation():
    series = Series("1m", 100, 3.0)
    series.load(candles(0, 10), at(10, 1000))
    assert series.first_unconfirmed_ms() == at(9)


def test_a_bar_that_ended_while_the_answer_was_under_way_waits_for_confirmation():
    series = Series("1m", 100, 3.0)
    series.load(candles(0, 11), at(11, 20_000), asked_ms=at(10, 50_000))
    assert series.window.last_open_ms == at(10)
    assert series.first_unconfirmed_ms() == at(10)


@pytest.mark.parametrize("change", [{"price": math.nan}, {"price": -5.0}, {"volume": -1.0}, {"price": 1e308}])
def test_absurd_frames_are_rejected_and_counted(change):
    series = loaded(10)
    series.on_kline(frame(10, **change), at(10, 30_000))
    assert series.forming is None
    assert series.rejected == 1


def test_frames_from_the_future_or_off_the_grid_are_rejected():
    series = loaded(10)
    series.on_kline(frame(13), at(10, 30_000))
    crooked = frame(10)
    series.on_kline(
        type(crooked)(**{f: getattr(crooked, f) for f in crooked.__struct_fields__} | {"open_ms": 7}), at(10)
    )
    assert series.rejected == 2
    assert series.forming is None


def test_a_new_listing_starts_from_nothing():
    series = Series("1m", 100, 3.0)
    series.load(candles(0, 0), at(10))
    assert series.on_clock(at(11)).closed == []
    series.on_kline(frame(10, 101.0), at(10, 30_000))
    assert opens(series.on_kline(frame(12, 102.0), at(12, 100))) == [10, 11]
    assert opens(series.on_clock(at(13, GRACE_MS))) == [12]


def test_holes_in_history_are_filled_and_flagged():
    block = np.vstack([candles(0, 3), candles(6, 2)])
    whole, flat = filled(block, MINUTE)
    assert whole[:, 0].tolist() == [at(i) for i in range(8)]
    assert flat.tolist() == [False] * 3 + [True] * 3 + [False] * 2
    assert (whole[3:6, 1:5] == whole[2, 4]).all()
    assert (whole[3:6, 5] == 0).all()
    far = np.vstack([candles(0, 3), candles(5000, 2)])
    assert filled(far, MINUTE)[0][:, 0].tolist() == [at(5000), at(5001)]


moves = st.lists(
    st.tuples(
        st.sampled_from(["ok", "ok", "drop", "late", "twice", "half", "stale"]),
        st.integers(10, 500).map(float),
        st.booleans(),
    ),
    min_size=3,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(moves=moves, repair_every=st.integers(1, 50))
def test_final_bars_are_the_venues_whatever_happened_to_the_frames(moves, repair_every):
    """Frames are lost, doubled, late and stale; one REST answer at the end makes the bars equal the venue's."""
    series = loaded(10)
    truth, heard = candles(0, 10), [10 * MINUTE + START]
    late: list[Kline] = []
    for number, (fate, price, traded) in enumerate(moves):
        index = 10 + number
        final = frame(index, price, 5.0 if traded else 0.0, closed=True)
        truth = np.vstack([truth, [candle(index, price, 5.0 if traded else 0.0)]])
        outcomes = []
        if fate in ("ok", "half", "late", "twice"):
            outcomes.append(series.on_kline(frame(index, price / 2, 1.0), at(index, 20_000)))
        if fate in ("ok", "twice"):
            outcomes += [series.on_kline(final, at(index + 1, 50)) for _ in range(2 if fate == "twice" else 1)]
        if fate == "stale":
            outcomes.append(series.on_kline(frame(max(0, index - 3), 9.0), at(index, 25_000)))
        outcomes.append(series.on_clock(at(index + 1, GRACE_MS)))
        outcomes += [series.on_kline(old, at(index + 1, 4000)) for old in late]
        late = [final] if fate == "late" else []
        if number % repair_every == repair_every - 1:
            outcomes.append(series.merge(truth[-30:], int(truth[-30:][0, 0]), at(index + 1, 5000)))
        for outcome in outcomes:
            for bar in outcome.closed:
                if bar.revision == 0:
                    assert bar.row[0] == heard[-1]  # every bar once, in order
                    heard.append(int(bar.row[0]) + MINUTE)
        assert series.window.gaps(MINUTE) == []
    done = at(10 + len(moves), 10_000)
    series.merge(truth, START, done)
    np.testing.assert_array_equal(series.window.block(), truth)
    assert not series.window.synthetic.any()
    assert series.unconfirmed == 0
