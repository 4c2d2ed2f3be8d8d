"""Binance's signature against the documented vectors (exchanges.md A7), and what its errors mean."""

from __future__ import annotations

import msgspec
import pytest

from core.credentials import Credentials
from core.venue import Rejected
from providers.binance_us.signing import ErrorBody, Signer, judge, verdict
from providers.signed_rest import ClockRefused, Limited, Refusal, Unclear

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


@pytest.fixture
def signer() -> Signer:
    return Signer(Credentials(KEY, SECRET))


def test_the_documented_vector_of_a_query(signer: Signer) -> None:
    query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
    signed = signer("POST", "/api/v3/order", query, b"", 1499827319559)
    assert signed.query == (
        f"{query}&recvWindow=5000&timestamp=1499827319559"
        "&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )
    assert signed.headers == {"X-MBX-APIKEY": KEY}
    assert signed.body == b""


def test_the_documented_vector_of_query_and_body_together() -> None:
    query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
    body = b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    told = Credentials(KEY, SECRET).sign(query.encode() + body)
    assert told == "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"


def test_the_vector_of_a_subscription(signer: Signer) -> None:
    assert signer.subscription(1747385641636) == {
        "apiKey": KEY,
        "timestamp": 1747385641636,
        "signature": "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e",
    }


def test_what_needs_no_signature_gets_none(signer: Signer) -> None:
    assert signer("GET", "/api/v3/time", "", b"", 1) == ("", b"", {})
    assert signer("PUT", "/api/v3/userDataStream", "listenKey=x", b"", 1) == ("listenKey=x", b"", {"X-MBX-APIKEY": KEY})
    assert signer("GET", "/api/v3/account", "", b"", 1).query.startswith("recvWindow=5000&timestamp=1&signature=")


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        *((code, "x", Unclear) for code in (-1000, -1001, -1006, -1007, -1008)),
        (-2010, "Duplicate order sent.", Unclear),
        (-2010, "Account has insufficient balance for requested action.", Rejected),
        (-2010, "Order would trigger immediately.", Rejected),
        (-1021, "Timestamp for this request was 1000ms ahead of the server's time.", ClockRefused),
        (-1003, "Too much request weight used", Limited),
        (-1015, "Too many new orders", Limited),
        (-1013, "Filter failure: PRICE_FILTER", Rejected),
        (-2011, "Unknown order sent.", Rejected),
        (-2013, "Order does not exist.", Rejected),
        (-1022, "Signature for this request is not valid.", Rejected),
    ],
)
def test_every_code_has_its_meaning(code: int, text: str, kind: type[Exception]) -> None:
    told = verdict(ErrorBody(code, text))
    assert type(told) is kind
    assert text in str(told)
    assert str(code) in str(told)
    with pytest.raises(kind):
        judge(400, {}, msgspec.json.encode({"code": code, "msg": text}))


def test_a_key_that_is_refused_names_the_remedy() -> None:
    assert "tradetui keys set binance_us" in str(verdict(ErrorBody(-2015, "Invalid API-key, IP, or permissions")))


@pytest.mark.parametrize(("status", "code"), [(409, -2021), (400, -2022)])
def test_a_failed_replace_keeps_its_body(status: int, code: int) -> None:
    body = b'{"code":%d,"msg":"Order cancel-replace failed.","data":{}}' % code
    with pytest.raises(Refusal) as raised:
        judge(status, {}, body)
    assert (raised.value.code, raised.value.body) == (code, body)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"12", b"OK"])
def test_a_200_without_json_tells_nothing(body: bytes) -> None:
    with pytest.raises(Unclear) as raised:
        judge(200, {}, body)
    assert raised.value.why == "UNREADABLE"


def test_json_passes_and_an_unreadable_refusal_is_left_to_the_caller() -> None:
    judge(200, {}, b'{"orderId":1}')
    judge(200, {}, b" []")
    judge(400, {}, b"<html>")
    judge(400, {}, b'{"code":"x"}')
