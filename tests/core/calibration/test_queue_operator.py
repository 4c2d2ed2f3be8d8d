"""The calibration queue under the operator's hand."""

from __future__ import annotations

import pytest

from core.calibration.queue import Queue
from core.calibration.task import IllegalMove
from tests.core.calibration.queues import DAY, HOUR, T0, asked, restarted, taken


def test_what_the_operator_asks_for_goes_in_front_without_taking_an_urgent_slot() -> None:
    queue = Queue(slots=2)
    asked(queue, "U", "urgent")
    asked(queue, "H", "high", at_ms=T0 - HOUR)
    queue.ask("O", "1m", "high", T0, by_operator=True)
    assert taken(queue) == ["O", "U"]


def test_the_operator_asks_at_once_for_what_waits_for_history() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    queue.take(T0)
    queue.wait_for_history(task.id, T0, T0 + DAY, "too few")
    asked_for = queue.ask("A", "1m", "high", T0 + 1, "by hand", by_operator=True)
    assert (asked_for.id, asked_for.queued_ms, asked_for.reason) == (task.id, T0 + 1, "by hand")
    assert taken(queue, T0 + 1) == ["A"]


def test_cancel_ends_a_task_in_any_open_state_without_counting_it() -> None:
    queue = Queue(slots=1)
    running, waiting, paused = (asked(queue, symbol) for symbol in "ABC")
    queue.take(T0)
    queue.pause(paused.id, T0)
    for task in (running, waiting, paused):
        ended = queue.cancel(task.id, T0)
        assert (ended.state, ended.reason) == ("rejected", "cancelled by the operator")
    assert (queue.overall.failures, queue.done) == (0, 0)
    assert taken(queue) == []


def test_a_paused_task_does_not_start_and_paused_time_is_not_waiting() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A", at_ms=T0)
    queue.pause(task.id, T0 + HOUR)
    assert taken(queue, T0 + 2 * HOUR) == []
    resumed = queue.resume(task.id, T0 + 9 * HOUR)
    assert (resumed.state, T0 + 9 * HOUR - resumed.queued_ms) == ("queued", HOUR)
    assert taken(queue, T0 + 9 * HOUR) == ["A"]


def test_an_alert_on_a_paused_asset_is_remembered_but_does_not_resume_it() -> None:
    queue = Queue(slots=1)
    task = asked(queue, "A")
    queue.pause(task.id, T0)
    assert asked(queue, "A", "urgent").state == "paused"
    assert queue.resume(task.id, T0).state == "queued_urgent"


def test_reprioritise_goes_up_and_down() -> None:
    queue = Queue(slots=2)
    task = asked(queue, "A", "high")
    assert queue.reprioritise(task.id, T0 + 1, "urgent").state == "queued_urgent"
    assert queue.reprioritise(task.id, T0 + 2, "normal").state == "queued"
    queue.take(T0)
    with pytest.raises(IllegalMove, match="in_progress: reprioritise"):
        queue.reprioritise(task.id, T0 + 3, "urgent")


def test_a_held_queue_starts_nothing_and_stays_held_over_a_restart() -> None:
    queue = Queue(slots=1)
    asked(queue, "A", "urgent")
    queue.held = True
    again = restarted(queue, T0)
    assert (taken(queue), taken(again)) == ([], [])
    again.held = False
    assert taken(again) == ["A"]


def test_at_first_only_what_presses_starts() -> None:
    queue = Queue(slots=4)
    asked(queue, "N", "high")
    asked(queue, "U", "urgent")
    queue.ask("O", "1m", "normal", T0, by_operator=True)
    started = [queue.take(T0, pressing_only=True) for _ in range(3)]
    assert [task.symbol if task else None for task in started] == ["O", "U", None]
