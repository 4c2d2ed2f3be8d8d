"""Figures of the track record: hit rates, honesty of probabilities, and what score maps learn from.

Calls of one symbol that overlap share their bars and are not several witnesses. Rates and reliability, whose intervals
assume independent ones, count only calls that do not overlap; maps weigh all of them by uniqueness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.calibration.statistics import wilson
from core.learning.overlap import thinned, uniqueness
from core.learning.reliability import reliability
from core.messages import HitRate, ReliabilityBin, ReliabilityReport, Side
from core.screening.calls import MINUTE_MS, Call
from core.screening.outcomes import Outcome

Floats = NDArray[np.float64]
RELIABILITY_MOST = 5000
"""The newest outcomes the reliability diagram is drawn from."""


class Settled(Struct, frozen=True, kw_only=True, gc=False):
    """A call with what became of it, as far as figures need it: many of them are kept in memory.

    `until_ms`: the close at which its direction was settled, 0 while it is not; `trade_until_ms` that of its trade.
    """

    fact: str
    symbol: str
    asset_class: str
    timeframe: str
    name: str
    side: Side | None
    at_ms: int
    score: float | None
    forecast: float | None
    detectors: tuple[tuple[str, Side], ...]
    rose: bool
    teaches: bool
    until_ms: int
    hit: bool
    trade_until_ms: int


class Learnt(NamedTuple):
    """What a score map is fitted on, in order of time: scores, outcomes of 0 or 1, uniqueness, (n,) each."""

    scores: Floats
    outcomes: Floats
    weights: Floats
    newest_ms: int


class Figures(NamedTuple):
    by_symbol: tuple[HitRate, ...]
    by_detector: tuple[HitRate, ...]
    by_recommendation: tuple[HitRate, ...]
    reliability: ReliabilityReport | None


class _Counted(NamedTuple):
    """One outcome of a hit rate: whose bars it spans, and whether it came right."""

    symbol: str
    from_ms: int
    until_ms: int
    hit: bool


def settled(call: Call, outcome: Outcome) -> Settled | None:
    """What figures need of a call; None while nothing of it is settled."""
    direction, trade = outcome.direction, outcome.trade
    if trade is not None and trade.first == "missed":
        trade = None
    if direction is None and trade is None:
        return None
    return Settled(
        fact=call.fact,
        symbol=call.symbol,
        asset_class=call.asset_class,
        timeframe=call.timeframe,
        name=call.recommendation if call.kind == "recommendation" else f"state {call.recommendation}",
        side=call.side,
        at_ms=call.starts_ms,
        score=call.score,
        forecast=call.forecast,
        detectors=tuple(call.detectors.items()),
        rose=direction is not None and direction.rose,
        teaches=direction is not None and direction.teaches,
        until_ms=direction.at_ms if direction is not None else 0,
        hit=trade is not None and trade.first == "target",
        trade_until_ms=trade.at_ms if trade is not None else 0,
    )


def figures(record: Sequence[Settled]) -> Figures:
    """Everything the track record shows.

    By symbol and by detector: whether the symmetric barrier of its side came first. By recommendation: whether the trade's
    target came before its stop, and for changes of state (`state BUY`) the symmetric barrier.
    """
    symbols: dict[str, list[_Counted]] = {}
    detectors: dict[str, list[_Counted]] = {}
    names: dict[str, list[_Counted]] = {}
    for one in record:
        if one.until_ms:
            span = (one.symbol, one.at_ms, one.until_ms)
            if one.side is not None:
                right = _Counted(*span, one.rose == (one.side == "BUY"))
                symbols.setdefault(one.symbol, []).append(right)
                if one.name.startswith("state "):
                    names.setdefault(one.name, []).append(right)
            for detector, side in one.detectors:
                detectors.setdefault(detector, []).append(_Counted(*span, one.rose == (side == "BUY")))
        if one.trade_until_ms:
            names.setdefault(one.name, []).append(_Counted(one.symbol, one.at_ms, one.trade_until_ms, one.hit))
    return Figures(_rates(symbols), _rates(detectors), _rates(names), _reliability(record))


def learnt(record: Iterable[Settled], interval_ms: int) -> Learnt:
    """What is to be learnt from these calls, all of one class and timeframe of `interval_ms`."""
    known = sorted(
        (one for one in record if one.until_ms and one.teaches and one.score is not None), key=lambda one: one.at_ms
    )
    weights = np.ones(len(known))
    by_symbol: dict[str, list[int]] = {}
    for place, one in enumerate(known):
        by_symbol.setdefault(one.symbol, []).append(place)
    for places in by_symbol.values():
        starts = np.array([known[place].at_ms // interval_ms for place in places])
        ends = np.array([(known[place].until_ms - 1) // interval_ms for place in places])
        weights[places] = uniqueness(starts, ends)
    return Learnt(
        np.array([one.score for one in known], dtype=np.float64),
        np.array([one.rose for one in known], dtype=np.float64),
        weights,
        max((one.until_ms for one in known), default=0),
    )


def _rates(counted: dict[str, list[_Counted]]) -> tuple[HitRate, ...]:
    """Most outcomes first."""
    rates = [_rate(name, found) for name, found in counted.items()]
    return tuple(sorted(rates, key=lambda rate: (-rate.outcomes, rate.name)))


def _rate(name: str, found: list[_Counted]) -> HitRate:
    hits = [found[place].hit for place in _independent([(one.symbol, one.from_ms, one.until_ms) for one in found])]
    low, high = wilson(sum(hits), len(hits))
    return HitRate(name=name, outcomes=len(hits), hits=sum(hits), rate=sum(hits) / len(hits), low=low, high=high)


def _independent(spans: list[tuple[str, int, int]]) -> list[int]:
    """Places of the spans (symbol, from, until) that overlap no earlier one of their symbol."""
    by_symbol: dict[str, list[int]] = {}
    for place, (symbol, _, _) in enumerate(spans):
        by_symbol.setdefault(symbol, []).append(place)
    kept: list[int] = []
    for places in by_symbol.values():
        starts = np.array([spans[place][1] // MINUTE_MS for place in places])
        ends = np.array([(spans[place][2] - 1) // MINUTE_MS for place in places])
        kept += [places[index] for index in thinned(starts, ends)]
    return sorted(kept)


def _reliability(record: Sequence[Settled]) -> ReliabilityReport | None:
    known = [one for one in record if one.until_ms and one.teaches and one.forecast is not None]
    known = [known[place] for place in _independent([(one.symbol, one.at_ms, one.until_ms) for one in known])]
    known = sorted(known, key=lambda one: one.until_ms)[-RELIABILITY_MOST:]
    if not known:
        return None
    found = reliability(
        np.array([one.forecast for one in known], dtype=np.float64),
        np.array([one.rose for one in known], dtype=np.float64),
    )
    bins = tuple(
        ReliabilityBin(forecast=bar.forecast, observed=bar.observed, low=bar.low, high=bar.high, count=bar.forecasts)
        for bar in found.bins
    )
    return ReliabilityReport(
        outcomes=found.outcomes,
        brier=found.brier.score,
        brier_skill=found.brier.skill,
        log_loss=found.log_loss,
        ece=found.ece,
        ece_noise=found.ece_noise.p95,
        bins=bins,
    )
