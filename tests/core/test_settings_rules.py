"""Rules over several settings: what each lets through, what it refuses, and that the words name the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from core.settings_check import from_text
from core.settings_live import is_live
from core.settings_risk import RiskSettings
from core.settings_rules import broken_rules
from core.settings_trading import Paper, Trading


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ({"trading.target_shares": (0.5, 0.5)}, {"trading.target_shares": (0.5, 0.51)}, "all together 1 at most"),
        ({"trading.target_shares": (1.0,)}, {"trading.target_shares": (0.5, 0.0)}, "above 0"),
        ({"trading.target_shares": (0.1, 0.2, 0.7)}, {"trading.target_shares": (-0.1, 0.5)}, "above 0"),
        ({"trading.break_even_after": 2}, {"trading.break_even_after": 3}, "more targets than there are"),
        ({"trading.no_trace_s": 10.0, "trading.answer_s": 9.9}, {"trading.answer_s": 30.0}, "raise no_trace_s"),
        ({"trading.stop_within_s": 5.0}, {"trading.stop_within_s": 5.1}, "raise naked_alarm_s"),
        ({"trading.reconcile_orders_s": 29.0}, {"trading.reconcile_orders_s": 30.0}, "raise stop_age_s"),
        (
            {"trading.environment": "testnet", "market.venue": "bybit"},
            {"trading.environment": "demo", "market.venue": "binance_us"},
            "no testnet and no demo",
        ),
        ({"paper.asset": "USDC"}, {"paper.asset": "usd"}, "capitals"),
        ({"risk.drawdown_halt": 0.06}, {"risk.drawdown_halt": 0.05}, "must be below risk.drawdown_halt 0.05"),
        ({"risk.risk_per_trade": 0.02}, {"risk.risk_per_trade_cap": 0.004}, "risk.risk_per_trade 0.005 must not"),
        ({"risk.entry_budget": 0.8}, {"risk.entry_budget": 0.81}, "risk.entry_budget 0.81 must not"),
        ({"risk.reset_time": "17:30"}, {"risk.reset_time": "24:00"}, "must be HH:MM"),
        ({"risk.reset_zone": "America/Sao_Paulo"}, {"risk.reset_zone": "BRT"}, "no IANA time zone"),
    ],
)
def test_what_makes_no_sense_together_is_refused(good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert broken_rules(good) == []
    ((keys, remedy),) = broken_rules(bad)
    assert words in remedy
    assert set(keys) & set(bad)


def test_shares_may_be_equal_or_none() -> None:
    assert broken_rules({"trading.target_shares": (), "trading.break_even_after": 1}) == []
    assert from_text("trading.target_shares", "[0.4, 0.4]") == (0.4, 0.4)


def test_everything_of_the_order_path_but_the_environment_is_live() -> None:
    for section, struct in (("risk", RiskSettings), ("paper", Paper), ("trading", Trading)):
        for name in struct.__struct_fields__:
            assert is_live(f"{section}.{name}") == (name != "environment"), name
