"""Who may use Bybit's private endpoints: signed REST requests and the private socket's login.

REST signs `timestamp + key + recv_window + payload`, where payload is the query string or the body exactly as sent; the socket
signs `GET/realtime` and the time its login expires. Both are HMAC-SHA256 in lower-case hex.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from providers.sandbox.bybit_rest import RetError

DEFAULT_RECV_WINDOW_MS = 5_000
AHEAD_MS = 1_000
"""How far a timestamp may lie in the venue's future."""
WINDOW_MS = 1_000
"""Endpoint limits count over a rolling second."""


class Keys(Struct, frozen=True):
    """The one key the sandbox knows. An empty key lets nobody in."""

    key: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Keys(key={self.key!r})"

    def sign(self, payload: bytes) -> str:
        """The signature of a payload."""
        return hmac.new(self.secret, payload, hashlib.sha256).hexdigest()

    def signed(self, payload: bytes, signature: str) -> bool:
        """Whether the signature is ours."""
        return hmac.compare_digest(self.sign(payload).encode(), signature.encode())


def check_request(keys: Keys, headers: Mapping[str, str], payload: bytes, now_ms: int) -> None:
    """Raise `RetError` unless the request is signed with our key and its time fits the venue's clock `now_ms`."""
    key = headers.get("x-bapi-api-key", "")
    if not key or key != keys.key:
        raise RetError(10003, "API key is invalid.")
    stamp, window = headers.get("x-bapi-timestamp", ""), headers.get("x-bapi-recv-window", "")
    if not stamp.isdecimal() or not (window or "0").isdecimal():
        raise RetError(10001, "params error: X-BAPI-TIMESTAMP or X-BAPI-RECV-WINDOW invalid")
    window_ms = int(window) if window else DEFAULT_RECV_WINDOW_MS
    if not now_ms - window_ms <= int(stamp) < now_ms + AHEAD_MS:
        raise RetError(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window_ms}]",
        )
    if not keys.signed(f"{stamp}{key}{window}".encode() + payload, headers.get("x-bapi-sign", "")):
        raise RetError(10004, "error sign! please check your signature generation algorithm.")


def login_refusal(keys: Keys, args: object, now_ms: int) -> str:
    """Why a socket's `auth` arguments (key, expires ms, signature) are not accepted; empty when they are."""
    if not isinstance(args, list) or len(args) != 3:
        return "Params Error"
    key, expires, signature = args
    if not isinstance(expires, int | str) or not str(expires).isdecimal() or not isinstance(signature, str):
        return "Params Error"
    if not key or key != keys.key:
        return "Invalid apikey"
    if int(expires) <= now_ms:
        return "Params Error, expires is in the past"
    if not keys.signed(f"GET/realtime{expires}".encode(), signature):
        return "Params Error, signature mismatch"
    return ""


class RollingLimit:
    """At most `limit` requests in any second."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: deque[int] = deque()

    def take(self, now_ms: int) -> bool:
        """Count one request; False, and not counted, when the second is full."""
        while self._taken and self._taken[0] <= now_ms - WINDOW_MS:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now_ms)
        return True

    @property
    def left(self) -> int:
        """Requests left in this second."""
        return self.limit - len(self._taken)

    def free_at_ms(self, now_ms: int) -> int:
        """When the next request fits; now if one does."""
        return self._taken[0] + WINDOW_MS if self._taken and not self.left else now_ms


LIMITS: dict[str, dict[str, int]] = {
    "order/create": {"spot": 20, "": 10},
    "order/amend": {"": 10},
    "order/cancel": {"spot": 20, "": 10},
    "order/cancel-all": {"spot": 20, "": 10},
    "order/realtime": {"": 50},
    "order/history": {"": 50},
    "execution/list": {"": 50},
    "position/list": {"": 50},
    "account/wallet-balance": {"": 50},
    "account/info": {"": 50},
    "account/fee-rate": {"": 5},
    "user/query-api": {"": 10},
    "position/set-leverage": {"": 10},
    "position/trading-stop": {"": 10},
    "position/switch-mode": {"": 10},
}
"""Requests per second and endpoint, by category where they differ ("": every other)."""


class EndpointLimits:
    """The rolling limits of one user."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], RollingLimit] = {}

    def of(self, path: str, category: str) -> RollingLimit:
        """The limit of an endpoint, made at first use."""
        by_category = LIMITS[path]
        group = category if category in ("spot", "linear") else ""
        if (path, group) not in self._limits:
            self._limits[path, group] = RollingLimit(by_category.get(group, by_category[""]))
        return self._limits[path, group]
