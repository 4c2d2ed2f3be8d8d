"""Short builders of Stage 2 inputs for tests."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import numpy as np

from core.market.regime import RegimeReading
from core.messages import Anomaly, Correlation, KeyLevels, MarketContext, RiskParameters
from core.screening.confidence import Confidence, composite
from core.screening.risk_parameters import RiskInputs

VOLATILE = Anomaly(kind="VOLATILITY", reason="volatility high", value=0.9, threshold=0.8)
RANGE = RegimeReading("range", 0.5, 3)


def bars_of(closes, *, start=0, interval=900_000, reach=1.0, volume=5.0):
    """A block around these closes: highs and lows `reach` away."""
    closes = np.asarray(closes, dtype=float)
    block = np.full((len(closes), 9), volume)
    block[:, 0] = start + np.arange(len(closes)) * interval
    block[:, 1] = closes
    block[:, 2], block[:, 3], block[:, 4] = closes + reach, closes - reach, closes
    return block


def correlated(rho, low=0.0, high=1.0):
    return Correlation(rho=rho, low=low, high=high, observations=288)


def context(*, rho=0.0, reference_trend="SIDEWAYS"):
    levels = KeyLevels(
        immediate_support=98.0,
        immediate_resistance=120.0,
        next_major_level=125.0,
        next_major_above=125.0,
        next_major_below=90.0,
        day_low=97.0,
        day_high=101.0,
    )
    return MarketContext(
        trend="UP",
        trend_confidence=0.5,
        trend_age_bars=4,
        volatility="NORMAL",
        natr=0.01,
        natr_percentile=0.5,
        atr=1.0,
        key_levels=levels,
        correlation_with_reference=correlated(rho),
        reference_trend=reference_trend,
        regime="trend_up",
        regime_confidence=0.5,
        regime_age_bars=4,
    )


def risk_inputs(**changed):
    """Price 100, ATR 2, support 98, resistance 120, day 97 to 101, tick 0.01."""
    sound = RiskInputs(
        side="BUY",
        close=100.0,
        atr=2.0,
        support=98.0,
        resistance=120.0,
        day_low=97.0,
        day_high=101.0,
        tick_size=Decimal("0.01"),
    )
    return msgspec.structs.replace(sound, **changed)


def confident(probability=0.8, side="BUY", confirming=4):
    """Confidence with so many confirming factors of the given side."""
    sign = 1.0 if side == "BUY" else -1.0
    names = ("volume", "rsi", "macd", "ema_cross", "stochastic", "orderbook")
    factors = composite({name: sign * (0.5 if place < confirming else 0.1) for place, name in enumerate(names)})
    return Confidence(
        side=side, raw=probability, probability=probability, calibrated=True, composite=factors, penalties=()
    )


def trade(ratio=2.5, side="BUY", *, fees_exceed_move=False):
    """A trade with this net ratio; break-even is 1.1 / (1 + ratio)."""
    sl, tp = (Decimal(99), Decimal(103)) if side == "BUY" else (Decimal(101), Decimal(97))
    return RiskParameters(
        side=side,
        optimal_entry=(Decimal(100), Decimal(100)),
        tp_targets=(tp,),
        sl_level=sl,
        risk_reward_ratio=ratio,
        gross_ratio=ratio,
        cost_r=0.1,
        fees_exceed_move=fees_exceed_move,
    )


NOT_NUMBERS = (math.nan, math.inf, -math.inf)
