"""A market made of minute bars: history from a source of whole days, and live streams that realise the same bars.

`SeededMarket` and the candle player of `playback.py` are this market with different sources.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from providers.sandbox.market_stream import HourBars, StreamRates, SymbolStream
from providers.sandbox.market_symbols import SymbolSpec
from providers.sandbox.model import (
    BAR_COLUMNS,
    BookSnapshot,
    SandboxEvent,
    SandboxListing,
    SandboxMark,
    SandboxTrade,
)
from providers.sandbox.paths import DAY_MS, MINUTE_MS, DayBars, aggregate

QUARTER_MS = 900_000
CACHED_DAYS = 200
"""Whole days of minute bars kept, all symbols together (127 KB each)."""
CACHED_QUARTER_DAYS = 6000
"""Days of quarter-hour bars kept for the longer timeframes (8 KB each)."""
CATCH_UP_MS = 600_000
"""A stream further behind than this (a machine that slept) does not replay the gap: it resumes in the present minute."""

_at_ms = attrgetter("at_ms")


class MinuteSource(Protocol):
    """Bars of each symbol by UTC day, always the same for the same day."""

    def day(self, index: int, day: int) -> DayBars:
        """All 1440 bars of a day (days since 1970) of the symbol numbered `index`."""


class MinuteMarket:
    """A `SandboxMarket` over a `MinuteSource`."""

    def __init__(
        self,
        source: MinuteSource,
        specs: Sequence[SymbolSpec],
        rates: Sequence[StreamRates],
        clock: Clock,
        seed: int,
        *,
        perpetual: bool = False,
        min_notional: Decimal = Decimal(5),
    ) -> None:
        self._source = source
        self._specs = list(specs)
        self._clock = clock
        self._index = {spec.symbol: index for index, spec in enumerate(specs)}
        self._perpetual = perpetual
        self._min_notional = min_notional
        self._days: OrderedDict[tuple[int, int], NDArray[np.int64]] = OrderedDict()
        self._quarters: OrderedDict[tuple[int, int], NDArray[np.int64]] = OrderedDict()
        self._streams = [
            SymbolStream(spec, seed, rates[index], self._hours_of(index), index / len(specs), perpetual)
            for index, spec in enumerate(specs)
        ]
        self._live = [stream for stream in self._streams if stream.spec.status == "trading"]
        self._streamed_ms = -1

    def listings(self) -> list[SandboxListing]:
        """Every listing, halted and new ones too."""
        return [
            SandboxListing(
                symbol=spec.symbol,
                base=spec.base,
                quote=spec.quote,
                tick_size=spec.tick_size,
                lot_size=spec.lot_size,
                min_notional=self._min_notional,
                max_qty=spec.lot_size * int(spec.trade_lots * 5000),
                status=spec.status,
                listed_ms=spec.listed_ms,
                perpetual=self._perpetual,
            )
            for spec in self._specs
        ]

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """See `SandboxMarket.bars`. Minutes before the present one are complete even if not streamed yet."""
        if interval_ms <= 0 or interval_ms % MINUTE_MS:
            raise ValueError(f"interval {interval_ms} ms is not a whole number of minutes")
        index = self._index_of(symbol)
        spec = self._specs[index]
        now_minute_ms = self._present_ms() // MINUTE_MS * MINUTE_MS
        stop_ms = now_minute_ms + MINUTE_MS
        if spec.ends_ms:
            stop_ms = min(stop_ms, spec.ends_ms)
        low = max(-(-start_ms // interval_ms) * interval_ms, spec.listed_ms)
        high = min(-(-end_ms // interval_ms) * interval_ms, stop_ms)
        if low >= high:
            return np.empty((0, len(BAR_COLUMNS)), dtype=np.int64)
        coarse = interval_ms % QUARTER_MS == 0
        parts = []
        for day in range(low // DAY_MS, (high - 1) // DAY_MS + 1):
            first, last = day * DAY_MS, (day + 1) * DAY_MS
            if coarse and low <= first and last <= high and last <= now_minute_ms:
                parts.append(self._quarter_rows(index, day))
                continue
            rows = self._day_rows(index, day)
            parts.append(rows[max(0, low - first) // MINUTE_MS : min(DAY_MS, high - first) // MINUTE_MS])
        if high == now_minute_ms + MINUTE_MS:
            parts[-1] = parts[-1].copy()
            parts[-1][-1] = self._streams[index].forming(now_minute_ms // MINUTE_MS)
        rows = np.concatenate(parts)
        return rows if interval_ms == MINUTE_MS else aggregate(rows, interval_ms)

    def recent_trades(self, symbol: str, limit: int) -> list[SandboxTrade]:
        """The newest trades already streamed, oldest first; at the start those of the last minutes before it."""
        self._present_ms()
        return self._streams[self._index_of(symbol)].recent(limit)

    def book(self, symbol: str) -> BookSnapshot:
        """The book as streamed so far."""
        self._present_ms()
        return self._streams[self._index_of(symbol)].book()

    def mark(self, symbol: str) -> SandboxMark | None:
        """The newest mark of a perpetual, None in a spot market."""
        self._present_ms()
        return self._streams[self._index_of(symbol)].mark()

    def events(self, until_ms: int) -> Iterator[SandboxEvent]:
        """See `SandboxMarket.events`. The first call of all only starts the streams at `until_ms`, silently."""
        if self._streamed_ms < 0 or until_ms - self._streamed_ms > CATCH_UP_MS:
            self._start(until_ms)
            return iter(())
        out: list[SandboxEvent] = []
        for stream in self._live:
            ends_ms = stream.spec.ends_ms
            stream.advance(min(until_ms, ends_ms - 1) if ends_ms else until_ms, out)
        self._streamed_ms = max(self._streamed_ms, until_ms)
        out.sort(key=_at_ms)
        return iter(out)

    def _start(self, at_ms: int) -> None:
        for stream in self._streams:
            ends_ms = stream.spec.ends_ms
            stream.start(min(at_ms, ends_ms - 1) if ends_ms else at_ms)
        self._streamed_ms = at_ms

    def _present_ms(self) -> int:
        """The later of the clock and the streams; starts the streams at the clock's time when nobody has."""
        now_ms = self._clock.now_ms()
        if self._streamed_ms < 0:
            self._start(now_ms)
        return max(now_ms, self._streamed_ms)

    def _index_of(self, symbol: str) -> int:
        try:
            return self._index[symbol]
        except KeyError:
            raise KeyError(f"the sandbox market has no symbol {symbol!r}; see listings()") from None

    def _day_rows(self, index: int, day: int) -> NDArray[np.int64]:
        known = self._days.get((index, day))
        if known is not None:
            self._days.move_to_end((index, day))
            return known
        rows = self._source.day(index, day).rows
        self._days[index, day] = rows
        if len(self._days) > max(CACHED_DAYS, 2 * len(self._specs)):
            self._days.popitem(last=False)
        return rows

    def _quarter_rows(self, index: int, day: int) -> NDArray[np.int64]:
        known = self._quarters.get((index, day))
        if known is not None:
            self._quarters.move_to_end((index, day))
            return known
        rows = aggregate(self._source.day(index, day).rows, QUARTER_MS)
        self._quarters[index, day] = rows
        if len(self._quarters) > CACHED_QUARTER_DAYS:
            self._quarters.popitem(last=False)
        return rows

    def _hours_of(self, index: int) -> _Hours:
        return _Hours(self._source, index)


class _Hours:
    """The bars of one symbol by the hour, cut out of its days, so that a stream keeps an hour and not a day."""

    def __init__(self, source: MinuteSource, index: int) -> None:
        self._source = source
        self._index = index

    def __call__(self, hour: int) -> HourBars:
        """Rows and slots of an hour (hours since 1970)."""
        day = self._source.day(self._index, hour // 24)
        first = hour % 24 * 60
        return day.rows[first : first + 60].copy(), day.slots.cut(first, first + 60)
