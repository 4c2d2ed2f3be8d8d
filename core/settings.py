"""Typed settings: every knob with its default, range and meaning. `settings.toml` at the root shows them all.

Layers, later wins: these defaults, the settings file, the environment (`TRADETUI_<SECTION>__<KEY>`), live edits
(`overrides.toml`). Loading lives in `core/settings_load.py`, live editing in `core/settings_live.py`; both check values by
`core/settings_check.py`, so that one rule holds everywhere. Secrets never live in settings.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from core.messages import EventKind

Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"]
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


def _about(text: str, *, ge: float | None = None, le: float | None = None) -> Meta:
    """Description and inclusive range of one knob."""
    return Meta(description=text, ge=ge, le=le)


class Market(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to watch."""

    venue: Annotated[Literal["binance_us", "bybit", "recorded", "sandbox"], _about("The venue to watch.")] = (
        "binance_us"
    )
    category: Annotated[Literal["spot", "linear"], _about("Market of the venue; linear (perpetuals) on bybit.")] = (
        "spot"
    )
    pinned: Annotated[tuple[str, ...], _about("Symbols always watched, in the venue's spelling.")] = ()
    watch: Annotated[int, _about("How many symbols to watch, pinned ones included.", ge=1, le=500)] = 60
    quote_assets: Annotated[tuple[str, ...], _about("Only instruments quoted in these assets are prefiltered.")] = (
        "USDT",
        "USD",
    )
    min_quote_volume: Annotated[float, _about("Smallest 24 h quote volume for the prefilter.", ge=0)] = 10_000.0
    include_halted: Annotated[bool, _about("Also prefilter instruments that do not trade at the moment.")] = False
    volatility_weight: Annotated[
        float, _about("Prefilter rank: 0 is volume alone, 1 is 24 h range alone.", ge=0, le=1)
    ] = 0.3
    refresh_minutes: Annotated[float, _about("How often the prefilter runs again.", ge=1, le=1440)] = 10.0
    timeframes: Annotated[tuple[Timeframe, ...], _about("Candle timeframes, shortest first; 1m is required.")] = (
        "1m",
        "5m",
        "15m",
        "1h",
    )
    decision_timeframe: Annotated[Timeframe, _about("Confluence decides on closed bars of this timeframe.")] = "5m"
    reference_symbol: Annotated[str, _about("Market reference; empty: the venue's BTC pair, USDT or USD.")] = ""
    recorded_path: Annotated[str, _about("Venue `recorded`: raw stream file or candle folder to play.")] = ""
    recorded_speed: Annotated[
        float, _about("Venue `recorded`: speed of play, 1 is real time.", ge=0.01, le=100_000)
    ] = 1.0


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Candles in memory and on disk."""

    bars: Annotated[int, _about("Bars loaded per timeframe at start.", ge=300, le=2000)] = 1500
    daily_bars: Annotated[int, _about("Daily bars loaded at start; levels look back 34 days.", ge=2, le=1000)] = 40
    memory_bars: Annotated[int, _about("Bars kept in memory per symbol and timeframe.", ge=500, le=20_000)] = 2000
    store_bars: Annotated[
        int, _about("One-minute bars kept on disk per symbol; 0 turns the fill off.", ge=0, le=1_000_000)
    ] = 45_000
    store_max_mb: Annotated[int, _about("Upper bound of the candle store on disk.", ge=50, le=1_000_000)] = 4000
    parallel_requests: Annotated[int, _about("History requests under way at once.", ge=1, le=32)] = 6
    fill_share: Annotated[float, _about("Share of the rate budget the background fill may use.", ge=0.01, le=0.9)] = (
        0.25
    )


class Feed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Streams: batching, freshness, reconnecting."""

    batch_s: Annotated[float, _about("Micro-batch of quotes and trades per symbol.", ge=0.05, le=5)] = 0.25
    kline_batch_s: Annotated[float, _about("Micro-batch of forming candles per symbol.", ge=0.05, le=10)] = 1.0
    close_grace_s: Annotated[
        float, _about("A bar without the venue's close flag closes this long after its end.", ge=0.1, le=30)
    ] = 3.0
    stale_factor: Annotated[float, _about("A channel is stale after this many times its usual gap.", ge=2, le=100)] = (
        8.0
    )
    stale_floor_s: Annotated[float, _about("... but never sooner than this.", ge=0.5, le=600)] = 10.0
    stale_ceiling_s: Annotated[
        float, _about("... and at the latest after this, once its habit is known.", ge=5, le=3600)
    ] = 120.0
    silence_s: Annotated[float, _about("No frame at all for this long: the socket is dead.", ge=2, le=600)] = 30.0
    ping_s: Annotated[float, _about("Keep-alive ping interval (Bybit asks for 20 s).", ge=1, le=60)] = 20.0
    connect_timeout_s: Annotated[float, _about("Longest wait for a connection.", ge=0.5, le=60)] = 10.0
    backoff_first_s: Annotated[float, _about("First wait before reconnecting.", ge=0.05, le=60)] = 1.0
    backoff_cap_s: Annotated[float, _about("Longest wait before reconnecting.", ge=0.1, le=600)] = 60.0
    rotate_hours: Annotated[
        float, _about("A socket is replaced after this long (venues cut at 24 h).", ge=0.001, le=24)
    ] = 23.0
    poll_s: Annotated[float, _about("REST polling interval while a socket is down.", ge=1, le=600)] = 5.0
    book_levels: Annotated[Literal[50, 200, 1000], _about("Depth of the Bybit book topic.")] = 50
    book_snapshot_levels: Annotated[
        Literal[100, 500, 1000], _about("Depth of a Binance book snapshot (costs 5, 25 or 50 of the rate limit).")
    ] = 100
    max_frame_bytes: Annotated[int, _about("Larger frames are dropped and counted.", ge=10_000, le=50_000_000)] = (
        4_000_000
    )
    streams_per_socket: Annotated[
        int, _about("Streams on one connection before another is opened.", ge=10, le=1024)
    ] = 400


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hosts and transport. Empty URLs mean the venue's own."""

    proxy: Annotated[str, _about("HTTP proxy for REST and streams; empty: none.")] = ""
    compression: Annotated[bool, _about("Compress WebSocket frames (costs CPU).")] = False
    uvloop: Annotated[bool, _about("Use uvloop where it is installed.")] = True
    rest_timeout_s: Annotated[float, _about("Longest wait for one REST answer.", ge=0.5, le=120)] = 10.0
    rest_budget_share: Annotated[
        float, _about("Share of the venue's rate limit we allow ourselves.", ge=0.05, le=1)
    ] = 0.8
    binance_us_rest: Annotated[str, _about("Binance.US REST base URL.")] = ""
    binance_us_stream: Annotated[str, _about("Binance.US stream base URL.")] = ""
    bybit_rest: Annotated[str, _about("Bybit REST base URL.")] = ""
    bybit_stream: Annotated[str, _about("Bybit public stream base URL, without the category.")] = ""


class ConfluenceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How readings become a state."""

    enter: Annotated[float, _about("A state begins at this probability.", ge=0, le=1)] = 0.60
    exit: Annotated[float, _about("... and ends at this one; must be below enter.", ge=0, le=1)] = 0.45
    cooldown_s: Annotated[float, _about("No change of state for this long after one.", ge=0, le=86_400)] = 300.0
    prior_m: Annotated[float, _about("Uncalibrated map: p = 0.5 + 0.5 m * evidence.", ge=0.01, le=1)] = 0.2
    base_rate: Annotated[float, _about("P(up) without evidence.", ge=0.05, le=0.95)] = 0.5
    family: Annotated[
        Literal["mean", "shrink"],
        _about(
            "Detectors of one family: mean of all that could speak (before outcomes exist), or shrunk by within_rho."
        ),
    ] = "mean"
    within_rho: Annotated[float, _about("Correlation of detectors of one family.", ge=0, le=0.99)] = 0.6
    between_rho: Annotated[float, _about("Correlation between families.", ge=0, le=0.99)] = 0.2
    stale_bars: Annotated[float, _about("Data older than this many bars forces HOLD.", ge=1, le=100)] = 3.0


class Detectors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which detectors vote, and their thresholds."""

    off: Annotated[tuple[str, ...], _about("Detectors that do not vote.")] = ()
    ema_gap_atr: Annotated[float, _about("ema_cross: gap of EMA9 and EMA21 that counts, in ATR.", ge=0, le=5)] = 0.10
    adx_min: Annotated[float, _about("adx_di: smallest ADX that counts.", ge=5, le=60)] = 20.0
    macd_saturation_atr: Annotated[float, _about("macd: histogram in ATR at which the score is 1.", ge=0.01, le=5)] = (
        0.25
    )
    rsi_oversold: Annotated[float, _about("rsi_static: oversold below this.", ge=1, le=49)] = 30.0
    rsi_overbought: Annotated[float, _about("rsi_static: overbought above this.", ge=51, le=99)] = 70.0
    boll_z: Annotated[
        float, _about("boll: distance from the mean that counts, in standard deviations.", ge=0.5, le=6)
    ] = 2.0
    donchian_bars: Annotated[int, _about("donchian: bars of the channel.", ge=5, le=200)] = 20
    stoch_low: Annotated[float, _about("stoch: oversold below this; overbought above 100 minus this.", ge=1, le=49)] = (
        20.0
    )
    cci_limit: Annotated[float, _about("cci: beyond plus or minus this; full score at twice that.", ge=50, le=400)] = (
        100.0
    )
    willr_low: Annotated[float, _about("willr: oversold below minus 100 plus this.", ge=1, le=49)] = 20.0
    mfi_low: Annotated[float, _about("mfi: oversold below this; overbought above 100 minus this.", ge=6, le=49)] = 20.0
    rsi_div_points: Annotated[float, _about("rsi_div: RSI points between the two pivots.", ge=0.5, le=20)] = 2.0
    squeeze_bars: Annotated[int, _about("squeeze: bars inside the Keltner channel before it counts.", ge=2, le=60)] = 6
    vwap_z: Annotated[
        float, _about("vwap_dev, vwap_trend: distance from the 30-bar VWAP, in deviations.", ge=0.5, le=6)
    ] = 2.0
    volume_z: Annotated[float, _about("vol_spike: robust volume z that counts.", ge=1, le=10)] = 3.0
    cmf_min: Annotated[float, _about("cmf: Chaikin money flow that counts.", ge=0, le=0.2)] = 0.05
    candle_atr: Annotated[float, _about("candle: farthest from a level, in ATR.", ge=0.05, le=3)] = 0.5
    natr_low_share: Annotated[
        float, _about("atr_gate: too quiet below this share of its own last 1,000 NATR values.", ge=0, le=0.5)
    ] = 0.10
    natr_high_share: Annotated[
        float, _about("atr_gate: too volatile above this share of its own last 1,000 NATR values.", ge=0.5, le=1)
    ] = 0.95
    smc_mode: Annotated[
        Literal["trend", "smc"],
        _about("Structure: trend breaks of the last swing, or smc, the four-swing pattern without size filters."),
    ] = "trend"
    swing_length: Annotated[
        int, _about("Bars after a pivot that confirm it; 0: 5 below one hour, 3 from there on.", ge=0, le=200)
    ] = 0
    fvg_min_atr: Annotated[float, _about("smc_fvg: smallest gap, in ATR.", ge=0, le=3)] = 0.1
    equal_atr: Annotated[float, _about("smc_sweep: swings this near are equal highs or lows, in ATR.", ge=0, le=2)] = (
        0.15
    )
    displacement_atr: Annotated[float, _about("smc_displacement: smallest 3-bar move, in ATR.", ge=0.5, le=10)] = 1.5


class Screen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it looks."""

    theme: Annotated[str, _about("Theme file name without .toml.")] = "desk-dark"
    glyphs: Annotated[Literal["auto", "unicode", "ascii"], _about("Glyph set; auto asks the locale.")] = "auto"
    mouse: Annotated[bool, _about("Mouse tracking (costs bandwidth over SSH).")] = False
    flush_hz: Annotated[float, _about("Screen updates per second at most.", ge=0.5, le=4)] = 4.0
    row_repaint_s: Annotated[float, _about("A row's prices repaint at most this often.", ge=0.25, le=10)] = 1.0
    sort: Annotated[
        Sort, _about("Sort of the watchlist: largest first, words from A to Z. The last choice is kept.")
    ] = "volume"
    reverse: Annotated[bool, _about("Sort turned round: smallest first, words from Z to A.")] = False
    columns: Annotated[
        tuple[Column, ...],
        _about("Watchlist columns in this order; empty: as many as fit, by importance. `C` on the watchlist chooses."),
    ] = ()
    times: Annotated[Literal["utc", "local"], _about("Times of the screens: UTC, or the time zone of $TZ.")] = "utc"
    private: Annotated[bool, _about("Hide the operator's own amounts of money.")] = False


class EventRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[events.rules]]` table: what to do when an event matches all of kind, symbol, level and text."""

    kind: Annotated[Literal["any", EventKind], _about("Kind of event.")] = "any"
    symbol: Annotated[str, _about("Symbol, * and ? allowed; empty: any.")] = ""
    level: Annotated[Literal["info", "warning", "error"], _about("Smallest severity.")] = "info"
    text: Annotated[str, _about("Only events whose text holds this, whatever the case; empty: any.")] = ""
    do: Annotated[tuple[Literal["bell", "notify", "run"], ...], _about("What to do.")] = ("bell",)
    run: Annotated[
        tuple[str, ...],
        _about("For `run`: program and arguments; {text} {symbol} {kind} {severity} {time} are put in. No shell."),
    ] = ()
    every_s: Annotated[float, _about("At most once in so many seconds.", ge=1, le=86_400)] = 60.0

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


class Screening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alerts (Stage 1, on closed one-minute bars) and recommendations (Stage 2)."""

    min_reasons_for_alert: Annotated[
        int, _about("Distinct families of triggers that make an alert; an asset class may ask otherwise.", ge=1, le=5)
    ] = 2
    cooldown_s: Annotated[
        float, _about("A symbol alerts again after this long, sooner only with a new family.", ge=0, le=86_400)
    ] = 300.0
    alerts_per_hour: Annotated[
        int, _about("Alerts of all symbols together in 60 minutes, the strongest first; 0: none.", ge=0, le=1000)
    ] = 6
    min_volume_usd: Annotated[float, _about("Smallest 24 h quote volume of a market that may alert.", ge=0)] = 10_000.0
    min_natr_percent: Annotated[
        float,
        _about("Smallest ATR14 of one-hour bars, in percent of the price, of a market that may alert.", ge=0, le=20),
    ] = 0.2
    exclude_hours: Annotated[tuple[int, ...], _about("Hours of the day (UTC, 0 to 23) without alerts.")] = ()
    preferred_hours: Annotated[
        int,
        _about("How many of its most liquid hours a symbol prefers, learnt from the store; 0: no hint.", ge=0, le=24),
    ] = 12
    timeframe: Annotated[Timeframe, _about("Recommendations take trend, levels and ATR from this timeframe.")] = "15m"
    min_confidence: Annotated[
        float, _about("Smallest probability of a BUY or SELL, after penalties.", ge=0.5, le=1)
    ] = 0.54
    min_cluster: Annotated[int, _about("Factors that must confirm a BUY or SELL.", ge=1, le=9)] = 4
    min_ratio: Annotated[float, _about("Smallest reward to risk after costs.", ge=0.1, le=20)] = 2.0
    high_risk_below: Annotated[
        float, _about("Unusual volatility needs this probability, or is avoided.", ge=0.5, le=1)
    ] = 0.60
    shorts: Annotated[
        Literal["auto", "on", "off"], _about("SELL recommendations; auto: only where the market can be sold short.")
    ] = "auto"
    spot_fee_percent: Annotated[float, _about("Taker fee per side on spot, in percent.", ge=0, le=5)] = 0.10
    linear_fee_percent: Annotated[float, _about("Taker fee per side on perpetuals, in percent.", ge=0, le=5)] = 0.055
    trade_notional: Annotated[
        float, _about("Size of a trade in the quote currency, for its slippage.", ge=1, le=100_000_000)
    ] = 1000.0
    min_stop_ticks: Annotated[int, _about("A stop is never nearer than so many ticks.", ge=1, le=1000)] = 4
    language: Annotated[Literal["en", "pt", "uk"], _about("Language of the narratives.")] = "en"
    at_once: Annotated[int, _about("Analyses under way at once.", ge=1, le=50)] = 10
    deadline_s: Annotated[float, _about("An analysis not done after this long is skipped.", ge=0.1, le=60)] = 5.0
    keep_days: Annotated[float, _about("Recommendations and their outcomes are kept this long.", ge=7, le=3650)] = 365.0


class AssetClassSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[calibration.classes]]` table: what it says instead of the built-in class. 0 and "" leave that as it is."""

    name: Annotated[
        Literal["stable", "perpetual", "meme", "ai", "defi", "nft", "metaverse", "spot"], _about("Which class.")
    ] = "spot"
    pattern: Annotated[str, _about("Regular expression searched in BASE/QUOTE:KIND, for example ^(PEPE|WIF)/.")] = ""
    min_volume_usd: Annotated[float, _about("Smallest 24 h quote volume.", ge=0)] = 0.0
    low_gate: Annotated[float, _about("Calmer than this NATR of one-minute bars: quiet.", ge=0, le=0.05)] = 0.0
    high_gate: Annotated[float, _about("Wilder than this NATR: a volatility spike.", ge=0, le=0.5)] = 0.0
    atr_target: Annotated[float, _about("Usual ATR in percent an hour.", ge=0, le=50)] = 0.0
    vol_z_threshold: Annotated[float, _about("Robust volume z that counts.", ge=0, le=10)] = 0.0
    rsi_oversold: Annotated[float, _about("Oversold below this.", ge=0, le=45)] = 0.0
    rsi_overbought: Annotated[float, _about("Overbought above this.", ge=0, le=95)] = 0.0
    vwap_multiple: Annotated[float, _about("Deviations from the VWAP that count.", ge=0, le=6)] = 0.0
    breakout_atr: Annotated[float, _about("ATR beyond a level that count as broken.", ge=0, le=3)] = 0.0
    tp_mult: Annotated[float, _about("First target in ATR.", ge=0, le=20)] = 0.0
    sl_mult: Annotated[float, _about("Stop in ATR.", ge=0, le=10)] = 0.0

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with values that are allowed one by one: (key, what to do)."""
        try:
            re.compile(self.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return [
                ("pattern", f"{self.pattern[:60]!r} is no regular expression ({error}); write for example ^(PEPE|WIF)/")
            ]
        return []


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The background search for thresholds each asset has earned."""

    enabled: Annotated[bool, _about("Keep calibrating while the program runs.")] = True
    max_concurrent: Annotated[int, _about("Worker processes; 0: one fewer than there are cores.", ge=0, le=256)] = 0
    aging_per_hour: Annotated[float, _about("A waiting task's priority improves by this much an hour.", ge=0, le=1)] = (
        0.05
    )
    trials: Annotated[int, _about("Parameter sets tried per fold.", ge=10, le=1000)] = 60
    random_trials: Annotated[
        int, _about("... of which so many at random, before the search is guided.", ge=1, le=500)
    ] = 20
    time_limit_s: Annotated[
        float, _about("A calibration ends after this long with the best so far.", ge=5, le=3600)
    ] = 120.0
    objective: Annotated[
        Literal["expectancy", "profit_factor", "win_rate", "drawdown", "multi"],
        _about("What is searched for: lower bound of expectancy, or one of these; multi: bound against drawdown."),
    ] = "expectancy"
    train_bars: Annotated[int, _about("One-minute bars a fold trains on.", ge=1000, le=500_000)] = 8000
    test_bars: Annotated[int, _about("One-minute bars a fold is tested on.", ge=500, le=100_000)] = 2000
    min_folds: Annotated[int, _about("Folds at least; more where the store holds more.", ge=2, le=100)] = 4
    min_dsr: Annotated[float, _about("Smallest deflated Sharpe probability.", ge=0.5, le=1)] = 0.90
    max_pbo: Annotated[float, _about("Largest probability of overfitting.", ge=0, le=0.5)] = 0.20
    min_trades: Annotated[int, _about("Out-of-sample trades to take a result unshrunk.", ge=30, le=10_000)] = 100
    shrink_trades: Annotated[int, _about("... and to take it at all, shrunk toward the class.", ge=10, le=1000)] = 30
    expiry_days: Annotated[
        float, _about("Calibrated thresholds hold this long, give or take a tenth.", ge=0.5, le=365)
    ] = 14.0
    executor: Annotated[
        str, _about("Where it computes: local, or the address of a Dask scheduler (needs the dask extra).")
    ] = "local"
    worker_memory_mb: Annotated[int, _about("A local worker larger than this ends.", ge=300, le=1_000_000)] = 1500
    nice: Annotated[int, _about("Priority of local workers, 19 the lowest.", ge=0, le=19)] = 15
    seed: Annotated[int, _about("Seed of the search.", ge=0, le=2**31 - 1)] = 7
    classes: Annotated[
        tuple[AssetClassSettings, ...],
        _about("What asset classes are recognised by, and their defaults."),
    ] = ()


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Diagnostics: one rotating file, never the terminal."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _about("Smallest level written.")] = "info"
    max_mb: Annotated[float, _about("Size at which the file rotates.", ge=0.1, le=1000)] = 10.0
    files: Annotated[int, _about("Rotated files kept.", ge=1, le=50)] = 5


class Events(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The event log on disk."""

    max_mb: Annotated[float, _about("Size at which the JSON-lines file rotates.", ge=0.1, le=1000)] = 10.0
    files: Annotated[int, _about("Rotated JSON-lines files kept.", ge=1, le=50)] = 5
    keep_days: Annotated[float, _about("Events older than this leave the store.", ge=1, le=3650)] = 90.0
    shown: Annotated[int, _about("Events kept for the screen.", ge=100, le=100_000)] = 2000
    rules: Annotated[
        tuple[EventRule, ...],
        _about("What rings the bell, notifies the terminal or runs a program."),
    ] = ()


class Sandbox(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded exchange of the demo."""

    seed: Annotated[int, _about("Seed of the market; the same seed is the same market.", ge=0, le=2**31 - 1)] = 7
    symbols: Annotated[int, _about("Symbols of the seeded market.", ge=5, le=500)] = 60
    venue: Annotated[Literal["binance_us", "bybit"], _about("Whose protocol the demo speaks.")] = "binance_us"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. Immutable; a live edit makes a new one."""

    market: Market = field(default_factory=Market)
    history: History = field(default_factory=History)
    feed: Feed = field(default_factory=Feed)
    network: Network = field(default_factory=Network)
    confluence: ConfluenceSettings = field(default_factory=ConfluenceSettings)
    detectors: Detectors = field(default_factory=Detectors)
    screen: Screen = field(default_factory=Screen)
    keys: Annotated[dict[str, str], _about("Own keys: action id = comma list of keys. `?` shows the ids.")] = field(
        default_factory=dict
    )
    groups: Annotated[
        dict[str, str],
        _about('Own groups of the watchlist: majors = "BTC, ETH, SOL*": symbols or base assets, * and ? allowed.'),
    ] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    events: Events = field(default_factory=Events)
    screening: Screening = field(default_factory=Screening)
    calibration: Calibration = field(default_factory=Calibration)
    sandbox: Sandbox = field(default_factory=Sandbox)
