"""Which symbols may not be acted on now, and why: stale book, silent channel, no connection, trading halted."""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.messages import BookStatus, ChannelStatus, LinkStatus, Listing, VenueClock

LINK_LIMIT_MS = 10_000
"""No connection at all for longer than this makes every symbol stale (methods sheet 3.5)."""

VETO_CHANNELS = ("kline", "quote", "depth")
"""Channels whose silence forbids a state. Trades of a thin pair are silent for long without meaning anything."""


class Freshness:
    """Keeps the newest word on every channel, book, link and listing."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = 0.0
        self._silent: dict[str, dict[str, str]] = {}
        self._had_book: set[str] = set()
        self._links_up: dict[str, bool] = {}
        self._down_since_ms: int | None = None
        self._tick: dict[str, float] = {}
        bus.subscribe(ChannelStatus, self._on_channel, name="freshness.channel")
        bus.subscribe(BookStatus, self._on_book, name="freshness.book")
        bus.subscribe(LinkStatus, self._on_link, name="freshness.link")
        bus.subscribe(Listing, self._on_listing, name="freshness.listing")
        bus.subscribe(VenueClock, self._on_clock, name="freshness.clock")

    def trouble(self, symbol: str) -> str:
        """Why HOLD is forced for this symbol now, in words; empty when nothing is wrong."""
        down = self._down_since_ms
        if down is not None and self._clock.now_ms() - down > LINK_LIMIT_MS:
            return "no connection to the venue"
        causes = self._silent.get(symbol)
        return next(iter(causes.values())) if causes else ""

    def tick_size(self, symbol: str) -> float:
        """The instrument's tick in price units, 0.0 while unknown."""
        return self._tick.get(symbol, 0.0)

    def venue_now_ms(self) -> float:
        """Now on the venue's clock."""
        return self._clock.now_ms() + self._offset_ms

    def _set(self, symbol: str, cause: str, text: str) -> None:
        if text:
            self._silent.setdefault(symbol, {})[cause] = text
        elif symbol in self._silent:
            self._silent[symbol].pop(cause, None)

    def _on_channel(self, message: ChannelStatus) -> None:
        if message.channel in VETO_CHANNELS:
            text = "" if message.fresh else f"no {message.channel} data for {message.age_s:.0f} s"
            self._set(message.symbol, f"channel {message.channel}", text)

    def _on_book(self, message: BookStatus) -> None:
        """A book that was good and no longer is vetoes until it is live again; the first synchronisation does not."""
        if message.state == "live":
            self._had_book.add(message.symbol)
            self._set(message.symbol, "book", "")
        elif message.state == "stale" or message.symbol in self._had_book:
            self._had_book.add(message.symbol)
            why = f": {message.reason}" if message.reason else ""
            self._set(message.symbol, "book", f"order book {message.state}{why}")

    def _on_listing(self, message: Listing) -> None:
        try:
            self._tick[message.symbol] = float(message.tick_size)
        except ValueError:  # an unknown tick only means that the two-tick rule cannot be applied
            self._tick.pop(message.symbol, None)
        self._set(message.symbol, "listing", "" if message.trading else f"not trading ({message.status})")

    def _on_link(self, message: LinkStatus) -> None:
        if message.state == "stopped":
            self._links_up.pop(message.link, None)
        else:
            self._links_up[message.link] = message.state in ("up", "rotating")
        if not self._links_up or any(self._links_up.values()):
            self._down_since_ms = None
        elif self._down_since_ms is None:
            self._down_since_ms = message.at_ms

    def _on_clock(self, message: VenueClock) -> None:
        self._offset_ms = message.offset_ms
