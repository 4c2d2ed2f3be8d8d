"""What an order can cost, by hand: at the stop, through it, with everything else, and in words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.risk.gates_trade import correlation_heat
from core.risk.view import AccountView, RiskView
from core.settings_trading import Trading
from core.trading.arming import program_only
from core.trading.consequences import consequences, stop_fails
from core.trading.plan import TradePlan
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from tests.core.risk.views import SYMBOL, D, changed, entry, held, pending

FEE = D("0.001")


def plan(**fields: Any) -> TradePlan:
    usual: dict[str, Any] = {
        "at_ms": 0, "trade_id": "t-1", "symbol": SYMBOL, "side": "BUY", "quantity": D(10), "entry": D(100), "stop": D(99),
    }  # fmt: skip
    return TradePlan(**(usual | fields))


def view(**facts: Any) -> RiskView:
    """An entry of 10 at 100 with equity 10000; a unit loses 1.2 at the stop, costs included."""
    base = entry("spot")
    assert base.order is not None
    return changed(base, plan__loss_per_unit=D("1.2"), account__equity=D(10_000), **facts)


def test_the_numbers_by_hand() -> None:
    told = consequences(plan(), view(), BINANCE_US_SPOT, Trading(), D(100), FEE)
    order = view().order
    assert order is not None
    assert (order.quantity, order.price) == (D(10), D(100))
    assert (told.worst, told.worst_share) == (D(12), 0.0012)
    assert told.fees == FEE * 10 * (100 + 99)
    assert told.notional == D(1000)
    assert (told.exposure, told.exposure_share) == (D(1000), 0.1)
    assert told.gap == 10 * (D("1.2") + D("0.05") * 99)
    assert told.gap_share == 0.05
    assert (told.heat_share, told.heat_limit) == (0.0012, view().limits.heat)
    assert told.program_only == program_only(BINANCE_US_SPOT, Trading())


def test_exposure_and_heat_count_what_is_held_and_what_waits() -> None:
    others = view(
        account__positions=(held("ETHUSDT", "5", "200", "30"),),
        account__pending=(
            pending(client_id="o-1", symbol="SOLUSDT", quantity=D(2), price=D(150), entry=True, risk=D(5)),
        ),
    )
    told = consequences(plan(), others, BINANCE_US_SPOT, Trading(), D(100), FEE)
    assert told.exposure == 1000 + 1000 + 300
    assert told.heat_share == pytest.approx(float(correlation_heat(others).facts["heat"]) / 10_000)
    assert 0.003 < told.heat_share < 0.0047  # more than the largest, less than the sum


def test_what_is_not_known_is_no_number() -> None:
    blank = changed(view(), plan__loss_per_unit=None)
    blank = changed(blank, account=AccountView())
    told = consequences(plan(), blank, BINANCE_US_SPOT, Trading(), D(100), FEE)
    assert (told.worst, told.exposure, told.gap) == (None, None, None)
    assert told.notional == D(1000)
    assert math.isnan(told.worst_share)
    assert math.isnan(told.heat_share)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (BINANCE_US_SPOT, "limit order 50 bp behind"),
        (BYBIT_SPOT, "by the last price, the stop becomes a market order"),
        (BYBIT_LINEAR, "by the mark price, the stop becomes a market order"),
    ],
)
def test_what_follows_when_the_stop_fails(features: Any, words: str) -> None:
    close = stop_fails(D("99.50"), features, Trading(naked_policy="close", naked_alarm_s=7.0, escalate_s=4.0))
    assert words in close[0]
    assert "99.5" in close[0]
    assert "99.50" not in close[0]
    assert "4 s" in close[1]
    assert "after 7 s the position is closed at the market" in close[2]
    hold = stop_fails(D("99.50"), features, Trading(naked_policy="hold", naked_alarm_s=7.0))
    assert "the position is held" in hold[2]
