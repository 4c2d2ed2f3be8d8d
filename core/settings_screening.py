"""The sections of the settings for alerts, recommendations and calibration, and the tables of asset classes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Struct

from core.settings_knob import Timeframe, about


class Screening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alerts (Stage 1, on closed one-minute bars) and recommendations (Stage 2)."""

    min_reasons_for_alert: Annotated[
        int, about("Distinct families of triggers that make an alert; an asset class may ask otherwise.", ge=1, le=5)
    ] = 2
    cooldown_s: Annotated[
        float, about("A symbol alerts again after this long, sooner only with a new family.", ge=0, le=86_400)
    ] = 300.0
    alerts_per_hour: Annotated[
        int, about("Alerts of all symbols together in 60 minutes, the strongest first; 0: none.", ge=0, le=1000)
    ] = 6
    min_volume_usd: Annotated[float, about("Smallest 24 h quote volume of a market that may alert.", ge=0)] = 10_000.0
    min_natr_percent: Annotated[
        float,
        about("Smallest ATR14 of one-hour bars, in percent of the price, of a market that may alert.", ge=0, le=20),
    ] = 0.2
    exclude_hours: Annotated[tuple[int, ...], about("Hours of the day (UTC, 0 to 23) without alerts.")] = ()
    preferred_hours: Annotated[
        int,
        about("How many of its most liquid hours a symbol prefers, learnt from the store; 0: no hint.", ge=0, le=24),
    ] = 12
    timeframe: Annotated[Timeframe, about("Recommendations take trend, levels and ATR from this timeframe.")] = "15m"
    min_confidence: Annotated[float, about("Smallest probability of a BUY or SELL, after penalties.", ge=0.5, le=1)] = (
        0.54
    )
    min_cluster: Annotated[int, about("Factors that must confirm a BUY or SELL.", ge=1, le=9)] = 4
    min_ratio: Annotated[float, about("Smallest reward to risk after costs.", ge=0.1, le=20)] = 2.0
    high_risk_below: Annotated[
        float, about("Unusual volatility needs this probability, or is avoided.", ge=0.5, le=1)
    ] = 0.60
    shorts: Annotated[
        Literal["auto", "on", "off"], about("SELL recommendations; auto: only where the market can be sold short.")
    ] = "auto"
    spot_fee_percent: Annotated[float, about("Taker fee per side on spot, in percent.", ge=0, le=5)] = 0.10
    linear_fee_percent: Annotated[float, about("Taker fee per side on perpetuals, in percent.", ge=0, le=5)] = 0.055
    trade_notional: Annotated[
        float, about("Size of a trade in the quote currency, for its slippage.", ge=1, le=100_000_000)
    ] = 1000.0
    min_stop_ticks: Annotated[int, about("A stop is never nearer than so many ticks.", ge=1, le=1000)] = 4
    language: Annotated[Literal["en", "pt", "uk"], about("Language of the narratives.")] = "en"
    at_once: Annotated[int, about("Analyses under way at once.", ge=1, le=50)] = 10
    again_s: Annotated[
        float,
        about(
            "A market that stands BUY or SELL is analysed again after this long; 0: when something happens.",
            ge=0,
            le=86_400,
        ),
    ] = 0.0
    deadline_s: Annotated[float, about("An analysis not done after this long is skipped.", ge=0.1, le=60)] = 5.0
    keep_days: Annotated[float, about("Recommendations and their outcomes are kept this long.", ge=7, le=3650)] = 365.0


class AssetClassSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[calibration.classes]]` table: what it says instead of the built-in class. 0 and "" leave that as it is."""

    name: Annotated[
        Literal["stable", "perpetual", "meme", "ai", "defi", "nft", "metaverse", "spot"], about("Which class.")
    ] = "spot"
    pattern: Annotated[str, about("Regular expression searched in BASE/QUOTE:KIND, for example ^(PEPE|WIF)/.")] = ""
    min_volume_usd: Annotated[float, about("Smallest 24 h quote volume.", ge=0)] = 0.0
    low_gate: Annotated[float, about("Calmer than this NATR of one-minute bars: quiet.", ge=0, le=0.05)] = 0.0
    high_gate: Annotated[float, about("Wilder than this NATR: a volatility spike.", ge=0, le=0.5)] = 0.0
    atr_target: Annotated[float, about("Usual ATR in percent an hour.", ge=0, le=50)] = 0.0
    vol_z_threshold: Annotated[float, about("Robust volume z that counts.", ge=0, le=10)] = 0.0
    rsi_oversold: Annotated[float, about("Oversold below this.", ge=0, le=45)] = 0.0
    rsi_overbought: Annotated[float, about("Overbought above this.", ge=0, le=95)] = 0.0
    vwap_multiple: Annotated[float, about("Deviations from the VWAP that count.", ge=0, le=6)] = 0.0
    breakout_atr: Annotated[float, about("ATR beyond a level that count as broken.", ge=0, le=3)] = 0.0
    tp_mult: Annotated[float, about("First target in ATR.", ge=0, le=20)] = 0.0
    sl_mult: Annotated[float, about("Stop in ATR.", ge=0, le=10)] = 0.0

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

    enabled: Annotated[bool, about("Keep calibrating while the program runs.")] = True
    max_concurrent: Annotated[int, about("Worker processes; 0: one fewer than there are cores.", ge=0, le=256)] = 0
    aging_per_hour: Annotated[float, about("A waiting task's priority improves by this much an hour.", ge=0, le=1)] = (
        0.05
    )
    trials: Annotated[int, about("Parameter sets tried per fold.", ge=10, le=1000)] = 60
    random_trials: Annotated[
        int, about("... of which so many at random, before the search is guided.", ge=1, le=500)
    ] = 20
    time_limit_s: Annotated[float, about("A calibration ends after this long with the best so far.", ge=5, le=3600)] = (
        120.0
    )
    objective: Annotated[
        Literal["expectancy", "profit_factor", "win_rate", "drawdown", "multi"],
        about("What is searched for: lower bound of expectancy, or one of these; multi: bound against drawdown."),
    ] = "expectancy"
    train_bars: Annotated[int, about("One-minute bars a fold trains on.", ge=1000, le=500_000)] = 8000
    test_bars: Annotated[int, about("One-minute bars a fold is tested on.", ge=500, le=100_000)] = 2000
    min_folds: Annotated[int, about("Folds at least; more where the store holds more.", ge=2, le=100)] = 4
    min_dsr: Annotated[float, about("Smallest deflated Sharpe probability.", ge=0.5, le=1)] = 0.90
    max_pbo: Annotated[float, about("Largest probability of overfitting.", ge=0, le=0.5)] = 0.20
    min_trades: Annotated[int, about("Out-of-sample trades to take a result unshrunk.", ge=30, le=10_000)] = 100
    shrink_trades: Annotated[int, about("... and to take it at all, shrunk toward the class.", ge=10, le=1000)] = 30
    expiry_days: Annotated[
        float, about("Calibrated thresholds hold this long, give or take a tenth.", ge=0.5, le=365)
    ] = 14.0
    executor: Annotated[
        str, about("Where it computes: local, or the address of a Dask scheduler (needs the dask extra).")
    ] = "local"
    worker_memory_mb: Annotated[int, about("A local worker larger than this ends.", ge=300, le=1_000_000)] = 1500
    nice: Annotated[int, about("Priority of local workers, 19 the lowest.", ge=0, le=19)] = 15
    seed: Annotated[int, about("Seed of the search.", ge=0, le=2**31 - 1)] = 7
    classes: Annotated[
        tuple[AssetClassSettings, ...],
        about("What asset classes are recognised by, and their defaults."),
    ] = ()
