"""What the sandbox's servers need of a market: listings, history and one live event stream that agree with each other.

All prices are integer ticks and all sizes integer lots inside the sandbox, so trades, books, quotes and candles agree
exactly; the servers format them with the listing's own decimals.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray


class SandboxListing(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of the sandbox. `status`: trading, halted or prelaunch (the servers use the venue's words)."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    max_qty: Decimal
    status: str = "trading"
    listed_ms: int = 0
    perpetual: bool = False


class SandboxTrade(msgspec.Struct, frozen=True, gc=False):
    """One trade: `trade_id` counts from 1 per symbol without gaps; `buyer_taker` is the aggressor's side."""

    symbol: str
    trade_id: int
    price_ticks: int
    size_lots: int
    buyer_taker: bool
    at_ms: int


class SandboxDepth(msgspec.Struct, frozen=True, gc=False):
    """Absolute book changes: (price_ticks, size_lots), size 0 removes. Ids `first..last` count every level change."""

    symbol: str
    first_id: int
    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    at_ms: int


class SandboxQuote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask after the event `update_id`."""

    symbol: str
    update_id: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    at_ms: int


class SandboxMark(msgspec.Struct, frozen=True, gc=False):
    """Perpetuals: mark and index in ticks (floats), funding rate per interval, open interest in lots."""

    symbol: str
    mark_ticks: float
    index_ticks: float
    funding_rate: float
    next_funding_ms: int
    open_interest_lots: int
    at_ms: int


SandboxEvent = SandboxTrade | SandboxDepth | SandboxQuote | SandboxMark

BAR_COLUMNS = (
    "open_ms",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
    "quote_ticklots",
    "trades",
    "taker_buy_lots",
    "taker_buy_ticklots",
    "first_trade_id",
)
"""Columns of `bars`: int64, one row per bar, oldest first. `*_ticklots` is the sum of price_ticks * size_lots."""


class BookSnapshot(msgspec.Struct, frozen=True):
    """The whole visible book after `last_id`: (price_ticks, size_lots), best first."""

    symbol: str
    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    at_ms: int


class SandboxMarket(Protocol):
    """A market on the sandbox's clock. Seeded or recorded; the servers cannot tell."""

    def listings(self) -> list[SandboxListing]:
        """Every listing of the market, halted and new ones too."""

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """Bars with start_ms <= open_ms < end_ms that have begun by the clock, shape (n, 11), see `BAR_COLUMNS`.

        The last one may be forming: it then holds exactly the trades streamed so far. Higher intervals are exact
        aggregates of the minutes; a bar without trades is flat at the previous close with volume 0.
        """

    def recent_trades(self, symbol: str, limit: int) -> list[SandboxTrade]:
        """The newest trades already streamed, oldest first."""

    def book(self, symbol: str) -> BookSnapshot:
        """The book as streamed so far."""

    def mark(self, symbol: str) -> SandboxMark | None:
        """The newest mark of a perpetual."""

    def events(self, until_ms: int) -> Iterator[SandboxEvent]:
        """Everything that happens after the last call up to and including `until_ms`, in time order, all symbols.

        Calling it moves the streamed state (books, forming bars, recent trades) forward.
        """
