"""Momentum detectors speak exactly when their definitions say, on both sides."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.core.signals.classic.market import Market


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "score"),
    [(0.1, 0.2, 0.8), (0.1, 0.3, 1.0), (0.3, 0.2, 0.0), (0.2, 0.2, 0.0), (-0.3, -0.2, 0.0), (-0.1, 0.0, 0.0)],
)
def test_macd_votes_only_while_the_histogram_moves_away_from_zero(
    before: float, now: float, score: float, mirror: bool
) -> None:
    market = Market("macd", mirror=mirror)
    market.bar(macd_hist=before)
    found = market.bar(macd_hist=now)
    assert found.score == pytest.approx(score)
    assert (found.side, found.reason) == (
        ("HOLD", "") if not score else ("SELL", "MACD falling") if mirror else ("BUY", "MACD rising")
    )


def moves(sign: float) -> Market:
    """A thousand bars whose 10-bar moves spread evenly over ±0.01: the price steps once in ten bars."""
    market = Market("roc", calm=100)
    levels = np.cumsum(np.tile(np.linspace(-0.01, 0.01, 101), 2) * sign)
    for bar in range(1010):
        market.bar(100.0 * math.exp(levels[bar // 10]))
    return market


@pytest.mark.parametrize(("sign", "side", "word"), [(1.0, "BUY", "top"), (-1.0, "SELL", "bottom")])
def test_roc_ranks_the_move_among_the_thousand_before(sign: float, side: str, word: str) -> None:
    market = moves(sign)
    last = market.scene.close
    for bar in range(10):
        found = market.bar(last * math.exp(sign * 0.02 * (bar + 1) / 10.0))
    assert (found.side, found.score, found.reason) == (side, 1.0, f"10-bar move in {word} 1 %")


@pytest.mark.parametrize(("sign", "side"), [(1.0, "BUY"), (-1.0, "SELL")])
def test_roc_agrees_with_a_naive_rank_and_needs_the_moves_own_side(sign: float, side: str) -> None:
    random = np.random.default_rng(7)
    drift = 0.002 * sign
    closes = 100.0 * np.exp(np.cumsum(random.normal(drift, 0.001, 1200)))
    market = Market("roc", calm=0)
    found = [market.bar(float(close), return_std60=0.001) for close in closes]
    logs = np.log(closes[10:] / closes[:-10])
    spoke = 0
    for bar in range(1100, 1200):
        past, now = logs[bar - 1010 : bar - 10], logs[bar - 10]
        rank = ((past < now).sum() + (past <= now).sum()) / 2000.0
        agrees = (now > 0.0) == (rank > 0.5)
        assert found[bar].score == pytest.approx(abs(2.0 * rank - 1.0) if agrees else 0.0, abs=1e-9)
        if found[bar].side != "HOLD":
            spoke += 1
            assert found[bar].side == side
    assert 20 < spoke < 80, "in a steady rise only the faster half of the moves speaks"


def test_roc_is_silent_without_noise_to_compare_with_and_forgets_those_bars() -> None:
    market = moves(1.0)
    assert market.bar(200.0, return_std60=0.0).side == "HOLD"
    assert market.bar(200.0).side == "BUY"


@pytest.mark.parametrize(("noise", "score"), [(0.001, 1.0), (0.003, 0.2), (0.1, 0.0)])
def test_roc_counts_the_move_in_units_of_noise(noise: float, score: float) -> None:
    """The same move says less where bars are noisier: 1 % at three times the noise stands among the moves of 0.33 %."""
    market = moves(1.0)
    last = market.scene.close
    for bar in range(10):
        found = market.bar(last * math.exp(0.0101 * (bar + 1) / 10.0), return_std60=noise)
    assert found.score == pytest.approx(score, abs=0.15)
