"""Detectors stepped over candle blocks, as a series does it: opened on stored bars, or live bar by bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import core.signals.classic  # noqa: F401
from core.market.indicators import IndicatorSet
from core.market.regime import RegimeTracker
from core.settings import Detectors
from core.signals.reading import REGISTRY, Detector, Memory, Scene, Verdict, judge
from core.signals.smc.engine import SmartMoney, rules_of
from core.venue import CandleBlock

SETTINGS = Detectors()
INTERVAL_MS = 300_000
FILES = "core.signals.classic."


def classic() -> list[Detector]:
    """Every detector of the package, in order of registration."""
    return [entry for entry in REGISTRY.values() if entry.step.__module__.startswith(FILES)]


class Stepper:
    """One series: rows in, verdicts out."""

    def __init__(self, entries: Iterable[Detector]) -> None:
        self.entries = list(entries)
        self.scene = Scene(SETTINGS, SmartMoney(rules_of(SETTINGS, INTERVAL_MS), INTERVAL_MS))
        self._regimes = RegimeTracker()
        self._memories: dict[str, Memory] = {entry.name: {} for entry in self.entries}

    def step(self, open_ms: float, bar: Sequence[float], row: Sequence[float], left: int = 0) -> dict[str, Verdict]:
        """The next bar, `left` bars before the first that counts: detectors that need not look so far back sleep."""
        scene = self.scene
        scene.push(int(open_ms), bar, False, row, self._regimes.step(row).regime)
        scene.events = scene.smc.step(int(open_ms), bar, scene.atr)
        return {
            entry.name: judge(entry, self._memories[entry.name], scene)
            for entry in self.entries
            if left <= entry.lookback
        }


def opened(block: CandleBlock, first: int, entries: Iterable[Detector]) -> list[dict[str, Verdict]]:
    """What was said at each bar from `first` on when the whole block was already there."""
    _, rows = IndicatorSet.open(block)
    stepper = Stepper(entries)
    found = [
        stepper.step(bar[0], bar[1:6], row, max(0, first - place))
        for place, (bar, row) in enumerate(zip(block.tolist(), rows.tolist(), strict=True))
    ]
    return found[first:]


def live(block: CandleBlock, first: int, entries: Iterable[Detector]) -> list[dict[str, Verdict]]:
    """What was said at each bar from `first` on when only the bars before it were there at the start."""
    indicators, rows = IndicatorSet.open(block[:first])
    stepper = Stepper(entries)
    for bar, row in zip(block[:first].tolist(), rows.tolist(), strict=True):
        stepper.step(bar[0], bar[1:6], row)
    return [stepper.step(bar[0], bar[1:6], indicators.update(*bar[1:6]).tolist()) for bar in block[first:].tolist()]
