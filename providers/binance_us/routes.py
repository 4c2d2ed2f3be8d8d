"""The hot path: one symbol's frames, decoded and handed to the batcher and the local book.

`SymbolFeed` owns what must be remembered per symbol; its `routes` map each stream name to the method that takes its frames,
envelope included: one decoding pass does both. While sockets overlap in a rotation every frame comes twice: ids sort the repeats out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.messages import Trade
from core.venue import TIMEFRAME_MS
from providers.batch import MicroBatcher
from providers.binance_us.book_sync import LocalBook
from providers.binance_us.wire import (
    QuoteFrame,
    decode_depth_message,
    decode_kline_message,
    decode_quote_message,
    decode_trade_message,
)
from providers.freshness import Freshness, Track

Route = Callable[[bytes], None]

REPEAT_IDS = 10_000_000
"""An id lower than the last one by less than this is a repeat; lower by more, the venue counts anew."""

LATENCY_EVERY = 32


class SymbolFeed:
    """Streams of one symbol. `lost` is told when the book left its sequence."""

    __slots__ = (
        "_batcher",
        "_freshness",
        "_last_trade",
        "_last_update",
        "_lost",
        "book",
        "depth_track",
        "diffs",
        "group",
        "lower",
        "quote",
        "quote_track",
        "repeats",
        "routes",
        "symbol",
        "trade_track",
    )

    def __init__(
        self,
        symbol: str,
        timeframes: Sequence[str],
        group: str,
        batcher: MicroBatcher,
        freshness: Freshness,
        lost: Callable[[SymbolFeed, str], None],
        book: LocalBook | None = None,
    ) -> None:
        self.symbol = symbol
        self.lower = symbol.lower()
        self.group = group
        self.book = book or LocalBook(symbol)
        self.quote: QuoteFrame | None = None
        self.repeats = 0
        self.diffs = 0
        self._batcher = batcher
        self._freshness = freshness
        self._lost = lost
        self._last_trade = 0
        self._last_update = 0
        lower = self.lower
        self.trade_track = freshness.track(symbol, "trade", f"{lower}@trade", group)
        self.quote_track = freshness.track(symbol, "quote", f"{lower}@bookTicker", group)
        self.depth_track = freshness.track(symbol, "depth", f"{lower}@depth@100ms", group)
        self.routes: dict[str, Route] = {
            f"{lower}@trade": self.on_trade,
            f"{lower}@bookTicker": self.on_quote,
            f"{lower}@depth@100ms": self.on_depth,
        }
        for timeframe in timeframes:
            stream = f"{lower}@kline_{timeframe}"
            track = freshness.track(symbol, "kline", stream, group)
            self.routes[stream] = KlineRoute(symbol, timeframe, track, self.trade_track, batcher, freshness).on_kline

    def on_quote(self, frame: bytes) -> None:
        """`@bookTicker`."""
        quote = decode_quote_message(frame).data
        self.quote_track.at = self._freshness.stamp
        if 0 < self._last_update - quote.u < REPEAT_IDS:
            self.repeats += 1
            return
        self._last_update = quote.u
        if self._batcher.quote(self.symbol, quote.b, quote.B, quote.a, quote.A):
            self.quote = quote

    def on_trade(self, frame: bytes) -> None:
        """`@trade`."""
        trade = decode_trade_message(frame).data
        self.trade_track.at = self._freshness.stamp
        if 0 <= self._last_trade - trade.t < REPEAT_IDS and self._last_trade:
            self.repeats += 1
            return
        self._last_trade = trade.t
        side = "SELL" if trade.m else "BUY"
        self._batcher.trade(self.symbol, Trade(str(trade.t), trade.p, trade.q, side, trade.T))  # type: ignore[arg-type]

    def on_depth(self, frame: bytes) -> None:
        """`@depth@100ms`."""
        diff = decode_depth_message(frame).data
        self.depth_track.at = self._freshness.stamp
        self.diffs += 1
        self._batcher.messages += 1
        if not self.diffs % LATENCY_EVERY:
            self._batcher.saw_event(diff.E)
        if trouble := self.book.on_diff(diff):
            self._lost(self, trouble)

    def restart(self) -> None:
        """The socket was down: ids before it say nothing about what comes."""
        self._last_trade = 0
        self._last_update = 0
        self.quote = None


class KlineRoute:
    """One symbol's candles of one timeframe. A candle that counts more trades is evidence for the trade channel."""

    __slots__ = ("_bar", "_batcher", "_count", "_freshness", "_step", "_symbol", "_timeframe", "_track", "_trade_track")

    def __init__(
        self, symbol: str, timeframe: str, track: Track, trade_track: Track, batcher: MicroBatcher, freshness: Freshness
    ) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._step = TIMEFRAME_MS[timeframe]
        self._track = track
        self._trade_track = trade_track
        self._batcher = batcher
        self._freshness = freshness
        self._bar = 0
        self._count = 0

    def on_kline(self, frame: bytes) -> None:
        """`@kline_<interval>`."""
        update = decode_kline_message(frame).data
        k = update.k
        if k.t == self._bar and k.n > self._count and self._trade_track.at < self._track.at:
            self._freshness.expect(self._trade_track)
        self._bar, self._count = k.t, k.n
        self._track.at = self._freshness.stamp
        if k.t % self._step:
            self._batcher.rejects.count("kline time")
            return
        self._batcher.kline(self._symbol, self._timeframe, k.t, k.o, k.h, k.l, k.c, k.v, k.q, k.n, k.V, k.x, update.E)
