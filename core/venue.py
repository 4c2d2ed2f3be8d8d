"""What core expects of a venue: instruments and their rules, market data by REST, and streams on the bus.

A provider lives in `providers/` and implements `MarketProvider`. Requests are awaited; streams are published as
`Quote`, `TradeBatch`, `Kline`, `MarkPrice`, `BookStatus`, `LinkStatus`, `ChannelStatus`, `ProviderStats`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from core.messages import HostKind, Ladder, Ticker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    CandleBlock = NDArray[np.float64]
else:
    CandleBlock = Any  # settings import this module before the first frame, which does not wait for numpy

TIMEFRAME_MS: dict[str, int] = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
"""Timeframes both venues serve, with their length in ms. All are aligned to the Unix epoch."""

CANDLE_COLUMNS = ("open_ms", "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume")
"""Columns of a candle block, in order. A block is float64 of shape (n, 9), oldest first, open times unique and rising.

`trades` and `taker_buy_volume` are NaN where the venue does not give them. Open times are exact in float64.
"""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable instrument with every rule its orders must keep. Zero or None: the venue sets no such rule."""

    venue: str
    category: str
    symbol: str
    base: str
    quote: str
    status: str
    trading: bool
    tick_size: Decimal
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    lot_size: Decimal
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    market_lot_size: Decimal = Decimal(0)
    market_min_qty: Decimal = Decimal(0)
    market_max_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)
    notional_applies_to_market: bool = True
    quote_precision: Decimal = Decimal(0)
    price_up_ratio: Decimal = Decimal(0)
    price_down_ratio: Decimal = Decimal(0)
    bid_up_ratio: Decimal = Decimal(0)
    bid_down_ratio: Decimal = Decimal(0)
    ask_up_ratio: Decimal = Decimal(0)
    ask_down_ratio: Decimal = Decimal(0)
    average_price_minutes: int = 0
    max_orders: int = 0
    max_algo_orders: int = 0
    max_iceberg_orders: int = 0
    iceberg_parts: int = 0
    max_order_lists: int = 0
    max_position: Decimal = Decimal(0)
    order_types: tuple[str, ...] = ()
    oco_allowed: bool = False
    min_leverage: Decimal = Decimal(0)
    max_leverage: Decimal = Decimal(0)
    leverage_step: Decimal = Decimal(0)
    funding_interval_min: int = 0
    settle: str = ""
    contract: str = "spot"
    launched_ms: int = 0

    @property
    def key(self) -> str:
        """`venue.category:SYMBOL`."""
        return f"{self.venue}.{self.category}:{self.symbol}"


class VenueError(Exception):
    """A request to a venue did not succeed. The subclass tells the caller what to do."""


class Retryable(VenueError):
    """Worth trying again later: network trouble, 5xx on a read, overload. `retry_in_s` is the venue's own wish, or 0."""

    def __init__(self, message: str, retry_in_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_in_s = retry_in_s


class Banned(Retryable):
    """Rate limit exceeded or address banned: nothing at all may be sent for `retry_in_s`."""


class Rejected(VenueError):
    """The venue understood and refused: `code` is its own. Asking again will not help."""

    def __init__(self, message: str, code: int | str = "") -> None:
        super().__init__(message)
        self.code = code


class Fatal(VenueError):
    """Nothing will work until a person acts: wrong host, blocked region, protocol not understood."""


class MarketProvider(Protocol):
    """Market data of one venue and category."""

    venue: str
    category: str
    host: str
    host_kind: HostKind

    async def instruments(self) -> Sequence[Instrument]:
        """Every instrument of the category we could serve, trading or not. Raises `VenueError`."""

    async def tickers(self) -> Sequence[Ticker]:
        """24 h statistics of every symbol, in one request. Raises `VenueError`."""

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> CandleBlock:
        """The newest `limit` candles with start_ms <= open_ms < end_ms, oldest first; pages as needed.

        With `start_ms` and no `end_ms`: up to now. The last row may be the forming bar: compare its open time with
        the clock. `background`: nobody waits for it, so it yields to other requests and keeps to
        `settings.history.fill_share` of the rate budget. Raises `VenueError`.
        """

    async def sync_clock(self) -> float:
        """Measure and publish `VenueClock`; returns venue time minus local time in ms. Raises `VenueError`."""

    def venue_now_ms(self) -> int:
        """The venue's time by our clock and the measured offset."""

    async def run(self) -> None:
        """Keep the streams of the subscribed symbols alive until cancelled. Publishes; raises nothing but cancellation."""

    def set_symbols(self, symbols: Iterable[str], timeframes: Sequence[str]) -> None:
        """The symbols to stream from now on; may be called at any time, before or during `run`."""

    def set_focus(self, symbol: str) -> None:
        """Publish `Ladder` for this symbol with each micro-batch (empty: for none)."""

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """The best `levels` of the local book of a subscribed symbol, now; None while there is none that is live. Cheap."""

    async def close(self) -> None:
        """Release connections."""
