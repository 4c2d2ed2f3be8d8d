"""Calls and the candles that judge them, from literals."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import numpy as np

from core.history import StoreError
from core.messages import Analysis, ConfidenceMetrics, Confluence, RiskParameters, StateChange
from core.screening.calls import MINUTE_MS, Call, Trade
from core.venue import TIMEFRAME_MS, CandleBlock
from tests import builders

AT = 1_790_000_100_000
"""A close of 15m, 5m and 1m bars."""
FIVE_MS = 5 * MINUTE_MS
STEP = 0.01
"""Log return of every decision bar before a call."""
BARRIER = 1.5 * STEP * math.sqrt(12)
"""So far are the barriers in log price: 5.2 %."""
UP, DOWN = 100.0 * math.exp(BARRIER), 100.0 * math.exp(-BARRIER)


def minutes(*prices: tuple[float, float, float, float], since_ms: int = AT, fill_to: int = 0) -> CandleBlock:
    """One-minute bars (open, high, low, close); the last one goes on flat until there are `fill_to`."""
    flat = (prices[-1][3],) * 4
    rows = [*prices, *[flat] * (fill_to - len(prices))]
    block = np.full((len(rows), 9), 1.0)
    block[:, 0] = since_ms + MINUTE_MS * np.arange(len(rows))
    block[:, 1:5] = rows
    return block


def flat(price: float = 100.0) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def decision_bars(at_ms: int = AT, count: int = 302, timeframe: str = "5m", step: float = STEP) -> CandleBlock:
    """Bars that close until `at_ms`, up and down in turn by `step`, the last at 100."""
    interval = TIMEFRAME_MS[timeframe]
    block = np.full((count, 9), 1.0)
    block[:, 0] = at_ms + interval * np.arange(-count, 0)
    block[:, 1:5] = (100.0 * np.exp(step * (np.arange(count)[::-1] % 2)))[:, None]
    return block


class Candles:
    """What is stored, by symbol and timeframe: `Stored` of the recorder. Counts how often it was asked."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[str, str], CandleBlock] = {}
        self.asked = 0
        self.broken = False

    def put(self, symbol: str, timeframe: str, block: CandleBlock) -> None:
        self.blocks[symbol, timeframe] = block

    async def __call__(self, symbol: str, timeframe: str, start_ms: int, end_ms: int) -> CandleBlock:
        self.asked += 1
        if self.broken:
            raise StoreError("candles.sqlite: disk I/O error; check the disk")
        block = self.blocks.get((symbol, timeframe), np.empty((0, 9)))
        return block[(block[:, 0] >= start_ms) & (block[:, 0] < end_ms)].copy()


def call(**changes: object) -> Call:
    """A state BUY on 5m bars at `AT`."""
    made = Call(
        fact="state x", kind="state", symbol="BTCUSDT", asset_class="spot", timeframe="5m", at_ms=AT, starts_ms=AT,
        ends_ms=AT + 12 * FIVE_MS, recommendation="BUY", side="BUY", price=100.0, score=0.7, forecast=0.7,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def trade(side: str = "BUY", *, bars: int = 96) -> Trade:
    """Entry 100, target 3 and stop 1 away, for so many bars of 15m."""
    sign = 1.0 if side == "BUY" else -1.0
    return Trade(side=side, entry=100.0, target=100.0 + 3 * sign, stop=100.0 - sign, ends_ms=AT + bars * 900_000)  # type: ignore[arg-type]


def change(symbol: str = "BTCUSDT", after: str = "BUY", at_ms: int = AT, **more: object) -> StateChange:
    found = builders.state_change(symbol, "HOLD", after, 100.0, at_ms)  # type: ignore[arg-type]
    return msgspec.structs.replace(found, timeframe="5m", **more)


def confluence(symbol: str = "BTCUSDT", at_ms: int = AT, probability: float = 0.63, **more: object) -> Confluence:
    found = builders.confluence(symbol, "BUY", probability, 100.0)
    return msgspec.structs.replace(found, timeframe="5m", known_at=at_ms, occurred_at=at_ms - FIVE_MS, **more)


def sure(side: str = "BUY", raw: float = 0.7, told: float = 0.65) -> ConfidenceMetrics:
    return ConfidenceMetrics(
        side=side, composite_score=0.5, factors_confirmed=4, factors={}, weights={}, missing=(), raw_probability=raw,  # type: ignore[arg-type]
        calibrated_probability=told, probability=0.6, calibrated=True, outcomes=120.0, penalties=(),
    )  # fmt: skip


def risk(side: str = "BUY") -> RiskParameters:
    sign = 1 if side == "BUY" else -1
    zone = (Decimal(99), Decimal(100)) if side == "BUY" else (Decimal(100), Decimal(101))
    return RiskParameters(
        side=side, optimal_entry=zone, tp_targets=(Decimal(100 + 3 * sign),), sl_level=Decimal(100 - sign),  # type: ignore[arg-type]
        risk_reward_ratio=2.5, gross_ratio=3.0, cost_r=0.1, fees_exceed_move=False,
    )  # fmt: skip


def analysis(symbol: str = "BTCUSDT", at_ms: int = AT, action: str = "BUY", **more: object) -> Analysis:
    """A completed analysis with a sound trade."""
    found = Analysis(
        venue=builders.VENUE, category=builders.CATEGORY, symbol=symbol, timestamp=at_ms, stage2_status="completed",
        cause="alert", timeframe="15m", recommendation=action, side="BUY", price=100.0, confidence_metrics=sure(),  # type: ignore[arg-type]
        risk_parameters=risk(), p_trade=0.4,
    )  # fmt: skip
    return msgspec.structs.replace(found, **more)
