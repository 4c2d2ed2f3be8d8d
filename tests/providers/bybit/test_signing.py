"""Signatures equal the venue's published vectors, and every answer is judged by what its code proves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.clock import SimClock
from core.credentials import Credentials
from core.settings import Market, Settings
from core.venue import Fatal, Rejected
from providers.bybit.order_codes import meaning, refused_outcome
from providers.bybit.private_stream import auth_request
from providers.bybit.signing import budget, hosts, judge, server_time, signer
from providers.signed_rest import ClockRefused, Limited, Unclear

CREDENTIALS = Credentials("test_api_key", "test_secret")
AT_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        ("category=linear&symbol=BTCUSDT", b"", "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7"),
        (
            "",
            b'{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "test-order-1"}',
            "2df4a0603d69c08d5dea29ba85b46eb7db64ce9e9ebd34a7802a3d69700cb2a1",
        ),
        (
            "",
            b'{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"28000",'
            b'"timeInForce":"GTC","orderLinkId":"t-1"}',
            "06f55a8a0e83a0c14c62864e70f2771018210f0208d4ec7d222a52f4e57a8aac",
        ),
    ],
)
def test_published_signatures(query, body, signature):
    signed = signer(CREDENTIALS)("POST" if body else "GET", "/v5/order/create", query, body, AT_MS)
    assert signed.headers["X-BAPI-SIGN"] == signature
    assert (signed.query, signed.body) == (query, body)
    assert signed.headers["X-BAPI-TIMESTAMP"] == str(AT_MS)
    assert ("Content-Type" in signed.headers) == bool(body)


def test_the_published_signature_of_the_socket():
    request = msgspec.json.decode(auth_request(CREDENTIALS, AT_MS))
    assert request["args"] == [
        "test_api_key", AT_MS, "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925",
    ]  # fmt: skip


def test_the_clock_is_asked_without_a_key():
    assert signer(CREDENTIALS)("GET", "/v5/market/time", "", b"", AT_MS).headers == {}


def answer(code: Any, **more: Any) -> bytes:
    return msgspec.json.encode({"retCode": code, "retMsg": "words", "result": {}, "time": AT_MS} | more)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (10002, ClockRefused),
        (10006, Limited),
        (170222, Limited),
        (10000, Unclear),
        (10016, Unclear),
        (170146, Unclear),
        (110072, Unclear),
        (170141, Unclear),
        (10001, Rejected),
        (10003, Rejected),
        (110007, Rejected),
        (33004, Rejected),
        (123456, Rejected),
        (-7, Rejected),
    ],
)
def test_what_a_code_proves(code, error):
    with pytest.raises(error) as raised:
        judge(200, {}, answer(code))
    assert type(raised.value) is error
    assert str(code) in str(raised.value)


@pytest.mark.parametrize("code", [0, 110043, 110025, 110026])
def test_done_and_nothing_to_do_are_both_success(code):
    judge(200, {}, answer(code))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"result":{}}', b'{"retCode":"x"}', b'{"retCode":null}', b"\xff"]
)
def test_an_answer_without_a_code_proves_nothing(body):
    with pytest.raises(Unclear):
        judge(200, {}, body)
    judge(404, {}, body)


def test_a_limit_lasts_until_its_stamp():
    for stamp, wait_s in (
        (str(AT_MS + 700), 0.7),
        (str(AT_MS - 5), 0.05),
        (str(AT_MS + 10**9), 60.0),
        ("soon", 1.0),
        ("9", 1.0),
    ):
        with pytest.raises(Limited) as limited:
            judge(200, {"X-Bapi-Limit-Reset-Timestamp": stamp}, answer(10006))
        assert limited.value.retry_in_s == pytest.approx(wait_s)


def test_codes_of_cancels():
    assert refused_outcome("110001") == refused_outcome("170190") == "GONE"
    assert refused_outcome("110079") == refused_outcome("FATAL") == refused_outcome("") == "REFUSED"
    assert meaning(110001) == "REFUSED"


def test_the_venues_clock():
    assert server_time(
        answer(0, result={"timeSecond": "1688639403", "timeNano": "1688639403423213947"})
    ) == pytest.approx(1688639403423.213947)


def settings_of(category: str = "linear", **network: Any) -> Settings:
    return msgspec.structs.replace(
        Settings(market=msgspec.convert({"venue": "bybit", "category": category}, Market)),
        network=msgspec.convert(network, type(Settings().network)),
    )


@pytest.mark.parametrize(
    ("stream", "private"),
    [
        ("ws://127.0.0.1:5/v5/public", "ws://127.0.0.1:5/v5/private"),
        ("ws://127.0.0.1:5/v5/public/", "ws://127.0.0.1:5/v5/private"),
        ("ws://127.0.0.1:5", "ws://127.0.0.1:5/v5/private"),
    ],
)
def test_the_private_socket_stands_beside_the_public_ones(stream, private):
    assert hosts(settings_of(bybit_rest="http://127.0.0.1:5", bybit_stream=stream)) == ("http://127.0.0.1:5", private)


def test_both_hosts_are_named_or_neither():
    assert hosts(settings_of()) == ("https://api.bybit.com", "wss://stream.bybit.com/v5/private")
    for one in ({"bybit_rest": "http://127.0.0.1:5"}, {"bybit_stream": "ws://127.0.0.1:5"}):
        with pytest.raises(Fatal, match=next(iter(one))):
            hosts(settings_of(**one))


@pytest.mark.parametrize(("category", "path", "rate"), [
    ("linear", "/v5/order/create", 10), ("spot", "/v5/order/create", 20), ("spot", "/v5/order/amend", 10),
    ("linear", "/v5/order/realtime", 50), ("spot", "/v5/account/fee-rate", 5),
])  # fmt: skip
def test_rates_of_endpoints_keep_a_quarter_for_what_protects(category, path, rate):
    clock = SimClock(AT_MS)
    limits = budget(clock, settings_of(category), clock.now_ms)
    sent = 0
    while limits.room_in_s(path, 1, 1, safety=False) <= 0:
        sent += 1
    assert sent == int(rate * 0.75)
    while limits.room_in_s(path, 1, 1, safety=True) <= 0:
        sent += 1
    assert sent == rate


def test_market_data_leaves_a_part_of_the_addresss_limit():
    clock = SimClock(AT_MS)
    for share, allowed in ((0.8, 120), (1.0, 60), (0.5, 300)):
        limits = budget(clock, settings_of(rest_budget_share=share), clock.now_ms)
        sent = 0
        while limits.room_in_s(f"/path/{sent}", 1, 0, safety=True) <= 0:
            sent += 1
        assert sent == allowed
