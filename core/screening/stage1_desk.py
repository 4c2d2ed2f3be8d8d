"""Stage 1 live: every closed one-minute bar of every watched market judged, and the alerts of a minute rationed.

What is calm is told as soon as it is judged. An alert waits until all watched markets of its minute are in, or until
those that close late have had their grace, because the strongest of the universe get the budget. A bar that comes
later still is judged and rationed on its own. A market's failure is reported with its name and harms no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.market.candles import CandleWindow
from core.messages import Bar, Fault, Replay, Screening, Ticker, Universe
from core.screening.circumstances import last_day, natr_of
from core.screening.columns import TAIL, TriggerColumns, columns
from core.screening.levels import DAYS_NEEDED, NO_DAILY_LEVELS, DailyLevels, daily_levels
from core.screening.stage1 import (
    MINUTE_MS,
    AlertMemory,
    Circumstances,
    Judgement,
    Rules,
    judge,
    message_of,
    ration,
    remember,
)
from core.screening.view import SampleView, ThresholdView
from core.settings_live import LiveSettings
from core.signals.followed import MarketView
from core.signals.freshness import Freshness
from core.slices import Slices
from core.venue import CANDLE_COLUMNS

log = logging.getLogger("tradetui.screening")

SLICE_S = 0.002
WATCH_S = 0.5
LATE_S = 1.0
"""A minute's alerts wait for a market until the market part's grace and this are over."""
PAST_MS = 120_000
"""A bar that became known so long after its close alerts nobody: the market has moved on."""


class _Market:
    """One market: what was said of it last, and what is computed once a day or an hour."""

    __slots__ = (
        "daily",
        "daily_key",
        "failures",
        "hourly_key",
        "last_open_ms",
        "memory",
        "natr_1h",
        "newest",
    )

    def __init__(self) -> None:
        self.memory = AlertMemory()
        self.newest: Screening | None = None
        self.last_open_ms = -1
        self.failures = 0
        self.daily = NO_DAILY_LEVELS
        self.daily_key: tuple[int, int] | None = None
        self.natr_1h = float("nan")
        self.hourly_key: tuple[int, int] | None = None


class _Found(NamedTuple):
    """A bar and what it came to."""

    bar: Bar
    judgement: Judgement


class _Minute:
    """One minute of the universe: which markets are still to come, and the alerts that wait for them."""

    __slots__ = ("alerts", "at_ms", "awaited", "over")

    def __init__(self, at_ms: int, awaited: set[str]) -> None:
        self.at_ms = at_ms
        self.awaited = awaited
        self.alerts: list[_Found] = []
        self.over = False


class Stage1Desk:
    """Subscribes to bars, listings, tickers and the universe; publishes one `Screening` per market and closed 1m bar."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        market: MarketView,
        thresholds: ThresholdView,
        samples: SampleView,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._view = market
        self._thresholds = thresholds
        self._samples = samples
        self._fresh = Freshness(bus, clock)
        self._settings = live.current.screening
        self._rules = Rules.of(self._settings)
        self._markets: dict[str, _Market] = {}
        self._memories: dict[str, AlertMemory] = {}
        """Of markets that were watched before, should they come back."""
        self._tickers: dict[str, Ticker] = {}
        self._bars: deque[Bar] = deque()
        self._slices = Slices(bus, "stage1.work")
        self._wake = asyncio.Event()
        self._minute = _Minute(0, set())
        self._spent_ms: tuple[int, ...] = ()
        bus.subscribe(Bar, self._on_bar, name="screening.bar")
        bus.subscribe(Ticker, self._on_ticker, name="screening.ticker")
        bus.subscribe(Universe, self._on_universe, name="screening.universe")
        bus.subscribe(Replay, self._on_replay, name="screening.replay")

    def recall(self, told_ms: Sequence[int]) -> None:
        """Closes of the bars that an earlier run alerted on: within the hour they count against the budget."""
        self._spent_ms = (*told_ms, *self._spent_ms)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(), name="screening.work")
            group.create_task(self._watch(), name="screening.watch")

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar) -> None:
        if bar.timeframe == "1m" and bar.closed and not bar.revision and bar.symbol in self._markets:
            self._bars.append(bar)
            self._wake.set()

    def _on_ticker(self, ticker: Ticker) -> None:
        self._tickers[ticker.symbol] = ticker

    def _on_universe(self, universe: Universe) -> None:
        watched = dict.fromkeys(universe.symbols)
        for symbol in [known for known in self._markets if known not in watched]:
            self._memories[symbol] = self._markets.pop(symbol).memory
            self._tickers.pop(symbol, None)
            self._minute.awaited.discard(symbol)
        for symbol in watched:
            if symbol not in self._markets:
                market = self._markets[symbol] = _Market()
                market.memory = self._memories.pop(symbol, market.memory)

    def _on_replay(self, _message: Replay) -> None:
        for market in self._markets.values():
            if market.newest is not None:
                self._bus.publish(replace(market.newest, replayed=True))

    # --- work --------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Take bars in order of arrival; leave the loop to others after each slice."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._slices.begin(SLICE_S)
            while self._bars:
                self.take(self._bars.popleft())
                await self._slices.turn()

    async def _watch(self) -> None:
        """Close a minute whose grace is over."""
        while True:
            await self._clock.sleep(WATCH_S)
            if not self._minute.over and not self._bars and self._fresh.venue_now_ms() >= self._due_ms(self._minute):
                self._close(self._minute)

    def _due_ms(self, minute: _Minute) -> float:
        return minute.at_ms + (self._live.current.feed.close_grace_s + LATE_S) * 1000.0

    def take(self, bar: Bar) -> None:
        """Judge one bar and tell it, now or with the other alerts of its minute."""
        market, at_ms = self._markets.get(bar.symbol), bar.open_ms + MINUTE_MS
        if market is None or bar.open_ms <= market.last_open_ms:
            return
        market.last_open_ms = bar.open_ms
        if at_ms > self._minute.at_ms:
            self._close(self._minute)
            self._minute = _Minute(at_ms, {symbol for symbol in self._markets if self._view.window(symbol, "1m")})
        minute = self._minute
        judgement = self._attempt(market, bar)
        in_time = at_ms == minute.at_ms and not minute.over
        if judgement is not None and judgement.signal != "ALERT":
            self._tell(_Found(bar, judgement))
        elif judgement is not None:
            if in_time:
                minute.alerts.append(_Found(bar, judgement))
            else:
                self._ration([_Found(bar, judgement)], at_ms)
        if in_time:
            minute.awaited.discard(bar.symbol)
            if not minute.awaited:
                self._close(minute)

    def _close(self, minute: _Minute) -> None:
        """All markets of the minute are in, or have been waited for: its alerts are told."""
        if not minute.over:
            minute.over = True
            self._ration(minute.alerts, minute.at_ms)

    def _ration(self, found: Sequence[_Found], at_ms: int) -> None:
        if not found:
            return
        judgements, self._spent_ms = ration(
            [entry.judgement for entry in found], self._spent_ms, at_ms, self._rules_now()
        )
        for entry, judgement in zip(found, judgements, strict=True):
            self._tell(_Found(entry.bar, judgement))

    def _tell(self, found: _Found) -> None:
        """Remember a judgement and publish it."""
        bar, judgement = found
        market = self._markets.get(bar.symbol)
        if market is None:  # no longer watched
            return
        rules = self._rules_now()
        market.memory = remember(market.memory, judgement, rules)
        market.newest = message_of(
            judgement,
            market.memory,
            rules,
            venue=bar.venue,
            category=bar.category,
            asset_class=self._thresholds.asset_class(bar.symbol).name,
            preferred_hours=self._samples.preferred_hours(bar.symbol, self._settings.preferred_hours),
        )
        self._bus.publish(market.newest)

    def _attempt(self, market: _Market, bar: Bar) -> Judgement | None:
        """What the bar comes to; None when it is no longer in the window, or when judging it failed."""
        try:
            return self.judge(bar)
        except Exception as error:
            # Fallback: nothing is said of this bar; the market's next bar is judged like any other.
            market.failures += 1
            log.exception("stage 1 of %s failed", bar.symbol)
            if worth_reporting(market.failures):
                text = f"stage 1 of {bar.symbol} failed: {type(error).__name__}: {error}; its next bar is tried"
                self._bus.publish(
                    Fault(
                        source="screening",
                        message=text,
                        count=market.failures,
                        symbol=bar.symbol,
                        at_ms=self._clock.now_ms(),
                    )
                )
            return None

    # --- one bar -----------------------------------------------------------------------------------------------------

    def judge(self, bar: Bar) -> Judgement | None:
        """What a closed bar of a watched market comes to before the budget; None when its window does not hold it."""
        symbol, at_ms = bar.symbol, bar.open_ms + MINUTE_MS
        market, window = self._markets[symbol], self._view.window(symbol, "1m")
        place = window.index_of(bar.open_ms) if window is not None else -1
        if window is None or place < 0:
            return None
        rules = self._rules_now()
        judgement = judge(
            symbol,
            at_ms,
            self._columns(symbol, market, window, place),
            self._thresholds.in_force(symbol).values,
            self._thresholds.asset_class(symbol),
            self._circumstances(symbol, market, window, place),
            market.memory,
            rules,
        )
        late_ms = bar.known_at - at_ms
        if judgement.signal == "ALERT" and late_ms > PAST_MS:
            hint = f"known {late_ms / 60_000:.0f} min after its close: too late to alert"
            return replace(judgement, signal="NORMAL", hints=(hint, *judgement.hints))
        return judgement

    def _columns(self, symbol: str, market: _Market, window: CandleWindow, place: int) -> TriggerColumns:
        """The columns of the bar at `place`, from the newest bars up to it."""
        span = slice(max(0, place + 1 - TAIL), place + 1)
        rows = np.array([window.column(index)[span] for index in range(len(CANDLE_COLUMNS))]).T
        daily, tick = self._daily(symbol, market), self._fresh.tick_size(symbol)
        return columns(rows, daily, tick=tick, synthetic=window.synthetic[span], newest=1)

    def _circumstances(self, symbol: str, market: _Market, window: CandleWindow, place: int) -> Circumstances:
        day = last_day(window, place, self._tickers.get(symbol))
        return Circumstances(
            quote_volume=day.quote_volume,
            change=day.change,
            high=day.high,
            low=day.low,
            natr_1h=self._hourly(symbol, market),
            bars=place + 1,
            preferred_hours=self._samples.preferred_hours(symbol, self._settings.preferred_hours),
        )

    def _daily(self, symbol: str, market: _Market) -> DailyLevels:
        """The levels of its finished days, computed when a day is over or was corrected."""
        days = self._view.window(symbol, "1d")
        if days is None:
            return NO_DAILY_LEVELS
        key = (days.last_open_ms, days.rewritten)
        if market.daily_key != key:
            market.daily, market.daily_key = daily_levels(days.block()[-DAYS_NEEDED:]), key
        return market.daily

    def _hourly(self, symbol: str, market: _Market) -> float:
        """ATR14 of its newest one-hour bars as a share of the price; with too few of them, the usual one of seven days."""
        hours = self._view.window(symbol, "1h")
        if hours is not None:
            key = (hours.last_open_ms, hours.rewritten)
            if market.hourly_key != key:
                market.natr_1h, market.hourly_key = natr_of(hours), key
            if market.natr_1h == market.natr_1h:
                return market.natr_1h
        return self._samples.sample(symbol, "1h").quantile(0.5)

    def _rules_now(self) -> Rules:
        settings = self._live.current.screening
        if settings is not self._settings:
            self._settings, self._rules = settings, Rules.of(settings)
        return self._rules
