"""Which symbols may not be acted on, and in which words."""

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import BookStatus, Channel, ChannelStatus, LinkState, LinkStatus, Listing, VenueClock
from core.signals.freshness import Freshness
from tests.core.signals.markets import CATEGORY, VENUE


class Watch:
    def __init__(self) -> None:
        self.clock = SimClock(1_000_000)
        self.bus = Bus(self.clock)
        self.fresh = Freshness(self.bus, self.clock)

    def channel(self, channel: Channel, fresh: bool) -> str:
        self.bus.publish(
            ChannelStatus(
                venue=VENUE, category=CATEGORY, symbol="A", channel=channel, fresh=fresh, age_s=14.0, limit_s=10.0,
                at_ms=0,
            )
        )  # fmt: skip
        return self.fresh.trouble("A")

    def book(self, state) -> str:
        self.bus.publish(
            BookStatus(venue=VENUE, category=CATEGORY, symbol="A", state=state, reason="gap", resyncs=0, at_ms=0)
        )
        return self.fresh.trouble("A")

    def link(self, name: str, state: LinkState) -> str:
        self.bus.publish(
            LinkStatus(venue=VENUE, category=CATEGORY, link=name, state=state, host="h", at_ms=self.clock.now_ms())
        )
        return self.fresh.trouble("A")

    def listing(self, *, trading: bool = True, tick: str = "0.01") -> str:
        self.bus.publish(
            Listing(
                venue=VENUE, category=CATEGORY, symbol="A", base="A", quote="USDT", tick_size=tick, lot_size="1",
                status="TRADING" if trading else "HALT", trading=trading, at_ms=0,
            )
        )  # fmt: skip
        return self.fresh.trouble("A")


@pytest.mark.parametrize("channel", ["kline", "quote", "depth"])
def test_a_silent_channel_vetoes_its_symbol_only(channel: Channel) -> None:
    watch = Watch()
    assert watch.channel(channel, False) == f"no {channel} data for 14 s"
    assert watch.fresh.trouble("B") == ""
    assert watch.channel(channel, True) == ""


def test_silent_trades_veto_nothing() -> None:
    assert Watch().channel("trade", False) == ""


def test_a_stale_book_vetoes_until_it_is_live() -> None:
    watch = Watch()
    assert watch.book("syncing") == ""
    assert watch.book("stale") == "order book stale: gap"
    assert watch.book("syncing") == "order book syncing: gap"
    assert watch.channel("kline", False) == "order book syncing: gap"
    assert watch.book("live") == "no kline data for 14 s"


def test_a_book_that_was_live_vetoes_while_it_is_fetched_anew() -> None:
    watch = Watch()
    assert watch.book("syncing") == ""
    assert watch.book("live") == ""
    assert watch.book("syncing") == "order book syncing: gap"
    assert watch.book("live") == ""


async def test_no_connection_at_all_for_ten_seconds_vetoes_everything() -> None:
    watch = Watch()
    watch.link("one", "up")
    watch.link("two", "down")
    await watch.clock.advance(60)
    assert watch.fresh.trouble("A") == ""
    watch.link("one", "down")
    await watch.clock.advance(10)
    assert watch.fresh.trouble("A") == ""
    await watch.clock.advance(1)
    assert watch.fresh.trouble("A") == "no connection to the venue"
    assert watch.link("two", "connecting") == "no connection to the venue"
    assert watch.link("two", "up") == ""
    watch.link("two", "stopped")
    watch.link("one", "stopped")
    await watch.clock.advance(60)
    assert watch.fresh.trouble("A") == ""


def test_a_halted_instrument_vetoes_and_the_tick_is_kept() -> None:
    watch = Watch()
    assert watch.listing(trading=False) == "not trading (HALT)"
    assert watch.listing() == ""
    assert watch.fresh.tick_size("A") == 0.01
    watch.listing(tick="?")
    assert watch.fresh.tick_size("A") == 0.0


def test_time_is_the_venues() -> None:
    watch = Watch()
    watch.bus.publish(VenueClock(venue=VENUE, category=CATEGORY, offset_ms=250.0, round_trip_ms=1.0, at_ms=0))
    assert watch.fresh.venue_now_ms() == 1_000_250
