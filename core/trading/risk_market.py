"""The market as the gates ask for it: quotes with their usual gap, books, marks, filter references, conditions.

Everything is heard on the bus. What was never heard, or not lately, is None.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median

from msgspec import Struct, field

from core.bus import Bus
from core.clock import Clock
from core.messages import BookStatus, Ladder, MarkPrice, Quote, Screening, ThresholdsInForce, TradeBatch, VenueClock
from core.risk.heat import Correlations
from core.risk.view import ConditionsView, QuoteView, TimedEvent
from core.settings_live import LiveSettings
from core.trading.bar_facts import BarFacts
from core.venue import Instrument

GAPS = 50
FEWEST_GAPS = 3
SPREADS = 300
FEWEST_SPREADS = 10
SPREAD_EVERY_S = 1.0
MARK_AGE_S = 15.0
"""A mark price older than this is none: the venue sends one every second or so."""
SCREENING_AGE_S = 180.0
"""Stage 1 speaks at each closed minute; what it said before that is no condition of now."""
MINUTE_MS = 60_000
AVERAGE_MINUTES = 60
DEPTH_LEVELS = 50


class _Seen(Struct):
    """What was heard of one symbol. Times `*_at` are of the monotonic clock, minus infinity: never."""

    quote: Quote | None = None
    quote_at: float = -math.inf
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS))
    spreads: deque[float] = field(default_factory=lambda: deque(maxlen=SPREADS))
    spread_at: float = -math.inf
    book: BookStatus | None = None
    mark: MarkPrice | None = None
    mark_at: float = -math.inf
    last: float = 0.0
    minutes: deque[tuple[int, float, float]] = field(default_factory=lambda: deque(maxlen=AVERAGE_MINUTES))
    screening: Screening | None = None
    screening_at: float = -math.inf
    thresholds: ThresholdsInForce | None = None


class RiskMarket:
    """One venue's category. `ladder` may be set to the provider's, else depth is the quote's."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, venue: str) -> None:
        self.ladder: Callable[[str, int], Ladder | None] = lambda symbol, levels: None
        self.bars = BarFacts(bus, clock)
        self._clock = clock
        self._live = live
        self._recorded = venue == "recorded"
        self._seen: dict[str, _Seen] = {}
        self._venue_clock: VenueClock | None = None
        self._clock_at = 0.0
        bus.subscribe(Quote, self._on_quote, name="risk.quote")
        bus.subscribe(TradeBatch, self._on_trades, name="risk.trades")
        bus.subscribe(MarkPrice, self._on_mark, name="risk.mark")
        bus.subscribe(BookStatus, self._on_book, name="risk.book")
        bus.subscribe(Screening, self._on_screening, name="risk.screening")
        bus.subscribe(ThresholdsInForce, self._on_thresholds, name="risk.thresholds")
        bus.subscribe(VenueClock, self._on_clock, name="risk.clock")

    # --- what the gates ask ------------------------------------------------------------------------------------------

    def clock_offset(self) -> tuple[float | None, float | None]:
        """Offset of the venue's clock in ms, and the age of its measurement in s. A recording's own time is always right.

        A leap of our wall clock since the measurement counts at once.
        """
        if self._recorded:
            return 0.0, 0.0
        measured = self._venue_clock
        if measured is None:
            return None, None
        age_s = self._clock.monotonic() - self._clock_at
        leapt_ms = self._clock.now_ms() - measured.at_ms - age_s * 1000
        return measured.offset_ms - leapt_ms, age_s

    def quote(self, symbol: str, rule: Instrument | None) -> QuoteView:
        """Of this symbol; None where nothing was heard."""
        seen = self._seen.get(symbol) or _Seen()
        quote = seen.quote
        gap = median(seen.gaps) if len(seen.gaps) >= FEWEST_GAPS else None
        book, mark = seen.book.state if seen.book is not None else None, self.mark(symbol)
        reference = self._reference(symbol, seen, rule, mark)
        if quote is None:
            return QuoteView(usual_gap_s=gap, book=book, mark=mark, reference=reference)
        return QuoteView(
            bid=exact(quote.bid),
            bid_size=exact(quote.bid_size),
            ask=exact(quote.ask),
            ask_size=exact(quote.ask_size),
            age_s=self._age_s(seen, quote),
            usual_gap_s=gap,
            book=book,
            mark=mark,
            reference=reference,
        )

    def conditions(self, symbol: str, rule: Instrument | None) -> ConditionsView:
        """Of this symbol, now."""
        now_ms = self._clock.now_ms()
        seen = self._seen.get(symbol) or _Seen()
        quote, spread = seen.quote, None
        if quote is not None and quote.bid > 0.0:
            spread = _spread_bp(quote)
        fresh = self._clock.monotonic() - seen.screening_at <= SCREENING_AGE_S
        gates = seen.thresholds.values if seen.thresholds is not None else {}
        atr = self.bars.atr_15m(symbol)
        mid = 0.5 * (quote.bid + quote.ask) if quote is not None else 0.0
        return ConditionsView(
            closed=self._closed(now_ms),
            events=self._events(seen, rule),
            natr=seen.screening.stats.natr if seen.screening is not None and fresh else None,
            natr_low=gates.get("low_gate"),
            natr_high=gates.get("high_gate"),
            return_sigmas=self.bars.move_in_sigmas(symbol, mid),
            spread_bp=spread,
            usual_spread_bp=median(seen.spreads) if len(seen.spreads) >= FEWEST_SPREADS else None,
            atr_15m=exact(atr) if atr is not None else None,
        )

    def correlations(self, symbols: set[str]) -> Correlations:
        """Of all pairs of these."""
        classes = {
            symbol: seen.screening.asset_class
            for symbol in symbols
            if (seen := self._seen.get(symbol)) is not None and seen.screening is not None
        }
        return self.bars.correlations(symbols, classes)

    def mark(self, symbol: str) -> Decimal | None:
        """The mark price, if it is fresh."""
        seen = self._seen.get(symbol)
        if seen is None or seen.mark is None or self._clock.monotonic() - seen.mark_at > MARK_AGE_S:
            return None
        return exact(seen.mark.mark)

    def best(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """Bid and ask as last seen, whatever their age."""
        seen = self._seen.get(symbol)
        return (exact(seen.quote.bid), exact(seen.quote.ask)) if seen is not None and seen.quote is not None else None

    def depth(self, symbol: str, buy: bool, share: float) -> Decimal | None:
        """Base that rests within `share` of the best price on the side taken from; of the quote alone without a book."""
        ladder = self.ladder(symbol, DEPTH_LEVELS)
        levels = (ladder.asks if buy else ladder.bids) if ladder is not None else ()
        if not levels:
            seen = self._seen.get(symbol)
            if seen is None or seen.quote is None:
                return None
            return exact(seen.quote.ask_size if buy else seen.quote.bid_size)
        best = levels[0][0]
        return exact(math.fsum(size for price, size in levels if abs(price - best) <= share * best))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _age_s(self, seen: _Seen, quote: Quote) -> float:
        """Since it arrived, or since it was true at the venue where that is told and longer ago."""
        age = self._clock.monotonic() - seen.quote_at
        offset, _ = self.clock_offset()
        if self._recorded or offset is None:
            return age
        now_ms = self._clock.now_ms()
        return max(age, (now_ms - quote.received_ms) / 1000, (now_ms + offset - quote.event_ms) / 1000)

    def _reference(self, symbol: str, seen: _Seen, rule: Instrument | None, mark: Decimal | None) -> Decimal | None:
        """What the venue holds its percent-price filter against: mark, else the average of its minutes, else the last price."""
        if rule is None:
            return None
        if rule.category == "linear":
            return mark
        since = self._clock.now_ms() // MINUTE_MS - rule.average_price_minutes
        recent = [entry for entry in seen.minutes if entry[0] > since] if rule.average_price_minutes else []
        base = math.fsum(entry[2] for entry in recent)
        if base > 0.0:
            return exact(math.fsum(entry[1] for entry in recent) / base)
        last = seen.last or self.bars.last_close(symbol)
        return exact(last) if last else None

    def _closed(self, now_ms: int) -> str:
        hour = datetime.fromtimestamp(now_ms / 1000, UTC).hour
        excluded = self._live.current.screening.exclude_hours
        return f"hour {hour} UTC is in screening.exclude_hours" if hour in excluded else ""

    @staticmethod
    def _events(seen: _Seen, rule: Instrument | None) -> tuple[TimedEvent, ...] | None:
        """Funding ahead and just past. Spot has no calendar that the program knows."""
        if rule is None:
            return None
        if rule.category != "linear":
            return ()
        if seen.mark is None or seen.mark.next_funding_ms <= 0:
            return None
        ahead = seen.mark.next_funding_ms
        past = ahead - rule.funding_interval_min * MINUTE_MS
        return (TimedEvent("funding", past), TimedEvent("funding", ahead))

    # --- what is heard -----------------------------------------------------------------------------------------------

    def _of(self, symbol: str) -> _Seen:
        seen = self._seen.get(symbol)
        if seen is None:
            seen = self._seen[symbol] = _Seen()
        return seen

    def _on_quote(self, quote: Quote) -> None:
        seen, now = self._of(quote.symbol), self._clock.monotonic()
        if seen.quote is not None:
            seen.gaps.append(now - seen.quote_at)
        seen.quote, seen.quote_at = quote, now
        if now - seen.spread_at >= SPREAD_EVERY_S and quote.bid > 0.0:
            seen.spread_at = now
            seen.spreads.append(_spread_bp(quote))

    def _on_trades(self, batch: TradeBatch) -> None:
        if not batch.trades:
            return
        seen = self._of(batch.symbol)
        seen.last = batch.trades[-1].price
        minute = batch.trades[-1].event_ms // MINUTE_MS
        base = math.fsum(trade.size for trade in batch.trades)
        quote = math.fsum(trade.price * trade.size for trade in batch.trades)
        if seen.minutes and seen.minutes[-1][0] == minute:
            _, before, held = seen.minutes[-1]
            seen.minutes[-1] = (minute, before + quote, held + base)
        else:
            seen.minutes.append((minute, quote, base))

    def _on_mark(self, mark: MarkPrice) -> None:
        seen = self._of(mark.symbol)
        seen.mark, seen.mark_at = mark, self._clock.monotonic()

    def _on_book(self, status: BookStatus) -> None:
        self._of(status.symbol).book = status

    def _on_screening(self, screening: Screening) -> None:
        seen = self._of(screening.symbol)
        seen.screening = screening
        if not screening.replayed:
            seen.screening_at = self._clock.monotonic()

    def _on_thresholds(self, thresholds: ThresholdsInForce) -> None:
        self._of(thresholds.symbol).thresholds = thresholds

    def _on_clock(self, measured: VenueClock) -> None:
        self._venue_clock = measured
        self._clock_at = self._clock.monotonic() - (self._clock.now_ms() - measured.at_ms) / 1000


def exact(value: float) -> Decimal:
    """A number of the feed as the venue wrote it."""
    return Decimal(repr(float(value)))


def _spread_bp(quote: Quote) -> float:
    return 20_000.0 * (quote.ask - quote.bid) / (quote.ask + quote.bid)
