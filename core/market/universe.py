"""Which symbols to watch: the venue's tickers, prefiltered by volume and range, pinned ones always in.

`prefilter` is a pure function; `UniverseKeeper` runs it every `market.refresh_minutes` and publishes `Universe`, and
`Ticker` and `Listing` of what is watched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.market.repairs import wait_after
from core.messages import Fault, Listing, PinSymbol, Replay, Ticker, Universe
from core.settings import Market, Settings
from core.venue import Instrument, MarketProvider, VenueError

STICKY_SHARE = 0.15
"""A watched symbol stays until it ranks this share of the list behind its end, so that rows do not flap."""
STICKY_VOLUME = 0.7
"""... and until its volume falls below this share of the minimum."""


class Selection(NamedTuple):
    """Symbols to watch, best first, and pinned ones the venue does not list."""

    symbols: tuple[str, ...]
    unknown: tuple[str, ...]


def prefilter(
    tickers: Iterable[Ticker],
    instruments: Mapping[str, Instrument],
    market: Market,
    *,
    pinned: Sequence[str] = (),
    current: Iterable[str] = (),
) -> Selection:
    """The `market.watch` best symbols: pinned ones first served, then by a mix of volume rank and range rank.

    Rank score: (1 - w) of the place by 24 h quote volume + w of the place by 24 h range / last, w the volatility weight.
    Only trading instruments (or all, with `market.include_halted`) in `market.quote_assets` with enough volume are
    candidates; a watched one that the venue halts stays, so that the halt is seen. Ties go by symbol: the same input gives the same list.
    """
    watched = set(current)
    kept = [symbol for symbol in dict.fromkeys(pinned) if symbol in instruments]
    unknown = tuple(symbol for symbol in dict.fromkeys(pinned) if symbol not in instruments)
    stats = {ticker.symbol: ticker for ticker in tickers if ticker.symbol in instruments}
    candidates = sorted(
        symbol
        for symbol, ticker in stats.items()
        if symbol in kept or _is_candidate(ticker, instruments[symbol], market, symbol in watched)
    )
    volume_place = _places(candidates, {symbol: stats[symbol].quote_volume for symbol in candidates})
    range_place = _places(candidates, {symbol: _range(stats[symbol]) for symbol in candidates})
    weight = market.volatility_weight
    score = {symbol: (1 - weight) * volume_place[symbol] + weight * range_place[symbol] for symbol in candidates}
    ranked = sorted(candidates, key=lambda symbol: (-score[symbol], symbol))

    room = max(0, market.watch - len(kept))
    free = [symbol for symbol in ranked if symbol not in kept]
    border = room + max(2, round(STICKY_SHARE * room))
    chosen = [symbol for symbol in free[:border] if symbol in watched][:room]
    chosen += [symbol for symbol in free if symbol not in chosen][: room - len(chosen)]
    wanted = {*kept, *chosen}
    silent = [symbol for symbol in kept if symbol not in score]  # pinned, but the venue has no statistics of it
    return Selection((*[symbol for symbol in ranked if symbol in wanted], *silent), unknown)


def _is_candidate(ticker: Ticker, instrument: Instrument, market: Market, watched: bool) -> bool:
    if instrument.quote not in market.quote_assets or not (instrument.trading or watched or market.include_halted):
        return False
    minimum = market.min_quote_volume * (STICKY_VOLUME if watched else 1.0)
    return math.isfinite(ticker.quote_volume) and ticker.quote_volume >= minimum and ticker.last > 0


def _range(ticker: Ticker) -> float:
    """24 h range as a fraction of the price; 0 when the venue's numbers make no sense."""
    if not (ticker.last > 0 and math.isfinite(ticker.high) and ticker.high >= ticker.low > 0):
        return 0.0
    return (ticker.high - ticker.low) / ticker.last


def _places(symbols: Sequence[str], value: Mapping[str, float]) -> dict[str, float]:
    """Place of each symbol by value, 1 the largest, 0 the smallest."""
    rising = sorted(symbols, key=lambda symbol: (value[symbol], symbol))
    return {symbol: place / max(1, len(rising) - 1) for place, symbol in enumerate(rising)}


def reference_symbol(instruments: Mapping[str, Instrument | Listing], market: Market) -> str:
    """The market reference: the setting, or the venue's BTC pair in USDT or USD; empty when there is none."""
    if market.reference_symbol:
        return market.reference_symbol
    for quote in ("USDT", "USD"):
        for instrument in instruments.values():
            if instrument.base == "BTC" and instrument.quote == quote and instrument.trading:
                return instrument.symbol
    return ""


class UniverseKeeper:
    """Keeps the watched set. The newest answers stay in `instruments` and `tickers`, by symbol."""

    def __init__(self, bus: Bus, clock: Clock, settings: Settings, provider: MarketProvider) -> None:
        self._bus = bus
        self._clock = clock
        self._market = settings.market
        self._provider = provider
        self.instruments: dict[str, Instrument] = {}
        self.tickers: dict[str, Ticker] = {}
        self.symbols: tuple[str, ...] = ()
        self.held: Callable[[], Iterable[str]] = lambda: ()
        """Symbols that are watched whatever they trade: a position without quotes has no targets and no measure of its stop."""
        self._pinned: dict[str, None] = dict.fromkeys(settings.market.pinned)
        self._listed: dict[str, Listing] = {}
        self._complained: set[str] = set()
        bus.subscribe(PinSymbol, self._on_pin, name="universe.pin")
        bus.subscribe(Replay, self._on_replay, name="universe.replay")

    def use(self, market: Market) -> None:
        """Settings were edited: they count from now on."""
        self._market = market
        for symbol in market.pinned:
            self._pinned[symbol] = None
        self.choose_again("settings")

    def choose_again(self, reason: str) -> None:
        """From the newest answers, where there are any."""
        if self.instruments:
            self._select(reason)

    async def refresh(self, reason: str = "refresh") -> tuple[str, ...]:
        """Ask the venue, choose, publish what changed; returns the watched symbols. Raises `VenueError`."""
        instruments = await self._provider.instruments()
        tickers = await self._provider.tickers()
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.tickers = {ticker.symbol: ticker for ticker in tickers}
        self._select(reason)
        return self.symbols

    async def run(self) -> None:
        """Refresh every `market.refresh_minutes` until cancelled; the first one is the caller's `refresh`.

        While the venue does not answer the old set stays, and it is asked again with growing waits.
        """
        failures = 0
        wait = self._market.refresh_minutes * 60.0
        while True:
            await self._clock.sleep(wait)
            try:
                await self.refresh()
            except VenueError as error:
                failures += 1
                wait = wait_after(error, failures)
                self._fault(f"universe: {error}; the watched symbols stay, trying again in {wait:.0f} s", "", failures)
                continue
            failures = 0
            wait = self._market.refresh_minutes * 60.0

    def _select(self, reason: str) -> None:
        before = self.symbols
        pinned = tuple(dict.fromkeys((*self.held(), *self._pinned)))
        chosen = prefilter(self.tickers.values(), self.instruments, self._market, pinned=pinned, current=before)
        for symbol in chosen.unknown:
            if symbol in self._pinned and symbol not in self._complained:
                self._complained.add(symbol)
                where = f"{self._provider.venue} {self._provider.category}"
                self._fault(f"pinned symbol {symbol} is not listed at {where}; check market.pinned", symbol, 1)
        self.symbols = chosen.symbols
        for symbol in self.symbols:
            self._publish_listing(symbol)
            if symbol in self.tickers:
                self._bus.publish(self.tickers[symbol])
        added = tuple(symbol for symbol in self.symbols if symbol not in set(before))
        removed = tuple(symbol for symbol in before if symbol not in set(self.symbols))
        for symbol in removed:
            self._listed.pop(symbol, None)
        if added or removed or not before:
            self._publish(added, removed, reason)

    def _publish(self, added: tuple[str, ...], removed: tuple[str, ...], reason: str) -> None:
        self._bus.publish(
            Universe(
                venue=self._provider.venue,
                category=self._provider.category,
                symbols=self.symbols,
                added=added,
                removed=removed,
                reason=reason,
                at_ms=self._clock.now_ms(),
            )
        )

    def _publish_listing(self, symbol: str) -> None:
        """Only when it is new or the venue changed it."""
        rules = self.instruments[symbol]
        listing = Listing(
            venue=self._provider.venue,
            category=self._provider.category,
            symbol=symbol,
            base=rules.base,
            quote=rules.quote,
            tick_size=format(rules.tick_size, "f"),
            lot_size=format(rules.lot_size, "f"),
            status=rules.status,
            trading=rules.trading,
            at_ms=0,
        )
        if self._listed.get(symbol) != listing:
            self._listed[symbol] = listing
            self._bus.publish(msgspec.structs.replace(listing, at_ms=self._clock.now_ms()))

    def _on_pin(self, command: PinSymbol) -> None:
        if command.pinned:
            self._pinned[command.symbol] = None
            self._complained.discard(command.symbol)
        else:
            self._pinned.pop(command.symbol, None)
        self.choose_again(f"{command.symbol} {'pinned' if command.pinned else 'unpinned'}")

    def _on_replay(self, _: Replay) -> None:
        now_ms = self._clock.now_ms()
        for listing in self._listed.values():
            self._bus.publish(msgspec.structs.replace(listing, at_ms=now_ms))
        for symbol in self.symbols:
            if symbol in self.tickers:
                self._bus.publish(self.tickers[symbol])
        if self.symbols:
            self._publish((), (), "replay")

    def _fault(self, message: str, symbol: str, count: int) -> None:
        self._bus.publish(
            Fault(
                source="universe",
                message=message,
                severity="warning",
                symbol=symbol,
                count=count,
                at_ms=self._clock.now_ms(),
            )
        )
