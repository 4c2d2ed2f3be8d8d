"""The sandbox exchange speaking Bybit v5: market data and orders by REST, public streams per category, a private one."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import URL
from starlette.routing import Route

from providers.sandbox.accounts import Accounts
from providers.sandbox.bybit_control import BybitControl
from providers.sandbox.bybit_orders_auth import Keys
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_positions import Positions
from providers.sandbox.bybit_orders_rest import BybitOrders
from providers.sandbox.bybit_private import PRIVATE_PATH, BybitPrivate
from providers.sandbox.bybit_rest import BybitRest
from providers.sandbox.bybit_ws import BybitStreams
from providers.sandbox.faults import FaultPlan
from providers.sandbox.feed import Feed
from providers.sandbox.model import SandboxEvent
from providers.sandbox.sockets import Connection, Hub

HOUSEKEEPING_MS = 500


class BybitServer:
    """Bybit around one feed per category (spot, linear)."""

    stream_path = "/v5/public"

    def __init__(
        self,
        feeds: dict[str, Feed],
        accounts: dict[str, Accounts],
        hub: Hub,
        faults: FaultPlan,
        pull: Callable[[], None],
    ) -> None:
        self.feeds = feeds
        self.accounts = accounts
        self.streams = {category: BybitStreams(feed, hub, faults) for category, feed in feeds.items()}
        self.rest = BybitRest(self.streams, faults, pull)
        self._controls = {category: BybitControl(one, one.feed.clock) for category, one in self.streams.items()}
        self._hub = hub
        self._next_housekeeping_ms = 0
        desks = {category: OrderDesk(one, faults) for category, one in accounts.items()}
        owner = next(iter(accounts.values()), None)
        keys = Keys(owner.account, owner.secret) if owner else Keys("", b"")
        positions = Positions(desks["linear"]) if "linear" in desks else None
        clock = next(iter(feeds.values())).clock
        self.private = BybitPrivate(keys, desks, positions, self.rest, clock, faults)
        self.orders = BybitOrders(keys, desks, positions, self.rest, faults, self._settle)
        self._owners: dict[Connection, BybitControl | BybitPrivate] = {}

    def routes(self) -> list[Route]:
        return [*self.orders.routes(), *self.rest.routes()]

    def stream_paths(self) -> list[str]:
        return [*(f"/v5/public/{category}" for category in self.streams), PRIVATE_PATH]

    def _settle(self) -> None:
        """Write what a request led to before its answer: on the venue either may come first."""
        self.private.settle()
        self._hub.flush()

    def admits(self, now_ms: int) -> bool:
        return self.rest.limits.connects.add(1, now_ms)

    def opened(self, connection: Connection, url: URL) -> None:
        if url.path == PRIVATE_PATH:
            self._owners[connection] = self.private
            self.private.opened(connection, url)
            return
        control = self._owners[connection] = self._controls[url.path.rpartition("/")[2]]
        control.opened(connection)

    def received(self, connection: Connection, text: str) -> None:
        self._owners[connection].received(connection, text)

    def closed(self, connection: Connection) -> None:
        self._owners.pop(connection).closed(connection)

    def consume(self, feed: Feed, events: list[SandboxEvent], now_ms: int) -> None:
        self.streams[feed.category].consume(events, now_ms)
        self.private.settle()
        if now_ms >= self._next_housekeeping_ms:
            self._next_housekeeping_ms = now_ms + HOUSEKEEPING_MS
            for streams in self.streams.values():
                streams.resend_best(now_ms)
            for control in self._controls.values():
                control.retire(now_ms)
            self.private.retire(now_ms)

    def revised(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        for streams in self.streams.values():
            streams.resend_closed(symbol, minute_ms, now_ms)

    def announce_shutdown(self) -> None:
        """Bybit has no notice: its servers close the sockets properly."""
        for connection in list(self._hub.connections):
            connection.close(1001, "server restart")

    def ban(self, seconds: float, now_ms: int) -> None:
        self.rest.limits.banned_until_ms = now_ms + int(seconds * 1000)
