"""Typed settings: every knob with its default, range and meaning. `settings.toml` at the root shows them all.

Layers, later wins: these defaults, the settings file, the environment (`TRADETUI_<SECTION>__<KEY>`), live edits
(`overrides.toml`). Loading lives in `core/settings_load.py`, live editing in `core/settings_live.py`; both check values by
`core/settings_check.py`, so that one rule holds everywhere. Secrets never live in settings.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from core.messages import EventKind
from core.settings_knob import Timeframe, about
from core.settings_risk import RiskSettings
from core.settings_screening import Calibration, Screening
from core.settings_trading import Paper, Trading

Sort = Literal[
    "symbol", "price", "change_state", "change_1h", "change_24h", "volume", "spread", "atr", "rsi", "volume_z", "regime",
    "signal", "state", "probability", "recommendation", "confidence", "target", "stop", "why", "smc", "classic", "families",
    "gate", "calibration", "bar_age", "age",
]  # fmt: skip
Column = Literal[
    "price", "change_state", "change_1h", "change_24h", "bid", "ask", "volume", "spread", "atr", "rsi", "volume_z",
    "regime", "last_bars", "signal", "state", "probability", "recommendation", "confidence", "target", "stop", "smc",
    "classic", "families", "gate", "why", "against", "calibration", "bar_age", "age",
]  # fmt: skip
GROUPS: tuple[str, ...] = ("all", "buy", "sell", "hold", "alerts", "stale", "halted")
"""The watchlist's own groups; `[groups]` adds more."""


class Market(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to watch."""

    venue: Annotated[Literal["binance_us", "bybit", "recorded", "sandbox"], about("The venue to watch.")] = "binance_us"
    category: Annotated[Literal["spot", "linear"], about("Market of the venue; linear (perpetuals) on bybit.")] = "spot"
    pinned: Annotated[tuple[str, ...], about("Symbols always watched, in the venue's spelling.")] = ()
    watch: Annotated[int, about("How many symbols to watch, pinned ones included.", ge=1, le=500)] = 60
    quote_assets: Annotated[tuple[str, ...], about("Only instruments quoted in these assets are prefiltered.")] = (
        "USDT",
        "USD",
    )
    min_quote_volume: Annotated[float, about("Smallest 24 h quote volume for the prefilter.", ge=0)] = 10_000.0
    include_halted: Annotated[bool, about("Also prefilter instruments that do not trade at the moment.")] = False
    volatility_weight: Annotated[
        float, about("Prefilter rank: 0 is volume alone, 1 is 24 h range alone.", ge=0, le=1)
    ] = 0.3
    refresh_minutes: Annotated[float, about("How often the prefilter runs again.", ge=1, le=1440)] = 10.0
    timeframes: Annotated[tuple[Timeframe, ...], about("Candle timeframes, shortest first; 1m is required.")] = (
        "1m",
        "5m",
        "15m",
        "1h",
    )
    decision_timeframe: Annotated[Timeframe, about("Confluence decides on closed bars of this timeframe.")] = "5m"
    reference_symbol: Annotated[str, about("Market reference; empty: the venue's BTC pair, USDT or USD.")] = ""
    recorded_path: Annotated[str, about("Venue `recorded`: raw stream file or candle folder to play.")] = ""
    recorded_speed: Annotated[float, about("Venue `recorded`: speed of play, 1 is real time.", ge=0.01, le=100_000)] = (
        1.0
    )


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Candles in memory and on disk."""

    bars: Annotated[int, about("Bars loaded per timeframe at start.", ge=300, le=2000)] = 1500
    daily_bars: Annotated[int, about("Daily bars loaded at start; levels look back 34 days.", ge=2, le=1000)] = 40
    memory_bars: Annotated[int, about("Bars kept in memory per symbol and timeframe.", ge=500, le=20_000)] = 2000
    store_bars: Annotated[
        int, about("One-minute bars kept on disk per symbol; 0 turns the fill off.", ge=0, le=1_000_000)
    ] = 45_000
    store_max_mb: Annotated[int, about("Upper bound of the candle store on disk.", ge=50, le=1_000_000)] = 4000
    parallel_requests: Annotated[int, about("History requests under way at once.", ge=1, le=32)] = 6
    fill_share: Annotated[float, about("Share of the rate budget the background fill may use.", ge=0.01, le=0.9)] = 0.25


class Feed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Streams: batching, freshness, reconnecting."""

    batch_s: Annotated[float, about("Micro-batch of quotes and trades per symbol.", ge=0.05, le=5)] = 0.25
    kline_batch_s: Annotated[float, about("Micro-batch of forming candles per symbol.", ge=0.05, le=10)] = 1.0
    close_grace_s: Annotated[
        float, about("A bar without the venue's close flag closes this long after its end.", ge=0.1, le=30)
    ] = 3.0
    stale_factor: Annotated[float, about("A channel is stale after this many times its usual gap.", ge=2, le=100)] = 8.0
    stale_floor_s: Annotated[float, about("... but never sooner than this.", ge=0.5, le=600)] = 10.0
    stale_ceiling_s: Annotated[
        float, about("... and at the latest after this, once its habit is known.", ge=5, le=3600)
    ] = 120.0
    silence_s: Annotated[float, about("No frame at all for this long: the socket is dead.", ge=2, le=600)] = 30.0
    ping_s: Annotated[float, about("Keep-alive ping interval (Bybit asks for 20 s).", ge=1, le=60)] = 20.0
    connect_timeout_s: Annotated[float, about("Longest wait for a connection.", ge=0.5, le=60)] = 10.0
    backoff_first_s: Annotated[float, about("First wait before reconnecting.", ge=0.05, le=60)] = 1.0
    backoff_cap_s: Annotated[float, about("Longest wait before reconnecting.", ge=0.1, le=600)] = 60.0
    rotate_hours: Annotated[
        float, about("A socket is replaced after this long (venues cut at 24 h).", ge=0.001, le=24)
    ] = 23.0
    poll_s: Annotated[float, about("REST polling interval while a socket is down.", ge=1, le=600)] = 5.0
    book_levels: Annotated[Literal[50, 200, 1000], about("Depth of the Bybit book topic.")] = 50
    book_snapshot_levels: Annotated[
        Literal[100, 500, 1000], about("Depth of a Binance book snapshot (costs 5, 25 or 50 of the rate limit).")
    ] = 100
    max_frame_bytes: Annotated[int, about("Larger frames are dropped and counted.", ge=10_000, le=50_000_000)] = (
        4_000_000
    )
    streams_per_socket: Annotated[int, about("Streams on one connection before another is opened.", ge=10, le=1024)] = (
        400
    )


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hosts and transport. Empty URLs mean the venue's own."""

    proxy: Annotated[str, about("HTTP proxy for REST and streams; empty: none.")] = ""
    compression: Annotated[bool, about("Compress WebSocket frames (costs CPU).")] = False
    uvloop: Annotated[bool, about("Use uvloop where it is installed.")] = True
    rest_timeout_s: Annotated[float, about("Longest wait for one REST answer.", ge=0.5, le=120)] = 10.0
    rest_budget_share: Annotated[float, about("Share of the venue's rate limit we allow ourselves.", ge=0.05, le=1)] = (
        0.8
    )
    binance_us_rest: Annotated[str, about("Binance.US REST base URL.")] = ""
    binance_us_stream: Annotated[str, about("Binance.US stream base URL.")] = ""
    bybit_rest: Annotated[str, about("Bybit REST base URL.")] = ""
    bybit_stream: Annotated[str, about("Bybit public stream base URL, without the category.")] = ""


class ConfluenceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How readings become a state."""

    enter: Annotated[float, about("A state begins at this probability.", ge=0, le=1)] = 0.60
    exit: Annotated[float, about("... and ends at this one; must be below enter.", ge=0, le=1)] = 0.45
    cooldown_s: Annotated[float, about("No change of state for this long after one.", ge=0, le=86_400)] = 300.0
    prior_m: Annotated[float, about("Uncalibrated map: p = 0.5 + 0.5 m * evidence.", ge=0.01, le=1)] = 0.2
    base_rate: Annotated[float, about("P(up) without evidence.", ge=0.05, le=0.95)] = 0.5
    family: Annotated[
        Literal["mean", "shrink"],
        about(
            "Detectors of one family: mean of all that could speak (before outcomes exist), or shrunk by within_rho."
        ),
    ] = "mean"
    within_rho: Annotated[float, about("Correlation of detectors of one family.", ge=0, le=0.99)] = 0.6
    between_rho: Annotated[float, about("Correlation between families.", ge=0, le=0.99)] = 0.2
    stale_bars: Annotated[float, about("Data older than this many bars forces HOLD.", ge=1, le=100)] = 3.0


class Detectors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which detectors vote, and their thresholds."""

    off: Annotated[tuple[str, ...], about("Detectors that do not vote.")] = ()
    ema_gap_atr: Annotated[float, about("ema_cross: gap of EMA9 and EMA21 that counts, in ATR.", ge=0, le=5)] = 0.10
    adx_min: Annotated[float, about("adx_di: smallest ADX that counts.", ge=5, le=60)] = 20.0
    macd_saturation_atr: Annotated[float, about("macd: histogram in ATR at which the score is 1.", ge=0.01, le=5)] = (
        0.25
    )
    rsi_oversold: Annotated[float, about("rsi_static: oversold below this.", ge=1, le=49)] = 30.0
    rsi_overbought: Annotated[float, about("rsi_static: overbought above this.", ge=51, le=99)] = 70.0
    boll_z: Annotated[
        float, about("boll: distance from the mean that counts, in standard deviations.", ge=0.5, le=6)
    ] = 2.0
    donchian_bars: Annotated[int, about("donchian: bars of the channel.", ge=5, le=200)] = 20
    stoch_low: Annotated[float, about("stoch: oversold below this; overbought above 100 minus this.", ge=1, le=49)] = (
        20.0
    )
    cci_limit: Annotated[float, about("cci: beyond plus or minus this; full score at twice that.", ge=50, le=400)] = (
        100.0
    )
    willr_low: Annotated[float, about("willr: oversold below minus 100 plus this.", ge=1, le=49)] = 20.0
    mfi_low: Annotated[float, about("mfi: oversold below this; overbought above 100 minus this.", ge=6, le=49)] = 20.0
    rsi_div_points: Annotated[float, about("rsi_div: RSI points between the two pivots.", ge=0.5, le=20)] = 2.0
    squeeze_bars: Annotated[int, about("squeeze: bars inside the Keltner channel before it counts.", ge=2, le=60)] = 6
    vwap_z: Annotated[
        float, about("vwap_dev, vwap_trend: distance from the 30-bar VWAP, in deviations.", ge=0.5, le=6)
    ] = 2.0
    volume_z: Annotated[float, about("vol_spike: robust volume z that counts.", ge=1, le=10)] = 3.0
    cmf_min: Annotated[float, about("cmf: Chaikin money flow that counts.", ge=0, le=0.2)] = 0.05
    candle_atr: Annotated[float, about("candle: farthest from a level, in ATR.", ge=0.05, le=3)] = 0.5
    natr_low_share: Annotated[
        float, about("atr_gate: too quiet below this share of its own last 1,000 NATR values.", ge=0, le=0.5)
    ] = 0.10
    natr_high_share: Annotated[
        float, about("atr_gate: too volatile above this share of its own last 1,000 NATR values.", ge=0.5, le=1)
    ] = 0.95
    smc_mode: Annotated[
        Literal["trend", "smc"],
        about("Structure: trend breaks of the last swing, or smc, the four-swing pattern without size filters."),
    ] = "trend"
    swing_length: Annotated[
        int, about("Bars after a pivot that confirm it; 0: 5 below one hour, 3 from there on.", ge=0, le=200)
    ] = 0
    fvg_min_atr: Annotated[float, about("smc_fvg: smallest gap, in ATR.", ge=0, le=3)] = 0.1
    equal_atr: Annotated[float, about("smc_sweep: swings this near are equal highs or lows, in ATR.", ge=0, le=2)] = (
        0.15
    )
    displacement_atr: Annotated[float, about("smc_displacement: smallest 3-bar move, in ATR.", ge=0.5, le=10)] = 1.5


class Screen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it looks."""

    theme: Annotated[str, about("Theme file name without .toml.")] = "desk-dark"
    glyphs: Annotated[Literal["auto", "unicode", "ascii"], about("Glyph set; auto asks the locale.")] = "auto"
    mouse: Annotated[bool, about("Mouse tracking (costs bandwidth over SSH).")] = False
    flush_hz: Annotated[float, about("Screen updates per second at most.", ge=0.5, le=4)] = 4.0
    row_repaint_s: Annotated[float, about("A row's prices repaint at most this often.", ge=0.25, le=10)] = 1.0
    sort: Annotated[
        Sort, about("Sort of the watchlist: largest first, words from A to Z. The last choice is kept.")
    ] = "volume"
    reverse: Annotated[bool, about("Sort turned round: smallest first, words from Z to A.")] = False
    columns: Annotated[
        tuple[Column, ...],
        about("Watchlist columns in this order; empty: as many as fit, by importance. `C` on the watchlist chooses."),
    ] = ()
    times: Annotated[Literal["utc", "local"], about("Times of the screens: UTC, or the time zone of $TZ.")] = "utc"
    private: Annotated[bool, about("Hide the operator's own amounts of money.")] = False


class EventRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[events.rules]]` table: what to do when an event matches all of kind, symbol, level and text."""

    kind: Annotated[Literal["any", EventKind], about("Kind of event.")] = "any"
    symbol: Annotated[str, about("Symbol, * and ? allowed; empty: any.")] = ""
    level: Annotated[Literal["info", "warning", "error"], about("Smallest severity.")] = "info"
    text: Annotated[str, about("Only events whose text holds this, whatever the case; empty: any.")] = ""
    do: Annotated[tuple[Literal["bell", "notify", "run"], ...], about("What to do.")] = ("bell",)
    run: Annotated[
        tuple[str, ...],
        about("For `run`: program and arguments; {text} {symbol} {kind} {severity} {time} are put in. No shell."),
    ] = ()
    every_s: Annotated[float, about("At most once in so many seconds.", ge=1, le=86_400)] = 60.0

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with values that are allowed one by one: (key, what to do)."""
        wrong = []
        if not self.do:
            wrong.append(("do", "is empty; name bell, notify or run, or take the rule out"))
        if "run" in self.do and not (self.run and self.run[0].strip()):
            wrong.append(("run", 'names no program; write run = ["program", "{text}"] or take run out of do'))
        if self.run and self.do and "run" not in self.do:
            wrong.append(("run", 'would never run; add "run" to do or take it out'))
        return wrong


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Diagnostics: one rotating file, never the terminal."""

    level: Annotated[Literal["debug", "info", "warning", "error"], about("Smallest level written.")] = "info"
    max_mb: Annotated[float, about("Size at which the file rotates.", ge=0.1, le=1000)] = 10.0
    files: Annotated[int, about("Rotated files kept.", ge=1, le=50)] = 5


class Events(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The event log on disk."""

    max_mb: Annotated[float, about("Size at which the JSON-lines file rotates.", ge=0.1, le=1000)] = 10.0
    files: Annotated[int, about("Rotated JSON-lines files kept.", ge=1, le=50)] = 5
    keep_days: Annotated[float, about("Events older than this leave the store.", ge=1, le=3650)] = 90.0
    shown: Annotated[int, about("Events kept for the screen.", ge=100, le=100_000)] = 2000
    rules: Annotated[
        tuple[EventRule, ...],
        about("What rings the bell, notifies the terminal or runs a program."),
    ] = ()


class Sandbox(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded exchange of the demo."""

    seed: Annotated[int, about("Seed of the market; the same seed is the same market.", ge=0, le=2**31 - 1)] = 7
    symbols: Annotated[int, about("Symbols of the seeded market.", ge=5, le=500)] = 60
    venue: Annotated[Literal["binance_us", "bybit"], about("Whose protocol the demo speaks.")] = "binance_us"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. Immutable; a live edit makes a new one."""

    market: Market = field(default_factory=Market)
    history: History = field(default_factory=History)
    feed: Feed = field(default_factory=Feed)
    network: Network = field(default_factory=Network)
    confluence: ConfluenceSettings = field(default_factory=ConfluenceSettings)
    detectors: Detectors = field(default_factory=Detectors)
    screen: Screen = field(default_factory=Screen)
    keys: Annotated[dict[str, str], about("Own keys: action id = comma list of keys. `?` shows the ids.")] = field(
        default_factory=dict
    )
    groups: Annotated[
        dict[str, str],
        about('Own groups of the watchlist: majors = "BTC, ETH, SOL*": symbols or base assets, * and ? allowed.'),
    ] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    events: Events = field(default_factory=Events)
    screening: Screening = field(default_factory=Screening)
    calibration: Calibration = field(default_factory=Calibration)
    trading: Trading = field(default_factory=Trading)
    paper: Paper = field(default_factory=Paper)
    risk: RiskSettings = field(default_factory=RiskSettings)
    sandbox: Sandbox = field(default_factory=Sandbox)
