"""The streams of Binance.US: what each subscribed stream sends, and when."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.sandbox import binance_us_wire as wire
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.kline_schedule import KlineSchedule
from providers.sandbox.model import SandboxDepth, SandboxEvent, SandboxQuote, SandboxTrade
from providers.sandbox.sockets import Hub, Topic

KLINE_UPDATE_MS = 2_000
TICKER_UPDATE_MS = 1_000
LIFETIME_MS = 86_400_000
PARTIAL_LEVELS = {"depth5": 5, "depth10": 10, "depth20": 20}
SPEEDS = {"": 1_000, "@100ms": 100, "@1000ms": 1_000}
PUSH_EVERY_MS = {100: 50, 1_000: 950}
"""Shortest gap between frames of a speed, a batch less than its name says: a turn missed by a hair is not lost."""


class Pending:
    """Depth changes waiting for a stream's next turn."""

    __slots__ = ("events", "next_ms")

    def __init__(self) -> None:
        self.events: list[SandboxDepth] = []
        self.next_ms = 0


class SymbolTopics:
    """The streams of one symbol somebody follows or followed, by kind."""

    __slots__ = ("agg_trades", "depths", "partials", "quotes", "tickers", "trades")

    def __init__(self) -> None:
        self.trades: list[Topic] = []
        self.agg_trades: list[Topic] = []
        self.quotes: list[Topic] = []
        self.depths: list[Topic] = []
        self.partials: list[Topic] = []
        self.tickers: list[Topic] = []


class BinanceStreams:
    """Turns market events into stream payloads for the topics with subscribers."""

    def __init__(self, feed: Feed, hub: Hub, faults: FaultPlan) -> None:
        self.feed = feed
        self.hub = hub
        self._faults = faults
        self._topics: dict[str, Topic] = {}
        self._by_symbol = {symbol: SymbolTopics() for symbol in feed.listings}
        self._lower = {symbol.lower(): symbol for symbol in feed.listings}
        self._arrays: list[Topic] = []
        self._waiting: list[Topic] = []
        self._klines = KlineSchedule(feed, self._emit_kline, update_ms=KLINE_UPDATE_MS, quiet_closes=False)
        self._next_ticker_ms = 0

    # --- subscriptions -----------------------------------------------------------------------------------------------

    def topic(self, name: str) -> Topic:
        """The topic of a stream name. A name that means nothing here is followed in silence, as the venue does."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = self._open(name)
        return topic

    def followed(self, topic: Topic) -> None:
        """A topic has got its first subscriber."""
        if topic.channel == "kline":
            self._klines.follow(topic, wire.INTERVALS[topic.interval], self.feed.clock.now_ms())
        elif isinstance(topic.state, Pending):
            topic.state.events.clear()

    def _open(self, name: str) -> Topic:
        if name in ("!miniTicker@arr", "!ticker@arr"):
            topic = Topic(name, "*", "ticker", "mini" if "mini" in name else "full")
            topic.state = {}
            self._arrays.append(topic)
            return topic
        lower, _, kind = name.partition("@")
        symbol = self._lower.get(lower)
        if symbol is None:
            return Topic(name)
        return self._open_symbol(name, symbol, kind)

    def _open_symbol(self, name: str, symbol: str, kind: str) -> Topic:
        topics = self._by_symbol[symbol]
        head, at, speed = kind.partition("@")
        if kind in ("trade", "aggTrade"):
            topic = Topic(name, symbol, "trade")
            (topics.trades if kind == "trade" else topics.agg_trades).append(topic)
        elif kind == "bookTicker":
            topic = Topic(name, symbol, "quote")
            topics.quotes.append(topic)
        elif kind in ("miniTicker", "ticker"):
            topic = Topic(name, symbol, "ticker", "mini" if kind == "miniTicker" else "full")
            topics.tickers.append(topic)
        elif kind.startswith("kline_") and kind[6:] in wire.INTERVALS:
            topic = Topic(name, symbol, "kline", kind[6:])
        elif head == "depth" and at + speed in SPEEDS:
            topic = Topic(name, symbol, "depth", level=SPEEDS[at + speed])
            topic.state = Pending()
            topics.depths.append(topic)
        elif head in PARTIAL_LEVELS and at + speed in SPEEDS:
            topic = Topic(name, symbol, "depth", interval=head, level=SPEEDS[at + speed])
            topic.state = Pending()
            topics.partials.append(topic)
        else:
            topic = Topic(name)
        return topic

    # --- what goes out -----------------------------------------------------------------------------------------------

    def consume(self, events: Iterable[SandboxEvent], now_ms: int) -> None:
        """Send what follows from the market's newest events."""
        stamp_ms = self.feed.now_ms()
        by_symbol, all_units, waiting = self._by_symbol, self.feed.units, self._waiting
        for event in events:
            topics = by_symbol[event.symbol]
            kind = type(event)
            if kind is SandboxDepth:
                for topic in (*topics.depths, *topics.partials):
                    if topic.subscribers:
                        if not topic.state.events:
                            waiting.append(topic)
                        topic.state.events.append(event)
            elif kind is SandboxQuote:
                for topic in topics.quotes:
                    if topic.subscribers:
                        self._emit(topic, wire.book_ticker_event(event, all_units[event.symbol]))  # type: ignore[arg-type]
            elif kind is SandboxTrade:
                for topic in topics.trades:
                    if topic.subscribers:
                        self._emit(topic, wire.trade_event(event, all_units[event.symbol], stamp_ms))  # type: ignore[arg-type]
                for topic in topics.agg_trades:
                    if topic.subscribers:
                        payload = wire.agg_trade_event(event, all_units[event.symbol], stamp_ms)  # type: ignore[arg-type]
                        self._emit(topic, payload)
        if waiting:
            self._waiting = [topic for topic in waiting if not self._send_depth(topic, now_ms, stamp_ms)]
        self._klines.run(now_ms)
        if now_ms >= self._next_ticker_ms:
            self._next_ticker_ms = now_ms + TICKER_UPDATE_MS
            self._send_tickers(stamp_ms)

    def resend_closed(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        """Publish again, corrected, the closed bars that hold a minute."""
        for topic in self._topics.values():
            if topic.channel == "kline" and topic.symbol == symbol and topic.subscribers:
                length = wire.INTERVALS[topic.interval]
                open_ms = minute_ms // length * length
                rows = self.feed.bars(symbol, length, open_ms, open_ms + 1)
                if len(rows) and open_ms + length <= now_ms:
                    self._emit_kline(topic, rows[0], open_ms + length, True)

    def announce_shutdown(self) -> None:
        """The `serverShutdown` event, to every connection and outside any stream."""
        payload = msgspec.json.encode({"e": "serverShutdown", "E": self.feed.now_ms()})
        for connection in self.hub.connections:
            connection.send(payload)

    def retire(self, now_ms: int) -> None:
        """Hang up connections that have reached 24 h."""
        for connection in list(self.hub.connections):
            if now_ms - connection.opened_ms >= LIFETIME_MS:
                self.hub.counts["lifetime_ended"] += 1
                connection.close(1001, "24 h lifetime")

    def _emit(self, topic: Topic, payload: bytes) -> None:
        if self._faults.streams.rules or topic.held is not None:
            for altered in self._faults.streams.apply(topic, payload):
                self.hub.deliver(topic, altered)
        else:
            self.hub.deliver(topic, payload)

    def _send_depth(self, topic: Topic, now_ms: int, stamp_ms: int) -> bool:
        """Send a depth stream's waiting changes when its turn has come; True when nothing waits any more."""
        state: Pending = topic.state
        if now_ms < state.next_ms and topic.subscribers:
            return False
        events, state.events = state.events, []
        state.next_ms = now_ms + PUSH_EVERY_MS[topic.level]
        if not topic.subscribers or not events:
            return True
        units = self.feed.units[topic.symbol]
        if topic.interval:
            self._emit(topic, wire.depth_snapshot(self.feed, topic.symbol, PARTIAL_LEVELS[topic.interval]))
            return True
        first, last = events[0], events[-1]
        if first is last:
            bids, asks = list(first.bids), list(first.asks)
        else:
            bid_sizes: dict[int, int] = {}
            ask_sizes: dict[int, int] = {}
            for event in events:
                bid_sizes.update(event.bids)
                ask_sizes.update(event.asks)
            bids, asks = list(bid_sizes.items()), list(ask_sizes.items())
        payload = wire.depth_event(topic.symbol, first.first_id, last.last_id, bids, asks, units, stamp_ms)
        self._emit(topic, payload)
        return True

    def _emit_kline(self, topic: Topic, row: NDArray[np.int64], end_ms: int, closed: bool) -> None:
        symbol = topic.symbol
        if not closed and symbol in self._faults.market.spikes:
            row = self._faults.market.spiked(symbol, row)
        units = self.feed.units[symbol]
        self._emit(topic, wire.kline_event(row, units, symbol, topic.interval, end_ms, closed, self.feed.now_ms()))

    def _send_tickers(self, stamp_ms: int) -> None:
        for symbol, topics in self._by_symbol.items():
            for topic in topics.tickers:
                trades = self.feed.trade_counts[symbol]
                stats = self.feed.day(symbol) if topic.subscribers and topic.state != trades else None
                if stats is not None:
                    topic.state = trades
                    event = wire.ticker_event(self.feed, symbol, stats, stamp_ms, mini=topic.interval == "mini")
                    self._emit(topic, msgspec.json.encode(event))
        for topic in self._arrays:
            if topic.subscribers:
                rows = [
                    wire.ticker_event(self.feed, symbol, stats, stamp_ms, mini=topic.interval == "mini")
                    for symbol, trades in self.feed.trade_counts.items()
                    if topic.state.get(symbol) != trades and (stats := self.feed.day(symbol)) is not None
                ]
                topic.state = dict(self.feed.trade_counts)
                if rows:
                    self._emit(topic, msgspec.json.encode(rows))
