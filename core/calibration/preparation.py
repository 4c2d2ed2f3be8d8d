"""What a calibration is given: stored bars, the thresholds in force, and what a trade costs on this market now."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from core.bus import Bus
from core.calibration.calibrate import MOST_FOLDS, fold_sizes
from core.calibration.job import CalibrationJob
from core.calibration.task import Task
from core.clock import Clock
from core.messages import Listing, Quote, VenueClock
from core.screening.costs import fee_of, shorts_allowed, trade_costs
from core.screening.stage1 import Rules
from core.screening.view import ThresholdView
from core.settings import Settings
from core.settings_screening import Calibration
from core.signals.shadow import Stored
from core.venue import TIMEFRAME_MS

STALE_MS = 2 * 3_600_000
"""Bars that end longer ago say nothing about now: the store is not kept up."""
LOOK_AGAIN_MS = 15 * 60_000
"""The background fill may bring old bars sooner than new ones close."""
DAYS = 120
"""Daily bars: levels of the 30 days before any day of the history."""
_WORDS = (("d", 1440), ("h", 60), ("min", 1))


class TooFew(NamedTuple):
    """Not enough stored bars: when to look again, and how long it takes at most, in words."""

    until_ms: int
    reason: str


class Stale(NamedTuple):
    """The stored bars end too long ago."""

    reason: str


def bars_wanted(settings: Calibration) -> int:
    """How many one-minute bars a calibration needs at least."""
    return fold_sizes(settings).bars_needed


def bars_of_use(settings: Calibration) -> int:
    """How many it can use: as many folds as it looks at."""
    sizes = fold_sizes(settings)
    return sizes.bars_needed + max(0, MOST_FOLDS - sizes.folds) * sizes.stride


def too_few(have: int, wanted: int, held: int, now_ms: int) -> TooFew:
    """Waiting for history, in words. `held` is how many bars the store keeps."""
    text = f"waiting for history: {have:,} of {wanted:,} one-minute bars are stored"
    if held < wanted:
        remedy = f"the store keeps {held:,}: raise history.store_bars, or lower calibration.train_bars"
        return TooFew(now_ms + LOOK_AGAIN_MS, f"{text}, and {remedy}")
    minutes = max(1, wanted - have)
    until_ms = now_ms + min(minutes * 60_000, LOOK_AGAIN_MS)
    return TooFew(until_ms, f"{text}; {in_words(minutes)} at most, sooner as older ones are fetched")


def in_words(minutes: int) -> str:
    """`4 d 6 h`, `3 h 20 min`: the two largest units."""
    parts = []
    for unit, size in _WORDS:
        count, minutes = divmod(minutes, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


class Preparation:
    """Knows price steps and spreads of every market from the bus, and reads what is stored."""

    def __init__(self, bus: Bus, clock: Clock, stored: Stored, thresholds: ThresholdView) -> None:
        self._clock = clock
        self._stored = stored
        self._thresholds = thresholds
        self._quotes: dict[str, Quote] = {}
        self._ticks: dict[str, float] = {}
        self._offset_ms = 0.0
        bus.subscribe(Quote, self._on_quote, name="calibration.quote")
        bus.subscribe(Listing, self._on_listing, name="calibration.listing")
        bus.subscribe(VenueClock, self._on_clock, name="calibration.clock")

    async def job(self, task: Task, slot: int, settings: Settings) -> CalibrationJob | TooFew | Stale:
        """The job of this task for a slot, or why there is none now. Raises `core.history.StoreError`."""
        interval_ms = TIMEFRAME_MS[task.timeframe]
        now_ms = int(self._clock.now_ms() + self._offset_ms) // interval_ms * interval_ms
        held, wanted = settings.history.store_bars, bars_wanted(settings.calibration)
        span = min(held, bars_of_use(settings.calibration))
        bars = await self._stored(task.symbol, task.timeframe, now_ms - span * interval_ms, now_ms)
        if len(bars) < wanted:
            return too_few(len(bars), wanted, held, self._clock.now_ms())
        closed_ms = int(bars[-1, 0]) + interval_ms
        if now_ms - closed_ms > STALE_MS:
            late = in_words((now_ms - closed_ms) // 60_000)
            return Stale(f"the newest stored bar closed {late} ago: its history is not kept up, see the events")
        days = await self._stored(task.symbol, "1d", int(bars[0, 0]) - DAYS * TIMEFRAME_MS["1d"], now_ms)
        market, symbol = settings.market, task.symbol
        tick = self._ticks.get(symbol, 0.0)
        price = float(bars[-1, 4])
        return CalibrationJob(
            venue=market.venue,
            category=market.category,
            symbol=symbol,
            timeframe=task.timeframe,
            bars=bars,
            days=days[np.asarray(days[:, 0] + TIMEFRAME_MS["1d"] <= now_ms)],
            asset_class=self._thresholds.asset_class(symbol).name,
            default=self._thresholds.asset_class(symbol).defaults,
            current=self._thresholds.in_force(symbol).values,
            settings=settings.calibration,
            costs=trade_costs(
                bars, price, self._spread(symbol), tick,
                fee=fee_of(market.category, settings.screening), notional=settings.screening.trade_notional,
            ),
            tick=tick,
            shorts=shorts_allowed(market.category, settings.screening),
            rules=Rules.of(settings.screening),
            task_id=task.id,
            slot=slot,
        )  # fmt: skip

    def _spread(self, symbol: str) -> float:
        """Share of the price; NaN while not known."""
        quote = self._quotes.get(symbol)
        if quote is None or not 0.0 < quote.bid < quote.ask:
            return math.nan
        return 2.0 * (quote.ask - quote.bid) / (quote.ask + quote.bid)

    def _on_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote

    def _on_listing(self, listing: Listing) -> None:
        try:
            self._ticks[listing.symbol] = float(listing.tick_size)
        except ValueError:  # an unknown tick is 0: only rules that count in ticks are left out
            self._ticks.pop(listing.symbol, None)

    def _on_clock(self, message: VenueClock) -> None:
        self._offset_ms = message.offset_ms
