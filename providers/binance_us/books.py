"""Keeps every local book in step: fetches snapshots within the budget, tells their state, checks them now and then.

Each book resyncs alone. A book that needs it again and again waits longer each time, so that a broken stream cannot eat the
rate budget. Signals on a book that is not live are vetoed by whoever hears `BookStatus`.
"""

from __future__ import annotations

from typing import Literal

from core.bus import Bus
from core.clock import Clock
from core.messages import BookStatus, Ladder, Replay
from core.venue import Banned, VenueError
from providers.backoff import Backoff
from providers.binance_us.routes import SymbolFeed
from providers.binance_us.wire import WIRE_ERRORS, decode_snapshot
from providers.rest import Params, Rest

WEIGHT = {100: 5, 500: 25, 1000: 50}
WORKERS = 3
IDLE_S = 0.2
CALM_S = 60.0
"""A book that was live this long starts with short waits again."""

LADDER_LEVELS = 20


class Books:
    """Snapshots and state of all books of one provider. `feeds` and `down` (links) are the provider's own, shared."""

    def __init__(
        self,
        feeds: dict[str, SymbolFeed],
        down: set[str],
        rest: Rest,
        clock: Clock,
        bus: Bus,
        venue: str,
        category: str,
        levels: int,
    ) -> None:
        self._feeds = feeds
        self._down = down
        self._rest = rest
        self._clock = clock
        self._bus = bus
        self._venue = venue
        self._category = category
        self._levels = levels
        self._due: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._live_since: dict[str, float] = {}
        self.focus = ""
        self.rejected = 0
        self._status: dict[str, BookStatus] = {}
        bus.subscribe(Replay, self._on_replay, name="books.replay")

    @property
    def resyncs(self) -> int:
        """Books that had to be fetched anew."""
        return sum(feed.book.resyncs for feed in self._feeds.values())

    @property
    def gaps(self) -> int:
        """Breaks of sequence."""
        return sum(feed.book.gaps for feed in self._feeds.values())

    def want(self, feed: SymbolFeed, reason: str, wait_s: float = 0.0) -> None:
        """Fetch this book after `wait_s` (0: at once, or later when it needs it often); tells that it is syncing."""
        now = self._clock.monotonic()
        backoff = self._backoffs.setdefault(feed.symbol, Backoff(1.0, 60.0))
        since = self._live_since.pop(feed.symbol, None)
        if since is not None and now - since > CALM_S:
            backoff.reset()
        if not wait_s:
            first = backoff.attempt == 0
            wait_s = backoff.next_s()
            wait_s = 0.0 if first else wait_s
        self._due.setdefault(feed.symbol, now + wait_s)
        self._tell(feed, "syncing", reason)

    def lose(self, feed: SymbolFeed, reason: str) -> None:
        """The stream of this book is gone: nothing can be fetched until it is back."""
        self._due.pop(feed.symbol, None)
        self._live_since.pop(feed.symbol, None)
        feed.book.invalidate(reason)
        self._tell(feed, "stale", reason)

    def forget(self, symbol: str) -> None:
        """The symbol is no longer subscribed."""
        self._due.pop(symbol, None)
        self._backoffs.pop(symbol, None)
        self._live_since.pop(symbol, None)
        self._status.pop(symbol, None)

    def check(self) -> None:
        """Find crossed books among the live ones."""
        for feed in self._feeds.values():
            if feed.book.state == "live" and feed.book.book.is_crossed:
                self.want(feed, feed.book.invalidate("crossed"))

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """See `core.venue.MarketProvider.ladder`."""
        feed = self._feeds.get(symbol)
        if feed is None or feed.book.state != "live":
            return None
        bids, asks = feed.book.book.ladder(levels)
        at_ms = self._clock.now_ms()
        return Ladder(venue=self._venue, category=self._category, symbol=symbol, bids=bids, asks=asks, at_ms=at_ms)

    def publish_ladder(self) -> None:
        """The focused symbol's best levels, when its book is live."""
        ladder = self.ladder(self.focus, LADDER_LEVELS)
        if ladder is not None:
            self._bus.publish(ladder)

    async def run(self) -> None:
        """One worker: fetch what is due, until cancelled."""
        while True:
            feed = self._take()
            if feed is None:
                await self._clock.sleep(IDLE_S)
            else:
                await self._fetch(feed)

    def _take(self) -> SymbolFeed | None:
        now = self._clock.monotonic()
        ready = [symbol for symbol, due in self._due.items() if due <= now]
        if not ready:
            return None
        symbol = self.focus if self.focus in ready else ready[0]
        del self._due[symbol]
        return self._feeds.get(symbol)

    async def _fetch(self, feed: SymbolFeed) -> None:
        params: Params = {"symbol": feed.symbol, "limit": self._levels}
        try:
            body = await self._rest.get("/api/v3/depth", params, weight=WEIGHT[self._levels], priority="book")
            snapshot = decode_snapshot(body)
        except VenueError as error:
            self._again(feed, error.retry_in_s if isinstance(error, Banned) else 0.0)
            return
        except WIRE_ERRORS:
            self.rejected += 1
            self._again(feed, 0.0)
            return
        if self._feeds.get(feed.symbol) is not feed or feed.book.state == "live" or feed.group in self._down:
            return
        if trouble := feed.book.on_snapshot(snapshot):
            self.want(feed, trouble)
            return
        self._live_since[feed.symbol] = self._clock.monotonic()
        self._tell(feed, "live", "")

    def _again(self, feed: SymbolFeed, wait_s: float) -> None:
        """The snapshot did not come: try later, unless the book is no longer wanted."""
        backoff = self._backoffs.get(feed.symbol)
        if backoff is not None and feed.group not in self._down:
            self._due.setdefault(feed.symbol, self._clock.monotonic() + (wait_s or backoff.next_s()))

    def _tell(self, feed: SymbolFeed, state: Literal["syncing", "live", "stale"], reason: str) -> None:
        status = self._status[feed.symbol] = BookStatus(
            venue=self._venue,
            category=self._category,
            symbol=feed.symbol,
            state=state,
            reason=reason,
            resyncs=feed.book.resyncs,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(status)

    def _on_replay(self, _: Replay) -> None:
        for status in self._status.values():
            self._bus.publish(status)
