"""Stage 2: one whole analysis, from its inputs to the message with its narrative, and gathering those inputs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from core.screening.analysis import analyse, stages
from core.screening.language import TONGUES, language
from tests.bench.timing import Figure
from tests.core.screening.analysis_inputs import sound
from tests.core.screening.stage2_room import Room

SEEDS = 8
RUNS = 5


def stage2() -> list[Figure]:
    """CPU time of one analysis on windows as the program keeps them, and of all that follows an alert."""
    for tongue in TONGUES:
        language(tongue)
    markets = [sound(seed) for seed in range(SEEDS)]
    spent: list[float] = []
    longest = 0.0
    for _ in range(RUNS):
        begun = time.process_time()
        for inputs in markets:
            analyse(inputs)
        spent.append((time.process_time() - begun) / SEEDS * 1e3)
    for inputs in markets:
        begun = time.process_time()
        for _ in stages(inputs):
            now = time.process_time()
            longest, begun = max(longest, now - begun), now
    told = asyncio.run(_alerts())
    return [
        Figure(
            name="one analysis: context to narrative", value=min(spent), unit="ms", target=5.0, better="less",
            must=True, detail=f"longest piece {longest * 1e3:.1f} ms; with gathering and the bus {told:.2f} ms",
        )
    ]  # fmt: skip


async def _alerts() -> float:
    """CPU ms from an alert to its published analysis, on a desk that watches several markets."""
    symbols = ("BTCUSDT", *(f"M{number}USDT" for number in range(20)))
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), *symbols, at_once=10)
        room.start()
        best = float("inf")
        for _ in range(RUNS):
            await room.clock.advance(1.0)
            begun, before = time.process_time(), len(room.done())
            for symbol in symbols:
                room.alert(symbol)
            while len(room.done()) < before + len(symbols):
                await asyncio.sleep(0)
            best = min(best, (time.process_time() - begun) / len(symbols) * 1e3)
        await room.close()
    return best
