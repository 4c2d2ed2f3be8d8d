"""The sandbox's seeded market: the same seed is the same market, at any time, in history and live.

Bars and trades are pure functions of (seed, symbol, minute), so a restarted market continues where it would have been.
The book is simulated from the start of the stream on; its update ids rise across restarts.
"""

from __future__ import annotations

from decimal import Decimal

from core.clock import Clock
from providers.sandbox.market_minutes import MinuteMarket
from providers.sandbox.market_slots import NoiseTable
from providers.sandbox.market_stream import StreamRates
from providers.sandbox.market_symbols import SymbolSpec, symbol_specs
from providers.sandbox.paths import CALM, CommonFactor, DayBars, SymbolPath


class SeededMarket(MinuteMarket):
    """`symbols` instruments of one venue and category on `clock`.

    Rates are means over symbols; majors get more and thin symbols less unless `even`. They are part of the market:
    another trade rate is another history. `levels_per_diff` is the mean number of level changes in a diff.
    Category `linear` makes every listing a perpetual with marks, funding and open interest.
    """

    def __init__(
        self,
        seed: int,
        symbols: int,
        clock: Clock,
        *,
        venue: str = "binance_us",
        category: str = "spot",
        depth_per_s: float = 3.0,
        quotes_per_s: float = 1.5,
        trades_per_s: float = 1.0,
        levels_per_diff: int = 7,
        even: bool = False,
        calmest: float = CALM,
    ) -> None:
        rates = (("depth_per_s", depth_per_s), ("quotes_per_s", quotes_per_s), ("trades_per_s", trades_per_s))
        for name, value in (*rates, ("levels_per_diff", levels_per_diff)):
            if value <= 0:
                raise ValueError(f"{name} {value} must be above 0")
        specs = symbol_specs(symbols, clock.now_ms(), venue=venue, even=even)
        super().__init__(
            _SeededSource(seed, [(spec, trades_per_s * spec.activity * 86_400.0) for spec in specs], even, calmest),
            specs,
            [
                StreamRates(
                    depth_per_s=depth_per_s * spec.depth_activity,
                    quotes_per_s=quotes_per_s * spec.depth_activity,
                    levels_per_diff=levels_per_diff,
                )
                for spec in specs
            ],
            clock,
            seed,
            perpetual=category == "linear",
            min_notional=Decimal(10) if venue == "binance_us" else Decimal(5),
        )


class _SeededSource:
    """Days of all symbols, their paths made when first asked for."""

    def __init__(self, seed: int, symbols: list[tuple[SymbolSpec, float]], steady: bool, calmest: float) -> None:
        self._seed = seed
        self._steady = steady
        self._symbols = symbols
        self._common = CommonFactor(seed, calmest=calmest)
        self._noise = NoiseTable(seed)
        self._paths: dict[int, SymbolPath] = {}

    def day(self, index: int, day: int) -> DayBars:
        """All bars of a UTC day of one symbol."""
        path = self._paths.get(index)
        if path is None:
            spec, trades_per_day = self._symbols[index]
            path = SymbolPath(self._seed, spec, self._common, self._noise, trades_per_day, steady=self._steady)
            self._paths[index] = path
        return path.day(day)
