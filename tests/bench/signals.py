"""Signals: one bar closed through everything, and a month of minutes scanned as the command does it."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from pathlib import Path

import numpy as np

from core.scan import higher_frames
from core.settings import Settings
from core.signals.reading import REGISTRY
from core.signals.series import SymbolSignals
from core.venue import CandleBlock
from tests.bench.timing import Figure
from tests.core.signals.markets import CATEGORY, VENUE, bar_of, walk, window_of
from tui.compose import scan_files

MONTH_BARS = 31 * 1440
STORED_BARS = 1500
CLOSED_BARS = 1000


def close_bar() -> list[Figure]:
    """CPU time of a symbol's closed bar: indicators, regime, structure, all detectors, pool and label, and its words."""
    block = walk(5, STORED_BARS + CLOSED_BARS, "1m")
    settings = Settings()
    spent: list[float] = []
    explained: list[float] = []
    for _ in range(3):
        signals = SymbolSignals(VENUE, CATEGORY, "A", "1m")
        signals.frames = higher_frames(block, "1m", settings)
        list(signals.open(window_of(block[:STORED_BARS]), settings))
        steps, words = 0.0, 0.0
        for row in block[STORED_BARS:]:
            bar = bar_of(row, "A", "1m")
            begun = time.process_time()
            signals.step(bar, settings, "")
            stepped = time.process_time()
            signals.readings()
            signals.confluence(settings, "")
            steps += stepped - begun
            words += time.process_time() - stepped
        spent.append((steps + words) / CLOSED_BARS * 1e3)
        explained.append(words / CLOSED_BARS * 1e3)
    return [
        Figure(
            name=f"closing one bar, {len(REGISTRY)} detectors, words too", value=min(spent), unit="ms", target=1.0,
            better="less", must=True, detail=f"of it {min(explained):.2f} ms for readings and reasons to show",
        )
    ]  # fmt: skip


def month_file(folder: Path) -> Path:
    """A month of one-minute candles of a random walk as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    block: CandleBlock = walk(9, MONTH_BARS, "1m")
    names = ("ts_ms", "open", "high", "low", "close", "volume")
    columns = {name: block[:, place] for place, name in enumerate(names)}
    columns["ts_ms"] = columns["ts_ms"].astype(np.int64)
    path = folder / "WALK_1m.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def scan_month() -> list[Figure]:
    """CPU time of `tradetui scan` over a month of one-minute bars with every detector, reading and writing included."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, out = month_file(folder), folder / "out.jsonl"
        begun = time.process_time()
        with contextlib.redirect_stderr(said):
            code = scan_files(Settings(), [file], "1m", str(out), detectors=None, smc_mode=None, swing_length=None)
        spent = time.process_time() - begun
        if code:
            raise AssertionError(f"scan ended with {code}: {said.getvalue()}")
        size_mb = out.stat().st_size / 1e6
    return [
        Figure(
            name=f"scan of a month of 1m bars, {len(REGISTRY)} detectors", value=spent, unit="s", target=45.0,
            better="less", detail=f"{said.getvalue().strip().removeprefix('scan: ')}; {size_mb:.0f} MB",
        )
    ]  # fmt: skip
