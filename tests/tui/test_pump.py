"""The pump feeds the store from the bus and keeps paint errors and slow paints away from the program."""

from __future__ import annotations

import asyncio

from core.bus import Bus
from core.clock import SimClock
from core.messages import Fault, SettingChanged
from core.settings import Screen
from tests import builders as make
from tui.pump import REPORT_EVERY_S, SLOW_MOST, Pump
from tui.store import ViewStore


def parts():
    clock = SimClock(make.NOW_MS)
    bus = Bus(clock)
    store = ViewStore()
    faults = bus.mailbox(Fault)
    return clock, bus, store, faults, Pump(bus, store, clock, Screen())


def test_messages_reach_the_store_only_while_connected():
    _, bus, store, _, pump = parts()
    pump.connect()
    pump.connect()
    bus.publish(make.quote("A", 1.0, 2.0))
    assert store.rows["A"].version == 1
    pump.disconnect()
    bus.publish(make.quote("A", 3.0, 4.0))
    assert store.rows["A"].version == 1


def test_a_failing_paint_becomes_one_fault_a_minute_and_never_an_exception():
    clock, _, _, faults, pump = parts()

    def broken() -> None:
        raise ValueError("no such column")

    for _ in range(5):
        pump.flush("watchlist", broken)
    assert pump.failures == 5
    assert [f.message for f in faults.drain()] == ["ValueError: no such column"]
    clock.set_ms(make.NOW_MS + int(REPORT_EVERY_S * 1000))
    pump.flush("watchlist", broken)
    assert [f.count for f in faults.drain()] == [6]


def test_paints_over_budget_are_counted_and_said_once_when_they_are_many():
    clock, _, _, faults, pump = parts()

    def slow() -> None:
        clock.set_ms(clock.now_ms() + 25)

    for _ in range(SLOW_MOST - 1):
        pump.flush("watchlist", slow)
    assert faults.drain() == []
    pump.flush("watchlist", slow)
    pump.flush("watchlist", slow)
    pump.flush("watchlist", lambda: None)
    assert (pump.flushes, pump.slow) == (SLOW_MOST + 2, SLOW_MOST + 1)
    said = faults.drain()
    assert [f.severity for f in said] == ["warning"]
    assert "25 ms" in said[0].message


def test_the_pace_follows_live_edits():
    _, bus, _, _, pump = parts()
    pump.connect()
    for key, new in (("screen.flush_hz", "2.0"), ("screen.row_repaint_s", "3"), ("screen.theme", '"mono"')):
        bus.publish(SettingChanged(key=key, old="1", new=new, by="operator", undo=False, at_ms=make.NOW_MS))
    assert (pump.flush_s, pump.row_repaint_s) == (0.5, 3.0)


async def test_the_store_handles_a_burst_without_a_handler_error():
    _, bus, store, _, pump = parts()
    pump.connect()
    feed = make.SeededFeed(150)
    for message in feed.opening():
        bus.publish(message)
    for second in range(4):
        for message in feed.tick(make.NOW_MS + second * 1000):
            bus.publish(message)
        await asyncio.sleep(0)
    assert bus.handler_errors == 0
    assert all(row.updated_ms == make.NOW_MS + 3000 for row in store.rows.values())
