"""One symbol's signals: the same steps over stored bars at start and over each closed bar afterwards."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from core.market.candles import CandleWindow
from core.market.indicators import IndicatorSet
from core.messages import Bar, Confluence, Reading, State, StateChange
from core.settings import Settings
from core.signals.confluence import explain, missing
from core.signals.drive import Drive, Judged
from core.signals.higher import HigherFrames
from core.signals.hysteresis import Hysteresis
from core.venue import TIMEFRAME_MS

CHUNK_BARS = 32
"""Stored bars stepped between two chances to leave the loop to others; well under a millisecond or two."""

REPLAY_BARS = 500
"""At start every detector speaks on so many stored bars; on older ones only memories and structure are brought along."""
TOLD_MS = 86_400_000
"""State changes found in stored bars are told for the newest day only."""


GLANCE_BARS = 1100
GLANCE_JUDGED = 100
"""A first look steps over so many of the newest bars, and the detectors speak on so few: a third of a whole reading's
cost, and the same state on most markets."""
TURNS_KEPT = 128


class Turn(NamedTuple):
    """The state became `state` at the close of the bar opened at `open_ms`, at this price."""

    open_ms: int
    known_at: int
    state: State
    price: float


class SymbolSignals:
    """State of one symbol. Published readings are facts: a reopened series never speaks of their bars again."""

    def __init__(self, venue: str, category: str, symbol: str, timeframe: str, *, decides: bool = True) -> None:
        self.decides = decides
        """Whether this is the decision timeframe; the view of another one is only shown."""
        self.symbol = symbol
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.last_open_ms = -1
        """Open time of the newest bar stepped; -1 before the first."""
        self.tick_size = 0.0
        self.hysteresis = Hysteresis()
        self.frames = HigherFrames(())
        """Longer timeframes; replaced by whoever has their bars, at the latest at the first pause of `open`."""
        self.turns: deque[Turn] = deque(maxlen=TURNS_KEPT)
        """The newest changes of the state, as a chart shows them."""
        self.drive: Drive | None = None
        self.judged: Judged | None = None
        self.judged_by: Settings | None = None
        """The settings under which the newest bar was judged."""
        self.venue = venue
        self.category = category
        self._spoken_ms = -1

    def open(
        self, window: CandleWindow, settings: Settings, forced: str = "", newest: int = 0
    ) -> Iterator[list[StateChange]]:
        """Read the whole window again; yields now and then so that others can run, each time the new state changes.

        The first time hysteresis is replayed over the stored bars (`replayed` changes); later it keeps its published past
        and takes the bars after. `forced` is why HOLD is shown from outside meanwhile, or empty. With `newest` only
        about so many bars are stepped, and the detectors speak on the last `GLANCE_JUDGED`: a first look.
        """
        first = self.last_open_ms < 0
        if first:
            self.hysteresis = Hysteresis()
        block, synthetic = window.block(), window.synthetic.tolist()
        indicators, rows = IndicatorSet.open(block)
        yield []
        drive = Drive(indicators, settings, self.interval_ms, self.tick_size, self.frames)
        bars = block[:, 1:6].tolist()
        times = [int(time) for time in block[:, 0].tolist()]
        judge_from = len(times) - GLANCE_JUDGED if newest else self._judged_from(times, first)
        judged: Judged | None = None
        changes: list[StateChange] = []
        begin = drive.scene.bars = max(0, len(times) - newest) // CHUNK_BARS * CHUNK_BARS if newest else 0
        chunk: list[list[float]] = []
        for place in range(begin, len(times)):
            open_ms, bar, within = times[place], bars[place], place % CHUNK_BARS
            if within == 0:
                chunk = rows[place : place + CHUNK_BARS].tolist()
            if place < judge_from:
                drive.pass_by(open_ms, bar, synthetic[place], chunk[within], settings, judge_from - place)
            else:
                judged = drive.step(open_ms, bar, synthetic[place], chunk[within], settings)
                if first and open_ms <= times[-1] - TOLD_MS:
                    self._move(open_ms, bar[3], judged, settings, forced)
                elif open_ms > self.last_open_ms:
                    changes += self._decide(open_ms, bar[3], judged, settings, forced, replayed=first)
            if within == CHUNK_BARS - 1:
                yield changes
                changes = []
        if judged is not None:
            self.drive = drive
            if times[-1] > self._spoken_ms:  # what was told of a bar stands, whatever its correction would say
                self.judged, self.judged_by = judged, settings
            self.last_open_ms = max(self.last_open_ms, times[-1])
        yield changes

    def _judged_from(self, times: list[int], first: bool) -> int:
        """The first stored bar on which every detector speaks; the newest one always is."""
        if first:
            return max(0, len(times) - REPLAY_BARS)
        return min(len(times) - 1, bisect_right(times, self.last_open_ms))

    def step(self, bar: Bar, settings: Settings, forced: str) -> list[StateChange]:
        """Move on to the next closed bar. `forced` is why HOLD is shown from outside (no new state begins), or empty."""
        assert self.drive is not None
        self.drive.scene.tick_size = self.tick_size
        row = self.drive.indicators.update(bar.open, bar.high, bar.low, bar.close, bar.volume)
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self.judged = self.drive.step(bar.open_ms, values, bar.synthetic, row.tolist(), settings)
        self.judged_by = settings
        self.last_open_ms = bar.open_ms
        return self._decide(bar.open_ms, bar.close, self.judged, settings, forced, replayed=False)

    def _move(self, open_ms: int, price: float, judged: Judged, settings: Settings, forced: str) -> State | None:
        """Hysteresis over one bar; the state before if it changed."""
        known_at = open_ms + self.interval_ms
        before = self.hysteresis.step(
            judged.pooled.probability,
            known_at,
            price,
            settings.confluence,
            forced=bool(judged.forced),
            vetoed=bool(forced),
        )
        if before is not None:
            self.turns.append(Turn(open_ms, known_at, self.hysteresis.state, price))
        return before

    def _decide(
        self, open_ms: int, price: float, judged: Judged, settings: Settings, forced: str, *, replayed: bool
    ) -> list[StateChange]:
        before = self._move(open_ms, price, judged, settings, forced)
        if before is None:
            return []
        known_at, why = open_ms + self.interval_ms, judged.forced
        after = self.hysteresis.state
        reasons = (why,) if why else explain(judged.voices(known_at), judged.pooled, after, settings.confluence).reasons
        change = StateChange(
            venue=self.venue,
            category=self.category,
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
                venue=self.venue,
                category=self.category,
                symbol=self.symbol,
                timeframe=self.timeframe,
                detector=entry.name,
                family=entry.family,
                group=entry.group,
                side=verdict.side,
                score=verdict.score,
                reasons=(verdict.reason,) if verdict.reason else (),
                warming=verdict.warming,
                occurred_at=verdict.occurred_at or self.last_open_ms,
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
        words = explain(self.judged.voices(known_at), pooled, state, rules)
        lacking = f"HOLD is forced: {why}" if why else ""
        return Confluence(
            venue=self.venue,
            category=self.category,
            symbol=self.symbol,
            timeframe=self.timeframe,
            decides=self.decides,
            gate=self.judged.gate.factor,
            gate_reason=self.judged.gate.reason,
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
