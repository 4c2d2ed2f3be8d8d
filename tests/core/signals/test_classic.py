"""The six classic detectors: when they vote, how strongly, and in which words; SELL mirrors BUY."""

import pytest

import core.signals.classic  # noqa: F401
from core.market.indicators import COLUMNS
from core.messages import Regime
from core.settings import Detectors
from core.signals.reading import REGISTRY, Memory, Scene, Verdict, Vote, detector, judge
from core.signals.smc.engine import SmartMoney, rules_of

SETTINGS = Detectors()


def scene(
    *,
    close: float = 100.0,
    bars: int = 400,
    regime: Regime = "range",
    volume: float = 1.0,
    tick: float = 0.0,
    **row: float,
) -> Scene:
    """A long calm market whose last bar has these indicator values."""
    made = Scene(SETTINGS, SmartMoney(rules_of(SETTINGS, 300_000), 300_000), tick)
    values = dict.fromkeys(COLUMNS, 50.0) | {"atr14": 1.0} | row
    for place in range(bars):
        last = place == bars - 1
        price = close if last else 100.0
        made.push(
            place * 300_000,
            (price, price + 0.5, price - 0.5, price, volume),
            False,
            [values[name] for name in COLUMNS],
            regime,
        )
    return made


def vote(name: str, view: Scene, memory: Memory | None = None) -> Verdict:
    return judge(REGISTRY[name], {} if memory is None else memory, view)


def test_the_six_are_registered_with_family_and_warmup() -> None:
    assert {name: (entry.family, entry.warmup) for name, entry in REGISTRY.items()} == {
        "ema_cross": ("TREND", 200),
        "adx_di": ("TREND", 280),
        "macd": ("MOMENTUM", 200),
        "rsi_static": ("MEANREV", 250),
        "boll": ("MEANREV", 300),
        "donchian": ("LEVEL", 195),
    }


CASES = [
    ("ema_cross", {"ema9": 100.6, "ema21": 100.0}, 0.6, "EMA9 above EMA21 by 0.6 ATR"),
    ("ema_cross", {"ema9": 100.1, "ema21": 100.0}, None, ""),
    ("adx_di", {"adx14": 31.0, "plus_di14": 30.0, "minus_di14": 10.0}, 0.55, "ADX 31, +DI leads"),
    ("adx_di", {"adx14": 20.0, "plus_di14": 30.0, "minus_di14": 10.0}, None, ""),
    ("adx_di", {"adx14": 45.0, "plus_di14": 30.0, "minus_di14": 10.0}, 1.0, "ADX 45, +DI leads"),
    ("rsi_static", {"rsi14": 24.0}, 0.3, "RSI 24 oversold"),
    ("rsi_static", {"rsi14": 30.0}, None, ""),
    ("boll", {"sma20": 102.3, "std20": 1.0}, 0.8 / 1.5, "2.3σ below the mean"),
    ("boll", {"sma20": 101.9, "std20": 1.0}, None, ""),
    ("boll", {"sma20": 102.3, "std20": 0.0}, None, ""),
]
MIRROR = [
    ("ema_cross", {"ema9": 99.4, "ema21": 100.0}, 0.6, "EMA9 below EMA21 by 0.6 ATR"),
    ("adx_di", {"adx14": 31.0, "plus_di14": 10.0, "minus_di14": 30.0}, 0.55, "ADX 31, −DI leads"),
    ("rsi_static", {"rsi14": 76.0}, 0.3, "RSI 76 overbought"),
    ("boll", {"sma20": 97.7, "std20": 1.0}, 0.8 / 1.5, "2.3σ above the mean"),
]


@pytest.mark.parametrize(
    ("name", "row", "score", "reason", "side"),
    [(*case, "BUY") for case in CASES] + [(*case, "SELL") for case in MIRROR],
)
def test_votes(name: str, row: dict, score: float | None, reason: str, side: str) -> None:
    found = vote(name, scene(**row))
    if score is None:
        assert (found.side, found.score) == ("HOLD", 0.0)
    else:
        assert (found.side, found.reason) == (side, reason)
        assert found.score == pytest.approx(score)


def test_a_fresh_cross_weighs_more_for_five_bars() -> None:
    memory: Memory = {}
    vote("ema_cross", scene(ema9=99.9, ema21=100.0), memory)
    scores = [vote("ema_cross", scene(ema9=100.5, ema21=100.0), memory).score for _ in range(8)]
    assert scores == pytest.approx([0.6] * 6 + [0.5] * 2)


@pytest.mark.parametrize(
    ("before", "now", "side"), [(0.1, 0.2, "BUY"), (0.3, 0.2, "HOLD"), (-0.1, -0.2, "SELL"), (-0.3, -0.2, "HOLD")]
)
def test_macd_votes_only_while_the_histogram_moves_away_from_zero(before: float, now: float, side: str) -> None:
    memory: Memory = {}
    assert vote("macd", scene(macd_hist=before), memory).side == "HOLD"
    found = vote("macd", scene(macd_hist=now), memory)
    assert found.side == side
    assert found.score == pytest.approx(0.0 if side == "HOLD" else 0.8)


@pytest.mark.parametrize(
    ("close", "side", "reason"),
    [(100.7, "BUY", "20-bar high broken"), (99.3, "SELL", "20-bar low broken"), (100.5, "HOLD", "")],
)
def test_donchian_compares_with_the_bars_before_this_one(close: float, side: str, reason: str) -> None:
    found = vote("donchian", scene(close=close))
    assert (found.side, found.reason) == (side, reason)
    assert found.score == pytest.approx(0.4 if side != "HOLD" else 0.0)


def test_bollinger_is_silent_outside_a_range() -> None:
    assert vote("boll", scene(sma20=102.3, std20=1.0, regime="trend_up")).side == "HOLD"


@pytest.mark.parametrize("name", list(REGISTRY))
def test_warming_up_says_how_far(name: str) -> None:
    warmup = REGISTRY[name].warmup
    found = vote(name, scene(bars=warmup - 1, rsi14=10.0, adx14=60.0, plus_di14=60.0, close=200.0, ema9=200.0))
    assert found == Verdict("HOLD", 0.0, f"warming up ({warmup - 1}/{warmup} bars)", True)
    assert not vote(name, scene(bars=warmup)).warming


EXTREME = {
    "ema_cross": {"ema9": 102.0, "ema21": 100.0},
    "adx_di": {"adx14": 60.0, "plus_di14": 60.0},
    "macd": {"macd_hist": 1.0},
    "rsi_static": {"rsi14": 5.0},
    "boll": {"sma20": 110.0, "std20": 1.0},
    "donchian": {"close": 120.0},
}


def extreme(name: str, **more: float) -> Verdict:
    memory: Memory = {"histogram": 0.0}
    return judge(REGISTRY[name], memory, scene(**(EXTREME[name] | more)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(REGISTRY))
def test_edge_cases_never_vote(name: str) -> None:
    assert extreme(name).side != "HOLD"
    assert extreme(name, tick=0.5).side == "HOLD", "ATR of two ticks"
    assert extreme(name, atr14=0.0).side == "HOLD", "flat window"
    assert extreme(name, atr14=float("nan")).side == "HOLD", "missing value"
    if REGISTRY[name].oscillator:
        assert extreme(name, volume=0.0).reason == "too little trading to judge"


@pytest.mark.parametrize("name", list(REGISTRY))
def test_a_synthetic_bar_never_votes(name: str) -> None:
    view = scene(**EXTREME[name])  # type: ignore[arg-type]
    view.push((view.close,) * 4 + (1.0,), True, view.row, view.regime)
    assert judge(REGISTRY[name], {"histogram": 0.0}, view).side == "HOLD"


def test_a_detector_whose_score_is_not_a_number_is_silent() -> None:
    entry = REGISTRY["ema_cross"]
    odd = type(entry)(
        name="odd", family="TREND", group="CLASSIC", warmup=0, needs=(), oscillator=False,
        step=lambda _memory, _scene: Vote("BUY", float("nan"), "?"),
    )  # fmt: skip
    assert judge(odd, {}, scene()).side == "HOLD"


def test_a_name_can_be_registered_once_and_needs_known_indicators() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        detector("macd", family="MOMENTUM", warmup=1, needs=())
    with pytest.raises(ValueError, match="unknown indicators nonsense"):
        detector("new", family="MOMENTUM", warmup=1, needs=("nonsense",))
    assert "new" not in REGISTRY
