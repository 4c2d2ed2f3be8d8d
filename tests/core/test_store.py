"""The store on a real SQLite file: kept across openings, facts once, schema by steps."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from core.messages import Event, EventChange, SettingChanged
from core.store import MIGRATIONS, Store, StoreError, migrate


def event(number: int, at_ms: int = 0, text: str = "text") -> Event:
    return Event(event_id=number, kind="state", severity="info", symbol="A", text=text, at_ms=at_ms or number)


async def test_events_and_edits_survive_closing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.sqlite"
    store = await Store.open(path)
    await store.add_events([(event(1), None), (event(2), "fact"), (event(3), None)])
    edit = SettingChanged(key="a.b", old="1", new="2", by="operator", undo=False, at_ms=5)
    await store.add_edit(edit)
    await store.close()
    await store.close()
    store = await Store.open(path)
    assert await store.events(2) == [event(2), event(3)]
    assert await store.edits() == [edit]
    assert await store.last_event_id() == 3
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.events(1)


async def test_the_parts_of_a_state_change_are_kept(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.sqlite")
    change = EventChange(
        before="HOLD", after="BUY", price=152.19, probability=0.61, timeframe="5m", reasons=("MACD rising",)
    )
    kept = Event(event_id=1, kind="state", severity="info", symbol="A", text="t", at_ms=1, change=change)
    unknown = msgspec.structs.replace(kept, event_id=2, change=msgspec.structs.replace(change, price=float("nan")))
    await store.add_events([(kept, None), (unknown, None)])
    assert await store.events(5) == [kept, msgspec.structs.replace(unknown, change=None)]
    await store.close()


async def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as db:
        migrate(db, path, MIGRATIONS[:1])
        db.execute("INSERT INTO events (kind, severity, symbol, text, at_ms) VALUES ('state', 'info', 'A', 'text', 1)")
    store = await Store.open(path)
    assert await store.events(5) == [event(1)]
    await store.add_events([(event(2), None)])
    assert await store.events(1) == [event(2)]
    await store.close()


async def test_a_fact_is_kept_once(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.sqlite")
    await store.add_events([(event(1), "one"), (event(2), "one"), (event(3), None), (event(4), None)])
    assert [e.at_ms for e in await store.events(10)] == [1, 3, 4]
    assert await store.facts(0) == {"one"}
    assert await store.facts(2) == set()
    await store.close()


async def test_when_events_of_a_kind_were_told(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.sqlite")
    alerts = [msgspec.structs.replace(event(at_ms), kind="alert") for at_ms in (5, 3, 2)]
    await store.add_events([(event(4), None), *((alert, None) for alert in alerts)])
    assert await store.event_times("alert", 2) == (3, 5)
    await store.close()


async def test_old_events_are_forgotten_and_numbers_not_reused(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.sqlite")
    await store.add_events([(event(1), None), (event(2), None)])
    assert await store.forget_events(3) == 2
    assert await store.events(10) == []
    assert await store.last_event_id() == 2
    await store.close()


async def test_two_programs_share_a_file(tmp_path: Path) -> None:
    one, two = await Store.open(tmp_path / "s.sqlite"), await Store.open(tmp_path / "s.sqlite")
    await one.add_events([(event(1, text="one"), None)])
    await two.add_events([(event(1, text="two"), None)])
    assert [e.text for e in await one.events(5)] == ["one", "two"]
    await one.close()
    await two.close()


async def test_what_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / "noise.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match=r"noise\.sqlite: cannot be opened"):
        await Store.open(tmp_path / "noise.sqlite")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="mend the disk"):
        await Store.open(tmp_path / "file" / "s.sqlite")


async def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="made by a newer program"):
        await Store.open(path)


def test_steps_run_once_each_and_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    db = sqlite3.connect(path)
    migrate(db, path)
    more = (*MIGRATIONS, ("CREATE TABLE next (a)", "CREATE TABLE events (a)"))
    with pytest.raises(sqlite3.Error):
        migrate(db, path, more)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'next'").fetchall()
    migrate(db, path, (*MIGRATIONS, ("CREATE TABLE next (a)",)))
    migrate(db, path, (*MIGRATIONS, ("CREATE TABLE next (a)",)))
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    db.close()
