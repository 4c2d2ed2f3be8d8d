"""Recorded candles for the signal tests: a stretch of a symbol, the longer timeframes over all that came before, two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from core.market.candle_file import as_block, demand_clean, read_candles
from core.market.indicators import IndicatorSet
from core.market.resample import resample
from core.scan import higher_frames
from core.settings import Settings
from core.signals.drive import Drive, Judged
from core.signals.higher import DAY, HigherFrames
from core.signals.series import SymbolSignals
from core.venue import TIMEFRAME_MS, CandleBlock
from tests.core.signals.markets import CATEGORY, VENUE, bar_of, window_of

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "ohlcv"
FOLDER = DATA / "binance_usdm_2025"
SETTINGS = Settings()


@cache
def candles(symbol: str, timeframe: str) -> CandleBlock:
    """All recorded bars of a 2025 perpetual, shape (n, 9)."""
    path = FOLDER / f"{symbol}_{timeframe}.parquet"
    rows = read_candles(path)
    demand_clean(path, rows, timeframe)
    block = as_block(rows)
    block[:, 7] = -1.0
    return block


class Given:
    """The closes a run has been given: what a detector that looks ahead could look at. The prefix tests keep it honest."""

    closes: dict[int, float] = {}  # noqa: RUF012  (shared on purpose: a leak reads it)

    @classmethod
    def only(cls, block: CandleBlock) -> None:
        cls.closes = {int(open_ms): close for open_ms, close in block[:, (0, 4)].tolist()}


def at_once(
    block: CandleBlock, timeframe: str, frames: HigherFrames, settings: Settings = SETTINGS
) -> Iterator[tuple[int, Judged]]:
    """Every bar judged, all of them stored beforehand: open time and what was said."""
    Given.only(block)
    indicators, rows = IndicatorSet.open(block)
    drive = Drive(indicators, settings, TIMEFRAME_MS[timeframe], 0.0, frames)
    for bar, row in zip(block[:, :6].tolist(), rows.tolist(), strict=True):
        yield int(bar[0]), drive.step(int(bar[0]), bar[1:], False, row, settings)


def frames_until(block: CandleBlock, count: int, timeframe: str) -> HigherFrames:
    """The longer timeframes as known at the close of bar `count`, later bars unseen."""
    frames = higher_frames(block[:0], timeframe, SETTINGS)
    known_ms = block[count - 1, 0] + TIMEFRAME_MS[timeframe]
    for name in longer(frames):
        bars = resample(block[:count], TIMEFRAME_MS[name])
        frames.load(name, bars[bars[:, 0] + TIMEFRAME_MS[name] <= known_ms])
    return frames


def longer(frames: HigherFrames) -> Sequence[str]:
    return tuple(dict.fromkeys((*frames.timeframes, DAY)))


class Live:
    """One symbol as the program runs it: opened on the first bars, then given one closed bar after the other."""

    def __init__(self, block: CandleBlock, timeframe: str, first: int, start: int = 0) -> None:
        """`block` is all there is; the series begins at bar `start`, and is opened with bars up to `first`."""
        self.block, self.timeframe, self.start, self.count = block, timeframe, start, first
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.signals = self.opened()

    def opened(self, newest: int = 0) -> SymbolSignals:
        """A fresh start on the bars there are by now, or on the newest so many of them."""
        Given.only(self.block[: self.count])
        start = self.count - newest if newest else self.start
        signals = SymbolSignals(VENUE, CATEGORY, "A", self.timeframe)
        signals.frames = frames_until(self.block, self.count, self.timeframe)
        list(signals.open(window_of(self.block[start : self.count], 20_000), SETTINGS))
        return signals

    def move(self) -> int:
        """The next bar closes; its open time."""
        row = self.block[self.count]
        self.count += 1
        open_ms = int(row[0])
        Given.closes[open_ms] = float(row[4])
        frames, close_ms = self.signals.frames, open_ms + self.interval_ms
        for name in longer(frames):
            length = TIMEFRAME_MS[name]
            if close_ms % length == 0:
                first = int(np.searchsorted(self.block[:, 0], close_ms - length))
                for bar in resample(self.block[first : self.count], length):  # none while the first is torn
                    assert frames.add(name, close_ms - length, bar[1:6].tolist())
        self.signals.step(bar_of(row, "A", self.timeframe), SETTINGS, "")
        return open_ms
