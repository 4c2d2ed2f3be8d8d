"""WebSocket connections of the sandbox: one frame encoded once, its bytes written to every subscriber.

A batch of events becomes one `transport.write` per connection. uvicorn's own send path would encode and write every
message for every client; at 2,500 messages a second that is most of a core, so frames bypass it while the handshake,
pings and closing stay with uvicorn.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

WRITE_BUFFER_LIMIT = 8 * 1024 * 1024
"""Bytes a client may leave unread before it is cut off, as venues do with slow readers."""


class StreamProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, reachable from the endpoint as `scope["state"]["protocol"]`."""

    async def run_asgi(self) -> None:
        self.scope["state"]["protocol"] = self
        await super().run_asgi()


def text_frame(payload: bytes) -> bytes:
    """A final, unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Connection:
    """One client's socket: frames wait in the outbox until the batch is flushed."""

    def __init__(self, hub: Hub, websocket: WebSocket, opened_ms: int) -> None:
        self.hub = hub
        self.protocol: StreamProtocol = websocket.scope["state"]["protocol"]
        self.opened_ms = opened_ms
        self.combined = False
        self.topics: dict[str, Topic] = {}
        self._outbox: list[bytes] = []

    @property
    def open(self) -> bool:
        """Whether frames may still be written."""
        return self.protocol.conn.state is State.OPEN and not self.protocol.transport.is_closing()

    def push(self, frame: bytes) -> None:
        """Queue one encoded frame for the next flush."""
        if not self._outbox:
            self.hub.dirty.append(self)
        self._outbox.append(frame)

    def send(self, payload: bytes) -> None:
        """Queue one message."""
        self.push(text_frame(payload))

    def flush(self) -> None:
        """Write what waits; cut the client off when it left too much unread."""
        frames, self._outbox = self._outbox, []
        if not self.open:
            return
        transport = self.protocol.transport
        transport.write(b"".join(frames))
        self.hub.counts["frames"] += len(frames)
        if transport.get_write_buffer_size() > self.hub.write_buffer_limit:
            self.hub.counts["slow_readers_cut"] += 1
            transport.abort()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start the closing handshake and hang up."""
        if self.open:
            self.protocol.conn.send_close(code, reason)
            self.protocol.transport.write(b"".join(self.protocol.conn.data_to_send()))
            self.protocol.close_sent = True
        self.protocol.transport.close()

    def abort(self) -> None:
        """Cut the TCP connection without a word."""
        self.protocol.transport.abort()


class Topic:
    """One stream and who follows it. `channel` is the venue-neutral kind the faults are scripted by."""

    __slots__ = ("channel", "head", "held", "interval", "level", "name", "state", "subscribers", "symbol")

    def __init__(self, name: str, symbol: str = "", channel: str = "", interval: str = "", level: int = 0) -> None:
        self.name = name
        self.symbol = symbol
        self.channel = channel
        self.interval = interval
        self.level = level
        self.subscribers: dict[Connection, None] = {}
        self.head = b'{"stream":"' + name.encode() + b'","data":'
        self.held: bytes | None = None
        self.state: Any = None


class Hub:
    """Every open connection, and the fan-out of payloads to the followers of a topic."""

    def __init__(self, write_buffer_limit: int = WRITE_BUFFER_LIMIT) -> None:
        self.connections: set[Connection] = set()
        self.dirty: list[Connection] = []
        self.counts: Counter[str] = Counter()
        self.write_buffer_limit = write_buffer_limit

    def deliver(self, topic: Topic, payload: bytes) -> None:
        """Queue one payload for every subscriber, wrapped where the client asked for combined frames."""
        raw = wrapped = b""
        for connection in topic.subscribers:
            if connection.combined:
                if not wrapped:
                    wrapped = text_frame(topic.head + payload + b"}")
                connection.push(wrapped)
            else:
                if not raw:
                    raw = text_frame(payload)
                connection.push(raw)

    def flush(self) -> None:
        """Write every waiting frame, one write per connection."""
        if self.dirty:
            waiting, self.dirty = self.dirty, []
            for connection in waiting:
                connection.flush()
