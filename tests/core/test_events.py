"""The event recorder: plain words, only news, repeats counted, kept in store and file."""

import asyncio
import json
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import pytest

from core.bus import Bus
from core.clock import SimClock
from core.event_words import price
from core.events import EventRecorder, rotate
from core.messages import (
    BookStatus,
    ChannelStatus,
    EngineStatus,
    Event,
    EventChange,
    EventKind,
    Fault,
    LinkState,
    LinkStatus,
    Message,
    Replay,
    RestBan,
    SettingChanged,
    SettingRejected,
    State,
    StateChange,
    Universe,
)
from core.settings import Events
from core.store import Store, StoreError
from tests.core.test_screening_events import analysis, report, screening

START_MS = 1_795_264_496_000
VENUE: dict[str, Any] = {"venue": "binance_us", "category": "spot"}


class Book:
    """A recorder on a bus, with the events it published."""

    def __init__(self, folder: Path, store: Store, settings: Events | None = None) -> None:
        self.clock = SimClock(START_MS)
        self.bus = Bus(self.clock)
        self.events: list[Event] = []
        self.faults: list[Fault] = []
        self.bus.subscribe(Event, self.events.append)
        self.bus.subscribe(Fault, self.faults.append)
        self.file = folder / "events.jsonl"
        self.recorder = EventRecorder(self.bus, self.clock, settings or Events(), store, self.file)

    def say(self, *messages: Message) -> list[str]:
        """Publish and return the texts of the events that came of it."""
        before = len(self.events)
        for message in messages:
            self.bus.publish(message)
        return [event.text for event in self.events[before:]]


@pytest.fixture
async def store(tmp_path: Path):
    opened = await Store.open(tmp_path / "store.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
async def book(tmp_path: Path, store: Store):
    made = Book(tmp_path, store)
    await made.recorder.start()
    yield made
    await made.recorder.close()


def change(after: State = "BUY", *, replayed: bool = False, occurred_at: int = START_MS) -> StateChange:
    return StateChange(
        **VENUE, symbol="SOLUSDT", timeframe="5m", before="HOLD", after=after, price=152.19, probability=0.63,
        reasons=("EMA9 above EMA21 by 0.6 ATR (+4.1 pp)",), replayed=replayed, occurred_at=occurred_at,
        known_at=occurred_at + 300_000,
    )  # fmt: skip


def link(state: LinkState, reason: str = "", retry: float = 0.0, reconnects: int = 0) -> LinkStatus:
    return LinkStatus(
        **VENUE, link="stream-1", state=state, host="h.example", reason=reason, retry_in_s=retry,
        reconnects=reconnects, at_ms=START_MS,
    )  # fmt: skip


def book_status(state: Literal["syncing", "live", "stale"]) -> BookStatus:
    return BookStatus(**VENUE, symbol="A", state=state, reason="gap of 3", resyncs=1, at_ms=START_MS)


def channel(fresh: bool) -> ChannelStatus:
    return ChannelStatus(**VENUE, symbol="A", channel="kline", fresh=fresh, age_s=14.2, limit_s=10, at_ms=START_MS)


def fault(count: int = 1, at_ms: int = START_MS) -> Fault:
    return Fault(source="x", message="x failed: no data", count=count, at_ms=at_ms)


async def test_a_state_change_reads_as_a_sentence(book: Book) -> None:
    assert book.say(change()) == ["SOLUSDT HOLD → BUY at 152.19: EMA9 above EMA21 by 0.6 ATR (+4.1 pp)"]
    event = book.events[0]
    assert (event.kind, event.severity, event.symbol, event.at_ms) == ("state", "info", "SOLUSDT", START_MS + 300_000)
    assert event.change == EventChange(
        before="HOLD", after="BUY", price=152.19, probability=0.63, timeframe="5m",
        reasons=("EMA9 above EMA21 by 0.6 ATR (+4.1 pp)",),
    )  # fmt: skip


async def test_what_is_no_news_is_marked(book: Book) -> None:
    book.say(change(replayed=True), change(occurred_at=START_MS + 1), fault())
    assert [event.replayed for event in book.events] == [True, False, False]
    book.events.clear()
    book.bus.publish(Replay())
    assert [event.replayed for event in book.events] == [True, True, True]


async def test_links_are_news_only_when_they_change(book: Book) -> None:
    assert book.say(
        link("connecting"),
        link("up"),
        link("up"),
        link("down", "no frame for 30 s", 2.0),
        link("connecting"),
        link("up", reconnects=1),
        link("banned", "429"),
    ) == [
        "stream-1 connected to h.example",
        "stream-1 lost: no frame for 30 s, trying again in 2 s",
        "stream-1 connected again to h.example",
        "stream-1 refused by h.example: 429",
    ]
    assert [event.severity for event in book.events] == ["info", "warning", "info", "error"]


async def test_books_and_channels_are_news_when_they_fail_and_when_they_recover(book: Book) -> None:
    assert book.say(
        book_status("syncing"), book_status("live"), book_status("stale"), book_status("syncing"), book_status("live")
    ) == ["A order book stale: gap of 3", "A order book is live again"]
    assert book.say(channel(True), channel(False), channel(False), channel(True)) == [
        "A kline silent for 14 s (limit 10 s)",
        "A kline is fresh again",
    ]


async def test_the_other_kinds_in_words(book: Book) -> None:
    ban = RestBan(**VENUE, status=418, until_ms=START_MS + 60_000, reason="too many requests", at_ms=START_MS)
    lifted = RestBan(**VENUE, status=0, until_ms=0, reason="", at_ms=START_MS)
    names = tuple("ABCDEFGH")
    universe = Universe(**VENUE, symbols=names, added=names[1:], removed=("Z",), reason="prefilter", at_ms=START_MS)
    engine = EngineStatus(
        **VENUE, phase="running", text="60 markets live", host="h", host_kind="SANDBOX", mode="PAPER", at_ms=START_MS
    )
    edited = SettingChanged(key="a.b", old="1", new="2", by="operator", undo=False, at_ms=START_MS)
    undone = SettingChanged(key="a.b", old="2", new="", by="operator", undo=True, at_ms=START_MS)
    refused = SettingRejected(key="a.b", value="x", reason="number, 0 to 1", at_ms=START_MS)
    assert book.say(ban, lifted, universe, universe, engine, engine, edited, undone, refused, fault(10)) == [
        "binance_us refuses requests until 12:35:56Z: too many requests (418)",
        "binance_us takes requests again",
        "watching 8 symbols +7 (B, C, D, E, F and 2 more) −1 (Z): prefilter",
        "60 markets live",
        "a.b set by operator: 1 → 2",
        "a.b taken back by operator: 2 → unset",
        "a.b = x refused: number, 0 to 1",
        "x failed: no data (seen 10 times)",
    ]
    assert [event.event_id for event in book.events] == list(range(1, 9))
    book.say(change(), link("up"), book_status("stale"), channel(False), screening(), analysis(), report())
    told = {event.kind for event in book.events}
    assert told == set(get_args(EventKind)) - {"order", "fill", "trade", "stop", "halt", "discrepancy"}


async def test_repeats_are_counted_and_told_as_a_sum(book: Book) -> None:
    assert book.say(*[fault() for _ in range(50)]) == ["x failed: no data"]
    for _ in range(500):
        await book.clock.advance(1)
        await asyncio.sleep(0.002)
        if len(book.events) > 1:
            break
    assert [event.text for event in book.events] == ["x failed: no data", "x failed: no data (×49 more)"]
    assert book.say(fault(at_ms=book.clock.now_ms())) == ["x failed: no data"]


async def test_a_flapping_link_is_told_three_times_a_minute(book: Book) -> None:
    flaps = [status for _ in range(10) for status in (link("down"), link("up"))]
    assert len(book.say(*flaps)) == 6


async def test_state_changes_and_edits_are_never_swallowed(book: Book) -> None:
    edits = [SettingChanged(key="a", old="1", new="2", by="o", undo=False, at_ms=START_MS) for _ in range(3)]
    changes = [change(occurred_at=START_MS + i) for i in range(3)]
    assert len(book.say(*edits, *changes)) == 6


async def test_what_is_said_before_start_is_told_after_it(tmp_path: Path, store: Store) -> None:
    book = Book(tmp_path, store)
    assert book.say(change()) == []
    await book.recorder.start()
    assert len(book.events) == 1
    await book.recorder.close()


async def test_events_survive_in_store_and_file_and_replayed_changes_are_told_once(
    tmp_path: Path, store: Store
) -> None:
    first = Book(tmp_path, store)
    await first.recorder.start()
    edit = SettingChanged(key="a", old="1", new="2", by="o", undo=False, at_ms=START_MS)
    first.say(change(), edit, fault(), fault())
    await first.recorder.close()
    assert [e.text for e in await store.events(10)][-1].endswith("(×1 more)")
    assert await store.edits() == [edit]
    on_file = [msgspec.convert(json.loads(line), Event) for line in first.file.read_text().splitlines()]
    assert on_file == first.events == await store.events(10)

    second = Book(tmp_path, store)
    await second.recorder.start()
    assert second.say(change(replayed=True)) == []
    assert second.say(change(replayed=True, occurred_at=START_MS - 1)) != []
    assert second.events[0].event_id == 5
    second.events.clear()
    second.bus.publish(Replay())
    assert [event.event_id for event in second.events] == [1, 2, 3, 4, 5]
    await second.recorder.close()


async def test_only_the_newest_are_shown_again(tmp_path: Path, store: Store) -> None:
    book = Book(tmp_path, store, Events(shown=100))
    await book.recorder.start()
    book.say(*[change(occurred_at=START_MS + i) for i in range(150)])
    book.events.clear()
    book.bus.publish(Replay())
    assert [event.event_id for event in book.events] == list(range(51, 151))
    await book.recorder.close()


async def test_a_store_that_refuses_is_reported_and_tried_again(tmp_path: Path, store: Store, monkeypatch) -> None:
    book = Book(tmp_path, store)
    await book.recorder.start()
    transaction = store.run

    async def full(_act):
        raise StoreError("store.sqlite: database or disk is full; check space")

    monkeypatch.setattr(store, "run", full)
    book.say(change())
    await book.clock.advance(5)
    assert [f.count for f in book.faults] == [1, 10]
    assert "disk is full" in book.faults[0].message
    monkeypatch.setattr(store, "run", transaction)
    await book.recorder.close()
    kept = await store.events(10)
    assert kept[0].symbol == "SOLUSDT"
    assert sum(event.kind == "state" for event in kept) == 1


async def test_old_events_leave_the_store(tmp_path: Path, store: Store) -> None:
    old = Event(event_id=1, kind="fault", severity="error", symbol="", text="old", at_ms=START_MS - 2 * 86_400_000)
    await store.add_events([(old, None)])
    book = Book(tmp_path, store, Events(keep_days=1))
    await book.recorder.start()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if not await store.events(1):
            break
    assert await store.events(1) == []
    await book.recorder.close()


async def test_the_file_rotates(tmp_path: Path, store: Store) -> None:
    book = Book(tmp_path, store, Events(max_mb=0.1, files=2))
    await book.recorder.start()
    book.file.write_bytes(b"x" * 100_000)
    book.say(change())
    await book.recorder.close()
    assert (tmp_path / "events.jsonl.1").stat().st_size == 100_000
    assert len(book.file.read_text().splitlines()) == 1


def test_rotation_keeps_so_many(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for number in range(5):
        file.write_text(str(number))
        rotate(file, 2)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"f.1": "4", "f.2": "3"}


@pytest.mark.parametrize(
    ("value", "text"), [(61602.01, "61,602.01"), (0.00001742, "0.00001742"), (152.0, "152"), (0.0, "0")]
)
def test_prices_have_no_noise(value: float, text: str) -> None:
    assert price(value) == text
