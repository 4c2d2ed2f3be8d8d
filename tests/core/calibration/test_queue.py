"""The calibration queue: who goes next, what an end means, and what a restart may do to it."""

from __future__ import annotations

import msgspec
import pytest

from core.calibration.breaker import phase
from core.calibration.expiry import expiry_ms
from core.calibration.queue import TIME_LIMIT_MS, Queue
from core.calibration.task import IllegalMove, UnknownTask
from tests.core.calibration.queues import DAY, HOUR, MINUTE, T0, asked, fail_once, restarted, taken

# who goes next


def test_urgent_before_high_before_normal() -> None:
    queue = Queue(slots=8)
    for symbol, priority in (("A", "normal"), ("B", "high"), ("C", "urgent")):
        asked(queue, symbol, priority)  # type: ignore[arg-type]
    assert taken(queue) == ["C", "B", "A"]


def test_waiting_makes_a_normal_task_overtake_a_fresh_urgent_one() -> None:
    queue = Queue(slots=8)
    asked(queue, "OLD", at_ms=T0)
    asked(queue, "NEW", "urgent", at_ms=T0 + 8 * HOUR)
    assert taken(queue, T0 + 8 * HOUR) == ["OLD", "NEW"]


def test_urgent_tasks_hold_at_most_half_of_the_slots() -> None:
    queue = Queue(slots=5)
    for symbol in "ABCDE":
        asked(queue, symbol, "urgent")
    asked(queue, "N")
    assert taken(queue) == ["A", "B", "N"]


def test_urgent_slots_stay_reserved_while_nothing_else_waits() -> None:
    queue = Queue(slots=4)
    for symbol in "ABC":
        asked(queue, symbol, "urgent")
    assert taken(queue) == ["A", "B"]


def test_with_one_slot_urgent_and_others_take_turns() -> None:
    queue = Queue(slots=1)
    for symbol in "ABC":
        asked(queue, symbol, "urgent")
    for symbol in "XY":
        asked(queue, symbol)
    started = []
    while (task := queue.take(T0)) is not None:
        started.append(task.symbol)
        queue.reject(task.id, T0, "PBO 0.4")
    assert started == ["A", "X", "B", "Y", "C"]


def test_fewer_slots_end_no_task_and_none_starts_until_enough_ended() -> None:
    queue = Queue(slots=3)
    for symbol in "ABCD":
        asked(queue, symbol)
    assert taken(queue) == ["A", "B", "C"]
    queue.slots = 1
    assert [task.state for task in queue.tasks()].count("in_progress") == 3
    for symbol, then in (("A", []), ("B", []), ("C", ["D"])):
        task = queue.task_of(symbol, "1m")
        assert task is not None
        queue.complete(task.id, T0)
        assert taken(queue) == then


def test_no_slots_start_nothing() -> None:
    queue = Queue(slots=0)
    asked(queue, "A", "urgent")
    assert taken(queue) == []


def test_how_fast_waiting_counts_is_a_setting() -> None:
    queue = Queue(slots=1)
    asked(queue, "OLD", at_ms=T0 - 3 * HOUR)
    asked(queue, "NEW", "high")
    assert queue.aging_per_hour == 0.05
    queue.aging_per_hour = 0.1
    assert taken(queue) == ["OLD"]


# one task per asset


def test_asking_twice_keeps_one_task_and_its_age() -> None:
    queue = Queue(slots=1)
    first = asked(queue, "A", at_ms=T0)
    assert asked(queue, "A", at_ms=T0 + HOUR) == first
    assert len(queue.tasks()) == 1


def test_asking_raises_the_priority_and_never_lowers_it() -> None:
    queue = Queue(slots=1)
    first = asked(queue, "A", "high", at_ms=T0)
    raised = asked(queue, "A", "urgent", at_ms=T0 + HOUR)
    assert (raised.id, raised.state, raised.queued_ms) == (first.id, "queued_urgent", T0)
    for priority in ("normal", "high", "urgent"):
        assert asked(queue, "A", priority, at_ms=T0 + 2 * HOUR) == raised


def test_another_timeframe_is_another_task() -> None:
    queue = Queue(slots=1)
    assert queue.ask("A", "1m", "normal", T0).id != queue.ask("A", "5m", "normal", T0).id


def test_asking_for_what_is_in_progress_is_answered_by_that_task() -> None:
    queue = Queue(slots=2)
    asked(queue, "A")
    running = queue.take(T0)
    assert asked(queue, "A", "urgent") == running


def test_asking_after_an_end_begins_a_new_task_and_keeps_the_expiry() -> None:
    queue = Queue(slots=1)
    first = asked(queue, "A")
    queue.take(T0)
    ended = queue.complete(first.id, T0 + MINUTE)
    again = asked(queue, "A", "high", at_ms=T0 + DAY)
    assert again.id > first.id
    assert (again.state, again.queued_ms, again.expires_ms) == ("queued_high", T0 + DAY, ended.expires_ms)
    assert len(queue.tasks()) == 1


def test_a_new_task_carries_nothing_of_how_the_last_one_ended() -> None:
    queue = Queue(slots=1)
    fail_once(queue, "A", T0)
    assert asked(queue, "A").cause is None
    task = queue.take(T0)
    assert task is not None
    queue.complete(task.id, T0, partial=True, reason="best of 31 trials")
    again = asked(queue, "A")
    assert (again.partial, again.reason) == (False, "")


# how tasks end


def test_a_late_answer_never_lands_on_a_newer_task_of_the_asset() -> None:
    queue = Queue(slots=1)
    first = asked(queue, "A")
    queue.take(T0)
    queue.tick(T0 + TIME_LIMIT_MS)
    with pytest.raises(IllegalMove, match=r"is failed: complete"):
        queue.complete(first.id, T0 + TIME_LIMIT_MS + 1)
    asked(queue, "A", at_ms=T0 + HOUR)
    queue.take(T0 + HOUR)
    with pytest.raises(UnknownTask, match=f"no task {first.id}"):
        queue.complete(first.id, T0 + HOUR)


def test_the_time_limit_is_a_failure_at_its_last_millisecond() -> None:
    queue = Queue(slots=1, limit_ms=5000)
    asked(queue, "A")
    queue.take(T0)
    assert queue.tick(T0 + 4999) == []
    (failed,) = queue.tick(T0 + 5000)
    assert (failed.state, failed.cause, failed.reason) == ("failed", "time_limit", "no result after 5 s")
    assert queue.overall.failures == 1
    assert queue.tick(T0 + 5001) == []


@pytest.mark.parametrize("cause", ["exception", "lost_worker", "time_limit"])
def test_what_speaks_against_the_machinery_counts_for_both_breakers(cause: str) -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    queue.take(T0)
    queue.fail(task.id, T0, cause, "why")  # type: ignore[arg-type]
    assert (queue.breaker_of("A", "1m").failures, queue.overall.failures) == (1, 1)


@pytest.mark.parametrize(("cause", "overall"), [("no_feasible_trial", 0), ("stale_data", 2)])
def test_what_lies_with_the_asset_holds_back_no_other(cause: str, overall: int) -> None:
    queue = Queue(slots=1)
    for symbol in "AB":
        fail_once(queue, symbol, T0)
    task = asked(queue, "C")
    queue.take(T0)
    queue.fail(task.id, T0, cause, "why")  # type: ignore[arg-type]
    assert (queue.breaker_of("C", "1m").failures, queue.overall.failures) == (1, overall)


def test_what_the_guards_reject_is_no_failure_and_starts_the_count_again() -> None:
    queue = Queue(slots=1)
    for at_ms in (T0, T0 + 1):
        fail_once(queue, "A", at_ms)
    task = asked(queue, "A")
    queue.take(T0 + 2)
    assert queue.reject(task.id, T0 + 2, "DSR 0.4 below 0.9").reason == "DSR 0.4 below 0.9"
    assert (queue.breaker_of("A", "1m").failures, queue.overall.failures) == (0, 0)
    assert queue.asset_breakers() == {}


def test_waiting_for_history_is_no_failure_and_starts_not_before_its_time() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A", "high")
    queue.take(T0)
    waiting = queue.wait_for_history(task.id, T0 + 1, T0 + DAY, "12,000 of 18,000 bars")
    assert (waiting.state, waiting.id) == ("queued_high", task.id)
    assert queue.overall.failures == 0
    assert taken(queue, T0 + DAY - 1) == []
    assert taken(queue, T0 + DAY) == ["A"]


def test_history_that_came_early_ends_the_wait_of_its_own_asset() -> None:
    queue = Queue(slots=4)
    for symbol in ("A", "B"):
        task = asked(queue, symbol)
        queue.take(T0)
        queue.wait_for_history(task.id, T0, T0 + DAY, "12,000 of 18,000 bars")
    queue.history_is_in("A", "1m", T0 + MINUTE)
    queue.history_is_in("C", "1m", T0 + MINUTE)
    waiting = queue.task_of("A", "1m")
    assert waiting is not None
    assert (waiting.state, waiting.queued_ms) == ("queued", T0 + MINUTE)
    assert taken(queue, T0 + MINUTE) == ["A"]


def test_what_waited_for_history_does_not_pass_fresh_alerts() -> None:
    queue = Queue(slots=4)
    task = asked(queue, "A")
    queue.take(T0)
    queue.wait_for_history(task.id, T0, T0 + 5 * DAY, "too few bars")
    asked(queue, "B", "urgent", at_ms=T0 + 5 * DAY)
    assert taken(queue, T0 + 5 * DAY) == ["B", "A"]


def test_completed_thresholds_expire_at_their_time_even_if_a_later_try_was_rejected() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    queue.take(T0)
    assert queue.complete(task.id, T0, partial=True).expires_ms == expiry_ms("A", T0)
    again = asked(queue, "A", at_ms=T0 + DAY)
    queue.take(T0 + DAY)
    queue.reject(again.id, T0 + DAY, "PBO 0.4")
    assert queue.tick(expiry_ms("A", T0) - 1) == []
    (expired,) = queue.tick(expiry_ms("A", T0))
    assert (expired.state, expired.reason) == ("expired", "thresholds ran out; before, rejected: PBO 0.4")
    assert queue.tick(expiry_ms("A", T0) + DAY) == []


def test_drift_expires_thresholds_early_and_once() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    queue.take(T0)
    queue.complete(task.id, T0)
    assert queue.expire(task.id, T0 + DAY, "drift").state == "expired"
    assert queue.tick(T0 + 30 * DAY) == []
    with pytest.raises(IllegalMove):
        queue.expire(task.id, T0 + 31 * DAY, "drift")


def test_another_expiry_of_the_thresholds_is_noted_once() -> None:
    queue = Queue(slots=1)
    assert not queue.note_expiry("A", "1m", T0 + DAY)
    task = asked(queue, "A")
    queue.take(T0)
    assert queue.complete(task.id, T0, expires_ms=T0 + 2 * DAY).expires_ms == T0 + 2 * DAY
    assert queue.note_expiry("A", "1m", T0 + DAY)
    assert not queue.note_expiry("A", "1m", T0 + DAY)
    assert [one.state for one in queue.tick(T0 + DAY)] == ["expired"]
    assert not queue.note_expiry("A", "1m", T0 + 3 * DAY)


# breakers


def test_three_failures_of_an_asset_hold_back_that_asset_for_ten_minutes() -> None:
    queue = Queue(slots=2)
    for _ in range(3):
        fail_once(queue, "BAD", T0)
        task = asked(queue, "GOOD")
        queue.take(T0)
        queue.complete(task.id, T0)
    asked(queue, "BAD")
    asked(queue, "GOOD")
    assert phase(queue.overall, T0) == "closed"
    assert taken(queue, T0 + 10 * MINUTE - 1) == ["GOOD"]
    assert taken(queue, T0 + 10 * MINUTE) == ["BAD"]


def test_three_failures_in_a_row_over_all_assets_hold_back_all_and_then_one_tries() -> None:
    queue = Queue(slots=4)
    for symbol in "ABC":
        fail_once(queue, symbol, T0)
    for symbol in "DE":
        asked(queue, symbol)
    assert taken(queue, T0 + 10 * MINUTE - 1) == []
    assert taken(queue, T0 + 10 * MINUTE) == ["D"]
    tried = queue.task_of("D", "1m")
    assert tried is not None
    queue.fail(tried.id, T0 + 11 * MINUTE, "lost_worker", "killed")
    assert taken(queue, T0 + 31 * MINUTE - 1) == []
    assert taken(queue, T0 + 31 * MINUTE) == ["E"]
    tried = queue.task_of("E", "1m")
    assert tried is not None
    asked(queue, "F")
    queue.complete(tried.id, T0 + 32 * MINUTE)
    assert taken(queue, T0 + 32 * MINUTE) == ["F"]


def test_a_cancelled_try_lets_the_next_one_try() -> None:
    queue = Queue(slots=4)
    for symbol in "ABC":
        fail_once(queue, symbol, T0)
    for symbol in "DE":
        asked(queue, symbol)
    tried = queue.take(T0 + HOUR)
    assert tried is not None
    queue.cancel(tried.id, T0 + HOUR)
    assert taken(queue, T0 + HOUR) == ["E"]


# over a restart


def test_what_was_in_progress_waits_again_at_its_age_after_a_restart() -> None:
    queue = Queue(slots=2)
    running = asked(queue, "A", "urgent")
    asked(queue, "B", at_ms=T0 + 1)
    queue.take(T0 + HOUR)
    again = restarted(queue, T0 + 2 * HOUR)
    task = again.task_of("A", "1m")
    assert task is not None
    assert (task.id, task.state, task.queued_ms) == (running.id, "queued_urgent", T0)
    assert len(again.tasks()) == 2
    assert asked(again, "C").id > 2


def test_a_restart_keeps_open_breakers_and_frees_the_try() -> None:
    queue = Queue(slots=2)
    for _ in range(3):
        fail_once(queue, "A", T0)
    asked(queue, "A")
    assert taken(restarted(queue, T0), T0 + 10 * MINUTE - 1) == []
    assert taken(queue, T0 + 10 * MINUTE) == ["A"]
    again = restarted(queue, T0 + 11 * MINUTE)
    assert again.overall.failures == 3
    assert taken(again, T0 + 11 * MINUTE) == ["A"]


def test_a_stored_queue_with_a_task_twice_is_refused() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    state = queue.dump()
    other = msgspec.structs.replace(task, symbol="B")
    for broken in (
        msgspec.structs.replace(state, tasks=(task, msgspec.structs.replace(task, id=0))),
        msgspec.structs.replace(state, tasks=(task, other)),
        msgspec.structs.replace(state, next_id=task.id),
    ):
        with pytest.raises(ValueError, match="stored queue: task"):
            Queue.load(broken, 1, T0)
