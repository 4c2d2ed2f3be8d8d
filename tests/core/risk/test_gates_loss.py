"""The day's loss, drawdown, streak and locks, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from core.risk.locks import Lock, Streak
from core.risk.trading_day import TradingDay
from tests.core.risk.views import NOW, denied, entry, held, pending

D = Decimal
DAY = TradingDay(equity=D(10_000), ends_ms=NOW + 1)


def day(**fields: Any) -> dict[str, Any]:
    return {"loss__day": replace(DAY, **fields)}


def locked(**fields: Any) -> dict[str, Any]:
    return {"loss__locks": (Lock(**({"symbol": "BTCUSDT", "reason": "order t-0 is unknown"} | fields)),)}


EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "DAILY_LOSS",
        day(realised=D(-289)),
        day(realised=D("-289.01")),
        "289.01 lost, 0.00 at open stops, 300.01 with this order, limit 300.00",
    ),
    ("DAILY_LOSS", day(fees=D(289)), day(fees=D(290)), "290.00 lost"),
    ("DAILY_LOSS", day(funding=D(-289)), day(funding=D(-290)), "290.00 lost"),
    ("DAILY_LOSS", {"loss__unrealised": D(-289)}, {"loss__unrealised": D(-290)}, "290.00 lost"),
    (
        "DAILY_LOSS",
        {"account__positions": (held("ETHUSDT", "-1", risk="289"),)},
        {"account__positions": (held("ETHUSDT", "-1", risk="290"),)},
        "290.00 at open stops",
    ),
    (
        "DAILY_LOSS",
        {"account__pending": (pending(side="SELL", risk=D(289)),)},
        {"account__pending": (pending(side="SELL", risk=D(290)),)},
        "290.00 at open stops",
    ),
    ("DAILY_LOSS", {"limits__daily_loss_money": 11.0}, {"limits__daily_loss_money": 10.99}, "limit 10.99"),
    ("DAILY_LOSS", {}, day(latched=True), "was hit: no entries before the reset"),
    ("DAILY_LOSS", day(ends_ms=NOW + 1), day(ends_ms=NOW), "the day is over"),
    ("DAILY_LOSS", {}, day(realised=D("NaN")), "NaN"),
    ("DAILY_LOSS", {}, day(equity=D("NaN")), "first equity"),
    ("DAILY_LOSS", {}, {"plan__loss_per_unit": D(0)}, "loss per unit is 0"),
    ("DRAWDOWN", {"loss__drawdown": D("0.1499")}, {"loss__drawdown": D("0.15")}, "15.0 %, halt at 15.0 %"),
    ("DRAWDOWN", {}, {"loss__halted": True}, "arm again"),
    ("DRAWDOWN", {}, {"loss__drawdown": D("-0.1")}, "drawdown is -0.1"),
    (
        "LOSS_STREAK",
        {"loss__streak": Streak(9, NOW)},
        {"loss__streak": Streak(4, NOW + 60_000)},
        "4 losses in a row, limit 4: wait 1 min",
    ),
    ("LOCKS", locked(symbol="ETHUSDT"), locked(), "BTCUSDT is locked (order t-0 is unknown)"),
    ("LOCKS", locked(until_ms=NOW), locked(until_ms=NOW + 1), "resolve that first"),
    ("LOCKS", {"act": "EXIT", **locked()}, locked(symbol="*"), "locked"),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert denied(entry(**good)).get(code) is None
    assert words in denied(entry(**bad))[code]
