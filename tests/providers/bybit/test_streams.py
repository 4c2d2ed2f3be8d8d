"""Frames through the whole path of a socket, as bytes: never raises, counts what is bad, publishes only sane numbers."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.bus import Bus
from core.clock import SimClock
from core.messages import Kline, MarkPrice, Message, Quote, TradeBatch
from core.settings import Market, Settings
from providers.bybit.market import BybitMarket
from tests.providers.bybit import frames
from tests.providers.bybit.test_wire import BROKEN

NOW_MS = 1_789_716_290_000


class Wire:
    """One provider without a connection: frames are handed to its lane."""

    def __init__(self) -> None:
        clock = SimClock(NOW_MS)
        bus = Bus(clock)
        self.messages: list[Message] = []
        bus.subscribe(Message, self.messages.append)
        market = msgspec.convert({"venue": "bybit", "category": "linear"}, Market)
        self.market = BybitMarket(bus, clock, Settings(market=market))
        self.market.set_symbols(["BTCUSDT"], ["1m"])
        (self.lane,) = self.market._lanes
        self.rejects = self.market._batcher.rejects

    def take(self, *raw: bytes) -> list[Message]:
        """Deliver frames, flush, and return what was published for them."""
        since = len(self.messages)
        for frame in raw:
            self.lane.on_frame(frame)
        self.market._batcher.flush()
        return self.messages[since:]


def test_each_documented_frame_becomes_its_message():
    wire = Wire()
    kinds = {type(m) for m in wire.take(*frames.EVERY_FRAME)}
    assert {Quote, TradeBatch, Kline, MarkPrice} <= kinds
    assert wire.rejects.total == 0


def test_a_topic_that_carries_another_symbol_is_dropped():
    wire = Wire()
    wire.take(
        *(frame.replace(b'"s":"BTCUSDT"', b'"s":"EVILUSDT"') for frame in (frames.QUOTE_SNAPSHOT, frames.BOOK_SNAPSHOT))
    )
    wire.take(frames.TICKER_SNAPSHOT.replace(b'"symbol":"BTCUSDT"', b'"symbol":"EVILUSDT"'))
    wire.take(frames.LINEAR_TRADE.replace(b'"s":"BTCUSDT"', b'"s":"EVILUSDT"'))
    assert not [m for m in wire.messages if isinstance(m, Quote | MarkPrice | TradeBatch)]
    assert wire.rejects.total == 4


def test_a_closed_and_a_new_candle_in_one_frame_both_arrive():
    wire = Wire()
    both = msgspec.json.decode(frames.LINEAR_KLINE)
    old = dict(both["data"][0], confirm=True)
    new = dict(old, start=old["start"] + 60_000, end=old["end"] + 60_000, confirm=False)
    both["data"] = [old, new]
    klines = [m for m in wire.take(msgspec.json.encode(both)) if isinstance(m, Kline)]
    assert [(k.open_ms, k.closed) for k in klines] == [(old["start"], True), (new["start"], False)]


def test_a_trade_that_comes_again_is_published_once():
    wire = Wire()
    published = wire.take(frames.LINEAR_TRADE, frames.LINEAR_TRADE)
    assert sum(len(m.trades) for m in published if isinstance(m, TradeBatch)) == 1


def test_an_absurd_mark_keeps_the_last_good_state():
    wire = Wire()
    wire.take(frames.TICKER_SNAPSHOT, frames.TICKER_DELTA.replace(b"17218.01", b"1e308"))
    (mark,) = [m for m in wire.take(frames.TICKER_DELTA) if isinstance(m, MarkPrice)]
    assert (mark.mark, mark.index) == (17218.01, 17227.36)
    assert wire.rejects.total == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_frames_never_raise_and_never_reach_the_bus_insane(data):
    wire = Wire()
    for _ in range(data.draw(st.integers(1, 6))):
        frame = bytearray(data.draw(st.sampled_from(frames.EVERY_FRAME)))
        start = data.draw(st.integers(0, len(frame)))
        end = min(len(frame), start + data.draw(st.integers(0, 12)))
        frame[start:end] = data.draw(st.one_of(st.sampled_from(BROKEN), st.binary(max_size=8)))
        wire.take(bytes(frame))
    for message in wire.messages:
        if isinstance(message, Quote):
            assert 0 < message.bid < message.ask < 1e12
        elif isinstance(message, TradeBatch):
            assert all(0 < t.price < 1e12 and 0 < t.size < 1e18 for t in message.trades)
        elif isinstance(message, Kline):
            assert 0 < message.low <= message.close <= message.high < 1e12
        elif isinstance(message, MarkPrice):
            assert 0 < message.mark < 1e12
            assert abs(message.funding_rate) < 1
    wire.take(frames.QUOTE_SNAPSHOT)
    assert wire.market._streams.symbols["BTCUSDT"].top.bid is not None
