"""What counts as changed since a review, fact by fact."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.messages import ThresholdsInForce
from core.settings import Settings
from core.settings_risk import RiskSettings
from core.trading.reviewed import Facts, carried, changes, percentage
from tests.core.trading.market import SYMBOL, d, order

SPEC = order("t-1", "BUY", 1, 100)
SETTINGS, LIMITS = Settings(), RiskSettings()


def thresholds(source: Any = "class", **values: float) -> ThresholdsInForce:
    return ThresholdsInForce(
        venue="bybit", category="linear", symbol=SYMBOL, asset_class="spot", class_hint="", values=values, sources={},
        source=source, is_default=True, since_ms=0, expires_ms=0, blended=False, previous=0, at_ms=0,
    )  # fmt: skip


def facts(**changed: Any) -> Facts:
    usual: dict[str, Any] = {
        "mid": d(100), "rules": {"tick": "0.1", "status": "TRADING"}, "asset": "USDT", "free": d(1000), "held": d(0),
        "thresholds": None, "settings": SETTINGS, "limits": LIMITS, "state": "ACTIVE", "causes": (), "armed": True,
        "near": True, "stale": "",
    }  # fmt: skip
    return Facts(**(usual | changed))


def told(now: Facts, reviewed: Facts | None = None, *, perpetual: bool = False) -> tuple[str, ...]:
    return changes(reviewed or facts(), now, SPEC, perpetual=perpetual)


def test_nothing_changed_is_nothing_told() -> None:
    assert told(facts()) == ()
    assert told(facts(thresholds=thresholds(a=1.0)), facts(thresholds=thresholds(a=1.0))) == ()
    assert told(facts(settings=Settings())) == ()
    assert told(facts(mid=d("100.5"))) == ()
    assert told(facts(mid=None)) == ()


def test_on_perpetuals_free_margin_may_breathe() -> None:
    assert told(facts(free=d(990)), perpetual=True) == ()
    assert told(facts(free=d(1200)), perpetual=True) == ()
    assert told(facts(free=d("989.99")), perpetual=True) == ("free USDT 1000 -> 989.99: review it again",)
    for free in (d("999.99"), d("1000.01")):
        assert told(facts(free=free)) != ()
    assert told(facts(free=None), perpetual=True) == ("free USDT 1000 -> not known: review it again",)
    assert told(facts(free=None), facts(free=None)) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mid": d("100.6")}, f"{SYMBOL} mid 100 -> 100.6, 0.6 % off, limit 0.5 %"),
        ({"mid": d("98.9"), "near": False}, f"{SYMBOL} limit 100 is 1.1 % from mid 98.9, limit 1.0 %"),
        ({"rules": {"tick": "0.5", "status": "TRADING"}}, f"{SYMBOL} tick 0.1 -> 0.5"),
        ({"rules": {"status": "not listed"}}, f"{SYMBOL} status TRADING -> not listed"),
        ({"held": d("1.50")}, "position 0 -> 1.5"),
        ({"thresholds": thresholds(a=1.0)}, f"thresholds of {SYMBOL} none -> class"),
        ({"state": "HALTED"}, "trading ACTIVE -> HALTED"),
        ({"causes": ("drawdown",)}, "new cause: drawdown"),
        ({"armed": False}, "armed -> disarmed"),
        ({"stale": f"{SYMBOL} quote is 9.0 s old, limit 2.0 s: refresh"}, f"{SYMBOL} quote is 9.0 s old, limit 2.0 s"),
        ({"limits": RiskSettings(heat=0.02)}, "risk.heat in force 0.03 -> 0.02"),
        ({"settings": Settings(risk=RiskSettings(heat=0.02))}, "risk.heat 0.03 -> 0.02"),
    ],
)
def test_each_change_is_one_sentence(changed: dict[str, Any], words: str) -> None:
    assert f"{words}: review it again" in told(facts(**changed))


def test_a_setting_and_the_limit_that_follows_it_are_told_once() -> None:
    tighter = RiskSettings(heat=0.02)
    assert len(told(facts(settings=Settings(risk=tighter), limits=tighter))) == 1


def test_of_many_thresholds_some_are_told_and_all_are_counted() -> None:
    before = thresholds(**{f"t{n}": 1.0 for n in range(9)})
    after = thresholds("calibrated", **{f"t{n}": 2.0 for n in range(9)})
    sentences = told(facts(thresholds=after), facts(thresholds=before))
    assert len(sentences) == 5
    assert sentences[-1] == "and 6 more changes: review it again"


def test_what_comes_to_hold_counts_from_then_on() -> None:
    reviewed = facts(armed=False, near=False, stale="old: wait")
    assert told(facts(armed=False, near=False, stale="older: wait"), reviewed) == ()
    grown = carried(reviewed, facts())
    assert (grown.armed, grown.near, grown.stale) == (True, True, "")
    assert carried(grown, replace(facts(), armed=False, stale="old: wait")) is grown
    assert len(told(facts(armed=False, stale="old: wait"), grown)) == 2


def test_percentages_keep_two_figures() -> None:
    assert [percentage(d(share)) for share in ("0.0005", "0.005", "0.0126", "0.123", "1.5")] == [
        "0.05 %", "0.5 %", "1.3 %", "12.3 %", "150.0 %",
    ]  # fmt: skip
