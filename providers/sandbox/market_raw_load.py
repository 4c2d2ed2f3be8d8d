"""Reads recorded raw streams (README of the shared data): gzip lines `<receive ns> <JSON>` of depth, trades and tickers.

Times become milliseconds from the start of the recording's first minute, divided by the speed; prices and sizes become
ticks and lots on the decimal grid of the recording.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from providers.sandbox.market_slots import Flags, Ints

MINUTE_MS = 60_000

Level = tuple[str, str]


class _Message(msgspec.Struct):
    """Fields of the three streams and of the depth snapshot; absent ones keep the default."""

    E: int = 0
    T: int = 0
    U: int = 0
    u: int = 0
    t: int = 0
    b: list[Level] | str | int = ""
    a: list[Level] | str | int = ""
    p: str = ""
    q: str = ""
    B: str = ""
    A: str = ""
    m: bool = False
    lastUpdateId: int = 0
    bids: list[Level] = []
    asks: list[Level] = []


class _Envelope(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


class RawDiff(msgspec.Struct, frozen=True, gc=False):
    """Recorded depth diff: last update id, changes in ticks and lots."""

    at_ms: int
    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class RawQuote(msgspec.Struct, frozen=True, gc=False):
    """Recorded best bid and ask."""

    at_ms: int
    update_id: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class RawTrade(msgspec.Struct, frozen=True, gc=False):
    """Recorded trade; `number` is its place in the recording's trades, from 0."""

    at_ms: int
    number: int
    price_ticks: int
    size_lots: int
    buyer_taker: bool


class RawRecording(msgspec.Struct, frozen=True):
    """One symbol. `events` are in time order; trades are also columns (for bars). The book starts at the snapshot."""

    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    first_id: int
    bids: dict[int, int]
    asks: dict[int, int]
    events: list[RawDiff | RawQuote | RawTrade]
    trade_ms: Ints
    trade_ticks: Ints
    trade_lots: Ints
    trade_buys: Flags


def _lines(files: list[Path]) -> Iterator[tuple[str, _Message]]:
    """Kind (depth, trade, quote, snapshot) and message of every line, files one after another."""
    envelope = msgspec.json.Decoder(_Envelope)
    message = msgspec.json.Decoder(_Message)
    for file in files:
        with gzip.open(file, "rb") as stream:
            for line in stream:
                body = line.partition(b" ")[2]
                outer = envelope.decode(body)
                if not outer.stream:
                    yield "snapshot", message.decode(body)
                    continue
                kind = outer.stream.partition("@")[2].partition("@")[0]
                known = {"depth": "depth", "trade": "trade", "bookTicker": "quote"}.get(kind)
                if known is not None:
                    yield known, message.decode(outer.data)


def _places(numbers: Iterator[str]) -> int:
    """Decimals that write all of these decimal strings."""
    most = 0
    for number in numbers:
        fraction = number.partition(".")[2].rstrip("0")
        most = max(most, len(fraction))
    return most


def first_minute_ms(files: list[Path]) -> int:
    """Start of the recording's first minute, by the exchange's clock. Raises `ValueError` without a timed message."""
    for _, message in _lines(files):
        at_ms = message.T or message.E
        if at_ms:
            return at_ms - at_ms % MINUTE_MS
    raise ValueError(f"{files[0].name}: no message with a time")


def load_recording(symbol: str, files: list[Path], origin_ms: int, speed: float) -> RawRecording:
    """One symbol's stream from its files in order. Raises `ValueError` when no depth snapshot is among the lines."""
    found = list(_lines(files))
    snapshot = next((message for kind, message in found if kind == "snapshot"), None)
    if snapshot is None:
        raise ValueError(
            f"{files[0].name}: no depth snapshot in the file; play the file before it too (give the folder)"
        )
    trades = [message for kind, message in found if kind == "trade"]
    levels = [*snapshot.bids, *snapshot.asks]
    price_places = _places(text for text in (*(p for p, _ in levels), *(t.p for t in trades)))
    size_places = _places(text for text in (*(q for _, q in levels), *(t.q for t in trades)))
    tick, lot = 10.0**price_places, 10.0**size_places

    def scaled(changes: list[Level] | str | int) -> tuple[tuple[int, int], ...]:
        if not isinstance(changes, list):
            raise ValueError(f"{files[0].name}: a depth message without levels")
        return tuple((round(float(price) * tick), round(float(size) * lot)) for price, size in changes)

    def when(at_ms: int) -> int:
        return int((at_ms - origin_ms) / speed)

    events: list[RawDiff | RawQuote | RawTrade] = []
    seen = {"depth": 0, "trade": 0, "quote": 0}
    number = 0
    for kind, message in found:
        if kind == "snapshot":
            continue
        # The spot ticker has no time: it stands right after the latest message that has one.
        at_ms = seen[kind] = max(seen[kind], message.T if kind == "trade" else message.E or max(seen.values()))
        if kind == "depth" and message.u > snapshot.lastUpdateId:
            events.append(RawDiff(when(at_ms), message.u, scaled(message.b), scaled(message.a)))
        elif kind == "quote" and message.u > snapshot.lastUpdateId:
            best = scaled([(str(message.b), message.B), (str(message.a), message.A)])
            events.append(RawQuote(when(at_ms), message.u, *best[0], *best[1]))
        elif kind == "trade":
            ((price, size),) = scaled([(message.p, message.q)])
            events.append(RawTrade(when(at_ms), number, price, size, not message.m))
            number += 1
    events.sort(key=lambda event: event.at_ms)
    tape = [event for event in events if type(event) is RawTrade]
    return RawRecording(
        symbol=symbol,
        tick_size=Decimal(1).scaleb(-price_places),
        lot_size=Decimal(1).scaleb(-size_places),
        first_id=snapshot.lastUpdateId,
        bids=dict(scaled(snapshot.bids)),
        asks=dict(scaled(snapshot.asks)),
        events=events,
        trade_ms=np.array([trade.at_ms for trade in tape], dtype=np.int64),
        trade_ticks=np.array([trade.price_ticks for trade in tape], dtype=np.int64),
        trade_lots=np.array([trade.size_lots for trade in tape], dtype=np.int64),
        trade_buys=np.array([trade.buyer_taker for trade in tape], dtype=np.bool_),
    )
