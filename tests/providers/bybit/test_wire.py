"""Bybit v5 decoding: documented frames give their numbers, hostile ones fail inside the decoder and nowhere else."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.quality import MAX_PRICE, MAX_SIZE
from providers.bybit import wire
from tests.providers.bybit import frames


def test_kline_frame_gives_floats_and_the_closed_flag():
    envelope = wire.envelopes.decode(frames.LINEAR_KLINE)
    (candle,) = wire.klines.decode(envelope.data)
    assert envelope.topic == "kline.1.BTCUSDT"
    assert (candle.open, candle.high, candle.low, candle.close) == (77257.2, 77257.2, 77256.8, 77256.8)
    assert (candle.volume, candle.turnover, candle.confirm) == (0.015, 1158.8555, False)


def test_trade_ids_may_be_numbers_or_text():
    envelope = wire.envelopes.decode(frames.LINEAR_TRADE)
    (trade,) = wire.trades.decode(envelope.data)
    assert (trade.S, trade.p, trade.v, str(trade.i)[:8]) == ("Buy", 109378.9, 0.02, "2a74ac78")
    (trade,) = wire.trades.decode(b'[{"T":1758841135823,"s":"BTCUSDT","S":"Sell","v":"1","p":"2","i":2290000000}]')
    assert str(trade.i) == "2290000000"


def test_book_frames_decode_in_either_key_order():
    snapshot = wire.books.decode(wire.envelopes.decode(frames.BOOK_SNAPSHOT).data)
    delta = wire.envelopes.decode(frames.SPOT_BOOK_DELTA)
    assert snapshot.b == [(77796.10, 3.875), (77796.0, 0.028)]
    assert delta.type == "delta"
    assert wire.books.decode(delta.data).b[1] == (75837.13, 0.0)


@pytest.mark.parametrize("frame", [frames.SPOT_PONG, frames.PRIVATE_PONG])
def test_a_pong_is_recognised_in_both_documented_shapes(frame):
    assert wire.envelopes.decode(frame).is_pong


@pytest.mark.parametrize("frame", [frames.SPOT_ACK, frames.BAD_TOPIC, frames.LINEAR_KLINE])
def test_other_frames_are_no_pong(frame):
    assert not wire.envelopes.decode(frame).is_pong


def test_ticker_delta_keeps_what_it_does_not_mention():
    state = wire.Perpetual()
    delta = wire.tickers.decode(wire.envelopes.decode(frames.TICKER_DELTA).data)
    snapshot = wire.tickers.decode(wire.envelopes.decode(frames.TICKER_SNAPSHOT).data)
    assert not state.merge(delta, snapshot=False), "a delta before the first snapshot says nothing"
    assert state.merge(snapshot, snapshot=True)
    assert state.merge(delta, snapshot=False)
    assert (state.mark, state.index, state.funding_rate) == (17218.01, 17227.36, -0.000212)
    assert (state.next_funding_ms, state.open_interest) == (1673280000000, 68744.761)
    assert not state.merge(delta, snapshot=False), "nothing changed"


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e308", "0", "abc"])
def test_an_absurd_mark_price_changes_nothing(value):
    state = wire.Perpetual()
    state.merge(wire.TickerData(symbol="X", markPrice="5", indexPrice="6"), snapshot=True)
    with pytest.raises(ValueError, match=r"value|convert"):
        state.merge(wire.TickerData(symbol="X", indexPrice="7", markPrice=value), snapshot=False)
    assert (state.mark, state.index) == (5.0, 6.0)


@pytest.mark.parametrize("price", ['"NaN"', '"inf"', '"-1"', '"1e308"', '"0"', "null", "true", '""', "{}", "1e400"])
def test_absurd_prices_fail_in_every_decoder(price):
    text = price.encode()
    for decoder, frame in (
        (wire.books, b'{"s":"X","b":[[%b,"1"]],"a":[],"u":1}' % text),
        (wire.trades, b'[{"T":1758841135823,"s":"X","S":"Buy","v":"1","p":%b,"i":"1"}]' % text),
        (wire.candle_rows, b'["1758841135823",%b,"1","1","1","1","1"]' % text),
    ):
        with pytest.raises(wire.DECODE_ERRORS):
            decoder.decode(frame)


def decode_wholly(frame: bytes) -> list[float]:
    """Every number a frame would pass on."""
    envelope = wire.envelopes.decode(frame)
    kind = envelope.topic.partition(".")[0]
    if kind == "orderbook":
        data = wire.books.decode(envelope.data)
        return [number for level in data.b + data.a for number in level]
    if kind == "publicTrade":
        return [number for trade in wire.trades.decode(envelope.data) for number in (trade.p, trade.v)]
    if kind == "kline":
        return [n for c in wire.klines.decode(envelope.data) for n in (c.open, c.high, c.low, c.close, c.volume)]
    if kind == "tickers":
        state = wire.Perpetual()
        try:
            state.merge(wire.tickers.decode(envelope.data), snapshot=True)
        except ValueError:
            return []
        return [] if math.isnan(state.mark) else [state.mark]
    return []


BROKEN = (
    b"NaN",
    b'"nan"',
    b'"Infinity"',
    b"-1",
    b'"-0"',
    b'"1e308"',
    b"1e999",
    b"null",
    b"[]",
    b"{",
    b'"',
    b"\xff",
    b"",
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutated_frames_decode_to_sane_numbers_or_fail_as_documented(data):
    frame = bytearray(data.draw(st.sampled_from(frames.EVERY_FRAME)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(frame)))
        end = min(len(frame), start + data.draw(st.integers(0, 12)))
        frame[start:end] = data.draw(st.one_of(st.sampled_from(BROKEN), st.binary(max_size=8)))
    try:
        numbers = decode_wholly(bytes(frame))
    except wire.DECODE_ERRORS:
        return
    assert all(0 <= number < max(MAX_PRICE, MAX_SIZE) for number in numbers)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_fail_as_documented(frame):
    try:
        decode_wholly(frame)
    except wire.DECODE_ERRORS:
        return


def test_absurd_nesting_fails_as_documented():
    with pytest.raises(wire.DECODE_ERRORS):
        decode_wholly(b'{"topic":"orderbook.1.X","data":' + b"[" * 200_000)
