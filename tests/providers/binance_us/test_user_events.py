"""Frames of the user stream: the documented samples, and anything at all: read or refused, never raised otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading.order import OrderReport
from providers.binance_us import user_events as events
from providers.binance_us.order_wire import Unreadable
from providers.binance_us.wire import WIRE_ERRORS

D = Decimal
NEW = (
    b'{"e":"executionReport","E":1499405658658,"s":"ETHBTC","c":"mUvoqJxFIILMdfAW5iGSOW","S":"BUY","o":"LIMIT","f":"GTC",'
    b'"q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW","r":"NONE",'
    b'"i":4293153,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1499405658657,"t":-1,"I":8641984,'
    b'"w":true,"m":false,"M":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000","W":1499405658657,"V":"NONE"}'
)


def frame(**fields: Any) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(NEW), **fields})


def report(data: bytes) -> OrderReport:
    return events.report_of_execution(events.decode_execution(data))


def test_the_documented_sample() -> None:
    told = report(NEW)
    assert (told.order_id, told.status, told.filled, told.fill) == ("4293153", "NEW", D(0), None)
    assert (told.spec.client_id, told.spec.symbol, told.spec.side) == ("mUvoqJxFIILMdfAW5iGSOW", "ETHBTC", "BUY")
    assert (told.spec.quantity, told.spec.price, told.spec.list_id) == (D(1), D("0.1026441"), "")
    assert told.reject_code == ""
    assert told.at_ms == 1499405658657


def test_a_trade_is_a_fill_with_its_place() -> None:
    told = report(
        frame(
            x="TRADE", X="PARTIALLY_FILLED", l="0.25", L="0.1", z="0.75", Z="0.0751", n="0.00025", N="ETH", t=77, m=True
        )
    )
    assert (told.status, told.filled, told.filled_quote) == ("PARTIALLY_FILLED", D("0.75"), D("0.0751"))
    fill = told.fill
    assert fill is not None
    assert (fill.trade_id, fill.quantity, fill.price, fill.cumulative) == ("77", D("0.25"), D("0.1"), D("0.75"))
    assert (fill.fee, fill.fee_asset, fill.maker) == (D("0.00025"), "ETH", True)


def test_when_it_was_cancelled_the_own_id_stands_in_the_capital_letter() -> None:
    told = report(frame(x="CANCELED", X="CANCELED", c="web_cancel", C="tt1-mine"))
    assert told.spec.client_id == "tt1-mine"
    assert report(frame(x="CANCELED", X="CANCELED", c="own", C="")).spec.client_id == "own"
    assert report(frame(x="NEW", c="own", C="other")).spec.client_id == "own"


def test_a_refusal_and_an_expiry_keep_the_venues_words() -> None:
    told = report(frame(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES"))
    assert (told.status, told.reject_reason) == ("REJECTED", "INSUFFICIENT_BALANCES")
    assert report(frame(x="EXPIRED", X="EXPIRED", eR=3)).reject_code == "3"


def test_a_prevented_trade_is_no_fill() -> None:
    told = report(frame(x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH", pl="1", pL="2", l="0", L="0"))
    assert (told.status, told.fill) == ("EXPIRED", None)


def test_a_stop_waits_for_its_trigger_until_it_is_on_the_book() -> None:
    stop = {"o": "STOP_LOSS_LIMIT", "P": "0.09", "g": 5}
    assert report(frame(**stop, w=False)).status == "UNTRIGGERED"
    assert report(frame(**stop, w=True)).status == "NEW"
    assert report(frame(**stop)).spec.list_id == "5"


BAD_NUMBERS = [
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "-1",
    "1e308",
    "1e-30",
    "",
    " 1",
    "abc",
    "1,5",
    "1_0",
    "1.",
    ".5",
    "+1",
    "0x10",
    "٣",
]


@pytest.mark.parametrize("key", ["q", "p", "z", "P", "Q"])
@pytest.mark.parametrize("text", [*BAD_NUMBERS, None, 1, 1.5, True, [], {}])
def test_numbers_that_cannot_be_are_refused(key: str, text: object) -> None:
    with pytest.raises((Unreadable, *WIRE_ERRORS)):
        report(frame(**{key: text}))


@pytest.mark.parametrize(
    "fields", [{"l": "0"}, {"L": "0"}, {"t": -1}, {"l": "2"}, {"n": "NaN"}, {"l": "NaN"}, {"L": "-3"}]
)
def test_a_trade_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    trade = {"x": "TRADE", "X": "FILLED", "l": "1", "L": "0.1", "z": "1", "Z": "0.1", "n": "0", "N": "ETH", "t": 5}
    assert report(frame(**trade)).fill is not None
    with pytest.raises((Unreadable, *WIRE_ERRORS)):
        report(frame(**{**trade, **fields}))


@pytest.mark.parametrize("key", ["s", "c", "S", "o", "f", "q", "p", "x", "X", "i", "z", "E"])
def test_a_missing_key_is_refused(key: str) -> None:
    told = msgspec.json.decode(NEW)
    del told[key]
    with pytest.raises((Unreadable, *WIRE_ERRORS)):
        report(msgspec.json.encode(told))


def test_an_over_fill_is_the_truth_and_kept() -> None:
    assert report(frame(x="TRADE", X="FILLED", l="1", L="1", z="1.5", t=9)).filled == D("1.5")


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(BAD_NUMBERS),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.text(max_size=80),
    st.lists(st.integers(), max_size=2),
)


@given(
    st.dictionaries(st.sampled_from(list(msgspec.json.decode(NEW))), ODD, max_size=6),
    st.sampled_from(["NEW", "TRADE", "CANCELED", "EXPIRED"]),
    st.sets(st.sampled_from(list(msgspec.json.decode(NEW))), max_size=2),
)
def test_anything_is_read_or_refused_and_what_is_read_is_sane(
    fields: dict[str, Any], kind: str, gone: set[str]
) -> None:
    told = {**msgspec.json.decode(NEW), "x": kind, **fields}
    for key in gone:
        told.pop(key, None)
    try:
        read = report(msgspec.json.encode(told))
    except (Unreadable, *WIRE_ERRORS):
        return
    amounts = [read.filled, read.filled_quote, read.spec.quantity, read.spec.price, read.spec.stop_price]
    amounts += [read.fill.price, read.fill.quantity, read.fill.cumulative] if read.fill else []
    assert all(value.is_finite() and 0 <= value < 10**18 for value in amounts)
    assert read.fill is None or read.fill.fee.is_finite()
    assert read.spec.side in ("BUY", "SELL")


def test_balances_are_absolute() -> None:
    told = b'{"e":"outboundAccountPosition","E":1564034571105,"u":1564034571073,"B":[{"a":"ETH","f":"10000.000000","l":"0.5"}]}'
    balances = events.balances_of_frame(events.decode_account_frame(told))
    assert (balances["ETH"].free, balances["ETH"].locked) == (D(10000), D("0.5"))
    with pytest.raises(Unreadable):
        events.balances_of_frame(events.decode_account_frame(b'{"B":[{"a":"ETH","f":"-1","l":"0"}]}'))
