"""The market an alert happened in: trend, volatility, levels, correlation with the reference, regime (methods sheet 4.2)."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from core.market.indicators import load_talib
from core.market.regime import RegimeReading, RegimeTracker
from core.market.volatility import NatrSample
from core.messages import MarketContext, Regime, Trend, Volatility
from core.screening.correlation import aligned_returns, correlation
from core.screening.key_levels import key_levels
from core.screening.levels import DailyLevels
from core.venue import CandleBlock

LOW_SHARE = 0.20
HIGH_SHARE = 0.80
"""Shares of the last seven days' NATR below and above which volatility is low or high."""
FRAME_BARS = 600
"""Bars of a timeframe that are read: ADX14 and EMA50 no longer depend on the start after 295 (methods sheet 1.3)."""
WARMUP_BARS = 295
_ATR = 14
NATR_BARS = 300
"""ATR14 no longer depends on the start after 195."""

UNKNOWN_REGIME = RegimeReading("undefined", 0.0, 0)


class FrameReading(Struct, frozen=True, kw_only=True):
    """One timeframe at its last closed bar. `atr` in price units, NaN while unknown; `warm`: history was long enough."""

    regime: Regime
    confidence: float
    age_bars: int
    atr: float
    warm: bool
    problem: str = ""


class ContextInputs(Struct, frozen=True, kw_only=True):
    """What the context is made of. Every block holds closed bars only, oldest first, of float64 shape (n, 9).

    `frame` is of the recommendation timeframe (15m), `own` and `reference` of 5m. `sample` is the NATR distribution of the
    recommendation timeframe over seven days, `regime` that of the decision timeframe.
    `reference_trend` is the regime of the reference on the recommendation timeframe. `close` is the price now.
    """

    frame: CandleBlock
    daily: DailyLevels
    own: CandleBlock
    reference: CandleBlock
    sample: NatrSample
    regime: RegimeReading
    reference_trend: Regime
    close: float
    now_ms: int
    minutes: CandleBlock | None = None


def read_frame(bars: CandleBlock) -> FrameReading:
    """Regime and ATR14 at the last of these closed bars. A bar that is not a number makes all of it unknown.

    TA-Lib would otherwise answer with a frozen constant (methods sheet 1.3).
    """
    recent = bars[-FRAME_BARS:]
    if not np.isfinite(recent[:, 1:5]).all():
        return _unknown("a price of the 15m bars is not a number")
    if len(recent) <= 2 * _ATR:
        return _unknown(f"{len(recent)} of {WARMUP_BARS} bars of history")
    talib = load_talib()
    high, low, close = (np.ascontiguousarray(recent[:, column]) for column in (2, 3, 4))
    rows = np.stack([talib.ADX(high, low, close, 14), *(talib.EMA(close, bars) for bars in (9, 20, 50))], axis=1)
    tracker, reading = RegimeTracker(), UNKNOWN_REGIME
    for adx, ema9, ema20, ema50 in rows.tolist():
        reading = tracker.move(adx, ema9, ema20, ema50)
    return FrameReading(
        regime=reading.regime,
        confidence=reading.confidence,
        age_bars=reading.age_bars,
        atr=float(talib.ATR(high, low, close, _ATR)[-1]),
        warm=len(recent) >= WARMUP_BARS,
    )


def _unknown(problem: str) -> FrameReading:
    return FrameReading(regime="undefined", confidence=0.0, age_bars=0, atr=math.nan, warm=False, problem=problem)


def natr_of(bars: CandleBlock) -> float:
    """ATR14 of the newest of these bars as a share of the close; NaN while unknown."""
    recent = bars[-NATR_BARS:]
    if len(recent) <= 2 * _ATR or not np.isfinite(recent[:, 2:5]).all() or not recent[-1, 4] > 0.0:
        return math.nan
    high, low, close = (np.ascontiguousarray(recent[:, column]) for column in (2, 3, 4))
    return float(load_talib().ATR(high, low, close, _ATR)[-1]) / float(close[-1])


def trend_of(regime: Regime) -> Trend:
    """The trend a regime stands for; ADX without aligned averages is a move without a direction."""
    return "UP" if regime == "trend_up" else "DOWN" if regime == "trend_down" else "SIDEWAYS"


def volatility_class(percentile: float) -> Volatility:
    """LOW below the 20th percentile, HIGH above the 80th, UNKNOWN for NaN. `percentile` in [0, 1]."""
    if math.isnan(percentile):
        return "UNKNOWN"
    return "LOW" if percentile < LOW_SHARE else "HIGH" if percentile > HIGH_SHARE else "NORMAL"


def market_context(inputs: ContextInputs) -> MarketContext:
    """The context of one symbol now. Nothing raises on missing data: what is not known is NaN or UNKNOWN, with a hint."""
    frame = read_frame(inputs.frame)
    trend: Trend = trend_of(frame.regime) if frame.warm else "UNKNOWN"
    natr = frame.atr / inputs.close if inputs.close > 0.0 else math.nan
    percentile = inputs.sample.percentile(natr)
    direction = {"UP": 1, "DOWN": -1}.get(trend, 0)
    found = correlation(*aligned_returns(inputs.own, inputs.reference))
    hints = []
    if not frame.warm:
        hints.append(f"trend not known: {frame.problem or f'{len(inputs.frame)} of {WARMUP_BARS} bars of history'}")
    if math.isnan(percentile):
        hints.append("volatility class not known: no NATR history of seven days")
    if math.isnan(found.rho):
        hints.append(f"correlation not known: {found.observations} returns in common with the reference")
    return MarketContext(
        trend=trend,
        trend_confidence=frame.confidence,
        trend_age_bars=frame.age_bars,
        volatility=volatility_class(percentile),
        natr=natr,
        natr_percentile=percentile,
        atr=frame.atr,
        key_levels=key_levels(inputs.frame, inputs.daily, inputs.close, inputs.now_ms, direction, inputs.minutes),
        correlation_with_reference=found,
        reference_trend=trend_of(inputs.reference_trend),
        regime=inputs.regime.regime,
        regime_confidence=inputs.regime.confidence,
        regime_age_bars=inputs.regime.age_bars,
        hints=tuple(hints),
    )
