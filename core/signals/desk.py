"""The signal desk: closed bars in, readings, confluence and metrics out, for every watched symbol.

Work is queued per symbol and done in slices of a few milliseconds, because all symbols close a bar in the same second.
A symbol's failure is reported with its name and harms no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.market.tape import NO_FLOW, Flow
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import (
    Bar,
    Fault,
    Focus,
    HistoryStatus,
    Message,
    Metrics,
    Replay,
    SignalStats,
    StateChange,
    Universe,
)
from core.settings_live import LiveSettings
from core.signals.catalogue import catalogue
from core.signals.chart import build_chart
from core.signals.followed import Followed, MarketView
from core.signals.freshness import Freshness
from core.signals.metrics import measure
from core.signals.series import GLANCE_BARS, SymbolSignals
from core.signals.shadow import ShadowCheck, Stored
from core.slices import Slices

log = logging.getLogger("tradetui.signals")

SLICE_S = 0.002
WATCH_S = 1.0
LATE_S = 1.0
"""A longer bar that closes with the decision's is waited for until the market part's grace and this are over."""
FRAMES_S = 60.0
"""The history of the longer timeframes is waited for so long at first; then the series speaks without them."""
REPLAYED_MOST = 2
"""So many past changes of each symbol are told at start; a log full of yesterday hides today."""


class SignalDesk:
    """Subscribes to bars, freshness and what the operator looks at.

    Publishes `Reading`, `Confluence`, `StateChange`, `Metrics`, `Chart`, `DetectorCatalogue` and `SignalStats`.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        market: MarketView,
        natr_sample: Callable[[str], NatrSample] = lambda _symbol: NO_SAMPLE,
        taker_flow: Callable[[str], Flow] = lambda _symbol: NO_FLOW,
        stored: Stored | None = None,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._market = market
        self._natr_sample = natr_sample
        self._taker_flow = taker_flow
        self._timeframe = live.current.market.decision_timeframe
        self._late_ms = (live.current.feed.close_grace_s + LATE_S) * 1000.0
        self._entries: dict[str, Followed] = {}
        self._focus: tuple[str, str] | None = None
        self._view: Followed | None = None
        self._waiting: dict[Followed, None] = {}
        self._held: dict[Followed, None] = {}
        self._slices, self._check_slices = Slices(bus, "signals.work"), Slices(bus, "signals.check")
        self._wake = asyncio.Event()
        self._universe: tuple[str, ...] | None = None
        self._evaluations = self._readings = self._changes = 0
        self.waited_in_vain = 0
        """Bars judged without a longer bar that should have closed with them."""
        self._fresh = Freshness(bus, clock)
        self._shadow = ShadowCheck(bus, clock, stored)
        bus.subscribe(HistoryStatus, self._on_history, name="signals.history")
        bus.subscribe(Bar, self._on_bar, name="signals.bar")
        bus.subscribe(Universe, self._on_universe, name="signals.universe")
        bus.subscribe(Focus, self._on_focus, name="signals.focus")
        bus.subscribe(Replay, self._on_replay, name="signals.replay")

    async def run(self) -> None:
        """Work until cancelled."""
        self._bus.publish(catalogue())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(), name="signals.work")
            group.create_task(self._watch(), name="signals.watch")
            group.create_task(self._check(), name="signals.check")

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _on_history(self, message: HistoryStatus) -> None:
        if not message.ready or (self._universe is not None and message.symbol not in self._universe):
            return
        entry = self._entries.get(message.symbol)
        if message.timeframe == self._timeframe:
            if entry is None:
                signals = SymbolSignals(message.venue, message.category, message.symbol, self._timeframe)
                entry = self._entries[message.symbol] = self._follow(signals)
                self._look()
            elif not entry.opened or entry.rewritten():
                entry.reopen = True
                self._queue(entry)
        for waiting in (entry, self._view):
            if waiting is not None and waiting.signals.symbol == message.symbol:
                if waiting is self._view and message.timeframe == waiting.signals.timeframe and waiting.rewritten():
                    waiting.reopen = True
                    self._queue(waiting)
                elif waiting in self._held:
                    self._queue(waiting)

    def _on_bar(self, bar: Bar) -> None:
        if not bar.closed:
            return
        for entry in (self._entries.get(bar.symbol), self._view):
            if entry is not None and entry.signals.symbol == bar.symbol and (entry.take(bar) or entry in self._held):
                self._queue(entry)

    def _on_universe(self, message: Universe) -> None:
        self._universe = message.symbols
        watched = set(message.symbols)
        for symbol in [known for known in self._entries if known not in watched]:
            self._drop(self._entries.pop(symbol))
        if self._view is not None and self._view.signals.symbol not in watched:
            self._drop(self._view)
            self._view = None

    def _on_focus(self, focus: Focus) -> None:
        self._focus = (focus.symbol, focus.timeframe or self._timeframe) if focus.symbol else None
        self._look()

    def _on_replay(self, _message: Replay) -> None:
        self._bus.publish(catalogue())
        for entry in self._entries.values():
            if self._focus != (entry.signals.symbol, self._timeframe):
                self._say_again(entry)
        self._look()

    # --- what the operator looks at ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Follow the timeframe in focus and say what is known of it."""
        view, focus = self._view, self._focus
        if view is not None and focus != (view.signals.symbol, view.signals.timeframe):
            self._drop(view)
            view = self._view = None
        decides = self._entries.get(focus[0]) if focus is not None else None
        if focus is None or decides is None:
            return
        if focus[1] == self._timeframe:
            entry = decides
        else:
            if view is None:
                known = decides.signals
                signals = SymbolSignals(known.venue, known.category, known.symbol, focus[1], decides=False)
                view = self._view = self._follow(signals)
            entry = view
        self._say_again(entry)
        self._draw(entry)

    def _say_again(self, entry: Followed) -> None:
        """The newest readings and the view that was pooled from them."""
        if entry.opened:
            for reading in entry.signals.newest_readings():
                self._bus.publish(reading)
            if entry.metrics is not None:
                self._bus.publish(entry.metrics)
            self._bus.publish(entry.signals.confluence(self._live.current, entry.shown))

    def _draw(self, entry: Followed) -> None:
        """Publish the chart of a series if it is the one looked at."""
        window = entry.window
        if self._focus == (entry.signals.symbol, entry.signals.timeframe) and window is not None and len(window):
            self._bus.publish(build_chart(entry.signals, window))

    # --- work --------------------------------------------------------------------------------------------------------

    def _follow(self, signals: SymbolSignals) -> Followed:
        entry = Followed(signals, self._market, self._fresh.venue_now_ms() + FRAMES_S * 1000.0)
        self._queue(entry)
        return entry

    def _drop(self, entry: Followed) -> None:
        entry.gone = True
        self._waiting.pop(entry, None)
        self._held.pop(entry, None)

    def _queue(self, entry: Followed) -> None:
        self._held.pop(entry, None)
        self._waiting[entry] = None
        self._wake.set()

    async def _work(self) -> None:
        """Take series in order of arrival; leave the loop to others after each slice."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._slices.begin(SLICE_S)
            while self._waiting:
                entry = self._next()
                del self._waiting[entry]
                steps = self._evaluate(entry)
                while self._step(entry, steps):
                    await self._slices.turn()
                await self._slices.turn()

    def _next(self) -> Followed:
        """Whoever waits longest, but what the operator looks at before all others."""
        looked = self._entries.get(self._focus[0]) if self._focus is not None else None
        for entry in (looked, self._view):
            if entry is not None and entry in self._waiting:
                return entry
        return next(iter(self._waiting))

    def _step(self, entry: Followed, steps: Iterator[None]) -> bool:
        """One piece of a series' work; False when it is done or gone."""
        if entry.gone:
            return False
        try:
            next(steps)
        except StopIteration:
            return False
        except Exception as error:
            # Fallback: this series starts again from its window at its next bar; the others go on.
            entry.failures += 1
            entry.reopen = True
            symbol = entry.signals.symbol
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

    def _evaluate(self, entry: Followed) -> Iterator[None]:
        """Bring one series up to date, in pieces."""
        while entry.reopen or entry.bars:
            now_ms = self._fresh.venue_now_ms()
            if not entry.opened and now_ms < entry.due_ms and not entry.complete():
                yield from self._glance(entry)
                self._held[entry] = None
                return
            close_ms = entry.next_close_ms()
            lacking = entry.awaits(close_ms)
            if lacking and now_ms < close_ms + self._late_ms:
                self._held[entry] = None
                return
            if entry.reopen:
                entry.reopen = False
                yield from self._open(entry, lacking)
                continue
            bar = entry.bars.popleft()
            signals, settings = entry.signals, self._live.current
            if entry.must_reopen(bar, settings):
                yield from self._open(entry, lacking)
            if bar.open_ms <= signals.last_open_ms or signals.drive is None:
                continue
            signals.tick_size = self._fresh.tick_size(signals.symbol)
            forced = self._fresh.trouble(signals.symbol)
            changes = signals.step(bar, settings, forced)
            self._tell(entry, changes, forced, lacking)
            yield

    def _open(self, entry: Followed, lacking: bool) -> Iterator[None]:
        settings, signals = self._live.current, entry.signals
        signals.tick_size = self._fresh.tick_size(signals.symbol)
        forced = self._fresh.trouble(signals.symbol)
        first, before = not entry.opened, signals.last_open_ms
        changes: list[StateChange] = []
        for found in entry.open(settings, "" if first else forced):
            changes += found
            yield
        if signals.judged is None:
            return
        entry.opened = True
        if first:
            changes = changes[-REPLAYED_MOST:]
        if first or signals.last_open_ms > before:
            self._tell(entry, changes, forced, lacking)

    def _glance(self, entry: Followed) -> Iterator[None]:
        """A first look while the longer timeframes still load: numbers and state, but no reading, which would be final."""
        window, known = entry.window, entry.signals
        if window is None or not len(window) or window.last_open_ms <= entry.glanced_ms or not known.decides:
            return
        entry.glanced_ms = window.last_open_ms
        signals = SymbolSignals(known.venue, known.category, known.symbol, known.timeframe)
        signals.frames, signals.tick_size = entry.read_frames(), self._fresh.tick_size(known.symbol)
        for _ in signals.open(window, self._live.current, newest=GLANCE_BARS):
            yield
        self._bus.publish(self._measure(signals))
        self._bus.publish(signals.confluence(self._live.current, self._fresh.trouble(known.symbol)))

    def _tell(self, entry: Followed, changes: list[StateChange], forced: str, lacking: bool) -> None:
        """Publish what the newest bar brought."""
        publish, signals = self._bus.publish, entry.signals
        entry.lacking, entry.shown = lacking, forced
        self.waited_in_vain += lacking
        entry.tell()
        readings = signals.readings()
        for reading in readings:
            publish(reading)
        if signals.decides:
            for change in changes:
                publish(change)
            entry.metrics = self._measure(signals)
            self._evaluations += 1
            self._readings += len(readings)
            self._changes += sum(not change.replayed for change in changes)
            publish(entry.metrics)
        publish(signals.confluence(self._live.current, forced))
        self._draw(entry)

    def _measure(self, signals: SymbolSignals) -> Metrics:
        minutes = self._market.window(signals.symbol, "1m")
        sample, flow = self._natr_sample(signals.symbol), self._taker_flow(signals.symbol)
        return measure(signals.venue, signals.category, signals, minutes, sample, flow)

    # --- freshness and statistics ------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(WATCH_S)
            for entry in list(self._held):
                self._queue(entry)
            self.check_freshness()
            self._bus.publish(self._stats())

    async def _check(self) -> None:
        """Compute the newest bar of one series again every second, in slices like all other work."""
        while True:
            await self._clock.sleep(WATCH_S)
            told = self._shadow.next(list(self._entries.values()), self._live.current)
            if told is None:
                continue
            try:
                await self._shadow.stored(told)
                self._check_slices.begin(SLICE_S)
                for _ in self._shadow.steps(told):
                    await self._check_slices.turn()
            except Exception as error:
                # Fallback: this check is left out, counted and now and then told; the next series is taken.
                self._shadow.failed(told, error)

    def check_freshness(self) -> None:
        """Show a forced HOLD, or its end, at once; the state itself changes at the next closed bar."""
        settings = self._live.current
        for entry in (*self._entries.values(), *([self._view] if self._view is not None else ())):
            if not entry.opened:
                continue
            forced = self._fresh.trouble(entry.signals.symbol) or self._late(entry)
            if forced != entry.shown and bool(forced) != bool(entry.shown):
                entry.shown = forced
                self._bus.publish(entry.signals.confluence(settings, forced))

    def _late(self, entry: Followed) -> str:
        """Why the newest bar is too old to act on, or empty."""
        signals = entry.signals
        age_ms = self._fresh.venue_now_ms() - (signals.last_open_ms + signals.interval_ms)
        limit_ms = self._live.current.confluence.stale_bars * signals.interval_ms
        return f"no closed {signals.timeframe} bar for {limit_ms / 60_000:.0f} min" if age_ms > limit_ms else ""

    def _stats(self) -> Message:
        market = self._live.current.market
        return SignalStats(
            venue=market.venue,
            category=market.category,
            evaluations=self._evaluations,
            readings=self._readings,
            state_changes=self._changes,
            parity_checked=self._shadow.checked,
            parity_differences=self._shadow.differences,
            symbols_ready=sum(entry.opened for entry in self._entries.values()),
            symbols_total=len(self._universe) if self._universe is not None else len(self._entries),
            at_ms=self._clock.now_ms(),
        )
