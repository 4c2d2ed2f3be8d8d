"""Bybit v5 market data, spot or linear: instruments, history and clock by REST, everything live by public streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from urllib.parse import urlsplit

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault, HostKind, Ladder, Ticker
from core.settings import Settings
from core.supervise import Supervisor
from core.venue import CandleBlock, Instrument, VenueError
from providers.ban import Ban
from providers.batch import Gauges, MicroBatcher
from providers.bybit import wire
from providers.bybit.lane import MAX_ARGS_CHARS, Lane
from providers.bybit.polling import Poller
from providers.bybit.public_rest import PublicRest
from providers.bybit.streams import Streams
from providers.freshness import Freshness
from providers.host_kind import host_kind_of
from providers.link import Link
from providers.venue_clock import measure_offset

REST_URL = "https://api.bybit.com"
STREAM_URL = "wss://stream.bybit.com/v5/public"
SEND_GAP_S = 0.02
"""The venue names no limit for requests on a socket; connections are limited, and the link backs off for those."""

TICK_S = 1.0
CLOCK_SYNC_S = 300.0
CLOCK_RETRY_S = 15.0

log = logging.getLogger("tradetui.bybit")


class BybitMarket:
    """`core.venue.MarketProvider` for Bybit. One REST client, and one socket per `feed.streams_per_socket` topics."""

    venue = "bybit"

    def __init__(self, bus: Bus, clock: Clock, settings: Settings) -> None:
        self.category: str = settings.market.category
        self.offset_ms = 0.0
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._ban = Ban(clock, bus, self.venue, self.category)
        self._batcher = MicroBatcher(bus, clock, self.venue, self.category, settings.feed, self._gauges)
        self._rest = PublicRest(
            settings.network.bybit_rest or REST_URL,
            clock=clock,
            bus=bus,
            settings=settings,
            ban=self._ban,
            rejects=self._batcher.rejects,
        )
        self._freshness = Freshness(clock, settings.feed, bus, self.venue, self.category)
        self._streams = Streams(
            bus,
            clock,
            self.category,
            settings.feed.book_levels,
            self._batcher,
            self._freshness,
            venue_now_ms=self.venue_now_ms,
            renew=self._renew,
        )
        self._poller = Poller(self._rest, self._streams, self._batcher, self.venue_now_ms)
        self._lanes: list[Lane] = []
        self._lane_of: dict[str, Lane] = {}
        self._timeframes: tuple[str, ...] = ()
        self._supervisor: Supervisor | None = None
        self._refused = 0
        self.host = urlsplit(self._rest.rest.base_url).netloc
        self.host_kind: HostKind = host_kind_of(self._rest.rest.base_url)

    # --- REST --------------------------------------------------------------------------------------------------------

    async def instruments(self) -> Sequence[Instrument]:
        """See `MarketProvider`."""
        return await self._rest.instruments()

    async def tickers(self) -> Sequence[Ticker]:
        """See `MarketProvider`."""
        return await self._rest.tickers()

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> CandleBlock:
        """See `MarketProvider`. Trades and taker volume are NaN: the venue's candles do not carry them."""
        until_ms = self.venue_now_ms() + 1 if end_ms is None else end_ms
        return await self._rest.candles(
            symbol,
            timeframe,
            start_ms=start_ms,
            end_ms=until_ms,
            limit=limit,
            priority="fill" if background else "normal",
        )

    async def sync_clock(self) -> float:
        """See `MarketProvider`."""
        offset_ms = await measure_offset(self._rest.time_ms, self._clock, self._bus, self.venue, self.category)
        self.offset_ms = self._batcher.offset_ms = offset_ms
        return offset_ms

    def venue_now_ms(self) -> int:
        """See `MarketProvider`."""
        return int(self._clock.now_ms() + self.offset_ms)

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """See `MarketProvider`."""
        return self._streams.ladder(symbol, levels)

    # --- streams -----------------------------------------------------------------------------------------------------

    def set_symbols(self, symbols: Iterable[str], timeframes: Sequence[str]) -> None:
        """See `MarketProvider`. Symbols that stay keep their subscriptions; other timeframes renew all of them."""
        wanted = dict.fromkeys(symbols)
        kept = set(self._lane_of) & set(wanted) if tuple(timeframes) == self._timeframes else set()
        self._timeframes = tuple(timeframes)
        for symbol in [symbol for symbol in self._lane_of if symbol not in kept]:
            lane = self._lane_of.pop(symbol)
            lane.remove(self._streams.symbols[symbol].topics)
            self._streams.remove(symbol)
        for symbol in wanted:
            if symbol not in kept:
                topics = self._streams.topics(symbol, self._timeframes)
                lane = self._lane_for(topics)
                self._lane_of[symbol] = lane
                self._streams.add(symbol, self._timeframes, lane.name)
                lane.add(topics)

    def set_focus(self, symbol: str) -> None:
        """See `MarketProvider`."""
        self._streams.set_focus(symbol)

    async def run(self) -> None:
        """See `MarketProvider`."""
        supervisor = self._supervisor = Supervisor(self._bus, self._clock)
        supervisor.start("bybit batches", self._batcher.run)
        supervisor.start("bybit watch", self._watch)
        supervisor.start("bybit clock", self._keep_clock)
        for lane in self._lanes:
            self._start(lane, supervisor)
        try:
            await asyncio.Event().wait()
        finally:
            self._supervisor = None
            await supervisor.stop()

    async def close(self) -> None:
        """See `MarketProvider`."""
        await self._rest.close()

    def _lane_for(self, topics: Sequence[str]) -> Lane:
        """The first lane with room for these topics, or a new one."""
        chars = sum(len(topic) + 3 for topic in topics)
        for lane in self._lanes:
            fits = len(lane.wanted) + len(topics) <= self._settings.feed.streams_per_socket
            if fits and lane.chars + chars <= MAX_ARGS_CHARS:
                return lane
        lane = Lane(
            f"{self.category}-{len(self._lanes) + 1}",
            self._streams.routes,
            self._clock,
            self._batcher.rejects,
            self._freshness,
            self._make_link,
            on_subscribed=self._streams.subscribed,
            on_refused=self._topic_refused,
        )
        self._lanes.append(lane)
        if self._supervisor is not None:
            self._start(lane, self._supervisor)
        return lane

    def _make_link(self, lane: Lane) -> Link:
        def down(reason: str) -> None:
            lane.lost()
            self._streams.interrupted([s for s, mine in self._lane_of.items() if mine is lane], reason)

        base = self._settings.network.bybit_stream or STREAM_URL
        return Link(
            lane.name,
            f"{base.rstrip('/')}/{self.category}",
            clock=self._clock,
            bus=self._bus,
            venue=self.venue,
            category=self.category,
            feed=self._settings.feed,
            network=self._settings.network,
            on_frame=lane.on_frame,
            on_up=lane.on_up,
            on_down=down,
            ping=lambda: wire.PING,
            send_gap_s=SEND_GAP_S,
            ban=self._ban,
        )

    def _start(self, lane: Lane, supervisor: Supervisor) -> None:
        supervisor.start(f"bybit {lane.name}", lane.link.run)
        supervisor.start(f"bybit {lane.name} requests", lane.send_requests)
        supervisor.start(f"bybit {lane.name} polling", partial(self._poll_while_down, lane))

    def _renew(self, topic: str) -> None:
        lane = self._lane_of.get(topic.rpartition(".")[2])
        if lane is not None:
            lane.renew(topic)

    def _topic_refused(self, topic: str, reason: str) -> None:
        self._refused += 1
        self._bus.publish(
            Fault(
                source="bybit",
                message=f"the venue refuses topic {topic}: {reason}",
                severity="warning",
                count=self._refused,
                symbol=topic.rpartition(".")[2],
                at_ms=self._clock.now_ms(),
            )
        )

    # --- watching ----------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Once a second: unanswered requests, books that wait for a resync, channels that fell silent."""
        while True:
            await self._clock.sleep(TICK_S)
            for lane in self._lanes:
                lane.expire()
            self._streams.resync_due()
            stale, _ = self._freshness.check()
            for track in stale:
                self._renew(track.stream)  # a frozen topic may wake up when it is subscribed anew

    async def _keep_clock(self) -> None:
        while True:
            try:
                await self.sync_clock()
                wait_s = CLOCK_SYNC_S
            except VenueError as error:
                log.warning("clock not synchronised: %s", error)
                wait_s = CLOCK_RETRY_S
            await self._clock.sleep(wait_s)

    async def _poll_while_down(self, lane: Lane) -> None:
        while True:
            await self._clock.sleep(self._settings.feed.poll_s)
            if not lane.link.is_up:
                symbols = [symbol for symbol, mine in self._lane_of.items() if mine is lane]
                await self._poller.poll(symbols, self._timeframes)

    def _gauges(self) -> Gauges:
        links = [lane.link for lane in self._lanes]
        rest = self._rest.rest
        return Gauges(
            frames=sum(link.frames for link in links),
            bytes=sum(link.bytes for link in links),
            rejected=sum(link.oversized + link.frame_errors for link in links),
            reconnects=sum(link.reconnects for link in links),
            resyncs=self._streams.resyncs,
            sequence_gaps=self._streams.sequence_gaps,
            rest_requests=rest.requests,
            rest_errors=rest.errors,
            rest_used=rest.budget.used,
            rest_limit=rest.budget.limit,
        )
