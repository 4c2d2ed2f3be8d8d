"""What Bybit's topics mean: each frame becomes quotes, trades, candles, marks and book changes of its symbol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from core.bus import Bus
from core.clock import Clock
from core.messages import BookStatus, Channel, Ladder, Replay, Trade
from providers.batch import MicroBatcher
from providers.bybit import wire
from providers.bybit.depth import DepthBook, TopOfBook
from providers.bybit.lane import Handler
from providers.bybit.tally import TakerTally
from providers.freshness import Freshness, Track

LADDER_LEVELS = 20
SNAPSHOT_WITHIN_S = 5.0
"""A confirmed book topic without a snapshot for this long is subscribed anew."""

RECENT_IDS = 512
"""Trade ids remembered per symbol, so that an overlapping socket or a poll does not count a trade twice."""


class SymbolStreams:
    """State of one symbol's topics."""

    __slots__ = (
        "depth",
        "depth_track",
        "ids",
        "ids_before",
        "perpetual",
        "quote_track",
        "status",
        "symbol",
        "tally",
        "top",
        "topics",
    )
    quote_track: Track
    depth_track: Track
    status: BookStatus

    def __init__(self, symbol: str, topics: Sequence[str], timeframes: Sequence[str]) -> None:
        self.symbol = symbol
        self.topics = tuple(topics)
        self.depth = DepthBook()
        self.top = TopOfBook()
        self.perpetual = wire.Perpetual()
        self.tally = TakerTally(timeframes)
        self.ids: set[str] = set()
        self.ids_before: set[str] = set()

    def is_new(self, trade_id: str) -> bool:
        """Remember a trade id; false when it was seen lately."""
        if trade_id in self.ids or trade_id in self.ids_before:
            return False
        if len(self.ids) >= RECENT_IDS:
            self.ids_before, self.ids = self.ids, set()
        self.ids.add(trade_id)
        return True


class Streams:
    """All subscribed symbols of one category. `routes` tells a lane who takes the frames of a topic.

    `renew(topic)` is called when a book must be subscribed anew; `venue_now_ms` is the venue's time.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        category: str,
        levels: int,
        batcher: MicroBatcher,
        freshness: Freshness,
        *,
        venue_now_ms: Callable[[], int],
        renew: Callable[[str], None],
    ) -> None:
        self.routes: dict[str, tuple[Handler, str, Track]] = {}
        self.symbols: dict[str, SymbolStreams] = {}
        self.focus = ""
        self.sequence_gaps = 0
        self.resyncs = 0
        self._bus = bus
        self._clock = clock
        self._category = category
        self._levels = levels
        self._batcher = batcher
        self._freshness = freshness
        self._venue_now_ms = venue_now_ms
        self._renew = renew
        batcher.before_flush.append(self.publish_ladder)
        bus.subscribe(Replay, self._on_replay, name="books.replay")

    def topics(self, symbol: str, timeframes: Iterable[str]) -> tuple[str, ...]:
        """Every topic of one symbol."""
        marks = (f"tickers.{symbol}",) if self._category == "linear" else ()  # spot tickers tell nothing new
        return (
            f"publicTrade.{symbol}",
            f"orderbook.1.{symbol}",
            f"orderbook.{self._levels}.{symbol}",
            *(f"kline.{wire.INTERVALS[timeframe]}.{symbol}" for timeframe in timeframes),
            *marks,
        )

    def add(self, symbol: str, timeframes: Sequence[str], group: str) -> SymbolStreams:
        """Begin to serve a symbol on the socket named `group`."""
        handlers: list[tuple[Handler, Channel]] = [
            (self._trades, "trade"),
            (self._quote, "quote"),
            (self._depth, "depth"),
            *((self._kline_handler(timeframe), "kline") for timeframe in timeframes),
            (self._ticker, "mark"),
        ]
        state = SymbolStreams(symbol, self.topics(symbol, timeframes), timeframes)
        self.symbols[symbol] = state
        for topic, (handler, channel) in zip(state.topics, handlers, strict=False):
            self.routes[topic] = (handler, symbol, self._freshness.track(symbol, channel, topic, group))
        state.quote_track, state.depth_track = (self.routes[topic][2] for topic in state.topics[1:3])
        self._publish_book(state, "syncing", "subscribing")
        return state

    def remove(self, symbol: str) -> None:
        """Stop serving a symbol and drop what waits for it."""
        state = self.symbols.pop(symbol, None)
        if state is not None:
            for topic in state.topics:
                self.routes.pop(topic, None)
            self._batcher.forget(symbol)
            self._freshness.forget(symbol)

    def subscribed(self, topic: str) -> None:
        """The venue confirmed a topic: trades are whole from here on, and a book's snapshot should follow soon."""
        route = self.routes.get(topic)
        if route is None:
            return
        state = self.symbols[route[1]]
        if topic == state.topics[0] and state.tally.whole_since_ms is None:
            state.tally.begin(self._venue_now_ms())
        elif topic == state.topics[2] and not state.depth.live and state.depth.due_at is None:
            state.depth.due_at = self._clock.monotonic() + SNAPSHOT_WITHIN_S

    def interrupted(self, symbols: Iterable[str], reason: str) -> None:
        """The socket of these symbols is gone: books are stale, trade sums broken."""
        for symbol in symbols:
            state = self.symbols.get(symbol)
            if state is None:
                continue
            state.tally.interrupt()
            state.perpetual = wire.Perpetual()
            state.depth.lose()
            state.depth.due_at = None
            self._publish_book(state, "stale", reason)

    # --- frames ------------------------------------------------------------------------------------------------------

    def _trades(self, symbol: str, envelope: wire.Envelope) -> None:
        state, batcher = self.symbols[symbol], self._batcher
        rows = wire.trades.decode(envelope.data)
        for row in rows:
            if row.s != symbol:
                batcher.rejects.count("trade symbol")
                continue
            self.trade(state, str(row.i), row.p, row.v, row.S == "Buy", row.T)

    def trade(self, state: SymbolStreams, trade_id: str, price: float, size: float, buy: bool, at_ms: int) -> None:
        """One trade, from the stream or a poll; one seen before is ignored."""
        if not state.is_new(trade_id):
            return
        if self._batcher.trade(state.symbol, Trade(trade_id, price, size, "BUY" if buy else "SELL", at_ms)):
            state.tally.add(at_ms, size, buy)

    def _quote(self, symbol: str, envelope: wire.Envelope) -> None:
        data = wire.books.decode(envelope.data)
        if data.s != symbol:
            raise ValueError(f"topic of {symbol} carries {data.s}")
        state = self.symbols[symbol]
        top = state.top
        if top.take(data, envelope.type == "snapshot") and top.bid and top.ask:
            self._batcher.quote(symbol, *top.bid, *top.ask, envelope.ts)
            self._compare_tops(state, state.depth_track)

    def _kline_handler(self, timeframe: str) -> Handler:
        def take(symbol: str, envelope: wire.Envelope) -> None:
            candles = wire.klines.decode(envelope.data)
            tally = self.symbols[symbol].tally
            for candle in candles:
                count, bought = tally.of(timeframe, candle.start, candle.volume, candle.confirm)
                self._batcher.kline(
                    symbol,
                    timeframe,
                    candle.start,
                    candle.open,
                    candle.high,
                    candle.low,
                    candle.close,
                    candle.volume,
                    candle.turnover,
                    count,
                    bought,
                    candle.confirm,
                    candle.timestamp,
                )

        return take

    def _ticker(self, symbol: str, envelope: wire.Envelope) -> None:
        data = wire.tickers.decode(envelope.data)
        if data.symbol != symbol:
            raise ValueError(f"topic of {symbol} carries {data.symbol}")
        self.mark(symbol, data, envelope.type == "snapshot", envelope.ts)

    def mark(self, symbol: str, data: wire.TickerData, snapshot: bool, at_ms: int) -> None:
        """Merge a ticker and publish the whole state once every value is known. Raises `ValueError` when absurd."""
        state = self.symbols[symbol].perpetual
        if not state.merge(data, snapshot):
            return
        if math.isfinite(state.mark + state.index + state.funding_rate + state.open_interest):
            self._batcher.mark(
                symbol,
                mark=state.mark,
                index=state.index,
                funding_rate=state.funding_rate,
                next_funding_ms=state.next_funding_ms,
                open_interest=state.open_interest,
                event_ms=at_ms,
            )

    def _depth(self, symbol: str, envelope: wire.Envelope) -> None:
        state = self.symbols[symbol]
        data = wire.books.decode(envelope.data)
        if data.s != symbol:
            raise ValueError(f"topic of {symbol} carries {data.s}")
        snapshot, was_live = envelope.type == "snapshot", state.depth.live
        trouble = state.depth.take(data, snapshot)
        if trouble:
            self.sequence_gaps += trouble.startswith("gap")
            self._publish_book(state, "syncing", trouble)
            if state.depth.plan(self._clock.monotonic()):
                self._resync(state)
            return
        if snapshot:
            state.depth.settle(self._clock.monotonic())
            if not was_live:
                self._publish_book(state, "live", "snapshot")
        self._compare_tops(state, state.quote_track)

    def _compare_tops(self, state: SymbolStreams, behind: Track) -> None:
        """A best price that moved in one of quote and book has to move in the other: silence there is suspect."""
        bid, ask = state.depth.book.best_bid(), state.depth.book.best_ask()
        top = state.top
        if bid and ask and top.bid and top.ask and (bid[0] != top.bid[0] or ask[0] != top.ask[0]):
            self._freshness.expect(behind)

    # --- books -------------------------------------------------------------------------------------------------------

    def resync_due(self) -> None:
        """Subscribe anew to the books whose time has come; call about every second."""
        now = self._clock.monotonic()
        for state in self.symbols.values():
            if state.depth.due_at is not None and state.depth.due_at <= now:
                self._resync(state)

    def _resync(self, state: SymbolStreams) -> None:
        self.resyncs += 1
        state.depth.asked(self._clock.monotonic())
        self._renew(f"orderbook.{self._levels}.{state.symbol}")

    def set_focus(self, symbol: str) -> None:
        """Publish this symbol's ladder with each batch from now on (empty: none)."""
        self.focus = symbol
        if symbol in self.symbols:
            self.symbols[symbol].depth.changed = True

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """See `core.venue.MarketProvider.ladder`."""
        state = self.symbols.get(symbol)
        if state is None or not state.depth.live:
            return None
        bids, asks = state.depth.book.ladder(levels)
        at_ms = self._clock.now_ms()
        return Ladder(venue="bybit", category=self._category, symbol=symbol, bids=bids, asks=asks, at_ms=at_ms)

    def publish_ladder(self) -> None:
        """The focused symbol's book, when it changed since the last time."""
        state = self.symbols.get(self.focus)
        if state is None or not state.depth.changed:
            return
        ladder = self.ladder(self.focus, LADDER_LEVELS)
        if ladder is not None:
            state.depth.changed = False
            self._bus.publish(ladder)

    def _publish_book(self, state: SymbolStreams, word: Literal["syncing", "live", "stale"], reason: str) -> None:
        state.status = BookStatus(
            venue="bybit",
            category=self._category,
            symbol=state.symbol,
            state=word,
            reason=reason,
            resyncs=state.depth.resyncs,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(state.status)

    def _on_replay(self, _: Replay) -> None:
        for state in self.symbols.values():
            self._bus.publish(state.status)
