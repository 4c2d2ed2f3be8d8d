"""The sandbox exchange speaking Binance.US: REST under /api/v3, streams on /ws and /stream."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import URL
from starlette.routing import Route

from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us_control import BinanceControl
from providers.sandbox.binance_us_rest import BinanceRest
from providers.sandbox.binance_us_ws import BinanceStreams
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.model import SandboxEvent
from providers.sandbox.sockets import Connection, Hub


class BinanceUsServer:
    """Binance.US around one spot feed."""

    stream_path = ""

    def __init__(
        self,
        feeds: dict[str, Feed],
        accounts: dict[str, Accounts],
        hub: Hub,
        faults: FaultPlan,
        pull: Callable[[], None],
    ) -> None:
        feed = feeds["spot"]
        self.accounts = accounts
        self.feeds = feeds
        self.rest = BinanceRest(feed, faults, pull)
        self.streams = BinanceStreams(feed, hub, faults)
        self._control = BinanceControl(self.streams, feed.clock)

    def routes(self) -> list[Route]:
        return self.rest.routes()

    def stream_paths(self) -> list[str]:
        return ["/ws", "/ws/{names:path}", "/stream"]

    def admits(self, now_ms: int) -> bool:
        return self.rest.limits.connects.add(1, now_ms)

    def opened(self, connection: Connection, url: URL) -> None:
        self._control.opened(connection, url)

    def received(self, connection: Connection, text: str) -> None:
        self._control.received(connection, text)

    def closed(self, connection: Connection) -> None:
        self._control.closed(connection)

    def consume(self, feed: Feed, events: list[SandboxEvent], now_ms: int) -> None:
        self.streams.consume(events, now_ms)
        self.streams.retire(now_ms)

    def revised(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        self.streams.resend_closed(symbol, minute_ms, now_ms)

    def announce_shutdown(self) -> None:
        self.streams.announce_shutdown()

    def ban(self, seconds: float, now_ms: int) -> None:
        self.rest.limits.ban(int(seconds * 1000), now_ms)
