"""Work in slices: others get their turn, and a key comes before all of it."""

from __future__ import annotations

import asyncio

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import KeyPressed
from core.slices import GIVE_WAY_S, WORK_S, Slices


class Bench:
    """The loop's time by hand; `slept` is what a turn waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.bus = Bus(SimClock(0))
        self.slices = Slices(self.bus, "test")
        monkeypatch.setattr("core.slices.asyncio.get_running_loop", lambda: self)
        monkeypatch.setattr("core.slices.asyncio.sleep", self._sleep)

    def time(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def key(self) -> None:
        self.bus.publish(KeyPressed())

    async def turn_after(self, seconds: float) -> None:
        self.now += seconds
        await self.slices.turn()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(monkeypatch)
    made.slices.begin(0.002)
    return made


async def test_the_loop_is_left_to_others_after_each_slice(bench: Bench) -> None:
    for after in (0.001, 0.0005, 0.001, 0.0005, 0.0015):
        await bench.turn_after(after)
    assert bench.slept == [0.0, 0.0]


async def test_a_key_stops_work_at_its_next_piece(bench: Bench) -> None:
    bench.key()
    await bench.turn_after(0.001)
    assert bench.slept == [pytest.approx(GIVE_WAY_S - 0.001)]
    await bench.turn_after(0.001)
    assert len(bench.slept) == 1, "and then it goes on"


async def test_keys_without_end_leave_half_of_the_time_to_work(bench: Bench) -> None:
    worked = 0.0
    began = bench.now
    while bench.now - began < 20 * (GIVE_WAY_S + WORK_S):
        bench.key()
        worked += 0.01
        await bench.turn_after(0.01)
    assert worked == pytest.approx(20 * WORK_S, rel=0.1)


async def test_work_goes_on_by_itself_on_a_real_loop() -> None:
    bus = Bus(SimClock(0))
    slices = Slices(bus, "test")
    slices.begin(0.0)
    bus.publish(KeyPressed())
    done = []

    async def work() -> None:
        for piece in range(3):
            await slices.turn()
            done.append(piece)

    await asyncio.wait_for(work(), 30)
    assert done == [0, 1, 2]
