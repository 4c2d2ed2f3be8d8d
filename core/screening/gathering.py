"""What Stage 2 knows of each watched symbol: the newest messages about it, and all of it as inputs of one analysis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from core.bus import Bus
from core.clock import Clock
from core.market.candles import CandleWindow
from core.market.regime import RegimeReading
from core.market.universe import reference_symbol
from core.messages import Analysis, Confluence, Listing, Metrics, Quote, Reading, Regime, Screening, Universe
from core.screening.analysis_inputs import AnalysisInputs, Cause
from core.screening.context import FRAME_BARS, NATR_BARS, UNKNOWN_REGIME, read_frame
from core.screening.correlation import OBSERVATIONS
from core.screening.costs import fee_of, shorts_allowed
from core.screening.levels import DAYS_NEEDED, NO_DAILY_LEVELS, DailyLevels, daily_levels
from core.screening.liquidity import NOT_KNOWN, LiquidityMeter
from core.screening.view import MapView, SampleView, ThresholdView
from core.settings_live import LiveSettings
from core.settings_screening import Screening as ScreeningSettings
from core.signals.followed import MarketView
from core.signals.freshness import Freshness
from core.signals.higher import DAY
from core.venue import CandleBlock

FIVE = "5m"
MINUTE = "1m"
FRESH_MS = 120_000
"""Triggers of a minute that closed longer ago than this are no reason any more."""
STALE_MS = 180_000
"""A market whose newest minute closed longer ago is stale: three bars (methods sheet 3.5)."""
QUALITY_BARS = 50
"""Fillers among so many of the newest bars are told."""
_NO_BARS = np.empty((0, 9))


class Known:
    """One symbol: the newest message of each kind, and what is remembered of it."""

    __slots__ = (
        "alert", "confluence", "daily", "daily_of", "failures", "finished", "metrics", "readings", "screening", "trend",
        "trend_of",
    )  # fmt: skip

    def __init__(self) -> None:
        self.confluence: Confluence | None = None
        self.metrics: Metrics | None = None
        self.readings: dict[str, Reading] = {}
        self.screening: Screening | None = None
        self.alert: Screening | None = None
        """The newest that was an ALERT."""
        self.finished: Analysis | None = None
        """The newest analysis that was completed or failed."""
        self.failures = 0
        self.daily: DailyLevels = NO_DAILY_LEVELS
        self.daily_of = (-1, -1)
        """The daily window that `daily` was read from: its newest bar and how often it was rewritten."""
        self.trend: Regime = "undefined"
        self.trend_of: tuple[str, int, int] = ("", -1, -1)
        """The same of the recommendation timeframe's regime, which others ask of a reference."""


class Gatherer:
    """Listens on the bus; `inputs` is the market of one symbol as it stands now."""

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
        self._clock = clock
        self._live = live
        self._market = market
        self._thresholds = thresholds
        self._samples = samples
        self._maps = maps
        self._timeframe = live.current.market.decision_timeframe
        self._fresh = Freshness(bus, clock)
        self._known: dict[str, Known] = {}
        self._meters: dict[str, LiquidityMeter] = {}
        self._listings: dict[str, Listing] = {}
        self._watched: frozenset[str] | None = None
        self._where = ("", "")
        bus.subscribe(Quote, self._on_quote, name="stage2.quote")
        bus.subscribe(Reading, self._on_reading, name="stage2.reading")
        bus.subscribe(Confluence, self._on_confluence, name="stage2.confluence")
        bus.subscribe(Metrics, self._on_metrics, name="stage2.metrics")
        bus.subscribe(Listing, self._on_listing, name="stage2.listing")
        bus.subscribe(Universe, self._on_universe, name="stage2.universe")

    # --- what arrives ------------------------------------------------------------------------------------------------

    def of(self, symbol: str) -> Known | None:
        """What is known of a symbol; None of one that is not watched."""
        found = self._known.get(symbol)
        if found is None and (self._watched is None or symbol in self._watched):
            found = self._known[symbol] = Known()
        return found

    def where(self, symbol: str) -> tuple[str, str] | None:
        """Venue and category of a watched symbol, None of one that is not watched."""
        return self._where if self._watched is not None and symbol in self._watched else None

    def all(self) -> Iterator[tuple[str, Known]]:
        """Every symbol of which something is known."""
        return iter(self._known.items())

    def _on_quote(self, quote: Quote) -> None:
        meter = self._meters.get(quote.symbol)
        if meter is None:
            if self._watched is None or quote.symbol not in self._watched:
                return
            meter = self._meters[quote.symbol] = LiquidityMeter()
        if quote.received_ms >= meter.next_ms:
            meter.sample(quote)

    def _on_reading(self, reading: Reading) -> None:
        if reading.timeframe == self._timeframe and (known := self.of(reading.symbol)) is not None:
            known.readings[reading.detector] = reading

    def _on_confluence(self, confluence: Confluence) -> None:
        if confluence.decides and (known := self.of(confluence.symbol)) is not None:
            known.confluence = confluence

    def _on_metrics(self, metrics: Metrics) -> None:
        if metrics.timeframe == self._timeframe and (known := self.of(metrics.symbol)) is not None:
            known.metrics = metrics

    def _on_listing(self, listing: Listing) -> None:
        self._listings[listing.symbol] = listing

    def _on_universe(self, message: Universe) -> None:
        self._watched, self._where = frozenset(message.symbols), (message.venue, message.category)
        stores: tuple[dict[str, Any], ...] = (self._known, self._meters, self._listings)
        for store in stores:
            for symbol in [symbol for symbol in store if symbol not in self._watched]:
                del store[symbol]

    # --- what is asked -----------------------------------------------------------------------------------------------

    def inputs(self, venue: str, category: str, symbol: str, cause: Cause) -> AnalysisInputs:
        """Everything one analysis looks at. Raises LookupError for a symbol that is not watched."""
        known = self.of(symbol)
        if known is None:
            raise LookupError(f"{symbol} is not watched: pin it to have it analysed")
        screening, now_ms = self._live.current.screening, int(self._fresh.venue_now_ms())
        asset_class = self._thresholds.asset_class(symbol).name
        minutes, confluence = self._window(symbol, MINUTE), known.confluence
        frame = self._window(symbol, screening.timeframe)
        told = _told(known, cause, now_ms)
        reference = self._reference(symbol)
        meter = self._meters.get(symbol)
        heard = {name: reading for name, reading in known.readings.items() if not reading.warming}
        return AnalysisInputs(
            venue=venue,
            category=category,
            symbol=symbol,
            now_ms=now_ms,
            cause=cause,
            screening=screening,
            shorts=shorts_allowed(category, screening),
            fee=fee_of(category, screening),
            tick=_tick(self._listings.get(symbol)),
            price=_price(minutes, confluence),
            in_force=self._thresholds.in_force(symbol),
            asset_class=asset_class,
            frame=_newest(frame, FRAME_BARS),
            minutes=_newest(minutes, NATR_BARS),
            own=_newest(self._window(symbol, FIVE), OBSERVATIONS + 1),
            decision=_newest(self._window(symbol, self._timeframe), NATR_BARS + 1),
            daily=self._daily(symbol, known),
            sample=self._samples.sample(symbol, screening.timeframe),
            regime=_regime(known.metrics),
            probability_up=confluence.probability if confluence is not None else math.nan,
            evidence={name: _signed(reading) for name, reading in heard.items()},
            reference=_newest(self._window(reference, FIVE), OBSERVATIONS + 1) if reference else None,
            reference_symbol=reference,
            reference_name=self._name(reference),
            reference_trend=self._trend(reference, screening),
            contributions=confluence.contributions if confluence is not None else (),
            readings=len(heard),
            warming=len(known.readings) - len(heard),
            trigger_reasons=told.trigger_reasons if told is not None else (),
            volume_z=_volume_z(told, known.metrics),
            liquidity=meter.read(self._clock.now_ms()) if meter is not None else NOT_KNOWN,
            score_map=self._maps.score_map(asset_class, self._timeframe),
            preferred_hours=self._samples.preferred_hours(symbol, screening.preferred_hours),
            synthetic_bars=int(frame.synthetic[-QUALITY_BARS:].sum()) if frame is not None else 0,
            trouble=self._trouble(symbol, confluence, minutes, now_ms),
        )

    def _window(self, symbol: str, timeframe: str) -> CandleWindow | None:
        return self._market.window(symbol, timeframe)

    def _trouble(self, symbol: str, confluence: Confluence | None, minutes: CandleWindow | None, now_ms: int) -> str:
        """Why the market may not be acted on, empty when nothing is wrong."""
        if minutes is not None and len(minutes):
            silent_ms = now_ms - minutes.last_open_ms - 60_000
            if silent_ms > STALE_MS:
                return f"the newest one-minute bar closed {silent_ms // 1000} s ago"
        return self._fresh.trouble(symbol) or (confluence.hold_reason if confluence is not None else "")

    def _reference(self, symbol: str) -> str:
        """The reference to hold this market against; none for the reference itself."""
        found = reference_symbol(self._listings, self._live.current.market)
        return "" if found == symbol else found

    def _name(self, reference: str) -> str:
        listing = self._listings.get(reference)
        return listing.base if listing is not None else reference

    def _trend(self, reference: str, screening: ScreeningSettings) -> Regime:
        known = self.of(reference) if reference else None
        window = self._window(reference, screening.timeframe) if reference else None
        if known is None or window is None:
            return "undefined"
        version = (screening.timeframe, window.last_open_ms, window.rewritten)
        if known.trend_of != version:
            found = read_frame(_newest(window, FRAME_BARS))
            known.trend, known.trend_of = found.regime if found.warm else "undefined", version
        return known.trend

    def _daily(self, symbol: str, known: Known) -> DailyLevels:
        window = self._window(symbol, DAY)
        if window is None or not len(window):
            return NO_DAILY_LEVELS
        version = (window.last_open_ms, window.rewritten)
        if known.daily_of != version:
            known.daily, known.daily_of = daily_levels(_newest(window, DAYS_NEEDED)), version
        return known.daily


def _told(known: Known, cause: Cause, now_ms: int) -> Screening | None:
    """The Stage 1 judgement whose triggers are reasons now: the alert itself where one set this off, else a fresh one."""
    if cause in ("alert", "calibration") and known.alert is not None:
        return known.alert
    newest = known.screening
    return newest if newest is not None and now_ms - newest.known_at <= FRESH_MS else None


def _newest(window: CandleWindow | None, bars: int) -> CandleBlock:
    if window is None:
        return _NO_BARS
    return np.column_stack([window.column(index)[-bars:] for index in range(9)])


def _price(minutes: CandleWindow | None, confluence: Confluence | None) -> float:
    if minutes is not None and len(minutes):
        return float(minutes.close[-1])
    return confluence.price if confluence is not None else math.nan


def _tick(listing: Listing | None) -> Decimal | None:
    if listing is None:
        return None
    try:
        return Decimal(listing.tick_size)
    except InvalidOperation:  # the analysis says that the venue's rules are not known
        return None


def _regime(metrics: Metrics | None) -> RegimeReading:
    if metrics is None:
        return UNKNOWN_REGIME
    return RegimeReading(metrics.regime, metrics.regime_confidence, metrics.regime_age_bars)


def _signed(reading: Reading) -> float:
    return {"BUY": reading.score, "SELL": -reading.score}.get(reading.side, 0.0)


def _volume_z(told: Screening | None, metrics: Metrics | None) -> float:
    if told is not None:
        return told.stats.volume_z
    return metrics.volume_z if metrics is not None else math.nan
