"""Any order of events leaves every task in exactly one state, loses and doubles none, and keeps slots, shares and breakers.

The machine plays events on the queue and on a model of its own, written from the definitions: ages as fractions, a breaker
as the list of failures since the last success.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.calibration.breaker import allows, next_try_ms, phase
from core.calibration.listing import rows, summary
from core.calibration.queue import Queue, QueueState
from core.calibration.task import LEGAL, IllegalMove, Move, Task, UnknownTask
from core.messages import CalibrationPriority

T0 = 1_700_000_000_000
HOUR = 3_600_000
LIMIT_MS = 120_000
ASSETS = [(symbol, timeframe) for symbol in ("ADA", "BTC", "ETH", "SOL") for timeframe in ("1m", "5m")][:5]
PRIORITIES: tuple[CalibrationPriority, ...] = get_args(CalibrationPriority)
QUEUED = {"normal": "queued", "high": "queued_high", "urgent": "queued_urgent"}
OPEN_STATES = (*QUEUED.values(), "paused", "in_progress")
STEPS_MS = [1, 60_000, LIMIT_MS - 1, LIMIT_MS, 599_999, 600_000, HOUR, 4 * HOUR, 13 * 24 * HOUR]


class BreakerModel:
    """Failures that count since the last success that counts; the third and each later one open it."""

    def __init__(self) -> None:
        self.failures_ms: list[int] = []
        self.probe: int | None = None

    def reopens_ms(self) -> int | None:
        """When the next try may be, by the definition: 10 min, 20, 40, 80, 160, then 240 after the failure; None if closed."""
        if len(self.failures_ms) < 3:
            return None
        minutes = [10, 20, 40, 80, 160, 240]
        return self.failures_ms[-1] + 60_000 * minutes[min(len(self.failures_ms) - 3, 5)]

    def phase(self, now_ms: int) -> str:
        reopens_ms = self.reopens_ms()
        if reopens_ms is None:
            return "closed"
        return "half_open" if self.probe is not None or now_ms >= reopens_ms else "open"

    def may_start(self, now_ms: int) -> bool:
        return self.probe is None and self.phase(now_ms) != "open"

    def start(self, task_id: int) -> None:
        if self.reopens_ms() is not None:
            self.probe = task_id

    def end(self, task_id: int, failed_ms: int | None) -> None:
        if self.reopens_ms() is None or self.probe == task_id:
            self.failures_ms = [*self.failures_ms, failed_ms] if failed_ms is not None else []
            self.probe = None

    def release(self, task_id: int | None = None) -> None:
        if task_id is None or self.probe == task_id:
            self.probe = None


class ModelTask:
    def __init__(self, key: tuple[str, str], priority: CalibrationPriority, now_ms: int) -> None:
        self.key, self.priority, self.queued_ms, self.not_before_ms = key, priority, now_ms, 0
        self.state = QUEUED[priority]
        self.since_ms = now_ms
        self.by_operator = False

    def to(self, state: str, now_ms: int) -> None:
        if state != self.state:
            self.state, self.since_ms = state, now_ms

    def rank(self, now_ms: int, aging: Fraction) -> tuple[Any, ...]:
        base = {"urgent": Fraction(1, 10), "high": Fraction(3, 10), "normal": Fraction(1, 2)}[self.priority]
        base = Fraction(1, 10) if self.by_operator else base
        hours = Fraction(max(0, now_ms - self.queued_ms), HOUR)
        return (max(Fraction(1, 20), base - hours * aging), self.queued_ms, *self.key)


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = T0
        self.model: dict[int, ModelTask] = {}
        self.current: dict[tuple[str, str], int] = {}
        self.expiry: dict[tuple[str, str], int | None] = {}
        self.breakers = {key: BreakerModel() for key in ASSETS}
        self.overall = BreakerModel()
        self.last_was_urgent = False
        self.held, self.aging = False, Fraction(1, 20)
        self.queue = Queue(0)

    @initialize(slots=st.integers(1, 5))
    def begin(self, slots: int) -> None:
        self.queue = Queue(slots, LIMIT_MS)

    # events

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms

    @rule(key=st.sampled_from(ASSETS), priority=st.sampled_from(PRIORITIES), by_operator=st.booleans())
    def ask(self, key: tuple[str, str], priority: CalibrationPriority, by_operator: bool = False) -> None:
        task = self.queue.ask(*key, priority, self.now_ms, by_operator=by_operator)
        before = self.current.get(key)
        if before is None or self.model[before].state not in OPEN_STATES:
            assert task.id not in self.model
            self.model[task.id] = ModelTask(key, priority, self.now_ms)
            self.model[task.id].by_operator = by_operator
            self.current[key] = task.id
            return
        assert task.id == before
        known = self.model[before]
        if by_operator and known.state != "in_progress":
            known.by_operator, known.not_before_ms = True, 0
            known.queued_ms = min(known.queued_ms, self.now_ms)
        if known.state != "in_progress" and PRIORITIES.index(priority) < PRIORITIES.index(known.priority):
            known.priority = priority
            if known.state != "paused":
                known.to(QUEUED[priority], self.now_ms)

    @rule(offset_ms=st.sampled_from([-1, 0, 0, 0, 1]), asset=st.none() | st.sampled_from(ASSETS))
    def a_breaker_is_due(self, offset_ms: int, asset: tuple[str, str] | None) -> None:
        """To the moment a breaker half-opens, or one millisecond beside it."""
        reopens_ms = (self.breakers[asset] if asset else self.overall).reopens_ms()
        if reopens_ms is not None:
            self.now_ms = max(self.now_ms, reopens_ms + offset_ms)

    @rule(
        times=st.integers(1, 4),
        assets=st.lists(st.sampled_from(ASSETS), min_size=1, unique=True),
        spared=st.integers(0, 1),
    )
    def a_bad_hour(self, times: int, assets: list[tuple[str, str]], spared: int) -> None:
        """Assets are asked for, whatever may start starts, and all of it fails; one may still run when a breaker opens."""
        for _ in range(times):
            for asset in assets:
                self.ask(asset, "normal")
            self.take(again=True)
            for task_id in [task_id for task_id, one in self._latest().items() if one.state == "in_progress"][spared:]:
                self._play(task_id, "fail", "normal")

    @rule(again=st.booleans())
    def take(self, again: bool) -> None:
        while self._take_one() and again:
            pass

    def _take_one(self) -> bool:
        expected = self._expected_start()
        task = self.queue.take(self.now_ms)
        assert (None if task is None else task.id) == expected
        if task is None:
            return False
        known = self.model[task.id]
        known.to("in_progress", self.now_ms)
        self.breakers[known.key].start(task.id)
        self.overall.start(task.id)
        self.last_was_urgent = known.priority == "urgent"
        running = [one for one in self.queue.tasks() if one.state == "in_progress"]
        urgent = sum(one.priority == "urgent" for one in running)
        assert len(running) <= self.queue.slots
        assert task.priority != "urgent" or 2 * urgent <= max(2, self.queue.slots)
        return True

    def _expected_start(self) -> int | None:
        running = [one for one in self._latest().values() if one.state == "in_progress"]
        if self.held or len(running) >= self.queue.slots or not self.overall.may_start(self.now_ms):
            return None
        ready = {
            task_id: one
            for task_id, one in self._latest().items()
            if one.state in QUEUED.values()
            and one.not_before_ms <= self.now_ms
            and self.breakers[one.key].may_start(self.now_ms)
        }
        urgent = sum(one.priority == "urgent" for one in running)
        others = {task_id: one for task_id, one in ready.items() if one.priority != "urgent"}
        if self.queue.slots == 1:
            ready = others if self.last_was_urgent and others else ready
        elif 2 * (urgent + 1) > self.queue.slots:
            ready = others
        return min(ready, key=lambda task_id: ready[task_id].rank(self.now_ms, self.aging), default=None)

    @rule()
    def tick(self) -> None:
        expected: dict[int, str] = {}
        for task_id, known in self._latest().items():
            expires_ms = self.expiry.get(known.key)
            if known.state == "in_progress" and self.now_ms - known.since_ms >= LIMIT_MS:
                expected[task_id] = "failed"
            elif known.state not in OPEN_STATES and expires_ms is not None and expires_ms <= self.now_ms:
                expected[task_id] = "expired"
        changed = self.queue.tick(self.now_ms)
        assert {task.id: task.state for task in changed} == expected
        for task in changed:  # in the order the queue told them: the breaker counts in it
            self._ended(task.id, "fail" if task.state == "failed" else "expire")

    @precondition(lambda self: any(one.state == "in_progress" for one in self._latest().values()))
    @rule(data=st.data(), move=st.sampled_from(["complete", "reject", "fail", "fail", "fail", "requeue"]))
    def worker_reports(self, data: st.DataObject, move: Move) -> None:
        running = [task_id for task_id, one in self._latest().items() if one.state == "in_progress"]
        self._play(data.draw(st.sampled_from(running)), move, "normal")

    @precondition(lambda self: self.model)
    @rule(
        data=st.data(),
        move=st.sampled_from(
            ["complete", "reject", "fail", "requeue", "cancel", "pause", "resume", "reprioritise", "expire"]
        ),
        priority=st.sampled_from(PRIORITIES),
    )
    def anyone_moves_any_task(self, data: st.DataObject, move: Move, priority: CalibrationPriority) -> None:
        """Also tasks that ended long ago, and moves that are not legal."""
        self._play(data.draw(st.sampled_from(sorted(self.model))), move, priority)

    @rule(slots=st.integers(0, 5))
    def slots_change(self, slots: int) -> None:
        self.queue.slots = slots

    @rule(held=st.booleans(), thousandths=st.sampled_from([0, 50, 50, 125, 1000]))
    def held_or_aging_changes(self, held: bool, thousandths: int) -> None:
        self.queue.held, self.queue.aging_per_hour = held, thousandths / 1000
        self.held, self.aging = held, Fraction(thousandths, 1000)

    @rule(packed=st.booleans())
    def restart(self, packed: bool) -> None:
        state = self.queue.dump()
        codec: Any = msgspec.msgpack if packed else msgspec.json
        stored = codec.decode(codec.encode(state), type=QueueState)
        assert stored == state
        self.queue = Queue.load(stored, self.queue.slots, self.now_ms, LIMIT_MS)
        self.queue.aging_per_hour = self.aging.numerator / self.aging.denominator
        for known in self._latest().values():
            if known.state == "in_progress":
                known.to(QUEUED[known.priority], self.now_ms)
        for breaker in (*self.breakers.values(), self.overall):
            breaker.release()

    # what a move means

    def _play(self, task_id: int, move: Move, priority: CalibrationPriority) -> None:
        known = self.model[task_id]
        before = self.queue.dump()
        if self.current[known.key] != task_id:
            expected: type[IllegalMove | UnknownTask] | None = UnknownTask
        else:
            expected = None if move in LEGAL[known.state] else IllegalMove  # type: ignore[index]
        if expected is not None:
            with pytest.raises(expected) as caught:
                self._call(task_id, move, priority)
            assert isinstance(caught.value, IllegalMove | UnknownTask)
            assert caught.value.move == move
            assert self.queue.dump() == before
            return
        self._call(task_id, move, priority)
        self._ended(task_id, move, priority)

    def _call(self, task_id: int, move: Move, priority: CalibrationPriority) -> Task:
        queue, now_ms = self.queue, self.now_ms
        calls: dict[Move, Callable[[], Task]] = {
            "complete": lambda: queue.complete(task_id, now_ms),
            "reject": lambda: queue.reject(task_id, now_ms, "PBO"),
            "fail": lambda: queue.fail(task_id, now_ms, "lost_worker", "killed"),
            "requeue": lambda: queue.wait_for_history(task_id, now_ms, now_ms + HOUR, "too few bars"),
            "cancel": lambda: queue.cancel(task_id, now_ms),
            "pause": lambda: queue.pause(task_id, now_ms),
            "resume": lambda: queue.resume(task_id, now_ms),
            "reprioritise": lambda: queue.reprioritise(task_id, now_ms, priority),
            "expire": lambda: queue.expire(task_id, now_ms, "drift"),
        }
        return calls[move]()

    def _ended(self, task_id: int, move: Move, priority: CalibrationPriority = "normal") -> None:
        known = self.model[task_id]
        both = (self.breakers[known.key], self.overall)
        if move in ("complete", "reject", "fail"):
            for breaker in both:
                breaker.end(task_id, self.now_ms if move == "fail" else None)
        elif move in ("requeue", "cancel"):
            for breaker in both:
                breaker.release(task_id)
        if move == "requeue":
            known.queued_ms = known.not_before_ms = self.now_ms + HOUR
        elif move == "resume":
            known.queued_ms += self.now_ms - known.since_ms
        elif move == "reprioritise":
            known.priority = priority
        elif move == "complete":
            self.expiry[known.key] = next(task.expires_ms for task in self.queue.tasks() if task.id == task_id)
        elif move == "expire":
            self.expiry[known.key] = None
        again = QUEUED[known.priority]
        after = {
            "complete": "completed", "reject": "rejected", "cancel": "rejected", "fail": "failed", "expire": "expired",
            "pause": "paused", "requeue": again, "resume": again,
            "reprioritise": "paused" if known.state == "paused" else again,
        }  # fmt: skip
        known.to(after[move], self.now_ms)

    def _latest(self) -> dict[int, ModelTask]:
        return {task_id: self.model[task_id] for task_id in self.current.values()}

    # what always holds

    @invariant()
    def every_task_is_there_once_and_in_its_one_state(self) -> None:
        tasks = self.queue.tasks()
        assert len({task.key for task in tasks}) == len({task.id for task in tasks}) == len(tasks)
        told = {task.id: (task.key, task.state, task.priority, task.since_ms, task.queued_ms) for task in tasks}
        assert told == {
            task_id: (one.key, one.state, one.priority, one.since_ms, one.queued_ms)
            for task_id, one in self._latest().items()
        }

    @invariant()
    def no_task_was_replaced_before_it_ended(self) -> None:
        latest = set(self.current.values())
        assert all(one.state not in OPEN_STATES for task_id, one in self.model.items() if task_id not in latest)

    @invariant()
    def expiries_are_kept(self) -> None:
        assert {task.key: task.expires_ms for task in self.queue.tasks()} == {
            key: self.expiry.get(key) for key in self.current
        }

    @invariant()
    def breakers_stand_where_their_definition_says(self) -> None:
        pairs = [(self.queue.breaker_of(*key), model) for key, model in self.breakers.items()]
        for kept, model in [*pairs, (self.queue.overall, self.overall)]:
            assert phase(kept, self.now_ms) == model.phase(self.now_ms)
            assert allows(kept, self.now_ms) == model.may_start(self.now_ms)
            assert kept.failures == len(model.failures_ms)
            reopens_ms = model.reopens_ms() or 0
            assert next_try_ms(kept, self.now_ms) == (None if model.probe is not None else max(self.now_ms, reopens_ms))

    @invariant()
    def the_listing_agrees(self) -> None:
        listed = rows(self.queue, self.now_ms)
        latest = self._latest()
        assert sorted(row.task_id for row in listed) == sorted(latest)
        waiting = sorted(
            (task_id for task_id, one in latest.items() if one.state in QUEUED.values()),
            key=lambda task_id: latest[task_id].rank(self.now_ms, self.aging),
        )
        assert [row.task_id for row in listed if row.position is not None] == waiting
        assert [row.position for row in listed if row.position is not None] == list(range(1, len(waiting) + 1))
        told = summary(self.queue, self.now_ms)
        assert (told.waiting, told.running) == (
            len(waiting),
            sum(one.state == "in_progress" for one in latest.values()),
        )


TestAnyOrderOfEvents = QueueMachine.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=80, stateful_step_count=80, deadline=None)


@pytest.mark.slow
class TestMoreOrdersOfEvents(QueueMachine.TestCase):  # type: ignore[misc,valid-type]
    """The same, longer."""

    settings = settings(max_examples=250, stateful_step_count=80, deadline=None)
