"""The calibration desk: who asks, what starts, what an end brings, and what is said and kept of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.calibration.desk import CALM_S, MARGIN_S
from core.calibration.job import CalibrationJob, Step
from core.calibration.preparation import bars_wanted
from core.calibration.worker_process import Result
from core.messages import CalibrationProgress, CalibrationQueue, CalibrationReport, EngineStatus, HistoryStatus, Replay
from core.screening.costs import SLIPPAGE_FLOOR
from tests.builders import CATEGORY, VENUE, listing, quote
from tests.core.calibration.jobs import MINUTE, PLAIN, T0, report
from tests.core.calibration.room import ENOUGH, PATIENCE_S, Room

WANTED = bars_wanted(PLAIN)
ONE = msgspec.structs.replace(PLAIN, max_concurrent=1)
TWO = msgspec.structs.replace(PLAIN, max_concurrent=2)
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@pytest.fixture
async def room(tmp_path: Path) -> AsyncGenerator[Room, None]:
    made = await Room.open(tmp_path, "BTCUSDT", settings=ONE)
    yield made
    await made.close()


def only_job(room: Room) -> CalibrationJob:
    (job,) = room.puppets.jobs.values()
    return job


# who asks


async def test_watched_symbols_without_thresholds_of_their_own_are_calibrated_one_after_the_other(room: Room) -> None:
    room.watch("BTCUSDT", "ETHUSDT")
    await room.turn(3)
    assert room.puppets.symbols() == ["BTCUSDT"]
    assert room.states() == {"BTCUSDT": "in_progress", "ETHUSDT": "queued"}
    assert room.task("ETHUSDT").reason == "no thresholds of its own yet"
    room.ends("BTCUSDT")
    await room.turn()
    assert room.puppets.symbols() == ["ETHUSDT"]
    assert (room.task("BTCUSDT").state, room.task("BTCUSDT").reason) == ("rejected", "PBO 0.4")


async def test_the_largest_by_volume_go_first(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, settings=msgspec.structs.replace(PLAIN, enabled=False))
    for symbol, volume in (("A", 1.0), ("B", 3.0), ("C", 2.0)):
        room.ticker(symbol, volume)
    room.watch("A", "B", "C", "D")
    await room.turn()
    assert room.states() == {"B": "queued_high", "A": "queued", "C": "queued", "D": "queued"}
    room.ticker("D", 9.0)
    await room.turn(seconds=61)
    assert room.states()["D"] == "queued_high"
    await room.close()


async def test_an_alert_presses_only_on_thresholds_that_are_default_or_old(room: Room) -> None:
    await room.turn()
    room.ends("BTCUSDT", verdict="accept", reason="all checks passed")
    await room.turn(seconds=2 * HOUR_S)
    for signal, replayed in (("NORMAL", False), ("ALERT", True), ("ALERT", False)):
        room.alert("BTCUSDT", signal, replayed=replayed)  # type: ignore[arg-type]
        await room.turn()
        assert room.states() == {"BTCUSDT": "completed"}
    room.watch("BTCUSDT", "ETHUSDT", "SOLUSDT")
    await room.turn()
    room.alert("SOLUSDT")
    await room.turn()
    assert room.states() == {"BTCUSDT": "completed", "ETHUSDT": "in_progress", "SOLUSDT": "queued_urgent"}
    await room.turn(seconds=DAY_S + 1)
    room.alert("BTCUSDT")
    await room.turn()
    assert room.task("BTCUSDT").priority == "urgent"


async def test_urgent_ones_hold_half_of_the_slots(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, "A", "B", "C", settings=msgspec.structs.replace(TWO, enabled=False))
    for symbol in "ABC":
        room.alert(symbol)
    room.watch("A", "B", "C", "D")
    await room.turn()
    assert room.live.edit("calibration.enabled", "true")
    await room.turn(4)
    assert room.puppets.symbols() == ["A", "D"]
    await room.close()


async def test_what_the_guards_left_is_asked_for_again_a_day_later_and_what_failed_sooner(room: Room) -> None:
    await room.turn()
    room.ends("BTCUSDT")
    await room.turn()
    await room.turn(2, seconds=DAY_S - 61)
    assert room.states() == {"BTCUSDT": "rejected"}
    await room.turn(2, seconds=62)
    assert room.states() == {"BTCUSDT": "in_progress"}
    room.ends("BTCUSDT", Result(cause="exception", reason="ValueError: bad bar"))
    await room.turn()
    assert room.states() == {"BTCUSDT": "failed"}
    await room.turn(2, seconds=601)
    assert room.states() == {"BTCUSDT": "in_progress"}


async def test_thresholds_are_renewed_before_they_expire(room: Room) -> None:
    await room.turn()
    room.ends("BTCUSDT", verdict="accept", reason="all checks passed")
    await room.turn()
    expires_ms = room.book.in_force("BTCUSDT").expires_ms
    assert room.task("BTCUSDT").expires_ms == expires_ms > T0 + 12 * DAY_S * 1000
    await room.turn(2, seconds=11 * DAY_S)
    assert room.states() == {"BTCUSDT": "completed"}
    left_s = (expires_ms - room.clock.now_ms()) / 1000
    await room.turn(2, seconds=left_s - DAY_S)
    assert room.states() == {"BTCUSDT": "in_progress"}


async def test_what_is_no_longer_watched_leaves_the_queue_and_comes_back_with_its_symbol(room: Room) -> None:
    room.watch("BTCUSDT", "ETHUSDT")
    await room.turn()
    room.watch("BTCUSDT")
    await room.turn()
    assert (room.task("ETHUSDT").state, room.task("ETHUSDT").reason) == ("rejected", "no longer watched")
    room.watch("BTCUSDT", "ETHUSDT")
    await room.turn()
    assert room.task("ETHUSDT").state == "queued"


# what starts


async def test_a_job_holds_what_a_calibration_needs(room: Room) -> None:
    room.bus.publish(listing("BTCUSDT", tick="0.01"))
    room.bus.publish(quote("BTCUSDT", 99.9, 100.1))
    await room.turn()
    job = only_job(room)
    assert (job.venue, job.category, job.symbol, job.timeframe, job.tick, job.slot) == (
        "binance_us", "spot", "BTCUSDT", "1m", 0.01, 0,
    )  # fmt: skip
    assert len(job.bars) == ENOUGH
    assert job.bars[-1, 0] == T0 - MINUTE
    assert job.settings == ONE
    assert job.current == room.book.in_force("BTCUSDT").values
    assert job.default == room.book.asset_class("BTCUSDT").defaults
    assert job.asset_class == room.book.asset_class("BTCUSDT").name
    assert not job.shorts
    assert job.costs.fee_in == job.costs.fee_out == pytest.approx(0.001)
    assert job.costs.half_spread == pytest.approx(0.001)
    assert job.costs.slippage == SLIPPAGE_FLOOR
    assert room.read == [("BTCUSDT", "1m"), ("BTCUSDT", "1d")]


async def test_too_few_bars_wait_for_history_and_say_how_long(room: Room) -> None:
    room.have["BTCUSDT"] = WANTED - 1500
    await room.turn()
    waiting = room.task("BTCUSDT")
    assert (waiting.state, waiting.next_try_ms) == ("queued", T0 + 15 * MINUTE)
    assert waiting.reason == (
        f"waiting for history: {WANTED - 1500:,} of {WANTED:,} one-minute bars are stored;"
        " 1 d 1 h at most, sooner as older ones are fetched"
    )
    room.have["BTCUSDT"] = ENOUGH
    await room.turn(seconds=899)
    assert room.puppets.symbols() == []
    await room.turn(seconds=1)
    assert room.puppets.symbols() == ["BTCUSDT"]
    room.ends("BTCUSDT", verdict="waiting", bars=17_000, bars_missing=740)
    await room.turn()
    assert room.task("BTCUSDT").state == "queued"
    assert "17,000 of 17,740 one-minute bars are stored; 12 h 20 min at most" in room.task("BTCUSDT").reason
    assert room.heard(CalibrationReport) == []


async def test_history_that_was_fetched_ends_the_wait(room: Room) -> None:
    room.have["BTCUSDT"] = WANTED - 1500
    await room.turn()
    room.have["BTCUSDT"] = ENOUGH
    for timeframe, stored in (("5m", WANTED), ("1m", WANTED - 1)):
        room.bus.publish(history("BTCUSDT", timeframe, stored))
    await room.turn(seconds=1)
    assert room.puppets.symbols() == []
    room.bus.publish(history("BTCUSDT", "1m", WANTED))
    await room.turn(seconds=1)
    assert room.puppets.symbols() == ["BTCUSDT"]


def history(symbol: str, timeframe: str, stored: int) -> HistoryStatus:
    return HistoryStatus(
        venue=VENUE, category=CATEGORY, symbol=symbol, timeframe=timeframe, bars=1500, wanted=1500, gaps=0,
        stored=stored, ready=True, at_ms=T0,
    )  # fmt: skip


async def test_a_store_that_is_set_too_small_is_named(room: Room) -> None:
    settings = room.live.current
    room.live._current = msgspec.structs.replace(
        settings, history=msgspec.structs.replace(settings.history, store_bars=10_000)
    )
    await room.turn()
    assert "the store keeps 10,000: raise history.store_bars" in room.task("BTCUSDT").reason


async def test_bars_that_end_long_ago_are_a_failure_of_this_asset(room: Room) -> None:
    room.newest_ms = T0 - 3 * 60 * MINUTE
    await room.turn()
    failed = room.task("BTCUSDT")
    assert (failed.state, failed.cause, failed.failures) == ("failed", "stale_data", 1)
    assert "closed 3 h ago" in failed.reason
    assert room.faults() == [
        f"calibration of BTCUSDT failed (stale_data): {failed.reason}; the thresholds in force stay"
    ]


async def test_the_start_is_left_to_others_but_for_what_presses(room: Room) -> None:
    def phase(name: Any) -> None:
        room.bus.publish(
            EngineStatus(
                phase=name, text="", venue="", category="", host="", host_kind="SANDBOX", mode="PAPER",
                at_ms=room.clock.now_ms(),
            )
        )  # fmt: skip

    phase("loading")
    room.watch("BTCUSDT", "ETHUSDT")
    await room.turn(2, seconds=600)
    assert room.puppets.symbols() == []
    phase("running")
    await room.turn(2, seconds=CALM_S - 1)
    assert room.puppets.symbols() == []
    room.alert("ETHUSDT")
    await room.turn()
    assert room.puppets.symbols() == ["ETHUSDT"]
    room.ends("ETHUSDT")
    phase("running")  # said again to a screen that starts late
    await room.turn(seconds=1)
    assert room.puppets.symbols() == ["BTCUSDT"]


# how tasks end


async def test_accepted_thresholds_are_in_force_and_the_report_is_kept(room: Room, tmp_path: Path) -> None:
    await room.turn()
    room.ends("BTCUSDT", verdict="accept", reason="all checks passed", parameters={"tp_mult": 2.5}, partial=True)
    await room.turn()
    in_force = room.book.in_force("BTCUSDT")
    assert (in_force.values.tp_mult, in_force.sources["tp_mult"]) == (2.5, "calibrated")
    task = room.task("BTCUSDT")
    assert (task.state, task.partial, task.expires_ms) == ("completed", True, in_force.expires_ms)
    (said,) = room.heard(CalibrationReport)
    assert (said.verdict, said.task_id, said.at_ms) == ("accept", task.task_id, T0)
    rows = await room.store.run(lambda db: db.execute("SELECT instrument, at_ms, report FROM calibrations").fetchall())
    assert [row[:2] for row in rows] == [("binance_us.spot:BTCUSDT", T0)]
    assert json.loads(rows[0][2])["parameters"] == {"tp_mult": 2.5}


async def test_thresholds_that_cannot_be_are_a_failure(room: Room) -> None:
    await room.turn()
    room.ends("BTCUSDT", verdict="accept", reason="all checks passed", parameters={"tp_mult": 99.0})
    await room.turn()
    failed = room.task("BTCUSDT")
    assert (failed.state, failed.cause) == ("failed", "exception")
    assert "tp_mult is 99" in failed.reason
    assert room.heard(CalibrationReport)[-1].verdict == "failed"
    assert room.book.in_force("BTCUSDT").is_default


async def test_a_search_without_a_feasible_trial_is_kept_as_a_failure(room: Room) -> None:
    await room.turn()
    room.ends("BTCUSDT", verdict="failed", reason="no feasible trial", parameters={})
    await room.turn()
    assert (room.task("BTCUSDT").cause, room.heard(CalibrationReport)[-1].verdict) == ("no_feasible_trial", "failed")
    await room.turn(2, seconds=1200)
    assert room.states() == {"BTCUSDT": "failed"}


async def test_a_task_over_its_time_is_taken_from_its_worker(room: Room) -> None:
    await room.turn()
    task_id = room.task("BTCUSDT").task_id
    await room.turn(seconds=ONE.time_limit_s + MARGIN_S - 1)
    assert room.puppets.abandoned == []
    await room.turn(seconds=1)
    assert room.puppets.abandoned == [task_id]
    assert (room.task("BTCUSDT").state, room.task("BTCUSDT").cause) == ("failed", "time_limit")


async def test_three_failures_open_the_breaker_and_one_try_half_opens_it(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, "A", "B", "C", "D", "E", settings=ONE)
    for symbol in "ABC":
        await room.turn()
        room.ends(symbol, Result(cause="exception", reason="ValueError: bad bar"))
    await room.turn(2)
    assert (room.queue().overall, room.puppets.symbols()) == ("open", [])
    await room.turn(2, seconds=598)
    assert room.queue().overall == "open"
    await room.turn(seconds=3)
    assert (room.queue().overall, room.puppets.symbols()) == ("half_open", ["D"])
    room.ends("D", Result(cause="lost_worker", reason="killed", spent=True))
    await room.turn()
    await room.turn(2, seconds=1199)
    assert (room.queue().overall, room.puppets.symbols()) == ("open", [])
    await room.turn(seconds=2)
    assert len(room.puppets.jobs) == 1
    room.ends(room.puppets.symbols()[0])
    await room.turn()
    assert room.queue().overall == "closed"
    assert len(room.puppets.jobs) == 1
    await room.close()


# what is said


async def test_progress_is_told_while_a_task_runs_and_again_on_replay(room: Room) -> None:
    await room.turn()
    room.puppets.step("BTCUSDT", Step(12, 60, 2, 4, 0.3, 40.0))
    await room.turn()
    (progress,) = room.heard(CalibrationProgress)
    assert (progress.symbol, progress.trial, progress.fold, progress.share, progress.left_s) == (
        "BTCUSDT",
        12,
        2,
        0.3,
        40.0,
    )
    before = len(room.said)
    room.bus.publish(Replay())
    assert [type(message).__name__ for message in room.said[before:]] == ["CalibrationQueue", "CalibrationProgress"]
    room.ends("BTCUSDT")
    await room.turn()
    before = len(room.said)
    room.bus.publish(Replay())
    assert [type(message).__name__ for message in room.said[before:]] == ["CalibrationQueue", "CalibrationReport"]


async def test_the_queue_is_said_when_it_moves_and_now_and_then(room: Room) -> None:
    await room.turn()
    count = len(room.heard(CalibrationQueue))
    await room.turn(5, seconds=1)
    assert len(room.heard(CalibrationQueue)) == count
    await room.turn(seconds=10)
    assert len(room.heard(CalibrationQueue)) == count + 1
    told = room.queue()
    assert (told.slots, told.running, told.where, told.enabled, told.held, told.bars_wanted) == (
        1,
        1,
        "local",
        True,
        False,
        WANTED,
    )


async def test_settings_are_live(room: Room) -> None:
    room.watch("BTCUSDT", "ETHUSDT", "SOLUSDT")
    await room.turn(3)
    assert len(room.puppets.jobs) == 1
    assert room.live.edit("calibration.max_concurrent", "2")
    await room.turn(3)
    assert sorted(job.slot for job in room.puppets.jobs.values()) == [0, 1]
    assert room.live.edit("calibration.enabled", "false")
    room.ends("BTCUSDT")
    await room.turn(3)
    assert room.puppets.symbols() == ["ETHUSDT"]
    assert not room.queue().enabled


async def test_another_executor_takes_over_when_nothing_runs_any_more(room: Room) -> None:
    room.watch("BTCUSDT", "ETHUSDT")
    await room.turn()
    assert room.live.edit("calibration.executor", "tcp://127.0.0.1:8786")
    await room.turn(2)
    assert not room.puppets.closed
    room.ends("BTCUSDT")
    await room.turn(3)
    assert room.puppets.closed
    assert (room.puppets.where, room.puppets.symbols()) == ("tcp://127.0.0.1:8786", ["ETHUSDT"])


async def test_run_turns_a_few_times_a_second_and_leaves_the_first_minute_alone(room: Room) -> None:
    task = asyncio.create_task(room.desk.run())
    async with asyncio.timeout(PATIENCE_S):
        while not room.heard(CalibrationQueue) or room.states() != {"BTCUSDT": "queued"}:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await room.turn(seconds=CALM_S - 1)
    assert room.puppets.symbols() == []
    await room.turn(seconds=1)
    assert room.puppets.symbols() == ["BTCUSDT"]


def test_reports_survive_the_store_with_what_is_no_number(tmp_path: Path) -> None:
    told = report(dsr=0.9)
    text = json.dumps(msgspec.to_builtins(told))
    again = msgspec.convert(json.loads(text), CalibrationReport)
    assert again.pbo != again.pbo
    assert msgspec.structs.replace(again, pbo=0.0, effective_trials=0.0, min_track_record=0.0, cost_r=0.0) == (
        msgspec.structs.replace(told, pbo=0.0, effective_trials=0.0, min_track_record=0.0, cost_r=0.0)
    )
