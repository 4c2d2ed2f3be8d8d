"""Candle files as a recording: loading, and playing bars as a venue would.

Names are `SYMBOL_TIMEFRAME.parquet` or `.csv`; without a timeframe in the name the smallest step of the file counts.
Missing bars stay missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from core.market.candle_file import SUFFIXES, CandleFileError, as_block, read_candles, sane_rows, stem_of
from core.market.resample import resample
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal

STEPS = 4
"""Updates a bar is played in: three forming ones, then the closed bar."""

CHUNK = 256
"""Bars turned into Python numbers at a time: playing must not hold up the loop."""

OPEN_MS, OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE_VOLUME = range(7)


class Series(Struct, frozen=True):
    """One symbol's finest candles. `bars` is (n, 9) as in `core.venue.CANDLE_COLUMNS`."""

    symbol: str
    timeframe: str
    step_ms: int
    bars: CandleBlock
    dropped: int


def load(path: Path) -> dict[str, Series]:
    """The finest series of every symbol in a file or folder. Raises `Fatal` naming the file and the remedy."""
    files = sorted(f for f in path.iterdir() if f.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    finest: dict[str, Series] = {}
    for symbol, timeframe, file in sorted((*_name(f), f) for f in files):
        known = finest.get(symbol)
        if known and timeframe and TIMEFRAME_MS[timeframe] >= known.step_ms:
            continue
        series = _series(file, symbol, timeframe)
        if known is None or series.step_ms < known.step_ms:
            finest[symbol] = series
    if not finest:
        raise Fatal(f"recording {path}: no candle files in it; put SYMBOL_1m.parquet or SYMBOL_1m.csv files there")
    return finest


def _name(file: Path) -> tuple[str, str]:
    """Symbol and timeframe by the file name; the timeframe is empty when the name has none."""
    stem = stem_of(file)
    symbol, _, timeframe = stem.rpartition("_")
    return (symbol, timeframe) if symbol and timeframe in TIMEFRAME_MS else (stem, "")


def _series(file: Path, symbol: str, timeframe: str) -> Series:
    rows = read_candles(file)
    _, newest = np.unique(rows[::-1, OPEN_MS], return_index=True)  # sorted, and of equal times the last row
    unique = rows[::-1][newest]
    kept = unique[sane_rows(unique)]
    if not len(kept):
        raise CandleFileError(
            f"candle file {file}: not one row is a sane candle; check columns and units (ts_ms is Unix ms)"
        )
    if not timeframe:
        timeframe = _infer_timeframe(file, kept[:, OPEN_MS])
    step_ms = TIMEFRAME_MS[timeframe]
    if (kept[:, OPEN_MS] % step_ms).any():
        raise CandleFileError(
            f"candle file {file}: open times are not on the {timeframe} grid; rename the file to its timeframe"
        )
    return Series(symbol, timeframe, step_ms, as_block(kept), len(rows) - len(kept))


def _infer_timeframe(file: Path, open_ms: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    step = float(np.diff(open_ms).min()) if len(open_ms) > 1 else 0.0
    for timeframe, length in TIMEFRAME_MS.items():
        if length == step:
            return timeframe
    raise CandleFileError(
        f"candle file {file}: no timeframe in the name and its step of {step:g} ms is none; name it SYMBOL_1m.csv"
    )


def derivable(series: Series, timeframe: str) -> bool:
    """The series can give this timeframe: its own, or a whole multiple of it."""
    return TIMEFRAME_MS[timeframe] % series.step_ms == 0


class _Bucket:
    """One longer timeframe while it is played: what the forming candle holds. Finished ones equal `resample` exactly."""

    def __init__(self, timeframe: str, bars: CandleBlock) -> None:
        self.timeframe = timeframe
        self.length = TIMEFRAME_MS[timeframe]
        self._bars = bars
        self._first_whole_ms = -(-float(bars[0, OPEN_MS]) // self.length) * self.length
        self.open_ms = -1.0
        self.candle: list[float] = []

    def with_part(self, part: list[float]) -> list[float]:
        """The forming candle with a part of a bar on top."""
        mine = self.candle
        if not mine:
            return [self.open_ms, *part[OPEN:]]
        return [
            self.open_ms,
            mine[OPEN],
            max(mine[HIGH], part[HIGH]),
            min(mine[LOW], part[LOW]),
            part[CLOSE],
            mine[VOLUME] + part[VOLUME],
            mine[QUOTE_VOLUME] + part[QUOTE_VOLUME],
        ]

    def begin(self, bar_open_ms: float) -> None:
        """Move to the bucket this bar belongs to."""
        open_ms = bar_open_ms // self.length * self.length
        if open_ms != self.open_ms:
            self.open_ms, self.candle = open_ms, []

    def prime(self, begin: int) -> None:
        """Take what the bucket of bar `begin` holds before it."""
        self.begin(float(self._bars[begin, OPEN_MS]))
        first = int(np.searchsorted(self._bars[:, OPEN_MS], self.open_ms))
        for bar in self._bars[first:begin].tolist():
            self.candle = self.with_part(bar)

    def finished(self) -> list[float]:
        """The present bucket's candle from all its bars."""
        first, last = np.searchsorted(self._bars[:, OPEN_MS], (self.open_ms, self.end_ms))
        candle: list[float] = resample(self._bars[first:last], self.length, keep_first=True)[0].tolist()
        return candle[: QUOTE_VOLUME + 1]

    def complete(self, bar: list[float], end_ms: int) -> tuple[list[float], bool]:
        """Add a whole bar; returns the candle and whether it is finished."""
        self.candle = self.with_part(bar)
        if self.end_ms != end_ms:
            return self.candle, False
        self.candle = []
        return self.finished(), True

    @property
    def shown(self) -> bool:
        """The bucket began inside the recording, so its candle is whole."""
        return self.open_ms >= self._first_whole_ms

    @property
    def end_ms(self) -> float:
        return self.open_ms + self.length


def _parts(bar: list[float]) -> list[list[float]]:
    """The forming states of a bar: open, then its nearer extreme, then the other one, each with its share of volume."""
    open_, high, low, close = bar[OPEN : CLOSE + 1]
    first, second = (low, high) if close >= open_ else (high, low)
    path = (open_, first, second)
    return [
        [
            bar[OPEN_MS],
            open_,
            max(path[: k + 1]),
            min(path[: k + 1]),
            path[k],
            bar[VOLUME] * (k + 1) / STEPS,
            bar[QUOTE_VOLUME] * (k + 1) / STEPS,
        ]
        for k in range(STEPS - 1)
    ]


def _rows(bars: CandleBlock, begin: int) -> Iterator[list[float]]:
    """Rows up to the quote volume as lists, a piece at a time."""
    for start in range(begin, len(bars), CHUNK):
        yield from bars[start : start + CHUNK, : QUOTE_VOLUME + 1].tolist()


Update = tuple[int, str, str, list[float], bool]
"""Time in ms, symbol, timeframe, candle up to its quote volume, closed."""


def play(series: Series, timeframes: Sequence[str], from_ms: int) -> Iterator[Update]:
    """Updates of one symbol from the first bar that opens at or after `from_ms`, in time order.

    A bar gives three forming updates and, at its end, the closed candle; longer timeframes follow, and close at their own
    end even when their last bars are missing. The last bucket of the file stays open unless its last bar is there.
    """
    symbol, step_ms = series.symbol, series.step_ms
    begin = int(np.searchsorted(series.bars[:, OPEN_MS], from_ms))
    longer = [
        _Bucket(name, series.bars) for name in timeframes if TIMEFRAME_MS[name] > step_ms and derivable(series, name)
    ]
    longer.sort(key=lambda bucket: bucket.length)
    if begin < len(series.bars):
        for bucket in longer:
            bucket.prime(begin)
    own = series.timeframe in timeframes
    for bar in _rows(series.bars, begin):
        overdue = [b for b in longer if b.candle and b.end_ms <= bar[OPEN_MS]]  # their last bars are missing
        for bucket in sorted(overdue, key=lambda b: b.end_ms):
            if bucket.shown:
                yield int(bucket.end_ms), symbol, bucket.timeframe, bucket.finished(), True
        for bucket in longer:
            bucket.begin(bar[OPEN_MS])
        for k, part in enumerate(_parts(bar), start=1):
            at_ms = int(bar[OPEN_MS]) + step_ms * k // STEPS
            if own:
                yield at_ms, symbol, series.timeframe, part, False
            for bucket in longer:
                if bucket.shown:
                    yield at_ms, symbol, bucket.timeframe, bucket.with_part(part), False
        end_ms = int(bar[OPEN_MS]) + step_ms
        if own:
            yield end_ms, symbol, series.timeframe, bar, True
        for bucket in longer:
            candle, closed = bucket.complete(bar, end_ms)
            if bucket.shown:
                yield end_ms, symbol, bucket.timeframe, candle, closed
