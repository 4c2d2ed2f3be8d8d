"""The fill goes deep inside its bounds, remembers what the venue lacks, and a restart continues."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.history import CandleStore, series_key
from core.market.backfill import CHUNK, Backfill
from core.messages import Fault, Universe
from core.settings import History, Settings
from core.venue import Banned, Retryable
from tests.core.market.fake_venue import FakeVenue, true_block

MINUTE = 60_000
NOW = 1_760_000_400_000 // MINUTE * MINUTE + 20_000
BARS = 3500


class Stage:
    def __init__(self, store, bars=BARS):
        self.clock = SimClock(NOW)
        self.bus = Bus(self.clock)
        self.store = store
        self.venue = FakeVenue(self.clock)
        self.progress: list[tuple[str, str, int]] = []
        self.faults: list[Fault] = []
        self.bus.subscribe(Fault, self.faults.append)
        settings = Settings(history=History(store_bars=bars))
        self.fill = Backfill(
            self.bus, self.clock, settings, self.venue, store, lambda *heard: self.progress.append(heard)
        )

    async def work(self, condition):
        task = asyncio.create_task(self.fill.run())
        try:
            for _ in range(2000):
                if condition() or task.done():
                    return
                await self.clock.advance(0.5)
                await asyncio.sleep(0.001)
            raise AssertionError("the condition never came true")
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def bars(self, symbol):
        return await self.store.read(series_key(self.venue, symbol, "1m"))

    def idle(self, rounds=3):
        """Nothing asked for a while."""
        seen = []

        def still():
            seen.append(len(self.venue.asked))
            return len(seen) > 20 * rounds and len(set(seen[-20 * rounds :])) == 1

        return still


@pytest.fixture
async def store(tmp_path):
    opened = await CandleStore.open(tmp_path / "candles.sqlite")
    yield opened
    await opened.close()


async def test_fills_to_the_wished_depth_newest_first_in_turns(store):
    stage = Stage(store)
    stage.fill.set_symbols(["AAA", "BBB"])
    await stage.work(stage.idle())
    for symbol in ("AAA", "BBB"):
        block = await stage.bars(symbol)
        assert BARS - 15 <= len(block) <= BARS
        assert (block == true_block(symbol, "1m", int(block[0, 0]), int(block[-1, 0]) + 1)).all()
    assert [call[0] for call in stage.venue.asked[:4]] == ["AAA", "BBB", "AAA", "BBB"]
    starts = [call[2] for call in stage.venue.asked if call[0] == "AAA"]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 4
    assert all(call[4] <= CHUNK and call[5] for call in stage.venue.asked)
    assert [bars for symbol, _, bars in stage.progress if symbol == "AAA"] == [1000, 2000, 3000, len(block)]


async def test_a_restart_asks_only_for_the_tail_and_known_gaps(store):
    first = Stage(store)
    first.fill.set_symbols(["AAA"])
    await first.work(first.idle())
    again = Stage(store)
    again.clock.set_ms(NOW + 100 * MINUTE)
    again.fill.set_symbols(["AAA"])
    await again.work(again.idle())
    (call,) = again.venue.asked
    assert call[3] - call[2] == 100 * MINUTE


async def test_what_the_venue_lacks_is_asked_once(store):
    stage = Stage(store)
    hole = {NOW // MINUTE * MINUTE - n * MINUTE for n in range(1200, 1260)}
    stage.venue.absent = {("AAA", t) for t in hole}
    stage.venue.begins_ms = NOW // MINUTE * MINUTE - 2500 * MINUTE  # listed only then
    stage.fill.set_symbols(["AAA"])
    await stage.work(stage.idle(rounds=4))
    asked = len(stage.venue.asked)
    assert asked <= 5
    block = await stage.bars("AAA")
    assert int(block[0, 0]) == stage.venue.begins_ms
    again = Stage(store)
    again.fill.set_symbols(["AAA"])
    await again.work(again.idle(rounds=4))
    assert again.venue.asked == []


async def test_a_failing_symbol_waits_and_the_others_go_on(store):
    stage = Stage(store, bars=1500)
    stage.venue.failures["BAD"] = [Retryable("503")] * 2
    stage.bus.publish(
        Universe(venue="f", category="spot", symbols=("BAD", "AAA"), added=(), removed=(), reason="", at_ms=0)
    )
    await stage.work(lambda: ("BAD", "1m") in {p[:2] for p in stage.progress})
    assert ("AAA", "1m") in {p[:2] for p in stage.progress}
    assert [fault.symbol for fault in stage.faults] == ["BAD", "BAD"]


async def test_a_ban_is_told_once_and_stops_the_fill_of_every_symbol(store):
    stage = Stage(store, bars=1500)
    symbols = ("AAA", "BBB", "CCC")
    for symbol in symbols:
        stage.venue.failures[symbol] = [Banned("429", 30.0)]
    stage.fill.set_symbols(symbols)
    await stage.work(lambda: bool(stage.faults) and stage.clock.now_ms() > stage.faults[0].at_ms + 20_000)
    assert [fault.symbol for fault in stage.faults] == [""]
    assert len(stage.venue.asked) == 1


async def test_turned_off_it_ends_at_once(store):
    stage = Stage(store, bars=0)
    stage.fill.set_symbols(["AAA"])
    await asyncio.wait_for(stage.fill.run(), 5)
    assert stage.venue.asked == []


async def test_a_full_store_ends_the_fill_with_a_word(tmp_path):
    store = await CandleStore.open(tmp_path / "small.sqlite", max_mb=0.15)
    stage = Stage(store)
    stage.fill.set_symbols(["AAA"])
    fill = asyncio.create_task(stage.fill.run())
    async with asyncio.timeout(30):
        while not fill.done():
            await stage.clock.advance(1.0)
            await asyncio.sleep(0.001)  # the store works in a thread of its own
    assert "store_max_mb" in stage.faults[-1].message
    await store.close()
