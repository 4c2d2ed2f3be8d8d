"""Micro-batching: what streams deliver many times a second is put on the bus a few times a second, per symbol.

The last stop before the bus, so the data-quality rules live here for both venues: whatever is not sane is counted under
its reason and dropped. Quotes and forming candles are coalesced (newest wins, counted), trades are collected, closed
candles go out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.market.quality import JumpGuard, RejectCounter, sane_candle, sane_quote, sane_time, sane_trade
from core.messages import Kline, MarkPrice, ProviderStats, Quote, Trade, TradeBatch
from core.settings import Feed

SLICE = 50
"""Symbols published before the loop gets a turn."""

MAX_TRADES = 2000
"""Trades of one symbol kept for one batch; older ones are dropped and counted."""

BELIEVE_AFTER = 20
"""Observations in a row that must agree before a price far from the last one is believed: several seconds of a live market."""

STATS_S = 1.0
LATENCY_WEIGHT = 0.05

QuoteFields = tuple[float, float, float, float, int]
KlineFields = tuple[int, float, float, float, float, float, float, int, float, int]
Waiting = tuple[Callable[[Any], None], Any]


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """Totals that others count: links, books and REST."""

    frames: int = 0
    bytes: int = 0
    rejected: int = 0
    dropped: int = 0
    reconnects: int = 0
    resyncs: int = 0
    sequence_gaps: int = 0
    rest_requests: int = 0
    rest_errors: int = 0
    rest_used: int = 0
    rest_limit: int = 0


class MicroBatcher:
    """Collects per symbol and publishes in `run`; all other methods are the hot path and never raise on bad data.

    `gauges` is asked once a second for the totals of others. `offset_ms` is venue time minus local time.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        venue: str,
        category: str,
        feed: Feed,
        gauges: Callable[[], Gauges] = Gauges,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._venue = venue
        self._category = category
        self._feed = feed
        self._gauges = gauges
        self._now_ms = clock.now_ms
        self._quotes: dict[str, QuoteFields] = {}
        self._trades: dict[str, list[Trade]] = {}
        self._klines: dict[tuple[str, str], KlineFields] = {}
        self._marks: dict[str, MarkPrice] = {}
        self.before_flush: list[Callable[[], None]] = []
        self.guard = JumpGuard(persist=BELIEVE_AFTER)
        self.quote_guard = JumpGuard(persist=BELIEVE_AFTER)
        self.rejects = RejectCounter()
        self.offset_ms = 0.0
        self.latency_ms = 0.0
        self.messages = 0
        self.published = 0
        self.coalesced = 0
        self.dropped = 0

    # --- hot path ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str, bid: float, bid_size: float, ask: float, ask_size: float, event_ms: int = 0) -> bool:
        """Best bid and ask; `event_ms` 0: the venue sends no time. False: not sane, dropped."""
        self.messages += 1
        if not sane_quote(bid, bid_size, ask, ask_size):
            self.rejects.count("quote")
            return False
        quotes = self._quotes
        if symbol in quotes:
            self.coalesced += 1
        quotes[symbol] = (bid, bid_size, ask, ask_size, event_ms)
        return True

    def trade(self, symbol: str, trade: Trade) -> bool:
        """One trade. False: not sane, dropped."""
        self.messages += 1
        if not sane_trade(trade.price, trade.size):
            self.rejects.count("trade")
            return False
        if not self.saw_event(trade.event_ms):
            self.rejects.count("trade time")
            return False
        if not self.guard.accept(symbol, trade.price):
            self.rejects.count("trade price jump")
            return False
        waiting = self._trades.get(symbol)
        if waiting is None:
            self._trades[symbol] = [trade]
        elif len(waiting) < MAX_TRADES:
            waiting.append(trade)
        else:
            self.dropped += 1
        return True

    def kline(
        self,
        symbol: str,
        timeframe: str,
        open_ms: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        quote_volume: float,
        trades: int,
        taker_buy_volume: float,
        closed: bool,
        event_ms: int,
    ) -> bool:
        """One candle update; a closed one is published at once. False: not sane, dropped."""
        self.messages += 1
        if not sane_candle(open_, high, low, close, volume, quote_volume):
            self.rejects.count("kline")
            return False
        if not self.saw_event(event_ms) or not sane_time(open_ms, event_ms):
            self.rejects.count("kline time")
            return False
        if not self.guard.accept(symbol, close):
            self.rejects.count("kline price jump")
            return False
        key = (symbol, timeframe)
        waiting = self._klines.get(key)
        if waiting is not None:
            if waiting[0] == open_ms:
                self.coalesced += 1
            elif waiting[0] < open_ms:
                # The bar before got no closing frame yet: its last form still has to go out.
                del self._klines[key]
                self._publish_kline(key, waiting, closed=False)
            elif not closed:
                self.dropped += 1  # an update of an older bar, late
                return False
        fields = (open_ms, open_, high, low, close, volume, quote_volume, trades, taker_buy_volume, event_ms)
        if closed:
            if waiting is not None and waiting[0] == open_ms:
                del self._klines[key]
            self._publish_kline(key, fields, closed=True)
        else:
            self._klines[key] = fields
        return True

    def mark(
        self,
        symbol: str,
        *,
        mark: float,
        index: float,
        funding_rate: float,
        next_funding_ms: int,
        open_interest: float,
        event_ms: int,
    ) -> bool:
        """The whole present state of a perpetual's mark (the caller merges deltas). False: not sane, dropped."""
        self.messages += 1
        if not (sane_trade(mark, 1.0) and sane_trade(index, 1.0) and -1.0 < funding_rate < 1.0):
            self.rejects.count("mark")
            return False
        if not 0.0 <= open_interest < 1e18 or not self.saw_event(event_ms):
            self.rejects.count("mark")
            return False
        if symbol in self._marks:
            self.coalesced += 1
        self._marks[symbol] = MarkPrice(
            venue=self._venue,
            category=self._category,
            symbol=symbol,
            mark=mark,
            index=index,
            funding_rate=funding_rate,
            next_funding_ms=next_funding_ms,
            open_interest=open_interest,
            event_ms=event_ms,
        )
        return True

    def saw_event(self, event_ms: int) -> bool:
        """Feed the latency average with a venue time; false when that time is absurd."""
        now_ms = self._now_ms() + self.offset_ms
        if not sane_time(event_ms, int(now_ms)):
            return False
        self.latency_ms += LATENCY_WEIGHT * (now_ms - event_ms - self.latency_ms)
        return True

    # --- publishing --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Publish batches and statistics until cancelled."""
        clock, feed = self._clock, self._feed
        kline_due = stats_due = clock.monotonic()
        while True:
            await clock.sleep(feed.batch_s)
            for call in self.before_flush:
                call()
            waiting = [*self._take_trades(), *self._take_quotes()]
            now = clock.monotonic()
            if now >= kline_due:
                kline_due = now + feed.kline_batch_s
                waiting += self._take_klines()
            for start in range(0, len(waiting), SLICE):
                for publish, key in waiting[start : start + SLICE]:
                    publish(key)
                await asyncio.sleep(0)
            if now >= stats_due:
                stats_due = now + STATS_S
                self.publish_stats()

    def flush(self) -> None:
        """Publish everything that waits, now."""
        for call in self.before_flush:
            call()
        for publish, key in [*self._take_trades(), *self._take_quotes(), *self._take_klines()]:
            publish(key)

    def forget(self, symbol: str) -> None:
        """The symbol is no longer subscribed: drop what waits for it."""
        self._quotes.pop(symbol, None)
        self._trades.pop(symbol, None)
        self._marks.pop(symbol, None)
        for key in [key for key in self._klines if key[0] == symbol]:
            del self._klines[key]
        self.guard.forget(symbol)
        self.quote_guard.forget(symbol)

    def publish_stats(self) -> None:
        """`ProviderStats` with our counters and the gauges of others."""
        gauges = self._gauges()
        self._bus.publish(
            ProviderStats(
                venue=self._venue,
                category=self._category,
                frames=gauges.frames,
                messages=self.messages,
                coalesced=self.coalesced,
                rejected=gauges.rejected + self.rejects.total,
                dropped=gauges.dropped + self.dropped,
                bytes=gauges.bytes,
                reconnects=gauges.reconnects,
                resyncs=gauges.resyncs,
                sequence_gaps=gauges.sequence_gaps,
                rest_requests=gauges.rest_requests,
                rest_errors=gauges.rest_errors,
                rest_used=gauges.rest_used,
                rest_limit=gauges.rest_limit,
                latency_ms=round(self.latency_ms, 1),
                at_ms=self._now_ms(),
            )
        )

    def _take_trades(self) -> list[Waiting]:
        return [(self._publish_trades, symbol) for symbol in self._trades]

    def _take_quotes(self) -> list[Waiting]:
        waiting: list[Waiting] = [(self._publish_quote, symbol) for symbol in self._quotes]
        waiting += [(self._publish_mark, symbol) for symbol in self._marks]
        return waiting

    def _take_klines(self) -> list[Waiting]:
        return [(self._publish_forming, key) for key in self._klines]

    def _publish_quote(self, symbol: str) -> None:
        waiting = self._quotes.pop(symbol, None)
        if waiting is None:
            return
        bid, bid_size, ask, ask_size, event_ms = waiting
        if not self.quote_guard.accept(symbol, (bid + ask) / 2):
            self.rejects.count("quote price jump")
            return
        now_ms = self._now_ms()
        self.published += 1
        self._bus.publish(
            Quote(
                venue=self._venue,
                category=self._category,
                symbol=symbol,
                bid=bid,
                bid_size=bid_size,
                ask=ask,
                ask_size=ask_size,
                event_ms=event_ms or now_ms,
                received_ms=now_ms,
            )
        )

    def _publish_trades(self, symbol: str) -> None:
        trades = self._trades.pop(symbol, None)
        if trades is None:
            return
        self.published += 1
        self._bus.publish(
            TradeBatch(
                venue=self._venue,
                category=self._category,
                symbol=symbol,
                trades=tuple(trades),
                received_ms=self._now_ms(),
            )
        )

    def _publish_mark(self, symbol: str) -> None:
        mark = self._marks.pop(symbol, None)
        if mark is not None:
            self.published += 1
            self._bus.publish(mark)

    def _publish_forming(self, key: tuple[str, str]) -> None:
        waiting = self._klines.pop(key, None)
        if waiting is not None:
            self._publish_kline(key, waiting, closed=False)

    def _publish_kline(self, key: tuple[str, str], fields: KlineFields, *, closed: bool) -> None:
        if closed:
            self._publish_trades(key[0])  # the trades that made the candle come before its close
        open_ms, open_, high, low, close, volume, quote_volume, trades, taker_buy_volume, event_ms = fields
        self.published += 1
        self._bus.publish(
            Kline(
                venue=self._venue,
                category=self._category,
                symbol=key[0],
                timeframe=key[1],
                open_ms=open_ms,
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=volume,
                quote_volume=quote_volume,
                trades=trades,
                taker_buy_volume=taker_buy_volume,
                closed=closed,
                event_ms=event_ms,
                received_ms=self._now_ms(),
            )
        )
