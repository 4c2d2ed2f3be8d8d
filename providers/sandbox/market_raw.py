"""Plays recorded raw streams as a sandbox market: recorded diffs, tickers and trades, on the clock of today.

Bars are built from the recorded trades, so there is no history before the recording. When looped, a diff that turns
the last book into the first one joins the rounds, and ids run on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from providers.sandbox.market_candles import split_symbol
from providers.sandbox.market_raw_load import RawDiff, RawQuote, RawRecording
from providers.sandbox.market_slots import Ints
from providers.sandbox.market_stream import FUNDING_MS, RECENT_TRADES
from providers.sandbox.model import (
    BAR_COLUMNS,
    BookSnapshot,
    SandboxDepth,
    SandboxEvent,
    SandboxListing,
    SandboxMark,
    SandboxQuote,
    SandboxTrade,
)
from providers.sandbox.paths import MINUTE_MS, aggregate

MARK_FUNDING = 1e-4
"""Recordings hold no funding; perpetuals show the usual rate."""

_at_ms = attrgetter("at_ms")


class RawTape:
    """The trades of one recording as an endless numbered sequence: trade k happens at `base_ms` + its place."""

    def __init__(self, recording: RawRecording, base_ms: int, length_ms: int, loop: bool) -> None:
        self._recording = recording
        self._base_ms = base_ms
        self._length_ms = length_ms
        self._loop = loop
        self._size = len(recording.trade_ms)

    def before(self, at_ms: int) -> int:
        """How many trades happen before `at_ms`."""
        cycle, rest = divmod(at_ms - self._base_ms, self._length_ms)
        if cycle < 0:
            return 0
        if not self._loop and cycle > 0:
            return self._size
        return cycle * self._size + int(np.searchsorted(self._recording.trade_ms, rest))

    def minutes(self, low_ms: int, high_ms: int, upto_ms: int) -> NDArray[np.int64]:
        """One-minute bars with low_ms <= open < high_ms (both whole minutes) from the trades before `upto_ms`."""
        first, last = self.before(low_ms), self.before(min(high_ms, upto_ms))
        number = np.arange(first, last)
        cycle, at = np.divmod(number, max(1, self._size))
        prices, lots = self._recording.trade_ticks[at], self._recording.trade_lots[at]
        bought = lots * self._recording.trade_buys[at]
        stamps = self._base_ms + cycle * self._length_ms + self._recording.trade_ms[at]
        minute = (stamps - low_ms) // MINUTE_MS
        count = (high_ms - low_ms) // MINUTE_MS
        rows = np.zeros((count, len(BAR_COLUMNS)), dtype=np.int64)
        rows[:, 0] = low_ms + np.arange(count) * MINUTE_MS
        rows[:, 7] = np.bincount(minute, minlength=count)
        rows[:, 10] = first + 1
        rows[1:, 10] += np.cumsum(rows[:-1, 7])
        traded = rows[:, 7] > 0
        starts = rows[traded, 10] - 1 - first
        if len(starts):
            ends = starts + rows[traded, 7] - 1
            rows[traded, 1], rows[traded, 4] = prices[starts], prices[ends]
            rows[traded, 2] = np.maximum.reduceat(prices, starts)
            rows[traded, 3] = np.minimum.reduceat(prices, starts)
            for column, values in ((5, lots), (6, prices * lots), (8, bought), (9, prices * bought)):
                rows[traded, column] = np.add.reduceat(values, starts)
        self._fill_flat(rows, traded, first)
        return rows

    def _fill_flat(self, rows: NDArray[np.int64], traded: NDArray[np.bool_], first: int) -> None:
        """Minutes without a trade stand at the previous close, or at the first price of all."""
        known: Ints = self._recording.trade_ticks
        price = int(known[(first - 1) % self._size if first else 0]) if self._size else 0
        seen = np.maximum.accumulate(np.where(traded, np.arange(len(rows)), -1))
        close = np.where(seen >= 0, rows[seen, 4], price)
        rows[~traded, 1:5] = close[~traded, None]


class _Player:
    """Streamed state of one recording."""

    def __init__(self, recording: RawRecording, base_ms: int, length_ms: int, loop: bool, perpetual: bool) -> None:
        self.recording = recording
        self.tape = RawTape(recording, base_ms, length_ms, loop)
        self.streamed_ms = base_ms - 1
        self.recent: deque[SandboxTrade] = deque(maxlen=RECENT_TRADES)
        self.mark: SandboxMark | None = None
        self._perpetual = perpetual
        self._loop = loop
        self._length_ms = length_ms
        self._cycle_ms = base_ms
        self._trades_before = 0
        self._index = 0
        self._id_shift = 0
        self._last_id = recording.first_id
        self._bids = dict(recording.bids)
        self._asks = dict(recording.asks)

    def advance(self, until_ms: int, out: list[SandboxEvent]) -> None:
        """Append every event up to and including `until_ms`."""
        events = self.recording.events
        while until_ms > self.streamed_ms and events:
            if self._index == len(events):
                begin_ms = self._cycle_ms + self._length_ms + events[0].at_ms
                if not self._loop or begin_ms > until_ms:
                    break
                out.append(self._rejoin(begin_ms))
            at_ms = self._cycle_ms + events[self._index].at_ms
            if at_ms > until_ms:
                break
            self._play(at_ms, out)
            self._index += 1
        self.streamed_ms = max(self.streamed_ms, until_ms)

    def _play(self, at_ms: int, out: list[SandboxEvent]) -> None:
        event = self.recording.events[self._index]
        symbol = self.recording.symbol
        if isinstance(event, RawDiff):
            first_id, self._last_id = self._last_id + 1, event.last_id + self._id_shift
            self._apply(event.bids, event.asks)
            out.append(SandboxDepth(symbol, first_id, self._last_id, event.bids, event.asks, at_ms))
        elif isinstance(event, RawQuote):
            out.append(
                SandboxQuote(
                    symbol,
                    event.update_id + self._id_shift,
                    event.bid_ticks,
                    event.bid_lots,
                    event.ask_ticks,
                    event.ask_lots,
                    at_ms,
                )
            )
        else:
            number = self._trades_before + event.number + 1
            trade = SandboxTrade(symbol, number, event.price_ticks, event.size_lots, event.buyer_taker, at_ms)
            self.recent.append(trade)
            out.append(trade)
            if self._perpetual and (self.mark is None or at_ms - self.mark.at_ms >= 1000):
                self.mark = self._marked(event.price_ticks, at_ms)
                out.append(self.mark)

    def _marked(self, price_ticks: int, at_ms: int) -> SandboxMark:
        return SandboxMark(
            symbol=self.recording.symbol,
            mark_ticks=float(price_ticks),
            index_ticks=float(price_ticks),
            funding_rate=MARK_FUNDING,
            next_funding_ms=(at_ms // FUNDING_MS + 1) * FUNDING_MS,
            open_interest_lots=int(self.recording.trade_lots.sum()),
            at_ms=at_ms,
        )

    def _apply(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> None:
        for side, changes in ((self._bids, bids), (self._asks, asks)):
            for price, size in changes:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    def _rejoin(self, at_ms: int) -> SandboxDepth:
        """The diff from the last book of a round to the first of the next, and the next round's numbering."""
        first = self.recording
        changed = []
        for now, then in ((self._bids, first.bids), (self._asks, first.asks)):
            gone = {price: 0 for price in now if price not in then}
            changed.append(tuple((gone | {p: q for p, q in then.items() if now.get(p) != q}).items()))
        bids, asks = changed
        first_id = self._last_id + 1
        self._last_id += max(1, len(bids) + len(asks))
        self._apply(bids, asks)
        self._id_shift = self._last_id - first.first_id
        self._cycle_ms += self._length_ms
        self._trades_before += len(first.trade_ms)
        self._index = 0
        return SandboxDepth(first.symbol, first_id, self._last_id, bids, asks, at_ms)

    def book(self) -> BookSnapshot:
        """The whole book as played so far."""
        return BookSnapshot(
            self.recording.symbol,
            self._last_id,
            tuple(sorted(self._bids.items(), reverse=True)),
            tuple(sorted(self._asks.items())),
            self.streamed_ms,
        )


class RawMarket:
    """A `SandboxMarket` of raw recordings. They begin in the clock's present minute, at their recorded second."""

    def __init__(self, recordings: list[RawRecording], clock: Clock, *, loop: bool, perpetual: bool) -> None:
        self._clock = clock
        self._perpetual = perpetual
        now_ms = clock.now_ms()
        first_ms = min(recording.events[0].at_ms for recording in recordings)
        last_ms = max(recording.events[-1].at_ms for recording in recordings)
        base_ms = now_ms - now_ms % MINUTE_MS
        if base_ms + first_ms > now_ms:
            base_ms -= MINUTE_MS
        self._base_ms = base_ms
        length_ms = (last_ms // MINUTE_MS + 1) * MINUTE_MS
        self._players = {
            recording.symbol: _Player(recording, base_ms, length_ms, loop, perpetual) for recording in recordings
        }
        self._streamed_ms = -1

    def listings(self) -> list[SandboxListing]:
        """The recorded symbols."""
        listings = []
        for symbol, player in self._players.items():
            base, quote = split_symbol(symbol.removesuffix("PERP"))
            recording = player.recording
            listings.append(
                SandboxListing(
                    symbol=symbol,
                    base=base,
                    quote=quote,
                    tick_size=recording.tick_size,
                    lot_size=recording.lot_size,
                    min_notional=Decimal(5),
                    max_qty=recording.lot_size * 1_000_000_000,
                    listed_ms=self._base_ms,
                    perpetual=self._perpetual,
                )
            )
        return listings

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """See `SandboxMarket.bars`; nothing is older than the start of the recording."""
        if interval_ms <= 0 or interval_ms % MINUTE_MS:
            raise ValueError(f"interval {interval_ms} ms is not a whole number of minutes")
        player = self._player(symbol)
        minute_ms = self._present_ms() // MINUTE_MS * MINUTE_MS
        low = max(-(-start_ms // interval_ms) * interval_ms, self._base_ms)
        high = min(-(-end_ms // interval_ms) * interval_ms, minute_ms + MINUTE_MS)
        if low >= high:
            return np.empty((0, len(BAR_COLUMNS)), dtype=np.int64)
        rows = player.tape.minutes(low, high, max(minute_ms, player.streamed_ms + 1))
        return rows if interval_ms == MINUTE_MS else aggregate(rows, interval_ms)

    def recent_trades(self, symbol: str, limit: int) -> list[SandboxTrade]:
        """The newest trades already played, oldest first."""
        self._present_ms()
        return list(self._player(symbol).recent)[-limit:]

    def book(self, symbol: str) -> BookSnapshot:
        """The recorded book as played so far."""
        self._present_ms()
        return self._player(symbol).book()

    def mark(self, symbol: str) -> SandboxMark | None:
        """The last trade as mark of a perpetual, None in a spot market."""
        self._present_ms()
        return self._player(symbol).mark

    def events(self, until_ms: int) -> Iterator[SandboxEvent]:
        """See `SandboxMarket.events`. The first call of all plays up to `until_ms` silently."""
        starting = self._streamed_ms < 0
        out: list[SandboxEvent] = []
        for player in self._players.values():
            player.advance(until_ms, out)
        self._streamed_ms = max(self._streamed_ms, until_ms)
        if starting:
            return iter(())
        out.sort(key=_at_ms)
        return iter(out)

    def _present_ms(self) -> int:
        now_ms = self._clock.now_ms()
        if self._streamed_ms < 0:
            self.events(now_ms)
        return max(now_ms, self._streamed_ms)

    def _player(self, symbol: str) -> _Player:
        try:
            return self._players[symbol]
        except KeyError:
            raise KeyError(f"the recorded market has no symbol {symbol!r}; see listings()") from None
