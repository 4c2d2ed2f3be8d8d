"""Frames to decode: the recorded Binance stream where the data folder is present, else frames the sandbox's encoder makes."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec

from core.clock import SimClock
from providers.binance_us.wire import Snapshot, decode_depth_message, decode_snapshot
from providers.sandbox import binance_us_wire as encode
from providers.sandbox.digits import Units
from providers.sandbox.model import SandboxDepth, SandboxQuote, SandboxTrade
from providers.sandbox.seeded import SeededMarket

RECORDED = (
    Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "raw" / "binance_spot" / "btcusdt_20240808.gz"
)
START_MS = 1_723_161_254_000
KINDS = (b"@bookTicker", b"@trade", b"@depth@100ms")


class Frames(msgspec.Struct, frozen=True):
    """Combined-stream frames of one symbol in order, the book's snapshot, and where they come from."""

    mixed: list[bytes]
    snapshot: Snapshot
    source: str

    @property
    def symbol(self) -> str:
        """As the venue spells it."""
        return self.mixed[0][len(b'{"stream":"') :].partition(b"@")[0].decode().upper()

    def depth(self) -> list[bytes]:
        """The depth diffs that continue the snapshot."""
        diffs = [frame for frame in self.mixed if b"@depth" in frame[:60]]
        return [frame for frame in diffs if decode_depth_message(frame).data.u > self.snapshot.lastUpdateId]


def load() -> Frames:
    """The best frames there are on this machine."""
    return recorded() if RECORDED.exists() else made()


def recorded(limit: int = 40_000) -> Frames:
    """Bitcoin on Binance, 2024-08-08: trades, best quotes and 100 ms depth diffs."""
    frames: list[bytes] = []
    snapshot: Snapshot | None = None
    with gzip.open(RECORDED, "rb") as lines:
        for line in lines:
            frame = line.rstrip(b"\n").partition(b" ")[2]
            if frame.startswith(b'{"lastUpdateId"'):
                snapshot = snapshot or decode_snapshot(frame)
            elif any(kind in frame[:60] for kind in KINDS):
                frames.append(frame)
            if len(frames) >= limit:
                break
    if snapshot is None:
        raise ValueError(f"{RECORDED} holds no snapshot of the book before its {limit}th frame")
    return Frames(frames, snapshot, f"recorded stream {RECORDED.parent.name}/{RECORDED.stem}")


def made(seconds: int = 600) -> Frames:
    """What the sandbox would send for its first symbol, at rates like the recorded ones."""
    clock = SimClock(START_MS)
    market = SeededMarket(
        1, 5, clock, depth_per_s=8.0, quotes_per_s=20.0, trades_per_s=12.0, levels_per_diff=40, even=True
    )
    listing = market.listings()[0]
    symbol, units = listing.symbol, Units(listing, encode.PLACES)
    book = market.book(symbol)
    sides = units.levels(book.bids[:1000]), units.levels(book.asks[:1000])
    snapshot = f'{{"lastUpdateId":{book.last_id},"bids":[{sides[0]}],"asks":[{sides[1]}]}}'
    frames: list[bytes] = []
    for second in range(1, seconds + 1):
        now_ms = START_MS + second * 1000
        clock.set_ms(now_ms)
        for event in market.events(now_ms):
            if event.symbol != symbol:
                continue
            if isinstance(event, SandboxTrade):
                stream, body = "trade", encode.trade_event(event, units, now_ms)
            elif isinstance(event, SandboxQuote):
                stream, body = "bookTicker", encode.book_ticker_event(event, units)
            elif isinstance(event, SandboxDepth):
                ids = event.first_id, event.last_id
                body = encode.depth_event(symbol, *ids, event.bids, event.asks, units, now_ms)
                stream = "depth@100ms"
            else:
                continue
            frames.append(f'{{"stream":"{symbol.lower()}@{stream}","data":'.encode() + body + b"}")
    return Frames(frames, decode_snapshot(snapshot.encode()), "frames made by the sandbox (no recorded data here)")
