"""Inputs of a whole analysis for tests: a seeded market that is sound in every respect."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from core.market.regime import RegimeReading
from core.market.volatility import natr_sample
from core.messages import Contribution
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.levels import daily_levels
from core.screening.liquidity import Liquidity
from core.screening.thresholds import Thresholds, from_class
from core.settings_screening import Screening
from tests.core.signals.markets import START_MS, coarser, walk

EVIDENCE = {
    "vol_spike": 0.6, "rsi_static": 0.2, "rsi_div": 0.0, "macd": 0.5, "ema_cross": 0.7, "stoch": 0.1, "vwap_dev": 0.4,
    "smc_choch": 0.0,
}  # fmt: skip
BOOK = Liquidity(spread=0.0002, spread_median=0.0002, depth=5000.0, depth_median=5000.0, imbalance=0.5)


def contribution(side="BUY", gain=0.04, detector="rsi_static", reason="RSI 24 oversold"):
    return Contribution(
        detector=detector,
        family="MEANREV",
        group="CLASSIC",
        side=side,
        score=0.5,
        logit=gain * 4.0,
        gain=gain if side == "BUY" else -gain,
        reason=reason,
    )


def market(seed=3, days=8, volatility=0.001):
    """Bars of every timeframe an analysis reads, of one walk."""
    minutes = walk(seed, days * 1440, "1m", volatility)
    return minutes, coarser(minutes, "5m"), coarser(minutes, "15m"), coarser(minutes, "1d")


def sound(seed: int = 3, volatility: float = 0.001, **changed: object) -> AnalysisInputs:
    """An alert in a market with eight days of history, one with a reference that moves on its own."""
    minutes, fives, quarters, days = market(seed, volatility=volatility)
    other = market(seed + 1, volatility=volatility)[1]
    now_ms = int(minutes[-1, 0]) + 60_000
    inputs = AnalysisInputs(
        venue="binance_us",
        category="spot",
        symbol="AUSDT",
        now_ms=now_ms,
        cause="alert",
        screening=Screening(),
        shorts=False,
        fee=0.0002,
        tick=Decimal("0.01"),
        price=float(minutes[-1, 4]),
        in_force=from_class(Thresholds(high_gate=0.05)),
        asset_class="spot",
        frame=quarters[-600:],
        minutes=minutes[-300:],
        own=fives[-300:],
        decision=fives[-300:],
        daily=daily_levels(days),
        sample=natr_sample(minutes, 900_000, 7.0),
        regime=RegimeReading("range", 0.5, 3),
        probability_up=0.6,
        evidence=EVIDENCE,
        reference=other[-300:],
        reference_symbol="BTCUSDT",
        reference_name="BTC",
        reference_trend="range",
        contributions=(contribution(), contribution("SELL", 0.02, "macd", "MACD falling")),
        readings=20,
        warming=1,
        liquidity=BOOK,
    )
    assert now_ms > START_MS
    return replace(inputs, **changed)
