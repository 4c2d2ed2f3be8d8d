"""Starts, wires and stops the parts. It owns no market knowledge: venue, stores and screens are handed to it.

Start-up never gives up: while the venue cannot be reached the engine says so, waits with growing pauses and tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

from core.bus import Bus
from core.clock import Clock
from core.event_rules import EventRules
from core.events import EventRecorder
from core.history import CandleStore, series_key
from core.lag import LagMeter
from core.market.backfill import Backfill
from core.market.desk import MarketDesk
from core.market.indicators import load_talib
from core.market.universe import UniverseKeeper
from core.memory import give_back_large_blocks
from core.messages import AccountOpened, BusStats, EngineStatus, Fault, Focus, Replay, SettingChanged, Universe
from core.screening.parts import ScreeningParts
from core.settings_live import LiveSettings
from core.signals.desk import SignalDesk
from core.store import Store
from core.supervise import Supervisor
from core.trading.account_in_force import MakeBroker
from core.trading.arming import NOWHERE, Surroundings
from core.trading.broker import Mode
from core.trading.commands import refuse_all
from core.trading.desk import TradingDesk
from core.trading.journal_errors import JournalError, JournalLocked
from core.trading.rules_book import RulesBook
from core.trading.session import TradingSession
from core.venue import CandleBlock, MarketProvider, VenueError
from core.volatility_sampler import VolatilitySampler

T = TypeVar("T")
Phase = Literal["starting", "loading", "running", "stopping", "stopped", "failed"]

log = logging.getLogger("tradetui.engine")

RETRY_FIRST_S = 1.0
RETRY_CAP_S = 30.0
CLOCK_SYNC_S = 60.0
"""Entries want a measurement of the venue's clock from the last two minutes."""
STATS_S = 1.0
STORE_WATCH_S = 10.0
GC_LOADING = (2_000, 20, 1_000_000)
"""While loading, young garbage only, in small portions: a full collection stops the loop for 50 to 80 ms."""
GC_RUNNING = (2_000, 20, 200)
"""Afterwards full collections too: what was loaded is frozen and no longer looked at."""


class Engine:
    """The trading brain of one venue and category, without a screen."""

    def __init__(
        self,
        live: LiveSettings,
        bus: Bus,
        clock: Clock,
        provider: MarketProvider,
        *,
        data_folder: Path,
        make_broker: MakeBroker | None = None,
        mode: Mode = "PAPER",
        resumes: bool = False,
        surroundings: Surroundings = NOWHERE,
        on_trading: Callable[[TradingDesk], None] = lambda desk: None,
        watch: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """`watch` runs beside the parts: it looks after the settings files. Without `make_broker` there are no orders.

        `mode`: the account it starts on; `resumes`: on the real one, too, when the last run ended with something open there.
        `on_trading` is handed every order path once it stands.
        """
        self._make_broker = make_broker
        self._mode: Mode = mode
        self._resumes = resumes
        self._surroundings = surroundings
        self._on_trading = on_trading
        self._rules = RulesBook(clock, provider)
        self.trading: TradingSession | None = None
        self._without = ""
        self._watch = watch
        self._live = live
        self._bus = bus
        self._clock = clock
        self._provider = provider
        self._data_folder = data_folder
        self._supervisor = Supervisor(bus, clock)
        self._status: EngineStatus | None = None
        self._screening: ScreeningParts | None = None

    async def run(self) -> None:
        """Run until cancelled, then stop every part and close the stores."""
        self._say("starting", f"starting {self._provider.venue} {self._provider.category}")
        self._bus.subscribe(Replay, self._on_replay, name="engine.replay")
        self._bus.subscribe(Focus, lambda focus: self._provider.set_focus(focus.symbol), name="engine.focus")
        self._bus.subscribe(Universe, self._on_universe, name="engine.universe")
        self._bus.subscribe(AccountOpened, self._on_account, name="engine.account")
        self._data_folder.mkdir(parents=True, exist_ok=True)
        gc.set_threshold(*GC_LOADING)
        give_back_large_blocks()
        await asyncio.to_thread(load_talib)
        settings = self._live.current
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(self._say, "stopped", "stopped")
            closing.push_async_callback(self._provider.close)
            store = await Store.open(self._data_folder / "tradetui.sqlite")
            closing.push_async_callback(store.close)
            candles = await CandleStore.open(self._data_folder / "candles.sqlite", settings.history.store_max_mb)
            closing.push_async_callback(candles.close)
            recorder = EventRecorder(self._bus, self._clock, settings.events, store, self._data_folder / "events.jsonl")
            rules = EventRules(self._bus, self._clock, settings.events.rules)
            self._bus.subscribe(
                SettingChanged, lambda _: rules.use(self._live.current.events.rules), name="engine.event rules"
            )
            await recorder.start()
            closing.push_async_callback(recorder.close)
            closing.push_async_callback(rules.close)
            closing.push_async_callback(self._close_screening)
            closing.push_async_callback(self._release_trading)
            closing.push_async_callback(self._stop_tasks)
            closing.push_async_callback(self._close_trading)
            self._supervisor.start("loop lag", LagMeter(self._bus, self._clock).run)
            self._supervisor.start("bus statistics", self._publish_bus_stats)
            self._supervisor.start("store watch", lambda: self._watch_store(candles))
            self._supervisor.start("clock", self._keep_clock)
            if self._watch is not None:
                self._supervisor.start("settings files", self._watch)
            await self._start_market(candles, store)
            await asyncio.Event().wait()

    # --- start -------------------------------------------------------------------------------------------------------

    async def _start_market(self, candles: CandleStore, store: Store) -> None:
        """Instruments, universe, streams, history, signals, in this order; waits for the venue as long as it takes."""
        live, provider = self._live, self._provider
        keeper = UniverseKeeper(self._bus, self._clock, live.current, provider)
        self._bus.subscribe(SettingChanged, lambda _: keeper.use(live.current.market), name="engine.universe settings")
        desk = MarketDesk(self._bus, self._clock, live.current, provider, candles)
        decision = live.current.market.decision_timeframe
        sampled = tuple(dict.fromkeys((decision, "1m", "1h", live.current.screening.timeframe)))
        sampler = VolatilitySampler(self._bus, self._clock, provider, candles, sampled)

        async def stored(symbol: str, timeframe: str, start_ms: int, end_ms: int) -> CandleBlock:
            key = series_key(provider, symbol, timeframe)
            return await candles.read(key, start_ms=start_ms, end_ms=end_ms)

        signals = SignalDesk(
            self._bus,
            self._clock,
            live,
            desk,
            lambda symbol: sampler.sample(symbol, decision),
            desk.taker_flow,
            stored,
        )
        self._screening = screening = ScreeningParts(
            self._bus, self._clock, live, provider, desk, store, stored, sampler
        )
        await screening.open()
        screening.start(self._supervisor)
        self._supervisor.start("signals", signals.run)
        self._supervisor.start("market", desk.run)
        symbols = await self._persist("universe", keeper.refresh)
        self._rules.take(keeper.instruments.values())
        self._supervisor.start("rules", self._rules.run)
        await self._start_trading(desk)
        trading = self.trading
        if trading is not None:
            keeper.held = lambda: trading.planned
            keeper.choose_again("positions")
            symbols = keeper.symbols
        self._supervisor.start("streams", provider.run)
        self._supervisor.start("universe", keeper.run)
        self._say("loading", f"loading history of {len(symbols)} markets")
        await desk.load(symbols)
        self._say("running", f"watching {len(symbols)} markets")
        self._supervisor.start("volatility samples", sampler.run)
        fill = Backfill(self._bus, self._clock, live.current, provider, candles, desk.note_stored)
        fill.set_symbols(desk.symbols)
        self._supervisor.start("candle store", fill.run)
        gc.freeze()
        gc.set_threshold(*GC_RUNNING)

    async def _start_trading(self, market: MarketDesk) -> None:
        """The order path. When its journal cannot be used the markets run on, and nothing is sent."""
        if self._make_broker is None:
            return
        provider = self._provider
        session = TradingSession(
            self._bus,
            self._clock,
            self._live,
            self._make_broker,
            self._rules,
            self._data_folder,
            venue=provider.venue,
            category=provider.category,
            mode=self._mode,
            resumes=self._resumes,
            surroundings=self._surroundings,
            on_trading=self._on_trading,
            bars=market.window,
            ladder=provider.ladder,
        )
        try:
            await session.open()
        except JournalLocked:
            raise  # another program trades this account: there must not be two
        except JournalError as error:
            self._no_orders(f"no orders: {error}")
            return
        self.trading = session

    def _no_orders(self, words: str) -> None:
        """Said once, in every state of the engine, and in answer to every command about orders."""
        log.error("%s", words)
        self._without = "; no orders are taken, see the events"
        self._bus.publish(Fault(source="orders", message=words, at_ms=self._clock.now_ms()))
        refuse_all(self._bus, self._clock, self._provider.venue, self._provider.category, words)

    async def _persist(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
        """Repeat a venue request until it succeeds, saying each time what is wrong and when the next try is."""
        wait_s = RETRY_FIRST_S
        while True:
            try:
                return await request()
            except VenueError as error:
                pause_s = max(wait_s, getattr(error, "retry_in_s", 0.0))
                self._say("starting", f"{self._provider.host}: {error}; trying again in {pause_s:.0f} s")
                log.warning("%s: %s", what, error)
                await self._clock.sleep(pause_s)
                wait_s = min(RETRY_CAP_S, wait_s * 2)

    # --- while running -----------------------------------------------------------------------------------------------

    def _on_universe(self, universe: Universe) -> None:
        self._provider.set_symbols(universe.symbols, self._live.current.market.timeframes)

    def _on_replay(self, _: Replay) -> None:
        if self._status is not None:
            self._bus.publish(self._status)

    def _on_account(self, _: AccountOpened) -> None:
        """A new order path has heard no measurement of the clock, and lets no entry through before one."""
        self._supervisor.start("clock of the account", self._measure_clock, "once")

    async def _measure_clock(self) -> None:
        try:
            await self._provider.sync_clock()
        except VenueError as error:  # fallback: the next regular measurement serves
            log.warning("clock: %s", error)

    async def _keep_clock(self) -> None:
        """Measure the venue's clock now and every few minutes; a failure is only logged, the last offset stays in use."""
        while True:
            try:
                await self._provider.sync_clock()
                pause_s = CLOCK_SYNC_S
            except VenueError as error:
                log.warning("clock: %s", error)
                pause_s = RETRY_CAP_S
            await self._clock.sleep(pause_s)

    async def _watch_store(self, candles: CandleStore) -> None:
        """Say once when the candle store was found damaged and begun anew, at start or later."""
        said = ""
        while True:
            if candles.recovered != said:
                said = candles.recovered
                self._bus.publish(Fault(source="candle store", message=said, at_ms=self._clock.now_ms()))
            await self._clock.sleep(STORE_WATCH_S)

    async def _publish_bus_stats(self) -> None:
        while True:
            await self._clock.sleep(STATS_S)
            boxes = tuple((box.name, len(box), box.dropped) for box in self._bus.mailboxes)
            self._bus.publish(
                BusStats(
                    published=self._bus.published,
                    handler_errors=self._bus.handler_errors,
                    mailboxes=boxes,
                    at_ms=self._clock.now_ms(),
                )
            )

    async def _stop_tasks(self) -> None:
        self._say("stopping", "stopping")
        late = await self._supervisor.stop()
        if late:
            log.warning("tasks that did not end in time: %s", ", ".join(late))

    async def _close_trading(self) -> None:
        if self.trading is not None:
            await self.trading.close()

    async def _release_trading(self) -> None:
        if self.trading is not None:
            await self.trading.release()

    async def _close_screening(self) -> None:
        if self._screening is not None:
            await self._screening.close()

    def _say(self, phase: Phase, text: str) -> None:
        provider = self._provider
        self._status = EngineStatus(
            phase=phase,
            text=text + self._without,
            venue=provider.venue,
            category=provider.category,
            host=provider.host,
            host_kind=provider.host_kind,
            mode=self.trading.mode if self.trading is not None else self._mode,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(self._status)
