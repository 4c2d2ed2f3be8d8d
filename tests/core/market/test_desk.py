"""The desk's bars equal the venue's, one symbol's trouble is its own, and restarts ask only for what is missing."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from core.bus import Bus
from core.clock import SimClock
from core.history import CandleStore, series_key
from core.market.desk import MarketDesk
from core.messages import (
    Bar,
    Fault,
    Focus,
    HistoryStatus,
    LinkStatus,
    MarketStats,
    Message,
    RecentTrades,
    Replay,
    Trade,
    TradeBatch,
    Universe,
)
from core.settings import History, Market, Settings
from core.venue import Banned, Rejected, Retryable
from tests.core.market.fake_venue import FakeVenue, kline, true_block

MINUTE = 60_000
NOW = 1_760_000_400_000 // (15 * MINUTE) * 15 * MINUTE + 7 * MINUTE + 20_000
SETTINGS = Settings(
    market=Market(timeframes=("1m", "5m"), decision_timeframe="5m"), history=History(bars=300, parallel_requests=3)
)


class Stage:
    """Bus, simulated clock, fake venue, real store and a desk; everything published is kept."""

    def __init__(self, tmp_path, settings):
        self.clock = SimClock(NOW)
        self.bus = Bus(self.clock)
        self.venue = FakeVenue(self.clock)
        self.settings = settings
        self.path = tmp_path / "candles.sqlite"
        self.heard: list[Message] = []
        self.bus.subscribe(Message, self.heard.append)

    async def __aenter__(self):
        self.store = await CandleStore.open(self.path)
        self.desk = MarketDesk(self.bus, self.clock, self.settings, self.venue, self.store)
        self.task = asyncio.create_task(self.desk.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.store.close()
        assert self.bus.handler_errors == 0

    def of(self, kind, **having):
        return [m for m in self.heard if type(m) is kind and all(getattr(m, k) == v for k, v in having.items())]

    async def until(self, condition, *, seconds=0.0):
        """Let market time pass in small steps until the condition holds; threads get their real moments."""
        for _ in range(400):
            if condition():
                return
            await self.clock.advance(seconds)
            await asyncio.sleep(0.002)
        raise AssertionError("the condition never came true")

    async def to(self, at_ms):
        while self.clock.now_ms() < at_ms:
            await self.clock.advance(min(5.0, (at_ms - self.clock.now_ms()) / 1000))
            await asyncio.sleep(0.001)

    def minute(self, number):
        return NOW // MINUTE * MINUTE + number * MINUTE

    def window_equals_venue(self, symbol, timeframe):
        window = self.desk.window(symbol, timeframe)
        if window is None or not len(window):
            return False
        truth = true_block(symbol, timeframe, int(window.open_ms[0]), window.last_open_ms + 1)
        return np.array_equal(window.block(), truth) and not window.synthetic.any()


@pytest.fixture
async def stage(tmp_path):
    async with Stage(tmp_path, SETTINGS) as made:
        yield made


async def test_history_is_loaded_decision_timeframe_of_all_symbols_first(stage):
    await stage.desk.load(["AAA", "BBB", "CCC"])
    ready = [(m.timeframe, m.symbol) for m in stage.of(HistoryStatus, ready=True)]
    assert sorted(ready[:3]) == [("5m", "AAA"), ("5m", "BBB"), ("5m", "CCC")]
    assert [timeframe for timeframe, _ in ready[3:]] == ["1m"] * 3 + ["1d"] * 3
    assert stage.window_equals_venue("AAA", "1m")
    assert len(stage.desk.window("AAA", "1m")) == 300
    assert len(stage.desk.window("AAA", "1d")) == SETTINGS.history.daily_bars
    assert stage.desk.forming("AAA", "5m")[0] == NOW // (5 * MINUTE) * 5 * MINUTE
    assert all(m.bars == m.wanted and m.stored >= m.bars - 1 for m in stage.of(HistoryStatus, ready=True))


async def test_no_more_requests_at_once_than_the_setting_allows(stage):
    stage.venue.delay_s = 0.002
    await stage.desk.load([f"S{i}" for i in range(8)])
    assert stage.venue.busy["most"] == 3


async def test_a_restart_asks_only_for_the_tail(tmp_path):
    async with Stage(tmp_path, SETTINGS) as first:
        await first.desk.load(["AAA"])
    async with Stage(tmp_path, SETTINGS) as second:
        second.clock.set_ms(NOW + 10 * MINUTE)
        await second.desk.load(["AAA"])
        (minutes,) = [call for call in second.venue.asked if call[1] == "1m"]
        assert minutes[2] >= NOW - 5 * MINUTE
        assert minutes[4] <= 20
        assert second.window_equals_venue("AAA", "1m")
        assert len(second.desk.window("AAA", "1m")) == 300


async def test_stored_candles_of_another_market_are_thrown_away(stage):
    foreign = true_block("AAA", "1m", NOW - 300 * MINUTE, NOW - MINUTE)
    foreign[:, 1:5] *= 3
    await stage.store.write(series_key(stage.venue, "AAA", "1m"), foreign)
    await stage.desk.load(["AAA"])
    assert stage.window_equals_venue("AAA", "1m")
    stored = await stage.store.read(series_key(stage.venue, "AAA", "1m"))
    np.testing.assert_array_equal(stored, true_block("AAA", "1m", int(stored[0, 0]), int(stored[-1, 0]) + 1))


async def test_a_closing_frame_is_published_at_once(stage):
    await stage.desk.load(["AAA"])
    stage.clock.set_ms(stage.minute(1) + 100)
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=True))
    (bar,) = stage.of(Bar, timeframe="1m")
    assert bar.closed
    assert (bar.open_ms, bar.revision, bar.synthetic) == (stage.minute(0), 0, False)
    assert bar.known_at == stage.minute(1) + 100
    assert stage.window_equals_venue("AAA", "1m")


async def test_bars_without_a_flag_close_by_the_clock_and_are_then_verified(stage):
    await stage.desk.load(["AAA"])
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=False, close=99.9, low=99.0))
    await stage.until(lambda: stage.of(Bar, timeframe="1m", closed=True), seconds=0.5)
    first = stage.of(Bar, timeframe="1m", closed=True)[0]
    assert first.close == 99.9
    assert stage.minute(1) + 3000 <= first.known_at <= stage.minute(1) + 4000
    await stage.until(lambda: stage.of(Bar, timeframe="1m", revision=1), seconds=0.5)
    assert stage.window_equals_venue("AAA", "1m")
    await stage.until(lambda: stage.of(MarketStats) and stage.of(MarketStats)[-1].corrections, seconds=0.5)
    assert stage.of(MarketStats)[-1].closed_by_clock >= 1


async def test_after_a_reconnect_the_missed_bars_are_the_venues(stage):
    await stage.desk.load(["AAA", "BBB"])
    stage.bus.publish(LinkStatus(venue="fake", category="spot", link="a", host="nowhere", at_ms=0, state="down"))
    await stage.to(stage.minute(4) + 10_000)
    closed = stage.of(Bar, symbol="AAA", timeframe="1m", closed=True)
    assert [bar.open_ms for bar in closed if bar.revision == 0] == [stage.minute(i) for i in range(4)]
    stage.bus.publish(LinkStatus(venue="fake", category="spot", link="a", host="nowhere", at_ms=0, state="up"))
    await stage.until(
        lambda: all(stage.window_equals_venue(s, tf) for s in ("AAA", "BBB") for tf in ("1m", "5m")), seconds=0.5
    )
    assert stage.clock.now_ms() < stage.minute(4) + 20_000


async def test_a_hole_in_the_frames_is_repaired_without_a_reconnect(stage):
    await stage.desk.load(["AAA"])
    stage.clock.set_ms(stage.minute(30) + 5000)  # the host slept
    stage.bus.publish(kline("AAA", "1m", stage.minute(30), closed=False))
    await stage.until(lambda: stage.desk.window("AAA", "1m").last_open_ms == stage.minute(29), seconds=0.5)
    assert stage.window_equals_venue("AAA", "1m")
    published = stage.of(Bar, symbol="AAA", timeframe="1m", closed=True)
    assert [bar.open_ms for bar in published] == [stage.minute(i) for i in range(30)]


async def test_a_very_long_hole_begins_the_series_anew(stage):
    await stage.desk.load(["AAA"])
    before = len(stage.of(HistoryStatus, timeframe="1m", ready=True))
    stage.clock.set_ms(stage.minute(3 * 1440) + 5000)
    await stage.until(
        lambda: (
            stage.window_equals_venue("AAA", "1m")
            and stage.desk.window("AAA", "1m").last_open_ms >= stage.minute(3 * 1440 - 1)
        ),
        seconds=0.5,
    )
    assert len(stage.of(HistoryStatus, timeframe="1m", ready=True)) > before


@pytest.mark.parametrize(
    "error", [Retryable("503"), Rejected("no such symbol", -1121), Banned("banned", 30.0), ValueError("surprise")]
)
async def test_one_symbols_failure_is_a_fault_and_tried_again(stage, error):
    stage.venue.failures["BAD"] = [error] * 3
    await stage.desk.load(["BAD", "AAA"])
    assert stage.window_equals_venue("AAA", "5m")
    faults = stage.of(Fault, symbol="BAD")
    assert len(faults) == 3
    assert "trying again" in faults[0].message
    assert stage.desk.window("BAD", "5m") is None
    await stage.until(lambda: stage.desk.window("BAD", "5m") is not None, seconds=1.0)
    assert stage.window_equals_venue("BAD", "5m")


async def test_symbols_come_and_go_with_the_universe(stage):
    await stage.desk.load(["AAA", "BBB"])

    def universe(*symbols):
        message = Universe(venue="fake", category="spot", symbols=symbols, added=(), removed=(), reason="test", at_ms=0)
        stage.bus.publish(message)

    universe("BBB", "CCC")
    assert stage.desk.window("AAA", "1m") is None
    await stage.until(lambda: stage.window_equals_venue("CCC", "1m"), seconds=0.25)
    assert set(stage.desk.symbols) == {"BBB", "CCC"}
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=True))
    assert stage.of(Bar, symbol="AAA") == []


async def test_loading_twice_asks_once(stage):
    stage.venue.delay_s = 0.002
    await asyncio.gather(stage.desk.load(["AAA"]), stage.desk.load(["AAA"]))
    assert len(stage.venue.asked) == 3
    assert stage.desk.window("AAA", "1d") is not None


async def test_a_load_that_was_cut_short_is_finished_by_the_running_desk(stage):
    stage.venue.delay_s = 0.005
    cut = asyncio.create_task(stage.desk.load(["AAA", "BBB"]))
    await asyncio.sleep(0.007)
    cut.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await cut
    await asyncio.wait_for(stage.desk.load(["AAA"]), 5)  # does not hang on the cancelled one
    await stage.until(
        lambda: all(stage.window_equals_venue(s, tf) for s in ("AAA", "BBB") for tf in ("1m", "5m", "1d")), seconds=0.25
    )


async def test_readers_can_tell_that_a_window_was_begun_anew(stage):
    await stage.desk.load(["AAA"])
    before = stage.desk.window("AAA", "1m").rewritten
    for jump in (100, 3 * 1440):  # a long repair without single bars; a new window
        stage.clock.set_ms(stage.minute(jump) + 5000)
        await stage.until(lambda: stage.desk.window("AAA", "1m").last_open_ms >= stage.minute(jump - 1), seconds=0.5)  # noqa: B023
        assert stage.desk.window("AAA", "1m").rewritten > before
        before = stage.desk.window("AAA", "1m").rewritten


async def test_a_tenfold_spike_never_reaches_the_bars(stage):
    await stage.desk.load(["AAA"])
    price = kline("AAA", "1m", stage.minute(0), closed=False).close
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=True, close=price * 10, high=price * 10))
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=False, high=price * 10))
    assert stage.of(Bar, timeframe="1m") == []
    assert stage.desk.forming("AAA", "1m")[2] < price * 2
    await stage.until(lambda: stage.of(MarketStats), seconds=0.5)
    assert stage.of(MarketStats)[-1].rejected >= 2


async def test_forming_bars_are_provisional_coalesced_and_for_the_decision_timeframe(stage):
    await stage.desk.load(["AAA"])
    five = NOW // (5 * MINUTE) * 5 * MINUTE
    for step in range(20):
        stage.bus.publish(kline("AAA", "5m", five, closed=False, event_ms=NOW + step, volume=50.0 + step))
        stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=False, event_ms=NOW + step, volume=50.0 + step))
    await stage.until(lambda: stage.of(Bar), seconds=0.5)
    (bar,) = stage.of(Bar)
    assert not bar.closed
    assert (bar.timeframe, bar.volume) == ("5m", 69.0)
    stage.bus.publish(Focus(symbol="AAA"))
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=False, event_ms=NOW + 99, volume=99.0))
    await stage.until(lambda: stage.of(Bar, timeframe="1m"), seconds=0.5)


async def test_a_symbol_in_focus_gets_its_recent_trades_oldest_first(stage):
    await stage.desk.load(["AAA"])
    stage.bus.publish(Focus(symbol="AAA"))
    assert stage.of(RecentTrades)[-1].trades == ()
    trades = tuple(Trade(str(number), 10.0, 1.0, "BUY", NOW + number) for number in range(600))
    stage.bus.publish(TradeBatch(venue="fake", category="spot", symbol="AAA", trades=trades, received_ms=NOW))
    stage.bus.publish(Focus(symbol="AAA", timeframe="1h"))
    (recent,) = stage.of(RecentTrades)[1:]
    assert (recent.symbol, recent.trades) == ("AAA", trades[-200:])
    stage.bus.publish(Focus(symbol=""))
    stage.bus.publish(Focus(symbol="unknown"))
    assert len(stage.of(RecentTrades)) == 2


async def test_confirmed_live_bars_reach_the_disk(stage):
    await stage.desk.load(["AAA"])
    stage.clock.set_ms(stage.minute(1) + 100)
    stage.bus.publish(kline("AAA", "1m", stage.minute(0), closed=True))
    stage.task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stage.task
    stored = await stage.store.read(series_key(stage.venue, "AAA", "1m"))
    assert stored[-1, 0] == stage.minute(0)
    np.testing.assert_array_equal(stored, true_block("AAA", "1m", int(stored[0, 0]), stage.minute(1)))


async def test_a_store_that_refuses_does_not_stop_the_market(stage):
    await stage.store.close()
    await stage.desk.load(["AAA"])
    assert stage.window_equals_venue("AAA", "1m")
    assert "candle store" in stage.of(Fault)[0].message


async def test_a_late_screen_hears_every_status_again(stage):
    await stage.desk.load(["AAA"])
    stage.heard.clear()
    stage.bus.publish(Replay())
    assert {m.timeframe for m in stage.of(HistoryStatus, ready=True)} == {"1m", "5m", "1d"}


async def test_the_tape_of_a_watched_symbol_tells_what_takers_did(tmp_path):
    async with Stage(tmp_path, SETTINGS) as stage:
        await stage.desk.load(["AAA"])
        trades = (
            Trade("1", 10.0, 3.0, "BUY", NOW - 400_000),
            Trade("2", 10.0, 3.0, "BUY", NOW),
            Trade("3", 10.0, 1.0, "SELL", NOW),
        )
        for symbol in ("AAA", "ZZZ"):
            batch = TradeBatch(venue="fake", category="spot", symbol=symbol, trades=trades, received_ms=NOW)
            stage.bus.publish(batch)
            stage.bus.publish(batch)  # heard twice, counted once
        flow = stage.desk.taker_flow("AAA")
        assert (flow.buy, flow.sell, flow.trades, flow.imbalance) == (3.0, 1.0, 2, 0.5)
        assert stage.desk.tape("AAA").newest(1)[0].trade_id == "3"
        assert not len(stage.desk.tape("ZZZ")), "nobody watches it"
