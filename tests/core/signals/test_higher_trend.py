"""The voice of the longer timeframes: their mean, silent in ranges, warming until each of them is known well."""

import pytest

from core.messages import Regime
from core.settings import Detectors
from core.signals.higher import HigherReading
from core.signals.higher_trend import higher_trend
from core.signals.reading import REGISTRY, Scene, Vote, Warming, judge
from core.signals.smc.engine import SmartMoney, rules_of


def scene_with(*frames: tuple[str, Regime, float, bool]) -> Scene:
    rules = Detectors()
    scene = Scene(rules, SmartMoney(rules_of(rules, 300_000), 300_000))
    scene.higher = tuple(
        HigherReading(timeframe, regime, confidence, 3, 1, warm) for timeframe, regime, confidence, warm in frames
    )
    return scene


@pytest.mark.parametrize(
    ("first", "second", "side", "score", "reason"),
    [
        (("trend_up", 0.6), ("range", 0.9), "BUY", 0.3, "15m trend up, 1h range"),
        (("trend_up", 0.6), ("trend_up", 1.0), "BUY", 0.8, "15m trend up, 1h trend up"),
        (("trend_down", 0.5), ("undefined", 0.0), "SELL", 0.25, "15m trend down, 1h unclear"),
        (("trend_up", 0.2), ("trend_down", 0.6), "SELL", 0.2, "15m trend up, 1h trend down"),
    ],
)
def test_the_mean_of_the_trends(
    first: tuple[Regime, float], second: tuple[Regime, float], side: str, score: float, reason: str
) -> None:
    vote = higher_trend({}, scene_with(("15m", *first, True), ("1h", *second, True)))
    assert vote == Vote(side, pytest.approx(score), reason)  # type: ignore[arg-type]


def test_ranges_and_trends_that_cancel_are_silent_and_so_is_a_timeframe_with_none_above() -> None:
    assert higher_trend({}, scene_with(("15m", "range", 1.0, True), ("1h", "range", 1.0, True))) is None
    assert higher_trend({}, scene_with(("15m", "trend_up", 0.5, True), ("1h", "trend_down", 0.5, True))) is None
    assert higher_trend({}, scene_with()) is None


def test_it_warms_up_until_every_timeframe_it_reads_is_known_well() -> None:
    scene = scene_with(("15m", "trend_up", 1.0, True), ("1h", "trend_up", 1.0, False))
    assert higher_trend({}, scene) == Warming("1h needs 300 bars")
    bar = (100.0, 101.0, 99.0, 100.0, 5.0)
    scene.push(0, bar, False, [1.0] * 200, "range")
    scene.bars = 195
    verdict = judge(REGISTRY["higher_trend"], {}, scene)
    assert (verdict.side, verdict.warming, verdict.reason) == ("HOLD", True, "warming up (1h needs 300 bars)")
    scene.higher = tuple(frame._replace(warm=True) for frame in scene.higher)
    verdict = judge(REGISTRY["higher_trend"], {}, scene)
    assert (verdict.side, verdict.score, verdict.warming) == ("BUY", 1.0, False)
