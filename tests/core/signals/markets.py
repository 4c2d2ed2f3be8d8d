"""Seeded candle blocks and a market for the signal tests."""

from __future__ import annotations

import numpy as np

from core.market.candles import CandleWindow
from core.messages import Bar
from core.settings import Settings
from core.signals.series import SymbolSignals
from core.venue import TIMEFRAME_MS, CandleBlock

START_MS = 1_795_219_200_000
VENUE, CATEGORY = "binance_us", "spot"


def walk(seed: int, bars: int, timeframe: str = "5m", volatility: float = 0.001) -> CandleBlock:
    """A fat-tailed random walk as candles, shape (bars, 9)."""
    random = np.random.default_rng(seed)
    steps = random.standard_t(5, size=bars * 10) * volatility / np.sqrt(10)
    path = 100.0 * np.exp(np.cumsum(steps)).reshape(bars, 10)
    close = path[:, -1]
    first = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(path.max(1), first), np.minimum(path.min(1), first)
    volume = random.lognormal(3, 1, bars)
    opens = START_MS + np.arange(bars) * float(TIMEFRAME_MS[timeframe])
    return np.column_stack([opens, first, high, low, close, volume, volume * close, np.full(bars, 10.0), volume / 2])


def coarser(block: CandleBlock, timeframe: str) -> CandleBlock:
    """The whole bars of a longer timeframe that the block holds, as a venue would have them."""
    span = int(TIMEFRAME_MS[timeframe] // (block[1, 0] - block[0, 0]))
    first = int(np.argmax(block[:, 0] % TIMEFRAME_MS[timeframe] == 0.0))
    count = (len(block) - first) // span
    parts = block[first : first + count * span].reshape(count, span, 9)
    sums = parts[:, :, 5:].sum(1)
    return np.column_stack(
        [parts[:, 0, 0], parts[:, 0, 1], parts[:, :, 2].max(1), parts[:, :, 3].min(1), parts[:, -1, 4], sums]
    )


def window_of(block: CandleBlock, capacity: int = 2000) -> CandleWindow:
    window = CandleWindow(capacity)
    window.extend(block)
    return window


def bar_of(
    row: np.ndarray, symbol: str = "A", timeframe: str = "5m", *, synthetic: bool = False, revision: int = 0
) -> Bar:
    open_ms, first, high, low, close, volume, quote_volume, trades, taker = row.tolist()
    return Bar(
        venue=VENUE, category=CATEGORY, symbol=symbol, timeframe=timeframe, open_ms=int(open_ms), open=first,
        high=high, low=low, close=close, volume=volume, quote_volume=quote_volume, trades=int(trades),
        taker_buy_volume=taker, closed=True, synthetic=synthetic, revision=revision,
        known_at=int(open_ms) + TIMEFRAME_MS[timeframe],
    )  # fmt: skip


def lively(bars: int, length: int = 0) -> int:
    """A seed whose walk (of `length` bars) stands in BUY or SELL after so many."""
    for seed in range(100):
        signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
        list(signals.open(window_of(walk(seed, max(bars, length))[:bars]), Settings()))
        if signals.hysteresis.state != "HOLD":
            return seed
    raise AssertionError("no walk of a hundred ends in a state other than HOLD")


def turning(first: int, last: int, length: int) -> int:
    """A seed whose walk of `length` bars changes its state between these two bars."""
    for seed in range(100):
        block = walk(seed, length)
        signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
        list(signals.open(window_of(block[:first]), Settings()))
        if any(signals.step(bar_of(row), Settings(), "") for row in block[first:last]):
            return seed
    raise AssertionError("no walk of a hundred changes its state there")


class FakeMarket:
    """Windows by (symbol, timeframe), as the market part serves them."""

    def __init__(self, timeframes: tuple[str, ...] = ("5m",)) -> None:
        self.timeframes = timeframes
        self.windows: dict[tuple[str, str], CandleWindow] = {}

    def window(self, symbol: str, timeframe: str) -> CandleWindow | None:
        return self.windows.get((symbol, timeframe))
