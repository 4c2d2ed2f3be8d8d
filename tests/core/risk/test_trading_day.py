"""The trading day across clock changes, and its latched loss limit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.risk.trading_day import ResetRule, TradingDay, allowed_loss, loss_so_far, observe, roll

D = Decimal
HOUR = 3_600_000
NEW_YORK = "America/New_York"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def test_a_plain_day_has_24_hours() -> None:
    rule, now = ResetRule("22:00", "UTC"), ms("2026-11-21T22:00")
    assert rule.next_after(now) == ms("2026-11-22T22:00")
    assert rule.next_after(now - 1) == now


def test_the_day_clocks_go_forward_has_23_hours_and_back_25() -> None:
    rule = ResetRule("17:00", NEW_YORK)
    before = rule.next_after(ms("2026-03-07T12:00"))
    assert before == ms("2026-03-07T22:00")
    assert rule.next_after(before) - before == 23 * HOUR
    autumn = rule.next_after(ms("2026-10-31T12:00"))
    assert autumn == ms("2026-10-31T21:00")
    assert rule.next_after(autumn) - autumn == 25 * HOUR


def test_a_skipped_reset_time_comes_once_and_a_doubled_one_the_first_time() -> None:
    skipped = ResetRule("02:30", NEW_YORK)
    assert skipped.next_after(ms("2026-03-08T05:00")) == ms("2026-03-08T07:30")  # 03:30 of the new clock
    assert skipped.next_after(ms("2026-03-08T07:30")) == ms("2026-03-09T06:30")
    doubled = ResetRule("01:30", NEW_YORK)
    assert doubled.next_after(ms("2026-11-01T00:00")) == ms("2026-11-01T05:30")
    assert doubled.next_after(ms("2026-11-01T05:30")) == ms("2026-11-02T06:30")


@given(
    now=st.integers(ms("2026-01-01"), ms("2028-01-01")),
    zone=st.sampled_from(
        [
            "UTC",
            NEW_YORK,
            "America/Sao_Paulo",
            "Europe/London",
            "Australia/Lord_Howe",
            "Pacific/Kiritimati",
            "Pacific/Niue",
        ]
    ),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_the_next_reset_is_ahead_and_at_most_25_hours_off(now: int, zone: str, hour: int, minute: int) -> None:
    rule = ResetRule(f"{hour:02d}:{minute:02d}", zone)
    following = rule.next_after(now)
    assert 0 < following - now <= 25 * HOUR
    assert 22 * HOUR < rule.next_after(following) - following <= 25 * HOUR


def test_a_time_or_zone_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="hour must be"):
        ResetRule("25:00", "UTC").next_after(0)
    with pytest.raises(KeyError):
        ResetRule("00:00", "Mars/Olympus").next_after(0)


DAY = TradingDay(equity=D(1000), ends_ms=5000, realised=D(10), fees=D(3), funding=D(-2))


def test_the_days_loss_counts_open_positions_fees_and_funding() -> None:
    assert loss_so_far(DAY, D(-25)) == D(20)
    assert loss_so_far(DAY, D(25)) == D(-30)


@pytest.mark.parametrize(
    ("equity", "share", "money", "limit"),
    [
        (1000, "0.03", 0, 30),
        (1000, "0.03", 20, 20),
        (1000, "0.03", 40, 30),
        (-1000, "0.03", 0, 0),
        (-1000, "0.03", 40, 0),
    ],
)
def test_the_smaller_of_percent_and_money_is_the_limit(equity: int, share: str, money: int, limit: int) -> None:
    assert allowed_loss(TradingDay(equity=D(equity), ends_ms=0), D(share), D(money)) == limit


def test_a_hit_stays_hit_until_the_reset_whatever_comes_back() -> None:
    share, none = D("0.03"), D(0)
    assert not observe(DAY, D("-34.99"), share, none).latched
    hit = observe(DAY, D(-35), share, none)
    assert hit.latched
    assert observe(hit, D(500), share, none).latched
    rule = ResetRule("00:00", "UTC")
    assert roll(hit, 4999, D(900), rule) == hit
    assert roll(hit, 5000, D(900), rule) == TradingDay(equity=D(900), ends_ms=86_400_000)
