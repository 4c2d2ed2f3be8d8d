"""Readable numbers of one symbol as of its last closed decision bar."""

from __future__ import annotations

import math

import numpy as np

from core.market.candles import CandleWindow
from core.market.tape import NO_FLOW, Flow
from core.market.volatility import NatrSample
from core.market.volume import robust_volume_z
from core.messages import Metrics
from core.signals.series import SymbolSignals

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
SPARKLINE_BARS = 24


def measure(
    venue: str,
    category: str,
    signals: SymbolSignals,
    minutes: CandleWindow | None,
    sample: NatrSample,
    flow: Flow = NO_FLOW,
) -> Metrics:
    """Metrics of a series that has at least one bar.

    `minutes` is the symbol's 1m window, `sample` its NATR history, `flow` what takers did in the last minutes.
    """
    assert signals.drive is not None
    scene, regime = signals.drive.scene, signals.drive.regime
    known_at = signals.last_open_ms + signals.interval_ms
    close, atr = scene.close, signals.indicator("atr14")
    natr = atr / close if close > 0.0 else math.nan
    return Metrics(
        venue=venue,
        category=category,
        symbol=signals.symbol,
        timeframe=signals.timeframe,
        close=close,
        close_1h_ago=close_at(minutes, known_at - HOUR_MS),
        close_24h_ago=close_at(minutes, known_at - DAY_MS),
        quote_volume_24h=quote_volume(minutes, known_at - DAY_MS, known_at),
        atr=atr,
        natr=natr,
        natr_percentile=sample.percentile(natr),
        rsi=signals.indicator("rsi14"),
        volume_z=robust_volume_z(np.array(scene.volumes[-51:])),
        taker_imbalance=flow.imbalance if flow.trades else math.nan,
        regime=regime.regime,
        regime_confidence=regime.confidence,
        regime_age_bars=regime.age_bars,
        depth_days=sample.days,
        sparkline=tuple(scene.closes[-SPARKLINE_BARS:]),
        occurred_at=signals.last_open_ms,
        known_at=known_at,
    )


def close_at(minutes: CandleWindow | None, at_ms: int) -> float:
    """Close of the newest one-minute bar that had ended by `at_ms`; NaN when the window does not reach back so far."""
    if minutes is None or not len(minutes):
        return math.nan
    place = int(np.searchsorted(minutes.open_ms, at_ms - MINUTE_MS, side="right")) - 1
    return float(minutes.close[place]) if place >= 0 else math.nan


def quote_volume(minutes: CandleWindow | None, from_ms: int, to_ms: int) -> float:
    """Quote volume of the one-minute bars opened in [from_ms, to_ms); NaN when the window does not cover the start."""
    if minutes is None or not len(minutes) or minutes.open_ms[0] > from_ms:
        return math.nan
    first, last = np.searchsorted(minutes.open_ms, (from_ms, to_ms))
    return float(minutes.quote_volume[first:last].sum())
