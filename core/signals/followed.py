"""One series that is kept up to date: its signals, the longer timeframes they read, and the bars that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from core.market.candles import CandleWindow
from core.messages import Bar, Metrics, StateChange
from core.settings import Settings
from core.signals.higher import DAY, HigherFrames, frames_above
from core.signals.series import SymbolSignals
from core.venue import TIMEFRAME_MS


class MarketView(Protocol):
    """What the signal part needs of the market part."""

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Every timeframe that is kept."""

    def window(self, symbol: str, timeframe: str) -> CandleWindow | None:
        """Closed bars of a series, or None when it is not loaded."""


class Followed:
    """Decides when a series is read again from its window and when it waits; whoever owns it does the work and the telling.

    What it said rests on the windows of its own and of the longer timeframes: when one of them was rewritten, the carried
    state no longer follows from them and the series is read again at its next bar.
    """

    __slots__ = (
        "_hole",
        "_market",
        "_told_versions",
        "_versions",
        "above",
        "bars",
        "due_ms",
        "failures",
        "glanced_ms",
        "gone",
        "lacking",
        "metrics",
        "opened",
        "reads",
        "reopen",
        "shown",
        "signals",
    )

    def __init__(self, signals: SymbolSignals, market: MarketView, due_ms: float) -> None:
        self.signals = signals
        self.above = above = frames_above(signals.timeframe, market.timeframes)
        """The longer timeframes whose regimes are read, shortest first."""
        self.reads = above if DAY in above or DAY not in market.timeframes else (*above, DAY)
        """The same, and the daily one for its levels."""
        self.due_ms = due_ms
        """The first reading waits until then for the history of the longer timeframes."""
        self.bars: deque[Bar] = deque()
        self.reopen = True
        """The window must be read before the next bar."""
        self.opened = False
        self.gone = False
        """Nobody follows it any more: work on it stops."""
        self.glanced_ms = -1
        """Newest bar of the window when a first look at it was taken; -1 before."""
        self.lacking = False
        """The newest bar was judged without a longer bar that closed with it."""
        self.shown = ""
        """Why HOLD is shown from outside, or empty."""
        self.metrics: Metrics | None = None
        self.failures = 0
        self._market = market
        self._versions: tuple[int, ...] = ()
        self._told_versions: tuple[int, ...] = ()
        self._hole = False

    @property
    def window(self) -> CandleWindow | None:
        """Its own closed bars, None before their history is in."""
        return self._market.window(self.signals.symbol, self.signals.timeframe)

    def take(self, bar: Bar) -> bool:
        """A closed bar of this symbol; True when it is the series' own, False for a longer timeframe's or one not read."""
        if bar.timeframe == self.signals.timeframe:
            self.bars.append(bar)
            return True
        if bar.timeframe in self.reads:
            values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
            if not self.signals.frames.add(bar.timeframe, bar.open_ms, values):
                self._hole = True
        return False

    def complete(self) -> bool:
        """Whether the history of every timeframe it reads is in."""
        symbol, window = self.signals.symbol, self._market.window
        return all(window(symbol, timeframe) is not None for timeframe in self.reads)

    def next_close_ms(self) -> int:
        """When the bar closed that is to be judged next; 0 when there is none."""
        interval_ms = self.signals.interval_ms
        if not self.reopen and self.bars:
            return self.bars[0].open_ms + interval_ms
        window = self.window
        return window.last_open_ms + interval_ms if window is not None and len(window) else 0

    def awaits(self, close_ms: int) -> bool:
        """Whether a longer bar that closes at this moment too is still to come."""
        for timeframe in self.reads:
            if close_ms % TIMEFRAME_MS[timeframe] == 0:
                window = self._market.window(self.signals.symbol, timeframe)
                if window is not None and 0 <= window.last_open_ms < close_ms - TIMEFRAME_MS[timeframe]:
                    return True
        return False

    def rewritten(self) -> bool:
        """Whether a window it rests on no longer is what was read."""
        return self._versions != self._now()

    def tell(self) -> None:
        """The newest bar is told now, with the windows as they stand."""
        self._told_versions = self._versions

    def stands(self) -> bool:
        """Whether what was told of the newest bar still follows from the windows."""
        return not self.lacking and self._told_versions == self._now()

    def must_reopen(self, bar: Bar, settings: Settings) -> bool:
        """Whether the carried state does not lead to this bar: a correction, a repair, a gap, detectors set otherwise."""
        signals = self.signals
        if signals.drive is None:
            return True
        if bar.open_ms <= signals.last_open_ms:
            return bar.revision > 0 and self.rewritten()
        return (
            bar.open_ms != signals.last_open_ms + signals.interval_ms
            or self._hole
            or self.lacking
            or signals.drive.built_for != settings.detectors
            or self.rewritten()
        )

    def open(self, settings: Settings, forced: str) -> Iterator[list[StateChange]]:
        """Read the whole window and the longer timeframes again, in pieces; see `SymbolSignals.open`."""
        window, signals = self.window, self.signals
        if window is None or not len(window):
            return
        self._versions, self._hole = self._now(), False
        frames = signals.frames = self.read_frames()
        opening = signals.open(window, settings, forced)
        yield next(opening)  # the bars are copied first: what closes meanwhile comes as the next bar
        for _ in self.load_frames(frames, int(window.open_ms[0])):
            yield []
        yield from opening

    def read_frames(self) -> HigherFrames:
        """The longer timeframes it reads, empty."""
        return HigherFrames(self.above)

    def load_frames(self, frames: HigherFrames, since_ms: int, before: int | None = None) -> Iterator[None]:
        """Fill them from their windows, one at a time, to answer from `since_ms` on.

        `before`: read at most so many bars that closed by then; all that are there unless given.
        """
        for timeframe in self.reads:
            window = self._market.window(self.signals.symbol, timeframe)
            if window is not None:
                first = 0
                if before is not None:
                    first = max(0, int(np.searchsorted(window.open_ms, since_ms)) - before)
                frames.load(timeframe, window.block()[first:], since_ms)
                yield

    def _now(self) -> tuple[int, ...]:
        """One number for each window it rests on, that grows whenever the window is rewritten; -1 while it is not loaded."""
        symbol = self.signals.symbol
        windows = (self._market.window(symbol, timeframe) for timeframe in (self.signals.timeframe, *self.reads))
        return tuple(-1 if window is None else window.rewritten for window in windows)
