"""REST polling for what the sockets do not deliver: symbols whose link is down, and channels found stale.

The screen keeps moving and the newest bars keep coming; the answers are published as ordinary quotes and candles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.clock import Clock
from core.venue import TIMEFRAME_MS, CandleBlock, VenueError
from providers.batch import MicroBatcher
from providers.binance_us.candles import parse_candles
from providers.binance_us.routes import SymbolFeed
from providers.binance_us.wire import WIRE_ERRORS, decode_book_tickers
from providers.freshness import Freshness
from providers.rest import Params, Rest

PAIRS_PER_ROUND = 30
"""Candle requests of one round (weight 2 each): a dead socket must not use up the budget of the history."""

CLOSE_GRACE_MS = 1000
"""A bar that ended this long before it was asked for, on the venue's clock, is final in its REST form."""

TICKERS_WEIGHT = 4
KLINES_WEIGHT = 2


class Poller:
    """Polls every `poll_s` while something is missing; silent otherwise."""

    def __init__(
        self,
        feeds: dict[str, SymbolFeed],
        down: set[str],
        rest: Rest,
        batcher: MicroBatcher,
        freshness: Freshness,
        clock: Clock,
        poll_s: float,
        venue_now_ms: Callable[[], int],
    ) -> None:
        self._feeds = feeds
        self._down = down
        self._rest = rest
        self._batcher = batcher
        self._freshness = freshness
        self._clock = clock
        self._poll_s = poll_s
        self._venue_now_ms = venue_now_ms
        self._polled: dict[tuple[str, str], float] = {}
        self.timeframes: Sequence[str] = ()
        self.rounds = 0
        self.failures = 0
        self.rejected = 0

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await self._clock.sleep(self._poll_s)
            quotes = self._missing("quote")
            candles = self._missing("kline")
            if not quotes and not candles:
                self._polled.clear()
                continue
            self.rounds += 1
            try:
                if quotes:
                    await self._poll_quotes(set(quotes))
                if candles:
                    await self._poll_candles(candles)
            except VenueError:
                self.failures += 1  # the link or the ban says on screen what is wrong; the next round tries again

    def _missing(self, channel: str) -> list[str]:
        stale = self._freshness.is_stale
        return [
            symbol
            for symbol, feed in self._feeds.items()
            if feed.group in self._down or stale(symbol, "quote" if channel == "quote" else "kline")
        ]

    async def _poll_quotes(self, symbols: set[str]) -> None:
        body = await self._rest.get("/api/v3/ticker/bookTicker", weight=TICKERS_WEIGHT)
        try:
            rows = decode_book_tickers(body)
        except WIRE_ERRORS:
            self.rejected += 1
            return
        for row in rows:
            if row.symbol in symbols:
                self._batcher.quote(row.symbol, row.bidPrice, row.bidQty, row.askPrice, row.askQty)

    async def _poll_candles(self, symbols: list[str]) -> None:
        """The most overdue pairs first; a pair is due a dozen times per bar, and not sooner than `poll_s`."""
        now = self._clock.monotonic()
        overdue: list[tuple[float, str, str]] = []
        for symbol in symbols:
            for timeframe in self.timeframes:
                interval_s = max(self._poll_s, TIMEFRAME_MS[timeframe] / 12_000)
                late = now - self._polled.get((symbol, timeframe), 0.0) - interval_s
                if late >= 0:
                    overdue.append((late / interval_s, symbol, timeframe))
        overdue.sort(reverse=True)
        for _, symbol, timeframe in overdue[:PAIRS_PER_ROUND]:
            self._polled[symbol, timeframe] = now
            params: Params = {"symbol": symbol, "interval": timeframe, "limit": 2}
            asked_ms = self._venue_now_ms()  # a bar that ends while the answer is under way comes half-built
            block, rejected = parse_candles(await self._rest.get("/api/v3/klines", params, weight=KLINES_WEIGHT))
            self.rejected += rejected
            self._publish(symbol, timeframe, block, asked_ms)

    def _publish(self, symbol: str, timeframe: str, block: CandleBlock, asked_ms: int) -> None:
        step = TIMEFRAME_MS[timeframe]
        for row in block.tolist():
            open_ms, open_, high, low, close, volume, quote_volume, trades, taker = row
            closed = open_ms + step + CLOSE_GRACE_MS <= asked_ms
            self._batcher.kline(
                symbol,
                timeframe,
                int(open_ms),
                open_,
                high,
                low,
                close,
                volume,
                quote_volume,
                int(trades),
                taker,
                closed,
                asked_ms,
            )
