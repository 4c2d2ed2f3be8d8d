"""Longer timeframes as a decision may see them: as of their last close at or before the decision's own close.

Joining by close time is what keeps a bar that still forms out of the decision (methods sheet 0).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.market.indicators import TABLE, IndicatorSet, columns_of
from core.market.regime import RegimeReading, RegimeTracker
from core.messages import Regime
from core.signals.smc.event import NO_LEVELS, Levels
from core.venue import TIMEFRAME_MS, CandleBlock

FRAMES_READ = 2
"""So many timeframes above the decision's are read."""
WARMUP_BARS = 300
"""Bars of a longer timeframe after which its regime no longer depends on where its history began."""
DAY = "1d"
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""1 January 1970 was a Thursday: the first Monday came four days later."""

_NEEDED = ("ema9", "ema20", "ema50", "adx14")
_TABLE = tuple(entry for entry in TABLE if entry.outputs[0] in _NEEDED)
_ADX, _EMA9, _EMA20, _EMA50 = (columns_of(_TABLE).index(name) for name in ("adx14", "ema9", "ema20", "ema50"))


class HigherReading(NamedTuple):
    """The regime of one longer timeframe as of its bar closed at `closed_ms`. `warm`: its history is long enough."""

    timeframe: str
    regime: Regime
    confidence: float
    age_bars: int
    closed_ms: int
    warm: bool


def frames_above(decision: str, timeframes: Iterable[str]) -> tuple[str, ...]:
    """The timeframes a decision on `decision` reads, shortest first."""
    longer = sorted({name for name in timeframes if TIMEFRAME_MS[name] > TIMEFRAME_MS[decision]}, key=TIMEFRAME_MS.get)  # type: ignore[arg-type]
    return tuple(longer[:FRAMES_READ])


class _Frame:
    """Regimes of one timeframe, one per closed bar."""

    def __init__(self, timeframe: str, block: CandleBlock) -> None:
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.closes: list[int] = []
        self.readings: list[RegimeReading] = []
        self._tracker = RegimeTracker()
        self._indicators, rows = IndicatorSet.open(block, _TABLE)
        for open_ms, row in zip(block[:, 0].tolist(), rows.tolist(), strict=True):
            self._move(int(open_ms), row)

    def add(self, open_ms: int, bar: Sequence[float]) -> bool:
        """The next closed bar; False when it does not follow the newest one, so that the frame must be read again."""
        if self.closes and open_ms != self.closes[-1]:
            return open_ms < self.closes[-1]
        self._move(open_ms, self._indicators.update(*bar).tolist())
        return True

    def _move(self, open_ms: int, row: list[float]) -> None:
        self.closes.append(open_ms + self.interval_ms)
        self.readings.append(self._tracker.move(row[_ADX], row[_EMA9], row[_EMA20], row[_EMA50]))

    def at(self, close_ms: int) -> HigherReading | None:
        place = bisect_right(self.closes, close_ms) - 1
        if place < 0:
            return None
        found = self.readings[place]
        return HigherReading(
            self.timeframe, found.regime, found.confidence, found.age_bars, self.closes[place], place >= WARMUP_BARS
        )


class HigherFrames:
    """The longer timeframes of one symbol, and its finished days and weeks."""

    def __init__(self, timeframes: Sequence[str]) -> None:
        self.timeframes = tuple(timeframes)
        self._frames: dict[str, _Frame] = {}
        self._days: list[tuple[int, float, float]] = []  # open time, high, low

    def load(self, timeframe: str, block: CandleBlock) -> None:
        """Closed bars of a timeframe, oldest first, in place of what was known of it. `1d` brings days and weeks."""
        if timeframe in self.timeframes:
            self._frames[timeframe] = _Frame(timeframe, block)
        if timeframe == DAY:
            self._days = [(int(row[0]), row[2], row[3]) for row in block[:, :4].tolist()]

    def add(self, timeframe: str, open_ms: int, bar: Sequence[float]) -> bool:
        """The next closed bar (open, high, low, close, volume); False when the timeframe must be loaded again."""
        if timeframe == DAY and (not self._days or open_ms > self._days[-1][0]):
            self._days.append((open_ms, bar[1], bar[2]))
        frame = self._frames.get(timeframe)
        return frame is None or frame.add(open_ms, bar)

    def closed_ms(self, timeframe: str) -> int:
        """When the newest known bar of a timeframe closed; 0 while none is known."""
        if timeframe == DAY:
            return self._days[-1][0] + DAY_MS if self._days else 0
        frame = self._frames.get(timeframe)
        return frame.closes[-1] if frame is not None and frame.closes else 0

    def at(self, close_ms: int) -> tuple[HigherReading, ...]:
        """What the longer timeframes said at this moment, shortest first; those without a closed bar are left out."""
        found = (frame.at(close_ms) for name in self.timeframes if (frame := self._frames.get(name)) is not None)
        return tuple(reading for reading in found if reading is not None)

    def levels(self, close_ms: int) -> Levels:
        """Extremes of the last day and week (from Monday, UTC) that were over at this moment and are wholly known."""
        place = bisect_right(self._days, close_ms - DAY_MS, key=lambda day: day[0]) - 1
        if place < 0:
            return NO_LEVELS
        day_ms, day_high, day_low = self._days[place]
        week_ms = (close_ms - MONDAY_MS) // WEEK_MS * WEEK_MS + MONDAY_MS - WEEK_MS
        week = [day for day in self._days[max(0, place - 13) : place + 1] if week_ms <= day[0] < week_ms + WEEK_MS]
        if len(week) < 7:
            return NO_LEVELS._replace(day_high=day_high, day_low=day_low, day_ms=day_ms)
        return Levels(day_high, day_low, day_ms, max(day[1] for day in week), min(day[2] for day in week), week_ms)
