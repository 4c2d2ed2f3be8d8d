"""One WebSocket connection of the `websockets` client that hands whole frames straight to a callback.

`recv()` costs a future and a wake-up of the reading task for every frame. A frame that arrives in one piece is handed over
inside the protocol's own event instead; only fragmented messages take the library's way. Measured in `make bench`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from core.settings import Feed, Network

CLOSE_TIMEOUT_S = 1.0
HARD_LIMIT_FACTOR = 16
HARD_LIMIT_BYTES = 64_000_000
"""Frames above `feed.max_frame_bytes` are dropped by the link; only far above it does the library end the connection."""

log = logging.getLogger("tradetui.link.library")
log.setLevel(logging.INFO)
"""Below that the library logs every frame, and among them those that carry keys and signatures."""


class FrameConnection(ClientConnection):
    """A client connection with `on_data` (whole messages) and `heard` (every frame, pings and pongs too)."""

    on_data: Callable[[bytes], None] | None = None
    reader: asyncio.Task[str]
    heard = 0
    _in_pieces = False

    def process_event(self, event: Any) -> None:
        """Hand whole data frames to `on_data`; everything else takes the library's way."""
        if event.__class__ is Frame:
            self.heard += 1
            opcode = event.opcode
            if event.fin and self.on_data is not None and not self._in_pieces:
                if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
                    self.on_data(bytes(event.data))
                    return
            elif opcode is Opcode.TEXT or opcode is Opcode.BINARY or opcode is Opcode.CONT:
                self._in_pieces = not event.fin
        super().process_event(event)

    async def read(self) -> str:
        """Deliver fragmented messages until the connection ends; returns why it ended."""
        try:
            while True:
                message = await self.recv(decode=False)
                if self.on_data is not None:
                    self.on_data(message)
        except ConnectionClosed as closed:
            received, sent = closed.rcvd, closed.sent
            if received is not None:
                return f"closed by the venue: {received.code} {received.reason}".strip()
            if sent is not None and sent.code != 1000:
                return f"closed by us: {sent.code} {sent.reason}".strip()
            return "connection lost"

    def kill(self) -> None:
        """End the TCP connection without a closing handshake: the other side is silent or unwanted."""
        self.transport.abort()


async def open_connection(url: str, feed: Feed, network: Network, *, ipv4_only: bool) -> FrameConnection:
    """Connect within `feed.connect_timeout_s` of real time. Raises OSError, TimeoutError or a websockets exception."""
    options: dict[str, Any] = {}
    if ipv4_only and not network.proxy:
        options["family"] = socket.AF_INET
    connecting = connect(
        url,
        create_connection=FrameConnection,
        compression="deflate" if network.compression else None,
        proxy=network.proxy or None,
        open_timeout=feed.connect_timeout_s,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=None,  # the link pings by its own clock
        max_size=max(feed.max_frame_bytes, min(HARD_LIMIT_BYTES, feed.max_frame_bytes * HARD_LIMIT_FACTOR)),
        user_agent_header="tradetui",
        logger=log,
        **options,
    )
    connection = await connecting
    assert isinstance(connection, FrameConnection)
    return connection


def host_of(url: str) -> str:
    """`host:port` of a WebSocket URL, without the port where it is the scheme's own."""
    parsed = parse_uri(url)
    usual = 443 if parsed.secure else 80
    return parsed.host if parsed.port == usual else f"{parsed.host}:{parsed.port}"
