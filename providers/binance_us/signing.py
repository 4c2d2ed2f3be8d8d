"""Binance's signature, byte by byte, and what its answers to signed requests mean (exchanges.md A7, A8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from core.credentials import Credentials
from core.venue import Rejected
from providers.binance_us.wire import WIRE_ERRORS
from providers.signed_rest import ClockRefused, Limited, Refusal, Signed, Unclear

RECV_WINDOW_MS = 5000
TIME_PATH = "/api/v3/time"
LISTEN_KEY_PATH = "/api/v3/userDataStream"
PUBLIC_PATHS: Final = frozenset({TIME_PATH, "/api/v3/exchangeInfo"})
KEY_PATHS: Final = frozenset({LISTEN_KEY_PATH})

UNCLEAR_CODES: Final = frozenset({-1000, -1001, -1006, -1007, -1008})
"""The venue itself does not know whether it carried the request out."""
CLOCK_CODE = -1021
ENGINE_REFUSED = -2010
DUPLICATE = "duplicate order"
UNKNOWN_ORDER = -2011
NO_SUCH_ORDER = -2013
REPLACE_CODES: Final = frozenset({-2021, -2022})
LIMIT_CODES: Final = frozenset({-1003, -1015})
KEY_CODES: Final = frozenset({-1002, -2008, -2014, -2015})
REMEDY_KEY = (
    "check the key, its permissions and its list of addresses at the venue, then run `tradetui keys set binance_us`"
)


class Signer:
    """Adds `recvWindow`, `timestamp` and the signature to the query, and the key to the headers."""

    def __init__(self, credentials: Credentials, recv_window_ms: int = RECV_WINDOW_MS) -> None:
        self._credentials = credentials
        self._recv_window_ms = recv_window_ms

    def __call__(self, method: str, path: str, query: str, body: bytes, timestamp_ms: int) -> Signed:
        """See `providers.signed_rest.Signer`. The payload is the query as sent and the body, with nothing between."""
        if path in PUBLIC_PATHS:
            return Signed(query, body, {})
        headers = {"X-MBX-APIKEY": self._credentials.key}
        if path in KEY_PATHS:
            return Signed(query, body, headers)
        stamped = f"recvWindow={self._recv_window_ms}&timestamp={timestamp_ms}"
        query = f"{query}&{stamped}" if query else stamped
        return Signed(f"{query}&signature={self._credentials.sign(query.encode() + body)}", body, headers)

    def subscription(self, timestamp_ms: int) -> dict[str, str | int]:
        """Parameters of `userDataStream.subscribe.signature`: signed in the order of their names."""
        params: dict[str, str | int] = {"apiKey": self._credentials.key, "timestamp": timestamp_ms}
        return {**params, "signature": self._credentials.sign(urlencode(sorted(params.items())).encode())}


class ErrorBody(msgspec.Struct):
    """`{"code":-1121,"msg":"Invalid symbol."}`."""

    code: int
    msg: str = ""


_decode_error = msgspec.json.Decoder(ErrorBody).decode


def error_in(body: bytes) -> ErrorBody | None:
    """The error a body tells of; None if it is none."""
    try:
        return _decode_error(body)
    except WIRE_ERRORS:
        return None


def judge(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """See `providers.signed_rest.Judge`."""
    if status == 200:
        if body.lstrip()[:1] not in (b"{", b"["):
            raise Unclear("UNREADABLE", "binance_us: the answer is no JSON")
        return
    error = error_in(body)
    if error is None:
        return
    if error.code in REPLACE_CODES:
        raise Refusal(f"binance_us: {error.msg} ({error.code})", error.code, body)
    raise verdict(error)


def verdict(error: ErrorBody) -> Rejected | Unclear:
    """What an error of the venue says of the request: refused for certain, or nobody knows."""
    code, text = error.code, f"binance_us: {error.msg} ({error.code})"
    if code in UNCLEAR_CODES:
        return Unclear("SERVER_ERROR", text)
    if code == ENGINE_REFUSED and DUPLICATE in error.msg.lower():
        return Unclear("SERVER_ERROR", f"{text}: an order with this id exists")
    if code == CLOCK_CODE:
        return ClockRefused(text, code)
    if code in LIMIT_CODES:
        return Limited(text, code)
    if code in KEY_CODES:
        return Rejected(f"{text}; {REMEDY_KEY}", code)
    return Rejected(text, code)
