"""Signals over candle files: what the live program would have said at every close, as one JSON object per event.

The same `Drive` steps here and live. Events come in the order in which they became known, so a file cut short gives
exactly the events known by then. Missing bars stay missing: nothing is filled in.
"""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from core.market.candle_file import demand_clean, read_candles, stem_of
from core.market.indicators import IndicatorSet
from core.market.regime import RegimeReading
from core.market.resample import resample
from core.messages import Analysis, State
from core.screening.scan_advice import Seen, advice_fields
from core.screening.scan_alerts import alert_fields, side_of
from core.screening.scan_watch import FileWatch
from core.screening.stage1 import Judgement
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

KINDS: tuple[str, ...] = (
    "swing", "bos", "choch", "fvg", "order_block", "liquidity", "sweep", "reading", "confluence", "alert", "recommendation",
)  # fmt: skip

Event = dict[str, Any]


class ScanError(Fatal):
    """The scan cannot do what it was asked; the text names the thing, the value and the remedy."""


def scan_settings(
    settings: Settings,
    detectors: Sequence[str] | None = None,
    smc_mode: Literal["trend", "smc"] | None = None,
    swing_length: int | None = None,
    category: Literal["spot", "linear"] | None = None,
) -> Settings:
    """The operator's settings with what the command line says instead. `detectors`: only these vote.

    The volatility gate is no voter: it works as the settings say, and for certain when it is named. `category` is the market
    the files are of, for fees, shorts and the asset class. Raises `ScanError`.
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
    market = msgspec.structs.replace(settings.market, **({"category": category} if category is not None else {}))
    detectors_changed = msgspec.structs.replace(settings.detectors, **changes)
    return msgspec.structs.replace(settings, detectors=detectors_changed, market=market)


def scan_kinds(names: Sequence[str] | None = None) -> tuple[str, ...]:
    """The kinds of events asked for, None for all, in the order of `KINDS`. Raises `ScanError` naming an unknown one."""
    if names is None:
        return KINDS
    if unknown := [name for name in names if name not in KINDS]:
        raise ScanError(f"--kinds: {unknown[0]!r} is no kind of event; choose from {', '.join(KINDS)}")
    if not names:
        raise ScanError(f"--kinds: none is named; choose from {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in names)


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


def scan(
    symbol: str, timeframe: str, rows: CandleBlock, settings: Settings, kinds: Collection[str] = KINDS
) -> Iterator[Event]:
    """Every event of one series, in the order of `t_known`.

    Within one close: structure, readings, the confluence, the alert, the recommendation. `rows` are clean candles, float64
    of shape (n, 6) or more, oldest first, as `load` gives them.
    """
    return scan_all([(symbol, rows)], timeframe, settings, kinds)


def scan_all(
    series: Sequence[tuple[str, CandleBlock]], timeframe: str, settings: Settings, kinds: Collection[str] = KINDS
) -> Iterator[Event]:
    """Events of these kinds of several series in the order of `t_known`; at the same moment in the order given.

    All series are walked at once and share the budget of alerts, so what is computed of all of them is in memory together.
    """
    wanted = frozenset(kinds)
    watch = FileWatch(series, timeframe, settings) if wanted & {"alert", "recommendation"} else None
    tellers = [_Teller(symbol, timeframe, settings) for symbol, _ in series]
    walks = [_walk(rows, timeframe, settings, teller) for (_, rows), teller in zip(series, tellers, strict=True)]
    for known_ms, due in _lockstep(walks):
        alerts = watch.alerts(known_ms, {place: moment.place for place, moment in due}) if watch else {}
        for place, moment in due:
            yield from (event for event in moment.events if event["kind"] in wanted)
            alert = alerts.get(place)
            if alert is not None and "alert" in wanted:
                yield tellers[place].alert(moment.open_ms, alert)
            if watch and (alert is not None or moment.turned) and "recommendation" in wanted:
                yield tellers[place].recommendation(moment.open_ms, watch.advise(place, _seen(moment, settings), alert))


class _Moment(NamedTuple):
    """One series at the close of one bar. `turned`: the state changed, for what `contributions` say."""

    known_ms: int
    place: int
    open_ms: int
    close: float
    judged: Judged
    regime: RegimeReading
    events: list[Event]
    turned: bool


def _walk(rows: CandleBlock, timeframe: str, settings: Settings, teller: _Teller) -> Iterator[_Moment]:
    """One series, bar by bar."""
    indicators, values = IndicatorSet.open(rows)
    interval_ms = TIMEFRAME_MS[timeframe]
    drive = Drive(indicators, settings, interval_ms, 0.0, higher_frames(rows, timeframe, settings))
    for start in range(0, len(rows), CHUNK_BARS):
        piece = slice(start, start + CHUNK_BARS)
        chunk = zip(rows[piece, :6].tolist(), values[piece].tolist(), strict=True)
        for place, (bar, row) in enumerate(chunk, start):
            open_ms, close = int(bar[0]), bar[4]
            judged = drive.step(open_ms, bar[1:], False, row, settings)
            events = [*teller.structure(drive.scene.events), *teller.readings(open_ms, close, judged)]
            change = teller.state(open_ms, close, judged)
            if change is not None:
                events.append(change)
            yield _Moment(
                open_ms + interval_ms, place, open_ms, close, judged, drive.regime, events, change is not None
            )


def _lockstep(walks: Sequence[Iterator[_Moment]]) -> Iterator[tuple[int, list[tuple[int, _Moment]]]]:
    """Moment by moment over all series: when it was, and which of them closed a bar then, in the order given."""
    heads: list[tuple[int, int, _Moment]] = []

    def move(place: int) -> None:
        moment = next(walks[place], None)
        if moment is not None:
            heapq.heappush(heads, (moment.known_ms, place, moment))

    for place in range(len(walks)):
        move(place)
    while heads:
        known_ms, due = heads[0][0], []
        while heads and heads[0][0] == known_ms:
            due.append(heapq.heappop(heads)[1:])
        yield known_ms, due
        for place, _ in due:
            move(place)


def _seen(moment: _Moment, settings: Settings) -> Seen:
    """What an analysis is told of the bar."""
    judged = moment.judged
    words = explain(judged.voices(moment.known_ms), judged.pooled, "HOLD", settings.confluence)
    return Seen(moment.place, moment.known_ms, moment.close, judged, moment.regime, words.contributions)


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

    def state(self, open_ms: int, price: float, judged: Judged) -> Event | None:
        """A change of the label at this close, with its whole argument."""
        pooled, known_at = judged.pooled, open_ms + self._interval_ms
        before = self._hysteresis.step(pooled.probability, known_at, price, self._settings, forced=bool(judged.forced))
        if before is None:
            return None
        state = self._hysteresis.state
        words = explain(judged.voices(known_at), pooled, state, self._settings)
        return self._head("confluence", state, open_ms, known_at, price) | {
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

    def alert(self, open_ms: int, alert: Judgement) -> Event:
        """Stage 1 called this bar unusual, and the budget had room."""
        side = side_of(alert.trigger_reasons)
        return self._head("alert", side, open_ms, alert.at_ms, alert.stats.price) | alert_fields(alert)

    def recommendation(self, open_ms: int, analysis: Analysis) -> Event:
        """What Stage 2 says to it."""
        head = self._head("recommendation", analysis.side or "HOLD", open_ms, analysis.timestamp, analysis.price)
        return head | advice_fields(analysis)

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
