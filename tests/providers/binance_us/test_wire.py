"""Decoding and routing: real shapes become floats, anything else is counted and never raised or passed on."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.bus import Bus
from core.clock import SimClock
from core.messages import Kline, Message, Quote, TradeBatch
from core.settings import Feed, Network
from providers.batch import MicroBatcher
from providers.binance_us.routes import SymbolFeed
from providers.binance_us.shard import Shard
from providers.freshness import Freshness
from providers.link import Link
from tests.providers.binance_us.frames import NOW, depth, frame, kline, quote, trade


class Rig:
    """One symbol's feed behind a shard, without a socket."""

    def __init__(self, timeframes: tuple[str, ...] = ("1m",)) -> None:
        clock = SimClock(NOW)
        bus = Bus(clock)
        self.seen: list[Message] = []
        bus.subscribe(Message, self.seen.append)
        self.batcher = MicroBatcher(bus, clock, "binance_us", "spot", Feed())
        self.lost: list[str] = []
        freshness = Freshness(clock, Feed(), bus, "binance_us", "spot")
        self.feed = SymbolFeed(
            "BTCUSD", timeframes, "market 1", self.batcher, freshness, lambda _, reason: self.lost.append(reason)
        )
        self.rotations: list[str] = []

        def make_link(shard: Shard) -> Link:
            link = Link(
                shard.name,
                "ws://127.0.0.1:1",
                clock=clock,
                bus=bus,
                venue="binance_us",
                category="spot",
                feed=Feed(),
                network=Network(),
                on_frame=shard.on_frame,
                on_up=shard.on_up,
                on_down=lambda _: None,
            )
            link.rotate = self.rotations.append  # type: ignore[method-assign, assignment]
            return link

        routes = {stream.encode(): route for stream, route in self.feed.routes.items()}
        self.shard = Shard("market 1", clock, routes, self.batcher.rejects, nothing, make_link)

    def play(self, *frames: bytes) -> list[Message]:
        for data in frames:
            self.shard.on_frame(data)
        self.batcher.flush()
        return self.seen


nothing: Callable[[Shard], Awaitable[None]] = lambda _: _done()  # noqa: E731


async def _done() -> None:
    return None


def test_a_quote_becomes_floats() -> None:
    (message,) = Rig().play(quote(5, "100.25", "100.50"))
    assert isinstance(message, Quote)
    assert (message.bid, message.bid_size, message.ask, message.ask_size) == (100.25, 1.5, 100.5, 2.5)
    assert message.symbol == "BTCUSD"


def test_trades_carry_the_takers_side() -> None:
    (message,) = Rig().play(trade(7, maker=True), trade(8, maker=False))
    assert isinstance(message, TradeBatch)
    assert [(t.trade_id, t.side, t.size) for t in message.trades] == [("7", "SELL", 0.5), ("8", "BUY", 0.5)]


def test_a_candle_keeps_flow_fields_and_the_venues_flag() -> None:
    open_ms = NOW - NOW % 60_000
    forming, closed = Rig().play(kline(open_ms, "101.0"), kline(open_ms + 60_000, "102.0", closed=True))
    assert isinstance(closed, Kline)
    assert isinstance(forming, Kline)
    assert (forming.close, forming.quote_volume, forming.trades, forming.taker_buy_volume) == (101, 1250, 9, 6)
    assert (closed.closed, forming.closed) == (True, False)


def test_repeats_of_overlapping_sockets_are_dropped_and_counted() -> None:
    rig = Rig()
    messages = rig.play(trade(7), trade(7), trade(8), trade(7), quote(5, "100.0"), quote(4, "99.0"))
    assert [len(m.trades) for m in messages if isinstance(m, TradeBatch)] == [2]
    assert [m.bid for m in messages if isinstance(m, Quote)] == [100.0]
    assert rig.feed.repeats == 3


def test_one_absurd_trade_id_does_not_silence_the_channel() -> None:
    rig = Rig()
    rig.play(trade(2**60), trade(8), trade(9))
    assert [len(m.trades) for m in rig.seen if isinstance(m, TradeBatch)] == [3]


def test_a_shutdown_notice_rotates_the_socket_in_either_form() -> None:
    rig = Rig()
    rig.play(b'{"e":"serverShutdown","E":1}', b'{"stream":"x","data":{"e":"serverShutdown","E":1}}')
    assert len(rig.rotations) == 2


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"stream":"btcusd@trade"}',
        quote(5)[:-9],
        quote(5, "NaN"),
        quote(5, "-1"),
        quote(5, "1e308"),
        quote(5, "Infinity"),
        quote(5, "101", "100"),
        quote(-5),
        frame("btcusd@bookTicker", {"u": 1, "b": [1], "B": "1", "a": "2", "A": "1"}),
        frame("btcusd@bookTicker", {"u": 1}),
        trade(7, "0"),
        trade(7, at_ms=-5),
        trade(7, at_ms=2**61),
        trade(7, at_ms=NOW + 10**9),
        kline(NOW - NOW % 60_000 + 1),
        kline(NOW - NOW % 60_000, "500"),
        kline(-60_000),
        depth(1, 2, [["nan", "1"]]),
        depth(1, 2, [["100", "-1"]]),
        depth(1, 2, [["100"]]),
        b'{"stream":"btcusd@trade","data":' + b"[" * 100_000 + b"}",
        b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff\xfe\xff",
        b'{"stream":"\xff","data":{}}',
    ],
)
def test_malformed_and_absurd_frames_are_counted_and_dropped(bad: bytes) -> None:
    rig = Rig()
    rig.play(bad)
    assert not rig.seen
    assert not rig.lost
    assert rig.batcher.rejects.total == 1
    good = rig.play(quote(6))
    assert len(good) == 1


def test_a_frame_in_another_key_order_is_understood() -> None:
    content = json.loads(quote(5))
    (message,) = Rig().play(json.dumps({"data": content["data"], "stream": content["stream"]}).encode())
    assert isinstance(message, Quote)


def test_unknown_keys_and_streams_are_tolerated() -> None:
    rig = Rig()
    rig.play(frame("btcusd@bookTicker", {"u": 1, "b": "1", "B": "1", "a": "2", "A": "1", "new": {"deep": [1]}}))
    assert len(rig.seen) == 1
    rig.play(frame("dogeusd@trade", {"t": 1}))
    assert rig.shard.unrouted == 1


REAL = [
    quote(5),
    trade(7),
    kline(NOW - NOW % 60_000),
    depth(1, 2, [["100.0", "1"]], [["101.0", "0"]]),
    b'{"result":null,"id":1}',
]
SPITE: st.SearchStrategy[object] = st.sampled_from(
    ["NaN", "-1", "1e308", -5, 2**70, 1.5, None, True, [], {}, "", "Infinity", "1e-9", -(10**15), "\ud83d"]
)


def assert_sane(rig: Rig) -> None:
    for message in rig.seen:
        for value in (getattr(message, name) for name in message.__struct_fields__):
            if isinstance(value, float):
                assert math.isfinite(value)
                assert 0 <= value < 1e18
    for levels in rig.feed.book.book.ladder(50):
        assert all(0 < price < 1e12 and 0 < size < 1e18 for price, size in levels)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(REAL), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_real_frames_with_flipped_bytes_never_raise_or_pass_absurd_values(
    real: bytes, flips: list[tuple[int, int]]
) -> None:
    rig = Rig()
    mutated = bytearray(real)
    for place, value in flips:
        mutated[place % len(mutated)] = value
    rig.play(bytes(mutated), bytes(mutated[: flips[0][0]]))
    assert_sane(rig)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(REAL), st.data())
def test_real_frames_with_spiteful_values_never_raise_or_pass_absurd_values(real: bytes, data: st.DataObject) -> None:
    rig = Rig()
    content = json.loads(real)
    inner = content.get("data", content)
    inner = inner.get("k", inner)
    key = data.draw(st.sampled_from(sorted(inner)))
    inner[key] = data.draw(SPITE)
    rig.play(json.dumps(content).encode())
    assert_sane(rig)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b'{"stream":1}')
def test_random_bytes_never_raise(junk: bytes) -> None:
    rig = Rig()
    rig.play(junk)
    assert not rig.seen
