"""One symbol's signals: the same steps over stored bars at start and over each closed bar afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import core.signals.classic  # noqa: F401  (registers the detectors)
from core.market.candles import CandleWindow
from core.market.indicators import IndicatorSet
from core.market.regime import RegimeReading, RegimeTracker
from core.messages import Bar, Confluence, Reading, State, StateChange
from core.settings import Settings
from core.signals.confluence import Pooled, Voice, explain, missing, pool
from core.signals.hysteresis import Hysteresis
from core.signals.reading import REGISTRY, Detector, Memory, Scene, Verdict, judge
from core.venue import TIMEFRAME_MS

CHUNK_BARS = 32
"""Stored bars stepped between two chances to leave the loop to others; well under a millisecond or two."""


TOLD_MS = 86_400_000
"""State changes found in stored bars are told for the newest day only."""


class Judged(NamedTuple):
    """One bar after all detectors spoke. `forced` says why the state is HOLD whatever they said, or is empty."""

    verdicts: tuple[tuple[Detector, Verdict], ...]
    pooled: Pooled
    forced: str


class Drive:
    """Indicators, regime and detectors at one bar of one series; `step` moves on to the next closed one."""

    __slots__ = ("_filler", "_memories", "indicators", "regime", "scene", "tracker")

    def __init__(self, indicators: IndicatorSet, settings: Settings, tick_size: float) -> None:
        self.indicators = indicators
        self.scene = Scene(settings.detectors, tick_size)
        self.tracker = RegimeTracker()
        self.regime = RegimeReading("undefined", 0.0, 0)
        self._memories: dict[str, Memory] = {}
        self._filler = 0

    def step(self, bar: Sequence[float], synthetic: bool, row: NDArray[np.float64], settings: Settings) -> Judged:
        """Open, high, low, close, volume of the next closed bar with its indicator row."""
        scene = self.scene
        scene.settings = settings.detectors
        self.regime = self.tracker.step(row)
        scene.push(bar, synthetic, row.tolist(), self.regime.regime)
        self._filler = self._filler + 1 if synthetic else 0
        off = settings.detectors.off
        verdicts = tuple(
            (entry, judge(entry, self._memories.setdefault(name, {}), scene))
            for name, entry in REGISTRY.items()
            if name not in off
        )
        pooled = pool([(entry.family, verdict.evidence) for entry, verdict in verdicts], settings.confluence)
        return Judged(verdicts, pooled, self._forced(verdicts, settings))

    def _forced(self, verdicts: tuple[tuple[Detector, Verdict], ...], settings: Settings) -> str:
        if self._filler > settings.confluence.stale_bars:
            return f"no candle from the venue for {self._filler} bars"
        if verdicts and all(verdict.warming for _, verdict in verdicts):
            wanted = min(entry.warmup for entry, _ in verdicts)
            return f"warming up ({self.scene.bars}/{wanted} bars)"
        return ""


class SymbolSignals:
    """State of one symbol. Published readings are facts: a reopened series never speaks of their bars again."""

    def __init__(self, venue: str, category: str, symbol: str, timeframe: str) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.last_open_ms = -1
        """Open time of the newest bar stepped; -1 before the first."""
        self.rewritten = 0
        """`CandleWindow.rewritten` when the bars were read."""
        self.tick_size = 0.0
        self.hysteresis = Hysteresis()
        self.drive: Drive | None = None
        self.judged: Judged | None = None
        self._venue = venue
        self._category = category
        self._spoken_ms = -1

    def open(self, window: CandleWindow, settings: Settings, forced: str = "") -> Iterator[list[StateChange]]:
        """Read the whole window again; yields now and then so that others can run, each time the new state changes.

        The first time hysteresis is replayed over all bars (`replayed` changes); later it keeps its published past and
        takes the bars after. `forced` is why HOLD is shown from outside meanwhile, or empty.
        """
        first = self.last_open_ms < 0
        if first:
            self.hysteresis = Hysteresis()
        block, synthetic, rewritten = window.block(), window.synthetic.tolist(), window.rewritten
        indicators, rows = IndicatorSet.open(block)
        yield []
        drive = Drive(indicators, settings, self.tick_size)
        bars = block[:, 1:6].tolist()
        times = block[:, 0].tolist()
        judged: Judged | None = None
        changes: list[StateChange] = []
        for place, bar in enumerate(bars):
            judged = drive.step(bar, synthetic[place], rows[place], settings)
            open_ms = int(times[place])
            if first and open_ms <= times[-1] - TOLD_MS:
                self._move(open_ms, bar[3], judged, settings, forced)
            elif open_ms > self.last_open_ms:
                changes += self._decide(open_ms, bar[3], judged, settings, forced, replayed=first)
            if place % CHUNK_BARS == CHUNK_BARS - 1:
                yield changes
                changes = []
        if judged is not None:
            self.drive, self.judged = drive, judged
            self.last_open_ms = max(self.last_open_ms, int(times[-1]))
        self.rewritten = rewritten
        yield changes

    def step(self, bar: Bar, settings: Settings, forced: str) -> list[StateChange]:
        """Move on to the next closed bar. `forced` is why HOLD is shown from outside (no new state begins), or empty."""
        assert self.drive is not None
        self.drive.scene.tick_size = self.tick_size
        row = self.drive.indicators.update(bar.open, bar.high, bar.low, bar.close, bar.volume)
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self.judged = self.drive.step(values, bar.synthetic, row, settings)
        self.last_open_ms = bar.open_ms
        return self._decide(bar.open_ms, bar.close, self.judged, settings, forced, replayed=False)

    def _move(self, open_ms: int, price: float, judged: Judged, settings: Settings, forced: str) -> State | None:
        """Hysteresis over one bar; the state before if it changed."""
        return self.hysteresis.step(
            judged.pooled.probability,
            open_ms + self.interval_ms,
            price,
            settings.confluence,
            forced=bool(judged.forced),
            vetoed=bool(forced),
        )

    def _decide(
        self, open_ms: int, price: float, judged: Judged, settings: Settings, forced: str, *, replayed: bool
    ) -> list[StateChange]:
        before = self._move(open_ms, price, judged, settings, forced)
        if before is None:
            return []
        known_at, why = open_ms + self.interval_ms, judged.forced
        after = self.hysteresis.state
        reasons = (
            (why,) if why else explain(_voices(judged, known_at), judged.pooled, after, settings.confluence).reasons
        )
        change = StateChange(
            venue=self._venue,
            category=self._category,
            symbol=self.symbol,
            timeframe=self.timeframe,
            before=before,
            after=after,
            price=price,
            probability=judged.pooled.probability,
            reasons=reasons,
            replayed=replayed,
            occurred_at=open_ms,
            known_at=known_at,
        )
        return [change]

    def readings(self) -> list[Reading]:
        """What every detector said about the newest bar; empty if that was already told."""
        if self.judged is None or self.last_open_ms <= self._spoken_ms:
            return []
        self._spoken_ms = self.last_open_ms
        return self.newest_readings()

    def newest_readings(self) -> list[Reading]:
        """The same again, for a screen that starts late."""
        if self.judged is None:
            return []
        return [
            Reading(
                venue=self._venue,
                category=self._category,
                symbol=self.symbol,
                timeframe=self.timeframe,
                detector=entry.name,
                family=entry.family,
                group=entry.group,
                side=verdict.side,
                score=verdict.score,
                reasons=(verdict.reason,) if verdict.reason else (),
                warming=verdict.warming,
                occurred_at=self.last_open_ms,
                known_at=self.last_open_ms + self.interval_ms,
            )
            for entry, verdict in self.judged.verdicts
        ]

    def confluence(self, settings: Settings, forced: str) -> Confluence:
        """The pooled view as of the newest bar. `forced` shows HOLD until it is gone, without changing the state."""
        assert self.judged is not None
        assert self.drive is not None
        known_at = self.last_open_ms + self.interval_ms
        pooled, rules, memory = self.judged.pooled, settings.confluence, self.hysteresis
        why = self.judged.forced or forced
        state = "HOLD" if why else memory.state
        words = explain(_voices(self.judged, known_at), pooled, state, rules)
        lacking = f"HOLD is forced: {why}" if why else ""
        return Confluence(
            venue=self._venue,
            category=self._category,
            symbol=self.symbol,
            timeframe=self.timeframe,
            state=state,
            probability=pooled.probability,
            logit=pooled.logit,
            base_logit=pooled.base_logit,
            calibrated=False,
            contributions=words.contributions,
            reasons=words.reasons,
            contrary=words.contrary,
            missing=lacking or missing(state, pooled.probability, rules, memory.cooldown_until_ms, known_at),
            hold_reason=why,
            enter=rules.enter,
            exit=rules.exit,
            cooldown_until_ms=memory.cooldown_until_ms,
            since_ms=memory.since_ms,
            since_price=memory.since_price,
            price=self.drive.scene.close,
            readings=len(self.judged.verdicts),
            warming=sum(verdict.warming for _, verdict in self.judged.verdicts),
            occurred_at=self.last_open_ms,
            known_at=known_at,
        )

    def indicator(self, name: str) -> float:
        """One indicator of the newest bar, NaN while it is not defined."""
        if self.drive is None or not self.drive.scene.row:
            return math.nan
        return self.drive.scene.row[self.drive.indicators.columns.index(name)]


def _voices(judged: Judged, known_at: int) -> list[Voice]:
    return [
        Voice(entry.name, entry.family, entry.group, verdict.evidence, verdict.reason, known_at)
        for entry, verdict in judged.verdicts
    ]
