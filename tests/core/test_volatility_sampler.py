"""The sampler answers from memory what the stored minutes say, keeps its answers when the disk fails, and forgets."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from core.bus import Bus
from core.clock import SimClock
from core.history import CandleStore, series_key
from core.market.volatility import NO_SAMPLE, natr_sample
from core.messages import Universe
from core.volatility_sampler import READ_DAYS, REFRESH_S, SHORT_S, VolatilitySampler
from tests.core.market.builders import MINUTE, START, walk
from tests.core.market.fake_venue import FakeVenue

TIMEFRAMES = ("5m", "1m", "1h", "5m")


class Room:
    def __init__(self, store: CandleStore) -> None:
        self.clock = SimClock(START)
        self.bus = Bus(self.clock)
        self.store = store
        self.venue = FakeVenue(self.clock)
        self.sampler = VolatilitySampler(self.bus, self.clock, self.venue, store, TIMEFRAMES)
        self.reads: list[str] = []
        self.reading = False
        read = self.sampler._read

        async def watched(symbol: str) -> None:
            self.reads.append(symbol)
            self.reading = True
            await read(symbol)
            self.reading = False

        self.sampler._read = watched  # type: ignore[method-assign]
        self.task = asyncio.create_task(self.sampler.run())

    async def keep(self, symbol: str, block) -> None:
        await self.store.write(series_key(self.venue, symbol, "1m"), block)

    def watch(self, *symbols: str) -> None:
        self.bus.publish(
            Universe(venue="fake", category="spot", symbols=symbols, added=symbols, removed=(), reason="", at_ms=START)
        )

    async def until(self, true) -> None:
        """Move the clock on until something holds; it stands while the threads of the store and of the numbers work."""
        for _ in range(20_000):
            if true():
                return
            if self.reading:
                await asyncio.sleep(0.001)
            else:
                await self.clock.advance(1.0)
        raise AssertionError("never came true")


@pytest.fixture
async def room(tmp_path):
    store = await CandleStore.open(tmp_path / "candles.sqlite")
    made = Room(store)
    yield made
    made.task.cancel()
    await asyncio.wait([made.task])
    await store.close()


async def test_nothing_is_known_before_the_first_reading(room: Room) -> None:
    room.watch("A")
    assert room.sampler.sample("A", "5m") == NO_SAMPLE
    assert room.sampler.preferred_hours("A", 12) == ()


async def test_one_reading_answers_for_every_timeframe_and_the_hours(room: Room) -> None:
    block = walk(10 * 1440)
    block[block[:, 0] // 3_600_000 % 24 == 14, 6] *= 50.0
    await room.keep("A", block)
    room.watch("A")
    await room.until(lambda: room.sampler.sample("A", "1h") != NO_SAMPLE)
    assert room.reads == ["A"]
    for name, interval_ms in (("1m", MINUTE), ("5m", 5 * MINUTE), ("1h", 60 * MINUTE)):
        assert room.sampler.sample("A", name) == natr_sample(block, interval_ms, 7.0)
    assert room.sampler.sample("A", "1m").days == 7.0
    assert room.sampler.sample("A", "no such") == NO_SAMPLE
    assert room.sampler.preferred_hours("A", 1) == (14,)
    assert 14 in room.sampler.preferred_hours("A", 5)
    assert room.sampler.preferred_hours("A", 0) == ()


async def test_a_timeframe_that_was_not_named_is_read_once_it_is_asked_for(room: Room) -> None:
    """The timeframe of recommendations can be edited while the program runs."""
    await room.keep("A", walk(10 * 1440))
    room.watch("A")
    await room.until(lambda: room.sampler.sample("A", "1h") != NO_SAMPLE)
    begun = room.clock.monotonic()
    assert room.sampler.sample("A", "15m") == NO_SAMPLE
    await room.until(lambda: room.sampler.sample("A", "15m") != NO_SAMPLE)
    assert room.clock.monotonic() - begun < SHORT_S
    assert room.reads == ["A", "A"]


async def test_only_the_newest_days_count(room: Room) -> None:
    old, new = walk(20 * 1440), walk(READ_DAYS * 1440, start=START + 20 * 1440 * MINUTE)
    for block, liquid in ((old, 3), (new, 9)):
        block[block[:, 0] // 3_600_000 % 24 == liquid, 6] *= 50.0
    await room.keep("A", np.concatenate([old, new]))
    room.watch("A")
    await room.until(lambda: room.sampler.sample("A", "1h") != NO_SAMPLE)
    assert room.sampler.preferred_hours("A", 1) == (9,), "what most of all days say is older"


async def test_a_market_that_leaves_while_it_is_read_is_not_kept(room: Room) -> None:
    await room.keep("A", walk(8 * 1440))
    await room.keep("B", walk(8 * 1440))
    room.watch("A")
    await room.until(lambda: room.reading)
    room.watch("B")
    await room.until(lambda: room.reads.count("B") == 2)
    assert room.reads.count("A") == 1
    assert room.sampler.sample("A", "5m") == NO_SAMPLE


async def test_a_market_with_little_history_is_read_again_sooner(room: Room) -> None:
    await room.keep("deep", walk(8 * 1440))
    await room.keep("thin", walk(1440))
    room.watch("deep", "thin")
    begun = room.clock.monotonic()
    await room.until(lambda: room.reads.count("thin") == 3)
    assert 2 * SHORT_S <= room.clock.monotonic() - begun < 3 * SHORT_S
    assert room.reads.count("deep") == 1
    await room.until(lambda: room.reads.count("deep") == 2)
    assert room.clock.monotonic() - begun >= REFRESH_S


async def test_a_newcomer_is_read_at_once_and_who_left_is_forgotten(room: Room) -> None:
    await room.keep("A", walk(8 * 1440))
    await room.keep("B", walk(8 * 1440))
    room.watch("A")
    await room.until(lambda: room.sampler.sample("A", "5m") != NO_SAMPLE)
    room.watch("B")
    assert room.sampler.sample("A", "5m") == NO_SAMPLE
    begun = room.clock.monotonic()
    await room.until(lambda: room.sampler.sample("B", "5m") != NO_SAMPLE)
    assert room.clock.monotonic() - begun < SHORT_S
    assert room.reads == ["A", "B"]


async def test_a_store_that_refuses_leaves_the_last_answer(room: Room) -> None:
    await room.keep("A", walk(2 * 1440))
    room.watch("A")
    await room.until(lambda: room.sampler.sample("A", "5m") != NO_SAMPLE)
    known = room.sampler.sample("A", "5m")
    await room.store.close()
    await room.until(lambda: room.sampler.failures == 2)
    assert room.sampler.sample("A", "5m") is known
