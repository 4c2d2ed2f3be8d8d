"""The fault plan: everything the sandbox exchange can be told to do wrong, from tests or over the control endpoint.

Every public method with a name in `COMMANDS` is one fault; those of the order path are in `order_faults`. Times run on the
exchange's own clock: a fault of 30 s lasts half a second at sixty times the speed. `channel` is one of `CHANNELS`, or "*";
`symbol` may be "*" too.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import msgspec

from core.clock import Clock
from providers.sandbox.market_faults import LateClose, MarketFaults, Revision
from providers.sandbox.order_faults import ORDER_COMMANDS, Halls, OrderFaults, meant
from providers.sandbox.relay import RelayMode
from providers.sandbox.stream_faults import StreamFault, StreamFaults, StreamRule

CHANNELS = ("kline", "trade", "quote", "depth", "ticker")

COMMANDS = (
    "drop_sockets",
    "refuse",
    "freeze",
    "unfreeze",
    "skip",
    "duplicate",
    "reorder",
    "gap",
    "garbage",
    "half_open",
    "slow_reads",
    "relay_normal",
    "late_close",
    "revise_candle",
    "rest_error",
    "too_many_requests",
    "ban",
    "skew_clock",
    "shutdown_notice",
    "cross_book",
    "spike",
    "clear",
    *ORDER_COMMANDS,
)


class RestFault(msgspec.Struct):
    """The next `left` requests under `path` (a prefix, or "METHOD prefix") get `status` (-1: until cleared)."""

    status: int
    path: str
    left: int
    retry_after_s: int | None = None
    body: str = ""


class Exchange(Halls, Protocol):
    """What the plan needs of the running servers."""

    def drop_sockets(self) -> int:
        """Cut every stream connection; returns how many."""

    def refuse_connections(self, seconds: float) -> None:
        """Stop listening for a while."""

    def set_relay(self, mode: RelayMode, seconds: float, bytes_per_s: int) -> None:
        """Change how the TCP relay behaves."""

    def announce_shutdown(self) -> None:
        """Send the venue's shutdown notice to every stream client."""

    def ban_address(self, seconds: float) -> None:
        """Let the rate limiter refuse everything."""

    def revise_candle(self, symbol: str, open_ms: int | None, close_change: float, add_lots: int) -> int:
        """Correct a closed minute and publish the correction; returns its open time."""


class FaultPlan(OrderFaults):
    """The faults in force and how often each has struck (`counts`)."""

    def __init__(self, clock: Clock, exchange: Exchange) -> None:
        super().__init__(clock, exchange)
        self._exchange = exchange
        self.streams = StreamFaults(self.counts)
        self.market = MarketFaults(self.counts)
        self.rest: list[RestFault] = []
        self.clock_skew_ms = 0

    # --- connections -------------------------------------------------------------------------------------------------

    def drop_sockets(self) -> None:
        """Cut every stream connection without a closing handshake."""
        self.counts["drop_sockets"] += self._exchange.drop_sockets()

    def refuse(self, seconds: float) -> None:
        """Refuse new connections (nothing listens) for `seconds`; open ones stay."""
        self.counts["refuse"] += 1
        self._exchange.refuse_connections(seconds)

    def half_open(self, seconds: float = math.inf) -> None:
        """Relay: connections stay open but nothing passes in either direction."""
        self._exchange.set_relay("half_open", seconds, 0)

    def slow_reads(self, bytes_per_s: int = 2_000, seconds: float = math.inf) -> None:
        """Relay: read from the exchange at only `bytes_per_s`, so that its send buffers fill."""
        self._exchange.set_relay("slow", seconds, bytes_per_s)

    def relay_normal(self) -> None:
        """Relay: pass everything again."""
        self._exchange.set_relay("pass", math.inf, 0)

    def shutdown_notice(self) -> None:
        """Tell every stream client that the server will go away (Binance: `serverShutdown`)."""
        self.counts["shutdown_notice"] += 1
        self._exchange.announce_shutdown()

    # --- messages of a stream ----------------------------------------------------------------------------------------

    def freeze(self, symbol: str = "*", channel: str = "*", seconds: float = math.inf) -> None:
        """Send nothing on a channel while its socket lives on."""
        self._stream("freeze", symbol, channel, seconds=seconds)

    def unfreeze(self, symbol: str = "*", channel: str = "*") -> None:
        """Lift a freeze given with the same symbol and channel."""
        self.streams.remove("freeze", symbol, channel)

    def skip(self, symbol: str = "*", channel: str = "*", count: int = 1) -> None:
        """Lose the next messages."""
        self._stream("skip", symbol, channel, count=count)

    def duplicate(self, symbol: str = "*", channel: str = "*", count: int = 1) -> None:
        """Send the next messages twice."""
        self._stream("duplicate", symbol, channel, count=count)

    def reorder(self, symbol: str = "*", channel: str = "*", count: int = 1) -> None:
        """Swap the next message with the one after it."""
        self._stream("reorder", symbol, channel, count=count)

    def gap(self, symbol: str) -> None:
        """Break the sequence of one symbol's book by losing one depth message."""
        self._stream("skip", symbol, "depth", count=1)

    def garbage(self, kind: str, symbol: str = "*", channel: str = "*", count: int = 1) -> None:
        """Send malformed or absurd frames, see `garbage.GARBAGE` for the kinds."""
        self._stream("garbage", symbol, channel, count=count, kind=kind)

    def _stream(
        self,
        fault: StreamFault,
        symbol: str,
        channel: str,
        *,
        count: int = -1,
        seconds: float = math.inf,
        kind: str = "",
    ) -> None:
        if channel != "*" and channel not in CHANNELS:
            raise ValueError(f"channel {channel!r} is unknown; use one of {', '.join(CHANNELS)} or *")
        rule = StreamRule(fault, symbol, channel, kind)
        rule.left = count
        rule.until_ms = self._until_ms(seconds) if math.isfinite(seconds) else -1
        self.streams.add(rule)

    # --- the market --------------------------------------------------------------------------------------------------

    def cross_book(self, symbol: str, seconds: float = 5.0) -> None:
        """Best bid above best ask, on quotes and in the book."""
        self.market.crossed_until[symbol] = self._until_ms(seconds)

    def spike(self, symbol: str, factor: float = 10.0, seconds: float = 1.0) -> None:
        """Multiply prices of trades, quotes and forming candles on the streams; closed candles stay true."""
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"factor {factor} must be a number above 0")
        self.market.spikes[symbol] = (factor, self._until_ms(seconds))

    def late_close(self, symbol: str = "*", delay_s: float = 10.0, count: int = 1) -> None:
        """The next closing candles come `delay_s` later than usual (count -1: all)."""
        self.market.late[symbol] = LateClose(int(delay_s * 1000), count)

    def revise_candle(
        self, symbol: str, open_ms: int | None = None, close_change: float = 0.001, add_lots: int = 1000
    ) -> int:
        """Change a closed minute (default: the last one) in stream and history; returns its open time."""
        return self._exchange.revise_candle(symbol, open_ms, close_change, add_lots)

    def correct(self, symbol: str, revision: Revision) -> None:
        """Record a correction (the exchange calls this when it carries out `revise_candle`)."""
        self.market.revise(symbol, revision)

    # --- requests ----------------------------------------------------------------------------------------------------

    def rest_error(self, status: int = 503, count: int = 1, path: str = "", body: str = "") -> None:
        """Answer the next `count` requests under `path` with a server error (-1: until cleared)."""
        self.rest.append(RestFault(status, path, count, None, body))

    def too_many_requests(self, count: int = 1, retry_after_s: int | None = 1, path: str = "") -> None:
        """Answer the next requests with 429; `retry_after_s` None leaves the header out."""
        self.rest.append(RestFault(429, path, count, retry_after_s))

    def ban(self, seconds: float = 120.0) -> None:
        """Ban the address: 418 (Binance) or 403 (Bybit) to everything for `seconds`."""
        self.counts["ban"] += 1
        self._exchange.ban_address(seconds)

    def skew_clock(self, ms: int) -> None:
        """Offset the server time in answers and message stamps; candles keep their own times."""
        self.clock_skew_ms = ms

    def take_rest(self, path: str, method: str = "") -> RestFault | None:
        """The fault that strikes this request before it is carried out, if any; counts it down."""
        for fault in self.rest:
            if fault.left != 0 and meant(fault.path, method, path):
                fault.left -= fault.left > 0
                self.counts[f"http_{fault.status}"] += 1
                return fault
        return None

    # --- the plan itself ---------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Lift every fault; corrections of candles stay, they are history now."""
        self.streams.rules.clear()
        self.rest.clear()
        self.market.crossed_until.clear()
        self.market.spikes.clear()
        self.market.late.clear()
        self.clock_skew_ms = 0
        self.clear_orders()
        self._exchange.set_relay("pass", math.inf, 0)
        self._exchange.ban_address(0.0)

    def expire(self, now_ms: int) -> None:
        """Drop what is over; the live loop calls this with each batch."""
        self.streams.expire(now_ms)
        self.expire_orders(now_ms)
        if self.market.crossed_until or self.market.spikes:
            self.market.expire(now_ms)

    def describe(self) -> dict[str, Any]:
        """The plan as the control endpoint lists it."""
        return {
            "streams": [rule.describe() for rule in self.streams.rules],
            "rest": [msgspec.to_builtins(fault) for fault in self.rest if fault.left],
            "crossed_until": self.market.crossed_until,
            "spikes": {symbol: list(spike) for symbol, spike in self.market.spikes.items()},
            "late_close": {symbol: msgspec.to_builtins(late) for symbol, late in self.market.late.items()},
            "clock_skew_ms": self.clock_skew_ms,
            "orders": self.describe_orders(),
            "counts": dict(self.counts),
        }

    def _until_ms(self, seconds: float) -> int:
        return self._clock.now_ms() + int(seconds * 1000)
