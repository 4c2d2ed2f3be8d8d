"""The queue of calibrations: which asset is fitted next, and what became of each (methods 5).

A state table on event time: every method takes the moment as `now_ms`, nothing here reads a clock, waits or starts a
worker. Whoever runs the workers asks `take` for work while it returns some, reports each end by the task's number, and calls
`tick` to learn which tasks ran out of time. Not thread-safe: one owner.

- At most one task per (symbol, timeframe) is waiting, paused or in progress; asking again raises its priority, never lowers it.
- Urgent tasks hold at most half of the slots. Where there is a single slot they may hold it, but not twice in a row while
  another task could start.
- A failure counts for the asset's circuit breaker; a refusal by the guards does not. For the one over all assets only what
  speaks against the machinery counts: an exception, the time limit, a lost worker.
- `dump` and `Queue.load` carry all of it over a restart: what was in progress waits again at the age it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from core.calibration import breaker as breakers
from core.calibration.breaker import CLOSED, Breaker
from core.calibration.expiry import expiry_ms
from core.calibration.task import AGING_PER_HOUR, ENDED, QUEUED_AS, WAITING, Move, Task, UnknownTask, moved, order
from core.messages import CalibrationCause, CalibrationPriority, CalibrationState

TIME_LIMIT_MS = 120_000
Key = tuple[str, str]
Outcome = Literal["completed", "rejected", "failed"]
_LEAST_URGENT_FIRST: tuple[CalibrationPriority, ...] = ("normal", "high", "urgent")


class AssetBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """The breaker of one asset, as it is kept."""

    symbol: str
    timeframe: str
    breaker: Breaker


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole queue as plain values: what a store keeps, in any format msgspec writes."""

    tasks: tuple[Task, ...] = ()
    breakers: tuple[AssetBreaker, ...] = ()
    overall: Breaker = CLOSED
    next_id: int = 1
    urgent_had_turn: bool = False
    done: int = 0
    held: bool = False


class Queue:
    """The tasks of all assets, the breakers and the slots.

    `slots` is how many tasks may be in progress (0 starts none), `limit_ms` how long one may take, `aging_per_hour` by how
    much waiting improves a priority. All may be set while it runs: fewer slots end no task, they only let none start until
    enough have ended. `held`: the operator paused the whole queue; nothing starts.
    """

    def __init__(self, slots: int, limit_ms: int = TIME_LIMIT_MS) -> None:
        self.slots = slots
        self.limit_ms = limit_ms
        self.aging_per_hour = AGING_PER_HOUR
        self.held = False
        self.overall = CLOSED
        self.done = 0
        """Tasks that ended as completed or rejected by the guards, since the queue began."""
        self._tasks: dict[Key, Task] = {}
        self._key_of: dict[int, Key] = {}
        self._breakers: dict[Key, Breaker] = {}
        self._next_id = 1
        self._urgent_had_turn = False

    # what there is

    def tasks(self) -> list[Task]:
        """The latest task of every asset, in no order."""
        return list(self._tasks.values())

    def task_of(self, symbol: str, timeframe: str) -> Task | None:
        """The latest task of an asset, or None if it was never asked for."""
        return self._tasks.get((symbol, timeframe))

    def breaker_of(self, symbol: str, timeframe: str) -> Breaker:
        """The breaker of an asset."""
        return self._breakers.get((symbol, timeframe), CLOSED)

    def asset_breakers(self) -> Mapping[Key, Breaker]:
        """The breakers that are not as new."""
        return self._breakers

    def urgent_slots(self) -> int:
        """How many tasks in progress may be urgent: half of the slots, or the only one."""
        return self.slots // 2 if self.slots > 1 else self.slots

    # asking and taking

    def ask(
        self,
        symbol: str,
        timeframe: str,
        priority: CalibrationPriority,
        now_ms: int,
        reason: str = "",
        by_operator: bool = False,
    ) -> Task:
        """Ask for a calibration. Returns the asset's task.

        A waiting or paused one is raised to `priority` if that is higher, and keeps its age (a paused one stays paused); one in
        progress already answers the request and is left alone. `by_operator`: it goes as far in front as an urgent one, and
        is looked at again at once if it waits for history.
        """
        task = self._tasks.get((symbol, timeframe))
        if task is None:
            state = QUEUED_AS[priority]
            task = Task(
                id=self._next_id, symbol=symbol, timeframe=timeframe, priority=priority, state=state,
                since_ms=now_ms, queued_ms=now_ms, reason=reason, by_operator=by_operator,
            )  # fmt: skip
        elif task.state in ENDED:
            task = moved(
                task, "ask_again", QUEUED_AS[priority], now_ms,
                id=self._next_id, priority=priority, queued_ms=now_ms, not_before_ms=0, partial=False, cause=None, reason=reason,
                by_operator=by_operator,
            )  # fmt: skip
        elif task.state == "in_progress":
            return task
        else:
            if by_operator:
                queued_ms = min(task.queued_ms, now_ms)
                task = msgspec.structs.replace(
                    task, by_operator=True, not_before_ms=0, queued_ms=queued_ms, reason=reason
                )
                self._keep(task)
            if not _is_higher(priority, task.priority):
                return task
            return self._set_priority(task, priority, now_ms, reason)
        self._next_id += 1
        return self._keep(task)

    def take(self, now_ms: int, pressing_only: bool = False) -> Task | None:
        """Start the next task that may start, or None. Its deadline is `limit_ms` after its `since_ms`.

        `pressing_only`: nothing but what is urgent or was asked for by hand.
        """
        running = [task for task in self._tasks.values() if task.state == "in_progress"]
        if self.held or len(running) >= self.slots or not breakers.allows(self.overall, now_ms):
            return None
        ready = [task for task in self._tasks.values() if self._is_ready(task, now_ms)]
        if pressing_only:
            ready = [task for task in ready if task.priority == "urgent" or task.by_operator]
        others = [task for task in ready if task.priority != "urgent"]
        urgent_running = sum(task.priority == "urgent" for task in running)
        turn_is_over = self.slots == 1 and self._urgent_had_turn and bool(others)
        candidates = others if urgent_running >= self.urgent_slots() or turn_is_over else ready
        if not candidates:
            return None
        task = min(candidates, key=lambda candidate: order(candidate, now_ms, self.aging_per_hour))
        started = moved(task, "start", "in_progress", now_ms)
        self._breakers[task.key] = breakers.begun(self.breaker_of(*task.key), task.id, now_ms)
        self.overall = breakers.begun(self.overall, task.id, now_ms)
        self._urgent_had_turn = task.priority == "urgent"
        return self._keep(started)

    # how a task in progress ends

    def complete(
        self, task_id: int, now_ms: int, partial: bool = False, reason: str = "", expires_ms: int | None = None
    ) -> Task:
        """New thresholds are in force until `expires_ms`, 14 days ± 10 % from now unless given.

        `partial`: best found at the search's time limit.
        """
        task = self._find(task_id, "complete")
        expires_ms = expiry_ms(task.symbol, now_ms) if expires_ms is None else expires_ms
        ended = moved(task, "complete", "completed", now_ms, partial=partial, reason=reason, expires_ms=expires_ms)
        return self._worked(ended)

    def reject(self, task_id: int, now_ms: int, reason: str) -> Task:
        """The guards said no: what was in force stays. Not a failure."""
        return self._worked(moved(self._find(task_id, "reject"), "reject", "rejected", now_ms, reason=reason))

    def fail(self, task_id: int, now_ms: int, cause: CalibrationCause, reason: str) -> Task:
        """The task failed, for instance with its worker (`lost_worker`)."""
        failed = moved(self._find(task_id, "fail"), "fail", "failed", now_ms, cause=cause, reason=reason)
        self._breakers[failed.key] = breakers.failed(self.breaker_of(*failed.key), task_id, now_ms)
        if cause == "no_feasible_trial":  # the search ran through: the machinery works
            self.overall = breakers.succeeded(self.overall, task_id)
        elif cause == "stale_data":  # no worker had it
            self.overall = breakers.released(self.overall, task_id)
        else:
            self.overall = breakers.failed(self.overall, task_id, now_ms)
        return self._keep(failed)

    def wait_for_history(self, task_id: int, now_ms: int, until_ms: int, reason: str) -> Task:
        """Too few bars are stored: the task in progress waits again, not before `until_ms`. Not a failure; its age begins then."""
        task = self._find(task_id, "requeue")
        waiting = moved(
            task,
            "requeue",
            QUEUED_AS[task.priority],
            now_ms,
            not_before_ms=until_ms,
            queued_ms=max(now_ms, until_ms),
            reason=reason,
        )
        return self._without_result(waiting)

    def history_is_in(self, symbol: str, timeframe: str, now_ms: int) -> None:
        """Enough bars are stored: an asset's task that waits for them need not wait on. Its age begins now."""
        task = self._tasks.get((symbol, timeframe))
        if task is not None and task.state in (*WAITING, "paused") and task.not_before_ms > now_ms:
            self._keep(msgspec.structs.replace(task, not_before_ms=now_ms, queued_ms=now_ms))

    def tick(self, now_ms: int) -> list[Task]:
        """What time alone changes: tasks over their limit fail, assets whose thresholds ran out are expired. Returns those.

        The worker of a task that failed here with `time_limit` still runs: end it. A late report of it raises.
        """
        changed: list[Task] = []
        for task in self.tasks():
            if task.state == "in_progress" and now_ms - task.since_ms >= self.limit_ms:
                reason = f"no result after {self.limit_ms / 1000.0:g} s"
                changed.append(self.fail(task.id, now_ms, "time_limit", reason))
            elif task.state in ENDED and task.expires_ms is not None and task.expires_ms <= now_ms:
                changed.append(self.expire(task.id, now_ms, "thresholds ran out"))
        return changed

    def expire(self, task_id: int, now_ms: int, reason: str) -> Task:
        """The thresholds of an asset no longer hold, before their time if they drifted. Its last task must have ended."""
        task = self._find(task_id, "expire")
        before = f"{task.state}: {task.reason}" if task.reason else task.state
        return self._keep(
            moved(task, "expire", "expired", now_ms, expires_ms=None, reason=f"{reason}; before, {before}")
        )

    def note_expiry(self, symbol: str, timeframe: str, expires_ms: int | None) -> bool:
        """When the thresholds in force expire changed: set by hand, gone back, accepted. True if a task was changed."""
        task = self.task_of(symbol, timeframe)
        if task is None or task.expires_ms == expires_ms or task.state == "expired":
            return False
        self._keep(msgspec.structs.replace(task, expires_ms=expires_ms))
        return True

    # the operator

    def cancel(self, task_id: int, now_ms: int, reason: str = "cancelled by the operator") -> Task:
        """Do without this task: it ends as rejected. The worker of one in progress still runs: end it."""
        task = self._find(task_id, "cancel")
        return self._without_result(moved(task, "cancel", "rejected", now_ms, reason=reason))

    def pause(self, task_id: int, now_ms: int) -> Task:
        """Do not start this waiting task until `resume`."""
        return self._keep(moved(self._find(task_id, "pause"), "pause", "paused", now_ms))

    def resume(self, task_id: int, now_ms: int) -> Task:
        """A paused task waits again; the time it was paused does not count as waiting."""
        task = self._find(task_id, "resume")
        queued_ms = task.queued_ms + max(0, now_ms - task.since_ms)
        return self._keep(moved(task, "resume", QUEUED_AS[task.priority], now_ms, queued_ms=queued_ms))

    def reprioritise(self, task_id: int, now_ms: int, priority: CalibrationPriority) -> Task:
        """Give a waiting or paused task another priority, up or down. It keeps its age."""
        return self._set_priority(self._find(task_id, "reprioritise"), priority, now_ms, None)

    # over a restart

    def dump(self) -> QueueState:
        """Everything, as plain values."""
        return QueueState(
            tasks=tuple(self._tasks.values()),
            breakers=tuple(
                AssetBreaker(symbol=symbol, timeframe=timeframe, breaker=kept)
                for (symbol, timeframe), kept in self._breakers.items()
                if kept != CLOSED
            ),
            overall=self.overall,
            next_id=self._next_id,
            urgent_had_turn=self._urgent_had_turn,
            done=self.done,
            held=self.held,
        )

    @classmethod
    def load(cls, state: QueueState, slots: int, now_ms: int, limit_ms: int = TIME_LIMIT_MS) -> Queue:
        """The queue as it was dumped, with nothing in progress: those tasks wait again, first of their age.

        Raises ValueError if two tasks share an asset or a number, or a number is still to be given.
        """
        queue = cls(slots, limit_ms)
        queue.overall, queue.done, queue.held = state.overall, state.done, state.held
        queue._next_id, queue._urgent_had_turn = state.next_id, state.urgent_had_turn
        queue._breakers = {(kept.symbol, kept.timeframe): kept.breaker for kept in state.breakers}
        for task in state.tasks:
            if task.key in queue._tasks or task.id in queue._key_of or task.id >= state.next_id:
                raise ValueError(
                    f"stored queue: task {task.id} ({task.symbol} {task.timeframe}) is there twice, "
                    f"or its number is not below {state.next_id}; start with an empty queue"
                )
            queue._keep(task)
        for task in queue.tasks():
            if task.state == "in_progress":
                queue._without_result(moved(task, "requeue", QUEUED_AS[task.priority], now_ms))
        return queue

    # inside

    def _is_ready(self, task: Task, now_ms: int) -> bool:
        waits = task.state in WAITING and now_ms >= task.not_before_ms
        return waits and breakers.allows(self.breaker_of(*task.key), now_ms)

    def _set_priority(self, task: Task, priority: CalibrationPriority, now_ms: int, reason: str | None) -> Task:
        to: CalibrationState = "paused" if task.state == "paused" else QUEUED_AS[priority]
        kept = task.reason if reason is None else reason
        return self._keep(moved(task, "reprioritise", to, now_ms, priority=priority, reason=kept))

    def _worked(self, ended: Task) -> Task:
        self._breakers[ended.key] = breakers.succeeded(self.breaker_of(*ended.key), ended.id)
        self.overall = breakers.succeeded(self.overall, ended.id)
        self.done += 1
        return self._keep(ended)

    def _without_result(self, task: Task) -> Task:
        self._breakers[task.key] = breakers.released(self.breaker_of(*task.key), task.id)
        self.overall = breakers.released(self.overall, task.id)
        return self._keep(task)

    def _find(self, task_id: int, move: Move) -> Task:
        key = self._key_of.get(task_id)
        if key is None:
            raise UnknownTask(task_id, move)
        return self._tasks[key]

    def _keep(self, task: Task) -> Task:
        before = self._tasks.get(task.key)
        if before is not None and before.id != task.id:
            del self._key_of[before.id]
        self._tasks[task.key] = task
        self._key_of[task.id] = task.key
        if self._breakers.get(task.key) == CLOSED:
            del self._breakers[task.key]
        return task


def _is_higher(priority: CalibrationPriority, than: CalibrationPriority) -> bool:
    return _LEAST_URGENT_FIRST.index(priority) > _LEAST_URGENT_FIRST.index(than)
