"""What the screen is told about the calibration queue."""

from __future__ import annotations

from core.calibration.expiry import expiry_ms
from core.calibration.listing import rows, summary
from core.calibration.queue import Queue
from core.messages import CalibrationTask

T0 = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE


def by_symbol(queue: Queue, now_ms: int) -> dict[str, CalibrationTask]:
    return {row.symbol: row for row in rows(queue, now_ms)}


def filled() -> Queue:
    """R in progress since 1 h, U and N waiting, P paused, D completed."""
    queue = Queue(slots=2)
    done = queue.ask("D", "1m", "normal", T0 - HOUR)
    queue.take(T0 - HOUR)
    queue.complete(done.id, T0 - HOUR)
    queue.ask("R", "1m", "normal", T0 - HOUR)
    queue.take(T0)
    queue.ask("N", "1m", "normal", T0)
    queue.ask("U", "1m", "urgent", T0 + MINUTE)
    queue.pause(queue.ask("P", "1m", "high", T0).id, T0 + MINUTE)
    return queue


def test_rows_stand_in_the_order_an_operator_reads_them() -> None:
    listed = rows(filled(), T0 + HOUR)
    assert [(row.symbol, row.state, row.position) for row in listed] == [
        ("R", "in_progress", None),
        ("U", "queued_urgent", 1),
        ("N", "queued", 2),
        ("P", "paused", None),
        ("D", "completed", None),
    ]


def test_waiting_time_stands_still_once_a_task_started_or_paused() -> None:
    listed = by_symbol(filled(), T0 + HOUR)
    assert listed["R"].waited_ms == HOUR
    assert listed["N"].waited_ms == HOUR
    assert listed["P"].waited_ms == MINUTE
    assert listed["D"].waited_ms is None
    assert listed["D"].expires_ms == expiry_ms("D", T0 - HOUR)


def test_next_try_is_now_or_the_end_of_what_holds_it_back() -> None:
    queue = filled()
    running = by_symbol(queue, T0)["R"].task_id
    queue.wait_for_history(running, T0, T0 + 5 * HOUR, "too few bars")
    listed = by_symbol(queue, T0 + HOUR)
    assert listed["R"].next_try_ms == T0 + 5 * HOUR
    assert listed["R"].waited_ms == 0
    assert listed["N"].next_try_ms == T0 + HOUR
    assert listed["P"].next_try_ms is None
    assert listed["D"].next_try_ms is None


def test_open_breakers_show_in_rows_and_top_line() -> None:
    queue = Queue(slots=1)
    for _ in range(3):
        task = queue.ask("A", "1m", "normal", T0)
        queue.take(T0)
        queue.fail(task.id, T0, "lost_worker", "killed")
    queue.ask("B", "1m", "normal", T0)
    listed = by_symbol(queue, T0 + MINUTE)
    assert (listed["A"].state, listed["A"].cause, listed["A"].breaker, listed["A"].failures) == (
        "failed",
        "lost_worker",
        "open",
        3,
    )
    assert listed["A"].next_try_ms == listed["B"].next_try_ms == T0 + 10 * MINUTE
    assert summary(queue, T0 + MINUTE).overall == "open"
    queue.take(T0 + 10 * MINUTE)
    assert by_symbol(queue, T0 + 10 * MINUTE)["A"].next_try_ms is None
    assert summary(queue, T0 + 10 * MINUTE).overall == "half_open"
    assert summary(queue, T0 + 10 * MINUTE).open_breakers == 1


def test_next_try_is_told_by_whichever_breaker_holds_longer() -> None:
    queue = Queue(slots=1)
    for symbol, at_ms in (("A", T0), ("B", T0), ("C", T0 + MINUTE)):
        task = queue.ask(symbol, "1m", "normal", at_ms)
        queue.take(at_ms)
        queue.fail(task.id, at_ms, "exception", "ValueError")
    assert by_symbol(queue, T0 + MINUTE)["A"].next_try_ms == T0 + 11 * MINUTE
    own = Queue(slots=1)
    for _ in range(3):
        for symbol in "AB":
            task = own.ask(symbol, "1m", "normal", T0)
            own.take(T0)
            own.fail(task.id, T0, "exception", "ValueError") if symbol == "A" else own.complete(task.id, T0)
    own.ask("B", "1m", "normal", T0)
    listed = by_symbol(own, T0)
    assert (listed["A"].next_try_ms, listed["B"].next_try_ms) == (T0 + 10 * MINUTE, T0)


def test_the_top_line_counts() -> None:
    told = summary(filled(), T0 + HOUR)
    assert (told.waiting, told.paused, told.running, told.slots, told.done, told.open_breakers, told.overall) == (
        2, 1, 1, 2, 1, 0, "closed",
    )  # fmt: skip
