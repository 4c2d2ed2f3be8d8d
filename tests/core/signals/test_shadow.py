"""The shadow check: what was told comes out the same again, and a reading that rests on more than the bars is found."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.history import StoreError
from core.messages import Confluence, Fault, Reading, SignalStats
from core.signals.reading import REGISTRY, Detector, Memory, Scene, Vote
from core.venue import CandleBlock
from tests.core.signals.room import Room

FRAMES = ("5m", "15m", "1h", "1d")
EACH = len(REGISTRY) + 1


@pytest.fixture
async def room(tmp_path: Path):
    made = Room(tmp_path, 900, FRAMES)
    yield made
    await made.close()


async def started(room: Room, *symbols: str) -> None:
    for seed, symbol in enumerate(symbols, 3):
        room.load(symbol, seed)
    await room.until(lambda: len(room.of(Confluence)) == len(symbols))


async def stats_after(room: Room, seconds: float) -> SignalStats:
    """The totals when so many checks had their turn."""
    for _ in range(int(seconds)):
        await room.clock.advance(1.0)
        await room.settle()
    await room.clock.advance(1.0)
    newest: SignalStats = room.of(SignalStats)[-1]
    return newest


def counting(entry: Detector) -> Detector:
    """The same detector, but every call strengthens it, whatever the bar."""
    calls = 0

    def step(_memory: Memory, _scene: Scene) -> Vote:
        nonlocal calls
        calls += 1
        return Vote("BUY", 0.2 + calls * 1e-5, "how often I was asked")

    return msgspec.structs.replace(entry, step=step, needs=(), warmup=0, oscillator=False)


async def test_the_same_comes_out_again_bar_after_bar(room: Room) -> None:
    await started(room, "A", "B")
    for number in range(24):
        for symbol in ("A", "B"):
            for timeframe in FRAMES[1:]:
                room.close_longer(symbol, number, timeframe)
            room.close_bar(symbol, number)
        await room.until(lambda number=number: len(room.of(Confluence)) == 2 * (number + 2))  # type: ignore[misc]
        await stats_after(room, 2)
    stats = room.of(SignalStats)[-1]
    assert stats.parity_checked >= 40 * EACH
    assert stats.parity_checked % EACH == 0
    assert stats.parity_differences == 0
    assert sum(reading.side != "HOLD" for reading in room.of(Reading)) > 100
    assert room.of(Fault) == []


async def test_a_reading_that_rests_on_a_hidden_counter_is_counted_and_told(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "donchian", counting(REGISTRY["donchian"]))
    await started(room, "A", "B")
    stats = await stats_after(room, 4)
    checks = stats.parity_checked // EACH
    assert checks >= 3
    assert checks <= stats.parity_differences <= 2 * checks  # the reading, and the probability it moves
    first, *later = room.of(Fault)
    assert first.source == "signals"
    assert first.symbol in ("A", "B")
    for word in (first.symbol, "donchian", "2026-", "told BUY 0.2", "stored bars say BUY 0.2"):
        assert word in first.message
    assert len(later) <= 1


async def test_bars_rewritten_since_they_were_told_are_left_out_until_the_next_one(room: Room) -> None:
    await started(room, "A")
    window = room.market.windows["A", "5m"]
    row = window.row(-1)
    row[2:5] *= 1.01
    window.correct(row[0], row)
    assert (await stats_after(room, 3)).parity_checked == 0
    room.close_longer("A", 0, "15m")
    room.close_bar("A", 0)
    await room.until(lambda: len(room.of(Confluence)) == 2)
    stats = await stats_after(room, 2)
    assert stats.parity_checked > 0
    assert stats.parity_differences == 0


async def test_bars_told_under_other_settings_are_left_out(room: Room) -> None:
    await started(room, "A")
    assert room.live.edit("detectors.donchian_bars", "30")
    assert (await stats_after(room, 3)).parity_checked == 0


async def test_the_disk_is_believed_where_it_has_the_bars(tmp_path: Path) -> None:
    asked: list[tuple[str, str, int, int]] = []

    async def stored(symbol: str, timeframe: str, start_ms: int, end_ms: int) -> CandleBlock:
        asked.append((symbol, timeframe, start_ms, end_ms))
        block = made.blocks[symbol][:890].copy()
        if len(asked) > 1:
            block[-1, 1:5] *= 1.02
        return np.concatenate([block, block[-1:] + 1.0])

    made = Room(tmp_path, 900, FRAMES, stored)
    await started(made, "A")
    stats = await stats_after(made, 1)
    assert (stats.parity_checked, stats.parity_differences) == (EACH, 0)
    block = made.blocks["A"]
    assert asked[0] == ("A", "5m", int(block[0, 0]), int(block[899, 0]) + 1)
    stats = await stats_after(made, 1)
    assert stats.parity_differences > 0
    await made.close()


async def test_a_disk_that_refuses_and_a_check_that_fails_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stored(*_: object) -> CandleBlock:
        raise StoreError("candle store: disk full")

    made = Room(tmp_path, 900, FRAMES, stored)
    await started(made, "A")
    stats = await stats_after(made, 1)
    assert (stats.parity_checked, stats.parity_differences) == (EACH, 0)
    assert made.desk._shadow.store_failures >= 1

    def broken(_memory: Memory, _scene: Scene) -> Vote:
        raise ValueError("odd bar")

    monkeypatch.setitem(REGISTRY, "donchian", msgspec.structs.replace(REGISTRY["donchian"], step=broken))
    await stats_after(made, 3)
    (fault,) = made.of(Fault)
    assert "shadow check of A failed: ValueError: odd bar" in fault.message
    await made.close()
