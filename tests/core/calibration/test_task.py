"""The table of legal moves and the effective priority of calibration tasks."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.task import LEGAL, WAITING, IllegalMove, Move, Task, effective_priority, moved, order
from core.messages import CalibrationPriority, CalibrationState

HOUR = 3_600_000


def task(state: CalibrationState = "queued", **changes: object) -> Task:
    plain = {"id": 7, "symbol": "BTCUSDT", "timeframe": "1m", "priority": "normal", "since_ms": 100, "queued_ms": 100}
    return Task(state=state, **{**plain, **changes})  # type: ignore[arg-type]


def test_the_table_covers_every_state_and_every_move() -> None:
    assert set(LEGAL) == set(get_args(CalibrationState))
    assert {move for targets in LEGAL.values() for move in targets} == set(get_args(Move))


def test_every_state_can_be_reached_and_left() -> None:
    reached = {to for targets in LEGAL.values() for states in targets.values() for to in states}
    assert reached == set(get_args(CalibrationState))
    assert all(LEGAL.values())


@pytest.mark.parametrize("state", get_args(CalibrationState))
@pytest.mark.parametrize("move", get_args(Move))
def test_a_move_outside_the_table_names_task_state_and_move(state: CalibrationState, move: Move) -> None:
    for to in get_args(CalibrationState):
        if to in LEGAL[state].get(move, ()):
            assert moved(task(state), move, to, 200).state == to
            continue
        with pytest.raises(IllegalMove) as caught:
            moved(task(state), move, to, 200)
        assert (caught.value.task.id, caught.value.state, caught.value.move) == (7, state, move)
        assert f"task 7 (BTCUSDT 1m) is {state}: {move} is not possible" in str(caught.value)


def test_an_ended_task_can_never_be_started_again() -> None:
    for state in ("completed", "rejected", "failed", "expired"):
        assert "in_progress" not in {to for states in LEGAL[state].values() for to in states}


def test_since_changes_with_the_state_only() -> None:
    assert moved(task("queued"), "reprioritise", "queued", 200).since_ms == 100
    assert moved(task("queued"), "reprioritise", "queued_high", 200).since_ms == 200


@pytest.mark.parametrize(
    ("priority", "hours", "expected"),
    [
        ("urgent", 0, 0.1), ("high", 0, 0.3), ("normal", 0, 0.5),
        ("urgent", 0.5, 0.075), ("urgent", 1, 0.05), ("urgent", 90, 0.05),
        ("high", 4, 0.1), ("high", 5, 0.05), ("normal", 4, 0.3), ("normal", 9, 0.05), ("normal", 10, 0.05), ("high", -1, 0.3),
    ],
)  # fmt: skip
def test_effective_priority_ages_by_a_twentieth_an_hour_down_to_its_floor(
    priority: CalibrationPriority, hours: float, expected: float
) -> None:
    assert effective_priority(priority, round(hours * HOUR)) == pytest.approx(expected, abs=1e-15)


@given(
    st.lists(
        st.tuples(st.sampled_from(get_args(CalibrationPriority)), st.integers(0, 12 * HOUR)), min_size=2, max_size=2
    )
)
def test_effective_priorities_compare_as_the_exact_formula_does(two: list[tuple[CalibrationPriority, int]]) -> None:
    def exact(priority: CalibrationPriority, waited_ms: int) -> Fraction:
        base = {"urgent": Fraction(1, 10), "high": Fraction(3, 10), "normal": Fraction(1, 2)}[priority]
        return max(Fraction(1, 20), base - Fraction(1, 20) * Fraction(waited_ms, HOUR))

    (a, b), (x, y) = (effective_priority(*one) for one in two), (exact(*one) for one in two)
    assert (a < b, a == b) == (x < y, x == y)


def test_what_ages_into_equality_is_a_tie_and_the_older_goes_first() -> None:
    now_ms = 10 * HOUR
    urgent = task("queued_urgent", priority="urgent", queued_ms=now_ms)
    high = task("queued_high", priority="high", queued_ms=now_ms - 4 * HOUR)
    normal = task("queued", priority="normal", queued_ms=now_ms - 8 * HOUR)
    assert sorted([urgent, high, normal], key=lambda one: order(one, now_ms)) == [normal, high, urgent]


def test_of_one_age_the_symbol_decides_then_the_timeframe() -> None:
    tasks = [task(symbol=symbol, timeframe=timeframe) for symbol in ("SOL", "ADA") for timeframe in ("5m", "1m")]
    names = [(one.symbol, one.timeframe) for one in sorted(tasks, key=lambda one: order(one, 500))]
    assert names == [("ADA", "1m"), ("ADA", "5m"), ("SOL", "1m"), ("SOL", "5m")]


def test_waiting_states_are_those_that_can_start() -> None:
    assert {state for state, targets in LEGAL.items() if "start" in targets} == set(WAITING)
