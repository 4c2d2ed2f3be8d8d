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
from core.learning.overlap import uniqueness
from core.learning.reliability import reliability
from core.messages import HitRate, ReliabilityBin, ReliabilityReport, Side
from core.screening.calls import Call
from core.screening.outcomes import Outcome

Floats = NDArray[np.float64]
RELIABILITY_MOST = 4000
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


class _Tally:
    """Hits by name, told in order of time; a call that begins before the last counted one of its name and symbol is over
    does not count.
    """

    def __init__(self) -> None:
        self._hits: dict[str, int] = {}
        self._outcomes: dict[str, int] = {}
        self._over_ms: dict[tuple[str, str], int] = {}

    def add(self, name: str, symbol: str, from_ms: int, until_ms: int, hit: bool) -> None:
        if from_ms < self._over_ms.get((name, symbol), 0):
            return
        self._over_ms[name, symbol] = until_ms
        self._outcomes[name] = self._outcomes.get(name, 0) + 1
        self._hits[name] = self._hits.get(name, 0) + hit

    def rates(self) -> tuple[HitRate, ...]:
        """Most outcomes first."""
        found = [_rate(name, self._hits[name], outcomes) for name, outcomes in self._outcomes.items()]
        return tuple(sorted(found, key=lambda rate: (-rate.outcomes, rate.name)))


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
    symbols, detectors, names = _Tally(), _Tally(), _Tally()
    forecasts: list[Settled] = []
    over_ms: dict[str, int] = {}
    for one in sorted(record, key=lambda one: (one.at_ms, one.until_ms)):
        if one.until_ms:
            span = (one.symbol, one.at_ms, one.until_ms)
            if one.side is not None:
                right = one.rose == (one.side == "BUY")
                symbols.add(one.symbol, *span, right)
                if one.name.startswith("state "):
                    names.add(one.name, *span, right)
            for detector, side in one.detectors:
                detectors.add(detector, *span, one.rose == (side == "BUY"))
            if one.teaches and one.forecast is not None and one.at_ms >= over_ms.get(one.symbol, 0):
                over_ms[one.symbol] = one.until_ms
                forecasts.append(one)
        if one.trade_until_ms:
            names.add(one.name, one.symbol, one.at_ms, one.trade_until_ms, one.hit)
    return Figures(symbols.rates(), detectors.rates(), names.rates(), _reliability(forecasts[-RELIABILITY_MOST:]))


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


def _rate(name: str, hits: int, outcomes: int) -> HitRate:
    low, high = wilson(hits, outcomes)
    return HitRate(name=name, outcomes=outcomes, hits=hits, rate=hits / outcomes, low=low, high=high)


def _reliability(known: Sequence[Settled]) -> ReliabilityReport | None:
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
