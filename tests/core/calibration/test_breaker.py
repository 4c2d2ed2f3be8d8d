"""The circuit breaker opens, half-opens, doubles and closes exactly by its definition."""

from __future__ import annotations

import msgspec
import pytest

from core.calibration.breaker import (
    CLOSED,
    Breaker,
    allows,
    begun,
    failed,
    next_try_ms,
    phase,
    released,
    succeeded,
)

MINUTE = 60_000
T0 = 1_700_000_000_000


def opened(at_ms: int = T0) -> Breaker:
    breaker = CLOSED
    for task in (1, 2, 3):
        breaker = failed(begun(breaker, task, at_ms), task, at_ms)
    return breaker


def test_two_failures_leave_it_closed_and_the_third_opens_it_for_ten_minutes() -> None:
    breaker = failed(failed(CLOSED, 1, T0), 2, T0 + 5)
    assert phase(breaker, T0 + 5) == "closed"
    assert allows(breaker, T0 + 5)
    breaker = failed(breaker, 3, T0 + 9)
    assert phase(breaker, T0 + 9) == "open"
    assert next_try_ms(breaker, T0 + 9) == T0 + 9 + 10 * MINUTE


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = succeeded(failed(failed(CLOSED, 1, T0), 2, T0), 3)
    assert breaker == CLOSED
    assert phase(failed(failed(breaker, 4, T0), 5, T0), T0) == "closed"


def test_it_half_opens_at_the_end_of_the_wait_and_not_a_millisecond_before() -> None:
    breaker = opened()
    assert not allows(breaker, T0 + 10 * MINUTE - 1)
    assert phase(breaker, T0 + 10 * MINUTE - 1) == "open"
    assert allows(breaker, T0 + 10 * MINUTE)
    assert phase(breaker, T0 + 10 * MINUTE) == "half_open"
    assert next_try_ms(breaker, T0 + 11 * MINUTE) == T0 + 11 * MINUTE


def test_half_open_allows_one_try_and_no_second() -> None:
    trying = begun(opened(), 9, T0 + 10 * MINUTE)
    assert phase(trying, T0 + 99 * MINUTE) == "half_open"
    assert not allows(trying, T0 + 99 * MINUTE)
    assert next_try_ms(trying, T0 + 99 * MINUTE) is None
    with pytest.raises(ValueError, match="task 10 may not start"):
        begun(trying, 10, T0 + 99 * MINUTE)


def test_a_start_while_open_is_refused() -> None:
    with pytest.raises(ValueError, match="breaker is open"):
        begun(opened(), 9, T0 + 1)


def test_each_failed_try_doubles_the_wait_up_to_four_hours() -> None:
    breaker, now_ms, waits = opened(), T0, []
    for task in range(4, 11):
        waits.append((breaker.until_ms - now_ms) // MINUTE)
        now_ms = breaker.until_ms
        breaker = failed(begun(breaker, task, now_ms), task, now_ms)
    assert waits == [10, 20, 40, 80, 160, 240, 240]


def test_a_successful_try_closes_it_and_the_next_opening_waits_ten_minutes_again() -> None:
    breaker = failed(begun(opened(), 4, T0 + 10 * MINUTE), 4, T0 + 10 * MINUTE)
    breaker = succeeded(begun(breaker, 5, T0 + 30 * MINUTE), 5)
    assert breaker == CLOSED
    for task in (6, 7, 8):
        breaker = failed(breaker, task, T0)
    assert breaker.until_ms == T0 + 10 * MINUTE


def test_results_of_tasks_begun_before_it_opened_change_nothing() -> None:
    breaker = opened()
    assert failed(breaker, 77, T0 + MINUTE) == breaker
    assert succeeded(breaker, 77) == breaker
    trying = begun(breaker, 9, T0 + 10 * MINUTE)
    assert failed(trying, 77, T0 + 11 * MINUTE) == trying
    assert succeeded(trying, 77) == trying
    assert released(trying, 77) == trying


def test_a_try_without_a_result_gives_its_place_to_another_at_once() -> None:
    now_ms = T0 + 10 * MINUTE
    breaker = released(begun(opened(), 9, now_ms), 9)
    assert allows(breaker, now_ms)
    again = failed(begun(breaker, 10, now_ms), 10, now_ms)
    assert again.until_ms == now_ms + 20 * MINUTE


def test_it_survives_being_stored() -> None:
    trying = begun(opened(), 9, T0 + 10 * MINUTE)
    assert msgspec.json.decode(msgspec.json.encode(trying), type=Breaker) == trying
