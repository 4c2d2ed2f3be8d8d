"""Longer timeframes live: read as of their last close, whatever the order of arrival, and never waited for in vain for long."""

from pathlib import Path

import msgspec
import pytest

from core.messages import Confluence, Fault, Metrics, Reading, StateChange
from core.signals.desk import FRAMES_S
from core.signals.reading import REGISTRY
from core.venue import TIMEFRAME_MS
from tests.core.signals.markets import START_MS, bar_of
from tests.core.signals.room import Room

FRAMES = ("5m", "15m", "1h", "1d")
BAR_MS = TIMEFRAME_MS["5m"]
BARS = 600


@pytest.fixture
async def room(tmp_path: Path):
    made = Room(tmp_path, BARS, FRAMES)
    yield made
    await made.close()


async def started(room: Room, seed: int = 3) -> None:
    room.load("A", seed)
    await room.until(lambda: bool(room.of(Confluence)))


def told(room: Room) -> dict[int, bytes]:
    """Everything said of each bar, by when it was known."""
    found: dict[int, list[object]] = {}
    changes = [change for change in room.of(StateChange) if not change.replayed]
    for message in (*room.of(Reading), *room.of(Confluence), *changes):
        found.setdefault(message.known_at, []).append(message)
    return {known_at: msgspec.json.encode(messages) for known_at, messages in found.items()}


def higher(room: Room) -> Reading:
    found: list[Reading] = [reading for reading in room.of(Reading) if reading.detector == "higher_trend"]
    return found[-1]


async def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    def longer(room: Room, number: int) -> int:
        return sum(room.close_longer("A", number, timeframe) for timeframe in ("15m", "1h", "1d"))

    early, late = Room(tmp_path / "a", BARS, FRAMES), Room(tmp_path / "b", BARS, FRAMES)
    for room in (early, late):
        await started(room)
    waited = 0
    for number in range(40):
        longer(early, number)
        early.close_bar("A", number)
        await early.until(lambda number=number: len(early.of(Confluence)) == number + 2)  # type: ignore[misc]
        late.close_bar("A", number)
        await late.settle()
        before = len(late.of(Confluence))
        arrived = longer(late, number)
        assert before == number + 2 - bool(arrived)
        waited += bool(arrived)
        await late.until(lambda number=number: len(late.of(Confluence)) == number + 2)  # type: ignore[misc]
    assert waited == 13
    assert told(early) == told(late)
    assert {r.known_at for r in early.of(Reading) if r.detector == "higher_trend" and not r.warming} == set(told(early))
    assert early.desk.waited_in_vain == late.desk.waited_in_vain == 0
    for room in (early, late):
        await room.close()


async def test_a_longer_bar_that_never_comes_is_waited_for_briefly_and_counted(room: Room) -> None:
    await started(room)
    number = next(n for n in range(9) if (START_MS + (BARS + n + 1) * BAR_MS) % TIMEFRAME_MS["15m"] == 0)
    for earlier in range(number):
        room.close_bar("A", earlier)
        await room.until(lambda earlier=earlier: len(room.of(Confluence)) == earlier + 2)  # type: ignore[misc]
    room.close_bar("A", number)
    await room.clock.advance(room.live.current.feed.close_grace_s)
    await room.settle()
    assert len(room.of(Confluence)) == number + 1
    await room.clock.advance(2.0)
    await room.until(lambda: len(room.of(Confluence)) == number + 2)
    assert room.desk.waited_in_vain == 1
    assert len(room.of(Reading)) == (number + 2) * len(REGISTRY)
    assert room.close_longer("A", number, "15m")
    room.close_bar("A", number + 1)
    await room.until(lambda: len(room.of(Confluence)) == number + 3)
    assert room.desk.waited_in_vain == 1


async def test_after_a_restart_the_same_is_said_as_by_the_one_that_lived_through_it(room: Room, tmp_path: Path) -> None:
    await started(room)
    for number in range(30):
        for timeframe in FRAMES[1:]:
            room.close_longer("A", number, timeframe)
        room.close_bar("A", number)
        await room.until(lambda number=number: len(room.of(Confluence)) == number + 2)  # type: ignore[misc]
    fresh = Room(tmp_path / "later", BARS + 30, FRAMES)
    fresh.blocks["A"] = room.blocks["A"]
    for key, window in room.market.windows.items():
        fresh.market.windows[key] = window
        fresh.ready(*key)
    await fresh.until(lambda: bool(fresh.of(Confluence)))
    assert fresh.of(Reading) == room.of(Reading)[-len(REGISTRY) :]
    mine, theirs = fresh.of(Confluence)[-1], room.of(Confluence)[-1]
    assert (mine.probability, mine.contributions, mine.state) == (
        theirs.probability,
        theirs.contributions,
        theirs.state,
    )
    await fresh.close()


async def test_a_first_look_shows_numbers_and_state_until_the_longer_timeframes_are_in(room: Room) -> None:
    room.load("A", 3, only=("5m",))
    await room.until(lambda: bool(room.of(Confluence)))
    await room.clock.advance(FRAMES_S - 1.0)
    assert len(room.of(Confluence)) == len(room.of(Metrics)) == 1
    assert room.of(Reading) == room.of(StateChange) == []
    for timeframe in FRAMES[1:]:
        room.market.windows["A", timeframe] = room.history("A", timeframe, BARS)
        room.ready("A", timeframe)
    await room.until(lambda: bool(room.of(Reading)))
    await room.settle()
    assert len(room.of(Reading)) == len(REGISTRY)
    assert {reading.known_at for reading in room.of(Reading)} == {START_MS + BARS * BAR_MS}
    assert not higher(room).warming


async def test_history_that_does_not_come_is_waited_for_once_and_counts_when_it_comes(room: Room) -> None:
    room.load("A", 3, only=("5m",))
    await room.settle()
    await room.clock.advance(FRAMES_S - 2.0)
    await room.settle()
    assert room.of(Reading) == []
    await room.clock.advance(4.0)
    await room.until(lambda: bool(room.of(Reading)))
    assert higher(room).reasons == ("warming up (15m needs 300 bars)",)
    for timeframe in FRAMES[1:]:
        room.market.windows["A", timeframe] = room.history("A", timeframe, BARS)
        room.ready("A", timeframe)
    room.close_bar("A", 0)
    await room.until(lambda: len(room.of(Reading)) == 2 * len(REGISTRY))
    assert not higher(room).warming


async def test_a_corrected_longer_bar_is_read_from_its_window_at_the_next_bar(room: Room, tmp_path: Path) -> None:
    await started(room)
    window = room.market.windows["A", "1h"]
    for back in range(1, 60):
        row = window.row(-back)
        row[1:5] *= 1.0 + 0.004 * (60 - back)
        window.correct(row[0], row)
    room.bus.publish(bar_of(window.row(-1), "A", "1h", revision=1))
    said = len(room.said)
    await room.settle()
    assert len(room.said) == said
    room.close_bar("A", 0)
    room.close_longer("A", 0, "15m")
    await room.until(lambda: len(room.of(Confluence)) == 2)
    fresh = Room(tmp_path / "later", BARS + 1, FRAMES)
    for key, kept in room.market.windows.items():
        fresh.market.windows[key] = kept
        fresh.ready(*key)
    await fresh.until(lambda: bool(fresh.of(Reading)))
    assert higher(room) == higher(fresh)
    assert "1h trend up" in higher(room).reasons[0]
    assert room.of(Fault) == []
    await fresh.close()


async def test_structure_thresholds_edited_live_rebuild_the_series_at_its_next_bar(room: Room) -> None:
    await started(room)
    entry = room.desk._entries["A"]
    drive, state = entry.signals.drive, entry.signals.hysteresis
    assert room.live.edit("detectors.swing_length", "9")
    room.close_longer("A", 0, "15m")
    room.close_bar("A", 0)
    await room.until(lambda: len(room.of(Confluence)) == 2)
    rebuilt = entry.signals.drive
    assert rebuilt is not None
    assert rebuilt is not drive
    assert rebuilt.scene.smc.rules.swing_length == 9
    assert entry.signals.hysteresis is state
    assert len(room.of(Reading)) == 2 * len(REGISTRY)
