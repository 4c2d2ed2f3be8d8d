"""Failures of the screen are contained, counted and told; tasks end when the screen does."""

import asyncio

from core.bus import Bus
from core.clock import SimClock
from core.messages import Fault
from tui.guard import REPORT_EVERY_S, Guard


def guarded() -> tuple[Guard, list[Fault], SimClock]:
    clock = SimClock(1_000)
    bus = Bus(clock)
    faults: list[Fault] = []
    bus.subscribe(Fault, faults.append)
    return Guard(bus, clock), faults, clock


def fail() -> None:
    raise ValueError("bad row")


def test_a_failing_call_is_told_and_gives_nothing() -> None:
    guard, faults, _ = guarded()
    assert guard.call("paint", fail) is None
    assert guard.call("paint", lambda: 7) == 7
    assert [fault.message for fault in faults] == ["paint failed: ValueError: bad row"]
    assert guard.last_failure == "paint failed: ValueError: bad row"


async def test_repeats_of_one_cause_are_counted_but_told_once_a_minute() -> None:
    guard, faults, clock = guarded()
    callback = guard.wrap("timer", fail)
    for _ in range(5):
        callback()
    guard.call("other", fail)
    assert [fault.source for fault in faults] == ["screen: timer", "screen: other"]
    await clock.advance(REPORT_EVERY_S)
    callback()
    assert faults[-1].count == 6
    assert guard.failures == {"timer": 6, "other": 1}


async def test_a_failing_task_tells_its_owner() -> None:
    guard, faults, _ = guarded()
    told: list[BaseException] = []

    async def run() -> None:
        fail()

    await guard.start("engine", run, told.append)
    assert [str(error) for error in told] == ["bad row"]
    assert faults[0].source == "screen: engine"


async def test_stopping_does_not_interrupt_a_clean_up_under_way() -> None:
    guard, _, _ = guarded()
    cleaned: list[str] = []

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            cleaned.append("orders cancelled")

    task = guard.start("careful", careful)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert await guard.stop(5) == []
    assert cleaned == ["orders cancelled"]


async def test_stopping_ends_every_task_and_names_those_that_would_not() -> None:
    guard, _, _ = guarded()
    ended: list[str] = []

    async def good() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("good")

    release = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()

    guard.start("good", good)
    left = guard.start("stubborn", stubborn)
    await asyncio.sleep(0)
    assert await guard.stop(0.05) == ["stubborn"]
    assert ended == ["good"]
    release.set()
    await asyncio.wait([left])
