"""The Stage 2 desk: alerts, changes of state, accepted calibrations and the operator's questions in, analyses out.

Requests wait by urgency, one per symbol. Work is done on the event loop in pieces of a millisecond or two; one symbol's
failure marks that symbol and harms no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from typing import Literal

from msgspec.structs import replace

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.messages import (
    Analyse,
    Analysis,
    CalibrationReport,
    Confluence,
    Fault,
    Replay,
    Screening,
    StateChange,
    Universe,
)
from core.screening.analysis import stages
from core.screening.analysis_inputs import Cause
from core.screening.analysis_message import failed_analysis
from core.screening.code_words import hint_words
from core.screening.gathering import Gatherer
from core.screening.language import language
from core.screening.narrative_facts import Hint
from core.screening.requests import Request, Requests
from core.screening.view import MapView, SampleView, ThresholdView
from core.settings_live import LiveSettings
from core.signals.followed import MarketView
from core.slices import Slices

log = logging.getLogger("tradetui.screening")

SLICE_S = 0.002


class _Running:
    """An analysis under way."""

    __slots__ = ("request", "spent_s", "steps")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.steps: Generator[None, None, Analysis] | None = None
        self.spent_s = 0.0


class Stage2Desk:
    """Publishes `Analysis`: `pending` when one is asked for, then the result, `error` or `skipped`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        market: MarketView,
        thresholds: ThresholdView,
        samples: SampleView,
        maps: MapView,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._gatherer = Gatherer(bus, clock, live, market, thresholds, samples, maps)
        self._requests = Requests()
        self._running: list[_Running] = []
        self._slices = Slices(bus, "pipeline")
        self._wake = asyncio.Event()
        self._heeded: dict[str, tuple[int, int]] = {}
        """By symbol the newest calibration report that was acted on: its task and time. It is told again on `Replay`."""
        self._asked_s: dict[str, float] = {}
        """By symbol when an analysis was last asked for, monotonic seconds."""
        self.analyses = 0
        self.failures = 0
        self.skipped = 0
        bus.subscribe(Screening, self._on_screening, name="stage2.screening")
        bus.subscribe(StateChange, self._on_change, name="stage2.state")
        bus.subscribe(Confluence, self._on_confluence, name="stage2.standing")
        bus.subscribe(CalibrationReport, self._on_report, name="stage2.calibration")
        bus.subscribe(Analyse, self._on_analyse, name="stage2.analyse")
        bus.subscribe(Universe, self._on_universe, name="stage2.requests")
        bus.subscribe(Replay, self._on_replay, name="stage2.replay")

    # --- what sets an analysis off -----------------------------------------------------------------------------------

    def _on_screening(self, message: Screening) -> None:
        known = self._gatherer.of(message.symbol)
        if known is None:
            return
        known.screening = message
        if message.signal == "ALERT":
            known.alert = message
            if not message.replayed:
                self._ask(message.venue, message.category, message.symbol, "alert", message.strength)

    def _on_change(self, message: StateChange) -> None:
        if not message.replayed and self._gatherer.of(message.symbol) is not None:
            self._ask(message.venue, message.category, message.symbol, "state")

    def _on_confluence(self, message: Confluence) -> None:
        """A market that goes on standing BUY or SELL is judged again now and then: prices and levels move."""
        again_s = self._live.current.screening.again_s
        if not again_s or not message.decides or message.state == "HOLD" or self._gatherer.of(message.symbol) is None:
            return
        if self._clock.monotonic() - self._asked_s.get(message.symbol, float("-inf")) >= again_s:
            self._ask(message.venue, message.category, message.symbol, "state")

    def _on_report(self, report: CalibrationReport) -> None:
        """New thresholds for a symbol whose alert is still warm: it is judged again with them."""
        known = self._gatherer.of(report.symbol)
        if report.verdict != "accept" or known is None or known.alert is None:
            return
        if self._heeded.get(report.symbol) == (report.task_id, report.at_ms):
            return
        self._heeded[report.symbol] = (report.task_id, report.at_ms)
        age_ms = self._clock.now_ms() - known.alert.known_at
        if age_ms <= self._live.current.screening.cooldown_s * 1000.0:
            self._ask(report.venue, report.category, report.symbol, "calibration")

    def _on_analyse(self, command: Analyse) -> None:
        symbol = command.symbol
        where = self._gatherer.where(symbol)
        if where is not None:
            self._ask(*where, symbol, "operator")
            return
        text = f"cannot analyse {symbol}: it is not watched; pin it first"
        now_ms = self._clock.now_ms()
        self._bus.publish(Fault(source="stage2", message=text, severity="warning", symbol=symbol, at_ms=now_ms))

    def _on_universe(self, message: Universe) -> None:
        for symbol in message.removed:
            self._requests.forget(symbol)
            self._heeded.pop(symbol, None)
            self._asked_s.pop(symbol, None)
        watched = set(message.symbols)
        self._running = [entry for entry in self._running if entry.request.symbol in watched]

    def _on_replay(self, _message: Replay) -> None:
        for _, known in self._gatherer.all():
            if known.finished is not None:
                self._bus.publish(replace(known.finished, replayed=True))

    def _ask(self, venue: str, category: str, symbol: str, cause: Cause, strength: float = 0.0) -> None:
        self._asked_s[symbol] = self._clock.monotonic()
        request = Request(
            venue=venue,
            category=category,
            symbol=symbol,
            cause=cause,
            asked_s=self._clock.monotonic(),
            strength=strength,
        )
        if self._requests.put(request):
            self._bus.publish(self._unfinished(request, "pending"))
            self._wake.set()

    # --- work --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._slices.begin(SLICE_S)
            while self._requests or self._running:
                self._admit()
                for entry in tuple(self._running):
                    if entry in self._running:
                        self._step(entry)
                    await self._slices.turn(asked=self._asked())

    def _asked(self) -> bool:
        """Whether the operator waits for one that is under way: the most urgent stands first."""
        return bool(self._running) and self._running[0].request.cause == "operator"

    def _admit(self) -> None:
        """Take the most urgent requests under way while there is room; tell those that waited too long."""
        settings, now_s = self._live.current.screening, self._clock.monotonic()
        for late in self._requests.late(now_s, settings.deadline_s):
            self._skip(late)
        while len(self._running) < settings.at_once and (request := self._requests.take()) is not None:
            self._running.append(_Running(request))
        self._running.sort(key=lambda entry: entry.request.rank)

    def _step(self, entry: _Running) -> None:
        """One piece of one analysis."""
        request, begun_s = entry.request, self._clock.monotonic()
        if begun_s - request.asked_s > self._live.current.screening.deadline_s:
            self._running.remove(entry)
            self._skip(request)
            return
        try:
            if entry.steps is None:
                inputs = self._gatherer.inputs(request.venue, request.category, request.symbol, request.cause)
                entry.steps = stages(inputs)
            else:
                next(entry.steps)
        except StopIteration as done:
            self._finish(entry, done.value, begun_s)
        except Exception as error:
            # Fallback: this symbol's analysis is a failure that says why; the others go on.
            log.exception("inputs of %s could not be gathered", request.symbol)
            self._finish(entry, self._broken(request, error), begun_s)
        entry.spent_s += self._clock.monotonic() - begun_s

    def _finish(self, entry: _Running, analysis: Analysis, begun_s: float) -> None:
        known = self._gatherer.of(analysis.symbol)
        if known is None or entry not in self._running:  # it left the universe meanwhile
            return
        self._running.remove(entry)
        quality = analysis.quality_metrics
        if quality is not None:
            spent_ms = (entry.spent_s + self._clock.monotonic() - begun_s) * 1000.0
            analysis = replace(analysis, quality_metrics=replace(quality, duration_ms=spent_ms))
        known.finished = analysis
        self.analyses += 1
        if analysis.stage2_status == "error":
            known.failures += 1
            self.failures += 1
            if worth_reporting(known.failures):
                text = (
                    f"analysis of {analysis.symbol} failed: {analysis.error}; tried again at its next alert or change"
                )
                self._bus.publish(
                    Fault(
                        source="stage2",
                        message=text,
                        count=known.failures,
                        symbol=analysis.symbol,
                        at_ms=self._clock.now_ms(),
                    )
                )
        self._bus.publish(analysis)

    def _skip(self, request: Request) -> None:
        self.skipped += 1
        self._bus.publish(self._unfinished(request, "skipped"))

    def _unfinished(self, request: Request, status: Literal["pending", "skipped"]) -> Analysis:
        settings = self._live.current.screening
        spoken = language(settings.language)
        late = (hint_words(Hint("TOO_LATE", settings.deadline_s), spoken),) if status == "skipped" else ()
        return Analysis(
            venue=request.venue,
            category=request.category,
            symbol=request.symbol,
            timestamp=self._clock.now_ms(),
            stage2_status=status,
            cause=request.cause,
            timeframe=settings.timeframe,
            language=spoken.tongue,
            hints=late,
        )

    def _broken(self, request: Request, error: Exception) -> Analysis:
        who = (request.venue, request.category, request.symbol)
        return failed_analysis(*who, self._clock.now_ms(), request.cause, self._live.current.screening, error)
