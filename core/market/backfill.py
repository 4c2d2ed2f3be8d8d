"""Fills the candle store in the background: one-minute bars back to `history.store_bars`, newest first.

Symbols take turns by the request, so all grow deep together. What the venue answers to have none of is remembered, and a
restart asks only for what is missing. The rate budget is the provider's: every request is marked as background work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from core.bus import Bus
from core.clock import Clock
from core.history import CandleStore, SeriesKey, StoreError, series_key
from core.market.quality import sane_block
from core.market.repairs import wait_after
from core.messages import Fault, Universe
from core.settings import Settings
from core.venue import TIMEFRAME_MS, Banned, MarketProvider, VenueError

CHUNK = 1000
"""Bars asked for at once: what one page of either venue gives."""

_FRESH_MS = 600_000
"""The newest stretch belongs to the live desk, and its absence proves nothing yet."""

_PACE_S = 0.1
"""Between two requests: a steady trickle, where the rate budget alone would let the fill run in bursts."""
_FAILED_PACE_S = 1.0
"""After a failure: a venue that is away is not asked for every symbol at once."""

_IDLE_S = 600.0
"""A complete symbol is looked at again after this; the live desk writes its tail meanwhile."""


class Chunk(NamedTuple):
    """What one request did. `complete`: nothing was missing, nothing was asked. From `settled_ms` on nothing is missing."""

    complete: bool
    bars: int
    settled_ms: int


async def fill_chunk(
    provider: MarketProvider,
    store: CandleStore,
    key: SeriesKey,
    from_ms: int,
    until_ms: int,
    *,
    keep: int = 0,
    background: bool = True,
) -> Chunk:
    """Ask the venue for the newest missing stretch of a series in [from_ms, until_ms), one page at most, and store it.

    Bars the venue does not have are remembered as absent. Raises `VenueError` and `StoreError`.
    """
    missing = await store.gaps(key, from_ms, until_ms)
    if not missing:
        return Chunk(True, 0, from_ms)
    interval_ms = TIMEFRAME_MS[key.timeframe]
    start, end = missing[-1]
    start = max(start, end - CHUNK * interval_ms)
    block = await provider.candles(
        key.symbol, key.timeframe, start_ms=start, end_ms=end, limit=CHUNK, background=background
    )
    block, _ = sane_block(block, interval_ms)
    block = block[(block[:, 0] >= start) & (block[:, 0] < end)]
    if len(block):
        await store.write(key, block, keep)
    for absent_from, absent_until in await store.gaps(key, start, end):
        await store.mark_absent(key, absent_from, absent_until)
    return Chunk(False, len(block), start)


class Backfill:
    """The background fill of all watched symbols. `on_stored(symbol, timeframe, bars)` hears of progress."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        provider: MarketProvider,
        store: CandleStore,
        on_stored: Callable[[str, str, int], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._provider = provider
        self._store = store
        self._on_stored = on_stored
        self._symbols: tuple[str, ...] = ()
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._settled: dict[str, int] = {}  # nothing is missing from here on: the next look goes deeper only
        self.requests = 0
        bus.subscribe(Universe, self._on_universe, name="backfill.universe")

    def set_symbols(self, symbols: Iterable[str]) -> None:
        """The symbols to fill from now on."""
        self._symbols = tuple(symbols)

    async def run(self) -> None:
        """Fill until cancelled; returns at once when the fill is turned off, and when the store is full."""
        if self._settings.history.store_bars == 0:
            return
        while True:
            worked = False
            for symbol in self._symbols:
                if self._not_before.get(symbol, 0.0) > self._clock.monotonic() or symbol not in self._symbols:
                    continue
                if self._store.evicted:
                    self._fault("the candle store is full: the fill stops; raise history.store_max_mb", "", 1)
                    return
                if await self._turn(symbol):
                    worked = True
                    await self._clock.sleep(_PACE_S)
            await self._clock.sleep(0.0 if worked else 1.0)

    async def _turn(self, symbol: str) -> bool:
        """One request for one symbol; False when it had nothing to ask."""
        key = series_key(self._provider, symbol, "1m")
        interval_ms = TIMEFRAME_MS["1m"]
        bars = self._settings.history.store_bars
        newest_ms = (self._provider.venue_now_ms() - _FRESH_MS) // interval_ms * interval_ms
        oldest_ms = newest_ms - (bars - _FRESH_MS // interval_ms - 1) * interval_ms
        try:
            until_ms = max(oldest_ms, self._settled.get(symbol, newest_ms))
            chunk = await fill_chunk(self._provider, self._store, key, oldest_ms, until_ms, keep=bars)
            if chunk.complete:
                self._settled.pop(symbol, None)
                self._not_before[symbol] = self._clock.monotonic() + _IDLE_S
                return False
            self.requests += 1
            self._settled[symbol] = chunk.settled_ms
            self._on_stored(symbol, "1m", (await self._store.span(key)).bars)
            self._failures.pop(symbol, None)
        except Banned as error:
            # A ban holds for every symbol: one report, and nothing is asked until it is over.
            wait = wait_after(error, 1)
            self._fault(f"fill: {error}; trying again in {wait:.0f} s", "", 1)
            await self._clock.sleep(wait)
            return False
        except (VenueError, StoreError) as error:
            failures = self._failures[symbol] = self._failures.get(symbol, 0) + 1
            wait = wait_after(error, failures)
            self._not_before[symbol] = self._clock.monotonic() + wait
            self._fault(f"fill of {symbol}: {error}; trying again in {wait:.0f} s", symbol, failures)
            await self._clock.sleep(_FAILED_PACE_S)
            return False
        return True

    def _on_universe(self, universe: Universe) -> None:
        self.set_symbols(universe.symbols)

    def _fault(self, message: str, symbol: str, count: int) -> None:
        self._bus.publish(
            Fault(
                source="backfill",
                message=message,
                severity="warning",
                symbol=symbol,
                count=count,
                at_ms=self._clock.now_ms(),
            )
        )
