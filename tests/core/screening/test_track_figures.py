"""Figures of the track record on hand-made sets."""

from __future__ import annotations

import numpy as np
import pytest

from core.calibration.statistics import wilson
from core.learning.reliability import reliability
from core.screening.calls import MINUTE_MS
from core.screening.outcomes import Direction, Outcome, TradeEnd
from core.screening.track_figures import Settled, figures, learnt, settled
from tests.core.screening.judged import AT, FIVE_MS, call, trade

HOUR_MS = 60 * MINUTE_MS


def one(hour: float = 0.0, symbol: str = "BTCUSDT", **changes: object) -> Settled:
    """A state BUY whose upper barrier came first within the hour."""
    start = AT + round(hour * HOUR_MS)
    fields: dict[str, object] = {
        "fact": f"{symbol} {hour}", "symbol": symbol, "asset_class": "spot", "timeframe": "5m", "name": "state BUY",
        "side": "BUY", "at_ms": start, "score": 0.7, "forecast": 0.7, "detectors": (), "rose": True, "teaches": True,
        "until_ms": start + HOUR_MS, "hit": False, "trade_until_ms": 0,
    }  # fmt: skip
    return Settled(**(fields | changes))  # type: ignore[arg-type]


def rates(found) -> dict[str, tuple[int, int]]:
    return {rate.name: (rate.hits, rate.outcomes) for rate in found}


def test_hit_rates_by_symbol_detector_and_recommendation() -> None:
    record = [
        one(0, detectors=(("macd", "BUY"), ("rsi", "SELL"))),
        one(1, rose=False, detectors=(("macd", "BUY"),)),
        one(2, side="SELL", rose=False, name="state SELL", detectors=(("macd", "SELL"), ("rsi", "SELL"))),
        one(3, side=None, name="state HOLD", detectors=(("rsi", "BUY"),)),
        one(0, "ETHUSDT", name="BUY", hit=True, trade_until_ms=AT + 5 * HOUR_MS),
        one(6, "ETHUSDT", name="BUY", rose=False, trade_until_ms=AT + 8 * HOUR_MS),
        one(6, "SOLUSDT", name="AVOID", until_ms=0, hit=False, trade_until_ms=AT + 8 * HOUR_MS),
    ]
    found = figures(record)
    assert rates(found.by_symbol) == {"BTCUSDT": (2, 3), "ETHUSDT": (1, 2)}
    assert rates(found.by_detector) == {"macd": (2, 3), "rsi": (2, 3)}
    assert rates(found.by_recommendation) == {
        "state BUY": (1, 2), "state SELL": (1, 1), "BUY": (1, 2), "AVOID": (0, 1),
    }  # fmt: skip
    best = found.by_symbol[0]
    assert (best.name, best.rate, best.low, best.high) == ("BTCUSDT", 2 / 3, *wilson(2, 3))


def test_calls_that_overlap_are_counted_once() -> None:
    record = [one(0), one(0.5, rose=False), one(1), one(0.5, "ETHUSDT", rose=False)]
    found = figures(record)
    assert rates(found.by_symbol) == {"BTCUSDT": (2, 2), "ETHUSDT": (0, 1)}
    assert found.reliability is not None
    assert found.reliability.outcomes == 3


def test_an_empty_record_has_no_figures() -> None:
    assert figures([]) == ((), (), (), None)


def test_reliability_is_that_of_the_forecasts_and_only_of_calls_that_teach() -> None:
    generator = np.random.default_rng(5)
    forecasts = generator.uniform(0.3, 0.8, 40)
    rose = generator.random(40) < forecasts
    record = [one(hour, forecast=float(forecasts[hour]), rose=bool(rose[hour])) for hour in range(40)]
    record += [one(50, teaches=False), one(51, forecast=None), one(52, until_ms=0)]
    found, wanted = figures(record).reliability, reliability(forecasts, rose.astype(float))
    assert found is not None
    assert (found.outcomes, found.brier, found.brier_skill) == (40, wanted.brier.score, wanted.brier.skill)
    assert (found.log_loss, found.ece, found.ece_noise) == (wanted.log_loss, wanted.ece, wanted.ece_noise.p95)
    assert [(bar.forecast, bar.observed, bar.low, bar.high, bar.count) for bar in found.bins] == [
        (bar.forecast, bar.observed, bar.low, bar.high, bar.forecasts) for bar in wanted.bins
    ]


def test_maps_learn_from_all_that_teaches_weighed_by_uniqueness() -> None:
    record = [
        one(1, score=0.4, rose=False), one(0, score=0.6), one(0, "ETHUSDT", score=0.8), one(1.5, score=0.5),
        one(5, teaches=False), one(6, score=None), one(7, until_ms=0),
    ]  # fmt: skip
    found = learnt(record, FIVE_MS)
    assert found.scores.tolist() == [0.6, 0.8, 0.4, 0.5]
    assert found.outcomes.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert found.weights == pytest.approx([1.0, 1.0, 0.75, 0.75]), "half of an hour is shared"
    assert found.newest_ms == AT + round(2.5 * HOUR_MS)
    assert learnt([], FIVE_MS).newest_ms == 0


def direction(rose: bool = True) -> Direction:
    first = "up" if rose else "down"
    return Direction(first=first, rose=rose, at_ms=AT + 5, after_s=1.0, barrier=0.05, teaches=True)  # type: ignore[arg-type]


def test_what_figures_need_of_a_call() -> None:
    missed = TradeEnd(first="missed", at_ms=AT + 9, after_s=1.0)
    target = TradeEnd(first="target", at_ms=AT + 9, after_s=1.0)
    advice = call(kind="recommendation", recommendation="AVOID", trade=trade(), detectors={"macd": "BUY"})
    assert settled(advice, Outcome()) is None
    assert settled(advice, Outcome(trade=missed)) is None
    half = settled(advice, Outcome(direction=direction(), trade=missed))
    assert half is not None
    assert (half.name, half.until_ms, half.trade_until_ms, half.hit) == ("AVOID", AT + 5, 0, False)
    assert half.detectors == (("macd", "BUY"),)
    whole = settled(advice, Outcome(trade=target))
    assert whole is not None
    assert (whole.until_ms, whole.trade_until_ms, whole.hit, whole.teaches) == (0, AT + 9, True, False)
    state = settled(call(), Outcome(direction=direction(rose=False)))
    assert state is not None
    assert (state.name, state.rose) == ("state BUY", False)
