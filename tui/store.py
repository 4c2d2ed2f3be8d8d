"""What the screens know: the newest message per key and bounded rings. No Textual, no clock, no arithmetic at paint cost.

The bus calls the `on_*` handlers thousands of times a second, so each does a few attribute writes and bumps a version.
Screens compare versions with what they painted last; several screens can therefore read one store, each at its own pace:

- `MarketRow.version` counts anything of one symbol, `MarketRow.urgent` only what must be seen at once (state, freshness);
- `status_version` counts the header (links, lag, statistics, engine), `events_version` the log, `universe_version` the rows.
"""

from __future__ import annotations

import tomllib
from collections import deque
from typing import Any

from core.messages import (
    Bar,
    BookStatus,
    BusStats,
    ChannelStatus,
    Chart,
    Confluence,
    DetectorCatalogue,
    DetectorInfo,
    EngineStatus,
    Event,
    HistoryStatus,
    Ladder,
    LinkStatus,
    Listing,
    LoopLag,
    MarketStats,
    Message,
    Metrics,
    ProviderStats,
    Quote,
    Reading,
    RecentTrades,
    RestBan,
    SettingChanged,
    SettingRejected,
    SignalStats,
    StateChange,
    Ticker,
    TradeBatch,
    Universe,
    VenueClock,
)
from tui.looked import Looked
from tui.screening_store import ScreeningStore
from tui.trading_store import TradingStore


class MarketRow:
    """One symbol: the newest message of each kind. `updated_ms` is when the last quote or trade was received."""

    __slots__ = (
        "book",
        "change",
        "channels",
        "confluence",
        "history",
        "last_trade",
        "listing",
        "metrics",
        "quote",
        "symbol",
        "ticker",
        "updated_ms",
        "urgent",
        "version",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quote: Quote | None = None
        self.listing: Listing | None = None
        self.metrics: Metrics | None = None
        self.confluence: Confluence | None = None
        self.change: StateChange | None = None
        self.book: BookStatus | None = None
        self.ticker: Ticker | None = None
        self.channels: dict[str, ChannelStatus] = {}
        self.history: dict[str, HistoryStatus] = {}
        self.last_trade = 0.0
        self.updated_ms = 0
        self.version = 0
        self.urgent = 0

    @property
    def price(self) -> float:
        """The newest price, 0.0 while there is none.

        The last trade, held inside the newest best bid and ask (a thin market's last trade can be hours old); the mid
        while nothing has traded yet. Of a symbol without either (halted since before the start) the last price of the day.
        """
        price, quote = self.last_trade, self.quote
        if quote is None or quote.bid <= 0.0 or quote.ask <= 0.0:
            return price or (self.ticker.last if self.ticker is not None else 0.0)
        if not price:
            return (quote.bid + quote.ask) / 2.0
        return min(max(price, quote.bid), quote.ask) if quote.bid <= quote.ask else price


def _when(event: Event) -> tuple[int, int]:
    """Order of the log: by time, then as told."""
    return event.at_ms, event.event_id


class ViewStore:
    """Newest values for all screens. Built once by the app; only the pump writes to it."""

    def __init__(self, events_shown: int = 2000) -> None:
        self.rows: dict[str, MarketRow] = {}
        self.screening = ScreeningStore()
        self.trading = TradingStore(self.say)
        self.looked = Looked("", "")
        self.detectors: dict[str, DetectorInfo] = {}
        self.universe: tuple[str, ...] = ()
        self.pinned: set[str] = set()
        self.timeframes: set[str] = set()
        self.events: deque[Event] = deque(maxlen=events_shown)
        self._event_ids: set[int] = set()
        self.engine: EngineStatus | None = None
        self.links: dict[str, LinkStatus] = {}
        self.stats: ProviderStats | None = None
        self.previous_stats: ProviderStats | None = None
        self.lag: LoopLag | None = None
        self.ban: RestBan | None = None
        self.clock: VenueClock | None = None
        self.market_stats: MarketStats | None = None
        self.signal_stats: SignalStats | None = None
        self.bus_stats: BusStats | None = None
        self.notice = ""
        self.notice_severity = "info"
        self.notice_at_ms = 0
        self.status_version = 0
        self.events_version = 0
        self.universe_version = 0

    # --- reading -----------------------------------------------------------------------------------------------------

    def messages_per_s(self) -> float:
        """Provider messages per second between the two newest `ProviderStats`; 0.0 while there is only one."""
        new, old = self.stats, self.previous_stats
        if new is None or old is None or new.at_ms <= old.at_ms:
            return 0.0
        return max(0, new.messages - old.messages) * 1000.0 / (new.at_ms - old.at_ms)

    def troubled_links(self) -> list[LinkStatus]:
        """Connections that are neither up nor being rotated, worst first. One the program has ended itself gives no reason."""
        order = {"banned": 0, "down": 1, "connecting": 2, "stopped": 3}
        bad = [link for link in self.links.values() if link.state in order and (link.state != "stopped" or link.reason)]
        return sorted(bad, key=lambda link: order[link.state])

    def venue_offset_ms(self) -> float:
        """Venue time minus local time, ms; 0.0 while unknown."""
        return self.clock.offset_ms if self.clock is not None else 0.0

    # --- writing: one tiny handler per message -------------------------------------------------------------------------

    def row(self, symbol: str) -> MarketRow:
        """The row of a symbol, made on first use."""
        row = self.rows.get(symbol)
        if row is None:
            row = self.rows[symbol] = MarketRow(symbol)
        return row

    def on_quote(self, message: Quote) -> None:
        row = self.rows.get(message.symbol) or self.row(message.symbol)
        row.quote = message
        row.updated_ms = message.received_ms
        row.version += 1

    def look_at(self, symbol: str, timeframe: str) -> Looked:
        """The operator turns to this symbol and timeframe: what is known of another one is dropped."""
        if (symbol, timeframe) != (self.looked.symbol, self.looked.timeframe):
            old, self.looked = self.looked, Looked(symbol, timeframe)
            if old.symbol == symbol:
                self.looked.ladder, self.looked.tape = old.ladder, old.tape
        return self.looked

    def on_chart(self, message: Chart) -> None:
        looked = self.looked
        if (message.symbol, message.timeframe) == (looked.symbol, looked.timeframe):
            looked.chart = message
            looked.chart_version += 1

    def on_bar(self, message: Bar) -> None:
        looked = self.looked
        if not message.closed and (message.symbol, message.timeframe) == (looked.symbol, looked.timeframe):
            looked.bar = message
            looked.bar_version += 1

    def on_ladder(self, message: Ladder) -> None:
        if message.symbol == self.looked.symbol:
            self.looked.ladder = message
            self.looked.ladder_version += 1

    def on_recent_trades(self, message: RecentTrades) -> None:
        if message.symbol == self.looked.symbol:
            self.looked.tape.clear()
            self.looked.tape.extend(message.trades)
            self.looked.tape_version += 1

    def on_reading(self, message: Reading) -> None:
        looked = self.looked
        if (message.symbol, message.timeframe) == (looked.symbol, looked.timeframe):
            looked.readings[message.detector] = message
            looked.version += 1

    def on_catalogue(self, message: DetectorCatalogue) -> None:
        self.detectors = {info.name: info for info in message.detectors}

    def on_trades(self, message: TradeBatch) -> None:
        if message.trades:
            if message.symbol == self.looked.symbol:
                self.looked.tape.extend(message.trades)
                self.looked.tape_version += 1
            row = self.rows.get(message.symbol) or self.row(message.symbol)
            row.last_trade = message.trades[-1].price
            row.updated_ms = message.received_ms
            row.version += 1

    def on_ticker(self, message: Ticker) -> None:
        row = self.row(message.symbol)
        row.ticker = message
        row.version += 1

    def on_metrics(self, message: Metrics) -> None:
        row = self.row(message.symbol)
        row.metrics = message
        row.version += 1

    def on_listing(self, message: Listing) -> None:
        row = self.row(message.symbol)
        row.listing = message
        row.version += 1
        row.urgent += 1

    def on_history(self, message: HistoryStatus) -> None:
        row = self.row(message.symbol)
        row.history[message.timeframe] = message
        self.screening.on_history(message)
        self.timeframes.add(message.timeframe)
        row.version += 1

    def on_book(self, message: BookStatus) -> None:
        row = self.row(message.symbol)
        row.book = message
        row.version += 1

    def on_channel(self, message: ChannelStatus) -> None:
        row = self.row(message.symbol)
        row.channels[message.channel] = message
        row.version += 1
        row.urgent += 1

    def on_confluence(self, message: Confluence) -> None:
        looked = self.looked
        if (message.symbol, message.timeframe) == (looked.symbol, looked.timeframe):
            looked.confluence = message
            looked.version += 1
        if not message.decides:
            return
        row = self.row(message.symbol)
        before = row.confluence
        row.confluence = message
        row.version += 1
        if before is None or before.state != message.state or before.hold_reason != message.hold_reason:
            row.urgent += 1

    def on_state_change(self, message: StateChange) -> None:
        row = self.row(message.symbol)
        row.change = message
        row.version += 1
        row.urgent += 1

    def on_universe(self, message: Universe) -> None:
        self.universe = message.symbols
        for symbol in message.symbols:
            self.row(symbol)
        watched = set(message.symbols)
        for symbol in [known for known in self.rows if known not in watched]:
            del self.rows[symbol]
        self.screening.on_universe(message)
        self.universe_version += 1

    def on_event(self, message: Event) -> None:
        if message.event_id in self._event_ids:  # a replay tells again what is already here
            return
        if len(self.events) == self.events.maxlen:
            self._event_ids.discard(self.events[0].event_id)
        self._event_ids.add(message.event_id)
        late = bool(self.events) and _when(message) < _when(self.events[-1])
        self.events.append(message)
        if late:  # found in stored bars at start, or a sum told after its minute
            self.events = deque(sorted(self.events, key=_when), maxlen=self.events.maxlen)
        self.events_version += 1

    def on_engine(self, message: EngineStatus) -> None:
        self.engine = message
        self.status_version += 1

    def on_link(self, message: LinkStatus) -> None:
        self.links[message.link] = message
        self.status_version += 1

    def on_stats(self, message: ProviderStats) -> None:
        self.previous_stats, self.stats = self.stats, message
        self.status_version += 1

    def on_lag(self, message: LoopLag) -> None:
        self.lag = message
        self.status_version += 1

    def on_ban(self, message: RestBan) -> None:
        self.ban = message if message.until_ms else None
        self.status_version += 1

    def on_clock(self, message: VenueClock) -> None:
        self.clock = message
        self.status_version += 1

    def on_market_stats(self, message: MarketStats) -> None:
        self.market_stats = message
        self.status_version += 1

    def on_signal_stats(self, message: SignalStats) -> None:
        self.signal_stats = message
        self.status_version += 1

    def on_bus_stats(self, message: BusStats) -> None:
        self.bus_stats = message
        self.status_version += 1

    def on_setting_changed(self, message: SettingChanged) -> None:
        if message.key == "market.pinned":
            self.pinned = set(tomllib.loads(f"pinned = {message.new}")["pinned"])
        self.say(
            f"{message.key} {'undone' if message.undo else 'set'}: {message.old} → {message.new}", "info", message.at_ms
        )

    def on_setting_rejected(self, message: SettingRejected) -> None:
        self.say(
            (f"{message.key} = {message.value} refused: " if message.key else "") + message.reason,
            "error",
            message.at_ms,
        )

    def say(self, text: str, severity: str, at_ms: int) -> None:
        """One line for the operator, shown by the current screen for a few seconds."""
        self.notice, self.notice_severity, self.notice_at_ms = text, severity, at_ms
        self.status_version += 1

    def handlers(self) -> dict[type[Message], Any]:
        """Which handler takes which message class."""
        own: dict[type[Message], Any] = {
            Quote: self.on_quote,
            TradeBatch: self.on_trades,
            Ticker: self.on_ticker,
            Metrics: self.on_metrics,
            Chart: self.on_chart,
            Bar: self.on_bar,
            Ladder: self.on_ladder,
            RecentTrades: self.on_recent_trades,
            Reading: self.on_reading,
            DetectorCatalogue: self.on_catalogue,
            Listing: self.on_listing,
            HistoryStatus: self.on_history,
            BookStatus: self.on_book,
            ChannelStatus: self.on_channel,
            Confluence: self.on_confluence,
            StateChange: self.on_state_change,
            Universe: self.on_universe,
            Event: self.on_event,
            EngineStatus: self.on_engine,
            LinkStatus: self.on_link,
            ProviderStats: self.on_stats,
            LoopLag: self.on_lag,
            RestBan: self.on_ban,
            VenueClock: self.on_clock,
            MarketStats: self.on_market_stats,
            SignalStats: self.on_signal_stats,
            BusStats: self.on_bus_stats,
            SettingChanged: self.on_setting_changed,
            SettingRejected: self.on_setting_rejected,
        }
        return own | self.screening.handlers() | self.trading.handlers()
