"""One series stepped bar by bar: indicators' rows in, what every detector and the pool say out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import core.signals.classic
import core.signals.higher_trend
import core.signals.smc.detectors  # noqa: F401  (registers the detectors)
from core.market.indicators import IndicatorSet
from core.market.regime import RegimeReading, RegimeTracker
from core.settings import Settings
from core.signals.confluence import Pooled, Voice, pool
from core.signals.gate import OPEN, AtrGate, Gate
from core.signals.higher import HigherFrames
from core.signals.reading import REGISTRY, Detector, Memory, Scene, Verdict, judge
from core.signals.smc.engine import SmartMoney, rules_of


class Judged(NamedTuple):
    """One bar after all detectors spoke. `forced` says why the state is HOLD whatever they said, or is empty."""

    verdicts: tuple[tuple[Detector, Verdict], ...]
    pooled: Pooled
    gate: Gate
    forced: str

    def voices(self, known_at: int) -> list[Voice]:
        """What the pool heard: every detector's evidence after the gate."""
        return [
            Voice(
                entry.name,
                entry.family,
                entry.group,
                verdict.evidence * self.gate.factor,
                verdict.reason,
                known_at,
                verdict.warming,
            )
            for entry, verdict in self.verdicts
        ]


class Drive:
    """Indicators, regime, structure and detectors at one bar of one series; `step` moves on to the next closed one."""

    __slots__ = (
        "_filler",
        "_gate",
        "_memories",
        "_sleeping",
        "built_for",
        "first_ms",
        "frames",
        "gate",
        "indicators",
        "interval_ms",
        "regime",
        "scene",
        "tracker",
    )

    def __init__(
        self, indicators: IndicatorSet, settings: Settings, interval_ms: int, tick_size: float, frames: HigherFrames
    ) -> None:
        self.indicators = indicators
        self.interval_ms = interval_ms
        self.frames = frames
        self.built_for = settings.detectors
        """The settings it was built for: with others its structure and memories would be others too."""
        self.first_ms = -1
        """Open time of the first bar stepped; -1 before."""
        self.scene = Scene(
            settings.detectors, SmartMoney(rules_of(settings.detectors, interval_ms), interval_ms), tick_size
        )
        self.tracker = RegimeTracker()
        self.regime = RegimeReading("undefined", 0.0, 0)
        self.gate = OPEN
        self._gate = AtrGate()
        self._memories: dict[str, Memory] = {name: {} for name in REGISTRY}
        self._sleeping: list[Detector] | None = None
        self._filler = 0

    def pass_by(
        self, open_ms: int, bar: Sequence[float], synthetic: bool, row: Sequence[float], settings: Settings, left: int
    ) -> None:
        """An older stored bar, `left` bars before the first that is judged: only what later bars rest on is computed."""
        self._advance(open_ms, bar, synthetic, row, settings)
        if self._sleeping is None:
            self._sleeping = sorted(REGISTRY.values(), key=lambda entry: -entry.lookback)
        for entry in self._sleeping:
            if entry.lookback < left:
                break
            judge(entry, self._memories[entry.name], self.scene)

    def step(
        self, open_ms: int, bar: Sequence[float], synthetic: bool, row: Sequence[float], settings: Settings
    ) -> Judged:
        """Open, high, low, close, volume of the next closed bar with its indicator row."""
        self._advance(open_ms, bar, synthetic, row, settings)
        scene, memories, off = self.scene, self._memories, settings.detectors.off
        verdicts = tuple(
            (entry, judge(entry, memories[name], scene)) for name, entry in REGISTRY.items() if name not in off
        )
        factor = self.gate.factor
        voices = [(entry.family, verdict.evidence * factor, verdict.warming) for entry, verdict in verdicts]
        pooled = pool(voices, settings.confluence)
        return Judged(verdicts, pooled, self.gate, self._forced(verdicts, settings))

    def _advance(
        self, open_ms: int, bar: Sequence[float], synthetic: bool, row: Sequence[float], settings: Settings
    ) -> None:
        scene, frames, rules, close_ms = self.scene, self.frames, settings.detectors, open_ms + self.interval_ms
        if self.first_ms < 0:
            self.first_ms = open_ms
        scene.settings = rules
        self.regime = regime = self.tracker.step(row)
        scene.push(open_ms, bar, synthetic, row, regime.regime)
        scene.higher = frames.at(close_ms)
        atr, close = scene.atr, bar[3]
        # A flat filler of ours is not the market's bar: it makes no swing and fills no gap.
        if synthetic:
            scene.events = ()
            self._filler += 1
        else:
            scene.events = scene.smc.step(open_ms, bar, atr, frames.levels(close_ms))
            self._filler = 0
        self.gate = self._gate.step(atr / close if close > 0.0 else math.nan, rules)

    def _forced(self, verdicts: tuple[tuple[Detector, Verdict], ...], settings: Settings) -> str:
        if self._filler > settings.confluence.stale_bars:
            return f"no candle from the venue for {self._filler} bars"
        if 2 * sum([verdict.warming for _, verdict in verdicts]) > len(
            verdicts
        ):  # the few that are ready decide nothing
            wanted = sorted(entry.warmup for entry, _ in verdicts)[len(verdicts) // 2]
            return f"warming up ({self.scene.bars}/{wanted} bars)"
        return ""
