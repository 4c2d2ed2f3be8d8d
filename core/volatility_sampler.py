"""What stored minutes say about every watched market, kept at hand: how volatile it is and when it is most traded.

Read from the candle store in the background, one market after the other; the arithmetic runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from core.bus import Bus
from core.clock import Clock
from core.history import CandleStore, StoreError, series_key
from core.market.volatility import NO_SAMPLE, NatrSample, natr_sample
from core.messages import Universe
from core.screening.hours import preferred, ranked_hours
from core.venue import TIMEFRAME_MS, CandleBlock, MarketProvider

SAMPLE_DAYS = 7.0
READ_DAYS = 16
"""So many days are read: ATR14 of one-hour bars settles for eight of them before the seven that count."""
REFRESH_S = 900.0
SHORT_S = 120.0
"""A market with less than seven days is read again after this long: the store is filling."""
PAUSE_S = 0.5
"""Between two markets: a reading takes 20,000 bars, and nobody waits for it."""


class _Habits(NamedTuple):
    """What was found in the stored minutes of one market."""

    samples: dict[str, NatrSample]
    hours: tuple[int, ...]
    """Hours of the day, most liquid first; empty: not known."""


_NOTHING = _Habits({}, ())


class VolatilitySampler:
    """Answers at once from memory (a `SampleView`); before the first reading it says that nothing is known."""

    def __init__(
        self, bus: Bus, clock: Clock, provider: MarketProvider, candles: CandleStore, timeframes: Sequence[str]
    ) -> None:
        self._clock = clock
        self._provider = provider
        self._candles = candles
        self._timeframes = tuple(dict.fromkeys(timeframes))
        self._habits: dict[str, _Habits] = {}
        self._due: dict[str, float] = {}
        self.failures = 0
        """Readings the store refused; the last ones stay in use, and the store itself reports its damage."""
        bus.subscribe(Universe, self._on_universe, name="volatility.universe")

    def sample(self, symbol: str, timeframe: str) -> NatrSample:
        """Distribution of this market's NATR14 over seven days at bars of this timeframe.

        One that was not named at the start is read from now on, and empty until then.
        """
        if timeframe not in self._timeframes and timeframe in TIMEFRAME_MS:
            self._timeframes = (*self._timeframes, timeframe)
            self._due = dict.fromkeys(self._due, self._clock.monotonic())
        return self._habits.get(symbol, _NOTHING).samples.get(timeframe, NO_SAMPLE)

    def preferred_hours(self, symbol: str, count: int) -> tuple[int, ...]:
        """Its `count` most liquid hours of the day (UTC), rising; empty while less than three days are stored."""
        return preferred(self._habits.get(symbol, _NOTHING).hours, count)

    async def run(self) -> None:
        """Read whichever market is due, one at a time; until cancelled."""
        while True:
            symbol = min(self._due, key=self._due.__getitem__, default=None)
            if symbol is None or self._due[symbol] > self._clock.monotonic():
                await self._clock.sleep(1.0)
                continue
            await self._read(symbol)
            await self._clock.sleep(PAUSE_S)

    async def _read(self, symbol: str) -> None:
        habits = self._habits.get(symbol, _NOTHING)
        try:
            block = await self._candles.read(series_key(self._provider, symbol, "1m"), limit=READ_DAYS * 1440)
            habits = await asyncio.to_thread(_measure, block, self._timeframes)
        except StoreError:
            self.failures += 1
        if symbol not in self._due:  # no longer watched
            return
        self._habits[symbol] = habits
        deepest = max((sample.days for sample in habits.samples.values()), default=0.0)
        self._due[symbol] = self._clock.monotonic() + (REFRESH_S if deepest >= SAMPLE_DAYS else SHORT_S)

    def _on_universe(self, universe: Universe) -> None:
        now = self._clock.monotonic()
        self._due = {symbol: self._due.get(symbol, now) for symbol in universe.symbols}
        self._habits = {symbol: self._habits[symbol] for symbol in universe.symbols if symbol in self._habits}


def _measure(minutes: CandleBlock, timeframes: Sequence[str]) -> _Habits:
    samples = {name: natr_sample(minutes, TIMEFRAME_MS[name], SAMPLE_DAYS) for name in timeframes}
    return _Habits(samples, ranked_hours(minutes))
