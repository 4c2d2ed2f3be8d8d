"""No classic detector looks ahead, rewrites itself or remembers where its history began: seeded markets."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from core.market.indicators import IndicatorSet
from core.signals.reading import REGISTRY, Memory, Scene, Vote
from core.venue import CandleBlock
from tests.core.signals.classic.causality import prefix_test, start_test
from tests.core.signals.classic.stepping import classic
from tests.core.signals.markets import walk

RARE = {"squeeze", "vwap_dev", "vol_spike", "candle"}
"""Not always heard in some hundred bars of a random walk; recorded markets and constructed scenes hear them."""

SEEDS = [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]


def patchy(seed: int, bars: int) -> CandleBlock:
    """A walk on a coarse tick with stretches without movement or volume, and one burst of volume."""
    block = walk(seed, bars)
    block[:, 1:5] = np.round(block[:, 1:5] / 0.05) * 0.05
    for first in range(150, bars, 400):
        hole = block[first : first + 30]
        hole[:, 1:5], hole[:, 5:] = block[first - 1, 4], 0.0
    block[bars // 2, 5] *= 1e4
    return block


@pytest.mark.parametrize("seed", SEEDS)
def test_prefix_opening_at_any_bar_says_what_was_said_live(seed: int) -> None:
    entries = classic()
    found = prefix_test(walk(seed, 1900), 1450, range(1450 + seed, 1900, 23), entries)
    assert not found.differing
    assert {entry.name for entry in entries} - set(+found.votes) <= RARE


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_prefix_on_a_market_with_holes(seed: int) -> None:
    found = prefix_test(patchy(seed, 1900), 1450, range(1450, 1900, 19), classic())
    assert not found.differing
    assert sum(found.votes.values()) > 1000


@pytest.mark.parametrize("name", ["supertrend", "roc", "rsi_dynamic", "rsi_div", "obv_slope"])
def test_the_long_memories_need_what_they_declare(name: str) -> None:
    """With half the look-back the same test must fail, or it would not have noticed."""
    entry = REGISTRY[name]
    short = msgspec.structs.replace(entry, lookback=entry.lookback // 2)
    assert prefix_test(walk(1, 1900), 1450, range(1450, 1890, 11), [short]).differing[name] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_start_is_forgotten_after_warm_up(seed: int) -> None:
    entries = classic()
    found = start_test(walk(seed, 2300), range(50 + seed, 900, 260), entries)
    assert not found.differing
    assert found.compared > 5000
    assert {entry.name for entry in entries} - set(+found.votes) <= RARE


def test_a_detector_that_knows_tomorrow_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that reads the next bar out of whatever history it is given."""
    tomorrow: dict[int, float] = {}
    real = IndicatorSet.open

    def spying(block: CandleBlock) -> tuple[IndicatorSet, np.ndarray]:
        tomorrow.clear()
        tomorrow.update(zip(block[:-1, 0].astype(int).tolist(), np.diff(block[:, 4]).tolist(), strict=True))
        return real(block)

    def leak(_memory: Memory, scene: Scene) -> Vote | None:
        move = tomorrow.get(scene.times[-1], 0.0)
        return Vote("BUY" if move > 0.0 else "SELL", 0.5, "") if move else None

    monkeypatch.setattr(IndicatorSet, "open", spying)
    honest = REGISTRY["willr"]
    leaking = msgspec.structs.replace(honest, name="leak", step=leak, needs=(), warmup=0, oscillator=False)
    found = prefix_test(walk(4, 700), 400, range(400, 690, 10), [honest, leaking])
    assert found.differing == {"leak": 29}


def test_start_is_forgotten_on_a_market_with_holes() -> None:
    found = start_test(patchy(7, 2300), range(50, 900, 130), classic())
    assert not found.differing
