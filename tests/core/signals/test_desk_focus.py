"""The timeframe looked at: its readings, its view and its chart, at once and bar by bar, and nothing else of it."""

from pathlib import Path

import msgspec
import pytest

from core.messages import Chart, Confluence, Fault, Focus, Metrics, Reading, Replay, StateChange, Universe
from core.signals.reading import REGISTRY
from core.venue import TIMEFRAME_MS
from tests.core.signals.markets import CATEGORY, VENUE, bar_of
from tests.core.signals.room import Room

FRAMES = ("5m", "15m", "1h", "1d")
BARS = 600


@pytest.fixture
async def room(tmp_path: Path):
    made = Room(tmp_path, BARS, FRAMES)
    yield made
    await made.close()


async def started(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))


def look(room: Room, symbol: str, timeframe: str = "") -> None:
    room.bus.publish(Focus(symbol=symbol, timeframe=timeframe))


async def grow(room: Room, bars: int, first: int = 0) -> None:
    """Decision bars and the longer ones that end with them close."""
    for number in range(first, first + bars):
        for timeframe in FRAMES[1:]:
            room.close_longer("A", number, timeframe)
        before = len(room.of(Confluence))
        room.close_bar("A", number)
        await room.until(lambda before=before: len(room.of(Confluence)) == before + 1)  # type: ignore[misc]
        await room.settle()


async def test_a_look_at_the_decision_timeframe_says_the_newest_again_and_draws_it(room: Room) -> None:
    await started(room)
    readings, view = room.of(Reading), room.of(Confluence)[-1]
    assert room.of(Chart) == []
    room.said.clear()
    look(room, "A")
    assert room.of(Reading) == readings
    assert room.of(Confluence) == [view]
    (chart,) = room.of(Chart)
    assert (chart.symbol, chart.known_at, len(chart.bars)) == ("A", view.known_at, 400)
    assert {mark.kind for mark in chart.marks} >= {"swing"}
    await grow(room, 3)
    assert [c.known_at for c in room.of(Chart)[1:]] == [v.known_at for v in room.of(Confluence)[1:]]
    assert room.of(Chart)[-1].bars[-1].open_ms == int(room.blocks["A"][BARS + 2, 0])
    look(room, "")
    room.said.clear()
    await grow(room, 1, 3)
    assert room.of(Chart) == []


async def test_another_timeframe_is_shown_and_nothing_follows_from_it(room: Room) -> None:
    await started(room)
    look(room, "A", "15m")
    (bare,) = room.of(Chart, timeframe="15m")
    assert (len(bare.bars), bare.marks) == (400, ())
    await room.until(lambda: len(room.of(Chart, timeframe="15m")) == 2)
    chart, (view,) = room.of(Chart, timeframe="15m")[-1], room.of(Confluence, timeframe="15m")
    assert chart.bars == bare.bars
    assert {mark.kind for mark in chart.marks} >= {"swing"}
    assert (view.decides, view.known_at) == (False, chart.known_at)
    assert [reading.detector for reading in room.of(Reading, timeframe="15m")] == list(REGISTRY)
    (longer,) = [r for r in room.of(Reading, timeframe="15m") if r.detector == "higher_trend"]
    assert longer.warming or longer.reasons == () or longer.reasons[0].startswith("1h ")
    await grow(room, 12)
    views = room.of(Confluence, timeframe="15m")
    assert len(views) == 5
    assert len(room.of(Chart, timeframe="15m")) == 6
    assert len(room.of(Reading, timeframe="15m")) == 5 * len(REGISTRY)
    assert [v.known_at - view.known_at for v in views] == [n * TIMEFRAME_MS["15m"] for n in range(5)]
    assert not any(v.decides for v in views)
    assert room.of(StateChange, timeframe="15m") == room.of(Metrics, timeframe="15m") == room.of(Fault) == []
    assert len(room.of(Confluence)) == len(room.of(Metrics)) == 13


async def test_what_a_view_says_does_not_depend_on_when_it_was_opened(room: Room, tmp_path: Path) -> None:
    await started(room)
    look(room, "A", "15m")
    await grow(room, 12)
    early = room.of(Reading, timeframe="15m")[-len(REGISTRY) :]
    look(room, "A", "1h")
    await room.until(lambda: bool(room.of(Confluence, timeframe="1h")))
    room.said.clear()
    look(room, "A", "15m")
    await room.until(lambda: bool(room.of(Confluence, timeframe="15m")))
    assert msgspec.json.encode(room.of(Reading, timeframe="15m")) == msgspec.json.encode(early)


async def test_looking_away_or_elsewhere_stops_the_view(room: Room) -> None:
    await started(room)
    look(room, "A", "15m")
    await room.until(lambda: bool(room.of(Confluence, timeframe="15m")))
    look(room, "A", "1h")
    await room.until(lambda: bool(room.of(Confluence, timeframe="1h")))
    room.said.clear()
    await grow(room, 3)
    assert room.of(Confluence, timeframe="15m") == room.of(Chart, timeframe="15m") == []
    look(room, "")
    await grow(room, 13, 3)
    assert room.of(Confluence, timeframe="1h") == room.of(Chart, timeframe="1h") == []


async def test_a_look_before_the_history_is_in_is_answered_when_it_is(room: Room) -> None:
    look(room, "A", "15m")
    room.load("A", 3, only=("5m",))
    await room.settle()
    assert room.of(Chart, timeframe="15m") == []
    for timeframe in FRAMES[1:]:
        room.market.windows["A", timeframe] = room.history("A", timeframe, BARS)
        room.ready("A", timeframe)
    await room.until(lambda: bool(room.of(Confluence, timeframe="15m")))
    assert room.of(Chart, timeframe="15m")[-1].marks


async def test_replay_draws_and_says_the_view_again_once(room: Room) -> None:
    await started(room)
    look(room, "A", "15m")
    await room.until(lambda: bool(room.of(Confluence, timeframe="15m")))
    view, chart = room.of(Confluence, timeframe="15m")[-1], room.of(Chart, timeframe="15m")[-1]
    room.said.clear()
    room.bus.publish(Replay())
    assert room.of(Confluence, timeframe="15m") == [view]
    assert room.of(Chart, timeframe="15m") == [chart]
    assert len(room.of(Confluence)) == 1
    look(room, "A")
    room.said.clear()
    room.bus.publish(Replay())
    assert len(room.of(Confluence)) == len(room.of(Chart)) == 1


async def test_a_symbol_that_leaves_the_universe_is_no_longer_looked_at(room: Room) -> None:
    await started(room)
    look(room, "A", "15m")
    await room.until(lambda: bool(room.of(Confluence, timeframe="15m")))
    room.bus.publish(
        Universe(venue=VENUE, category=CATEGORY, symbols=("B",), added=(), removed=("A",), reason="", at_ms=0)
    )
    room.said.clear()
    room.bus.publish(bar_of(room.history("A", "15m", BARS + 3).row(-1), "A", "15m"))
    await room.settle()
    assert room.of(Confluence, timeframe="15m") == []


async def test_what_is_looked_at_is_worked_on_before_all_others(room: Room) -> None:
    for seed, symbol in enumerate(("A", "B", "C", "D"), 1):
        room.load(symbol, seed)
    look(room, "D")
    await room.until(lambda: len(room.of(Confluence)) == 4)
    assert [view.symbol for view in room.of(Confluence)] == ["D", "A", "B", "C"]
