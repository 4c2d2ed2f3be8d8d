"""What a candle file says about its market at a moment, from the bars closed by then and nothing later.

Live the same things come from the store, the venue's ticker and its instrument rules; a file has only its own bars.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.market.candle_file import as_block
from core.market.indicators import load_talib
from core.market.resample import resample
from core.market.volatility import NO_SAMPLE, NatrSample, natr_sample
from core.screening.circumstances import ATR_BARS, HOURS_LEAST
from core.screening.hours import ranked_hours
from core.screening.levels import DAY_MS, NO_DAILY_LEVELS, DailyLevels, daily_levels
from core.screening.stage1 import Circumstances
from core.venue import TIMEFRAME_MS, CandleBlock
from core.volatility_sampler import READ_DAYS, SAMPLE_DAYS

DIGITS = 10
"""Significant digits in which a price step is looked for: finer ones are noise of the numbers, not of the venue."""
HOUR, _DAY = "1h", "1d"
_COLUMNS = 9


class Habits(NamedTuple):
    """What the days before a day say: NATR distributions by timeframe, and the hours, most liquid first."""

    samples: dict[str, NatrSample]
    hours: tuple[int, ...]

    def sample(self, timeframe: str) -> NatrSample:
        """NATR of seven days at bars of this timeframe; empty where the file cannot tell."""
        return self.samples.get(timeframe, NO_SAMPLE)


class FileHistory:
    """One file's bars, float64 (n, 6) or more, oldest first, and the longer timeframes made of them."""

    def __init__(self, rows: CandleBlock, timeframe: str, timeframes: Iterable[str]) -> None:
        self.rows = rows if rows.shape[1] >= _COLUMNS else as_block(rows[:, :6])
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self._frames: dict[str, tuple[CandleBlock, NDArray[np.float64]]] = {}
        for name in dict.fromkeys((timeframe, *timeframes, HOUR, _DAY)):
            length_ms = TIMEFRAME_MS[name]
            if name == timeframe:
                self._frames[name] = self.rows, self.rows[:, 0] + length_ms
            elif length_ms % self.interval_ms == 0:
                block = resample(self.rows, length_ms)
                self._frames[name] = block, block[:, 0] + length_ms
        days = self.bars(_DAY, math.inf)
        self.daily: DailyLevels = daily_levels(days) if len(days) else NO_DAILY_LEVELS
        """Levels by finished day, joined by the day's end: what a later day brought is never seen before it."""
        self._hour_natr = _natr(self.bars(HOUR, math.inf))
        self._digits, self._steps = _price_steps(self.rows)

    def bars(self, timeframe: str, now_ms: float, count: int = 0) -> CandleBlock:
        """The newest `count` bars (0: all) of a timeframe that are over at `now_ms`; none where the file has only longer ones."""
        block, closes = self._frames.get(timeframe, (self.rows[:0], self.rows[:0, 0]))
        end = int(closes.searchsorted(now_ms, side="right"))
        return block[max(0, end - count) if count else 0 : end]

    def tick(self, place: int) -> Decimal | None:
        """The price step, as far as the prices up to this bar show it; None while they show none."""
        step = int(self._steps[place])
        if step <= 0:
            return None
        return Decimal(f"{Decimal(step).scaleb(-self._digits).normalize():f}")

    def tick_changes(self, start: int, end: int) -> list[int]:
        """Places after `start`, before `end`, at which the price step seen so far became finer."""
        steps = self._steps[start:end]
        found: list[int] = (np.flatnonzero(steps[1:] != steps[:-1]) + start + 1).tolist()
        return found

    def habits(self, day_ms: int, timeframes: Iterable[str]) -> Habits:
        """What the days before the one that begins at `day_ms` say; nothing of that day itself."""
        times = self.rows[:, 0]
        start, end = (
            times.searchsorted(day_ms - READ_DAYS * DAY_MS),
            times.searchsorted(day_ms - self.interval_ms, "right"),
        )
        past = self.rows[start:end]
        samples = {
            name: natr_sample(past, length_ms, SAMPLE_DAYS)
            for name in timeframes
            if (length_ms := TIMEFRAME_MS[name]) % self.interval_ms == 0
        }
        return Habits(samples, ranked_hours(past) if self.timeframe == "1m" else ())

    def circumstances(self, place: int, hourly: NatrSample, preferred: tuple[int, ...]) -> Circumstances:
        """The 24 hours up to the close of this bar. Volume counts what the file has of them; the rest needs all of them.

        `hourly`: what is usual for its one-hour bars, for a file that has too few of them yet.
        """
        row = self.rows[place]
        known_ms = float(row[0]) + self.interval_ms
        start = int(self.rows[:, 0].searchsorted(known_ms - DAY_MS))
        day = self.rows[start : place + 1]
        whole = self.rows[0, 0] <= known_ms - DAY_MS
        hours = len(self.bars(HOUR, known_ms))
        natr_1h = float(self._hour_natr[hours - 1]) if hours else math.nan
        return Circumstances(
            quote_volume=float(np.nansum(day[:, 6])),
            change=float(row[4] / day[0, 1] - 1.0) if whole else math.nan,
            high=float(day[:, 2].max()) if whole else math.nan,
            low=float(day[:, 3].min()) if whole else math.nan,
            natr_1h=natr_1h if natr_1h == natr_1h else hourly.quantile(0.5),
            bars=place + 1,
            preferred_hours=preferred,
        )

    def missing(self, timeframe: str, now_ms: int, count: int) -> int:
        """How many of the newest `count` bars of a timeframe are not in the file, of those since its first one."""
        length_ms = TIMEFRAME_MS[timeframe]
        bars, last_ms = self.bars(timeframe, now_ms), now_ms // length_ms * length_ms - length_ms
        if not len(bars):
            return 0
        first_ms = max(float(bars[0, 0]), float(last_ms - (count - 1) * length_ms))
        there = len(bars) - int(bars[:, 0].searchsorted(first_ms))
        return round((last_ms - first_ms) / length_ms) + 1 - there


def _natr(hours: CandleBlock) -> NDArray[np.float64]:
    """ATR14 as a share of the price by one-hour bar, NaN while there are too few."""
    found: NDArray[np.float64] = np.full(len(hours), np.nan)
    if len(hours) >= HOURS_LEAST:
        high, low, close = (np.ascontiguousarray(hours[:, column]) for column in (2, 3, 4))
        found = load_talib().ATR(high, low, close, ATR_BARS) / close
        found[: HOURS_LEAST - 1] = np.nan
    return found


def _price_steps(rows: CandleBlock) -> tuple[int, NDArray[np.int64]]:
    """Per bar the greatest common divisor of all prices up to it, in units of 10^-digits of price; and the digits."""
    if not len(rows):
        return 0, np.empty(0, dtype=np.int64)
    digits = max(0, DIGITS - 1 - math.floor(math.log10(float(rows[0, 4]))))
    units = np.rint(rows[:, 1:5] * 10.0**digits).astype(np.int64)
    return digits, np.gcd.accumulate(np.gcd.reduce(units, axis=1))
