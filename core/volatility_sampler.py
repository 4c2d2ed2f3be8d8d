"""Keeps every watched symbol's volatility distribution at hand, refreshed from the candle store in the background."""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.history import CandleStore, StoreError, series_key
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import Universe
from core.venue import MarketProvider

REFRESH_S = 900.0
PAUSE_S = 0.5
"""Between two symbols: a sample reads 10,000 bars, and nobody waits for it."""


class VolatilitySampler:
    """`sample(symbol)` answers at once from memory; before the first reading it says that nothing is known."""

    def __init__(self, bus: Bus, clock: Clock, provider: MarketProvider, candles: CandleStore, timeframe: str) -> None:
        self._clock = clock
        self._provider = provider
        self._candles = candles
        self._timeframe = timeframe
        self._symbols: tuple[str, ...] = ()
        self._samples: dict[str, NatrSample] = {}
        self.failures = 0
        bus.subscribe(Universe, self._on_universe, name="volatility.universe")

    def sample(self, symbol: str) -> NatrSample:
        """The newest distribution of this symbol's NATR on the decision timeframe."""
        return self._samples.get(symbol, NO_SAMPLE)

    async def run(self) -> None:
        """Read one symbol after the other, then rest; until cancelled."""
        while True:
            for symbol in self._symbols:
                key = series_key(self._provider, symbol, "1m")
                try:
                    self._samples[symbol] = await self._candles.natr_sample(key, self._timeframe)
                except StoreError:
                    # The last sample stays in use; the store itself reports its damage.
                    self.failures += 1
                await self._clock.sleep(PAUSE_S)
            await self._clock.sleep(REFRESH_S if self._symbols else 1.0)

    def _on_universe(self, universe: Universe) -> None:
        self._symbols = universe.symbols
        self._samples = {symbol: self._samples[symbol] for symbol in universe.symbols if symbol in self._samples}
