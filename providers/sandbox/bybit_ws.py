"""The streams of one Bybit category: what each subscribed topic sends, and when."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.sandbox import bybit_wire as wire
from providers.sandbox.bybit_book import LEVELS, PUSH_EVERY_MS, Ladder, Window
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.kline_schedule import KlineSchedule
from providers.sandbox.model import SandboxDepth, SandboxEvent, SandboxMark, SandboxQuote, SandboxTrade
from providers.sandbox.sockets import Connection, Hub, Topic

KLINE_UPDATE_MS = 1_000
TICKER_EVERY_MS = {"spot": 50, "linear": 100}
TRADES_PER_FRAME = 1_024
BEST_RESENT_MS = 3_000


class TickerState:
    """What a ticker topic has published."""

    __slots__ = ("fields", "next_ms")

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.next_ms = 0


class BestState:
    """What an `orderbook.1` topic has published, and when it must be sent again unchanged."""

    __slots__ = ("quote", "resend_ms", "u")

    def __init__(self) -> None:
        self.quote: SandboxQuote | None = None
        self.u = 0
        self.resend_ms = 0


class BybitStreams:
    """Turns one category's market events into payloads for the topics with subscribers."""

    def __init__(self, feed: Feed, hub: Hub, faults: FaultPlan) -> None:
        self.feed = feed
        self.hub = hub
        self._faults = faults
        self._topics: dict[str, Topic] = {}
        self._ladders: dict[str, Ladder] = {}
        self._books: dict[str, list[Topic]] = {symbol: [] for symbol in feed.listings}
        self._stale_books: list[Topic] = []
        self._changed: set[str] = set()
        self._cross_sequence = 0
        self._klines = KlineSchedule(feed, self._emit_kline, update_ms=KLINE_UPDATE_MS, quiet_closes=True)

    # --- subscriptions -----------------------------------------------------------------------------------------------

    def topic(self, name: str) -> Topic | None:
        """The topic of that name; None when the venue has no handler for it."""
        if name not in self._topics:
            topic = self._open(name)
            if topic is None:
                return None
            self._topics[name] = topic
        return self._topics[name]

    def _open(self, name: str) -> Topic | None:
        parts = name.split(".")
        symbol = parts[-1]
        if symbol not in self.feed.listings:
            return None
        match parts[:-1]:
            case ["publicTrade"]:
                return Topic(name, symbol, "trade")
            case ["tickers"]:
                return Topic(name, symbol, "ticker")
            case ["kline", interval] if interval in wire.INTERVALS:
                return Topic(name, symbol, "kline", interval)
            case ["orderbook", "1"]:
                topic = Topic(name, symbol, "quote", level=1)
                topic.state = BestState()
                return topic
            case ["orderbook", level] if level.isdecimal() and int(level) in LEVELS:
                topic = Topic(name, symbol, "depth", level=int(level))
                self._books[symbol].append(topic)
                return topic
        return None

    def followed(self, topic: Topic, connection: Connection) -> None:
        """A new subscriber: books and tickers begin with a snapshot for it alone."""
        now_ms = self.feed.clock.now_ms()
        first = len(topic.subscribers) == 1
        if topic.channel == "kline":
            self._klines.follow(topic, wire.INTERVALS[topic.interval], now_ms)
        elif topic.channel == "depth":
            ladder = self._ladder(topic.symbol)
            if first or topic.state is None:
                topic.state = Window(ladder, topic.level)
            self._emit_to(connection, topic, self._window_snapshot(topic, topic.state, ladder.at_ms))
        elif topic.channel == "quote":
            state: BestState = topic.state
            state.quote = self.feed.quote(topic.symbol)
            state.u = state.u or state.quote.update_id
            state.resend_ms = now_ms + BEST_RESENT_MS
            self._emit_to(connection, topic, self._best_snapshot(topic, state))
        elif topic.channel == "ticker":
            if first or topic.state is None:
                topic.state = TickerState()
                topic.state.fields = self._ticker_fields(topic.symbol)
            self._emit_to(connection, topic, self._ticker_payload(topic, "snapshot", topic.state.fields))

    def rest_book(self, symbol: str, levels: int) -> dict[str, object]:
        """REST orderbook; while somebody follows the 1000-level topic it is exactly what that has published."""
        topic = self._topics.get(f"orderbook.1000.{symbol}")
        if topic is not None and topic.subscribers and topic.state is not None:
            window: Window = topic.state
            bids, asks, u, seq = list(window.bids.items()), list(window.asks.items()), window.u, window.seq
            at_ms = self._ladders[symbol].at_ms
        else:
            book = self.feed.book(symbol)
            bids, asks, u, seq, at_ms = list(book.bids), list(book.asks), book.last_id, book.last_id, book.at_ms
        units = self.feed.units[symbol]
        return {
            "s": symbol,
            "b": [[units.price(ticks), units.size(lots)] for ticks, lots in bids[:levels]],
            "a": [[units.price(ticks), units.size(lots)] for ticks, lots in asks[:levels]],
            "ts": self.feed.now_ms(),
            "u": u,
            "seq": seq,
            "cts": at_ms,
        }

    def _ladder(self, symbol: str) -> Ladder:
        if symbol not in self._ladders:
            self._ladders[symbol] = Ladder(self.feed.book(symbol))
        return self._ladders[symbol]

    # --- what goes out -----------------------------------------------------------------------------------------------

    def consume(self, events: Iterable[SandboxEvent], now_ms: int) -> None:
        """Send what follows from the market's newest events."""
        trades: dict[str, list[SandboxTrade]] = {}
        for event in events:
            symbol = event.symbol
            self._changed.add(symbol)
            if isinstance(event, SandboxDepth):
                ladder = self._ladders.get(symbol)
                if ladder is not None:
                    ladder.apply(event)
                    self._mark_books(symbol)
            elif isinstance(event, SandboxQuote):
                topic = self._topics.get(f"orderbook.1.{symbol}")
                if topic is not None and topic.subscribers:
                    self._emit_best(topic, event, now_ms)
            elif isinstance(event, SandboxTrade):
                trades.setdefault(symbol, []).append(event)
            else:
                assert isinstance(event, SandboxMark)  # read from the feed by the tickers
        for symbol, batch in trades.items():
            topic = self._topics.get(f"publicTrade.{symbol}")
            if topic is not None and topic.subscribers:
                self._emit_trades(topic, batch)
        if self._stale_books:
            self._stale_books = [topic for topic in self._stale_books if not self._emit_book(topic, now_ms)]
        self._klines.run(now_ms)
        self._send_tickers(now_ms)

    def resend_best(self, now_ms: int) -> None:
        """Level 1 comes again, with the same `u`, when nothing changed for 3 s."""
        for topic in self._topics.values():
            if topic.channel == "quote" and topic.subscribers and now_ms >= topic.state.resend_ms:
                topic.state.resend_ms = now_ms + BEST_RESENT_MS
                self._emit(topic, self._best_snapshot(topic, topic.state))

    def resend_closed(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        """Publish again, corrected, the closed bars that hold a minute."""
        for topic in self._topics.values():
            if topic.channel == "kline" and topic.symbol == symbol and topic.subscribers:
                length = wire.INTERVALS[topic.interval]
                open_ms = minute_ms // length * length
                rows = self.feed.bars(symbol, length, open_ms, open_ms + 1)
                if len(rows) and open_ms + length <= now_ms:
                    self._emit_kline(topic, rows[0], open_ms + length, True)

    def _emit(self, topic: Topic, payload: bytes) -> None:
        if self._faults.streams.rules or topic.held is not None:
            for altered in self._faults.streams.apply(topic, payload):
                self.hub.deliver(topic, altered)
        else:
            self.hub.deliver(topic, payload)

    def _emit_to(self, connection: Connection, topic: Topic, payload: bytes) -> None:
        for altered in self._faults.streams.apply(topic, payload):
            connection.send(altered)

    def _emit_trades(self, topic: Topic, trades: list[SandboxTrade]) -> None:
        units = self.feed.units[topic.symbol]
        for at in range(0, len(trades), TRADES_PER_FRAME):
            batch = trades[at : at + TRADES_PER_FRAME]
            self._emit(topic, wire.trades_event(topic.name, batch, units, self.feed.category, self.feed.now_ms()))

    # --- books -------------------------------------------------------------------------------------------------------

    def _mark_books(self, symbol: str) -> None:
        for topic in self._books[symbol]:
            if topic.subscribers and topic.state is not None and not topic.state.waiting:
                topic.state.waiting = True
                self._stale_books.append(topic)

    def _emit_book(self, topic: Topic, now_ms: int) -> bool:
        """Send a book topic's changes when its turn has come; True when nothing waits any more."""
        window: Window = topic.state
        if now_ms < window.next_ms and topic.subscribers:
            return False
        window.waiting = False
        if not topic.subscribers:
            return True
        window.next_ms = now_ms + PUSH_EVERY_MS[topic.level]
        ladder = self._ladders[topic.symbol]
        bids, asks = window.advance(ladder)
        if bids or asks:
            units, stamp_ms = self.feed.units[topic.symbol], self.feed.now_ms()
            args = (topic.name, "delta", topic.symbol, bids, asks, window.u, window.seq, units, ladder.at_ms, stamp_ms)
            self._emit(topic, wire.book_event(*args))
        return True

    def _window_snapshot(self, topic: Topic, window: Window, at_ms: int) -> bytes:
        bids, asks = list(window.bids.items()), list(window.asks.items())
        units, stamp_ms = self.feed.units[topic.symbol], self.feed.now_ms()
        args = (topic.name, "snapshot", topic.symbol, bids, asks, window.u, window.seq, units, at_ms, stamp_ms)
        return wire.book_event(*args)

    def _emit_best(self, topic: Topic, quote: SandboxQuote, now_ms: int) -> None:
        state: BestState = topic.state
        state.quote = quote
        state.u += 1
        state.resend_ms = now_ms + BEST_RESENT_MS
        self._emit(topic, self._best_snapshot(topic, state))

    def _best_snapshot(self, topic: Topic, state: BestState) -> bytes:
        quote = state.quote
        assert quote is not None  # set when the topic got its first subscriber
        bids = [(quote.bid_ticks, quote.bid_lots)] if quote.bid_lots else []
        asks = [(quote.ask_ticks, quote.ask_lots)] if quote.ask_lots else []
        units, stamp_ms = self.feed.units[topic.symbol], self.feed.now_ms()
        args = (
            topic.name,
            "snapshot",
            topic.symbol,
            bids,
            asks,
            state.u,
            quote.update_id,
            units,
            quote.at_ms,
            stamp_ms,
        )
        return wire.book_event(*args)

    # --- tickers and candles -----------------------------------------------------------------------------------------

    def _ticker_fields(self, symbol: str) -> dict[str, str]:
        stats, mark = self.feed.day(symbol), self.feed.mark(symbol)
        if stats is None:
            return {"symbol": symbol}
        fields = wire.ticker(self.feed, symbol, stats)
        trade = self.feed.last_trade.get(symbol)
        if trade is not None:
            fields["lastPrice"] = self.feed.units[symbol].price(trade.price_ticks)
        if self.feed.category == "spot":
            return fields | {"usdIndexPrice": fields["lastPrice"]}
        fields |= wire.quote_fields(self.feed, symbol)
        return fields if mark is None else fields | wire.perpetual_fields(mark, stats, self.feed.units[symbol])

    def _ticker_payload(self, topic: Topic, kind: str, fields: dict[str, str]) -> bytes:
        self._cross_sequence += 1
        frame = {
            "topic": topic.name,
            "type": kind,
            "data": fields,
            "cs": self._cross_sequence,
            "ts": self.feed.now_ms(),
        }
        return msgspec.json.encode(frame)

    def _send_tickers(self, now_ms: int) -> None:
        kept: set[str] = set()
        for symbol in self._changed:
            topic = self._topics.get(f"tickers.{symbol}")
            if topic is None or not topic.subscribers:
                continue
            state: TickerState = topic.state
            if now_ms < state.next_ms:
                kept.add(symbol)
                continue
            fields = self._ticker_fields(symbol)
            changed = {key: value for key, value in fields.items() if state.fields.get(key) != value}
            if changed:
                state.fields = fields
                state.next_ms = now_ms + TICKER_EVERY_MS[self.feed.category]
                if self.feed.category == "spot":
                    self._emit(topic, self._ticker_payload(topic, "snapshot", fields))
                else:
                    self._emit(topic, self._ticker_payload(topic, "delta", {"symbol": symbol, **changed}))
        self._changed = kept

    def _emit_kline(self, topic: Topic, row: NDArray[np.int64], end_ms: int, closed: bool) -> None:
        symbol = topic.symbol
        if not closed and symbol in self._faults.market.spikes:
            row = self._faults.market.spiked(symbol, row)
        units, stamp_ms = self.feed.units[symbol], self.feed.now_ms()
        self._emit(topic, wire.kline_event(topic.name, row, units, topic.interval, end_ms, closed, stamp_ms))
