"""Candle files: one symbol and timeframe as Parquet or CSV, with the columns ts_ms (open time), open, high, low, close, volume.

Whoever plays a recording leaves out what is absurd (`sane_rows`); whoever judges by it wants every row right (`demand_clean`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.clock import iso_utc
from core.market.quality import EARLIEST_MS, MAX_PRICE, MAX_SIZE
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal

FILE_COLUMNS = ("ts_ms", "open", "high", "low", "close", "volume")
SUFFIXES = (".parquet", ".csv", ".csv.gz")
LATEST_MS = 4_102_444_800_000
"""2100-01-01 UTC: later open times are seconds, microseconds or mistakes."""


REASON_MOST = 200


class CandleFileError(Fatal):
    """A candle file that cannot be used; the text names the file, what is wrong and the remedy."""


def stem_of(file: Path) -> str:
    """The file's name without its suffix."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if file.name.lower().endswith(suffix):
            return file.name[: -len(suffix)]
    return file.name


def read_candles(file: Path) -> CandleBlock:
    """The file's rows as they are, float64 of shape (n, 6) in the order of `FILE_COLUMNS`; a missing volume is 0.

    Nothing is checked but that there are rows, the columns are there and hold numbers. Raises `CandleFileError`.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with file.open("rb"):
            pass  # the system's own words for a file that is missing or shut
        is_parquet = file.name.lower().endswith(".parquet")
        table = pyarrow.parquet.ParquetFile(file).read() if is_parquet else pyarrow.csv.read_csv(file)
    except (OSError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else _words(error)
        raise CandleFileError(
            f"candle file {file}: cannot be read ({reason}); check the path and that it is Parquet or CSV"
        ) from error
    missing = [name for name in FILE_COLUMNS if name not in table.column_names]
    if missing:
        raise CandleFileError(
            f"candle file {file}: columns {', '.join(missing)} are missing; it needs {', '.join(FILE_COLUMNS)}"
        )
    if twice := [name for name in FILE_COLUMNS if table.column_names.count(name) > 1]:
        raise CandleFileError(f"candle file {file}: column {twice[0]} is there twice; leave one of them out")
    if not table.num_rows:
        raise CandleFileError(f"candle file {file}: the file has no rows; choose a file with candles")
    columns = []
    for name in FILE_COLUMNS:
        try:
            columns.append(table[name].cast(pa.float64()).to_numpy())
        except pa.ArrowException as error:
            raise CandleFileError(
                f"candle file {file}: column {name} is not numeric ({_words(error)}); mend or leave out the file"
            ) from error
    rows: CandleBlock = np.column_stack(columns)
    volume = rows[:, 5]
    volume[np.isnan(volume)] = 0.0  # some sources give no volume
    return rows


def _words(error: Exception) -> str:
    """What the reader says, on one line of bounded length: it quotes the file, which may hold anything."""
    said = " ".join("".join(sign if sign.isprintable() else " " for sign in str(error)).split())
    return said if len(said) <= REASON_MOST else said[: REASON_MOST - 1] + "…"


def sane_rows(rows: CandleBlock) -> NDArray[np.bool_]:
    """Which rows can be candles of a market: a believable open time, prices in order, volume at or above zero."""
    open_ms, open_, high, low, close, volume = rows[:, :6].T
    sane: NDArray[np.bool_] = (open_ms >= EARLIEST_MS) & (open_ms < LATEST_MS)
    sane &= (low > 0.0) & (low <= open_) & (open_ <= high) & (high < MAX_PRICE)
    sane &= (low <= close) & (close <= high) & (volume >= 0.0) & (volume < MAX_SIZE)
    return sane


def as_block(rows: CandleBlock) -> CandleBlock:
    """Rows as a candle block of shape (n, 9); what the files do not have is estimated or NaN.

    Quote volume is base volume at the mean of the four prices, the usual estimate.
    """
    bars = np.full((len(rows), 9), np.nan)
    bars[:, :6] = rows
    bars[:, 6] = rows[:, 5] * rows[:, 1:5].mean(axis=1)
    return bars


def demand_clean(file: Path, rows: CandleBlock, timeframe: str) -> None:
    """Raise `CandleFileError` at the first row that is absurd, out of order, repeated or off the timeframe's grid.

    Also when the smallest step between rows is not the timeframe's: the file is of another one.
    """
    interval_ms = TIMEFRAME_MS[timeframe]
    bad = np.flatnonzero(~sane_rows(rows))
    if len(bad):
        raise CandleFileError(f"candle file {file}: {_complaint(rows, int(bad[0]))}")
    steps = np.diff(rows[:, 0])
    backward = np.flatnonzero(steps <= 0)
    if len(backward):
        place = int(backward[0]) + 1
        problem = "repeats the open time of" if steps[place - 1] == 0 else "is older than"
        raise CandleFileError(
            f"candle file {file}: row {place + 1}: {_when(rows, place)} {problem} the row before; "
            "sort the rows by ts_ms and keep one for each time"
        )
    if len(steps) and (least := float(steps.min())) != interval_ms:
        raise CandleFileError(
            f"candle file {file}: the smallest step is {_length(least)}, not the {timeframe} asked for; "
            f"name its own with --timeframe, or choose a {timeframe} file"
        )
    off = np.flatnonzero(rows[:, 0] % interval_ms)
    if len(off):
        place = int(off[0])
        raise CandleFileError(
            f"candle file {file}: row {place + 1}: {_when(rows, place)} is no open time of a {timeframe} bar; "
            "ts_ms is the open time in Unix ms UTC, a multiple of the timeframe"
        )


def _complaint(rows: CandleBlock, place: int) -> str:
    """What is wrong with a row that is not sane."""
    values = dict(zip(FILE_COLUMNS, rows[place].tolist(), strict=True))
    where = f"row {place + 1}"
    for name, value in values.items():
        if not np.isfinite(value):
            return f"{where}: {name} is {value}; mend the row or leave it out"
    if not EARLIEST_MS <= values["ts_ms"] < LATEST_MS:
        return (
            f"{where}: ts_ms {values['ts_ms']:.0f} is no open time in Unix ms between 2010 and 2100; convert the column"
        )
    for name in FILE_COLUMNS[1:5]:
        if not 0.0 < values[name] < MAX_PRICE:
            return f"{where}: {name} {values[name]:g} is no price (above 0, below {MAX_PRICE:g}); mend the row or leave it out"
    if not 0.0 <= values["volume"] < MAX_SIZE:
        return f"{where}: volume {values['volume']:g} is no volume (0 to {MAX_SIZE:g}); mend the row or leave it out"
    prices = " ".join(f"{name} {values[name]:.10g}" for name in FILE_COLUMNS[1:5])
    return f"{where}: {prices}: high and low do not enclose open and close; mend the row or leave it out"


def _when(rows: CandleBlock, place: int) -> str:
    open_ms = float(rows[place, 0])
    return f"ts_ms {open_ms:.0f} ({iso_utc(int(open_ms))})" if open_ms.is_integer() else f"ts_ms {open_ms}"


def _length(step_ms: float) -> str:
    for name, length in TIMEFRAME_MS.items():
        if length == step_ms:
            return name
    return f"{step_ms:g} ms"
