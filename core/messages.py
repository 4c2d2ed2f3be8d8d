"""Every message and command on the bus: frozen structs, grouped by who publishes them.

Conventions: times are Unix milliseconds UTC (`*_ms`, `occurred_at`, `known_at`); market numbers are floats in the quote
currency; sides and states are the literals below. The class name is the message's `type` in JSON lines.
One venue and category per process, so inside the program `symbol` alone is a key.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Side = Literal["BUY", "SELL"]
State = Literal["BUY", "SELL", "HOLD"]
Severity = Literal["info", "warning", "error"]
HostKind = Literal["SANDBOX", "RECORDED", "TESTNET", "LIVE DATA"]
LinkState = Literal["connecting", "up", "down", "rotating", "banned", "stopped"]
Channel = Literal["kline", "trade", "quote", "depth", "mark"]
EventKind = Literal["state", "link", "channel", "book", "ban", "fault", "setting", "universe", "engine"]
Regime = Literal["trend_up", "trend_down", "range", "undefined"]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, gc=False):
    """Base of everything on the bus."""


class VenueMessage(Message, frozen=True, kw_only=True, gc=False):
    """A message about one venue's category."""

    venue: str
    category: str


class SymbolMessage(VenueMessage, frozen=True, kw_only=True, gc=False):
    """A message about one instrument, by the venue's own symbol."""

    symbol: str


# --- providers -------------------------------------------------------------------------------------------------------


class Quote(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """Best bid and ask, coalesced per symbol. `event_ms` is the venue's time, or the receive time where it sends none."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    event_ms: int
    received_ms: int


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One public trade; `side` is the taker's."""

    trade_id: str
    price: float
    size: float
    side: Side
    event_ms: int


class TradeBatch(SymbolMessage, frozen=True, kw_only=True):
    """The trades of one micro-batch, oldest first."""

    trades: tuple[Trade, ...]
    received_ms: int


class Kline(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """The venue's view of one candle, forming or closed (`closed` is the venue's own flag).

    `trades` is -1 and the taker volume NaN where the venue does not give them.
    """

    timeframe: str
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    taker_buy_volume: float
    closed: bool
    event_ms: int
    received_ms: int


class MarkPrice(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """Perpetuals: mark and index price, funding rate per interval (fraction), open interest in base units."""

    mark: float
    index: float
    funding_rate: float
    next_funding_ms: int
    open_interest: float
    event_ms: int


class Ticker(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """24 h statistics by REST: `change` is a fraction (0.01 = 1 %)."""

    last: float
    change: float
    quote_volume: float
    high: float
    low: float
    event_ms: int


class BookStatus(SymbolMessage, frozen=True, kw_only=True):
    """The local book of one symbol: syncing (not usable), live, or stale."""

    state: Literal["syncing", "live", "stale"]
    reason: str
    resyncs: int
    at_ms: int


class Ladder(SymbolMessage, frozen=True, kw_only=True):
    """The top of the book for the focused symbol: (price, size), best first."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    at_ms: int


class LinkStatus(VenueMessage, frozen=True, kw_only=True):
    """One connection of the provider (`link` names it). `retry_in_s` is set while it waits to try again."""

    link: str
    state: LinkState
    host: str
    reason: str = ""
    attempt: int = 0
    retry_in_s: float = 0.0
    reconnects: int = 0
    at_ms: int


class ChannelStatus(SymbolMessage, frozen=True, kw_only=True):
    """Freshness of one channel of one symbol: silent for longer than its own habit allows, or fresh again."""

    channel: Channel
    fresh: bool
    age_s: float
    limit_s: float
    at_ms: int


class VenueClock(VenueMessage, frozen=True, kw_only=True, gc=False):
    """Clock offset: venue time minus local time, ms; halved round trip is its uncertainty."""

    offset_ms: float
    round_trip_ms: float
    at_ms: int


class RestBan(VenueMessage, frozen=True, kw_only=True):
    """The venue refuses our requests until `until_ms` (0: lifted). Nothing is sent meanwhile."""

    status: int
    until_ms: int
    reason: str
    at_ms: int


class Listing(SymbolMessage, frozen=True, kw_only=True):
    """What the screens need of an instrument's rules. `status` is the venue's word; only `trading` says it trades."""

    base: str
    quote: str
    tick_size: str
    lot_size: str
    status: str
    trading: bool
    at_ms: int


class Universe(VenueMessage, frozen=True, kw_only=True):
    """The watched symbols, best first; pinned ones always in."""

    symbols: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reason: str
    at_ms: int


class ProviderStats(VenueMessage, frozen=True, kw_only=True, gc=False):
    """Running totals of the provider since start, published every second. `latency_ms` is now minus event time."""

    frames: int
    messages: int
    coalesced: int
    rejected: int
    dropped: int
    bytes: int
    reconnects: int
    resyncs: int
    sequence_gaps: int
    rest_requests: int
    rest_errors: int
    rest_used: int
    rest_limit: int
    latency_ms: float
    at_ms: int


# --- core.market -----------------------------------------------------------------------------------------------------


class Bar(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """A candle as the program knows it. Forming bars (`closed` false) are provisional.

    `synthetic`: nothing traded or the venue was silent; a flat filler that never votes. `revision` counts corrections of
    an already closed bar. `known_at` is when this version was known.
    """

    timeframe: str
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    taker_buy_volume: float
    closed: bool
    synthetic: bool = False
    revision: int = 0
    known_at: int


class HistoryStatus(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """Loading of one series. `gaps` counts missing bars inside the window; `stored` the bars on disk."""

    timeframe: str
    bars: int
    wanted: int
    gaps: int
    stored: int
    ready: bool
    at_ms: int


class Metrics(SymbolMessage, frozen=True, kw_only=True, gc=False):
    """Readable numbers of one symbol as of the last closed bar of its decision timeframe. NaN: not known yet.

    `close_1h_ago` and `close_24h_ago` let a screen show changes against the live price. `natr` is ATR14 / close
    (fraction), `volume_z` robust. `taker_imbalance` is (buy - sell) / (buy + sell) volume of the last five minutes' trades
    by the taker's side, NaN without trades. `depth_days` says how much stored history stands behind 7-day distributions.
    """

    timeframe: str
    close: float
    close_1h_ago: float
    close_24h_ago: float
    quote_volume_24h: float
    atr: float
    natr: float
    natr_percentile: float
    rsi: float
    volume_z: float
    taker_imbalance: float
    regime: Regime
    regime_confidence: float
    regime_age_bars: int
    depth_days: float
    sparkline: tuple[float, ...]
    occurred_at: int
    known_at: int


class RecentTrades(SymbolMessage, frozen=True, kw_only=True):
    """The newest known trades of the symbol that came into focus, oldest first; `TradeBatch` brings the later ones."""

    trades: tuple[Trade, ...]
    at_ms: int


class MarketStats(VenueMessage, frozen=True, kw_only=True, gc=False):
    """Running totals of the market part, published every second."""

    bars_closed: int
    closed_by_clock: int
    corrections: int
    repairs: int
    gaps_open: int
    rejected: int
    at_ms: int


# --- core.signals ----------------------------------------------------------------------------------------------------


class Reading(SymbolMessage, frozen=True, kw_only=True):
    """What one detector says about one closed bar.

    `score` in [0, 1] is the strength of `side`; HOLD has score 0. `occurred_at` is the open time of the bar it speaks of
    (a divergence speaks of its pivot, a break of the swing it broke), `known_at` the close at which it was known.
    """

    timeframe: str
    detector: str
    family: str
    group: Literal["CLASSIC", "SMC", "FLOW", "MODEL"]
    side: State
    score: float
    reasons: tuple[str, ...]
    warming: bool
    occurred_at: int
    known_at: int


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """One reading's exact share of the pooled log-odds (`logit`), and its displayed gain in probability (`gain`)."""

    detector: str
    family: str
    group: str
    side: Side
    score: float
    logit: float
    gain: float
    reason: str


class Confluence(SymbolMessage, frozen=True, kw_only=True):
    """The pooled view of one symbol as of its last closed decision bar.

    `probability` is P(up barrier first). `contributions` sum to `logit - base_logit`. `missing` says in words what is
    missing for the next state. `since_ms`/`since_price` tell when and where the state began. `hold_reason` is set when
    HOLD is forced (stale, warming up, halted). `gate` multiplied every reading's evidence (1: the market is neither too
    quiet nor too wild); `gate_reason` says why it is less. `decides` is false for the view of another timeframe that the
    operator looks at: it is shown, and nothing follows from it. `outcomes` counts what the calibration rests on.
    """

    timeframe: str
    decides: bool = True
    gate: float = 1.0
    gate_reason: str = ""
    outcomes: int = 0
    state: State
    probability: float
    logit: float
    base_logit: float
    calibrated: bool
    contributions: tuple[Contribution, ...]
    reasons: tuple[str, ...]
    contrary: str
    missing: str
    hold_reason: str
    enter: float
    exit: float
    cooldown_until_ms: int
    since_ms: int
    since_price: float
    price: float
    readings: int
    warming: int
    occurred_at: int
    known_at: int


class StateChange(SymbolMessage, frozen=True, kw_only=True):
    """The confluence state of a symbol changed at a closed bar. `replayed` marks changes found in stored bars at start."""

    timeframe: str
    before: State
    after: State
    price: float
    probability: float
    reasons: tuple[str, ...]
    replayed: bool
    occurred_at: int
    known_at: int


class DetectorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One registered detector: `about` says what it looks for, `warmup` counts bars."""

    name: str
    family: str
    group: str
    warmup: int
    about: str


class DetectorCatalogue(Message, frozen=True, kw_only=True):
    """Every detector there is, so that screens can explain them. Published at start and on `Replay`."""

    detectors: tuple[DetectorInfo, ...]


class ChartBar(msgspec.Struct, frozen=True, gc=False):
    """One closed candle of a chart. `synthetic`: a flat filler of ours where the venue was silent."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    synthetic: bool


class ChartMark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at the bar opened at `t_event`, never drawn before `t_known`, the close that told it (ms).

    `kind`: `swing` (side `high` or `low`), `bos`, `choch`, `sweep`, `state` (side BUY, SELL or HOLD). A break spans
    `t_event` (the broken swing) to `until_ms` (the breaking bar) at `level`. `label` is what to write: `HH`, `BOS`.
    """

    kind: Literal["swing", "bos", "choch", "sweep", "state"]
    side: str
    t_event: int
    t_known: int
    level: float
    label: str
    until_ms: int = 0


class ChartZone(msgspec.Struct, frozen=True, kw_only=True):
    """A price zone from `t_event` to `until_ms` (0: still open). `state` is its life in a word: open, touched, half."""

    kind: Literal["fvg", "order_block"]
    side: Side
    top: float
    bottom: float
    t_event: int
    t_known: int
    until_ms: int
    state: str


class ChartLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A price level: equal highs or lows (`members`), or yesterday's and last week's extremes. Open until swept."""

    kind: Literal["liquidity", "day", "week"]
    side: Literal["high", "low"]
    price: float
    label: str
    t_event: int
    t_known: int
    members: int = 1


class Chart(SymbolMessage, frozen=True, kw_only=True):
    """What the chart of the focused symbol and timeframe shows: closed bars, oldest first, and what is drawn over them.

    Published when the operator looks at it and again on each closed bar. The forming bar comes as `Bar`.
    """

    timeframe: str
    bars: tuple[ChartBar, ...]
    marks: tuple[ChartMark, ...]
    zones: tuple[ChartZone, ...]
    levels: tuple[ChartLevel, ...]
    known_at: int


class SignalStats(VenueMessage, frozen=True, kw_only=True, gc=False):
    """Running totals of the signal part, published every second.

    `parity_checked` counts readings computed a second time from stored bars, `parity_differences` those that came out
    otherwise than when they were told (expected: none).
    """

    evaluations: int
    readings: int
    state_changes: int
    parity_checked: int = 0
    parity_differences: int = 0
    symbols_ready: int
    symbols_total: int
    at_ms: int


# --- core.engine, core.settings, core.events -------------------------------------------------------------------------


class Fault(Message, frozen=True, kw_only=True):
    """Something failed and was contained. `count` is how often this cause has been seen."""

    source: str
    message: str
    severity: Severity = "error"
    count: int = 1
    symbol: str = ""
    at_ms: int


class EngineStatus(Message, frozen=True, kw_only=True):
    """What the engine is doing: one word of phase and one sentence for the screen."""

    phase: Literal["starting", "loading", "running", "stopping", "stopped", "failed"]
    text: str
    venue: str
    category: str
    host: str
    host_kind: HostKind
    mode: Literal["PAPER", "LIVE"]
    at_ms: int


class LoopLag(Message, frozen=True, kw_only=True, gc=False):
    """How late the event loop ran over the last second, ms."""

    last_ms: float
    p99_ms: float
    max_ms: float
    at_ms: int


class BusStats(Message, frozen=True, kw_only=True):
    """Bus totals, and per mailbox (name, waiting, dropped)."""

    published: int
    handler_errors: int
    mailboxes: tuple[tuple[str, int, int], ...]
    at_ms: int


class SettingChanged(Message, frozen=True, kw_only=True):
    """A live edit took effect (`section.key`, old and new as TOML text)."""

    key: str
    old: str
    new: str
    by: str
    undo: bool
    at_ms: int


class SettingRejected(Message, frozen=True, kw_only=True):
    """A live edit was refused; `reason` names the value, the allowed range and the remedy."""

    key: str
    value: str
    reason: str
    at_ms: int


class Notify(Message, frozen=True, kw_only=True):
    """An event rule wants the operator's attention: ring the bell, or send a terminal notification with this text."""

    how: Literal["bell", "notify"]
    text: str
    at_ms: int


class EventChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of kind `state` is about, in parts: the fields of `StateChange` a reader of the log wants."""

    before: State
    after: State
    price: float
    probability: float
    timeframe: str
    reasons: tuple[str, ...]


class Event(Message, frozen=True, kw_only=True):
    """One line of the event log, as stored.

    `text` is the whole sentence; `change` holds the parts of a change of state. `replayed`: not news, but found in stored
    bars at start or told again on `Replay`; nothing may be set off by it.
    """

    event_id: int
    kind: EventKind
    severity: Severity
    symbol: str
    text: str
    at_ms: int
    change: EventChange | None = None
    replayed: bool = False


# --- commands (tui -> engine) ----------------------------------------------------------------------------------------


class Command(Message, frozen=True, kw_only=True):
    """Something the operator asks for."""


class EditSetting(Command, frozen=True, kw_only=True):
    """Change one setting live: `section.key` and the new value as typed."""

    key: str
    value: str


class UndoSetting(Command, frozen=True, kw_only=True):
    """Take back the newest live edit."""


class Focus(Command, frozen=True, kw_only=True):
    """The operator looks at this symbol and timeframe (empty: at none, or the decision timeframe).

    It gets a ladder, its recent trades, forming-bar updates, a chart, and the view of that timeframe.
    """

    symbol: str
    timeframe: str = ""


class PinSymbol(Command, frozen=True, kw_only=True):
    """Add a symbol to the watched set, or take it out."""

    symbol: str
    pinned: bool


class Replay(Command, frozen=True, kw_only=True):
    """A screen that starts late asks for the current state: every part publishes its newest messages again."""
