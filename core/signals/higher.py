"""Longer timeframes as a decision may see them: as of their last close at or before the decision's own close.

Joining by close time is what keeps a bar that still forms out of the decision (methods sheet 0).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.market.indicators import TABLE, IndicatorSet, columns_of
from core.market.regime import RegimeTracker
from core.messages import Regime
from core.signals.smc.event import NO_LEVELS, Levels
from core.venue import TIMEFRAME_MS, CandleBlock

FRAMES_READ = 2
"""So many timeframes above the decision's are read."""
WARMUP_BARS = 300
"""Bars of a longer timeframe after which its regime no longer depends on where its history began."""
KEPT_BARS = 2000
"""Closed bars of a longer timeframe whose regime is remembered; a decision's own window reaches less far back."""
DAY = "1d"
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""1 January 1970 was a Thursday: the first Monday came four days later."""
NEVER_MS = 1 << 62

_NEEDED = ("ema9", "ema20", "ema50", "adx14")
_TABLE = tuple(entry for entry in TABLE if entry.outputs[0] in _NEEDED)
_ADX, _EMA9, _EMA20, _EMA50 = (columns_of(_TABLE).index(name) for name in ("adx14", "ema9", "ema20", "ema50"))
_REGIMES: tuple[Regime, ...] = ("undefined", "range", "trend_up", "trend_down")
_CODES = {regime: code for code, regime in enumerate(_REGIMES)}


class HigherReading(NamedTuple):
    """The regime of one longer timeframe as of its bar closed at `closed_ms` (0: none known).

    `warm`: its history is long enough.
    """

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
    """Regimes of one timeframe, one per closed bar; in arrays, because every market has two of these."""

    __slots__ = (
        "_ages",
        "_codes",
        "_confidences",
        "_dropped",
        "_indicators",
        "_tracker",
        "closes",
        "interval_ms",
        "timeframe",
    )

    def __init__(self, timeframe: str, block: CandleBlock, since_ms: int) -> None:
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.closes = array("q")
        self._codes = array("b")
        self._confidences = array("d")
        self._ages = array("l")
        self._dropped = 0
        self._tracker = RegimeTracker()
        self._indicators, rows = IndicatorSet.open(block, _TABLE)
        times = block[:, 0].tolist()
        for open_ms, row in zip(times, rows.tolist(), strict=True):
            self._move(int(open_ms), row)
        self._forget(bisect_right(self.closes, since_ms) - 1)

    def add(self, open_ms: int, bar: Sequence[float]) -> bool:
        """The next closed bar; False when it does not follow the newest one, so that the frame must be read again."""
        if self.closes and open_ms != self.closes[-1]:
            return open_ms < self.closes[-1]
        self._move(open_ms, self._indicators.update(*bar).tolist())
        if len(self.closes) > KEPT_BARS:
            self._forget(KEPT_BARS // 4)
        return True

    def _move(self, open_ms: int, row: list[float]) -> None:
        found = self._tracker.move(row[_ADX], row[_EMA9], row[_EMA20], row[_EMA50])
        self.closes.append(open_ms + self.interval_ms)
        self._codes.append(_CODES[found.regime])
        self._confidences.append(found.confidence)
        self._ages.append(found.age_bars)

    def _forget(self, bars: int) -> None:
        if bars > 0:
            self._dropped += bars
            for column in (self.closes, self._codes, self._confidences, self._ages):
                del column[:bars]

    def at(self, close_ms: int) -> tuple[HigherReading, int]:
        """What it said at this moment, and until when that stays the newest known."""
        closes = self.closes
        place = bisect_right(closes, close_ms) - 1
        until_ms = closes[place + 1] if place + 1 < len(closes) else NEVER_MS
        if place < 0:
            return HigherReading(self.timeframe, "undefined", 0.0, 0, 0, False), until_ms
        regime, warm = _REGIMES[self._codes[place]], place + self._dropped >= WARMUP_BARS
        found = HigherReading(self.timeframe, regime, self._confidences[place], self._ages[place], closes[place], warm)
        return found, until_ms


class HigherFrames:
    """The longer timeframes of one symbol, and its finished days and weeks.

    Answers are kept until a bar closes that changes them: a series asks on every one of its own bars.
    """

    def __init__(self, timeframes: Sequence[str]) -> None:
        self.timeframes = tuple(timeframes)
        self._frames: dict[str, _Frame] = {}
        self._days: list[tuple[int, float, float]] = []  # open time, high, low
        self._answer: tuple[HigherReading, ...] = ()
        self._answer_from_ms = self._answer_until_ms = 0
        self._levels = NO_LEVELS
        self._levels_day = -1

    def load(self, timeframe: str, block: CandleBlock, since_ms: int = 0) -> None:
        """Closed bars of a timeframe, oldest first, in place of what was known of it. `1d` brings days and weeks.

        What a timeframe said before `since_ms` will not be asked for.
        """
        self._answer_until_ms, self._levels_day = 0, -1
        if timeframe in self.timeframes:
            self._frames[timeframe] = _Frame(timeframe, block, since_ms)
        if timeframe == DAY:
            self._days = [(int(row[0]), row[2], row[3]) for row in block[:, :4].tolist()]

    def add(self, timeframe: str, open_ms: int, bar: Sequence[float]) -> bool:
        """The next closed bar (open, high, low, close, volume); False when the timeframe must be loaded again."""
        self._answer_until_ms, self._levels_day = 0, -1
        if timeframe == DAY and (not self._days or open_ms > self._days[-1][0]):
            self._days.append((open_ms, bar[1], bar[2]))
        frame = self._frames.get(timeframe)
        return frame is None or frame.add(open_ms, bar)

    def at(self, close_ms: int) -> tuple[HigherReading, ...]:
        """What the longer timeframes said at this moment, shortest first; one without a closed bar is not warm."""
        if self._answer_from_ms <= close_ms < self._answer_until_ms:
            return self._answer
        found: list[HigherReading] = []
        until_ms = NEVER_MS
        for name in self.timeframes:
            frame = self._frames.get(name)
            if frame is None:
                found.append(HigherReading(name, "undefined", 0.0, 0, 0, False))
                continue
            reading, changes_ms = frame.at(close_ms)
            found.append(reading)
            until_ms = min(until_ms, changes_ms)
        self._answer, self._answer_from_ms, self._answer_until_ms = tuple(found), close_ms, until_ms
        return self._answer

    def levels(self, close_ms: int) -> Levels:
        """Extremes of the last day and week (from Monday, UTC) that were over at this moment and are wholly known."""
        if close_ms // DAY_MS != self._levels_day:
            self._levels, self._levels_day = self._find_levels(close_ms), close_ms // DAY_MS
        return self._levels

    def _find_levels(self, close_ms: int) -> Levels:
        place = bisect_right(self._days, close_ms - DAY_MS, key=lambda day: day[0]) - 1
        if place < 0:
            return NO_LEVELS
        day_ms, day_high, day_low = self._days[place]
        week_ms = (close_ms - MONDAY_MS) // WEEK_MS * WEEK_MS + MONDAY_MS - WEEK_MS
        week = [day for day in self._days[max(0, place - 13) : place + 1] if week_ms <= day[0] < week_ms + WEEK_MS]
        if len(week) < 7:
            return NO_LEVELS._replace(day_high=day_high, day_low=day_low, day_ms=day_ms)
        return Levels(day_high, day_low, day_ms, max(day[1] for day in week), min(day[2] for day in week), week_ms)
