"""The signal desk: closed bars in, readings, confluence and metrics out, for every watched symbol.

Work is queued per symbol and done in slices of a few milliseconds, because all symbols close a bar in the same second.
A symbol's failure is reported with its name and harms no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.market.candles import CandleWindow
from core.market.tape import NO_FLOW, Flow
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import (
    Bar,
    Fault,
    HistoryStatus,
    Message,
    Metrics,
    Replay,
    SignalStats,
    StateChange,
    Universe,
)
from core.settings_live import LiveSettings
from core.signals.freshness import Freshness
from core.signals.metrics import measure
from core.signals.series import SymbolSignals

log = logging.getLogger("tradetui.signals")

SLICE_S = 0.002
WATCH_S = 1.0
REPLAYED_MOST = 2
"""So many past changes of each symbol are told at start; a log full of yesterday hides today."""


class MarketView(Protocol):
    """What the desk needs of the market part."""

    def window(self, symbol: str, timeframe: str) -> CandleWindow | None:
        """Closed bars of a series, or None when it is not loaded."""


class _Entry:
    """One watched symbol: its signals, the bars that wait, and whether the window must be read anew."""

    __slots__ = ("bars", "failures", "metrics", "opened", "reopen", "shown", "signals")

    def __init__(self, signals: SymbolSignals) -> None:
        self.signals = signals
        self.bars: deque[Bar] = deque()
        self.reopen = True
        self.opened = False
        self.shown = ""
        self.metrics: Metrics | None = None
        self.failures = 0


class SignalDesk:
    """Subscribes to bars and freshness, publishes `Reading`, `Confluence`, `StateChange`, `Metrics`, `SignalStats`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        market: MarketView,
        natr_sample: Callable[[str], NatrSample] = lambda _symbol: NO_SAMPLE,
        taker_flow: Callable[[str], Flow] = lambda _symbol: NO_FLOW,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._market = market
        self._natr_sample = natr_sample
        self._taker_flow = taker_flow
        self._timeframe = live.current.market.decision_timeframe
        self._entries: dict[str, _Entry] = {}
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._universe: tuple[str, ...] | None = None
        self._evaluations = self._readings = self._changes = 0
        self._fresh = Freshness(bus, clock)
        bus.subscribe(HistoryStatus, self._on_history, name="signals.history")
        bus.subscribe(Bar, self._on_bar, name="signals.bar")
        bus.subscribe(Universe, self._on_universe, name="signals.universe")
        bus.subscribe(Replay, self._on_replay, name="signals.replay")

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(), name="signals.work")
            group.create_task(self._watch(), name="signals.watch")

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _on_history(self, message: HistoryStatus) -> None:
        if message.timeframe != self._timeframe or not message.ready:
            return
        if self._universe is not None and message.symbol not in self._universe:
            return
        entry = self._entries.get(message.symbol)
        if entry is None:
            signals = SymbolSignals(message.venue, message.category, message.symbol, self._timeframe)
            entry = self._entries[message.symbol] = _Entry(signals)
        elif entry.opened and not self._window_changed(entry):
            return
        entry.reopen = True
        self._queue(message.symbol)

    def _on_bar(self, bar: Bar) -> None:
        if bar.timeframe != self._timeframe or not bar.closed:
            return
        entry = self._entries.get(bar.symbol)
        if entry is not None:
            entry.bars.append(bar)
            self._queue(bar.symbol)

    def _on_universe(self, message: Universe) -> None:
        self._universe = message.symbols
        watched = set(message.symbols)
        for symbol in [known for known in self._entries if known not in watched]:
            del self._entries[symbol]
            self._waiting.pop(symbol, None)

    def _on_replay(self, _message: Replay) -> None:
        settings = self._live.current
        for entry in self._entries.values():
            if entry.opened:
                for reading in entry.signals.newest_readings():
                    self._bus.publish(reading)
                if entry.metrics is not None:
                    self._bus.publish(entry.metrics)
                self._bus.publish(entry.signals.confluence(settings, entry.shown))

    # --- work --------------------------------------------------------------------------------------------------------

    def _queue(self, symbol: str) -> None:
        self._waiting[symbol] = None
        self._wake.set()

    async def _work(self) -> None:
        """Take symbols in order of arrival; leave the loop to others after each slice."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            until = self._now() + SLICE_S
            while self._waiting:
                symbol = next(iter(self._waiting))
                del self._waiting[symbol]
                entry = self._entries.get(symbol)
                if entry is None:
                    continue
                steps = self._evaluate(symbol, entry)
                while self._step(symbol, entry, steps):
                    if self._now() >= until:
                        await asyncio.sleep(0)
                        until = self._now() + SLICE_S
                if self._now() >= until:
                    await asyncio.sleep(0)
                    until = self._now() + SLICE_S

    @staticmethod
    def _now() -> float:
        """Seconds of the event loop: slices are about the processor's time, not the market's."""
        return asyncio.get_running_loop().time()

    def _step(self, symbol: str, entry: _Entry, steps: Iterator[None]) -> bool:
        """One piece of a symbol's work; False when it is done or gone."""
        if self._entries.get(symbol) is not entry:
            return False
        try:
            next(steps)
        except StopIteration:
            return False
        except Exception as error:
            # Fallback: this symbol starts again from its window at its next bar; the others go on.
            entry.failures += 1
            entry.reopen = True
            log.exception("signals of %s failed", symbol)
            if worth_reporting(entry.failures):
                text = f"signals of {symbol} failed: {type(error).__name__}: {error}; starting again at its next bar"
                self._bus.publish(
                    Fault(
                        source="signals",
                        message=text,
                        count=entry.failures,
                        symbol=symbol,
                        at_ms=self._clock.now_ms(),
                    )
                )
            return False
        return True

    def _evaluate(self, symbol: str, entry: _Entry) -> Iterator[None]:
        """Bring one symbol up to date, in pieces."""
        while entry.reopen or entry.bars:
            if entry.reopen:
                entry.reopen = False
                yield from self._open(symbol, entry)
                continue
            bar = entry.bars.popleft()
            signals = entry.signals
            if self._must_reopen(entry, bar):
                yield from self._open(symbol, entry)
            if bar.open_ms <= signals.last_open_ms or signals.drive is None:
                continue
            settings = self._live.current
            signals.tick_size = self._fresh.tick_size(symbol)
            forced = self._fresh.trouble(symbol)
            changes = signals.step(bar, settings, forced)
            self._tell(symbol, entry, changes, forced)
            yield

    def _must_reopen(self, entry: _Entry, bar: Bar) -> bool:
        """Whether the carried state no longer follows from the window: a correction, a repair or a gap."""
        signals = entry.signals
        if signals.drive is None:
            return True
        if bar.open_ms <= signals.last_open_ms:
            return bar.revision > 0 and self._window_changed(entry)
        return bar.open_ms != signals.last_open_ms + signals.interval_ms or self._window_changed(entry)

    def _window_changed(self, entry: _Entry) -> bool:
        window = self._market.window(entry.signals.symbol, self._timeframe)
        return window is not None and window.rewritten != entry.signals.rewritten

    def _open(self, symbol: str, entry: _Entry) -> Iterator[None]:
        window = self._market.window(symbol, self._timeframe)
        if window is None or not len(window):
            return
        settings, signals = self._live.current, entry.signals
        signals.tick_size = self._fresh.tick_size(symbol)
        forced = self._fresh.trouble(symbol)
        first, before = not entry.opened, signals.last_open_ms
        changes: list[StateChange] = []
        for found in signals.open(window, settings, "" if first else forced):
            changes += found
            yield
        if signals.judged is None:
            return
        entry.opened = True
        if first:
            changes = changes[-REPLAYED_MOST:]
        if first or signals.last_open_ms > before:
            self._tell(symbol, entry, changes, forced)

    def _tell(self, symbol: str, entry: _Entry, changes: list[StateChange], forced: str) -> None:
        """Publish what the newest bar brought."""
        publish, signals = self._bus.publish, entry.signals
        readings = signals.readings()
        for reading in readings:
            publish(reading)
        for change in changes:
            publish(change)
        confluence = signals.confluence(self._live.current, forced)
        minutes = self._market.window(symbol, "1m")
        sample, flow = self._natr_sample(symbol), self._taker_flow(symbol)
        entry.metrics = measure(confluence.venue, confluence.category, signals, minutes, sample, flow)
        entry.shown = forced
        self._evaluations += 1
        self._readings += len(readings)
        self._changes += sum(not change.replayed for change in changes)
        publish(entry.metrics)
        publish(confluence)

    # --- freshness and statistics ------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(WATCH_S)
            self.check_freshness()
            self._bus.publish(self._stats())

    def check_freshness(self) -> None:
        """Show a forced HOLD, or its end, at once; the state itself changes at the next closed bar."""
        settings = self._live.current
        for symbol, entry in self._entries.items():
            if not entry.opened:
                continue
            forced = self._fresh.trouble(symbol) or self._late(entry)
            if forced != entry.shown and bool(forced) != bool(entry.shown):
                entry.shown = forced
                self._bus.publish(entry.signals.confluence(settings, forced))

    def _late(self, entry: _Entry) -> str:
        """Why the newest bar is too old to act on, or empty."""
        signals = entry.signals
        age_ms = self._fresh.venue_now_ms() - (signals.last_open_ms + signals.interval_ms)
        limit_ms = self._live.current.confluence.stale_bars * signals.interval_ms
        return f"no closed {self._timeframe} bar for {limit_ms / 60_000:.0f} min" if age_ms > limit_ms else ""

    def _stats(self) -> Message:
        market = self._live.current.market
        return SignalStats(
            venue=market.venue,
            category=market.category,
            evaluations=self._evaluations,
            readings=self._readings,
            state_changes=self._changes,
            symbols_ready=sum(entry.opened for entry in self._entries.values()),
            symbols_total=len(self._universe) if self._universe is not None else len(self._entries),
            at_ms=self._clock.now_ms(),
        )
