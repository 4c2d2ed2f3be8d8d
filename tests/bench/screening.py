"""Screening: one bar closed through Stage 1, as the program does it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from core.market.resample import resample
from core.screening.triggers import REGISTRY
from tests.bench.timing import Figure
from tests.core.screening.bars import minutes
from tests.core.screening.watch import Watch
from tests.core.signals.markets import bar_of, window_of

SYMBOLS = 10
STORED_BARS = 40 * 1440
CLOSED_BARS = 200
ROUNDS = 3
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def stage1() -> list[Figure]:
    """CPU time of a market's closed one-minute bar: columns, every trigger, circumstances, judgement and message."""
    blocks = {f"S{number}": minutes(number, STORED_BARS + CLOSED_BARS) for number in range(SYMBOLS)}
    spent: list[float] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch(Path(folder), bars=STORED_BARS)
            for symbol, block in blocks.items():
                watch.add(symbol, block)
                watch.market.windows[symbol, "1h"] = window_of(resample(block[:STORED_BARS], HOUR_MS))
                watch.market.windows[symbol, "1d"] = window_of(resample(block[:STORED_BARS], DAY_MS))
            watch.watch(*blocks)
            seconds = 0.0
            for number in range(CLOSED_BARS):
                for symbol, block in blocks.items():
                    row = block[STORED_BARS + number]
                    watch.market.windows[symbol, "1m"].append(row)
                    bar = bar_of(row, symbol, "1m")
                    begun = time.process_time()
                    watch.desk.take(bar)
                    seconds += time.process_time() - begun
            told = len(watch.said)
            if told != SYMBOLS * CLOSED_BARS:
                raise AssertionError(f"{told} judgements of {SYMBOLS * CLOSED_BARS} bars: {watch.faults[:1]}")
            spent.append(seconds / told * 1e3)
    return [
        Figure(
            name=f"stage 1 on a closed bar, {len(REGISTRY)} triggers", value=min(spent), unit="ms", target=0.3,
            better="less", must=True, detail="columns, triggers, circumstances, judgement, message",
        )
    ]  # fmt: skip
