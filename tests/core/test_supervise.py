"""Supervised tasks: failures are reported and contained."""

import asyncio

from core.bus import Bus
from core.clock import SimClock
from core.messages import Fault
from core.supervise import Supervisor


def faults_of(bus: Bus) -> list[Fault]:
    seen: list[Fault] = []
    bus.subscribe(Fault, seen.append)
    return seen


async def test_a_failing_task_is_reported_and_started_again_while_its_sibling_runs_on() -> None:
    clock = SimClock(0)
    bus = Bus(clock)
    faults = faults_of(bus)
    supervisor = Supervisor(bus, clock)
    runs = 0
    beats = 0

    async def fragile() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("no data")
        await asyncio.Event().wait()

    async def steady() -> None:
        nonlocal beats
        while True:
            await clock.sleep(0.5)
            beats += 1

    supervisor.start("fragile", fragile)
    supervisor.start("steady", steady)
    await clock.advance(10)
    assert runs == 3
    assert beats >= 18
    assert [fault.count for fault in faults] == [1, 2]
    assert "fragile failed: ValueError: no data" in faults[0].message
    assert supervisor.running() == ["fragile", "steady"]
    assert await supervisor.stop() == []
    assert supervisor.running() == []


async def test_a_once_task_is_not_started_again() -> None:
    clock = SimClock(0)
    bus = Bus(clock)
    faults = faults_of(bus)
    supervisor = Supervisor(bus, clock)
    runs = 0

    async def broken() -> None:
        nonlocal runs
        runs += 1
        raise RuntimeError("broken")

    supervisor.start("broken", broken, policy="once")
    await clock.advance(300)
    assert runs == 1
    assert len(faults) == 1
    assert "again" not in faults[0].message


async def test_stop_names_a_task_that_refuses_to_end() -> None:
    clock = SimClock(0)
    supervisor = Supervisor(Bus(clock), clock)
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor.start("stubborn", stubborn)
    await asyncio.sleep(0)
    assert await supervisor.stop(timeout_s=0.05) == ["stubborn"]
    release.set()
    await asyncio.sleep(0.01)
