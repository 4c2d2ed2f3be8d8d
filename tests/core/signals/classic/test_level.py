"""The channel of the last bars, broken: both sides, at and beyond the line."""

from __future__ import annotations

import pytest

from core.settings import Detectors
from tests.core.signals.classic.market import Market


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("close", "score"), [(100.7, 0.4), (100.5, 0.0), (101.5, 1.0), (100.2, 0.0)])
def test_donchian_compares_with_the_bars_before_this_one(close: float, score: float, mirror: bool) -> None:
    found = Market("donchian", mirror=mirror).bar(close)
    assert found.score == pytest.approx(score)
    if score:
        assert (found.side, found.reason) == (
            ("SELL", "20-bar low broken") if mirror else ("BUY", "20-bar high broken")
        )


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("ago", "side"), [(20, "HOLD"), (21, "BUY")])
def test_the_channel_is_twenty_bars_long(ago: int, side: str, mirror: bool) -> None:
    market = Market("donchian", mirror=mirror)
    market.bar(high=110.0)
    for _ in range(ago - 1):
        market.bar()
    assert market.bar(101.0).side == ("SELL" if mirror and side == "BUY" else side)


def test_the_length_is_a_setting() -> None:
    market = Market("donchian", settings=Detectors(donchian_bars=30))
    market.bar(high=110.0)
    for _ in range(25):
        market.bar()
    assert market.bar(101.0).side == "HOLD"
    assert market.bar(110.5).reason == "30-bar high broken"
