"""The prefix test and the start test of the methods sheet (section 0), for any detectors on any candles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.signals.reading import Detector
from core.venue import CandleBlock
from tests.core.signals.classic.stepping import live, opened

TOLERANCE = 1e-6
LOOSER = {"ema_stack": 5e-5}
"""Its warm-up has EMA200 to 1e-6 of the price; the score is a difference of averages in ATR."""


class Found(NamedTuple):
    """`compared` readings; votes by detector on the bars looked at; by detector how many readings differed."""

    compared: int
    votes: Counter[str]
    differing: Counter[str]


AHEAD = 3
"""Later bars that lie in the history opened: what looks at them is caught."""


def prefix_test(block: CandleBlock, first: int, cuts: Iterable[int], entries: Sequence[Detector]) -> Found:
    """What was said live at a bar against opening at it on a longer history: byte for byte."""
    said = live(block, first, entries)
    votes = Counter(name for bar in said for name, verdict in bar.items() if verdict.side != "HOLD")
    differing, compared = Counter[str](), 0
    for cut in cuts:
        again = opened(block[: cut + 1 + AHEAD], cut, entries)[0]
        for name, verdict in said[cut - first].items():
            compared += 1
            differing[name] += verdict != again[name]
    return Found(compared, votes, +differing)


def start_test(block: CandleBlock, starts: Iterable[int], entries: Sequence[Detector], bars: int = 120) -> Found:
    """Evidence in the `bars` after warm-up from a later start against the one from the first bar."""
    full = opened(block, 0, entries)
    votes, differing, compared = Counter[str](), Counter[str](), 0
    for start in starts:
        for entry in entries:
            end = start + entry.warmup + bars
            if end > len(block):
                continue
            late = opened(block[start:end], entry.warmup - 1, [entry])
            for place, verdicts in enumerate(late, start + entry.warmup - 1):
                mine, other = full[place][entry.name], verdicts[entry.name]
                compared += 1
                votes[entry.name] += mine.side != "HOLD"
                off = abs(mine.evidence - other.evidence)
                differing[entry.name] += off > LOOSER.get(entry.name, TOLERANCE) or other.warming
    return Found(compared, votes, +differing)
