"""Trend detectors speak exactly when their definitions say, on both sides."""

from __future__ import annotations

import pytest

from tests.core.signals.classic.market import Case, Market, said

UP = {"ema20": 102.0, "ema50": 101.0, "ema200": 100.0}
LEAD = {"plus_di14": 30.0, "minus_di14": 10.0}
FAR = {"vwap30": 100.0, "regime": "trend_up"}  # deviations of 0.01 are sqrt(10) for returns of 0.001
CASES = [
    Case("ema_cross", [{"ema9": 100.6}], 0.6, ("EMA9 above EMA21 by 0.6 ATR", "EMA9 below EMA21 by 0.6 ATR")),
    Case("ema_cross", [{"ema9": 100.1}]),
    Case("ema_cross", [{"ema9": 100.11}], 0.11, ("EMA9 above EMA21 by 0.1 ATR", "EMA9 below EMA21 by 0.1 ATR")),
    Case("ema_cross", [{"ema9": 101.2}], 1.0, ("EMA9 above EMA21 by 1.2 ATR", "EMA9 below EMA21 by 1.2 ATR")),
    Case("ema_stack", [{"close": 102.5, **UP}], 0.5, ("EMAs stacked up", "EMAs stacked down")),
    Case("ema_stack", [{"close": 102.0, **UP}]),
    Case("ema_stack", [{"close": 102.5, **UP, "ema50": 102.0}]),
    Case("ema_stack", [{"close": 102.5, **UP, "ema200": 101.0}]),
    Case("ema_stack", [{"close": 107.0, **UP, "ema20": 106.0}], 1.0, ("EMAs stacked up", "EMAs stacked down")),
    Case("adx_di", [{"adx14": 31.0, **LEAD}], 0.55, ("ADX 31, +DI leads", "ADX 31, −DI leads")),
    Case("adx_di", [{"adx14": 20.0, **LEAD}]),
    Case("adx_di", [{"adx14": 31.0}]),
    Case("adx_di", [{"adx14": 45.0, **LEAD}], 1.0, ("ADX 45, +DI leads", "ADX 45, −DI leads")),
    Case("vwap_trend", [{"close": 101.0, **FAR}], 1.0, ("1.0 % over 30-bar VWAP", "1.0 % under 30-bar VWAP")),
    Case("vwap_trend", [{"close": 100.63, **FAR}]),
    Case("vwap_trend", [{"close": 100.64, **FAR}], 0.5119288, ("0.6 % over 30-bar VWAP", "0.6 % under 30-bar VWAP")),
    Case("vwap_trend", [{"close": 99.0, **FAR}]),
    Case("vwap_trend", [{"close": 101.0, "regime": "range"}]),
    Case("vwap_trend", [{"close": 101.0, "regime": "undefined"}]),
    Case("vwap_trend", [{"close": 101.0, **FAR, "return_std240": 0.0}]),
]


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_votes(case: Case, mirror: bool) -> None:
    found = said(case, mirror=mirror)
    if not case.score:
        assert (found.side, found.score) == ("HOLD", 0.0)
    else:
        assert found.side == ("SELL" if mirror else "BUY")
        assert found.score == pytest.approx(case.score, rel=1e-6)
        assert found.reason == case.words[mirror]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_fresh_cross_weighs_more_for_five_bars(mirror: bool) -> None:
    market = Market("ema_cross", mirror=mirror)
    market.bar(ema9=99.9)
    scores = [market.bar(ema9=100.5).score for _ in range(8)]
    assert scores == pytest.approx([0.6] * 6 + [0.5] * 2)
    market.bar(ema9=100.0)
    assert market.bar(ema9=100.5).score == pytest.approx(0.5), "touching is not crossing"
    market.bar(ema9=100.0)
    market.bar(ema9=99.5)
    assert market.bar(ema9=99.5).score == pytest.approx(0.6), "crossing may rest at equality"


@pytest.mark.parametrize("mirror", [False, True])
def test_a_supertrend_flip_fades(mirror: bool) -> None:
    side, word = ("SELL", "down") if mirror else ("BUY", "up")
    market = Market("supertrend", mirror=mirror)
    market.bar(supertrend=-1.0)
    found = [market.bar(supertrend=1.0) for _ in range(202)]
    assert {verdict.side for verdict in found} == {side}
    assert [verdict.reason for verdict in found[:4]] == [
        f"Supertrend flipped {word}",
        f"Supertrend flipped {word} 1 bar ago",
        f"Supertrend flipped {word} 2 bars ago",
        f"Supertrend flipped {word} 3 bars ago",
    ]
    assert [found[age].score for age in (0, 10, 20, 199, 200, 201)] == pytest.approx(
        [1.0, 0.7, 0.55, 0.4, 0.4, 0.4], abs=1e-6
    )
    assert found[201].reason == f"Supertrend {word} for 200 bars or more"


def test_a_supertrend_whose_flip_was_never_seen_is_old() -> None:
    market = Market("supertrend", asleep=True)
    assert market.bar(supertrend=1.0) == ("BUY", 0.4, "Supertrend up for 200 bars or more", False, 0)


def test_no_supertrend_yet_is_no_vote() -> None:
    assert Market("supertrend").bar(supertrend=0.0).side == "HOLD"
