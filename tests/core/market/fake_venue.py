"""A scripted market provider: deterministic candles for any time, failures on demand."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np

from core.messages import Kline, Ticker
from core.venue import TIMEFRAME_MS, Instrument, MarketProvider


def true_candle(symbol, timeframe, open_ms):
    """The venue's final bar: a pure function of symbol, timeframe and time."""
    interval = TIMEFRAME_MS[timeframe]
    index = open_ms // interval
    price = 100.0 + (index * 7 + sum(map(ord, symbol))) % 23
    volume = 1.0 + index % 5
    return [float(open_ms), price, price + 1.5, price - 1.5, price + 0.5, volume, volume * price, 4.0, volume / 2]


def true_block(symbol, timeframe, from_ms, until_ms):
    interval = TIMEFRAME_MS[timeframe]
    first = -(-from_ms // interval) * interval
    return np.array([true_candle(symbol, timeframe, t) for t in range(first, until_ms, interval)]).reshape(-1, 9)


def kline(symbol, timeframe, open_ms, *, closed, event_ms=None, **changes):
    row = true_candle(symbol, timeframe, open_ms)
    names = ("open", "high", "low", "close", "volume", "quote_volume")
    values = dict(zip(names, row[1:7], strict=True)) | changes
    return Kline(
        venue="fake",
        category="spot",
        symbol=symbol,
        timeframe=timeframe,
        open_ms=open_ms,
        trades=4,
        taker_buy_volume=row[8],
        closed=closed,
        event_ms=event_ms if event_ms is not None else open_ms + 1000,
        received_ms=open_ms + 1000,
        **values,
    )


class FakeVenue(MarketProvider):
    venue = "fake"
    category = "spot"
    host = "nowhere"
    host_kind = "SANDBOX"

    def __init__(self, clock):
        self.clock = clock
        self.asked: list[tuple] = []
        self.failures: dict[str, list[Exception]] = {}
        self.absent: set[tuple[str, int]] = set()
        self.begins_ms = 0
        self.frozen_ms = 0
        self.busy: Counter[str] = Counter()
        self.listed: list[Instrument] = []
        self.statistics: list[Ticker] = []
        self.delay_s = 0.0

    def venue_now_ms(self):
        return self.frozen_ms or self.clock.now_ms()

    async def candles(self, symbol, timeframe, *, start_ms=None, end_ms=None, limit=1000, background=False):
        self.asked.append((symbol, timeframe, start_ms, end_ms, limit, background))
        self.busy["now"] += 1
        self.busy["most"] = max(self.busy["most"], self.busy["now"])
        try:
            await asyncio.sleep(self.delay_s)
            if self.failures.get(symbol):
                raise self.failures[symbol].pop(0)
        finally:
            self.busy["now"] -= 1
        interval = TIMEFRAME_MS[timeframe]
        end = min(end_ms if end_ms is not None else 2**62, self.venue_now_ms() + 1)
        start = max(start_ms or 0, end - (limit + 1) * interval, self.begins_ms)
        block = true_block(symbol, timeframe, start, end)[-limit:]
        return block[[(symbol, int(row[0])) not in self.absent for row in block]] if len(block) else block

    async def instruments(self):
        return self.listed

    async def tickers(self):
        if self.failures.get("tickers"):
            raise self.failures["tickers"].pop(0)
        return self.statistics

    async def sync_clock(self):
        return 0.0

    async def run(self):
        await asyncio.Event().wait()

    def set_symbols(self, symbols, timeframes):
        self.streamed = (tuple(symbols), tuple(timeframes))

    def set_focus(self, symbol):
        self.focus = symbol

    def ladder(self, symbol, levels):
        return None

    async def close(self):
        self.closed = True
