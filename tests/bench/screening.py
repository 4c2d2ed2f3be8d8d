"""Screening: one bar closed through Stage 1, as the program does it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from core.market.resample import resample
from core.screening.triggers import REGISTRY
from tests.bench.timing import Figure
from tests.core.screening.bars import minutes
from tests.core.screening.watch import Watch
from tests.core.signals.markets import bar_of, window_of

SYMBOLS = 10
STORED_BARS = 40 * 1440
MINUTES = 300
RUN_MINUTES = 2
"""A run is so many minutes of all markets; the quickest of them counts."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def stage1() -> list[Figure]:
    """CPU time of a market's closed one-minute bar: columns, every trigger, circumstances, judgement and message."""
    blocks = {f"S{number}": minutes(number, STORED_BARS + MINUTES) for number in range(SYMBOLS)}
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder), bars=STORED_BARS)
        for symbol, block in blocks.items():
            watch.add(symbol, block)
            for name, length in (("1h", HOUR_MS), ("1d", DAY_MS)):
                watch.market.windows[symbol, name] = window_of(resample(block[:STORED_BARS], length))
        watch.watch(*blocks)
        for first in range(STORED_BARS, STORED_BARS + MINUTES, RUN_MINUTES):
            seconds = 0.0
            for place in range(first, first + RUN_MINUTES):
                for symbol, block in blocks.items():
                    watch.market.windows[symbol, "1m"].append(block[place])
                    bar = bar_of(block[place], symbol, "1m")
                    begun = time.process_time()
                    watch.desk.take(bar)
                    seconds += time.process_time() - begun
            spent.append(seconds / (RUN_MINUTES * SYMBOLS) * 1e3)
        if len(watch.said) != SYMBOLS * MINUTES:
            raise AssertionError(f"{len(watch.said)} judgements of {SYMBOLS * MINUTES} bars: {watch.faults[:1]}")
    return [
        Figure(
            name=f"stage 1 on a closed bar, {len(REGISTRY)} triggers", value=min(spent), unit="ms", target=0.3,
            better="less", must=True, detail=f"columns, triggers, judgement, message; median of the runs {median(spent):.2f} ms",
        )
    ]  # fmt: skip
