"""Faults in the market itself: crossed books, price spikes, late closing candles and candles revised after they closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from providers.sandbox.model import SandboxDepth, SandboxEvent, SandboxQuote, SandboxTrade

MINUTE_MS = 60_000
CROSS_TICKS = 5
OPEN, OPEN_T, HIGH, LOW, CLOSE, VOLUME, QUOTE, TRADES = range(8)


class Revision(msgspec.Struct, frozen=True):
    """A correction of one closed minute: more volume and other extremes than first published."""

    open_ms: int
    close_ticks: int
    add_lots: int


class LateClose(msgspec.Struct):
    """The next `left` closing frames of a symbol come `delay_ms` later."""

    delay_ms: int
    left: int


class MarketFaults:
    """What the market does wrong, by symbol. Times are on the exchange's clock."""

    def __init__(self, counts: Counter[str]) -> None:
        self.crossed_until: dict[str, int] = {}
        self.spikes: dict[str, tuple[float, int]] = {}
        self.late: dict[str, LateClose] = {}
        self.revisions: dict[str, dict[int, Revision]] = {}
        self._crossing: dict[str, int] = {}
        self._counts = counts

    @property
    def touches_events(self) -> bool:
        """Whether `alter` would change anything."""
        return bool(self.crossed_until or self.spikes or self._crossing)

    def expire(self, now_ms: int) -> None:
        """Drop what is over."""
        self.crossed_until = {s: until for s, until in self.crossed_until.items() if now_ms < until}
        self.spikes = {s: spike for s, spike in self.spikes.items() if now_ms < spike[1]}

    def factor(self, symbol: str) -> float:
        """By how much prices on the streams are multiplied now."""
        return self.spikes[symbol][0] if symbol in self.spikes else 1.0

    def alter(self, events: Iterable[SandboxEvent]) -> Iterator[SandboxEvent]:
        """The events as the faulty venue publishes them; ids and times stay."""
        for event in events:
            if isinstance(event, SandboxQuote):
                yield self._quote(event)
            elif isinstance(event, SandboxDepth):
                yield self._depth(event)
            elif isinstance(event, SandboxTrade) and event.symbol in self.spikes:
                self._counts["spike"] += 1
                yield replace(event, price_ticks=int(event.price_ticks * self.factor(event.symbol)))
            else:
                yield event

    def _quote(self, event: SandboxQuote) -> SandboxQuote:
        if event.symbol in self.crossed_until:
            self._counts["cross_book"] += 1
            return replace(event, bid_ticks=event.ask_ticks + CROSS_TICKS)
        if event.symbol in self.spikes:
            by = self.factor(event.symbol)
            return replace(event, bid_ticks=int(event.bid_ticks * by), ask_ticks=int(event.ask_ticks * by))
        return event

    def _depth(self, event: SandboxDepth) -> SandboxDepth:
        wrong = self._crossing.get(event.symbol)
        if event.symbol in self.crossed_until:
            if wrong is None and event.asks:
                wrong = self._crossing[event.symbol] = max(ticks for ticks, _ in event.asks) + CROSS_TICKS
                return replace(event, bids=(*event.bids, (wrong, 1)))
        elif wrong is not None:
            del self._crossing[event.symbol]
            return replace(event, bids=(*event.bids, (wrong, 0)))
        return event

    def spiked(self, symbol: str, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """A forming bar whose last price is multiplied."""
        row = row.copy()
        row[CLOSE] = int(row[CLOSE] * self.factor(symbol))
        row[HIGH], row[LOW] = max(row[HIGH], row[CLOSE]), min(row[LOW], row[CLOSE])
        return row

    def take_delay_ms(self, symbol: str) -> int:
        """How much later than usual the next closing frame of the symbol comes."""
        late = self.late.get(symbol) or self.late.get("*")
        if late is None or late.left == 0:
            return 0
        late.left -= late.left > 0
        self._counts["late_close"] += 1
        return late.delay_ms

    def revise(self, symbol: str, revision: Revision) -> None:
        """From now on the symbol's history holds this correction."""
        self.revisions.setdefault(symbol, {})[revision.open_ms] = revision
        self._counts["revise_candle"] += 1

    def corrected(self, symbol: str, rows: NDArray[np.int64], interval_ms: int) -> NDArray[np.int64]:
        """Bars with the corrections of the minutes they contain."""
        revisions = self.revisions.get(symbol)
        if not revisions or not len(rows):
            return rows
        rows = rows.copy()
        for revision in revisions.values():
            at = int(np.searchsorted(rows[:, OPEN], revision.open_ms, side="right")) - 1
            if at < 0 or revision.open_ms >= rows[at, OPEN] + interval_ms:
                continue
            row = rows[at]
            row[HIGH] = max(int(row[HIGH]), revision.close_ticks)
            row[LOW] = min(int(row[LOW]), revision.close_ticks)
            row[VOLUME] += revision.add_lots
            row[QUOTE] += revision.add_lots * revision.close_ticks
            row[TRADES] += 1
            if revision.open_ms + MINUTE_MS == row[OPEN] + interval_ms:
                row[CLOSE] = revision.close_ticks
        return rows
