"""Streaks, cool-downs and locks."""

from __future__ import annotations

from decimal import Decimal

from core.risk.locks import Lock, Streak, after_trade, cooling, standing

D = Decimal
MINUTE = 60_000


def test_losses_in_a_row_start_a_cool_down() -> None:
    streak = Streak()
    for losses in (1, 2):
        streak = after_trade(streak, D(-1), 1000, 3, 5.0)
        assert streak == Streak(losses, 0)
    streak = after_trade(streak, D("-0.01"), 1000, 3, 5.0)
    assert streak == Streak(3, 1000 + 5 * MINUTE)
    assert cooling(streak, 1000 + 5 * MINUTE - 1)
    assert not cooling(streak, 1000 + 5 * MINUTE)
    assert not cooling(Streak(), 0)


def test_each_further_loss_starts_it_anew_and_none_shortens_it() -> None:
    long = Streak(3, 900_000)
    assert after_trade(long, D(-1), 0, 3, 5.0) == Streak(4, 900_000)
    assert after_trade(long, D(-1), 800_000, 3, 5.0) == Streak(4, 800_000 + 5 * MINUTE)
    assert after_trade(Streak(1, 900_000), D(-1), 0, 3, 5.0) == Streak(2, 900_000)


def test_a_gain_ends_the_streak_not_the_cool_down_and_nil_changes_nothing() -> None:
    assert after_trade(Streak(3, 500), D(1), 0, 3, 5.0) == Streak(0, 500)
    assert after_trade(Streak(2, 500), D(0), 0, 3, 5.0) == Streak(2, 500)


def test_locks_hold_their_symbol_or_everything_until_their_time() -> None:
    mine, other = Lock(symbol="A", reason="unknown order"), Lock(symbol="B", reason="cool-down")
    every, timed = Lock(symbol="*", reason="operator"), Lock(symbol="A", reason="news", until_ms=10)
    assert standing((mine, other, every, timed), "A", 9) == (mine, every, timed)
    assert standing((mine, other, timed), "A", 10) == (mine,)
    assert standing((other,), "A", 0) == ()
