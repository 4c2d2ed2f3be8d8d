"""Control frames on Binance.US sockets: SUBSCRIBE and its relatives, with the venue's acknowledgements and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from starlette.datastructures import URL

from core.clock import Clock
from providers.sandbox.binance_us_ws import BinanceStreams
from providers.sandbox.sockets import Connection

ACK_DELAY_S = 0.02
MESSAGES_PER_SECOND = 5
STREAMS_PER_CONNECTION = 1024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Refusal(Exception):
    """A control request the venue answers with `{"code","msg"}`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class BinanceControl:
    """Reads control frames of all connections; acknowledgements leave about 20 ms later, as over a real line."""

    def __init__(self, streams: BinanceStreams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._arrivals: dict[Connection, list[float]] = {}
        self._handlers: dict[str, Callable[[Connection, list[object]], object]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda connection, params: list(connection.topics),
            "SET_PROPERTY": self._set_property,
            "GET_PROPERTY": self._get_property,
        }

    def opened(self, connection: Connection, url: URL) -> None:
        """Follow the streams named in the address: `/ws/<a>/<b>` or `/stream?streams=<a>/<b>`."""
        self._arrivals[connection] = []
        if url.path.startswith("/stream"):
            connection.combined = True
            query = dict(part.partition("=")[::2] for part in url.query.split("&"))
            names = query.get("streams", "").replace("%40", "@").replace("%2F", "/").split("/")
        else:
            names = url.path.removeprefix("/ws").split("/")
        for name in names:
            if name:
                self._follow(connection, name)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._arrivals.pop(connection, None)
        for topic in connection.topics.values():
            topic.subscribers.pop(connection, None)
        connection.topics.clear()

    def received(self, connection: Connection, text: str) -> None:
        """Carry out one control frame and acknowledge it."""
        now_s = self._clock.monotonic()
        recent = self._arrivals[connection] = [at for at in self._arrivals[connection] if now_s - at < 1.0]
        recent.append(now_s)
        if len(recent) > MESSAGES_PER_SECOND:
            connection.hub.counts["too_many_messages"] += 1
            connection.close(1008, "Too many requests")
            return
        request_id: object = None
        try:
            request = self._parse(text)
            request_id = request.get("id")
            if not self._valid_id(request_id):
                request_id = None
                raise Refusal(2, "Invalid request: request ID must be an unsigned integer")
            answer: dict[str, object] = {"result": self._execute(connection, request), "id": request_id}
        except Refusal as refusal:
            answer = {"code": refusal.code, "msg": str(refusal), "id": request_id}
            if request_id is None:
                del answer["id"]
        payload = msgspec.json.encode(answer)
        asyncio.get_running_loop().call_later(ACK_DELAY_S, self._acknowledge, connection, payload)

    def _acknowledge(self, connection: Connection, payload: bytes) -> None:
        connection.send(payload)
        connection.hub.flush()

    @staticmethod
    def _parse(text: str) -> dict[str, object]:
        try:
            request = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise Refusal(3, f"Invalid JSON: {error}") from error
        if not isinstance(request, dict):
            raise Refusal(2, "Invalid request: expected an object")
        return request

    @staticmethod
    def _valid_id(request_id: object) -> bool:
        if request_id is None or isinstance(request_id, str):
            return True
        return isinstance(request_id, int) and not isinstance(request_id, bool) and request_id >= 0

    def _execute(self, connection: Connection, request: dict[str, object]) -> object:
        if "method" not in request:
            raise Refusal(2, "Invalid request: missing field `method`")
        method = request["method"]
        if not isinstance(method, str) or method not in METHODS:
            expected = ", ".join(f"`{name}`" for name in METHODS)
            raise Refusal(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        params = request.get("params", [])
        if not isinstance(params, list):
            raise Refusal(2, "Invalid request: params must be a sequence")
        return self._handlers[method](connection, params)

    def _names(self, params: list[object]) -> list[str]:
        if not params or not all(isinstance(name, str) for name in params):
            raise Refusal(2, "Invalid request: params must be a sequence of stream names")
        return [str(name) for name in params]

    def _subscribe(self, connection: Connection, params: list[object]) -> None:
        names = self._names(params)
        if len(set(connection.topics) | set(names)) > STREAMS_PER_CONNECTION:
            raise Refusal(2, f"Invalid request: too many streams, at most {STREAMS_PER_CONNECTION} per connection")
        for name in names:
            self._follow(connection, name)

    def _follow(self, connection: Connection, name: str) -> None:
        topic = self._streams.topic(name)
        if connection not in topic.subscribers:
            first = not topic.subscribers
            topic.subscribers[connection] = None
            connection.topics[name] = topic
            if first:
                self._streams.followed(topic)

    def _unsubscribe(self, connection: Connection, params: list[object]) -> None:
        for name in self._names(params):
            topic = connection.topics.pop(name, None)
            if topic is not None:
                topic.subscribers.pop(connection, None)

    @staticmethod
    def _set_property(connection: Connection, params: list[object]) -> None:
        if len(params) != 2:
            raise Refusal(2, "Invalid request: expected a property name and a value")
        if params[0] != "combined":
            raise Refusal(0, "Unknown property")
        if not isinstance(params[1], bool):
            raise Refusal(1, "Invalid value type: expected Boolean")
        connection.combined = params[1]

    @staticmethod
    def _get_property(connection: Connection, params: list[object]) -> bool:
        if params != ["combined"]:
            raise Refusal(0, "Unknown property")
        return connection.combined
