"""The market desk: history and live candles of every watched symbol, closed in order and true to the venue.

It loads history, feeds the frames of the bus to each `Series`, closes bars by the venue's clock, asks the venue by REST
about whatever it did not confirm, and publishes `Bar`, `HistoryStatus` and `MarketStats`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from core.bus import Bus
from core.clock import Clock
from core.history import CandleStore
from core.market.candles import CandleWindow
from core.market.loading import HistoryLoader, kept_bars, memory_bars, wanted_bars
from core.market.quality import JumpGuard
from core.market.repairs import TICK_S, Key, Repairs
from core.market.series import Closed, Outcome, Series
from core.market.tape import Flow, Tape
from core.messages import (
    Bar,
    Fault,
    Focus,
    HistoryStatus,
    Kline,
    LinkStatus,
    MarketStats,
    RecentTrades,
    Replay,
    TradeBatch,
    Universe,
)
from core.settings import Settings
from core.venue import TIMEFRAME_MS, CandleBlock, MarketProvider

DAILY = "1d"
STORE_S = 10.0
MAX_PUBLISHED = 64
"""A repair of more bars than this is announced as one new `HistoryStatus` instead of bar by bar."""
SLICE = 40
"""Series handled before the loop gets a turn."""
TAPE_TRADES = 200
FLOW_S = 300.0


class MarketDesk:
    """Candles of one venue and category. `run` must be alive for bars to close; `load` may be called before or during.

    A `HistoryStatus` with `ready` says: read the whole window now. After it every closed bar comes as a `Bar` in order;
    one with a `revision` above 0 replaces an older bar.
    """

    def __init__(
        self, bus: Bus, clock: Clock, settings: Settings, provider: MarketProvider, store: CandleStore
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._history = settings.history
        self._provider = provider
        self._loader = HistoryLoader(provider, store)
        market = settings.market
        wanted = (market.decision_timeframe, "1m", *market.timeframes, DAILY)
        self.timeframes: tuple[str, ...] = tuple(dict.fromkeys(wanted))
        """Every timeframe kept, in the order of loading."""
        self.guard = JumpGuard()
        self._series: dict[Key, Series] = {}
        self._symbols: dict[str, None] = {}
        self._tapes: dict[str, Tape] = {}
        self._first_try: dict[Key, asyncio.Future[None]] = {}
        self._arrivals: list[str] = []
        self._stored: dict[Key, int] = {}
        self._moved: set[Key] = set()
        self._links_down: set[str] = set()
        self._focus = ""
        self._store_failures = 0
        self._bars_closed = 0
        self._gone = Counter[str]()  # totals of series that are no longer kept
        self._repairs = Repairs(
            clock,
            settings,
            provider,
            self._series,
            load=self._load_one,
            answered=self._answered,
            fault=self._fault,
        )
        bus.subscribe(Kline, self._on_kline, name="market.kline")
        bus.subscribe(TradeBatch, self._on_trades, name="market.trades")
        bus.subscribe(LinkStatus, self._on_link, name="market.link")
        bus.subscribe(Universe, self._on_universe, name="market.universe")
        bus.subscribe(Focus, self._on_focus, name="market.focus")
        bus.subscribe(Replay, self._on_replay, name="market.replay")

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols kept, in order of arrival."""
        return tuple(self._symbols)

    def window(self, symbol: str, timeframe: str) -> CandleWindow | None:
        """Closed bars, or None before their history is in. Do not keep it: ask again after each `HistoryStatus`."""
        series = self._series.get((symbol, timeframe))
        return series.window if series is not None and series.loaded else None

    def forming(self, symbol: str, timeframe: str) -> tuple[float, ...] | None:
        """The forming bar (nine values, `CANDLE_COLUMNS`), provisional; None while unknown."""
        series = self._series.get((symbol, timeframe))
        return tuple(series.forming) if series is not None and series.forming is not None else None

    def tape(self, symbol: str) -> Tape:
        """The newest public trades of a watched symbol."""
        tape = self._tapes.get(symbol)
        if tape is None:
            tape = self._tapes[symbol] = Tape(TAPE_TRADES, (FLOW_S,))
        return tape

    def taker_flow(self, symbol: str) -> Flow:
        """What takers bought and sold over the last `FLOW_S` seconds of the venue's time."""
        return self.tape(symbol).flow(FLOW_S, self._provider.venue_now_ms())

    def note_stored(self, symbol: str, timeframe: str, bars: int) -> None:
        """The background fill brought the stored bars of a series to this number: publish it."""
        if (symbol, timeframe) in self._series:
            self._stored[symbol, timeframe] = bars
            self._announce((symbol, timeframe))

    # --- loading -----------------------------------------------------------------------------------------------------

    async def load(self, symbols: Iterable[str]) -> None:
        """Load the history of these symbols: decision timeframe of all first, then 1m, the others, daily last.

        Returns when every series was tried once. A failure becomes a `Fault` and is tried again later by `run`.
        """
        wanted = list(dict.fromkeys(symbols))
        fresh = [symbol for symbol in wanted if symbol not in self._symbols]
        for symbol in fresh:
            self._symbols[symbol] = None
            for timeframe in self.timeframes:
                key = (symbol, timeframe)
                self._series[key] = Series(
                    timeframe, memory_bars(self._history, timeframe), self._settings.feed.close_grace_s
                )
                self._first_try[key] = asyncio.get_running_loop().create_future()
        jobs = iter([(symbol, timeframe) for timeframe in self.timeframes for symbol in fresh])
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(self._history.parallel_requests, len(fresh) * len(self.timeframes))):
                    workers.create_task(self._load_from(jobs))
        finally:
            self._settle([(symbol, timeframe) for symbol in fresh for timeframe in self.timeframes])
        others = [self._first_try[key] for key in self._first_try if key[0] in wanted and key[0] not in fresh]
        if others:
            await asyncio.wait(others)

    def _settle(self, keys: Iterable[Key]) -> None:
        """After a cancelled load: nobody waits for it any more, and `run` takes what was not tried."""
        for key in keys:
            tried = self._first_try.get(key)
            if tried is not None and not self._series[key].loaded:
                self._repairs.load_soon(key)
                if not tried.done():
                    tried.set_result(None)

    async def _load_from(self, jobs: Iterable[Key]) -> None:
        for key in jobs:
            await self._load_one(key, attempts=0)

    async def _load_one(self, key: Key, attempts: int) -> None:
        series = self._series.get(key)
        if series is None:
            return
        symbol, timeframe = key
        asked_ms = self._provider.venue_now_ms()
        try:
            block = await self._loader.load(
                symbol, timeframe, wanted_bars(self._history, timeframe), kept_bars(self._history, timeframe)
            )
            stored = await self._loader.stored(symbol, timeframe)
        except Exception as error:
            # Fallback: this series has no history yet; the failure is reported and the load tried again by `run`.
            if key in self._series:
                self._repairs.load_later(key, error, attempts)
            return
        finally:
            tried = self._first_try.get(key)
            if tried is not None and not tried.done():
                tried.set_result(None)
        if self._series.get(key) is not series:  # removed meanwhile
            return
        self._stored[key] = stored
        outcome = series.load(block, self._provider.venue_now_ms(), asked_ms)
        if len(series.window):
            self.guard.trust(symbol, float(series.window.close[-1]))
        self._announce(key)
        self._take(key, outcome)
        self._report_store()

    # --- bus ---------------------------------------------------------------------------------------------------------

    def _on_kline(self, kline: Kline) -> None:
        key = (kline.symbol, kline.timeframe)
        series = self._series.get(key)
        if series is None:
            return
        if series.loaded and not self._believable(kline, series):
            series.rejected += 1
            return
        self._take(key, series.on_kline(kline, self._provider.venue_now_ms()))

    def _believable(self, kline: Kline, series: Series) -> bool:
        """No tenfold spike: close near the last accepted one; within the day, high and low near the close."""
        factor = self.guard.factor
        if series.interval_ms < TIMEFRAME_MS[DAILY] and not (
            kline.high <= factor * kline.close and kline.low * factor >= kline.close
        ):
            return False
        return self.guard.accept(kline.symbol, kline.close)

    def _on_trades(self, batch: TradeBatch) -> None:
        if batch.symbol in self._symbols:
            self.tape(batch.symbol).add(batch.trades)

    def _on_link(self, status: LinkStatus) -> None:
        """A link that comes back: what closed meanwhile without the venue's word is asked for at once."""
        if status.state in ("down", "banned"):
            self._links_down.add(status.link)
        elif status.state == "up" and status.link in self._links_down:
            self._links_down.discard(status.link)
            self._repairs.hurry()

    def _on_universe(self, universe: Universe) -> None:
        watched = set(universe.symbols)
        for symbol in [symbol for symbol in self._symbols if symbol not in watched]:
            self._remove(symbol)
        self._arrivals = [symbol for symbol in universe.symbols if symbol not in self._symbols]

    def _on_focus(self, focus: Focus) -> None:
        self._focus = focus.symbol
        if focus.symbol not in self._symbols:
            return
        venue, category, at_ms = self._provider.venue, self._provider.category, self._clock.now_ms()
        trades = self.tape(focus.symbol).newest(TAPE_TRADES)[::-1]
        self._bus.publish(RecentTrades(venue=venue, category=category, symbol=focus.symbol, trades=trades, at_ms=at_ms))

    def _on_replay(self, _: Replay) -> None:
        for key in self._series:
            self._announce(key)

    def _remove(self, symbol: str) -> None:
        del self._symbols[symbol]
        self._tapes.pop(symbol, None)
        self.guard.forget(symbol)
        for timeframe in self.timeframes:
            key = (symbol, timeframe)
            series = self._series.pop(key)
            self._gone.update(series.totals())
            self._repairs.forget(key)
            tried = self._first_try.pop(key)
            if not tried.done():
                tried.set_result(None)
            self._stored.pop(key, None)
            self._moved.discard(key)

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Close bars by the clock, verify, repair, retry, store and count, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._close_by_clock(), name="market closer")
                tasks.create_task(self._repairs.run(), name="market repairs")
                tasks.create_task(self._load_arrivals(), name="market arrivals")
                tasks.create_task(self._keep_stored(), name="market store")
                tasks.create_task(self._report(), name="market statistics")
        finally:
            await self._loader.flush()

    async def _close_by_clock(self) -> None:
        since_forming_s = 0.0
        while True:
            for number, (key, series) in enumerate(list(self._series.items())):
                if number % SLICE == SLICE - 1:
                    await self._clock.sleep(0)
                if self._series.get(key) is series:
                    self._take(key, series.on_clock(self._provider.venue_now_ms()))
            since_forming_s += TICK_S
            if since_forming_s >= self._settings.feed.kline_batch_s:
                since_forming_s = 0.0
                self._publish_forming()
            await self._clock.sleep(TICK_S)

    async def _load_arrivals(self) -> None:
        while True:
            if self._arrivals:
                arrivals, self._arrivals = self._arrivals, []
                await self.load(arrivals)
            await self._clock.sleep(TICK_S)

    async def _keep_stored(self) -> None:
        while True:
            await self._clock.sleep(STORE_S)
            await self._loader.flush()
            self._report_store()

    async def _report(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            totals = self._gone.copy()
            for series in self._series.values():
                totals.update(series.totals())
            self._bus.publish(
                MarketStats(
                    venue=self._provider.venue,
                    category=self._provider.category,
                    bars_closed=self._bars_closed,
                    closed_by_clock=totals["closed_by_clock"],
                    corrections=totals["corrections"],
                    repairs=totals["repairs"],
                    gaps_open=self._repairs.open_gaps,
                    rejected=totals["rejected"] + self.guard.rejected.total,
                    at_ms=self._clock.now_ms(),
                )
            )

    # --- publishing --------------------------------------------------------------------------------------------------

    async def _answered(self, key: Key, outcome: Outcome, block: CandleBlock, asked_ms: int) -> None:
        """A repair brought the venue's bars: publish what changed and keep all of it on disk."""
        if len(outcome.closed) > MAX_PUBLISHED:
            self._series[key].window.rewritten += 1
            self._announce(key)
        else:
            self._take(key, outcome)
        await self._loader.keep(*key, block, kept_bars(self._history, key[1]), asked_ms)
        self._report_store()

    def _take(self, key: Key, outcome: Outcome) -> None:
        """Publish closed bars, note a moved forming bar, ask for missing bars."""
        for bar in outcome.closed:
            self._bars_closed += bar.revision == 0
            if bar.confirmed and not bar.synthetic:
                self._loader.note(*key, bar.row, kept_bars(self._history, key[1]))
            self._bus.publish(self._bar(key, bar, closed=True))
        if outcome.moved:
            self._moved.add(key)
        if outcome.gap:
            self._repairs.hurry(key)

    def _publish_forming(self) -> None:
        """Forming bars that moved: of the decision timeframe, and all of the symbol in focus."""
        decision = self._settings.market.decision_timeframe
        moved, self._moved = self._moved, set()
        for key in moved:
            series = self._series.get(key)
            if series is None or series.forming is None or (key[1] != decision and key[0] != self._focus):
                continue
            self._bus.publish(self._bar(key, Closed(series.forming, False, 0, False), closed=False))

    def _bar(self, key: Key, bar: Closed, *, closed: bool) -> Bar:
        row = bar.row
        return Bar(
            venue=self._provider.venue,
            category=self._provider.category,
            symbol=key[0],
            timeframe=key[1],
            open_ms=int(row[0]),
            open=row[1],
            high=row[2],
            low=row[3],
            close=row[4],
            volume=row[5],
            quote_volume=row[6],
            trades=int(row[7]) if row[7] >= 0 else -1,
            taker_buy_volume=row[8],
            closed=closed,
            synthetic=bar.synthetic,
            revision=bar.revision,
            known_at=self._provider.venue_now_ms(),
        )

    def _announce(self, key: Key) -> None:
        series = self._series[key]
        self._bus.publish(
            HistoryStatus(
                venue=self._provider.venue,
                category=self._provider.category,
                symbol=key[0],
                timeframe=key[1],
                bars=len(series.window),
                wanted=wanted_bars(self._history, key[1]),
                gaps=int(series.window.synthetic.sum()),
                stored=self._stored.get(key, 0),
                ready=series.loaded and not series.held,
                at_ms=self._clock.now_ms(),
            )
        )

    def _fault(self, message: str, symbol: str, count: int) -> None:
        self._bus.publish(
            Fault(
                source="market",
                message=message,
                severity="warning",
                count=count,
                symbol=symbol,
                at_ms=self._clock.now_ms(),
            )
        )

    def _report_store(self) -> None:
        """One `Fault` for each new count of refusals of the disk; the market goes on without it."""
        failures = self._loader.store_failures
        if failures > self._store_failures:
            self._store_failures = failures
            self._fault(self._loader.last_store_error, "", failures)
