"""Every message and command on the bus: frozen structs, grouped by who publishes them.

Conventions: times are Unix milliseconds UTC (`*_ms`, `occurred_at`, `known_at`); market numbers are floats in the quote
currency; sides and states are the literals below. The class name is the message's `type` in JSON lines.
One venue and category per process, so inside the program `symbol` alone is a key.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["BUY", "SELL"]
State = Literal["BUY", "SELL", "HOLD"]
Severity = Literal["info", "warning", "error"]
HostKind = Literal["SANDBOX", "RECORDED", "TESTNET", "LIVE DATA"]
LinkState = Literal["connecting", "up", "down", "rotating", "banned", "stopped"]
Channel = Literal["kline", "trade", "quote", "depth", "mark"]
EventKind = Literal[
    "state", "alert", "recommendation", "calibration",
    "order", "fill", "trade", "stop", "halt", "discrepancy",
    "link", "channel", "book", "ban", "fault", "setting", "universe", "engine",
]  # fmt: skip
Regime = Literal["trend_up", "trend_down", "range", "undefined"]
Signal = Literal["NONE", "NORMAL", "ALERT"]
Trend = Literal["UP", "DOWN", "SIDEWAYS", "UNKNOWN"]
Volatility = Literal["LOW", "NORMAL", "HIGH", "UNKNOWN"]
AnomalyKind = Literal["VOLATILITY", "BREAKOUT_WITH_VOLUME", "TREND_REVERSAL", "RELATIVE_STRENGTH", "LIQUIDITY_THIN"]
Action = Literal["SYSTEM_FAILURE", "INVALID_DATA", "AVOID_HIGH_RISK", "AVOID", "BUY", "SELL", "WAIT_FOR_CONFIRMATION"]
ChangeCode = Literal[
    "ERROR", "DATA", "VOLATILITY", "PROBABILITY", "RATIO", "FEES", "SHORTS", "FACTORS", "P_TRADE", "STOP"
]
ThresholdSource = Literal["class", "adaptive", "calibrated", "operator"]
CalibrationPriority = Literal["urgent", "high", "normal"]
CalibrationState = Literal[
    "queued", "queued_high", "queued_urgent", "in_progress", "completed", "rejected", "failed", "expired", "paused"
]
CalibrationCause = Literal["exception", "time_limit", "lost_worker", "no_feasible_trial", "stale_data"]
BreakerPhase = Literal["closed", "open", "half_open"]
Verdict = Literal["accept", "keep", "waiting", "failed"]
OrderState = Literal[
    "DRAFT", "CONFIRMED", "VOID", "INTENT", "SENT", "UNKNOWN", "WORKING", "PARTIAL", "CANCEL_PENDING",
    "FILLED", "CANCELLED", "EXPIRED", "REJECTED", "FAILED_CONFIRMED",
]  # fmt: skip
"""DRAFT: proposed. CONFIRMED: the operator said yes. VOID: given up before a byte was sent. INTENT: in the journal, client
id fixed. SENT: handed to the socket. UNKNOWN: the outcome is not known, or the venue no longer shows an order it had
confirmed. WORKING, PARTIAL: live by the venue's evidence. CANCEL_PENDING: live, and a cancel is on its way. The other five
are the ends; FAILED_CONFIRMED: proven never to have arrived."""
TradingState = Literal["ACTIVE", "REDUCING", "HALTED"]
Purpose = Literal["ENTRY", "PROTECTION", "EXIT"]
StopState = Literal["VERIFIED", "UNVERIFIED", "PLACING", "NAKED", "NONE"]
"""VERIFIED: the venue showed it lately. UNVERIFIED: it rests by all we know, but was not seen for too long. PLACING: on its
way, within its limit. NAKED: there is none. PROGRAM: kept by the program, gone with it. NONE: nothing to protect."""
Resolution = Literal["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED", "RELEASE"]
"""What a person may say of an order: how it ended, or (RELEASE) only that its quarantine is over. Never a fill."""
TicketStep = Literal["REVIEW", "CONSEQUENCES", "AUTHORISE", "SENDING", "SENT", "EXPIRED", "REFUSED", "CLOSED"]
"""REVIEW, CONSEQUENCES, AUTHORISE: waits for the operator (on paper REVIEW alone). SENDING: confirmed, on its way. SENT: the
order lives, its own messages tell the rest. EXPIRED: something changed, or too late; nothing was sent. REFUSED: confirmed,
and refused by gate, journal or venue. CLOSED: given up. From EXPIRED and REFUSED it can be reviewed anew."""
TicketKind = Literal["TRADE", "CANARY", "AMEND"]
"""CANARY: the first order with new keys, of the least size. AMEND: in place of an entry that works, which is cancelled first."""
TicketField = Literal["side", "type", "entry", "stop", "target", "quantity"]
ItemKind = Literal["PROPOSAL", "FILL", "ALARM"]
ItemState = Literal["WAITING", "SNOOZED", "ACKNOWLEDGED", "DISMISSED", "EXPIRED", "TAKEN"]
Answer = Literal["ACKNOWLEDGED", "DISMISSED", "SNOOZED"]
SessionPhase = Literal["PAPER", "CONNECTING", "DISARMED", "ARMED", "LEAVING"]
"""PAPER: the simulated account. CONNECTING: the real one is opened. DISARMED, ARMED: the real account, without and with
entries. LEAVING: disarmed, and back on paper as soon as nothing of ours is open at the venue."""
UseLevel = Literal["ok", "near", "over", "unknown"]


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


# --- core.screening --------------------------------------------------------------------------------------------------


class TriggerReason(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that fired: by how much, on which side (1 BUY, -1 SELL, 0 neither), how strongly in [0, 1].

    `distance` says how far the value is from firing, in its own unit: negative is past it.
    """

    code: str
    family: str
    value: float
    threshold: float
    distance: float
    side: int
    strength: float
    words: str


class TriggerStats(msgspec.Struct, frozen=True, kw_only=True):
    """The figures beside a Stage 1 judgement; NaN: not known. Shares, not percent."""

    price: float
    change: float
    atr: float
    natr: float
    rsi: float
    volume_mean: float
    volume_std: float
    volume_z: float
    daily_high: float
    daily_low: float
    daily_range: float
    vwap_deviation: float


class Screening(SymbolMessage, frozen=True, kw_only=True):
    """Stage 1: what one closed one-minute bar comes to. Reasons are told whatever `signal` is; `hints` say why not more.

    `strength` is the sum over the families of their strongest reason. `alerted_ms` is the close at which the symbol was
    last in ALERT (0: never), `cooldown_until_ms` until when the same families will not alert again. `replayed`: said
    again on `Replay`, nothing may be set off by it.
    """

    signal: Signal
    trigger_reasons: tuple[TriggerReason, ...]
    stats: TriggerStats
    hints: tuple[str, ...]
    strength: float
    asset_class: str
    preferred_hours: tuple[int, ...] = ()
    alerted_ms: int = 0
    cooldown_until_ms: int = 0
    replayed: bool = False
    occurred_at: int
    known_at: int


class KeyLevels(msgspec.Struct, frozen=True, kw_only=True):
    """Levels around one price; NaN: there is none. Support is below the price, resistance above it.

    Immediate ones are the nearest of swings and daily levels. `next_major_above` and `next_major_below` are daily levels
    beyond them, `next_major_level` the one the trend points at, without a trend the nearer. `day_low` and `day_high` are
    of the current UTC day so far, the price included.
    """

    immediate_support: float
    immediate_resistance: float
    next_major_level: float
    next_major_above: float
    next_major_below: float
    day_low: float
    day_high: float


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """Pearson correlation, its 95 % interval and the number of returns behind it. NaN: too few, or one did not move."""

    rho: float
    low: float
    high: float
    observations: int


class MarketContext(msgspec.Struct, frozen=True, kw_only=True):
    """The context of a recommendation. `hints` say in words what is not known, `atr` is the recommendation timeframe's."""

    trend: Trend
    trend_confidence: float
    trend_age_bars: int
    volatility: Volatility
    natr: float
    natr_percentile: float
    atr: float
    key_levels: KeyLevels
    correlation_with_reference: Correlation
    reference_trend: Trend
    regime: Regime
    regime_confidence: float
    regime_age_bars: int
    hints: tuple[str, ...] = ()


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly. `side` is None where it has no direction; `value` reached `threshold` (NaN: a fact, not a number)."""

    kind: AnomalyKind
    reason: str
    side: Side | None = None
    value: float = float("nan")
    threshold: float = float("nan")


class AnomalyDetection(msgspec.Struct, frozen=True, kw_only=True):
    """What is unusual now, the most important first."""

    detected: bool
    anomalies: tuple[Anomaly, ...]


class Penalty(msgspec.Struct, frozen=True):
    """What a circumstance takes off the logit of the confidence."""

    code: str
    logit: float
    reason: str


class ConfidenceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Confidence in `side`. `composite_score` in [-1, 1]; `factors` is signed evidence by factor, `weights` their shares.

    `raw_probability` is P(side) of the confluence, `calibrated_probability` what past outcomes make of it (the same
    while `calibrated` is false but for the blend with the prior), `probability` that after the penalties: decisions use it.
    `outcomes` is how many outcomes the calibration rests on.
    """

    side: Side
    composite_score: float
    factors_confirmed: int
    factors: dict[str, float]
    weights: dict[str, float]
    missing: tuple[str, ...]
    raw_probability: float
    calibrated_probability: float
    probability: float
    calibrated: bool
    outcomes: float
    penalties: tuple[Penalty, ...]


class Change(msgspec.Struct, frozen=True):
    """What would change a recommendation: a quantity, where it is (NaN: no number), where it would have to be, in words."""

    code: ChangeCode
    value: float
    limit: float
    text: str


class RiskParameters(msgspec.Struct, frozen=True, kw_only=True):
    """A trade on the venue's tick. `optimal_entry` is (low, high); `tp_targets` go away from the entry, nearest first.

    `risk_reward_ratio` is TP1 over the stop at the worst edge of the zone, net of costs both ways; `gross_ratio` without.
    `cost_r` is the round trip in units of the stop distance. `fees_exceed_move`: costs are more than the way to TP1, or
    no stop that is allowed makes the ratio acceptable on this ATR while without costs one would.
    """

    side: Side
    optimal_entry: tuple[Decimal, Decimal]
    tp_targets: tuple[Decimal, ...]
    sl_level: Decimal
    risk_reward_ratio: float
    gross_ratio: float
    cost_r: float
    fees_exceed_move: bool

    @property
    def worst_entry(self) -> Decimal:
        """The edge of the zone from which the trade pays least."""
        return self.optimal_entry[1] if self.side == "BUY" else self.optimal_entry[0]

    @property
    def break_even(self) -> float:
        """The P(TP1 before stop) above which the trade pays: (1 + cost_R) / (1 + RR), RR before costs."""
        return (1.0 + self.cost_r) / (1.0 + self.gross_ratio)


class CalibrationParams(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds an analysis used; `source` is the strongest among them, `is_default` that none was fitted or typed."""

    low_gate: float
    high_gate: float
    atr_target: float
    vol_z_threshold: float
    rsi_oversold: float
    rsi_overbought: float
    vwap_multiple: float
    breakout_atr: float
    tp_mult: float
    sl_mult: float
    source: ThresholdSource
    is_default: bool
    expired: bool = False
    expires_ms: int = 0


class QualityMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What the analysis rested on: bars of the recommendation timeframe, detectors that spoke and that warm up, bars
    made up to fill gaps among the newest, days of history behind distributions, how long it took (0 under a simulated clock).
    """

    bars: int
    readings: int
    warming: int
    synthetic_bars: int
    history_days: float
    duration_ms: float


class Analysis(SymbolMessage, frozen=True, kw_only=True):
    """Stage 2: from an alert or a change of state to a recommendation.

    Published as `pending` when it is asked for, then once as `completed`, `skipped` (too late, or asked for again before
    its turn) or `error`. Parts that are not known yet are None. `cause` is what set it off; `reasons` say why this
    recommendation, `changes` what would make it another one. `p_trade` is P(TP1 before stop), `break_even` the p_trade
    above which the trade pays. `narrative` is `narrative_parts` (fact, reason, risk, change) as one text in `language`.
    `validation_passed`: the recommendation is a trade and every input was sound. `expires_ms`: older than this it no
    longer speaks of the market.
    """

    timestamp: int
    stage2_status: Literal["pending", "processing", "completed", "skipped", "error"]
    cause: Literal["alert", "state", "calibration", "operator"]
    timeframe: str = ""
    recommendation: Action | None = None
    side: Side | None = None
    price: float = float("nan")
    market_context: MarketContext | None = None
    anomaly_detection: AnomalyDetection | None = None
    confidence_metrics: ConfidenceMetrics | None = None
    trigger_reasons: tuple[TriggerReason, ...] = ()
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    p_trade: float = float("nan")
    break_even: float = float("nan")
    narrative: str = ""
    narrative_parts: tuple[str, ...] = ()
    language: str = "en"
    validation_passed: bool = False
    risk_parameters: RiskParameters | None = None
    calibration_params: CalibrationParams | None = None
    quality_metrics: QualityMetrics | None = None
    hints: tuple[str, ...] = ()
    error: str = ""
    expires_ms: int = 0
    replayed: bool = False


class ThresholdInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold: its name, smallest and largest value, unit and meaning."""

    name: str
    least: float
    most: float
    unit: str
    about: str


class ThresholdCatalogue(Message, frozen=True, kw_only=True):
    """Every per-asset threshold there is. Published at start and on `Replay`."""

    thresholds: tuple[ThresholdInfo, ...]


class ThresholdsInForce(SymbolMessage, frozen=True, kw_only=True):
    """The thresholds a symbol is watched with, by name, each with its source. Published at every change and on `Replay`.

    `source` is the strongest of `sources`. `expires_ms` 0: nothing of it expires. `blended`: expired, so each fitted
    value stands half way back to its class default. `previous` counts the sets that can be gone back to.
    """

    asset_class: str
    class_hint: str
    values: dict[str, float]
    sources: dict[str, ThresholdSource]
    source: ThresholdSource
    is_default: bool
    since_ms: int
    expires_ms: int
    blended: bool
    previous: int
    at_ms: int


class HitRate(msgspec.Struct, frozen=True, kw_only=True):
    """How often calls of one kind came right. `low` to `high` is the 90 % interval (Wilson, 1927).

    `outcomes` counts calls of a symbol that do not overlap: those that share bars are not several witnesses.
    """

    name: str
    outcomes: int
    hits: int
    rate: float
    low: float
    high: float


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of a reliability diagram: forecast against observed share, with the band a perfect forecaster stays in."""

    forecast: float
    observed: float
    low: float
    high: float
    count: int


class ReliabilityReport(msgspec.Struct, frozen=True, kw_only=True):
    """How honest probabilities were. `ece_noise` is what a perfect forecaster stays below in 95 % of samples this large."""

    outcomes: int
    brier: float
    brier_skill: float
    log_loss: float
    ece: float
    ece_noise: float
    bins: tuple[ReliabilityBin, ...]


class TrackRecord(VenueMessage, frozen=True, kw_only=True):
    """What became of past calls. `calls` were kept, `resolved` of them have an outcome.

    By symbol and by detector: did the symmetric barrier of its side come first? By recommendation (`BUY`, `AVOID`, ...):
    did the trade's target come before its stop? `state BUY` and `state SELL` are changes of state, by their barrier.
    `maps` tells per asset class which score map is in use: `uncalibrated`, `platt`, `beta` or `isotonic`. Of the last 30
    days: `confident` of `analysed` analyses reached the probability that is asked for (`min_confidence`).
    """

    calls: int
    resolved: int
    by_symbol: tuple[HitRate, ...]
    by_detector: tuple[HitRate, ...]
    by_recommendation: tuple[HitRate, ...]
    reliability: ReliabilityReport | None
    maps: dict[str, str]
    analysed: int = 0
    confident: int = 0
    min_confidence: float = float("nan")
    at_ms: int


# --- core.calibration ------------------------------------------------------------------------------------------------


class CalibrationTask(msgspec.Struct, frozen=True, kw_only=True):
    """One asset in the queue. Times in milliseconds; None where the question does not arise.

    `position` is 1 for the first of the waiting tasks; `waited_ms` how long it waits or waited before it started;
    `next_try_ms` of a waiting task the earliest moment it may start, of a failed one when its next could.
    """

    symbol: str
    timeframe: str
    task_id: int
    state: CalibrationState
    priority: CalibrationPriority
    since_ms: int
    position: int | None
    waited_ms: int | None
    next_try_ms: int | None
    expires_ms: int | None
    breaker: BreakerPhase
    failures: int
    partial: bool
    cause: CalibrationCause | None
    reason: str


class CalibrationQueue(VenueMessage, frozen=True, kw_only=True):
    """The queue as it stands: in progress first, then waiting in their order, paused, ended. Published on every move.

    `overall` is the breaker over all assets, `open_breakers` counts assets whose own is not closed. `bars_wanted` is how
    many stored bars a calibration needs. `where`: `local`, or the address of the cluster that computes. `enabled`: as
    settings say; `held`: the operator paused the whole queue.
    """

    tasks: tuple[CalibrationTask, ...]
    waiting: int
    paused: int
    running: int
    slots: int
    done: int
    open_breakers: int
    overall: BreakerPhase
    bars_wanted: int
    where: str
    enabled: bool
    held: bool = False
    at_ms: int


class CalibrationProgress(VenueMessage, frozen=True, kw_only=True):
    """How far a running calibration is: `share` of the whole in [0, 1], `left_s` NaN while it cannot be told."""

    symbol: str
    timeframe: str
    task_id: int
    slot: int
    trial: int
    trials: int
    fold: int
    folds: int
    share: float
    left_s: float
    at_ms: int


class TradeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Closed trades in numbers: rates and drawdown as fractions, expectancy and its lower bound in R. NaN: too few to say."""

    trades: int
    profit_factor: float
    shrunk_profit_factor: float
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    expectancy_r: float
    lower_bound_r: float
    t_value: float
    max_drawdown: float
    trades_per_day: float


class CalibrationFold(msgspec.Struct, frozen=True, kw_only=True):
    """One walk-forward fold: where its test begins and ends (ms), and what the parameters found before it made there."""

    test_from_ms: int
    test_until_ms: int
    trades: int
    expectancy_r: float
    profit_factor: float
    current_expectancy_r: float
    trials: int
    parameters: dict[str, float]


class CalibrationCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of acceptance: what was found, what it was held against, and both in words."""

    code: str
    passed: bool
    found: float
    bound: float
    text: str


class CalibrationReport(VenueMessage, frozen=True, kw_only=True):
    """What a calibration found and what became of it. Out of sample is what counts; in sample is shown beside it.

    `verdict`: `accept` (new thresholds are in force), `keep` (the old ones stay: `reason`), `waiting` (for history) or
    `failed`. `parameters` are the thresholds found, shrunk toward the class default by 1 - `shrunk_lambda`; `previous`
    those in force before. `current` is what the previous ones made on the same test folds. `importance` is by parameter
    and adds to 1. `accepted_by_operator`: the guards said keep, the operator took it all the same.
    """

    symbol: str
    timeframe: str
    verdict: Verdict
    reason: str
    parameters: dict[str, float]
    previous: dict[str, float]
    in_sample: TradeFigures | None
    out_of_sample: TradeFigures | None
    current: TradeFigures | None
    dsr: float
    pbo: float
    folds: int
    trials: int
    seed: int
    seconds: float
    objective: str = ""
    asset_class: str = ""
    bars: int = 0
    bars_missing: int = 0
    from_ms: int = 0
    until_ms: int = 0
    trials_pruned: int = 0
    trials_failed: int = 0
    effective_trials: float = float("nan")
    min_track_record: float = float("nan")
    cost_r: float = float("nan")
    shrunk_lambda: float = 1.0
    partial: bool = False
    fold_table: tuple[CalibrationFold, ...] = ()
    checks: tuple[CalibrationCheck, ...] = ()
    importance: dict[str, float] = {}
    task_id: int = 0
    accepted_by_operator: bool = False
    at_ms: int = 0


# --- core.trading ----------------------------------------------------------------------------------------------------


class GateAnswer(msgspec.Struct, frozen=True):
    """One gate: its code, its short name, whether it lets the order pass, why not, and the numbers it judged by."""

    code: str
    label: str
    allowed: bool
    words: str
    facts: dict[str, str]


class GateReport(SymbolMessage, frozen=True, kw_only=True):
    """Every gate's answer to one order, in the order they were asked."""

    client_id: str
    act: str
    allowed: bool
    answers: tuple[GateAnswer, ...]
    at_ms: int


class EvidenceLine(msgspec.Struct, frozen=True):
    """One piece of evidence of an order, in words, with the channel it came by."""

    at_ms: int
    channel: str
    text: str


class OrderStatus(SymbolMessage, frozen=True, kw_only=True):
    """One order as the manager knows it, published at every change and on `Replay`.

    `kind` is the order type, `price` its limit and `stop_price` its trigger (0: none). `remaining` is what may still fill.
    `reason`: why it ended or was refused, in the venue's words. `quarantine` and `alarms`: codes, empty for none. `evidence`
    is filled while the order is UNKNOWN or in quarantine. `foreign`: not sent by this program; it is shown and never touched.
    """

    client_id: str
    order_id: str
    purpose: Purpose
    parent: str
    side: Side
    kind: str
    quantity: Decimal
    price: Decimal
    stop_price: Decimal
    state: OrderState
    filled: Decimal
    remaining: Decimal
    average_price: Decimal
    fees: tuple[tuple[str, Decimal], ...]
    reduce_only: bool = False
    post_only: bool = False
    time_in_force: str = "GTC"
    trigger_by: str = "LAST"
    reason: str = ""
    quarantine: str = ""
    alarms: tuple[str, ...] = ()
    evidence: tuple[EvidenceLine, ...] = ()
    foreign: bool = False
    created_ms: int
    changed_ms: int


class Execution(SymbolMessage, frozen=True, kw_only=True):
    """A fill of ours, once. Never dropped or conflated."""

    client_id: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int


class StopTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What protects a position, by the venue's word.

    `quantity` is what all its stops together cover, `covered` whether that is the whole position. `distance` is from the
    present price, in percent. `verified_ms`: when the venue last showed it. `deadline_ms`: until then the program tries
    (NAKED, or VERIFIED but met by the price and not filled: then `policy` follows). `client_id` and `order_id` name the
    (nearest) stop order.
    """

    state: StopState
    price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    covered: bool = False
    distance: float = float("nan")
    trigger_by: str = "LAST"
    client_id: str = ""
    order_id: str = ""
    verified_ms: int = 0
    deadline_ms: int = 0
    policy: str = ""
    text: str = ""


class PositionStatus(SymbolMessage, frozen=True, kw_only=True):
    """A position of ours, published at every change, at most a few times a second with prices, and on `Replay`.

    `quantity` is unsigned base; `entry_price` the average of our fills. `price` is what it is worth now (NaN: unknown).
    `result` is net of fees so far, `r_multiple` in units of the risk at entry. `targets`: price, share, reached.
    `liquidation` 0: none. `frozen`: the symbol does not trade. `closed`: over; `dust` is what is too small to sell.
    `planned_stop`: where the stop was when the trade was planned, and how far it may be moved at most (0: not known).
    """

    trade_id: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    price: float
    unrealised: float
    result: float
    r_multiple: float
    stop: StopTruth
    targets: tuple[tuple[Decimal, float, bool], ...] = ()
    targets_at_venue: bool = True
    liquidation: Decimal = Decimal(0)
    liquidation_alert: Literal["none", "near", "urgent"] = "none"
    frozen: bool = False
    closed: bool = False
    dust: Decimal = Decimal(0)
    note: str = ""
    planned_stop: Decimal = Decimal(0)
    opened_ms: int
    at_ms: int


class TradeClosed(SymbolMessage, frozen=True, kw_only=True):
    """A trade is over. Money in the quote currency; `slippage` against the plan, positive is worse; `risked` at entry.

    As it was meant: `planned_entry` (0: at the market), `planned_stop`, `targets` as price and share, the `probability` it
    was judged by (NaN: not known), `by` whom it was opened. `fills`: how many executions it took, in and out.
    `other_fees`: those taken in an asset whose price is not known, by asset; neither `fees` nor `result` counts them.
    `dust`: what was too little to sell, in the base asset; `result` counts it as lost, with what it cost.
    """

    trade_id: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    result: Decimal
    fees: Decimal
    slippage: Decimal
    risked: Decimal
    r_multiple: float
    why: str
    reasons: tuple[str, ...]
    opened_ms: int
    closed_ms: int
    planned_entry: Decimal = Decimal(0)
    planned_stop: Decimal = Decimal(0)
    targets: tuple[tuple[Decimal, float], ...] = ()
    probability: float = float("nan")
    by: str = ""
    fills: int = 0
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    dust: Decimal = Decimal(0)


class Discrepancy(SymbolMessage, frozen=True, kw_only=True):
    """The venue and the journal disagree, or did: `settled`. Never repaired silently."""

    key: str
    kind: Literal["FOREIGN_ORDER", "BALANCE", "POSITION", "UNKNOWN_ORDER"]
    ours: str
    venues: str
    text: str
    settled: bool = False
    first_ms: int
    at_ms: int


class OrderAlarm(SymbolMessage, frozen=True, kw_only=True):
    """Somebody must hear of this. `code` is stable; `text` names the thing, the value and the remedy."""

    code: str
    text: str
    client_id: str = ""
    severity: Severity = "warning"
    at_ms: int


class AccountStatus(VenueMessage, frozen=True, kw_only=True):
    """The account in one line, published at every change and every second while something is open.

    `stream`: of the private stream. `causes`: what stands between the state and ACTIVE. `clock_ms` NaN: not measured.
    Money in `asset`, `drawdown` in percent; NaN: not known yet. `balances`: asset, free, locked. `unknown`, `naked`: how
    many orders, positions.
    """

    mode: Literal["PAPER", "LIVE"]
    account: str
    host: str
    host_kind: HostKind
    armed_until_ms: int
    state: TradingState
    causes: tuple[str, ...]
    stream: Literal["SYNCED", "GAP", "DOWN"]
    journal: str
    asset: str
    equity: float
    free: float
    day_loss: float
    day_limit: float
    drawdown: float
    rate_used: float
    banned_until_ms: int
    positions: int
    open_orders: int
    unknown: int
    naked: int
    discrepancies: int
    balances: tuple[tuple[str, Decimal, Decimal], ...] = ()
    at_ms: int


class HaltReport(VenueMessage, frozen=True, kw_only=True):
    """What a halt did: entries blocked at `blocked_ms`; then each entry's cancel, verified or not, by name."""

    why: str
    asked_ms: int
    blocked_ms: int
    cancelled: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    stops_kept: int = 0
    done: bool = False
    at_ms: int


class Refused(VenueMessage, frozen=True, kw_only=True):
    """A command about orders was not carried out, and why."""

    command: str
    symbol: str
    words: str
    at_ms: int


class AccountOpened(VenueMessage, frozen=True, kw_only=True):
    """Another account is in force from now on: what was told of orders and positions before is no longer of interest."""

    mode: Literal["PAPER", "LIVE"]
    account: str
    host: str
    host_kind: HostKind
    at_ms: int


class SessionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of arming: a stable code, a short name, whether it holds, and what was found, with the remedy."""

    code: str
    label: str
    holds: bool
    words: str


class RecordSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What closed trades come to. Rates are shares, `expectancy` the mean R, `profit_factor` wins over losses (NaN: none).

    `drawdown` is the deepest fall of the summed result from its height, `result` the sum; both in the quote currency.
    """

    trades: int
    wins: int
    win_rate: float
    expectancy: float
    profit_factor: float
    result: Decimal
    fees: Decimal
    drawdown: Decimal
    drawdown_r: float
    since_ms: int


class SessionStatus(VenueMessage, frozen=True, kw_only=True):
    """Paper or real money, and what stands before real orders. Published at every change and on `Replay`.

    `nonce` must come back in `ArmLive`. `checks` are filled once the real account is open. `paper` is the record of the
    simulated account. `program_only`: protections that end with this program. `canary`: the first real order will be one.
    `armed_until_ms` 0: not armed. `words`: why the newest request was refused, empty for none.
    """

    phase: SessionPhase
    mode: Literal["PAPER", "LIVE"]
    account: str
    host: str
    host_kind: HostKind
    nonce: str = ""
    checks: tuple[SessionCheck, ...] = ()
    paper: RecordSummary | None = None
    program_only: tuple[str, ...] = ()
    canary: bool = False
    armed_until_ms: int = 0
    words: str = ""
    at_ms: int


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """What an order can cost. Money in the quote currency, shares of equity; NaN and None: not known.

    `worst` is the loss at the stop with fees and slippage. `exposure` and `heat` are of everything held and pending after
    the order. `gap` is the loss should the price leap `gap_share` through the stop. `stop_fails` and `program_only`: sentences.
    """

    worst: Decimal | None
    worst_share: float
    fees: Decimal | None
    notional: Decimal
    exposure: Decimal | None
    exposure_share: float
    heat_share: float
    heat_limit: float
    liquidation: Decimal | None
    gap: Decimal | None
    gap_share: float
    stop_fails: tuple[str, ...] = ()
    program_only: tuple[str, ...] = ()


class TicketStatus(SymbolMessage, frozen=True, kw_only=True):
    """An order ticket as it stands; at most one is open. Published at every change, every second while open, on `Replay`.

    `nonce` is new with every step and every change of the order, and must come back in `ConfirmTicket`. `entry` is the limit
    price, 0: at the market. `targets`: price and share. `proposed_price` and `reviewed_price` are mids (NaN: none). `why`: the
    argument at this moment; `contrary`: what speaks against it; `thresholds`: whose. `gates` are judged anew while it is open;
    `allowed`: all let it pass. `token` is what must be typed to authorise, `""` before that step. `changes`: what made it
    expire. `words`: what was wrong with the newest answer. `replaces`: the entry it stands in for. `time_in_force` is of a
    limit order, as on the wire.
    """

    ticket_id: str
    kind: TicketKind
    step: TicketStep
    nonce: str
    mode: Literal["PAPER", "LIVE"]
    account: str
    host: str
    host_kind: HostKind
    by: Literal["PROPOSAL", "OPERATOR", "PROGRAM"]
    side: Side
    order_type: Literal["LIMIT", "MARKET"]
    quantity: Decimal
    entry: Decimal
    stop: Decimal
    targets: tuple[tuple[Decimal, float], ...]
    ratio: float
    probability: float
    proposed_price: float
    reviewed_price: float
    why: tuple[str, ...]
    contrary: tuple[str, ...]
    thresholds: str
    gates: tuple[GateAnswer, ...]
    allowed: bool
    consequences: Consequences | None
    token: str = ""
    changes: tuple[str, ...] = ()
    words: str = ""
    replaces: str = ""
    time_in_force: str = "GTC"
    client_id: str = ""
    opened_ms: int
    expires_ms: int
    at_ms: int


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for the operator. Proposals have a rank (1: best), side, confidence, reward to risk and an end.

    `entry` low and high, `stop`, `targets` of a proposal as recommended. `until_ms`: snoozed so long. `client_id`: of a fill.
    """

    item_id: str
    kind: ItemKind
    state: ItemState
    symbol: str
    text: str
    severity: Severity = "info"
    side: Side | None = None
    rank: int = 0
    confidence: float = float("nan")
    ratio: float = float("nan")
    entry: tuple[Decimal, Decimal] | None = None
    stop: Decimal = Decimal(0)
    targets: tuple[Decimal, ...] = ()
    client_id: str = ""
    created_ms: int
    expires_ms: int = 0
    until_ms: int = 0


class Inbox(VenueMessage, frozen=True, kw_only=True):
    """Everything that waits, best and most urgent first, and what was answered a moment ago. Published at every change.

    `opens_itself`: on paper the best proposals are opened without being asked for; `note` says how far that goes.
    """

    items: tuple[InboxItem, ...]
    opens_itself: bool = False
    note: str = ""
    at_ms: int


class TradeHistory(VenueMessage, frozen=True, kw_only=True):
    """Closed trades of the account in force, oldest first, the newest at most, and what all of them come to."""

    mode: Literal["PAPER", "LIVE"]
    account: str
    asset: str
    trades: tuple[TradeClosed, ...]
    summary: RecordSummary
    at_ms: int


class LimitUse(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: how much of it is used. `used` and `limit` as text in one unit; `share` used of it (NaN: not known).

    `code` is the setting's name in `[risk]` where it has one. `used` empty: not known. `words`: what follows when it is
    reached, what holds because it is, or why it is not known; no amounts. `money`: `used` and `limit` are the operator's own.
    """

    code: str
    label: str
    group: str
    used: str
    limit: str
    share: float
    level: UseLevel
    words: str
    money: bool = False


class RiskStatus(VenueMessage, frozen=True, kw_only=True):
    """Every limit with its present use, and what else keeps entries away. Published when it changed, once a second at most.

    `locks`: symbols and why, until when. `waiting`: looser limits that are not in force yet, and from when; each begins with
    the setting, `risk.heat 0.03 → 0.05: ...`.
    """

    state: TradingState
    causes: tuple[str, ...]
    uses: tuple[LimitUse, ...]
    locks: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
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


class KeyPressed(Message, frozen=True):
    """The operator pressed a key, whichever it was: work that can wait gives way for a moment."""


class PinSymbol(Command, frozen=True, kw_only=True):
    """Add a symbol to the watched set, or take it out."""

    symbol: str
    pinned: bool


class Replay(Command, frozen=True, kw_only=True):
    """A screen that starts late asks for the current state: every part publishes its newest messages again."""


class EditThreshold(Command, frozen=True, kw_only=True):
    """Set one threshold of one symbol by hand; `value` as typed. It expires like any other."""

    symbol: str
    name: str
    value: str


class RevertThresholds(Command, frozen=True, kw_only=True):
    """Back to the thresholds a symbol had before the newest change."""

    symbol: str


class Analyse(Command, frozen=True, kw_only=True):
    """Analyse this symbol now, whatever Stage 1 says."""

    symbol: str


class CalibrateNow(Command, frozen=True, kw_only=True):
    """Queue a calibration of this symbol ahead of all that are not urgent."""

    symbol: str


class PauseCalibration(Command, frozen=True, kw_only=True):
    """Hold back a waiting calibration, or let it go on. An empty symbol means the whole queue."""

    symbol: str
    paused: bool


class CancelCalibration(Command, frozen=True, kw_only=True):
    """Take a symbol's waiting or running calibration out of the queue; the thresholds in force stay."""

    symbol: str


class PrioritiseCalibration(Command, frozen=True, kw_only=True):
    """Give a symbol's waiting calibration another priority."""

    symbol: str
    priority: CalibrationPriority


class AcceptCalibration(Command, frozen=True, kw_only=True):
    """Take the thresholds of the newest report of this symbol although the guards kept the old ones."""

    symbol: str


class OpenTrade(Command, frozen=True, kw_only=True):
    """Open a trade on paper: by limit at `entry`, or at the market (0). `quantity` 0: sized by the risk settings.

    `targets` nearest first, `stop` behind the entry. With real money this command is refused: that takes the ceremony.
    """

    symbol: str
    side: Side
    stop: Decimal
    quantity: Decimal = Decimal(0)
    entry: Decimal = Decimal(0)
    targets: tuple[Decimal, ...] = ()
    post_only: bool = False


class CancelOrder(Command, frozen=True, kw_only=True):
    """Cancel one of our orders. A protective stop is not cancelled this way: close the position instead."""

    client_id: str


class ClosePosition(Command, frozen=True, kw_only=True):
    """Close our position in this symbol at the market, or `quantity` of it (0: all)."""

    symbol: str
    quantity: Decimal = Decimal(0)


class Flatten(Command, frozen=True, kw_only=True):
    """Cancel every entry of ours that still works, and close every position of ours at the market."""


class Halt(Command, frozen=True, kw_only=True):
    """No new exposure from now on: entries blocked and cancelled, protective stops kept. Latched."""

    why: str = "operator"


class Resume(Command, frozen=True, kw_only=True):
    """One step back towards ACTIVE: HALTED to REDUCING, REDUCING to ACTIVE, if nothing stands against it."""


class MoveStop(Command, frozen=True, kw_only=True):
    """Put the protective stop of our position elsewhere; never farther from the price than it was planned."""

    symbol: str
    stop: Decimal


class ResolveOrder(Command, frozen=True, kw_only=True):
    """The operator's word about an order nobody else can tell the truth of."""

    client_id: str
    verdict: Resolution
    note: str = ""


class Adopt(Command, frozen=True, kw_only=True):
    """The operator has looked at this discrepancy and accepts the venue's side of it."""

    key: str


class Reconcile(Command, frozen=True, kw_only=True):
    """Compare everything with the venue now."""


class ResetPaper(Command, frozen=True, kw_only=True):
    """Start the simulated account anew with the settings' balance. Refused while a position or order is open."""


class OpenTicket(Command, frozen=True, kw_only=True):
    """Open an order ticket, or come back to the one that is open. Nothing is sent by it.

    With `proposal` (id of an inbox item) prices are the recommendation's. What is left out (None, 0, empty) is filled in: side
    and prices from the newest recommendation of the symbol, else from its volatility. `replaces`: client id of a working entry.
    """

    symbol: str
    side: Side | None = None
    proposal: str = ""
    entry: Decimal = Decimal(0)
    stop: Decimal = Decimal(0)
    targets: tuple[Decimal, ...] = ()
    quantity: Decimal = Decimal(0)
    replaces: str = ""


class EditTicket(Command, frozen=True, kw_only=True):
    """Change one part of the open ticket, as typed; it is reviewed from the beginning. `type` takes LIMIT or MARKET."""

    ticket_id: str
    part: TicketField
    value: str


class RefreshTicket(Command, frozen=True, kw_only=True):
    """Plan the ticket anew with the prices and limits of now; it is reviewed from the beginning."""

    ticket_id: str


class ConfirmTicket(Command, frozen=True, kw_only=True):
    """Yes to the step that is shown. `typed`: the quantity, or the token, where the step asks for it."""

    ticket_id: str
    step: TicketStep
    nonce: str
    typed: str = ""


class CloseTicket(Command, frozen=True, kw_only=True):
    """Give the ticket up. Nothing was sent, or what was sent lives on as an order."""

    ticket_id: str


class AnswerItem(Command, frozen=True, kw_only=True):
    """The operator has seen an item of the inbox. SNOOZED: it comes back after `minutes` (0: as the settings say)."""

    item_id: str
    answer: Answer
    minutes: float = 0.0


class ConnectLive(Command, frozen=True, kw_only=True):
    """Open the real account: read keys, connect, compare. Nothing may be sent yet. The simulated account stands still."""


class CheckLive(Command, frozen=True, kw_only=True):
    """Look anew at everything that must hold before real orders."""


class ArmLive(Command, frozen=True, kw_only=True):
    """Allow real entries for a limited time. `typed` is the word, `nonce` that of the checks that were shown."""

    nonce: str
    typed: str


class GoPaper(Command, frozen=True, kw_only=True):
    """No real entries from this moment on; the simulated account as soon as nothing of ours is open at the venue."""
