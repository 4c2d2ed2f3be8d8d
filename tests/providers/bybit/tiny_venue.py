"""A tiny HTTP server that answers as a test tells it, and remembers every request byte for byte; and brokers on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from core.bus import Bus
from core.clock import Clock, LiveClock
from core.credentials import Credentials
from core.settings import Market, Network, Settings
from core.settings_trading import Trading
from core.trading.authority import Permit, authorise
from core.trading.order import OrderSpec
from core.venue import Instrument
from providers.bybit.trading import BybitBroker
from tests.patience import PATIENT_S

KEY, SECRET = "test_api_key", "test_secret"


class Asked(Struct):
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, Any]:
        """Query or JSON body."""
        return msgspec.json.decode(self.body) if self.body else dict(parse_qsl(urlsplit(self.target).query))


class Answer(Struct):
    """What the venue says. `status` 0: cut the connection; -1: never answer."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}


def ok(**result: Any) -> Answer:
    """A taken request."""
    return Answer({"retCode": 0, "retMsg": "OK", "result": result, "time": 1700000000000})


def listing(*rows: Any, cursor: str = "") -> Answer:
    """A list."""
    return ok(list=list(rows), nextPageCursor=cursor)


def refusal(code: int, text: str = "no") -> Answer:
    """A business error, which comes with HTTP 200."""
    return Answer({"retCode": code, "retMsg": text, "result": {}, "time": 1700000000000})


class TinyVenue:
    """`answers` by path: one answer, a list of them in turn (the last stays), or a function of the request."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {}
        self.clock = clock
        self.bus = Bus(clock)

    def of(self, path: str) -> list[Asked]:
        """The requests of one path."""
        return [asked for asked in self.asked if asked.path == path]

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/v5/market/time":
            return ok(timeSecond="1", timeNano=str(self.clock.now_ms() * 1_000_000))
        said = self.answers.get(asked.path, refusal(10017, "no such path"))
        if callable(said):
            said = said(asked)
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        assert isinstance(said, Answer)
        return said

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(Asked(method, target, headers, body))
                answer = self.answer(self.asked[-1])
                if answer.status == 0:
                    break
                if answer.status == -1:
                    await asyncio.Event().wait()
                sent = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
                top = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(sent)}"]
                top += [f"{name}: {value}" for name, value in answer.headers.items()]
                writer.write("\r\n".join(top).encode() + b"\r\n\r\n" + sent)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def broker_on(
    category: str, rate: float = 20.0, environment: str = "live", answer_s: float = PATIENT_S
) -> AsyncIterator[tuple[BybitBroker, TinyVenue]]:
    """A broker of one category and its venue."""
    clock = LiveClock(rate=rate)
    venue = TinyVenue(clock)
    server = await asyncio.start_server(venue.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    broker = broker_of(
        clock,
        category,
        f"http://127.0.0.1:{port}",
        f"ws://127.0.0.1:{port}/v5/public",
        environment,
        venue.bus,
        answer_s,
    )
    try:
        yield broker, venue
    finally:
        await broker.close()
        server.close()


def broker_of(
    clock: Clock,
    category: str,
    rest: str,
    stream: str,
    environment: str = "live",
    bus: Bus | None = None,
    answer_s: float = PATIENT_S,
) -> BybitBroker:
    settings = Settings(
        market=msgspec.convert({"venue": "bybit", "category": category}, Market),
        network=Network(bybit_rest=rest, bybit_stream=stream, rest_timeout_s=max(0.5, answer_s)),
        trading=msgspec.convert({"environment": environment, "answer_s": answer_s}, Trading),
    )
    return BybitBroker(bus or Bus(clock), clock, settings, Credentials(KEY, SECRET), no_rules)


def no_rules(symbol: str) -> Instrument | None:
    return None


def permit_for(spec: OrderSpec, clock: Clock) -> Permit:
    return authorise(spec, clock.now_ms()).spend(spec, clock.now_ms())
