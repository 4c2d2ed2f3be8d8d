"""Decoding and the book on a recorded stream: our decoders against orjson and json, our book against its peers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from providers.binance_us.book_sync import LocalBook
from providers.binance_us.shard import NAME_AT, NAME_UNTIL
from providers.binance_us.wire import (
    decode_depth_message,
    decode_quote_message,
    decode_trade_message,
)
from tests.bench.frames import Frames, load
from tests.bench.micro import book_best
from tests.bench.timing import Figure, compare_all

LADDER = 20
CRYPTOFEED_DEPTH_US = 70.7
JSON_DEPTH_US = 25.8
"""perf.md 1: cryptofeed's handler and json to Struct on one depth diff of 46 levels, on the machine of that page."""


class TradeOut(msgspec.Struct, gc=False):
    t: int
    p: float
    q: float
    T: int
    m: bool


class QuoteOut(msgspec.Struct, gc=False):
    u: int
    b: float
    B: float
    a: float
    A: float


class DepthOut(msgspec.Struct, gc=False):
    E: int
    U: int
    u: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


def by_hand(data: dict[str, Any], stream: str) -> TradeOut | QuoteOut | DepthOut:
    """The usual way: a parsed dictionary to a struct of floats."""
    if stream.endswith("@bookTicker"):
        return QuoteOut(data["u"], float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]))
    if stream.endswith("@trade"):
        return TradeOut(data["t"], float(data["p"]), float(data["q"]), data["T"], data["m"])
    return DepthOut(
        data["E"],
        data["U"],
        data["u"],
        [(float(price), float(size)) for price, size in data["b"]],
        [(float(price), float(size)) for price, size in data["a"]],
    )


def through(loads: Callable[[bytes], Any], frames: list[bytes]) -> Callable[[], None]:
    """Parse, route by the stream's name, build the struct."""

    def run() -> None:
        for frame in frames:
            message = loads(frame)
            by_hand(message["data"], message["stream"])

    return run


def decode_mixed(frames: Frames | None = None) -> list[Figure]:
    """Routing and decoding of a mixed combined stream, as `Shard.on_frame` and `SymbolFeed` do it, against two peers."""
    frames = frames or load()
    lower = frames.symbol.lower()
    decoders: dict[bytes, Callable[[bytes], Any]] = {
        f"{lower}@trade".encode(): decode_trade_message,
        f"{lower}@bookTicker".encode(): decode_quote_message,
        f"{lower}@depth@100ms".encode(): decode_depth_message,
    }
    mixed = frames.mixed[:20_000]

    def ours() -> None:
        for frame in mixed:
            decoders[frame[NAME_AT:NAME_UNTIL].partition(b'"')[0]](frame)

    for frame in mixed[:2000]:
        peer = orjson.loads(frame)
        made = decoders[peer["stream"].encode()](frame).data
        wanted = by_hand(peer["data"], peer["stream"])
        if any(getattr(made, name) != getattr(wanted, name) for name in wanted.__struct_fields__):
            raise AssertionError("decoders disagree: the comparison means nothing")
    mine, fast, standard = (
        seconds / len(mixed) * 1e6
        for seconds in compare_all((ours, through(orjson.loads, mixed), through(json.loads, mixed)))
    )
    detail = f"{mine:.2f} us against {{:.2f}} us a message; {len(mixed)} of the {frames.source}"
    return [
        Figure(
            name=f"decode mixed stream / {name} to Struct",
            value=peer_us / mine,
            unit="x",
            target=target,
            better="more",
            detail=detail.format(peer_us),
        )
        for name, peer_us, target in (("orjson", fast, 3.0), ("json", standard, 5.0))
    ]


def book_recorded(frames: Frames | None = None) -> list[Figure]:
    """Best bid and ask after every diff of the stream, against two SortedDicts."""
    frames = frames or load()
    snapshot = (frames.snapshot.bids, frames.snapshot.asks)
    diffs = [(diff.b, diff.a) for diff in (decode_depth_message(frame).data for frame in frames.depth())]
    return [book_best(snapshot, diffs, frames.source)]


def book_ladder(frames: Frames | None = None) -> list[Figure]:
    """Decode and apply every diff, 20 levels a side read after each, against cryptofeed's handler (scaled, not run here)."""
    frames = frames or load()
    depth = frames.depth()
    symbol = frames.symbol

    def ours() -> int:
        book = LocalBook(symbol)
        book.on_snapshot(frames.snapshot)
        for frame in depth:
            book.on_diff(decode_depth_message(frame).data)
            book.book.ladder(LADDER)
        return book.last_id

    last = decode_depth_message(depth[-1]).data.u
    if ours() != last:
        raise AssertionError("the book left its sequence: the comparison means nothing")
    mine, peer = (seconds / len(depth) * 1e6 for seconds in compare_all((ours, through(json.loads, depth)), repeats=7))
    levels = sum(frame.count(b'["') for frame in depth) / len(depth)
    handler = CRYPTOFEED_DEPTH_US * peer / JSON_DEPTH_US
    return [
        Figure(
            name="decode + apply + ladder of 20 / cryptofeed", value=handler / mine, unit="x", target=2.5, better="more",
            detail=f"{mine:.1f} us against {handler:.1f} us a diff of {levels:.0f} levels; cryptofeed not run: perf.md's "
                   f"{CRYPTOFEED_DEPTH_US} us x json to Struct here ({peer:.1f} us) / there ({JSON_DEPTH_US} us); {frames.source}",
        )
    ]  # fmt: skip
