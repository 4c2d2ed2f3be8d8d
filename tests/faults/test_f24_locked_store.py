"""F24: another program holds the store for thirty seconds. What was to be written waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import core.store
from core.bus import Bus
from core.clock import LiveClock
from core.events import EventRecorder
from core.messages import Fault, SettingChanged
from core.settings import Events
from core.store import Store

HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
print("free", flush=True)
"""
RATE = 60.0
LOCKED_S = 30.0


async def test_f24_no_record_is_lost_while_another_program_locks_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = core.store.sqlite3.connect  # type: ignore[attr-defined]
    monkeypatch.setattr(
        core.store.sqlite3,  # type: ignore[attr-defined]
        "connect",
        lambda path, timeout, **more: connect(path, timeout=timeout / RATE, **more),
    )
    clock = LiveClock(rate=RATE)
    bus, path = Bus(clock), tmp_path / "tradetui.sqlite"
    faults: list[Fault] = []
    bus.subscribe(Fault, faults.append)
    store = await Store.open(path)
    recorder = EventRecorder(bus, clock, Events(), store, tmp_path / "events.jsonl")
    await recorder.start()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
        locked_ms, number = clock.now_ms(), 0
        while clock.now_ms() - locked_ms < LOCKED_S * 1000:
            bus.publish(edit(number, clock.now_ms()))
            number += 1
            await clock.sleep(1.0)
        assert recorder.write_failures > 0, "it waited for nothing"
        said = [fault.message for fault in faults]
        assert any(str(path) in words and "locked; quit the program that holds it" in words for words in said), said
        assert (await asyncio.to_thread(holder.communicate, "\n"))[0] == "free\n"
    finally:
        holder.kill()
    await recorder.close()
    kept = [edit.key for edit in await store.edits()]
    assert kept == [f"market.knob_{n}" for n in range(number)]
    assert len([event for event in await store.events(1000) if "knob_" in event.text]) == number
    assert (tmp_path / "events.jsonl").read_text().count("knob_") == number
    await store.close()


def edit(number: int, at_ms: int) -> SettingChanged:
    """A live edit, which is kept as an event and as an edit."""
    return SettingChanged(key=f"market.knob_{number}", old="1", new="2", by="operator", undo=False, at_ms=at_ms)
