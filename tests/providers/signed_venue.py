"""A tiny HTTP venue on loopback for signed requests: it records every byte and answers, hangs or drops as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl

from core.clock import Clock


class Request(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def params(self) -> dict[str, str]:
        """Parameters of the query, decoded."""
        return dict(parse_qsl(self.query))


class Reply(NamedTuple):
    """What is answered. Status 0: the connection is dropped; -1: no answer ever comes."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = MappingProxyType({})


DROP, HANG = Reply(0), Reply(-1)
Answer = Callable[[Request], Reply]


def ordered(*replies: Reply) -> Answer:
    """These answers in turn, the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class SignedVenue:
    """`answer` decides about everything but the time, which is the clock's plus `ahead_ms`."""

    def __init__(self, clock: Clock, answer: Answer) -> None:
        self.answer = answer
        self.ahead_ms = 0
        self.requests: list[Request] = []
        self.clock = clock
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def now_ms(self) -> int:
        return self.clock.now_ms() + self.ahead_ms

    def asked(self, path: str) -> list[Request]:
        """Requests of one path, in order."""
        return [request for request in self.requests if request.path == path]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = head.split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path, _, query = target.partition("?")
                request = Request(method, path, query, headers, body)
                self.requests.append(request)
                reply = self.time() if path.endswith("/time") else self.answer(request)
                if reply.status == 0:
                    break
                if reply.status < 0:
                    await asyncio.Event().wait()
                told = {"Content-Length": str(len(reply.body)), **reply.headers}
                rest = "".join(f"{name}: {value}\r\n" for name, value in told.items())
                writer.write(f"HTTP/1.1 {reply.status} X\r\n{rest}\r\n".encode() + reply.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def time(self) -> Reply:
        return Reply(200, b'{"serverTime":%d}' % self.now_ms())


@asynccontextmanager
async def signed_venue(clock: Clock, answer: Answer) -> AsyncIterator[SignedVenue]:
    """A running venue."""
    venue = SignedVenue(clock, answer)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await venue.handle(reader, writer)
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    venue.port = server.sockets[0].getsockname()[1]
    try:
        yield venue
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
