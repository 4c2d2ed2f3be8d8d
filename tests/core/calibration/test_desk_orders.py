"""The operator's commands, a store that refuses, and what a restart finds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.calibration.worker_process import Result
from core.calibration.workers import WorkersUnavailable
from core.clock import Clock
from core.messages import (
    AcceptCalibration,
    CalibrateNow,
    CalibrationReport,
    CancelCalibration,
    EditThreshold,
    PauseCalibration,
    PrioritiseCalibration,
    Replay,
)
from core.store import StoreError
from tests.core.calibration.jobs import PLAIN
from tests.core.calibration.room import Room

ONE = msgspec.structs.replace(PLAIN, max_concurrent=1)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncGenerator[Room, None]:
    """A is being calibrated, B, C and D wait."""
    made = await Room.open(tmp_path, "A", "B", "C", "D", settings=ONE)
    await made.turn()
    assert made.states() == {"A": "in_progress", "B": "queued", "C": "queued", "D": "queued"}
    yield made
    await made.close()


async def test_what_the_operator_asks_for_comes_next(room: Room) -> None:
    room.bus.publish(CalibrateNow(symbol="D"))
    await room.turn()
    assert (room.task("D").position, room.task("D").reason) == (1, "asked for by the operator")
    room.ends("A")
    await room.turn()
    assert room.puppets.symbols() == ["D"]
    room.ends("D")
    await room.turn()
    assert room.puppets.symbols() == ["B"]
    room.bus.publish(CalibrateNow(symbol="D"))
    await room.turn()
    assert room.task("D").state == "queued_high"


async def test_orders_that_cannot_be_followed_say_why(room: Room) -> None:
    for order in (
        CalibrateNow(symbol="X"), CalibrateNow(symbol="A"), PauseCalibration(symbol="A", paused=True),
        PauseCalibration(symbol="X", paused=True), CancelCalibration(symbol="X"), AcceptCalibration(symbol="A"),
        PrioritiseCalibration(symbol="A", priority="urgent"),
    ):  # fmt: skip
        room.bus.publish(order)
    before = room.states()
    await room.turn()
    assert room.states() == before
    told = room.refusals()
    assert told[0] == "X is not watched, so its history is not kept: pin it first"
    assert told[1] == "A is being calibrated already"
    assert "is in_progress: pause is not possible" in told[2]
    assert told[3] == told[4] == "X has no calibration in the queue: queue one first"
    assert told[5] == "A has no calibration report to accept: queue a calibration first"
    assert "is in_progress: reprioritise is not possible" in told[6]


async def test_one_is_paused_cancelled_and_given_another_place(room: Room) -> None:
    room.bus.publish(PauseCalibration(symbol="B", paused=True))
    room.bus.publish(PrioritiseCalibration(symbol="D", priority="urgent"))
    room.bus.publish(CancelCalibration(symbol="C"))
    await room.turn()
    assert room.states() == {"A": "in_progress", "D": "queued_urgent", "B": "paused", "C": "rejected"}
    room.bus.publish(PauseCalibration(symbol="B", paused=False))
    await room.turn()
    assert room.states()["B"] == "queued"


async def test_the_operators_place_is_not_changed_by_a_large_volume(room: Room) -> None:
    room.bus.publish(PrioritiseCalibration(symbol="D", priority="normal"))
    room.ticker("D", 9.0)
    await room.turn(2, seconds=61)
    assert room.task("D").priority == "normal"


async def test_cancelling_what_runs_ends_its_worker_and_starts_the_next(room: Room) -> None:
    task_id = room.task("A").task_id
    room.bus.publish(CancelCalibration(symbol="A"))
    await room.turn()
    assert room.puppets.abandoned == [task_id]
    assert (room.task("A").state, room.task("A").reason) == ("rejected", "cancelled by the operator")
    assert room.puppets.symbols() == ["B"]
    assert room.queue().overall == "closed"


async def test_the_whole_queue_is_paused_and_goes_on(room: Room) -> None:
    room.bus.publish(PauseCalibration(symbol="", paused=True))
    room.ends("A")
    await room.turn(3)
    assert (room.queue().held, room.puppets.symbols()) == (True, [])
    room.bus.publish(PauseCalibration(symbol="", paused=False))
    await room.turn()
    assert (room.queue().held, room.puppets.symbols()) == (False, ["B"])


async def test_the_operator_takes_what_the_guards_left(room: Room) -> None:
    room.ends("A", parameters={"tp_mult": 2.5})
    await room.turn(seconds=1)
    assert room.book.in_force("A").is_default
    room.bus.publish(AcceptCalibration(symbol="A"))
    await room.turn(seconds=1)
    assert room.book.in_force("A").values.tp_mult == 2.5
    taken = room.heard(CalibrationReport)[-1]
    assert (taken.verdict, taken.accepted_by_operator, taken.at_ms) == ("keep", True, room.clock.now_ms())
    assert room.task("A").expires_ms == room.book.in_force("A").expires_ms
    room.bus.publish(AcceptCalibration(symbol="A"))
    await room.turn()
    assert room.refusals() == ["the newest calibration of A was accepted already"]


async def test_what_cannot_be_taken_is_refused_and_changes_nothing(room: Room) -> None:
    room.ends("A", parameters={"tp_mult": 99.0})
    await room.turn()
    room.bus.publish(AcceptCalibration(symbol="A"))
    await room.turn()
    assert "thresholds of A could not be set: tp_mult is 99" in room.refusals()[0]
    assert not room.heard(CalibrationReport)[-1].accepted_by_operator
    room.ends("B", verdict="failed", reason="no feasible trial", parameters={})
    await room.turn()
    room.bus.publish(AcceptCalibration(symbol="B"))
    await room.turn()
    assert room.refusals()[-1] == "the newest calibration of B found no thresholds (no feasible trial): queue another"


async def test_what_the_operator_set_meanwhile_is_not_overwritten(room: Room) -> None:
    room.bus.publish(EditThreshold(symbol="A", name="sl_mult", value="1.7"))
    room.ends("A", verdict="accept", reason="all checks passed", parameters={"tp_mult": 2.5})
    await room.turn(seconds=1)
    assert room.book.in_force("A").values.tp_mult == room.book.asset_class("A").defaults.tp_mult
    kept = room.heard(CalibrationReport)[-1]
    assert (kept.verdict, room.task("A").state) == ("keep", "rejected")
    assert kept.reason == room.task("A").reason
    assert "changed by hand while it ran" in kept.reason
    room.bus.publish(AcceptCalibration(symbol="A"))
    await room.turn()
    assert (room.book.in_force("A").values.tp_mult, room.book.in_force("A").values.sl_mult) == (2.5, 1.7)


# over a restart, and without a store or workers


async def test_a_restart_in_mid_task_loses_and_doubles_nothing(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, "A", "B", "C", settings=ONE)
    await room.turn()
    room.ends("A")
    await room.turn()
    room.bus.publish(PauseCalibration(symbol="C", paused=True))
    await room.turn()
    before = {task.symbol: task.task_id for task in room.queue().tasks}
    assert room.states() == {"B": "in_progress", "C": "paused", "A": "rejected"}
    await room.store.close()  # nothing else: the program is gone

    again = await Room.open(tmp_path, settings=ONE, clock=room.clock)
    again.bus.publish(Replay())
    assert again.states() == {"B": "queued", "C": "paused", "A": "rejected"}
    assert {task.symbol: task.task_id for task in again.queue().tasks} == before
    assert [report.symbol for report in again.heard(CalibrationReport)] == ["A"]
    again.watch("A", "B", "C")
    await again.turn(3)
    assert again.puppets.symbols() == ["B"]
    again.ends("B")
    await again.turn(3)
    rows = await again.store.run(lambda db: db.execute("SELECT instrument FROM calibrations ORDER BY id").fetchall())
    assert rows == [("binance_us.spot:A",), ("binance_us.spot:B",)]
    again.bus.publish(AcceptCalibration(symbol="A"))
    await again.turn()
    assert not again.book.in_force("A").is_default
    await again.close()


async def test_a_stored_queue_that_cannot_be_read_begins_anew_and_is_said(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, "A", settings=ONE)
    await room.turn()
    room.ends("A")
    await room.turn()

    def damage(db: sqlite3.Connection) -> None:
        db.execute("UPDATE calibration_queue SET state = '{\"tasks\": 3}'")
        db.execute("UPDATE calibrations SET report = '{}'")

    await room.store.run(damage)
    await room.store.close()
    again = await Room.open(tmp_path, "A", settings=ONE)
    assert "the calibration queue begins empty" in again.faults()[0]
    assert "stored calibration reports are of another version" in again.faults()[1]
    await again.turn()
    assert again.states() == {"A": "in_progress"}
    await again.close()


async def test_while_the_store_refuses_memory_goes_on_and_is_written_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = room.store.run

    async def refuse(act: Callable[[sqlite3.Connection], Any]) -> Any:
        raise StoreError("tradetui.sqlite: disk is full; check space and permissions of its folder")

    monkeypatch.setattr(room.store, "run", refuse)
    room.ends("A")
    await room.turn(3, seconds=1)
    assert room.puppets.symbols() == ["B"]
    assert [text for text in room.faults() if "kept in memory" in text] == [
        "tradetui.sqlite: disk is full; check space and permissions of its folder;"
        " the calibration queue is kept in memory meanwhile"
    ]
    monkeypatch.setattr(room.store, "run", kept)
    await room.turn(seconds=10)
    rows = await kept(lambda db: db.execute("SELECT instrument FROM calibrations").fetchall())
    assert rows == [("binance_us.spot:A",)]


async def test_without_workers_nothing_starts_and_the_remedy_is_said_once_in_a_while(tmp_path: Path) -> None:
    tries: list[str] = []

    async def opener(where: str, clock: Clock) -> Any:
        tries.append(where)
        raise WorkersUnavailable("no Dask scheduler answers: start it, or set calibration.executor to local")

    room = await Room.open(tmp_path, "A", settings=ONE, opener=opener)
    await room.turn(3, seconds=1)
    assert room.states() == {"A": "queued"}
    assert room.faults() == [
        "no Dask scheduler answers: start it, or set calibration.executor to local; trying again in 60 s"
    ]
    await room.turn(3, seconds=60)
    assert tries == ["local", "local"]
    await room.close()


async def test_a_cluster_that_went_away_is_looked_for_again(room: Room) -> None:
    room.puppets.gone = True
    await room.turn()
    assert not room.puppets.closed
    room.ends("A", Result(cause="lost_worker", reason="lost on the cluster: it went away"))
    await room.turn()
    assert room.puppets.symbols() == []
    room.puppets.gone = False
    await room.turn()
    assert room.puppets.symbols() == ["B"]


async def test_an_asset_whose_history_cannot_be_read_fails_alone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    read = room.stored

    async def stored(symbol: str, *rest: Any) -> Any:
        if symbol == "B":
            raise OSError("candles.sqlite is away")
        return await read(symbol, *rest)

    monkeypatch.setattr(room.desk._preparation, "_stored", stored)
    room.ends("A", Result(cause="exception", reason="ValueError: bad bar"))
    await room.turn(2)
    assert room.task("B").cause == "exception"
    assert room.task("B").reason == "could not start: OSError: candles.sqlite is away"
    assert room.puppets.symbols() == ["C"]
