"""The desk: history to state, one of each per bar, corrections, contained failures, freshness."""

from pathlib import Path

import msgspec
import pytest

from core.market.candles import CandleWindow
from core.messages import (
    BookStatus,
    Confluence,
    DetectorCatalogue,
    Fault,
    Listing,
    Metrics,
    Reading,
    Replay,
    SignalStats,
    StateChange,
    Universe,
)
from core.settings import Settings
from core.signals.reading import REGISTRY
from core.signals.series import SymbolSignals
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, bar_of, lively, turning
from tests.core.signals.room import Room

BAR_MS = 300_000


@pytest.fixture
async def room(tmp_path: Path):
    made = Room(tmp_path)
    yield made
    await made.close()


async def test_a_loaded_symbol_speaks_as_of_its_last_closed_bar(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    (view,), (metrics,) = room.of(Confluence), room.of(Metrics)
    assert view.occurred_at == metrics.occurred_at == START_MS + (room.bars - 1) * BAR_MS
    assert [reading.detector for reading in room.of(Reading)] == list(REGISTRY)
    changes = room.of(StateChange)
    assert 0 < len(changes) <= 2
    assert all(change.replayed for change in changes)
    assert changes[-1].after == view.state
    kinds = [type(message) for message in room.said]
    assert kinds.index(Reading) < kinds.index(Confluence)


async def test_every_closed_bar_brings_one_of_each_and_other_bars_nothing(room: Room) -> None:
    room.load("A", turning(room.bars, room.bars + 40, room.bars + 50))
    await room.until(lambda: bool(room.of(Confluence)))
    for number in range(40):
        room.close_bar("A", number)
        await room.until(lambda number=number: len(room.of(Confluence)) == number + 2)  # type: ignore[misc]
    assert len(room.of(Metrics)) == 41
    assert len(room.of(Reading)) == 41 * len(REGISTRY)
    live = [change for change in room.of(StateChange) if not change.replayed]
    assert live
    for change in live:
        (view,) = [v for v in room.of(Confluence) if v.occurred_at == change.occurred_at]
        assert (view.state, view.since_ms, view.since_price) == (change.after, change.known_at, change.price)
    room.said.clear()
    forming = msgspec.structs.replace(bar_of(room.blocks["A"][-1], "A"), closed=False)
    room.bus.publish(forming)
    room.bus.publish(bar_of(room.blocks["A"][-1], "A", "1m"))
    room.bus.publish(bar_of(room.blocks["A"][-1], "unknown"))
    await room.settle()
    assert room.said == []


async def test_many_symbols_closing_at_once_all_speak(room: Room) -> None:
    names = [f"S{number}" for number in range(30)]
    for seed, name in enumerate(names):
        room.load(name, seed)
    await room.until(lambda: len(room.of(Confluence)) == 30)
    for name in names:
        room.close_bar(name, 0)
    await room.until(lambda: len(room.of(Confluence)) == 60)
    assert {view.symbol for view in room.of(Confluence)[30:]} == set(names)


async def test_live_and_replayed_bars_agree(room: Room, tmp_path: Path) -> None:
    room.load("A", 8)
    await room.until(lambda: bool(room.of(Confluence)))
    for number in range(20):
        room.close_bar("A", number)
    await room.until(lambda: len(room.of(Confluence)) == 21)
    late = Room(tmp_path, room.bars + 20)
    late.load("A", 8)
    window = CandleWindow(2000)
    window.extend(room.blocks["A"][: late.bars])
    late.market.windows["A", "5m"] = window
    await late.until(lambda: bool(late.of(Confluence)))
    assert msgspec.json.encode(late.of(Confluence)[0]) == msgspec.json.encode(room.of(Confluence)[-1])
    assert msgspec.json.encode(late.of(Reading)) == msgspec.json.encode(room.of(Reading)[-len(REGISTRY) :])
    await late.close()


async def test_a_correction_rewrites_nothing_and_is_used_from_the_next_bar_on(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    room.said.clear()
    window = room.market.windows["A", "5m"]
    row = window.row(-3)
    row[2:5] *= 1.03
    window.correct(row[0], row)
    room.bus.publish(bar_of(row, "A", revision=1))
    await room.settle()
    assert room.said == []
    room.close_bar("A", 0)
    await room.until(lambda: bool(room.of(Confluence)))
    fresh = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    list(fresh.open(window, Settings()))
    assert room.of(Confluence)[0].contributions == fresh.confluence(Settings(), "").contributions
    assert len(room.of(Reading)) == len(REGISTRY)


async def test_bars_missed_and_repaired_are_taken_from_the_window(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    room.said.clear()
    window, block = room.market.windows["A", "5m"], room.blocks["A"]
    window.extend(block[room.bars : room.bars + 5])
    room.close_bar("A", 5)
    await room.until(lambda: bool(room.of(Confluence)))
    await room.settle()
    assert [view.occurred_at for view in room.of(Confluence)] == [int(block[room.bars + 5, 0])]
    fresh = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    list(fresh.open(window, Settings()))
    assert room.of(Reading) == fresh.newest_readings()


async def test_a_gap_that_stays_a_gap_does_not_stop_the_symbol(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    row = room.blocks["A"][room.bars + 7]
    room.bus.publish(bar_of(row, "A"))
    await room.until(lambda: len(room.of(Confluence)) == 2)
    assert room.of(Confluence)[-1].occurred_at == int(row[0])


async def test_one_symbols_failure_is_named_and_harms_no_other(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.load("A", 3)
    room.load("B", 4)
    await room.until(lambda: len(room.of(Confluence)) == 2)
    step = SymbolSignals.step

    def broken(self: SymbolSignals, *arguments):
        if self.symbol == "A":
            raise ValueError("odd bar")
        return step(self, *arguments)

    monkeypatch.setattr(SymbolSignals, "step", broken)
    for number in range(3):
        room.close_bar("A", number)
        room.close_bar("B", number)
        await room.settle()
    (fault,) = room.of(Fault)
    assert (fault.symbol, fault.count) == ("A", 1)
    assert "signals of A failed: ValueError: odd bar" in fault.message
    assert len(room.of(Confluence, "B")) == 4
    monkeypatch.undo()
    room.close_bar("A", 3)
    await room.until(lambda: room.of(Confluence, "A")[-1].occurred_at == int(room.blocks["A"][room.bars + 3, 0]))


async def test_a_symbol_without_bars_yet_is_quiet_until_it_has_some(room: Room) -> None:
    room.load("A", 3)
    room.market.windows["A", "5m"] = CandleWindow(2000)
    await room.settle()
    assert room.of(Reading) == room.of(Confluence) == []
    room.close_bar("A", 0)
    await room.until(lambda: bool(room.of(Confluence)))
    view = room.of(Confluence)[0]
    assert view.state == "HOLD"
    assert view.hold_reason.startswith("warming up (1/")


async def test_a_stale_book_shows_hold_while_it_lasts_and_the_state_outlives_it(room: Room) -> None:
    room.load("A", lively(room.bars, room.bars + 50))
    await room.until(lambda: bool(room.of(Confluence)))
    state = room.of(Confluence)[0].state
    assert state != "HOLD"
    room.said.clear()

    def book(status) -> None:
        room.bus.publish(
            BookStatus(venue=VENUE, category=CATEGORY, symbol="A", state=status, reason="gap", resyncs=0, at_ms=0)
        )
        room.desk.check_freshness()

    book("stale")
    book("stale")
    assert [(v.state, v.hold_reason) for v in room.of(Confluence)] == [("HOLD", "order book stale: gap")]
    book("live")
    assert [(v.state, v.hold_reason) for v in room.of(Confluence)][1:] == [(state, "")]
    assert room.of(StateChange) == []
    book("stale")
    room.said.clear()
    room.close_bar("A", 0)
    await room.until(lambda: bool(room.of(Confluence)))
    assert room.of(Confluence)[-1].hold_reason == "order book stale: gap"
    book("live")
    assert (room.of(Confluence)[-1].state, room.of(StateChange)) == (state, [])


async def test_no_bar_for_three_intervals_and_a_halt_force_hold(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    room.clock.set_ms(room.clock.now_ms() + 3 * BAR_MS)
    room.desk.check_freshness()
    assert len(room.of(Confluence)) == 1
    room.clock.set_ms(room.clock.now_ms() + 1)
    room.desk.check_freshness()
    assert room.of(Confluence)[-1].hold_reason == "no closed 5m bar for 15 min"
    room.close_bar("A", 3)
    await room.until(lambda: len(room.of(Confluence)) == 3)
    assert room.of(Confluence)[-1].hold_reason == ""
    room.bus.publish(
        Listing(
            venue=VENUE, category=CATEGORY, symbol="A", base="A", quote="USDT", tick_size="0.01", lot_size="1",
            status="HALT", trading=False, at_ms=0,
        )
    )  # fmt: skip
    room.desk.check_freshness()
    assert room.of(Confluence)[-1].hold_reason == "not trading (HALT)"


async def test_the_catalogue_names_every_detector_and_the_gate_at_start_and_on_replay(room: Room) -> None:
    await room.settle()
    room.bus.publish(Replay())
    first, again = room.of(DetectorCatalogue)
    assert first == again
    assert [entry.name for entry in first.detectors] == [*REGISTRY, "atr_gate"]
    assert first.detectors[-1].family == "GATE"
    assert all(entry.about for entry in first.detectors)


async def test_replay_says_the_newest_again(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    before = room.of(Reading), room.of(Metrics), room.of(Confluence)
    room.said.clear()
    room.bus.publish(Replay())
    assert (room.of(Reading), room.of(Metrics), room.of(Confluence)) == before
    assert room.of(StateChange) == []


async def test_symbols_that_leave_the_universe_are_forgotten(room: Room) -> None:
    room.load("A", 3)
    room.load("B", 4)
    await room.until(lambda: len(room.of(Confluence)) == 2)
    room.bus.publish(
        Universe(venue=VENUE, category=CATEGORY, symbols=("B",), added=(), removed=("A",), reason="", at_ms=0)
    )
    room.said.clear()
    room.close_bar("A", 0)
    room.ready("A")
    room.close_bar("B", 0)
    await room.until(lambda: bool(room.of(Confluence, "B")))
    await room.settle()
    assert room.of(Confluence, "A") == []


async def test_statistics_come_every_second(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    await room.clock.advance(2.5)
    stats = room.of(SignalStats)
    assert len(stats) == 2
    last = stats[-1]
    assert (last.evaluations, last.readings, last.symbols_ready, last.symbols_total) == (1, len(REGISTRY), 1, 1)


async def test_a_live_edit_counts_from_the_next_evaluation_on(room: Room) -> None:
    room.load("A", 3)
    await room.until(lambda: bool(room.of(Confluence)))
    assert room.live.edit("confluence.enter", "0.7")
    assert room.live.edit("detectors.off", "macd")
    room.close_bar("A", 0)
    await room.until(lambda: len(room.of(Confluence)) == 2)
    view = room.of(Confluence)[-1]
    assert (view.enter, view.readings) == (0.7, len(REGISTRY) - 1)
