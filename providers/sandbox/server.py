"""The sandbox exchange: one venue's protocol over a sandbox market, on real loopback sockets, with faults on command."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.clock import Clock
from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us import BinanceUsServer
from providers.sandbox.binance_us_wire import PLACES as BINANCE_PLACES
from providers.sandbox.bybit import BybitServer
from providers.sandbox.control import CONTROL_PATH, control_route
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.market_faults import MINUTE_MS, Revision
from providers.sandbox.model import SandboxMarket
from providers.sandbox.relay import Relay, RelayMode
from providers.sandbox.sockets import Connection, Hub, StreamProtocol
from providers.sandbox.venue import VenueServer

SandboxVenue = Literal["binance_us", "bybit"]
HOST = "127.0.0.1"
PING_EVERY_S = 20.0
PONG_WITHIN_S = 60.0
SHORTEST_REAL_BATCH_S = 0.02
HANG_UP_ROUNDS = 20
HANG_UP_WAIT_S = 0.01

log = logging.getLogger(__name__)


class SandboxExchange:
    """A venue on 127.0.0.1. Give one market (spot) or, for Bybit, a market per category.

    With `api_key` and `api_secret` it also takes orders: one account per category, see `accounts`; without them every signed
    request is refused. `rest_url`, `stream_url` and `control_url` are known once `start` has returned. On a faster clock (`rate` above 1)
    batches get longer in market time, so that the loop wakes at most 50 times a real second.
    """

    def __init__(
        self,
        market: SandboxMarket | Mapping[str, SandboxMarket],
        clock: Clock,
        *,
        venue: SandboxVenue,
        port: int = 0,
        batch_ms: int = 50,
        api_key: str = "",
        api_secret: str = "",
    ) -> None:
        markets = dict(market) if isinstance(market, Mapping) else {"spot": market}
        self.clock = clock
        self.venue_name = venue
        self.port = port
        self.relay: Relay | None = None
        self.faults = FaultPlan(clock, self)
        self.hub = Hub()
        self._batch_s = max(batch_ms / 1000, SHORTEST_REAL_BATCH_S * getattr(clock, "rate", 1.0))
        self.feeds = {
            category: Feed(category, one, clock, self.faults, BINANCE_PLACES if venue == "binance_us" else 0)
            for category, one in markets.items()
        }
        self.accounts = (
            {category: Accounts(venue, feed, api_key, api_secret) for category, feed in self.feeds.items()}
            if api_key
            else {}
        )
        self.venue = make_venue(venue, self.feeds, self.accounts, self.hub, self.faults, self.pull)
        self._app = Starlette(
            routes=[
                control_route(self.faults),
                *self.venue.routes(),
                *[WebSocketRoute(path, self._stream) for path in self.venue.stream_paths()],
            ]
        )
        self._server: uvicorn.Server | None = None
        self._control_port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self.failed = asyncio.Event()

    @property
    def rest_url(self) -> str:
        """Base of every REST path."""
        return f"http://{HOST}:{self.port}"

    @property
    def stream_url(self) -> str:
        """Base of every stream path, e.g. `ws://127.0.0.1:1234` or `ws://127.0.0.1:1234/v5/public`."""
        return f"ws://{HOST}:{self.port}{self.venue.stream_path}"

    @property
    def control_url(self) -> str:
        """Where faults are scripted; has its own port, so that it answers while the venue refuses."""
        return f"http://{HOST}:{self._control_port}{CONTROL_PATH}"

    @property
    def counts(self) -> Counter[str]:
        """Frames sent, slow readers cut and the like."""
        return self.hub.counts

    # --- lifecycle ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen and let the market run. Raises `OSError` when the port is taken."""
        sockets = [_listening_socket(self.port), _listening_socket(0)]
        self.port, self._control_port = (sock.getsockname()[1] for sock in sockets)
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            ws=StreamProtocol,
            ws_ping_interval=PING_EVERY_S,
            ws_ping_timeout=PONG_WITHIN_S,
            ws_per_message_deflate=False,
            access_log=False,
            log_config=None,
            log_level="warning",
            timeout_keep_alive=75,
        )
        config.load()
        server = self._server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=sockets)
        self.pull()
        self._spawn(server.main_loop())
        self._spawn(self._live())

    async def stop(self) -> None:
        """Hang up on everybody and end every task. Raises what ended the live loop, if it failed."""
        if self.relay is not None:
            await self.relay.stop()
            self.relay = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            for connection in list(self.hub.connections):
                connection.close(1001, "going away")
            await self._close(self._server)
            self._server = None
        if self._failure is not None:
            raise self._failure

    async def _close(self, server: uvicorn.Server) -> None:
        """What `uvicorn.Server.shutdown` does without its sleeps: nobody waits here for requests that end well."""
        for listening in server.servers:
            listening.close()
        connections, requests = server.server_state.connections, server.server_state.tasks
        for protocol in list(connections):
            protocol.transport.close()
        await self._emptied(connections)
        for protocol in list(connections):  # its peer does not read
            protocol.transport.abort()
        await self._emptied(requests)
        for request in list(requests):  # one whose answer was never to come
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        for listening in server.servers:
            await listening.wait_closed()

    @staticmethod
    async def _emptied(things: Collection[Any]) -> None:
        """Wait a moment for all of them to end."""
        for _ in range(HANG_UP_ROUNDS):
            if not things:
                return
            await asyncio.sleep(HANG_UP_WAIT_S)

    async def start_relay(self) -> Relay:
        """Open a second port through a TCP relay; its faults are scripted on `faults` too."""
        if self.relay is None:
            self.relay = Relay(self.port, self.clock)
            await self.relay.start()
        return self.relay

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- the market runs ---------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Bring market and streams up to the present moment; requests call this, so that REST never lags the streams."""
        now_ms = self.clock.now_ms()
        self.faults.expire(now_ms)
        for category, feed in self.feeds.items():
            events = feed.pull(now_ms)
            self.venue.consume(feed, events, now_ms)
            if self.accounts:
                self.accounts[category].on_events(events, feed.now_ms())
        self.hub.flush()

    async def _live(self) -> None:
        while True:
            await self.clock.sleep(self._batch_s)
            self.pull()

    async def _stream(self, websocket: WebSocket) -> None:
        now_ms = self.clock.now_ms()
        if not self.venue.admits(now_ms):
            await websocket.close(1008)
            return
        await websocket.accept()
        connection = Connection(self.hub, websocket, now_ms)
        self.hub.connections.add(connection)
        self.venue.opened(connection, websocket.url)
        self.hub.flush()
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                self.venue.received(connection, message.get("text") or "")
                self.hub.flush()
        except WebSocketDisconnect:
            pass  # the client went while we were answering
        finally:
            self.hub.connections.discard(connection)
            self.venue.closed(connection)

    # --- what the fault plan asks for ---------------------------------------------------------------------------------

    def drop_sockets(self) -> int:
        """Cut every stream connection; returns how many."""
        dropped = list(self.hub.connections)
        for connection in dropped:
            connection.abort()
        return len(dropped)

    def refuse_connections(self, seconds: float) -> None:
        """Stop listening on the venue's port for a while; the operating system refuses then."""
        if self._server is not None and self._server.servers:
            self._server.servers[0].close()
            if self._refusing is not None:
                self._refusing.cancel()
            self._refusing = self._spawn(self._listen_again(seconds))

    async def _listen_again(self, seconds: float) -> None:
        if math.isfinite(seconds):
            await self.clock.sleep(seconds)
            if self._server is not None:
                control = self._server.servers[1]
                await self._server.startup(sockets=[_listening_socket(self.port)])
                self._server.servers.append(control)

    def set_relay(self, mode: RelayMode, seconds: float, bytes_per_s: int) -> None:
        """Change how the relay behaves. Raises `ValueError` without a relay, unless all is to pass anyway."""
        if self.relay is not None:
            self.relay.set_mode(mode, seconds, max(bytes_per_s, 1))
        elif mode != "pass":
            raise ValueError(f"relay mode {mode!r} needs a relay; call start_relay() first or run the sandbox with one")

    def announce_shutdown(self) -> None:
        """Send the venue's shutdown notice."""
        self.venue.announce_shutdown()
        self.hub.flush()

    def ban_address(self, seconds: float) -> None:
        """Refuse every request for a while."""
        self.venue.ban(seconds, self.clock.now_ms())

    def revise_candle(self, symbol: str, open_ms: int | None, close_change: float, add_lots: int) -> int:
        """Correct a closed minute and publish the correction. Raises `ValueError` for a bar that is not closed."""
        now_ms = self.clock.now_ms()
        minute_ms = now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS if open_ms is None else open_ms
        if minute_ms % MINUTE_MS or minute_ms + MINUTE_MS > now_ms:
            raise ValueError(f"open_ms {minute_ms} is no closed minute; give the open time of one that has ended")
        for feed in self.feeds.values():
            if symbol not in feed.listings:
                continue
            rows = feed.bars(symbol, MINUTE_MS, minute_ms, minute_ms + 1)
            if len(rows):
                close = int(rows[0, 4])
                change = round(close * close_change) or 1
                self.faults.correct(symbol, Revision(minute_ms, close + change, add_lots))
                break
        else:
            raise ValueError(
                f"symbol {symbol!r} has no bar at {minute_ms}; use a listed symbol and a minute since its listing"
            )
        self.venue.revised(symbol, minute_ms, now_ms)
        self.hub.flush()
        return minute_ms

    # --- tasks -------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            log.error("sandbox exchange failed", exc_info=self._failure)
            self.drop_sockets()
            self.failed.set()


def make_venue(
    venue: SandboxVenue,
    feeds: dict[str, Feed],
    accounts: dict[str, Accounts],
    hub: Hub,
    faults: FaultPlan,
    pull: Callable[[], None],
) -> VenueServer:
    """The server side of a venue's protocol. `accounts` by category, empty where orders are not taken."""
    if venue == "binance_us":
        return BinanceUsServer(feeds, accounts, hub, faults, pull)
    return BybitServer(feeds, accounts, hub, faults, pull)


def _listening_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
