"""The sandbox exchange speaking Binance.US: REST under /api/v3, streams on /ws and /stream, requests on /ws-api/v3."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import URL
from starlette.routing import Route

from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us_control import BinanceControl
from providers.sandbox.binance_us_order_desk import OrderDesk
from providers.sandbox.binance_us_orders import BinanceOrders
from providers.sandbox.binance_us_rest import BinanceRest
from providers.sandbox.binance_us_user import UserStreams, listen_key_endpoints
from providers.sandbox.binance_us_ws import BinanceStreams
from providers.sandbox.binance_us_ws_api import PATH as WS_API_PATH
from providers.sandbox.binance_us_ws_api import BinanceWsApi
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
        self.feeds = feeds
        self.rest = BinanceRest(feed, faults, pull)
        self.streams = BinanceStreams(feed, hub, faults)
        self.user: UserStreams | None = None
        desk: OrderDesk | None = None
        if "spot" in accounts:
            desk = OrderDesk(accounts["spot"], faults)
            self.user = UserStreams(desk, self.streams.topic, faults)
            accounts["spot"].listeners.append(desk.lists.on_report)  # a list's own event follows those of its legs
        self.orders = BinanceOrders(self.rest, desk, faults, pull, hub.flush)
        self._ws_api = BinanceWsApi(self.rest, self.orders, self.user)
        self._control = BinanceControl(self.streams, feed.clock)

    def routes(self) -> list[Route]:
        return [*self.orders.routes(listen_key_endpoints(self.user)), *self.rest.routes()]

    def stream_paths(self) -> list[str]:
        return ["/ws", "/ws/{names:path}", "/stream", WS_API_PATH]

    def admits(self, now_ms: int) -> bool:
        return self.rest.limits.connects.add(1, now_ms)

    def opened(self, connection: Connection, url: URL) -> None:
        if url.path == WS_API_PATH:
            self._ws_api.opened(connection)
            return
        self._control.opened(connection, url)
        self._track(connection)

    def received(self, connection: Connection, text: str) -> None:
        if connection in self._ws_api.connections:
            self._ws_api.received(connection, text)
            return
        self._control.received(connection, text)
        self._track(connection)

    def closed(self, connection: Connection) -> None:
        if self.user is not None:
            self.user.forget(connection)
        if connection in self._ws_api.connections:
            self._ws_api.closed(connection)
        else:
            self._control.closed(connection)

    def _track(self, connection: Connection) -> None:
        if self.user is not None:
            self.user.track(connection)

    def consume(self, feed: Feed, events: list[SandboxEvent], now_ms: int) -> None:
        self.streams.consume(events, now_ms)
        self.streams.retire(now_ms)
        if self.user is not None:
            self.user.run(now_ms)

    def revised(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        self.streams.resend_closed(symbol, minute_ms, now_ms)

    def announce_shutdown(self) -> None:
        self.streams.announce_shutdown()

    def ban(self, seconds: float, now_ms: int) -> None:
        self.rest.limits.ban(int(seconds * 1000), now_ms)
