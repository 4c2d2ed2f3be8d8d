"""A call: one recommendation or change of state as it is kept, with all that is needed to judge it by what came after."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from core.messages import Analysis, Confluence, Side, StateChange
from core.screening.confidence import BARRIER_BARS
from core.venue import TIMEFRAME_MS

MINUTE_MS = 60_000
TRADE_BARS = 96
"""A trade that has met neither its target nor its stop after so many bars of its own timeframe has met neither (a day
at 15m)."""


class Trade(Struct, frozen=True, kw_only=True):
    """What was recommended to be done: levels in price, and until when it is followed."""

    side: Side
    entry: float
    target: float
    stop: float
    ends_ms: int


class Call(Struct, frozen=True, kw_only=True):
    """`fact` names it once and for ever. Numbers that were not known are None.

    `timeframe` is the confluence's, `score` the P(up) it said, `forecast` P(up) as it was told: corrected by past
    outcomes where there were enough (`calibrated`). `detectors` holds those that contributed and the side each was on.
    P(up) speaks of two barriers that are symmetric around the next open, met within `BARRIER_BARS` bars: until `ends_ms`.
    """

    fact: str
    kind: Literal["recommendation", "state"]
    symbol: str
    asset_class: str
    timeframe: str
    at_ms: int
    starts_ms: int
    ends_ms: int
    recommendation: str
    side: Side | None
    price: float | None
    score: float | None
    forecast: float | None
    calibrated: bool = False
    confidence: float | None = None
    """Of an analysis: probability of its side after penalties, which `screening.min_confidence` is asked of."""
    p_trade: float | None = None
    trade: Trade | None = None
    detectors: dict[str, Side] = {}

    @property
    def directed(self) -> bool:
        """Whether there is a P(up) or a side to judge by the symmetric barriers."""
        return self.score is not None or self.side is not None

    @property
    def last_ms(self) -> int:
        """When nothing more can be learnt of it."""
        return self.ends_ms if self.trade is None else max(self.ends_ms, self.trade.ends_ms)


def of_change(change: StateChange, heard: Confluence | None, asset_class: str) -> Call:
    """The call of a change of state; `heard` is the confluence that was told with it."""
    side: Side | None = "BUY" if change.after == "BUY" else "SELL" if change.after == "SELL" else None
    place = f"{change.venue}.{change.category}:{change.symbol}"
    starts_ms = _next_minute(change.known_at)
    return Call(
        fact=f"state {place} {change.timeframe} {change.known_at}",
        kind="state",
        symbol=change.symbol,
        asset_class=asset_class,
        timeframe=change.timeframe,
        at_ms=change.known_at,
        starts_ms=starts_ms,
        ends_ms=starts_ms + BARRIER_BARS * TIMEFRAME_MS[change.timeframe],
        recommendation=change.after,
        side=side,
        price=_known(change.price),
        score=_probability(change.probability),
        forecast=_probability(change.probability),
        detectors=_detectors(heard),
    )


def of_analysis(analysis: Analysis, heard: Confluence | None, asset_class: str, timeframe: str) -> Call:
    """The call of a completed analysis; `heard` is the newest confluence, `timeframe` the decision timeframe."""
    sure, risk = analysis.confidence_metrics, analysis.risk_parameters
    side = analysis.side or (sure.side if sure is not None else None)
    place = f"{analysis.venue}.{analysis.category}:{analysis.symbol}"
    starts_ms = _next_minute(analysis.timestamp)
    trade = None
    if risk is not None:
        trade = _sound(
            Trade(
                side=risk.side,
                entry=float(risk.worst_entry),
                target=float(risk.tp_targets[0]) if risk.tp_targets else math.nan,
                stop=float(risk.sl_level),
                ends_ms=starts_ms + TRADE_BARS * TIMEFRAME_MS.get(analysis.timeframe, 15 * MINUTE_MS),
            )
        )
    return Call(
        fact=f"recommendation {place} {analysis.timestamp}",
        kind="recommendation",
        symbol=analysis.symbol,
        asset_class=asset_class,
        timeframe=timeframe,
        at_ms=analysis.timestamp,
        starts_ms=starts_ms,
        ends_ms=starts_ms + BARRIER_BARS * TIMEFRAME_MS[timeframe],
        recommendation=analysis.recommendation or "",
        side=side,
        price=_known(analysis.price),
        score=_up(sure.raw_probability, sure.side) if sure is not None else None,
        forecast=_up(sure.calibrated_probability, sure.side) if sure is not None else None,
        calibrated=sure.calibrated if sure is not None else False,
        confidence=_probability(sure.probability) if sure is not None else None,
        p_trade=_probability(analysis.p_trade),
        trade=trade,
        detectors=_detectors(heard),
    )


def _sound(trade: Trade) -> Trade | None:
    """The trade if its levels are in order: nothing can be learnt of another."""
    low, high = (trade.stop, trade.target) if trade.side == "BUY" else (trade.target, trade.stop)
    return trade if 0.0 < low < trade.entry < high < math.inf else None


def _detectors(heard: Confluence | None) -> dict[str, Side]:
    return {part.detector: part.side for part in heard.contributions} if heard is not None else {}


def _next_minute(at_ms: int) -> int:
    """Open of the first whole one-minute bar from this moment on."""
    return -(-at_ms // MINUTE_MS) * MINUTE_MS


def _up(probability: float, side: Side) -> float | None:
    return _probability(probability if side == "BUY" else 1.0 - probability)


def _probability(value: float) -> float | None:
    return value if 0.0 <= value <= 1.0 else None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
