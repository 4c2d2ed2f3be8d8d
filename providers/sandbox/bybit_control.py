"""Control messages on Bybit's public sockets: subscribe, unsubscribe and ping, with each category's own forms."""

from __future__ import annotations

import asyncio
from uuid import NAMESPACE_URL, uuid5

import msgspec

from core.clock import Clock
from providers.sandbox.bybit_ws import BybitStreams
from providers.sandbox.sockets import Connection, Topic

ACK_DELAY_S = 0.02
SPOT_ARGS_PER_REQUEST = 10
ARGS_TEXT_LIMIT = 21_000
IDLE_MS = 600_000


class Refusal(Exception):
    """A request the venue answers with `"success":false`; the message is its `ret_msg`."""


class BybitControl:
    """Reads the messages of one category's connections."""

    def __init__(self, streams: BybitStreams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._category = streams.feed.category
        self._heard_ms: dict[Connection, int] = {}
        self._ids: dict[Connection, str] = {}
        self._opened = 0

    def opened(self, connection: Connection) -> None:
        """Give the connection its id."""
        self._opened += 1
        self._heard_ms[connection] = self._clock.now_ms()
        self._ids[connection] = str(uuid5(NAMESPACE_URL, f"sandbox/{self._category}/{self._opened}"))

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._heard_ms.pop(connection, None)
        self._ids.pop(connection, None)
        for topic in connection.topics.values():
            topic.subscribers.pop(connection, None)
        connection.topics.clear()

    def retire(self, now_ms: int) -> None:
        """Cut connections that sent nothing for 10 minutes."""
        for connection, heard_ms in list(self._heard_ms.items()):
            if now_ms - heard_ms >= IDLE_MS:
                connection.hub.counts["idle_cut"] += 1
                connection.close(1000, "idle")

    def received(self, connection: Connection, text: str) -> None:
        """Carry out one request and acknowledge it about 20 ms later; data may come before the acknowledgement."""
        self._heard_ms[connection] = self._clock.now_ms()
        answer: dict[str, object] = {"success": True, "ret_msg": "", "conn_id": self._ids[connection]}
        try:
            request = msgspec.json.decode(text)
            if not isinstance(request, dict):
                raise Refusal("error:request must be an object")
            answer |= {"req_id": request.get("req_id", ""), "op": request.get("op", "")}
            self._execute(connection, request, answer)
        except msgspec.DecodeError:
            answer |= {"success": False, "ret_msg": "error:invalid json", "op": ""}
        except Refusal as refusal:
            answer |= {"success": False, "ret_msg": str(refusal)}
        payload = msgspec.json.encode(answer)
        asyncio.get_running_loop().call_later(ACK_DELAY_S, self._acknowledge, connection, payload)

    def _acknowledge(self, connection: Connection, payload: bytes) -> None:
        connection.send(payload)
        connection.hub.flush()

    def _execute(self, connection: Connection, request: dict[str, object], answer: dict[str, object]) -> None:
        op = request.get("op")
        if op == "ping":
            answer["ret_msg"] = "pong"
            if self._category == "spot":
                del answer["req_id"]
        elif op == "subscribe":
            topics = self._topics(connection, request)
            for topic in topics:
                topic.subscribers[connection] = None
                connection.topics[topic.name] = topic
                self._streams.followed(topic, connection)
        elif op == "unsubscribe":
            for name in self._names(request):
                gone = connection.topics.pop(name, None)
                if gone is not None:
                    gone.subscribers.pop(connection, None)
        else:
            raise Refusal(f"error:unknown op {op}")
        if self._category == "spot" and op != "ping":
            answer["ret_msg"] = op

    @staticmethod
    def _names(request: dict[str, object]) -> list[str]:
        names = request.get("args")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refusal("error:args must be a list of topics")
        return names

    def _topics(self, connection: Connection, request: dict[str, object]) -> list[Topic]:
        """Every topic of a request, or a refusal of all of it."""
        names = self._names(request)
        if self._category == "spot" and len(names) > SPOT_ARGS_PER_REQUEST:
            raise Refusal(f"args size >{SPOT_ARGS_PER_REQUEST}")
        if sum(map(len, {*connection.topics, *names})) > ARGS_TEXT_LIMIT:
            raise Refusal(f"args length >{ARGS_TEXT_LIMIT}")
        topics = []
        for name in names:
            topic = self._streams.topic(name)
            if topic is None:
                raise Refusal(f"error:handler not found,topic:{name}")
            topics.append(topic)
        return topics
