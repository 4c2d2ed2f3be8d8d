"""The seeded market: streams, books and history are one market, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SimClock
from providers.sandbox.model import SandboxDepth, SandboxEvent, SandboxMark, SandboxQuote, SandboxTrade
from providers.sandbox.seeded import SeededMarket

MINUTE = 60_000
START = 1_795_243_200_000 + 17 * MINUTE + 23_456
SYMBOLS = 9
THICK, MAJOR, THIN, STABLE, HALTED, NEW = "SOLUSDT", "BTCUSDT", "KSMUSDT", "USDCUSDT", "LUNCUSDT", "NOVAUSDT"


def market(start_ms: int = START, *, seed: int = 7, symbols: int = SYMBOLS, **options) -> SeededMarket:
    return SeededMarket(seed, symbols, SimClock(start_ms), **options)


def bar_of(trades: list[SandboxTrade], open_ms: int) -> list[int]:
    """The candle of a minute's trades, from the contract's definition."""
    bought = [t for t in trades if t.buyer_taker]
    return [
        open_ms,
        trades[0].price_ticks,
        max(t.price_ticks for t in trades),
        min(t.price_ticks for t in trades),
        trades[-1].price_ticks,
        sum(t.size_lots for t in trades),
        sum(t.price_ticks * t.size_lots for t in trades),
        len(trades),
        sum(t.size_lots for t in bought),
        sum(t.price_ticks * t.size_lots for t in bought),
        trades[0].trade_id,
    ]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), minute=st.integers(0, 400_000), rate=st.sampled_from((0.1, 1.0, 4.0)))
def test_streamed_trades_rebuild_the_rest_bars_in_every_column(seed, minute, rate):
    first = START // MINUTE * MINUTE - minute * MINUTE
    one = market(first, seed=seed, symbols=7, trades_per_s=rate)
    list(one.events(first - 1 + 0))
    events = list(one.events(first + 3 * MINUTE - 1))
    for symbol in (MAJOR, THIN, STABLE):
        trades = [e for e in events if type(e) is SandboxTrade and e.symbol == symbol]
        rows = one.bars(symbol, MINUTE, first, first + 3 * MINUTE)
        assert len(rows) == 3
        for row in rows.tolist():
            inside = [t for t in trades if row[0] <= t.at_ms < row[0] + MINUTE]
            if inside:
                assert bar_of(inside, row[0]) == row
            else:
                assert row[1] == row[2] == row[3] == row[4]
                assert row[5:10] == [0] * 5
        ids = [t.trade_id for t in trades]
        assert ids == list(range(int(rows[0, 10]), int(rows[0, 10]) + len(ids)))


def test_history_asked_beforehand_equals_the_bars_streamed_later():
    later = market(START + 5 * MINUTE)
    live = market()
    list(live.events(START))
    list(live.events(START + 5 * MINUTE))
    for symbol in (MAJOR, THICK, THIN, STABLE):
        window = (START - 3000 * MINUTE, START // MINUTE * MINUTE + 5 * MINUTE)
        assert np.array_equal(live.bars(symbol, MINUTE, *window), later.bars(symbol, MINUTE, *window))


def test_the_forming_bar_holds_exactly_the_trades_streamed_so_far():
    one = market()
    open_ms = START // MINUTE * MINUTE
    list(one.events(open_ms))
    seen: list[SandboxTrade] = []
    for until in range(open_ms + 700, open_ms + 2 * MINUTE, 7_100):
        seen += [e for e in one.events(until) if type(e) is SandboxTrade and e.symbol == MAJOR]
        minute = until // MINUTE * MINUTE
        inside = [t for t in seen if t.at_ms >= minute]
        if inside:
            assert one.bars(MAJOR, MINUTE, minute, minute + MINUTE)[-1].tolist() == bar_of(inside, minute)


@pytest.mark.parametrize("minutes", [5, 15, 60, 240, 1440])
def test_longer_bars_are_aggregates_of_minutes_however_they_are_asked_for(minutes):
    one = market()
    list(one.events(START))
    list(one.events(START + 40_000))
    interval = minutes * MINUTE
    begin = START // interval * interval - 3 * interval
    ones = one.bars(THICK, MINUTE, begin, START + MINUTE)
    rows = one.bars(THICK, interval, begin, START + MINUTE)
    assert len(rows) == 4
    for row in rows.tolist():
        part = ones[(ones[:, 0] >= row[0]) & (ones[:, 0] < row[0] + interval)]
        assert row[1:5] == [part[0, 1], part[:, 2].max(), part[:, 3].min(), part[-1, 4]]
        assert row[5:10] == part[:, 5:10].sum(axis=0).tolist()
        assert row[10] == part[0, 10]


def test_bars_are_gapless_in_time_and_in_trade_ids_across_days():
    one = market()
    for symbol in (MAJOR, THIN):
        rows = one.bars(symbol, MINUTE, START - 3 * 1440 * MINUTE, START // MINUTE * MINUTE)
        assert (np.diff(rows[:, 0]) == MINUTE).all()
        assert np.array_equal(rows[1:, 10], rows[:-1, 10] + rows[:-1, 7])
        assert (rows[:, 3] <= np.minimum(rows[:, 1], rows[:, 4])).all()
        assert (rows[:, 2] >= np.maximum(rows[:, 1], rows[:, 4])).all()
        assert (rows[:, 9] <= rows[:, 6]).all()
        several = rows[1:, 7] > 1
        assert (np.abs(rows[1:, 1] - rows[:-1, 4])[several] <= 1).all()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), levels=st.integers(3, 14))
def test_diffs_applied_to_a_snapshot_equal_the_book_and_the_best_equals_the_quotes(seed, levels):
    one = market(seed=seed, symbols=7, levels_per_diff=levels)
    list(one.events(START))
    books = {}
    for symbol in (MAJOR, THIN, STABLE):
        snapshot = one.book(symbol)
        books[symbol] = (dict(snapshot.bids), dict(snapshot.asks), [snapshot.last_id])
    for event in one.events(START + 90_000):
        if event.symbol not in books:
            continue
        bids, asks, last = books[event.symbol]
        if type(event) is SandboxDepth:
            assert event.first_id == last[0] + 1
            assert event.last_id - event.first_id + 1 == len(event.bids) + len(event.asks)
            last[0] = event.last_id
            for side, changes in ((bids, event.bids), (asks, event.asks)):
                for price, size in changes:
                    assert price > 0
                    assert size >= 0
                    side[price] = size
                    if size == 0:
                        del side[price]
            assert max(bids) < min(asks)
            assert min(len(bids), len(asks)) >= 200
        elif type(event) is SandboxQuote:
            assert event.update_id == last[0]
            bid, ask = max(bids), min(asks)
            assert (event.bid_ticks, event.bid_lots) == (bid, bids[bid])
            assert (event.ask_ticks, event.ask_lots) == (ask, asks[ask])
        elif type(event) is SandboxTrade:
            touch, side = (min(asks), asks) if event.buyer_taker else (max(bids), bids)
            assert event.price_ticks == touch
            assert event.size_lots < side[touch]
    for symbol, (bids, asks, last) in books.items():
        snapshot = one.book(symbol)
        assert snapshot.last_id == last[0]
        assert list(snapshot.bids) == sorted(bids.items(), reverse=True)
        assert list(snapshot.asks) == sorted(asks.items())


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 150_000), max_size=25), category=st.sampled_from(("spot", "linear")))
def test_events_do_not_depend_on_how_often_they_are_asked_for(cuts, category):
    def run(times: list[int]) -> list[SandboxEvent]:
        one = market(symbols=8, category=category)
        list(one.events(START))
        return [event for until in times for event in one.events(START + until)]

    whole = run([150_000])
    assert run([*sorted(cuts), 150_000]) == whole
    stamps = [event.at_ms for event in whole]
    assert stamps == sorted(stamps)
    assert stamps[0] > START


def test_another_seed_is_another_market():
    window = (START - 10 * MINUTE, START - MINUTE)
    assert not np.array_equal(market(seed=1).bars(MAJOR, MINUTE, *window), market(seed=2).bars(MAJOR, MINUTE, *window))


def test_recent_trades_continue_the_stream_and_reach_back_before_it():
    one = market()
    list(one.events(START))
    streamed = [e for e in one.events(START + 20_000) if type(e) is SandboxTrade and e.symbol == THICK]
    recent = one.recent_trades(THICK, 500)
    assert len(recent) == 500
    assert recent[-len(streamed) :] == streamed
    ids = [t.trade_id for t in recent]
    assert ids == list(range(ids[0], ids[0] + 500))


def test_the_special_symbols_exist_and_behave():
    one = market()
    by_name = {listing.symbol: listing for listing in one.listings()}
    assert by_name[HALTED].status == "halted"
    assert all(listing.status == "trading" for name, listing in by_name.items() if name != HALTED)
    list(one.events(START))
    seen = {event.symbol for event in one.events(START + 2 * MINUTE)}
    assert HALTED not in seen
    assert NEW in seen
    halted = one.bars(HALTED, MINUTE, START - 30 * 3_600_000, START)
    assert halted[-1, 0] < START - 2 * 3_600_000
    assert one.recent_trades(HALTED, 10)[-1].at_ms <= int(halted[-1, 0]) + MINUTE
    assert one.book(HALTED).bids[0][0] < one.book(HALTED).asks[0][0]
    new = one.bars(NEW, MINUTE, 0, START)
    assert new[0, 0] == by_name[NEW].listed_ms
    assert 120 <= len(new) <= 181
    assert new[0, 10] == 1
    stable = one.bars(STABLE, MINUTE, START - 20 * 86_400_000, START)
    assert (np.abs(stable[:, 4] * float(by_name[STABLE].tick_size) - 1.0) < 0.01).all()
    thin = one.bars(THIN, MINUTE, START - 86_400_000, START)
    assert (thin[:, 7] == 0).mean() > 0.1
    assert (one.bars(MAJOR, MINUTE, START - 86_400_000, START)[:-1, 7] > 0).all()


def test_alts_move_with_the_major_and_prices_stay_sane():
    one = market(symbols=30)
    window = (START - 10_000 * MINUTE, START)
    major = np.diff(np.log(one.bars(MAJOR, MINUTE, *window)[:, 4]))
    for symbol in ("ETHUSDT", "SOLUSDT", "ADAUSDT", "LINKUSDT", "SUIUSDT"):
        moves = np.diff(np.log(one.bars(symbol, MINUTE, *window)[:, 4]))
        assert 0.3 < np.corrcoef(major, moves)[0, 1] < 0.9
    for listing in one.listings():
        days = one.bars(listing.symbol, 86_400_000, START - 120 * 86_400_000, START)
        assert (days[:, 3] > 100).all()
        assert (days[:, 2] / days[:, 3] < 3.0).all()
        assert (days[:, 6] > 0).all()


def test_forty_five_thousand_minutes_and_fifteen_hundred_hours_are_there():
    one = market()
    assert len(one.bars(THICK, MINUTE, START - 45_000 * MINUTE, START)) == 45_000
    assert len(one.bars(THICK, 60 * MINUTE, START - 1500 * 60 * MINUTE, START)) == 1500


def test_history_begins_in_2020_whatever_is_asked_for():
    one = market()
    begin = 1_577_836_800_000
    rows = one.bars(MAJOR, 60 * MINUTE, 0, begin + 5 * 3_600_000)
    assert rows[:, 0].tolist() == [begin + hour * 3_600_000 for hour in range(5)]
    assert rows[0, 10] == 1
    assert one.bars(MAJOR, MINUTE, 0, begin).shape == (0, 11)
    assert next(listing for listing in one.listings() if listing.symbol == MAJOR).listed_ms == begin


def test_perpetuals_are_marked_every_second():
    one = market(category="linear", venue="bybit")
    list(one.events(START))
    marks = [e for e in one.events(START + 30_000) if type(e) is SandboxMark and e.symbol == MAJOR]
    assert len(marks) in (29, 30, 31)
    assert all(abs(mark.mark_ticks / mark.index_ticks - 1.0) < 1e-3 for mark in marks)
    assert all(mark.next_funding_ms > mark.at_ms for mark in marks)
    assert one.mark(MAJOR) == marks[-1]
    assert all(listing.perpetual for listing in one.listings())
    assert market().mark(MAJOR) is None


def test_the_market_grows_to_five_hundred_distinct_symbols():
    names = [listing.symbol for listing in market(symbols=500).listings()]
    assert len(set(names)) == 500
    assert {"BTCUSD", "BTCUSDT"} <= set(names)
    assert "BTCUSD" not in {listing.symbol for listing in market(symbols=60, venue="bybit").listings()}


def test_rates_can_be_set_the_same_for_all_symbols():
    one = market(symbols=12, depth_per_s=10, quotes_per_s=4, trades_per_s=2, levels_per_diff=10, even=True)
    list(one.events(START))
    events = list(one.events(START + 120_000))
    diffs = [e for e in events if type(e) is SandboxDepth]
    per = 11 * 120
    assert 9.5 < len(diffs) / per < 10.5
    assert 3.5 < sum(type(e) is SandboxQuote for e in events) / per < 4.5
    assert 1.5 < sum(type(e) is SandboxTrade for e in events) / per < 2.5
    assert 8 < np.mean([len(d.bids) + len(d.asks) for d in diffs]) < 13


def test_a_stream_far_behind_resumes_in_the_present_with_rising_ids():
    one = market()
    list(one.events(START))
    before = one.book(THICK).last_id
    assert list(one.events(START + 4 * 3_600_000)) == []
    assert one.book(THICK).last_id > before
    resumed = START + 4 * 3_600_000
    trades = [e for e in one.events(resumed + 2 * MINUTE) if type(e) is SandboxTrade and e.symbol == THICK]
    minute = resumed // MINUTE * MINUTE + MINUTE
    (row,) = one.bars(THICK, MINUTE, minute, minute + MINUTE).tolist()
    assert bar_of([t for t in trades if minute <= t.at_ms < minute + MINUTE], minute) == row
    assert one.recent_trades(THICK, 5) == trades[-5:]


def test_streams_go_on_over_the_end_of_an_hour_and_of_a_day():
    midnight = 1_795_305_600_000
    assert midnight % 86_400_000 == 0
    one = market(midnight - 2 * MINUTE, symbols=6)
    list(one.events(midnight - 2 * MINUTE - 1))
    events: list[SandboxEvent] = []
    for until in range(midnight - 2 * MINUTE, midnight + 2 * MINUTE, 1_777):
        events += one.events(until)
        assert one.bars(MAJOR, MINUTE, until - MINUTE, until + 1)[-1, 0] == until // MINUTE * MINUTE
    trades = [e for e in events if type(e) is SandboxTrade and e.symbol == MAJOR]
    rows = one.bars(MAJOR, MINUTE, midnight - 2 * MINUTE, midnight + MINUTE).tolist()
    assert [bar_of([t for t in trades if 0 <= t.at_ms - row[0] < MINUTE], row[0]) for row in rows] == rows
    assert [t.trade_id for t in trades] == list(range(rows[0][10], rows[0][10] + len(trades)))


def test_bad_arguments_say_what_is_allowed():
    with pytest.raises(ValueError, match="5 or more"):
        market(symbols=3)
    with pytest.raises(ValueError, match="depth_per_s"):
        market(depth_per_s=0)
    with pytest.raises(ValueError, match="2020"):
        market(start_ms=1_000_000_000_000).bars(MAJOR, MINUTE, 1_000_000_000_000, 1_000_000_600_000)
    with pytest.raises(KeyError, match="NOPE"):
        market().bars("NOPE", MINUTE, 0, START)
    with pytest.raises(ValueError, match="minutes"):
        market().bars(MAJOR, 1000, 0, START)
