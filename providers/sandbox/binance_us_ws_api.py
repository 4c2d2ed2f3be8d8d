"""The WebSocket API of Binance.US: requests and answers on one socket, and the user stream by signature.

Faults of answers and requests (`order_faults.answer`) belong to REST; refusals and private faults hold here too.
"""

from __future__ import annotations

import msgspec

from providers.sandbox.binance_us_auth import check_key, check_signed, socket_bytes
from providers.sandbox.binance_us_orders import ENDPOINTS, BinanceOrders, Endpoint, flat
from providers.sandbox.binance_us_params import ApiError, Params
from providers.sandbox.binance_us_rest import BinanceRest
from providers.sandbox.binance_us_user import UserStreams
from providers.sandbox.sockets import Connection

PATH = "/ws-api/v3"
CONNECT_WEIGHT = 2
METHODS: dict[str, tuple[str, str]] = {
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "orderList.place": ("POST", "order/oco"),
    "orderList.status": ("GET", "orderList"),
    "orderList.cancel": ("DELETE", "orderList"),
    "openOrderLists.status": ("GET", "openOrderList"),
    "myTrades": ("GET", "myTrades"),
    "account.status": ("GET", "account"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"),
}
"""The methods that are REST endpoints in another dress."""


class Asked(msgspec.Struct):
    """One request. The id comes back as it was."""

    method: str
    id: int | str | None = None
    params: dict[str, str | int | float | bool | None] = {}


class BinanceWsApi:
    """Answers requests; `user` is None without an account."""

    def __init__(self, rest: BinanceRest, orders: BinanceOrders, user: UserStreams | None) -> None:
        self.connections: set[Connection] = set()
        self._rest = rest
        self._orders = orders
        self._user = user
        self._decode = msgspec.json.Decoder(Asked).decode

    def opened(self, connection: Connection) -> None:
        """Connecting costs weight of its own."""
        self.connections.add(connection)
        self._rest.limits.charge(CONNECT_WEIGHT, self._rest.feed.clock.now_ms())

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    def received(self, connection: Connection, text: str) -> None:
        """Carry out one request and answer it."""
        asked: Asked | None = None
        try:
            asked = self._decode(text)
            content = self._content(connection, asked)
            answer: dict[str, object] = {"id": asked.id, "status": 200, "result": content}
        except ApiError as error:
            answer = {"id": asked.id if asked else None, "status": error.status, "error": error.content()}
        except msgspec.DecodeError as error:
            answer = {"id": None, "status": 400, "error": {"code": -1135, "msg": f"Invalid JSON Request: {error}"}}
        connection.send(msgspec.json.encode(answer | {"rateLimits": [self._usage()]}))

    def _content(self, connection: Connection, asked: Asked) -> object:
        pairs = {name: _text(value) for name, value in asked.params.items() if value is not None}
        endpoint = ENDPOINTS[METHODS[asked.method]] if asked.method in METHODS else None
        self._charge(endpoint or Endpoint(lambda desk, params: None, flat(2)), pairs)
        if asked.method == "ping":
            return {}
        if asked.method == "time":
            return {"serverTime": self._rest.feed.now_ms()}
        if asked.method == "userDataStream.unsubscribe":
            if self._user is not None:
                self._user.unsubscribe(connection, asked.params.get("subscriptionId"))
            return {}
        key, payload = pairs.get("apiKey"), socket_bytes(pairs)
        if asked.method == "userDataStream.subscribe.signature":
            return self._subscribe(connection, pairs, key, payload)
        if endpoint is None:
            raise ApiError(-1020, f"Method {asked.method!r} is not supported by the sandbox.")
        pairs.pop("apiKey", None)
        return self._orders.content(endpoint, pairs, key, payload)

    def _subscribe(
        self, connection: Connection, pairs: dict[str, str], key: str | None, payload: bytes
    ) -> dict[str, int]:
        params = Params(pairs, self._rest.feed.listings)
        params.text("apiKey")
        accounts = check_key(self._orders.desk.accounts if self._orders.desk is not None else None, key)
        assert self._user is not None
        check_signed(accounts, params, payload, self._rest.feed.now_ms())
        params.finish()
        return {"subscriptionId": self._user.subscribe(connection)}

    def _charge(self, endpoint: Endpoint, pairs: dict[str, str]) -> None:
        verdict = self._rest.limits.charge(endpoint.weight(pairs), self._rest.feed.clock.now_ms())
        if verdict.status != 200:
            data = {"retryAfter": verdict.until_ms}
            raise ApiError(-1003, "Too much request weight used.", verdict.status, data)

    def _usage(self) -> dict[str, object]:
        window = self._rest.limits.weight
        return {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": window.limit,
            "count": window.used,
        }


def _text(value: str | int | float | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
