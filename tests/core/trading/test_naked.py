"""How long a position may be without a stop."""

from __future__ import annotations

from core.trading.naked import Exposure


def test_a_stop_has_its_time_then_the_countdown_runs_then_the_policy_follows() -> None:
    exposure = Exposure()
    told = [exposure.judge(now, 3.0, 5.0) for now in (10.0, 13.0, 13.1, 14.9, 15.0)]
    assert told == ["PLACING", "PLACING", "NAKED", "NAKED", "DUE"]
    assert exposure.deadline(3.0, 5.0) == 15.0


def test_refused_twice_it_is_naked_at_once_and_the_countdown_runs_from_the_first_moment() -> None:
    exposure = Exposure()
    assert exposure.judge(10.0, 3.0, 5.0) == "PLACING"
    exposure.refusals = 1
    assert exposure.judge(10.2, 3.0, 5.0) == "PLACING"
    exposure.refusals = 2
    assert exposure.judge(10.3, 3.0, 5.0) == "NAKED"
    assert exposure.judge(15.0, 3.0, 5.0) == "DUE"


def test_a_stop_that_is_gone_counts_from_its_discovery() -> None:
    exposure = Exposure()
    exposure.judge(10.0, 3.0, 5.0)
    exposure.vanished(11.0)
    exposure.vanished(12.0)
    assert exposure.judge(11.1, 3.0, 5.0) == "NAKED"
    assert [exposure.judge(now, 3.0, 5.0) for now in (15.9, 16.0)] == ["NAKED", "DUE"]


def test_protected_again_everything_begins_anew() -> None:
    exposure = Exposure(since=1.0, refusals=2, gone=True, told=True)
    exposure.over()
    assert exposure == Exposure()
    exposure.again(20.0)
    assert exposure.judge(22.9, 3.0, 5.0) == "PLACING"


def test_a_stop_that_takes_longer_than_the_alarm_is_due_only_after_its_time() -> None:
    exposure = Exposure()
    assert [exposure.judge(now, 8.0, 5.0) for now in (0.5, 6.0, 8.5, 8.6)] == ["PLACING", "PLACING", "PLACING", "DUE"]
