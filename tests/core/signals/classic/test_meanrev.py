"""Mean reversion detectors speak exactly when their definitions say, on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from core.settings import Detectors
from tests.core.signals.classic.market import Case, Market, said

CROSS = {"stoch_k": 14.0, "stoch_d": 13.0}
TURN_14 = ("Stochastic turns up from 14", "Stochastic turns down from 86")
TURN_3 = ("Stochastic turns up from 3", "Stochastic turns down from 97")
CASES = [
    Case("rsi_static", [{"rsi14": 24.0}], 0.3, ("RSI 24 oversold", "RSI 76 overbought")),
    Case("rsi_static", [{"rsi14": 30.0}]),
    Case("rsi_static", [{"rsi14": 29.0}], 0.05, ("RSI 29 oversold", "RSI 71 overbought")),
    Case("rsi_static", [{"rsi14": 5.0}], 1.0, ("RSI 5 oversold", "RSI 95 overbought")),
    Case("boll", [{"sma20": 102.3}], 0.8 / 1.5, ("2.3σ below the mean", "2.3σ above the mean")),
    Case("boll", [{"sma20": 102.0}]),
    Case("boll", [{"sma20": 104.0}], 1.0, ("4.0σ below the mean", "4.0σ above the mean")),
    Case("boll", [{"sma20": 102.3, "std20": 0.0}]),
    Case("boll", [{"sma20": 102.3, "regime": "trend_up"}]),
    Case("boll", [{"sma20": 102.3, "regime": "undefined"}]),
    Case("stoch", [{"stoch_k": 12.0, "stoch_d": 13.0}, CROSS], 0.24, TURN_14),
    Case("stoch", [{"stoch_k": 13.0, "stoch_d": 13.0}, CROSS], 0.24, TURN_14),
    Case("stoch", [{"stoch_k": 14.0, "stoch_d": 13.0}, CROSS]),
    Case("stoch", [{"stoch_k": 12.0, "stoch_d": 13.0}, {"stoch_k": 13.0, "stoch_d": 13.0}]),
    Case("stoch", [{"stoch_k": 12.0, "stoch_d": 13.0}, {"stoch_k": 20.0, "stoch_d": 13.0}]),
    Case("stoch", [{"stoch_k": 0.0, "stoch_d": 1e-14}, {"stoch_k": 1e-14, "stoch_d": 0.0}]),
    Case("stoch", [{"stoch_k": 0.0, "stoch_d": 1.0}, {"stoch_k": 3.0, "stoch_d": 2.0}], 0.68, TURN_3),
    Case("cci", [{"cci20": -134.0}], 0.34, ("CCI −134 oversold", "CCI 134 overbought")),
    Case("cci", [{"cci20": -100.0}]),
    Case("cci", [{"cci20": -250.0}], 1.0, ("CCI −250 oversold", "CCI 250 overbought")),
    Case("willr", [{"willr14": -91.0}], 0.55, ("%R −91 oversold", "%R −9 overbought")),
    Case("willr", [{"willr14": -80.0}]),
    Case("willr", [{"willr14": -100.0}], 1.0, ("%R −100 oversold", "%R −0 overbought")),
    Case("mfi", [{"mfi14": 12.0}], 8.0 / 15.0, ("MFI 12 oversold", "MFI 88 overbought")),
    Case("mfi", [{"mfi14": 20.0}]),
    Case("mfi", [{"mfi14": 3.0}], 1.0, ("MFI 3 oversold", "MFI 97 overbought")),
    Case("vwap_dev", [{"close": 99.0}], 1.0, ("1.0 % under 30-bar VWAP", "1.0 % over 30-bar VWAP")),
    Case("vwap_dev", [{"close": 99.37}]),
    Case("vwap_dev", [{"close": 99.36}], 0.5119288, ("0.6 % under 30-bar VWAP", "0.6 % over 30-bar VWAP")),
    Case("vwap_dev", [{"close": 99.0, "regime": "trend_up"}]),
    Case("vwap_dev", [{"close": 99.0, "regime": "trend_down"}]),
    Case("vwap_dev", [{"close": 99.0, "return_std240": 0.0}]),
    Case("vwap_dev", [{"close": 99.0, "vwap30": float("nan")}]),
]  # fmt: skip


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


KNOBS = [
    ("rsi_static", {"rsi_oversold": 20.0, "rsi_overbought": 80.0}, {"rsi14": 24.0}),
    ("boll", {"boll_z": 3.0}, {"sma20": 102.3}),
    ("cci", {"cci_limit": 140.0}, {"cci20": -134.0}),
    ("willr", {"willr_low": 5.0}, {"willr14": -91.0}),
    ("mfi", {"mfi_low": 10.0}, {"mfi14": 12.0}),
    ("vwap_dev", {"vwap_z": 3.5}, {"close": 99.0}),
]


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("name", "knobs", "bar"), KNOBS)
def test_thresholds_are_settings(name: str, knobs: dict, bar: dict, mirror: bool) -> None:
    assert Market(name, mirror=mirror).bar(**bar).side != "HOLD"
    assert Market(name, mirror=mirror, settings=Detectors(**knobs)).bar(**bar).side == "HOLD"


# --- RSI against its own past ---------------------------------------------------------------------------------------


def rsi_history(low: float, high: float, *, mirror: bool) -> Market:
    """500 bars whose RSI is spread evenly from `low` to `high`, in random order."""
    market = Market("rsi_dynamic", mirror=mirror)
    for rsi in np.random.default_rng(2).permutation(np.linspace(low, high, 500)):
        market.bar(rsi14=float(rsi))
    return market


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("low", "high", "rsi", "score"),
    [
        (30.0, 70.0, 31.0, 0.1),  # its own 5 % level is 32
        (30.0, 70.0, 32.0, 0.0),
        (30.0, 70.0, 21.0, 1.0),
        (60.0, 80.0, 39.0, 0.1),  # at most 40
        (60.0, 80.0, 40.0, 0.0),
        (1.0, 61.0, 9.0, 0.1),  # at least 10
        (1.0, 61.0, 10.0, 0.0),
    ],
)
def test_rsi_dynamic_compares_with_its_own_levels(
    low: float, high: float, rsi: float, score: float, mirror: bool
) -> None:
    found = rsi_history(low, high, mirror=mirror).bar(rsi14=rsi)
    assert found.score == pytest.approx(score)
    if score:
        word = "above its own 95 %" if mirror else "below its own 5 %"
        assert (found.side, found.reason) == ("SELL" if mirror else "BUY", f"RSI {word} level")


def test_rsi_dynamic_leaves_the_bar_itself_out_and_keeps_500() -> None:
    market = rsi_history(30.0, 70.0, mirror=False)
    for _ in range(26):
        assert market.bar(rsi14=20.0).side == "BUY"
    assert market.bar(rsi14=20.0).side == "HOLD", "26 of the last 500 stood there: this is the 5 % level now"


# --- divergence -----------------------------------------------------------------------------------------------------


def valley(market: Market, low: float, rsi: float, *, after: int = 5) -> list[str]:
    """A pivot low with this RSI, and `after` bars behind it; the sides told on those."""
    market.bar(100.0, low=low, rsi14=rsi)
    return [market.bar().side for _ in range(after)]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_divergence_is_known_five_bars_after_its_pivot_and_fades(mirror: bool) -> None:
    side, word = ("SELL", "bearish") if mirror else ("BUY", "bullish")
    market = Market("rsi_div", mirror=mirror)
    assert set(valley(market, 98.0, 25.0, after=15)) == {"HOLD"}
    assert valley(market, 97.0, 29.0, after=4) == ["HOLD"] * 4
    pivot_ms = market.scene.times[-5]
    found = [market.bar() for _ in range(60)]
    assert (found[0].side, found[0].reason) == (side, f"{word} RSI divergence")
    told = [verdict for verdict in found if verdict.side != "HOLD"]
    assert [verdict.score for verdict in told] == pytest.approx([0.4 * 2.0 ** (-age / 10.0) for age in range(31)])
    assert {verdict.side for verdict in told} == {side}
    assert {verdict.occurred_at for verdict in told} == {pivot_ms}


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "apart", "told"),
    [
        ((98.0, 25.0), (97.0, 27.0), 20, True),  # exactly two points
        ((98.0, 25.0), (97.0, 26.9), 20, False),
        ((98.0, 25.0), (98.0, 29.0), 20, False),  # not lower
        ((98.0, 25.0), (98.5, 29.0), 20, False),
        ((98.0, 25.0), (97.0, 21.0), 20, False),  # RSI agrees with the price
        ((98.0, 25.0), (97.0, 29.0), 60, True),
        ((98.0, 25.0), (97.0, 29.0), 61, False),
        ((98.0, 25.0), (97.0, 29.0), 6, True),
    ],
)
def test_which_pivots_diverge(
    first: tuple[float, float], second: tuple[float, float], apart: int, told: bool, mirror: bool
) -> None:
    market = Market("rsi_div", mirror=mirror)
    valley(market, *first, after=apart - 1)
    side = "SELL" if mirror else "BUY"
    assert valley(market, *second)[-1] == (side if told else "HOLD")


@pytest.mark.parametrize(("points", "side"), [(4.0, "BUY"), (4.1, "HOLD")])
def test_how_far_rsi_must_differ_is_a_setting(points: float, side: str) -> None:
    market = Market("rsi_div", settings=Detectors(rsi_div_points=points))
    valley(market, 98.0, 25.0, after=15)
    assert valley(market, 97.0, 29.0)[-1] == side


def test_a_filler_bar_is_no_pivot() -> None:
    market = Market("rsi_div")
    valley(market, 98.0, 25.0, after=15)
    market.bar(low=97.0, rsi14=29.0, synthetic=True)
    assert {market.bar().side for _ in range(40)} == {"HOLD"}


def test_a_newer_divergence_takes_the_place_of_the_older() -> None:
    market = Market("rsi_div")
    valley(market, 98.0, 25.0, after=15)
    assert valley(market, 97.0, 29.0)[-1] == "BUY"
    market.bar(high=102.0, rsi14=70.0)
    for _ in range(9):
        market.bar()
    market.bar(high=103.0, rsi14=60.0)
    told = [market.bar().side for _ in range(6)]
    assert told == ["BUY"] * 4 + ["SELL"] * 2


def test_the_first_of_equal_lows_is_the_pivot() -> None:
    market = Market("rsi_div")
    valley(market, 98.0, 25.0, after=15)
    market.bar(low=97.0, rsi14=29.0)
    pivot_ms = market.scene.times[-1]
    for _ in range(3):
        market.bar(low=97.0, rsi14=40.0)
    found = [market.bar() for _ in range(20)]
    assert {verdict.occurred_at for verdict in found if verdict.side != "HOLD"} == {pivot_ms}
    assert found[1].score == pytest.approx(0.4)
