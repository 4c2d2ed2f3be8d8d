"""What holds for every classic detector: registration, warm-up, missing values, thin markets, fillers, words."""

from __future__ import annotations

from typing import Any

import pytest

from core.signals.reading import REGISTRY, Detector, Verdict, Vote, detector, judge
from tests.core.signals.classic.market import CALM, Market
from tests.core.signals.classic.stepping import Stepper, classic, opened
from tests.core.signals.markets import walk

NAMES = [entry.name for entry in classic()]


def test_all_are_registered_by_family_in_the_order_of_the_screens() -> None:
    assert {name: (REGISTRY[name].family, REGISTRY[name].warmup, REGISTRY[name].lookback) for name in NAMES} == {
        "ema_cross": ("TREND", 200, 64),
        "ema_stack": ("TREND", 1400, 64),
        "adx_di": ("TREND", 280, 64),
        "supertrend": ("TREND", 335, 200),
        "vwap_trend": ("TREND", 300, 64),
        "macd": ("MOMENTUM", 230, 64),
        "roc": ("MOMENTUM", 1061, 1000),
        "rsi_static": ("MEANREV", 250, 64),
        "rsi_dynamic": ("MEANREV", 750, 500),
        "rsi_div": ("MEANREV", 360, 120),
        "stoch": ("MEANREV", 20, 64),
        "boll": ("MEANREV", 300, 64),
        "cci": ("MEANREV", 20, 64),
        "willr": ("MEANREV", 15, 64),
        "mfi": ("MEANREV", 15, 64),
        "vwap_dev": ("MEANREV", 300, 64),
        "vol_spike": ("VOLUME", 51, 64),
        "obv_slope": ("VOLUME", 1020, 1020),
        "cmf": ("VOLUME", 20, 64),
        "donchian": ("LEVEL", 195, 64),
        "squeeze": ("PATTERN", 195, 64),
        "candle": ("PATTERN", 195, 64),
    }
    assert list(dict.fromkeys(REGISTRY[name].family for name in NAMES)) == [
        "TREND", "MOMENTUM", "MEANREV", "VOLUME", "LEVEL", "PATTERN",
    ]  # fmt: skip
    assert {REGISTRY[name].group for name in NAMES} == {"CLASSIC"}


MISSING: dict[str, Any] = dict.fromkeys(CALM, float("nan"))
LOUD: dict[str, list[dict]] = {
    "ema_cross": [{"ema9": 102.0}],
    "ema_stack": [{"close": 105.0, "ema20": 104.0, "ema50": 102.0}],
    "adx_di": [{"adx14": 60.0, "plus_di14": 60.0}],
    "supertrend": [{"supertrend": -1.0}, {"supertrend": 1.0}],
    "vwap_trend": [{"close": 103.0, "regime": "trend_up"}],
    "macd": [{"macd_hist": 0.5}, {"macd_hist": 1.0}],
    "roc": [{"close": 120.0}],
    "rsi_static": [{"rsi14": 5.0}],
    "rsi_dynamic": [{"rsi14": 5.0}],
    "rsi_div": [{"low": 98.0, "rsi14": 20.0}, *[{}] * 9, {"low": 97.0, "rsi14": 35.0}, *[{}] * 5],
    "stoch": [{"stoch_k": 1.0, "stoch_d": 3.0}, {"stoch_k": 4.0, "stoch_d": 3.0}],
    "boll": [{"sma20": 110.0}],
    "cci": [{"cci20": -300.0}],
    "willr": [{"willr14": -100.0}],
    "mfi": [{"mfi14": 2.0}],
    "vwap_dev": [{"close": 95.0}],
    "vol_spike": [{"close": 103.0, "open_": 100.0, "volume": 1e6}],
    "obv_slope": [{"close": 101.0}],
    "cmf": [{"cmf20": 0.5}],
    "donchian": [{"close": 120.0}],
    "squeeze": [{"close": 102.0, "std20": 3.0}],
    "candle": [{"cdl_hammer": 100.0}],
}
"""Bars after which each detector speaks as loudly as it can."""


def shout(name: str, *, before: int = 1600, tick: float = 0.0, **last: object) -> Verdict:
    """The verdict on the loud bars; `last` changes the last of them, `volume` all and the ones before."""
    volume = last.get("volume", 1.0)
    market = Market(name, calm=0, tick=tick)
    for bar in range(before):
        market.bar(volume=volume * (1.0 + bar % 3))  # type: ignore[operator]
    market.swing(99.5)
    bars = [{"volume": volume} | bar if volume else bar | {"volume": 0.0} for bar in LOUD[name]]
    bars[-1] = bars[-1] | {key: value for key, value in last.items() if key != "volume"}
    return [market.bar(**bar) for bar in bars][-1]


@pytest.mark.parametrize("name", NAMES)
def test_loud_bars_are_heard(name: str) -> None:
    assert shout(name).side in ("BUY", "SELL")


@pytest.mark.parametrize("name", NAMES)
def test_flat_windows_and_missing_values_are_silent(name: str) -> None:
    assert shout(name, tick=0.5).side == "HOLD", "ATR of two ticks"
    assert shout(name, tick=0.49).side != "HOLD"
    assert shout(name, atr14=0.0).side == "HOLD", "nothing moves"
    assert shout(name, **MISSING).side == "HOLD", "a bar that was not finite"


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_value_on_one_bar_harms_no_later_one(name: str) -> None:
    market = Market(name)
    market.swing(99.5)
    market.bar(float("nan"), **MISSING)
    for bar in range(1600):
        market.bar(volume=1.0 + bar % 3)
    assert [market.bar(**loud) for loud in LOUD[name]][-1].side != "HOLD"


@pytest.mark.parametrize("name", NAMES)
def test_a_synthetic_bar_never_votes(name: str) -> None:
    found = shout(name, synthetic=True)
    assert found.side == "HOLD"


@pytest.mark.parametrize("name", [name for name in NAMES if REGISTRY[name].oscillator])
def test_oscillators_are_silent_while_the_market_barely_trades(name: str) -> None:
    market = Market(name)
    market.swing(99.5)
    quiet = [market.bar(**({"volume": 0.0} | bar)) for bar in ([{}] * 14 + LOUD[name])]
    assert {verdict.side for verdict in quiet[3:]} == {"HOLD"}


@pytest.mark.parametrize("name", NAMES)
def test_warming_up_says_how_far(name: str) -> None:
    warmup, bars = REGISTRY[name].warmup, len(LOUD[name])
    assert shout(name, before=warmup - bars - 1) == (
        "HOLD", 0.0, f"warming up ({warmup - 1}/{warmup} bars)", True, 0,
    )  # fmt: skip
    assert not shout(name, before=warmup - bars).warming


@pytest.mark.parametrize("entry", classic(), ids=lambda entry: entry.name)
def test_the_glossary_says_what_it_looks_for(entry: Detector) -> None:
    assert 40 < len(entry.about) < 420
    assert entry.about[0].isupper()
    assert entry.about.endswith(".")


def test_a_flat_dead_market_never_votes() -> None:
    block = walk(1, 1500)
    block[:, 1:5] = 100.0
    block[:, 5:] = 0.0
    assert {verdict.side for bar in opened(block, 0, classic()) for verdict in bar.values()} == {"HOLD"}


def test_a_market_that_only_trades_now_and_then_moves_no_oscillator() -> None:
    block = walk(2, 1500)
    block[::3, 5] = 0.0
    for bar in opened(block, 0, classic()):
        assert {verdict.side for name, verdict in bar.items() if REGISTRY[name].oscillator} == {"HOLD"}


def test_a_detector_whose_score_is_not_a_number_is_silent() -> None:
    entry = REGISTRY["ema_cross"]
    odd = type(entry)(
        name="odd", family="TREND", group="CLASSIC", warmup=0, needs=(), oscillator=False, lookback=0, about="Odd.",
        step=lambda _memory, _scene: Vote("BUY", float("nan"), "?"),
    )  # fmt: skip
    assert judge(odd, {}, Market("ema_cross").scene).side == "HOLD"


def test_a_name_can_be_registered_once_and_needs_known_indicators_and_words() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        detector("macd", family="MOMENTUM", warmup=1, needs=())
    with pytest.raises(ValueError, match="unknown indicators nonsense"):
        detector("new", family="MOMENTUM", warmup=1, needs=("nonsense",))
    with pytest.raises(ValueError, match="has no docstring"):
        detector("new", family="MOMENTUM", warmup=1, needs=())(lambda _memory, _scene: None)
    assert "new" not in REGISTRY
    assert Stepper(classic()).entries == classic()
