"""Signals over candle files: what the live program would have said at every close, as one JSON object per event.

The same `Drive` steps here and live. Events come in the order in which they became known, so a file cut short gives
exactly the events known by then. Missing bars stay missing: nothing is filled in.
"""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.market.candle_file import demand_clean, read_candles, stem_of
from core.market.indicators import IndicatorSet
from core.market.resample import resample
from core.messages import State
from core.settings import Settings
from core.signals.confluence import explain
from core.signals.drive import Drive, Judged
from core.signals.gate import NAME as GATE
from core.signals.higher import DAY, HigherFrames, frames_above
from core.signals.hysteresis import Hysteresis
from core.signals.reading import REGISTRY, Detector, Verdict
from core.signals.smc.event import SmcEvent
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal

CHUNK_BARS = 1024
"""Rows turned into Python numbers at a time."""

Event = dict[str, Any]


class ScanError(Fatal):
    """The scan cannot do what it was asked; the text names the thing, the value and the remedy."""


def scan_settings(
    settings: Settings,
    detectors: Sequence[str] | None = None,
    smc_mode: Literal["trend", "smc"] | None = None,
    swing_length: int | None = None,
) -> Settings:
    """The operator's settings with what the command line says instead. `detectors`: only these vote.

    The volatility gate is no voter: it works as the settings say, and for certain when it is named. Raises `ScanError`.
    """
    changes: dict[str, Any] = {}
    if detectors is not None:
        if unknown := [name for name in detectors if name not in REGISTRY and name != GATE]:
            known = ", ".join((*REGISTRY, GATE))
            raise ScanError(f"--detectors: {unknown[0]!r} is no detector; choose from {known}")
        silent = {name for name in REGISTRY if name not in detectors}
        if GATE in settings.detectors.off and GATE not in detectors:
            silent.add(GATE)
        changes["off"] = tuple(sorted(silent))
    if smc_mode is not None:
        changes["smc_mode"] = smc_mode
    if swing_length is not None:
        changes["swing_length"] = swing_length
    return msgspec.structs.replace(settings, detectors=msgspec.structs.replace(settings.detectors, **changes))


def symbol_of(file: Path) -> str:
    """The file name up to the first `_`, without suffix. Raises `ScanError` when that is empty."""
    symbol = os.fsencode(stem_of(file).partition("_")[0]).decode("utf-8", "replace")
    if not symbol:
        raise ScanError(f"candle file {file}: the name begins with _; name it SYMBOL_1m.parquet or SYMBOL_1m.csv")
    return symbol


def load(file: Path, timeframe: str) -> CandleBlock:
    """The clean candles of a file, shape (n, 6). Raises `CandleFileError` naming what is wrong and the remedy."""
    rows = read_candles(file)
    demand_clean(file, rows, timeframe)
    return rows


def higher_frames(rows: CandleBlock, timeframe: str, settings: Settings) -> HigherFrames:
    """Longer timeframes made of the scanned bars themselves, those that are whole multiples of the scanned one.

    All of them are loaded at once: they are joined by close time, and a longer bar closes when its interval is over.
    """
    interval_ms = TIMEFRAME_MS[timeframe]
    longer = (name for name in settings.market.timeframes if TIMEFRAME_MS[name] % interval_ms == 0)
    frames = HigherFrames(frames_above(timeframe, longer))
    for name in dict.fromkeys((*frames.timeframes, DAY)):
        if len(block := resample(rows, TIMEFRAME_MS[name])):
            frames.load(name, block)
    return frames


def scan(symbol: str, timeframe: str, rows: CandleBlock, settings: Settings) -> Iterator[Event]:
    """Every event of one series, in the order of `t_known`; within one close structure, readings, then the confluence.

    `rows` are clean candles, float64 of shape (n, 6) or more, oldest first, as `load` gives them.
    """
    indicators, values = IndicatorSet.open(rows)
    interval_ms = TIMEFRAME_MS[timeframe]
    drive = Drive(indicators, settings, interval_ms, 0.0, higher_frames(rows, timeframe, settings))
    teller = _Teller(symbol, timeframe, settings)
    for start in range(0, len(rows), CHUNK_BARS):
        piece = slice(start, start + CHUNK_BARS)
        for bar, row in zip(rows[piece, :6].tolist(), values[piece].tolist(), strict=True):
            open_ms = int(bar[0])
            judged = drive.step(open_ms, bar[1:], False, row, settings)
            yield from teller.structure(drive.scene.events)
            yield from teller.readings(open_ms, bar[4], judged)
            yield from teller.state(open_ms, bar[4], judged)


def scan_all(series: Sequence[tuple[str, CandleBlock]], timeframe: str, settings: Settings) -> Iterator[Event]:
    """Every event of several series in the order of `t_known`; at the same moment in the order given.

    All series are walked at once, so the indicator rows of all of them are in memory together.
    """
    walks = [scan(symbol, timeframe, rows, settings) for symbol, rows in series]
    return heapq.merge(*walks, key=itemgetter("t_known"))


class _Teller:
    """Words of one series: which sides stand, and what a change of them is called."""

    def __init__(self, symbol: str, timeframe: str, settings: Settings) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._interval_ms = TIMEFRAME_MS[timeframe]
        self._settings = settings.confluence
        self._sides: dict[str, State] = dict.fromkeys(REGISTRY, "HOLD")
        self._hysteresis = Hysteresis()

    def structure(self, events: Sequence[SmcEvent]) -> Iterator[Event]:
        """What the smart-money engine said at this close."""
        for event in events:
            side = _POOL_SIDES[event.side] if event.kind == "liquidity" else event.side
            yield self._head(event.kind, side, event.t_event, event.t_known, event.level) | _particulars(event)

    def readings(self, open_ms: int, price: float, judged: Judged) -> Iterator[Event]:
        """The detectors that changed sides at this close."""
        sides = self._sides
        for entry, verdict in judged.verdicts:
            if verdict.side != sides[entry.name]:
                yield self._reading(open_ms, price, entry, verdict)
                sides[entry.name] = verdict.side

    def _reading(self, open_ms: int, price: float, entry: Detector, verdict: Verdict) -> Event:
        described = verdict.occurred_at or open_ms
        return self._head("reading", verdict.side, described, open_ms + self._interval_ms, price) | {
            "detector": entry.name,
            "family": entry.family,
            "group": entry.group,
            "before": self._sides[entry.name],
            "score": verdict.score,
            "reasons": [verdict.reason] if verdict.reason else [],
        }

    def state(self, open_ms: int, price: float, judged: Judged) -> Iterator[Event]:
        """A change of the label at this close, with its whole argument."""
        pooled, known_at = judged.pooled, open_ms + self._interval_ms
        before = self._hysteresis.step(pooled.probability, known_at, price, self._settings, forced=bool(judged.forced))
        if before is None:
            return
        state = self._hysteresis.state
        words = explain(judged.voices(known_at), pooled, state, self._settings)
        yield self._head("confluence", state, open_ms, known_at, price) | {
            "before": before,
            "probability": pooled.probability,
            "logit": pooled.logit,
            "base_logit": pooled.base_logit,
            "calibrated": False,
            "gate": judged.gate.factor,
            "reasons": [judged.forced] if judged.forced else list(words.reasons),
            "contrary": words.contrary,
            "contributions": words.contributions,
        }

    def _head(self, kind: str, side: str, t_event: int, t_known: int, level: float) -> Event:
        head: Event = {"kind": kind, "symbol": self._symbol, "timeframe": self._timeframe, "side": side}
        head |= {"t_event": t_event, "t_known": t_known}
        if math.isfinite(level):
            head["level"] = level
        return head


_POOL_SIDES = {"high": "BUY", "low": "SELL"}
"""Above highs rest the stops of those who must buy, below lows of those who must sell."""
_POOLS = ("liquidity", "sweep")
_PARTICULARS = tuple(name for name in SmcEvent._fields if name not in ("kind", "side", "t_event", "t_known", "level"))


def _particulars(event: SmcEvent) -> Event:
    """What the event has beyond the fields of all: JSON knows no NaN, and a zero means absent."""
    found = {}
    for name in _PARTICULARS:
        value = getattr(event, name)
        if (isinstance(value, str) and event.kind in _POOLS) or (
            not isinstance(value, str) and value and math.isfinite(value)
        ):
            found[name] = value
    return found
