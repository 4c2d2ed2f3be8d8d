"""Squeezes that let go and candles at levels: both sides, at and beyond the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.market.indicators import COLUMNS, IndicatorSet, load_talib
from core.settings import Detectors
from core.signals.classic.pattern import CANDLES, LEVELS, TWO_SIDED
from tests.core.market.builders import candles
from tests.core.signals.classic.market import PAIRS, Market
from tests.core.signals.markets import walk

# --- squeeze --------------------------------------------------------------------------------------------------------

WIDE: dict[str, Any] = {"std20": 2.0}  # bands at 96 and 104, the channel at 97 and 103
OUT: dict[str, Any] = {"std20": 1.5}  # bands exactly on the channel


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("inside", "release", "score"),
    [
        (6, {"close": 100.6, **WIDE}, 0.6),
        (6, {"close": 100.6, **OUT}, 0.6),
        (5, {"close": 100.6, **WIDE}, 0.0),
        (6, {"close": 103.0, **WIDE}, 1.0),
        (6, {"close": 100.0, **WIDE}, 0.0),
        (6, {"close": 100.6}, 0.0),
        (6, {"close": 100.6, "sma20": 101.0}, 0.6),  # only the upper band is out
        (6, {"close": 100.6, "sma20": 99.0}, 0.0),  # only the lower one, but the close is above the mean
    ],
)
def test_the_release_of_a_squeeze(inside: int, release: dict, score: float, mirror: bool) -> None:
    market = Market("squeeze", mirror=mirror, calm=400)
    market.bar(**WIDE)
    for _ in range(inside):
        assert market.bar().side == "HOLD"
    found = market.bar(**release)
    assert found.score == pytest.approx(score)
    if score:
        assert (found.side, found.reason) == (
            ("SELL", "volatility squeeze released down") if mirror else ("BUY", "volatility squeeze released up")
        )
        assert market.bar(**release).side == "HOLD", "on that bar only"


def test_how_long_a_squeeze_must_last_is_a_setting() -> None:
    market = Market("squeeze", settings=Detectors(squeeze_bars=60), asleep=True)
    for _ in range(59):
        market.bar()
    assert market.bar(100.6, **WIDE).side == "HOLD"
    for _ in range(60):
        market.bar()
    assert market.bar(100.6, **WIDE).side == "BUY"


# --- candle ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("level", "told"),
    [(99.4, True), (99.6, True), (99.0, True), (98.99, False), (100.0, True), (100.01, False), (103.0, False)],
)
def test_a_candle_counts_at_a_level_the_close_did_not_cross(level: float, told: bool, mirror: bool) -> None:
    market = Market("candle", mirror=mirror)
    market.swing(level)
    found = market.bar(100.0, low=99.5, high=100.1, cdl_engulfing=100.0)
    words = "bearish engulfing at resistance" if mirror else "bullish engulfing at support"
    expected = (("SELL" if mirror else "BUY"), 0.3, words) if told else ("HOLD", 0.0, "")
    assert found[:3] == expected


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("name", [name for name in CANDLES if name not in PAIRS.values()])
def test_every_pattern_has_its_name(name: str, mirror: bool) -> None:
    market = Market("candle", mirror=mirror)
    market.swing(99.5)
    loud: dict[str, Any] = {name: 100.0}
    found = market.bar(**loud)
    assert found.side == ("SELL" if mirror else "BUY")
    words = CANDLES[PAIRS.get(name, name) if mirror else name]
    if name in TWO_SIDED:
        words = f"{'bearish' if mirror else 'bullish'} {words}"
    assert found.reason == f"{words} at {'resistance' if mirror else 'support'}"


def test_half_patterns_and_contradictions_say_nothing() -> None:
    market = Market("candle")
    market.swing(99.5)
    market.swing(100.5)
    assert market.bar(cdl_engulfing=80.0).side == "HOLD"
    assert market.bar(cdl_hammer=100.0, cdl_engulfing=-100.0).side == "HOLD"
    assert market.bar(cdl_hammer=100.0, cdl_engulfing=-80.0).reason == "hammer at support"
    assert market.bar(cdl_hammer=100.0, cdl_morning_star=100.0).reason == "morning star at support", "the rarer"


def test_without_levels_or_with_old_ones_only_it_is_silent() -> None:
    market = Market("candle")
    assert market.bar(cdl_hammer=100.0).side == "HOLD"
    market.swing(99.5)
    for _ in range(LEVELS - 1):
        market.swing(50.0)
    assert market.bar(cdl_hammer=100.0).side == "BUY"
    market.swing(50.0)
    assert market.bar(cdl_hammer=100.0).side == "HOLD"


def test_how_near_is_a_setting() -> None:
    market = Market("candle", settings=Detectors(candle_atr=0.05))
    market.swing(99.4)
    assert market.bar(cdl_hammer=100.0).side == "HOLD"


def test_a_real_engulfing_bar_is_found_by_the_indicators() -> None:
    block = walk(2, 100)
    # a falling bar of two, then a rising one that opens lower and closes higher
    block[-2, 1:5] = (100.0, 100.1, 97.9, 98.0)
    block[-1, 1:5] = (97.5, 101.1, 97.4, 101.0)
    row = IndicatorSet.open(block)[1][-1]
    assert row[COLUMNS.index("cdl_engulfing")] == 100.0
    assert load_talib().CDLENGULFING(*[np.ascontiguousarray(block[:, i]) for i in range(1, 5)])[-1] == 100
    assert not any(IndicatorSet.open(candles(0, 40))[1][-1][COLUMNS.index(name)] for name in ("cdl_harami",))
