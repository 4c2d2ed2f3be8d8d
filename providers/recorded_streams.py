"""Raw stream files as a recording: Binance combined frames with their receive time, and what a player makes of them.

A line is `<receive time, ns> <JSON as the exchange sent it>`, gzipped or plain. One line may be a REST depth snapshot
without an envelope; it belongs to the symbol of its file. Frames go through the production Binance decoder.
"""

from __future__ import annotations

import gzip
import heapq
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Raw, Struct

from core.messages import Trade
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal
from providers.batch import MicroBatcher
from providers.binance_us import wire
from providers.binance_us.book_sync import LocalBook

READ_ERRORS = (OSError, EOFError, zlib.error)
PLAYED_BARS = 5000

Line = tuple[int, int, bytes]
"""Receive time in ns, number of the file, JSON."""


class StreamFacts(Struct):
    """What a recording holds of one symbol, from its trades."""

    symbol: str
    first: float = 0.0
    last: float = 0.0
    high: float = 0.0
    low: float = float("inf")
    volume: float = 0.0
    quote_volume: float = 0.0
    prices: list[float] = []
    sizes: list[float] = []


class StreamTape:
    """One raw stream file, or every `.gz` file of a folder merged by receive time. Raises `Fatal` naming the file."""

    def __init__(self, path: Path) -> None:
        self.files = sorted(path.glob("*.gz")) if path.is_dir() else [path]
        self.facts: dict[str, StreamFacts] = {}
        self.start_ms = self.end_ms = 0
        for file in self.files:
            self._survey(file)
        if not self.facts:
            raise Fatal(
                f"recording {path}: no stream messages in it; choose a raw stream file or a folder of candle files"
            )

    def lines(self) -> Iterator[Line]:
        """All lines in order of receive time."""
        return heapq.merge(*[_lines(file, number) for number, file in enumerate(self.files)])

    def _survey(self, file: Path) -> None:
        """Symbols, span and price grid of one file; also proves that it can be read to its end."""
        for received_ns, _, payload in _lines(file, 0):
            at_ms = received_ns // 1_000_000
            self.start_ms = min(self.start_ms or at_ms, at_ms)
            self.end_ms = max(self.end_ms, at_ms)
            try:
                envelope = wire.decode_envelope(payload)
                symbol, _, kind = envelope.stream.partition("@")
                trade = wire.decode_trade(envelope.data) if kind == "trade" else None
            except wire.WIRE_ERRORS:
                continue  # the player counts it
            if not symbol:
                continue
            facts = self.facts.setdefault(symbol.upper(), StreamFacts(symbol.upper()))
            if trade is not None:
                facts.first = facts.first or trade.p
                facts.last = trade.p
                facts.high, facts.low = max(facts.high, trade.p), min(facts.low, trade.p)
                facts.volume += trade.q
                facts.quote_volume += trade.p * trade.q
                if len(facts.prices) < 1000:
                    facts.prices.append(trade.p)
                    facts.sizes.append(trade.q)


def _lines(file: Path, number: int) -> Iterator[Line]:
    opener = gzip.open if file.suffix == ".gz" else open
    bad = good = 0
    try:
        with opener(file, "rb") as stream:
            for line in stream:
                stamp, _, payload = line.partition(b" ")
                if stamp.isdigit() and len(stamp) == 19:
                    good += 1
                    yield int(stamp), number, payload
                elif line.strip():
                    bad += 1
                    if bad > 10 + good:
                        raise Fatal(
                            f"recording {file}: lines do not begin with a receive time in ns; it is no raw stream file"
                        )
    except READ_ERRORS as error:
        raise Fatal(f"recording {file}: cannot be read ({error}); is it complete and really gzip?") from error


class TradeBars:
    """Candles of one symbol built from its trades, bucketed by trade time. A bar closes with the first later trade."""

    def __init__(self, timeframes: Sequence[str]) -> None:
        self.forming: dict[str, list[float]] = {}
        self.closed: dict[str, deque[list[float]]] = {name: deque(maxlen=PLAYED_BARS) for name in timeframes}
        self.late = 0
        self._lengths = [(name, TIMEFRAME_MS[name]) for name in timeframes]

    def add(self, at_ms: int, price: float, size: float, buy: bool) -> list[str]:
        """One trade; returns the timeframes whose bar closed before it (now last in `closed`)."""
        finished: list[str] = []
        for name, length in self._lengths:
            open_ms = at_ms - at_ms % length
            bar = self.forming.get(name)
            if bar is None or open_ms > bar[0]:
                if bar is not None:
                    self.closed[name].append(bar)
                    finished.append(name)
                bar = self.forming[name] = [float(open_ms), price, price, price, price, 0.0, 0.0, 0.0, 0.0]
            elif open_ms < bar[0]:
                self.late += 1
                continue
            if price > bar[2]:
                bar[2] = price
            elif price < bar[3]:
                bar[3] = price
            bar[4] = price
            bar[5] += size
            bar[6] += price * size
            bar[7] += 1
            if buy:
                bar[8] += size
        return finished

    def block(self, timeframe: str) -> CandleBlock:
        """Everything built so far, the forming bar last."""
        rows = [*self.closed.get(timeframe, ())]
        if timeframe in self.forming:
            rows.append(self.forming[timeframe])
        return np.array(rows) if rows else np.empty((0, 9))


class StreamPlayer:
    """Turns recorded frames into quotes, trades, candles and books. `on_book(symbol, state, reason)` hears book changes."""

    def __init__(
        self, batcher: MicroBatcher, timeframes: Sequence[str], on_book: Callable[[str, str, str], None]
    ) -> None:
        self.books: dict[str, LocalBook] = {}
        self.bars: dict[str, TradeBars] = {}
        self.shown: set[str] | None = None
        self.frames = 0
        self.bytes = 0
        self._batcher = batcher
        self._timeframes = tuple(timeframes)
        self._on_book = on_book
        self._symbol_of_file: dict[int, str] = {}
        self._dirty: dict[str, int] = {}
        batcher.before_flush.append(self.push_forming)

    def take(self, line: Line) -> None:
        """Play one line; what cannot be decoded is counted and dropped."""
        _, file, payload = line
        self.frames += 1
        self.bytes += len(payload)
        try:
            envelope = wire.decode_envelope(payload)
            if not envelope.stream:
                self._snapshot(self._symbol_of_file.get(file, ""), payload)
                return
            name, _, kind = envelope.stream.partition("@")
            symbol = name.upper()
            self._symbol_of_file[file] = symbol
            if kind == "trade":
                self._trade(symbol, envelope.data)
            elif kind == "bookTicker":
                quote = wire.decode_quote(envelope.data)
                if self.shown is None or symbol in self.shown:
                    self._batcher.quote(symbol, quote.b, quote.B, quote.a, quote.A)
            elif kind.startswith("depth"):
                self._depth(symbol, wire.decode_depth(envelope.data))
        except wire.WIRE_ERRORS:
            self._batcher.rejects.count("frame")

    def push_forming(self) -> None:
        """Hand the forming candles of symbols that traded to the batch."""
        for symbol, at_ms in self._dirty.items():
            for timeframe, bar in self.bars[symbol].forming.items():
                self._kline(symbol, timeframe, bar, False, at_ms)
        self._dirty.clear()

    def _trade(self, symbol: str, data: Raw) -> None:
        trade = wire.decode_trade(data)
        bars = self.bars.get(symbol)
        if bars is None:
            bars = self.bars[symbol] = TradeBars(self._timeframes)
        at_ms, buy = trade.T, not trade.m
        visible = self.shown is None or symbol in self.shown
        for timeframe in bars.add(at_ms, trade.p, trade.q, buy):
            if visible:
                self._kline(symbol, timeframe, bars.closed[timeframe][-1], True, at_ms)
        if visible:
            self._batcher.trade(symbol, Trade(str(trade.t), trade.p, trade.q, "BUY" if buy else "SELL", at_ms))
            self._dirty[symbol] = at_ms

    def _kline(self, symbol: str, timeframe: str, bar: list[float], closed: bool, at_ms: int) -> None:
        open_ms, open_, high, low, close, volume, quote_volume, trades, bought = bar
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
            bought,
            closed,
            at_ms,
        )

    def _depth(self, symbol: str, diff: wire.DepthFrame) -> None:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = LocalBook(symbol, futures=diff.pu >= 0)
            self._on_book(symbol, "syncing", "the recording has not shown a snapshot yet")
        if trouble := book.on_diff(diff):
            self._on_book(symbol, "stale", f"{trouble}; the recording has no snapshot to repair it")

    def _snapshot(self, symbol: str, payload: bytes) -> None:
        snapshot = wire.decode_snapshot(payload)
        book = self.books.get(symbol)
        if book is None:
            self._batcher.rejects.count("snapshot without a symbol")
        elif trouble := book.on_snapshot(snapshot):
            self._on_book(symbol, "stale", trouble)
        else:
            self._on_book(symbol, "live", "snapshot of the recording")
