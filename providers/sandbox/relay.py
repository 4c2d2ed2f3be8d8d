"""A TCP relay in front of the exchange, for what a server cannot do to its own sockets.

Half-open: both sockets stay open, nothing passes. Refuse: nothing listens. Slow: bytes from the exchange are read at a
trickle, so that its send buffers fill as with a client on a bad line.

A socket that is bound and never listens keeps the port while nothing listens: no other socket gets it meanwhile, and
connections are refused all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from typing import Literal

from core.clock import Clock

RelayMode = Literal["pass", "half_open", "refuse", "slow"]
CHUNK_BYTES = 65_536
POLL_S = 0.02
HOST = "127.0.0.1"


class Relay:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target_port` as its mode says. Durations run on `clock`.

    `mode` leaves "refuse" only once the port listens again.
    """

    def __init__(self, target_port: int, clock: Clock, port: int = 0) -> None:
        self.port = port
        self.mode: RelayMode = "pass"
        self.accepted = 0
        self._target_port = target_port
        self._clock = clock
        self._until_ms = math.inf
        self._bytes_per_s = 0
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        if self._reserved is None:
            self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._reserved.bind((HOST, self.port))
            self.port = self._reserved.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, HOST, self.port, reuse_port=True)

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        await self.drop()

    async def drop(self) -> None:
        """Cut every open connection."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_mode(self, mode: RelayMode, seconds: float = math.inf, bytes_per_s: int = 2_000) -> None:
        """Behave this way for `seconds`, then pass everything again."""
        if self._watch is not None:
            self._watch.cancel()
        if bytes_per_s <= 0 and mode == "slow":
            raise ValueError(f"bytes_per_s {bytes_per_s} must be above 0")
        if self._server is not None:
            self._become(mode)
        self._bytes_per_s = bytes_per_s
        self._watch = asyncio.get_running_loop().create_task(self._apply(mode, seconds))

    def _become(self, mode: RelayMode) -> None:
        self.mode = mode
        if mode == "half_open":
            self._flowing.clear()
        else:
            self._flowing.set()

    async def _apply(self, mode: RelayMode, seconds: float) -> None:
        if mode == "refuse":
            if self._server is not None:
                self._server.close()
                self._server = None
        else:
            await self._listen_as(mode)
        if math.isfinite(seconds):
            await self._clock.sleep(seconds)
            await self._listen_as("pass")

    async def _listen_as(self, mode: RelayMode) -> None:
        if self._server is None:
            await self.start()
        self._become(mode)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            # Either side hung up, or the relay cut the connection: both are what a relay is for.
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        upstream_reader, upstream_writer = await asyncio.open_connection(HOST, self._target_port, limit=CHUNK_BYTES)
        pumps = [
            asyncio.ensure_future(self._pump(reader, upstream_writer, slow=False)),
            asyncio.ensure_future(self._pump(upstream_reader, writer, slow=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            upstream_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        while True:
            size = CHUNK_BYTES
            if slow and self.mode == "slow":
                size = max(1, int(self._bytes_per_s * POLL_S))
                await asyncio.sleep(POLL_S)
            data = await reader.read(size)
            await self._flowing.wait()
            if not data:
                with contextlib.suppress(OSError):
                    await writer.drain()
                return
            writer.write(data)
            await writer.drain()
