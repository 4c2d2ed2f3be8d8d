"""Freshness by channel: habit, evidence, thin pairs, sockets that are down."""

from __future__ import annotations

from core.bus import Bus
from core.clock import SimClock
from core.messages import ChannelStatus, Replay
from core.settings import Feed
from providers.freshness import Freshness, Track

FEED = Feed(stale_factor=8, stale_floor_s=10, stale_ceiling_s=120)


class Rig:
    def __init__(self) -> None:
        self.clock = SimClock(1_700_000_000_000)
        self.bus = Bus(self.clock)
        self.said: list[ChannelStatus] = []
        self.bus.subscribe(ChannelStatus, self.said.append)
        self.freshness = Freshness(self.clock, FEED, self.bus, "binance_us", "spot")
        self.quote = self.freshness.track("A", "quote", "a@bookTicker", "market 1")
        self.trade = self.freshness.track("A", "trade", "a@trade", "market 1")
        self.kline = self.freshness.track("A", "kline", "a@kline_1m", "market 1")

    def pass_time(self, seconds: float, every: dict[Track, float] | None = None) -> None:
        """Check each half second; each track in `every` speaks at its own interval."""
        every = every or {}
        for step in range(int(seconds * 2)):
            self.clock.set_ms(self.clock.now_ms() + 500)
            for track, interval in every.items():
                if step % int(interval * 2) == 0:
                    track.at = self.freshness.stamp
            self.freshness.check()

    def states(self) -> list[tuple[str, bool]]:
        return [(status.channel, status.fresh) for status in self.said]


def test_a_busy_channel_that_falls_silent_is_stale_after_the_floor_and_fresh_when_it_speaks() -> None:
    rig = Rig()
    rig.pass_time(20, {rig.quote: 1, rig.trade: 1, rig.kline: 2})
    rig.pass_time(9, {rig.trade: 1, rig.kline: 2})
    assert rig.states() == []
    rig.pass_time(3, {rig.trade: 1, rig.kline: 2})
    assert rig.states() == [("quote", False)]
    assert 10 <= rig.said[0].age_s <= 12
    assert rig.freshness.is_stale("A", "quote")
    rig.pass_time(1, {rig.quote: 1})
    assert rig.states() == [("quote", False), ("quote", True)]


def test_the_limit_follows_the_channels_own_habit() -> None:
    rig = Rig()
    rig.pass_time(80, {rig.quote: 5})
    rig.pass_time(30)
    assert rig.states() == []
    rig.pass_time(15)
    assert rig.states() == [("quote", False)]


def test_a_pause_after_a_burst_is_not_suspicious() -> None:
    rig = Rig()
    for _ in range(6):
        rig.pass_time(10, {rig.quote: 0.5})
        rig.pass_time(9)
    rig.pass_time(10, {rig.quote: 0.5})
    rig.pass_time(15)
    assert rig.states() == []


def test_a_thin_pair_does_not_trip_while_nothing_trades() -> None:
    rig = Rig()
    rig.pass_time(400, {rig.trade: 40, rig.kline: 40, rig.quote: 30})
    rig.pass_time(600)
    assert rig.states() == []


def test_a_candle_channel_that_ignores_trades_is_stale_however_thin_the_pair() -> None:
    rig = Rig()
    rig.pass_time(100, {rig.trade: 40, rig.kline: 40})
    rig.pass_time(60)
    rig.trade.at = rig.freshness.stamp
    rig.pass_time(9)
    assert rig.states() == []
    rig.pass_time(3)
    assert rig.states() == [("kline", False)]


def test_a_candle_that_follows_its_trade_clears_the_debt() -> None:
    rig = Rig()
    for _ in range(20):
        rig.trade.at = rig.freshness.stamp
        rig.pass_time(2)
        rig.kline.at = rig.freshness.stamp
        rig.pass_time(30)
    assert rig.states() == []


def test_evidence_from_elsewhere_counts() -> None:
    rig = Rig()
    rig.freshness.expect(rig.quote)
    rig.pass_time(11)
    assert rig.states() == [("quote", False)]


def test_a_channel_that_never_spoke_proves_nothing() -> None:
    rig = Rig()
    rig.pass_time(1000, {rig.quote: 1})
    assert rig.states() == []


def test_nothing_is_judged_while_the_socket_is_down_and_silence_counts_anew_after() -> None:
    rig = Rig()
    rig.pass_time(20, {rig.quote: 1})
    rig.freshness.pause("market 1")
    rig.pass_time(100)
    rig.freshness.resume("market 1")
    rig.pass_time(8)
    assert rig.states() == []
    rig.pass_time(4)
    assert rig.states() == [("quote", False)]


def test_one_silent_timeframe_makes_the_channel_stale_until_all_speak() -> None:
    rig = Rig()
    hourly = rig.freshness.track("A", "kline", "a@kline_1h", "market 1")
    rig.pass_time(40, {rig.kline: 2, hourly: 2})
    rig.pass_time(40)
    assert rig.states() == [("kline", False)]
    rig.pass_time(2, {rig.kline: 1})
    assert rig.states() == [("kline", False)]
    rig.pass_time(2, {hourly: 1, rig.kline: 1})
    assert rig.states() == [("kline", False), ("kline", True)]


def test_a_late_screen_is_told_what_is_stale() -> None:
    rig = Rig()
    rig.pass_time(20, {rig.quote: 1, rig.trade: 1, rig.kline: 1})
    rig.pass_time(12, {rig.trade: 1, rig.kline: 1})
    rig.said.clear()
    rig.bus.publish(Replay())
    assert rig.states() == [("quote", False)]


def test_forgotten_symbols_are_never_mentioned_again() -> None:
    rig = Rig()
    rig.pass_time(20, {rig.quote: 1})
    rig.freshness.forget("A")
    rig.pass_time(60)
    assert rig.states() == []
    assert not rig.freshness.is_stale("A", "quote")
