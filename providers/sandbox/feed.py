"""One category's market as the venue's servers see it: with number forms, 24 h statistics and scripted corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from providers.sandbox.calendar_bars import CALENDAR_MS, calendar_bars, calendar_start_ms
from providers.sandbox.digits import Units
from providers.sandbox.gaps import PriceGaps, moved_mark
from providers.sandbox.market_faults import MINUTE_MS
from providers.sandbox.model import (
    BookSnapshot,
    SandboxEvent,
    SandboxListing,
    SandboxMark,
    SandboxMarket,
    SandboxQuote,
    SandboxTrade,
)

if TYPE_CHECKING:  # the plan's faults of the order path reach into feeds
    from providers.sandbox.faults import FaultPlan

DAY_MS = 86_400_000
DAY_STATS_AGE_MS = 1_000


class DayStats:
    """Rolling 24 h of one symbol in ticks and lots, from its one-minute bars."""

    __slots__ = (
        "close_ms",
        "first_id",
        "high",
        "hour_open",
        "last",
        "last_id",
        "low",
        "open",
        "open_ms",
        "quote",
        "trades",
        "volume",
    )

    def __init__(self, rows: NDArray[np.int64], now_ms: int) -> None:
        self.open_ms = now_ms - DAY_MS
        self.close_ms = now_ms
        self.open = int(rows[0, 1])
        self.hour_open = int(rows[-min(60, len(rows)), 1])
        self.high = int(rows[:, 2].max())
        self.low = int(rows[:, 3].min())
        self.last = int(rows[-1, 4])
        self.volume = int(rows[:, 5].sum())
        self.quote = int(rows[:, 6].sum())
        self.trades = int(rows[:, 7].sum())
        traded = rows[rows[:, 7] > 0]
        self.first_id = int(traded[0, 10]) if len(traded) else -1
        self.last_id = int(traded[-1, 10] + traded[-1, 7] - 1) if len(traded) else -1


class Feed:
    """A market, its listings and its newest events; every reader of the exchange goes through here."""

    def __init__(self, category: str, market: SandboxMarket, clock: Clock, faults: FaultPlan, places: int) -> None:
        self.category = category
        self.market = market
        self.clock = clock
        self.faults = faults
        self.gaps = PriceGaps(market)
        self.listings: dict[str, SandboxListing] = {item.symbol: item for item in market.listings()}
        self.units = {symbol: Units(item, places) for symbol, item in self.listings.items()}
        self.last_trade: dict[str, SandboxTrade] = {}
        self.quotes: dict[str, SandboxQuote] = {}
        self.marks: dict[str, SandboxMark] = {}
        self.trade_counts: dict[str, int] = dict.fromkeys(self.listings, 0)
        self._days: dict[str, tuple[int, DayStats | None]] = {}

    def now_ms(self) -> int:
        """The time the venue claims: its clock and the scripted skew."""
        return self.clock.now_ms() + self.faults.clock_skew_ms

    def pull(self, until_ms: int) -> list[SandboxEvent]:
        """Move the market on and remember the newest of each kind."""
        events = list(self.market.events(until_ms))
        if self.faults.market.touches_events:
            events = list(self.faults.market.alter(events))
        if self.gaps:
            events = list(self.gaps.alter(events))
        for event in events:
            kind = type(event)
            if kind is SandboxQuote:
                self.quotes[event.symbol] = event  # type: ignore[assignment]
            elif kind is SandboxTrade:
                self.last_trade[event.symbol] = event  # type: ignore[assignment]
                self.trade_counts[event.symbol] += 1
            elif kind is SandboxMark:
                self.marks[event.symbol] = event  # type: ignore[assignment]
        return events

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """Bars with start_ms <= open_ms < end_ms, corrections included; `CALENDAR_MS` values mean weeks and months."""
        listed = self.listings[symbol].listed_ms
        if interval_ms in CALENDAR_MS:
            days = self.bars(symbol, DAY_MS, max(calendar_start_ms(interval_ms, start_ms), 0), end_ms)
            rows = calendar_bars(days, interval_ms)
            return rows[(rows[:, 0] >= start_ms) & (rows[:, 0] < end_ms)]
        start_ms = max(start_ms, listed // interval_ms * interval_ms)
        rows = self.market.bars(symbol, interval_ms, start_ms, end_ms)
        if symbol in self.faults.market.revisions:
            rows = self.faults.market.corrected(symbol, rows, interval_ms)
        return rows

    def day(self, symbol: str) -> DayStats | None:
        """24 h statistics, at most a second old; None for a listing without any bar in a week.

        A halted symbol keeps its last price and shows no volume, as real venues do.
        """
        now_ms = self.clock.now_ms()
        at_ms, stats = self._days.get(symbol, (-DAY_STATS_AGE_MS, None))
        if now_ms - at_ms >= DAY_STATS_AGE_MS:
            rows = self.bars(symbol, MINUTE_MS, now_ms - DAY_MS, now_ms + 1)
            if not len(rows):
                rows = self.bars(symbol, MINUTE_MS, now_ms - 7 * DAY_MS, now_ms - DAY_MS)[-1:].copy()
                rows[:, 1:4] = rows[:, 4:5]
                rows[:, 5:10] = 0
            stats = DayStats(rows, now_ms) if len(rows) else None
            self._days[symbol] = (now_ms, stats)
        return stats

    def quote(self, symbol: str) -> SandboxQuote:
        """Best bid and ask as last published; from the book before the first quote event. Empty sides are 0."""
        known = self.quotes.get(symbol)
        if known is not None:
            return known
        book = self.book(symbol)
        bid = book.bids[0] if book.bids else (0, 0)
        ask = book.asks[0] if book.asks else (0, 0)
        return SandboxQuote(symbol, book.last_id, bid[0], bid[1], ask[0], ask[1], book.at_ms)

    def book(self, symbol: str) -> BookSnapshot:
        """The book as streamed so far, a price gap included."""
        return self.gaps.book(symbol)

    def moved(self, symbol: str) -> None:
        """A price gap has begun or ended: the quote and the mark published before no longer hold."""
        self.quotes.pop(symbol, None)
        self.marks.pop(symbol, None)

    def mark(self, symbol: str) -> SandboxMark | None:
        """The newest mark of a perpetual."""
        known = self.marks.get(symbol)
        if known is None:
            mark = self.market.mark(symbol)
            known = None if mark is None else moved_mark(mark, self.gaps.ticks(symbol))
        return known

    def recent_trade(self, symbol: str) -> SandboxTrade | None:
        """The newest trade already streamed."""
        if symbol not in self.last_trade:
            trades = self.market.recent_trades(symbol, 1)
            return trades[-1] if trades else None
        return self.last_trade[symbol]
