"""What the exchange server needs of a venue's protocol: routes, stream paths and reactions to market events."""

from __future__ import annotations

from typing import Protocol

from starlette.datastructures import URL
from starlette.routing import Route

from providers.sandbox.feed import Feed
from providers.sandbox.model import SandboxEvent
from providers.sandbox.sockets import Connection


class VenueServer(Protocol):
    """One venue's words around one or more feeds."""

    stream_path: str
    feeds: dict[str, Feed]

    def routes(self) -> list[Route]:
        """REST endpoints."""

    def stream_paths(self) -> list[str]:
        """Paths that accept WebSocket connections."""

    def admits(self, now_ms: int) -> bool:
        """Count a connection attempt against the venue's limit."""

    def opened(self, connection: Connection, url: URL) -> None:
        """A client has connected."""

    def received(self, connection: Connection, text: str) -> None:
        """A client has sent a message."""

    def closed(self, connection: Connection) -> None:
        """A client has gone."""

    def consume(self, feed: Feed, events: list[SandboxEvent], now_ms: int) -> None:
        """Send what follows from new events and from time having passed."""

    def revised(self, symbol: str, minute_ms: int, now_ms: int) -> None:
        """Publish a corrected closed candle."""

    def announce_shutdown(self) -> None:
        """Tell stream clients that the server goes away, if the venue has a notice for it."""

    def ban(self, seconds: float, now_ms: int) -> None:
        """Refuse all requests for a while."""
