"""How Bybit v5 wants requests signed, how its answers are judged, and how many requests it takes (exchanges.md B4, B6).

Business errors come with HTTP 200 and a `retCode`; a body without one is not the documented envelope and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from core.clock import Clock
from core.credentials import Credentials
from core.settings import Settings
from core.venue import Fatal, Rejected
from providers.bybit import wire
from providers.bybit.order_codes import meaning
from providers.order_budget import EndpointBudget, SlidingLimit
from providers.signed_rest import ClockRefused, Limited, Signed, Signer, Unclear
from providers.trading_hosts import Environment

RECV_WINDOW_MS: Final = 5000
TIME_PATH: Final = "/v5/market/time"

REST_URLS: Final[dict[Environment, str]] = {
    "live": "https://api.bybit.com",
    "testnet": "https://api-testnet.bybit.com",
    "demo": "https://api-demo.bybit.com",
}
STREAM_URLS: Final[dict[Environment, str]] = {
    "live": "wss://stream.bybit.com/v5/private",
    "testnet": "wss://stream-testnet.bybit.com/v5/private",
    "demo": "wss://stream-demo.bybit.com/v5/private",
}

ADDRESS_LIMIT: Final = 600
ADDRESS_WINDOW_S: Final = 5.0
LEAST_SHARE: Final = 0.1
"""Market data and orders leave from one address and count together: orders have what market data leaves, this at least."""

_RATES: Final[dict[str, int]] = {
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/account/fee-rate": 5,
    "/v5/position/set-leverage": 10,
    "/v5/user/query-api": 10,
}
_SPOT_RATES: Final[dict[str, int]] = {"/v5/order/create": 20, "/v5/order/cancel": 20}
_READ_RATE: Final = 50


def signer(credentials: Credentials) -> Signer:
    """Signs time + key + window + query + body, exactly as they go on the wire. The clock is asked without a key."""

    def sign(method: str, path: str, query: str, body: bytes, timestamp_ms: int) -> Signed:
        if path == TIME_PATH:
            return Signed(query, body, {})
        payload = f"{timestamp_ms}{credentials.key}{RECV_WINDOW_MS}{query}".encode() + body
        headers = {
            "X-BAPI-API-KEY": credentials.key,
            "X-BAPI-TIMESTAMP": str(timestamp_ms),
            "X-BAPI-RECV-WINDOW": str(RECV_WINDOW_MS),
            "X-BAPI-SIGN": credentials.sign(payload),
        }
        if body:
            headers["Content-Type"] = "application/json"
        return Signed(query, body, headers)

    return sign


def judge(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Returns for `retCode` 0; else raises what the code proves. See `providers.signed_rest.Judge`."""
    try:
        answer = wire.replies.decode(body)
    except wire.DECODE_ERRORS as error:
        if status == 200:
            raise Unclear("UNREADABLE", f"bybit: an answer is not the documented envelope ({error})") from error
        return  # HTTP tells: see the caller
    code = answer.retCode
    text = f"bybit: retCode {code} {answer.retMsg[:200]}".rstrip()
    match meaning(code):
        case "DONE":
            return
        case "UNKNOWN":
            raise Unclear("SERVER_ERROR", text)
        case "CLOCK":
            raise ClockRefused(text, code)
        case "LIMIT":
            raise Limited(text, code, _limit_wait_s(answer.time, headers))
        case "ACCOUNT":
            raise Rejected(f"{text}; this key, address or account may not do that: check them on the website", code)
        case "REFUSED":
            raise Rejected(text, code)


def server_time(body: bytes) -> float:
    """The venue's clock in ms, from an answer of `TIME_PATH`."""
    now: wire.ServerTime = wire.server_times.decode(wire.replies.decode(body).result)
    return now.timeNano / 1e6


def budget(clock: Clock, settings: Settings, now_ms: Callable[[], int]) -> EndpointBudget:
    """The limits of one account, leaving to market data its share of the address's."""
    share = max(LEAST_SHARE, 1.0 - settings.network.rest_budget_share)
    address = SlidingLimit("requests per address", round(ADDRESS_LIMIT * share), ADDRESS_WINDOW_S, clock)
    rates = _RATES | (_SPOT_RATES if settings.market.category == "spot" else {})
    return EndpointBudget(clock, address, lambda path: rates.get(path, _READ_RATE), now_ms)


def hosts(settings: Settings) -> tuple[str, str]:
    """REST base and private stream URL. Raises `Fatal` when the settings name only one of the two hosts.

    `network.bybit_stream` is that of the public streams: the private one stands beside it.
    """
    network, environment = settings.network, settings.trading.environment
    if not network.bybit_rest and not network.bybit_stream:
        return REST_URLS[environment], STREAM_URLS[environment]
    if not network.bybit_rest or not network.bybit_stream:
        given = "bybit_rest" if network.bybit_rest else "bybit_stream"
        raise Fatal(f"bybit: [network] names {given} alone; orders need both bybit_rest and bybit_stream, or neither")
    base = network.bybit_stream.rstrip("/")
    parts = urlsplit(base)
    path = parts.path.removesuffix("/public").rstrip("/") or "/v5"
    return network.bybit_rest, parts._replace(path=f"{path}/private").geturl()


def _limit_wait_s(answered_ms: int, headers: Mapping[str, str]) -> float:
    """Until the stamp in the headers, which is on the venue's clock like the answer's own time."""
    stamp = headers.get("X-Bapi-Limit-Reset-Timestamp", "")
    if stamp.isdecimal() and len(stamp) == 13 and answered_ms:
        return min(60.0, max(0.05, (int(stamp) - answered_ms) / 1000))
    return 1.0
