"""Binance.US spot market data: REST, streams, local books, freshness and polling put together (exchanges.md A)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from core.bus import Bus
from core.clock import Clock
from core.messages import HostKind, Ladder, Ticker
from core.settings import Settings
from core.supervise import Supervisor
from core.venue import CandleBlock, Instrument, Retryable, VenueError
from providers.ban import Ban
from providers.batch import Gauges, MicroBatcher
from providers.binance_us.books import WORKERS, Books
from providers.binance_us.candles import CandlePager
from providers.binance_us.instruments import parse_exchange_info
from providers.binance_us.poll import Poller
from providers.binance_us.routes import Route, SymbolFeed
from providers.binance_us.shard import Shard
from providers.binance_us.wire import WIRE_ERRORS, decode_day_ticker, decode_raw_list, decode_time
from providers.budget import WeightWindow
from providers.freshness import Freshness, Track
from providers.host_kind import host_kind_of
from providers.link import Link
from providers.rest import Rest
from providers.venue_clock import measure_offset

REST_URL = "https://api.binance.us"
STREAM_URL = "wss://stream.binance.us:9443"

FIRST_WEIGHT_LIMIT = 1200
"""Weight per minute until exchangeInfo tells the real one: the smaller of the two known ones (exchanges.md A2)."""

WEIGHTS = {"exchangeInfo": 20, "ticker24h": 80, "klines": 2, "time": 1}
"""Assumed costs (exchanges.md A3, after the upgrade); the header of each answer corrects the sum."""

CLOCK_S = 300.0
BEAT_S = 0.5
QUOTE_FROM_BOOK_AFTER_S = 2.0
ASK_AGAIN_S = 30.0
"""Streams that stay silent are subscribed anew this often."""

NEW_BOOK_WAIT_S = 1.0
"""After subscribing, wait for the first diff before the snapshot is taken, so that it fits."""

log = logging.getLogger("tradetui.binance_us")


class BinanceUsMarket:
    """Implements `core.venue.MarketProvider` for Binance.US spot."""

    venue = "binance_us"
    category = "spot"

    def __init__(self, bus: Bus, clock: Clock, settings: Settings) -> None:
        self._bus = bus
        self._clock = clock
        self._settings = settings
        rest_url = settings.network.binance_us_rest or REST_URL
        self._stream_url = (settings.network.binance_us_stream or STREAM_URL).rstrip("/") + "/stream"
        self.host = urlsplit(rest_url).netloc
        self.host_kind: HostKind = host_kind_of(rest_url)
        self._ipv4_only = self.host_kind != "SANDBOX"  # the venue refuses IPv6 (exchanges.md A1)
        self._ban = Ban(clock, bus, self.venue, self.category)
        self._offset_ms = 0.0
        self._budget = WeightWindow(
            clock,
            limit=FIRST_WEIGHT_LIMIT,
            share=settings.network.rest_budget_share,
            fill_share=settings.history.fill_share,
            now_ms=self.venue_now_ms,
        )
        self.rest = Rest(
            rest_url,
            clock=clock,
            bus=bus,
            venue=self.venue,
            category=self.category,
            network=settings.network,
            budget=self._budget,
            ban=self._ban,
            ipv4_only=self._ipv4_only,
        )
        self._feeds: dict[str, SymbolFeed] = {}
        self._down: set[str] = set()
        self._routes: dict[bytes, Route] = {}
        self._shards: list[Shard] = []
        self._timeframes: tuple[str, ...] = ()
        self._unreadable = 0
        self._supervisor: Supervisor | None = None
        self.batcher = MicroBatcher(bus, clock, self.venue, self.category, settings.feed, self._gauges)
        self.freshness = Freshness(clock, settings.feed, bus, self.venue, self.category)
        self.books = Books(
            self._feeds,
            self._down,
            self.rest,
            clock,
            bus,
            self.venue,
            self.category,
            settings.feed.book_snapshot_levels,
        )
        self._pager = CandlePager(self._fetch_klines)
        self._fill_pager = CandlePager(self._fetch_fill)
        self._poller = Poller(
            self._feeds,
            self._down,
            self.rest,
            self.batcher,
            self.freshness,
            clock,
            settings.feed.poll_s,
            self.venue_now_ms,
        )
        self.batcher.before_flush.append(self.books.publish_ladder)

    # --- requests ----------------------------------------------------------------------------------------------------

    async def instruments(self) -> Sequence[Instrument]:
        """Every symbol with its filters; learns the venue's weight limit on the way. Raises `VenueError`."""
        body = await self.rest.get("/api/v3/exchangeInfo", weight=WEIGHTS["exchangeInfo"])
        listed = parse_exchange_info(body, self.venue, self.category)
        if listed.weight_per_minute > 0:
            self._budget.limit = listed.weight_per_minute
        self._unreadable += listed.unreadable
        return listed.instruments

    async def tickers(self) -> Sequence[Ticker]:
        """24 h statistics of every symbol that traded. Raises `VenueError`."""
        body = await self.rest.get("/api/v3/ticker/24hr", weight=WEIGHTS["ticker24h"])
        try:
            rows = decode_raw_list(body)
        except WIRE_ERRORS as error:
            raise Retryable(f"ticker/24hr cannot be read: {error}") from error
        found: list[Ticker] = []
        for raw in rows:
            try:
                row = decode_day_ticker(raw)
            except WIRE_ERRORS:
                self._unreadable += 1  # a symbol that never traded has a price of 0
                continue
            found.append(
                Ticker(
                    venue=self.venue,
                    category=self.category,
                    symbol=row.symbol,
                    last=row.lastPrice,
                    change=row.priceChangePercent / 100,
                    quote_volume=row.quoteVolume,
                    high=row.highPrice,
                    low=row.lowPrice,
                    event_ms=row.closeTime,
                )
            )
        return found

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
        """See `core.venue.MarketProvider.candles`."""
        pager = self._fill_pager if background else self._pager
        return await pager.load(symbol, timeframe, start_ms, end_ms, limit, self.venue_now_ms())

    async def sync_clock(self) -> float:
        """See `core.venue.MarketProvider.sync_clock`."""
        offset_ms = await measure_offset(self._server_ms, self._clock, self._bus, self.venue, self.category)
        self._offset_ms = self.batcher.offset_ms = offset_ms
        return offset_ms

    async def _server_ms(self) -> float:
        body = await self.rest.get("/api/v3/time", weight=WEIGHTS["time"])
        try:
            return decode_time(body).serverTime
        except WIRE_ERRORS as error:
            raise Retryable(f"server time cannot be read: {error}") from error

    def venue_now_ms(self) -> int:
        """The venue's time by our clock and the measured offset."""
        return self._clock.now_ms() + round(self._offset_ms)

    async def _fetch_klines(self, params: dict[str, str | int | float]) -> bytes:
        return await self.rest.get("/api/v3/klines", params, weight=WEIGHTS["klines"])

    async def _fetch_fill(self, params: dict[str, str | int | float]) -> bytes:
        return await self.rest.get("/api/v3/klines", params, weight=WEIGHTS["klines"], priority="fill")

    # --- streams -----------------------------------------------------------------------------------------------------

    def set_symbols(self, symbols: Iterable[str], timeframes: Sequence[str]) -> None:
        """See `core.venue.MarketProvider.set_symbols`. Changed timeframes subscribe every symbol anew."""
        wanted = dict.fromkeys(symbols)
        if tuple(timeframes) != self._timeframes:
            for symbol in list(self._feeds):
                self._remove(symbol)
            self._timeframes = tuple(timeframes)
            self._poller.timeframes = self._timeframes
        for symbol in [symbol for symbol in self._feeds if symbol not in wanted]:
            self._remove(symbol)
        for symbol in wanted:
            if symbol not in self._feeds:
                self._add(symbol)

    def set_focus(self, symbol: str) -> None:
        """See `core.venue.MarketProvider.set_focus`."""
        self.books.focus = symbol

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """See `core.venue.MarketProvider.ladder`."""
        return self.books.ladder(symbol, levels)

    async def run(self) -> None:
        """See `core.venue.MarketProvider.run`."""
        supervisor = self._supervisor = Supervisor(self._bus, self._clock)
        supervisor.start("binance_us batches", self.batcher.run)
        supervisor.start("binance_us beat", self._beat)
        supervisor.start("binance_us polling", self._poller.run)
        supervisor.start("binance_us clock", self._keep_clock)
        for number in range(WORKERS):
            supervisor.start(f"binance_us books {number}", self.books.run)
        for shard in self._shards:
            self._down.add(shard.name)
            self.freshness.pause(shard.name)
            self._start(shard, supervisor)
        try:
            await asyncio.Event().wait()
        finally:
            self._supervisor = None
            await supervisor.stop()

    async def close(self) -> None:
        """Release the REST connections; sockets end with `run`."""
        await self.rest.close()

    def _add(self, symbol: str) -> None:
        needed = len(self._timeframes) + 3
        room = self._settings.feed.streams_per_socket - needed
        shard = next((shard for shard in self._shards if len(shard.wanted) <= room), None)
        if shard is None:
            shard = self._new_shard()
        feed = SymbolFeed(symbol, self._timeframes, shard.name, self.batcher, self.freshness, self.books.want)
        self._feeds[symbol] = feed
        self._routes.update((stream.encode(), route) for stream, route in feed.routes.items())
        shard.add(feed.routes)
        if shard.link.is_up:
            self.books.want(feed, "subscribed", NEW_BOOK_WAIT_S)

    def _remove(self, symbol: str) -> None:
        feed = self._feeds.pop(symbol)
        for stream in feed.routes:
            self._routes.pop(stream.encode(), None)
        for shard in self._shards:
            if shard.name == feed.group:
                shard.remove(feed.routes)
        self.freshness.forget(symbol)
        self.books.forget(symbol)
        self.batcher.forget(symbol)

    def _new_shard(self) -> Shard:
        name = f"market {len(self._shards) + 1}"
        shard = Shard(name, self._clock, self._routes, self.batcher.rejects, self._ready, self._make_link)
        self._down.add(name)
        self.freshness.pause(name)
        self._shards.append(shard)
        if self._supervisor is not None:
            self._start(shard, self._supervisor)
        return shard

    def _start(self, shard: Shard, supervisor: Supervisor) -> None:
        supervisor.start(f"binance_us {shard.name}", shard.link.run)
        supervisor.start(f"binance_us {shard.name} subscriptions", shard.run)

    def _make_link(self, shard: Shard) -> Link:
        return Link(
            shard.name,
            self._stream_url,
            clock=self._clock,
            bus=self._bus,
            venue=self.venue,
            category=self.category,
            feed=self._settings.feed,
            network=self._settings.network,
            on_frame=shard.on_frame,
            on_up=shard.on_up,
            on_down=lambda reason: self._lost(shard, reason),
            ipv4_only=self._ipv4_only,
            ban=self._ban,
        )

    async def _ready(self, shard: Shard) -> None:
        """A socket has subscribed its streams. In a rotation the books simply go on."""
        self._down.discard(shard.name)
        self.freshness.resume(shard.name)
        if shard.link.overlapping:
            return
        for feed in self._feeds.values():
            if feed.group == shard.name:
                feed.restart()
                feed.book.invalidate("connected")
                self.books.want(feed, "connected", NEW_BOOK_WAIT_S)

    def _lost(self, shard: Shard, reason: str) -> None:
        self._down.add(shard.name)
        self.freshness.pause(shard.name)
        for feed in self._feeds.values():
            if feed.group == shard.name:
                self.books.lose(feed, f"{shard.name}: {reason}")

    # --- housekeeping ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Freshness, quotes from books, crossed books."""
        ask_again_at = self._clock.monotonic() + ASK_AGAIN_S
        while True:
            await self._clock.sleep(BEAT_S)
            stale, fresh = self.freshness.check()
            for track in stale:
                if track.channel == "depth" and track.symbol in self._feeds:
                    self.books.lose(self._feeds[track.symbol], "depth channel is silent")
            for track in fresh:
                if track.channel == "depth" and track.symbol in self._feeds:
                    self.books.want(self._feeds[track.symbol], "depth channel is back", NEW_BOOK_WAIT_S)
            now = self._clock.monotonic()
            if now >= ask_again_at:
                ask_again_at = now + ASK_AGAIN_S
                stale = self.freshness.stale_tracks()
            if stale:
                await self._ask_again(stale)
            self._quotes_from_books()
            self.books.check()

    async def _ask_again(self, stale: list[Track]) -> None:
        """Subscribe silent streams anew, socket by socket."""
        for shard in self._shards:
            await shard.resubscribe([track.stream for track in stale if track.group == shard.name])

    def _quotes_from_books(self) -> None:
        """Where the quote channel is quiet but the book's best moved, the book speaks for it."""
        silent_since = self.freshness.stamp - QUOTE_FROM_BOOK_AFTER_S
        for feed in self._feeds.values():
            if feed.book.state != "live" or feed.quote_track.at > silent_since:
                continue
            bid, ask = feed.book.book.best_bid(), feed.book.book.best_ask()
            last = feed.quote
            if bid is None or ask is None or feed.depth_track.at <= silent_since:
                continue
            if last is None or (last.b, last.a) != (bid[0], ask[0]):
                self.batcher.quote(feed.symbol, bid[0], bid[1], ask[0], ask[1])
                self.freshness.expect(feed.quote_track)

    async def _keep_clock(self) -> None:
        while True:
            try:
                await self.sync_clock()
            except VenueError as error:
                log.warning("clock not measured: %s", error)
            await self._clock.sleep(CLOCK_S)

    def _gauges(self) -> Gauges:
        links = [shard.link for shard in self._shards]
        return Gauges(
            frames=sum(link.frames for link in links),
            bytes=sum(link.bytes for link in links),
            rejected=sum(link.oversized + link.frame_errors for link in links)
            + self._unreadable
            + self.books.rejected
            + self._poller.rejected
            + self._pager.rejected
            + self._fill_pager.rejected,
            dropped=sum(shard.unrouted for shard in self._shards) + sum(feed.repeats for feed in self._feeds.values()),
            reconnects=sum(link.reconnects for link in links),
            resyncs=self.books.resyncs,
            sequence_gaps=self.books.gaps,
            rest_requests=self.rest.requests,
            rest_errors=self.rest.errors,
            rest_used=self._budget.used,
            rest_limit=self._budget.limit,
        )
