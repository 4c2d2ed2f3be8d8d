"""Ranges of the knobs and what makes no sense together."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from core.settings_risk import RiskSettings, unsound


def test_the_defaults_are_sound_and_in_range() -> None:
    assert unsound(RiskSettings()) == []
    assert msgspec.convert(msgspec.to_builtins(RiskSettings()), RiskSettings) == RiskSettings()


@pytest.mark.parametrize(
    "wrong", [{"risk_per_trade": 0.021}, {"risk_per_trade_cap": 0.03}, {"max_positions": 0}, {"token_age_s": 11.0}]
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, RiskSettings)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ({"drawdown_throttle": 0.149}, {"drawdown_throttle": 0.15}, "must be below risk.drawdown_halt 0.15"),
        ({"drawdown_halt": 0.051}, {"drawdown_halt": 0.05}, "risk.drawdown_throttle 0.05"),
        ({"risk_per_trade_cap": 0.005}, {"risk_per_trade_cap": 0.004}, "risk.risk_per_trade 0.005"),
        ({"entry_budget": 0.8}, {"entry_budget": 0.81}, "risk.entry_budget 0.81"),
        ({"reset_time": "23:59"}, {"reset_time": "24:00"}, "'24:00' must be HH:MM"),
        ({"reset_time": "07:05"}, {"reset_time": "7:05"}, "'7:05' must be HH:MM"),
        ({"reset_zone": "America/Sao_Paulo"}, {"reset_zone": "BRT"}, "'BRT' is no IANA time zone"),
    ],
)
def test_knobs_that_make_no_sense_together(good: dict[str, object], bad: dict[str, object], words: str) -> None:
    assert unsound(replace(RiskSettings(), **good)) == []
    (found,) = unsound(replace(RiskSettings(), **bad))
    assert words in found
