"""A tiny venue with Binance's two user streams on loopback: scripted refusals, drops and events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Handshake
from websockets.http11 import Response

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.settings import Feed, Network, Settings
from core.trading.broker import VenueBalance, VenuePosition
from core.trading.order import OrderReport
from providers.binance_us.trading import BinanceUsBroker
from tests.providers.signed_venue import Reply, Request, SignedVenue, signed_venue

KEY, SECRET = "the-key", "the-secret"
API = "/ws-api/v3"
WAIT_S = 10.0


class UserVenue:
    """REST and sockets. `api` answers subscriptions: None accepts. `keys` counts listen keys; `served`: handshake status."""

    def __init__(self) -> None:
        self.rest: SignedVenue | None = None
        self.sockets: list[ServerConnection] = []
        self.opened: list[str] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.api: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        self.served: Callable[[str], int] = lambda _: 200
        self.key_reply: Callable[[Request], Reply | None] = lambda _: None
        self.key = "key-1"

    def rest_answer(self, request: Request) -> Reply:
        if request.path.endswith("/userDataStream"):
            scripted = self.key_reply(request)
            return scripted or Reply(200, b'{"listenKey":"%s"}' % self.key.encode())
        return Reply(200, b'{"rateLimits":[]}')

    def handshake(self, connection: ServerConnection, request: Handshake) -> Response | None:
        self.opened.append(request.path)
        status = self.served(request.path)
        return None if status == 200 else connection.respond(HTTPStatus(status), "no\n")

    async def handle(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for message in socket:
            asked = msgspec.json.decode(message)
            self.subscriptions.append(asked)
            answer = self.api(asked) or {"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}
            await socket.send(msgspec.json.encode(answer).decode())

    async def send(self, event: dict[str, Any] | str) -> None:
        """Send an event on the newest socket, in the form of its mechanism."""
        socket = self.sockets[-1]
        assert socket.request is not None
        if isinstance(event, dict):
            wrapped = {"subscriptionId": 0, "event": event} if socket.request.path == API else event
            event = msgspec.json.encode(wrapped).decode()
        await socket.send(event)


class Heard:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.reports: list[OrderReport] = []
        self.balances: dict[str, VenueBalance] = {}
        self.states: list[str] = []
        self.words: list[str] = []

    def on_report(self, report: OrderReport) -> None:
        self.reports.append(report)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        assert positions == ()
        self.balances |= balances

    def on_stream(self, state: str, why: str) -> None:
        self.states.append(state)
        self.words.append(why)


class Desk:
    """A running broker, what it told, and the venue."""

    def __init__(self, venue: UserVenue, broker: BinanceUsBroker, heard: Heard, clock: LiveClock) -> None:
        self.venue = venue
        self.broker = broker
        self.heard = heard
        self.clock = clock

    async def until(self, done: Callable[[], Any]) -> None:
        """Wait for it."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not done():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not within {WAIT_S} s: {self.heard.words} {self.venue.opened}") from None

    async def up(self, times: int = 1) -> None:
        """Wait until the stream has come up so often."""
        await self.until(lambda: self.heard.states.count("UP") >= times)


@asynccontextmanager
async def user_desk(venue: UserVenue, rate: float = 20.0) -> AsyncIterator[Desk]:
    """The broker's user stream against `venue`, running."""
    clock = LiveClock(rate)
    async with (
        signed_venue(clock, venue.rest_answer) as rest,
        serve(venue.handle, "127.0.0.1", 0, process_request=venue.handshake) as server,
    ):
        venue.rest = rest
        port = next(iter(server.sockets)).getsockname()[1]
        settings = Settings(
            network=Network(binance_us_rest=rest.url, binance_us_stream=f"ws://127.0.0.1:{port}", rest_timeout_s=2),
            feed=Feed(backoff_first_s=0.5, backoff_cap_s=4, silence_s=600, ping_s=60),
        )
        broker = BinanceUsBroker(Bus(clock), clock, settings, Credentials(KEY, SECRET), lambda _: None)
        heard = Heard()
        running = asyncio.create_task(broker.run(heard))
        try:
            yield Desk(venue, broker, heard, clock)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await broker.close()
