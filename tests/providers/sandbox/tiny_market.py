"""A small deterministic market for the server tests: few symbols, exact books, bars that equal the streamed trades."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from providers.sandbox.model import (
    BookSnapshot,
    SandboxDepth,
    SandboxEvent,
    SandboxListing,
    SandboxMark,
    SandboxQuote,
    SandboxTrade,
)

MINUTE_MS = 60_000
HISTORY_MINUTES = 4_200
STEP_MS = 100


class TinySymbol:
    """One instrument: a random walk of the middle price, a book of 30 levels a side, trades at the best prices."""

    def __init__(self, listing: SandboxListing, seed: int, start_ms: int, middle: int) -> None:
        self.listing = listing
        self.random = random.Random(f"{seed}/{listing.symbol}")
        self.middle = middle
        self.update_id = 1000
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.trades: deque[SandboxTrade] = deque(maxlen=2_000)
        self.trade_id = 0
        self.next_ms = start_ms
        self.bars = self._history(listing.listed_ms, start_ms // MINUTE_MS * MINUTE_MS)
        self._refill()

    def _history(self, first_ms: int, end_ms: int) -> dict[int, list[int]]:
        rng = random.Random(f"history/{self.listing.symbol}")
        bars: dict[int, list[int]] = {}
        price = self.middle
        for at in range(end_ms - MINUTE_MS, first_ms - MINUTE_MS, -MINUTE_MS):
            close, price = price, price + rng.randint(-3, 3)
            volume, trades = rng.randint(10, 500), rng.randint(1, 20)
            bought = rng.randint(0, volume)
            bars[at] = [at, price, max(price, close) + 2, min(price, close) - 2, close]
            bars[at] += [volume, volume * close, trades, bought, bought * close, 0]
        for at in sorted(bars):
            bars[at][10] = self.trade_id + 1
            self.trade_id += bars[at][7]
        return bars

    def _refill(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        wanted_bids = {self.middle - 1 - i: self.random.randint(1, 500) for i in range(30)}
        wanted_asks = {self.middle + 1 + i: self.random.randint(1, 500) for i in range(30)}
        changes = []
        for side, wanted in ((self.bids, wanted_bids), (self.asks, wanted_asks)):
            gone = [(ticks, 0) for ticks in side if ticks not in wanted]
            new = [(ticks, lots) for ticks, lots in wanted.items() if ticks not in side]
            touched = [(ticks, wanted[ticks]) for ticks in self.random.sample(sorted(wanted), 4) if ticks in side]
            for ticks, lots in gone + new + touched:
                if lots:
                    side[ticks] = lots
                else:
                    del side[ticks]
            changes.append(gone + new + touched)
        return changes[0], changes[1]

    def step(self, at_ms: int) -> Iterator[SandboxEvent]:
        symbol = self.listing.symbol
        self.middle = max(100, self.middle + self.random.randint(-1, 1))
        bids, asks = self._refill()
        first, self.update_id = self.update_id + 1, self.update_id + len(bids) + len(asks)
        yield SandboxDepth(symbol, first, self.update_id, tuple(bids), tuple(asks), at_ms)
        bid, ask = self.middle - 1, self.middle + 1
        yield SandboxQuote(symbol, self.update_id, bid, self.bids[bid], ask, self.asks[ask], at_ms)
        if self.random.random() < 0.5:
            buyer = self.random.random() < 0.5
            self.trade_id += 1
            price, lots = ask if buyer else bid, self.random.randint(1, 50)
            trade = SandboxTrade(symbol, self.trade_id, price, lots, buyer, at_ms)
            self.trades.append(trade)
            self._count(trade)
            yield trade
        if self.listing.perpetual and at_ms % 1000 == 0:
            yield self.mark(at_ms)

    def mark(self, at_ms: int) -> SandboxMark:
        due = (at_ms // 28_800_000 + 1) * 28_800_000
        return SandboxMark(self.listing.symbol, self.middle + 0.25, self.middle - 0.5, 0.0001, due, 123_456, at_ms)

    def _count(self, trade: SandboxTrade) -> None:
        at = trade.at_ms // MINUTE_MS * MINUTE_MS
        bar = self.bars.get(at)
        price, lots = trade.price_ticks, trade.size_lots
        if bar is None or bar[7] == 0:
            bar = self.bars[at] = [at, price, price, price, price, 0, 0, 0, 0, 0, trade.trade_id]
        bar[2], bar[3], bar[4] = max(bar[2], price), min(bar[3], price), price
        bar[5] += lots
        bar[6] += lots * price
        bar[7] += 1
        if trade.buyer_taker:
            bar[8] += lots
            bar[9] += lots * price


class TinyMarket:
    """`SandboxMarket` with a handful of symbols; `quiet` symbols never trade live, nobody after `end_ms`."""

    def __init__(
        self,
        start_ms: int,
        *,
        symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
        quiet: tuple[str, ...] = (),
        perpetual: bool = False,
        seed: int = 7,
        statuses: dict[str, str] | None = None,
        end_ms: int = 2**62,
        history_minutes: int = HISTORY_MINUTES,
    ) -> None:
        self._now_ms = start_ms
        self._quiet = frozenset(quiet)
        self._end_ms = end_ms
        self._all: dict[str, TinySymbol] = {}
        first_ms = start_ms // MINUTE_MS * MINUTE_MS - history_minutes * MINUTE_MS
        for index, symbol in enumerate(symbols):
            listing = SandboxListing(
                symbol=symbol,
                base=symbol.removesuffix("USDT"),
                quote="USDT",
                tick_size=Decimal("0.01") if index % 2 == 0 else Decimal("0.05"),
                lot_size=Decimal("0.001"),
                min_notional=Decimal(5),
                max_qty=Decimal(9000),
                status=(statuses or {}).get(symbol, "trading"),
                perpetual=perpetual,
                listed_ms=first_ms,
            )
            self._all[symbol] = TinySymbol(listing, seed, start_ms, 100_000 - 7_000 * index)

    def listings(self) -> list[SandboxListing]:
        return [item.listing for item in self._all.values()]

    def pause(self) -> None:
        """Nothing happens any more after what `events` has told: the books stand still at their `last_id`."""
        self._end_ms = min(self._end_ms, self._now_ms)

    def events(self, until_ms: int) -> Iterator[SandboxEvent]:
        self._now_ms = max(self._now_ms, until_ms)
        live = [item for item in self._all.values() if item.listing.symbol not in self._quiet]
        while live and live[0].next_ms <= min(until_ms, self._end_ms):
            for item in live:
                at_ms = item.next_ms
                item.next_ms += STEP_MS
                yield from item.step(at_ms)

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        minutes = self._all[symbol].bars
        first = min(minutes)
        start_ms = max(-(-start_ms // interval_ms) * interval_ms, first // interval_ms * interval_ms)
        rows = []
        for at in range(start_ms, min(end_ms, self._now_ms + 1), interval_ms):
            row = self._bar(minutes, at, interval_ms)
            if row is not None:
                rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(-1, 11)

    def _bar(self, minutes: dict[int, list[int]], at: int, interval_ms: int) -> list[int] | None:
        parts = [self._minute(minutes, m) for m in range(at, min(at + interval_ms, self._now_ms + 1), MINUTE_MS)]
        kept = [part for part in parts if part is not None]
        if not kept:
            return None
        row = [at, kept[0][1], max(p[2] for p in kept), min(p[3] for p in kept), kept[-1][4]]
        row += [sum(p[column] for p in kept) for column in range(5, 10)]
        return [*row, next((p[10] for p in kept if p[7]), 0)]

    def _minute(self, minutes: dict[int, list[int]], at: int) -> list[int] | None:
        if at not in minutes:
            before = minutes.get(at - MINUTE_MS) or (
                self._minute(minutes, at - MINUTE_MS) if at > min(minutes) else None
            )
            if before is None:
                return None
            minutes[at] = [at, *[before[4]] * 4, 0, 0, 0, 0, 0, 0]
        return minutes[at]

    def recent_trades(self, symbol: str, limit: int) -> list[SandboxTrade]:
        return list(self._all[symbol].trades)[-limit:]

    def book(self, symbol: str) -> BookSnapshot:
        item = self._all[symbol]
        bids = tuple(sorted(item.bids.items(), reverse=True))
        asks = tuple(sorted(item.asks.items()))
        return BookSnapshot(symbol, item.update_id, bids, asks, item.next_ms - STEP_MS)

    def mark(self, symbol: str) -> SandboxMark | None:
        item = self._all[symbol]
        return item.mark(self._now_ms) if item.listing.perpetual else None
