"""Clocks: real, shifted, and one that moves only when told to."""

import asyncio
import time

import pytest

from core.clock import LiveClock, SimClock, iso_utc


def test_a_live_clock_tells_the_time() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= LiveClock().now_ms() <= time.time_ns() // 1_000_000


async def test_a_fast_clock_runs_and_sleeps_at_its_rate() -> None:
    clock = LiveClock(rate=1000.0, start_ms=5_000_000)
    began, mark = clock.now_ms(), clock.monotonic()
    assert began >= 5_000_000
    await clock.sleep(20)
    assert clock.now_ms() - began >= 20_000
    assert clock.monotonic() - mark >= 20


def test_what_the_machine_sleeps_through_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arming that was to last an hour has run out when a laptop wakes the next day."""
    slept = {time.CLOCK_BOOTTIME: 50_000.0}
    monkeypatch.setattr(time, "clock_gettime", lambda kind: slept[kind])
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert LiveClock().monotonic() == 50_000.0


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="clock rate 0 must be above 0"):
        LiveClock(rate=0)


async def test_a_simulated_clock_wakes_sleepers_in_order_at_their_own_time() -> None:
    clock = SimClock(1_000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, *seconds: float) -> None:
        for duration in seconds:
            await clock.sleep(duration)
            woken.append((name, clock.now_ms()))

    tasks = [asyncio.create_task(sleeper("a", 2, 2)), asyncio.create_task(sleeper("b", 1, 2))]
    await clock.advance(3.5)
    assert woken == [("b", 2_000), ("a", 3_000), ("b", 4_000)]
    assert clock.now_ms() == 4_500
    await clock.advance(1)
    assert woken[-1] == ("a", 5_000)
    await asyncio.gather(*tasks)


async def test_a_cancelled_sleeper_is_passed_over() -> None:
    clock = SimClock(0)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await clock.advance(2)
    assert clock.now_ms() == 2_000
    assert task.cancelled()


async def test_jumping_never_goes_back_and_zero_sleep_only_yields() -> None:
    clock = SimClock(1_000)
    clock.set_ms(500)
    assert clock.now_ms() == 1_000
    clock.set_ms(2_000)
    assert clock.monotonic() == 2.0
    await clock.sleep(0)
    assert clock.now_ms() == 2_000


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert iso_utc(1_795_241_820_123) == "2026-11-21T06:17:00.123Z"
