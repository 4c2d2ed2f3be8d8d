"""Every key of the event log, asserted on state."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from core.messages import SettingChanged
from tests import builders as make
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tui.screens.events import KINDS, LEVELS, REPAINT_S, EventsScreen, chosen
from tui.screens.watchlist import WatchlistScreen

NAMES = [name for name, _ in KINDS]


@asynccontextmanager
async def log(extra: int = 0, size=(120, 40)):
    """The event log with a morning of events, and as many more links as asked for; its timer stopped."""
    running = app()
    async with running.run_test(size=size) as pilot:
        feed = make.SeededFeed(60)
        for message in (*feed.opening(True), *feed.log()):
            running.desk.bus.publish(message)
        for number in range(extra):
            running.desk.bus.publish(make.event(100 + number, "link", f"link event {number}"))
        await pilot.pause()
        running.screen._tick()  # type: ignore[attr-defined]
        await pilot.press("3")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, EventsScreen)
        assert screen._flush_timer is not None
        screen._flush_timer.stop()
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def flush(running, pilot, seconds: float) -> None:
    running.desk.clock.set_ms(running.desk.clock.now_ms() + int(seconds * 1000))
    running.screen._tick()
    await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("up",), 13),
        (("k", "k"), 12),
        (("up", "down"), 14),
        (("k", "j"), 14),
        (("home",), 0),
        (("g",), 0),
        (("g", "end"), 14),
        (("g", "G"), 14),
        (("g", "f"), 14),
        (("g", "up"), 0),
    ],
)
async def test_keys_move_the_cursor_and_following_ends_off_the_newest(keys, line):
    async with log() as (_, pilot, screen):
        assert screen.list.cursor == 14
        await pilot.press(*keys)
        assert screen.list.cursor == line
        assert screen.list.following is (line == 14)


@pytest.mark.parametrize(("up", "down"), [("pageup", "pagedown"), ("ctrl+b", "ctrl+f")])
async def test_pages(up, down):
    async with log(extra=100) as (_, pilot, screen):
        await pilot.press(up)
        assert screen.list.cursor == 114 - screen.list.page
        await pilot.press(down)
        assert screen.list.following


async def test_kinds_are_chosen_with_the_arrows():
    async with log() as (_, pilot, screen):
        for name in (*NAMES[1:], NAMES[0]):
            await pilot.press("right")
            assert screen.group == name
        await pilot.press("l")
        assert {event.kind for event in screen.list.events} == {"state"}
        await pilot.press("left", "h")
        assert screen.group == NAMES[-1]


async def test_v_raises_the_severity():
    async with log() as (_, pilot, screen):
        for level in (*LEVELS[1:], LEVELS[0]):
            await pilot.press("v")
            assert screen.level == level
            assert {e.severity for e in screen.list.events} == set(LEVELS[LEVELS.index(level) :])


async def test_words_filter_symbol_and_text_and_escape_takes_back():
    async with log() as (running, pilot, screen):
        await pilot.press("right", "/", *"sol", "enter")
        assert [event.symbol for event in screen.list.events] == ["SOLUSDT"]
        assert screen.list.has_focus
        await pilot.press("/", "x", "escape")
        assert (screen.text, screen.filter.is_open) == ("sol", False)
        await pilot.press("escape")
        assert (screen.text, screen.group) == ("", "state")
        await pilot.press("escape")
        assert (screen.group, screen.level) == ("all", "info")
        await pilot.press("escape")
        assert running.screen is screen


async def test_nothing_found_says_so():
    async with log() as (running, pilot, _):
        await pilot.press("/", *"zzz", "enter")
        assert any("no event matches" in line for line in shown(running))


async def test_enter_goes_to_the_symbol_in_the_watchlist():
    async with log() as (running, pilot, _):
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(running.screen, WatchlistScreen)
        assert running.screen.table.cursor == "AVAXUSDT"


async def test_enter_on_an_event_about_no_symbol_stays():
    async with log() as (running, pilot, screen):
        await pilot.press("g", "enter")
        assert running.screen is screen
        assert running.desk.store.notice == "this event is about no symbol"


async def test_the_log_repaints_at_most_once_a_second():
    async with log() as (running, pilot, screen):
        await flush(running, pilot, REPAINT_S)
        painted = len(screen.list.events)
        running.desk.bus.publish(make.event(50, "fault", "one more", severity="error"))
        await flush(running, pilot, REPAINT_S / 4)
        await flush(running, pilot, REPAINT_S / 4)
        running.desk.bus.publish(make.event(51, "fault", "and another", severity="error"))
        running.desk.bus.publish(make.event(52, "fault", "and a third", severity="error"))
        await flush(running, pilot, REPAINT_S / 4)
        first = len(screen.list.events)
        await flush(running, pilot, REPAINT_S)
        assert first in (painted, painted + 1)
        assert len(screen.list.events) == painted + 3


async def test_new_events_are_counted_while_reading_old_ones():
    async with log(extra=60) as (running, pilot, _):
        await pilot.press("g")
        for number in range(12):
            running.desk.bus.publish(make.event(500 + number, "link", "again"))
        await flush(running, pilot, REPAINT_S)
        assert "12 new ↓" in shown(running)[1]
        assert "engine started" in shown(running)[2]
        await pilot.press("f")
        assert "following" in shown(running)[1]


async def test_a_long_event_is_told_in_full_below():
    async with log(size=(80, 24)) as (running, pilot, _):
        words = "rest answered 503 and the body was an HTML page of the proxy, tried again in eight seconds"
        running.desk.bus.publish(make.event(60, "fault", words, severity="error"))
        await flush(running, pilot, REPAINT_S)
        below = " ".join(line.strip() for line in shown(running)[-3:-1])
        assert "proxy, tried again in eight seconds" in below


async def test_a_changed_setting_is_said_in_one_line():
    async with log() as (running, pilot, _):
        change = SettingChanged(
            key="confluence.enter", old="0.6", new="0.62", by="operator", undo=False, at_ms=make.NOW_MS
        )
        running.desk.bus.publish(change)
        await flush(running, pilot, 0.25)
        assert "confluence.enter set: 0.6 → 0.62" in shown(running)[-1]


def test_every_event_kind_has_a_group():
    kinds = ("state", "link", "channel", "book", "ban", "fault", "setting", "universe", "engine")
    events = [make.event(number, kind, kind) for number, kind in enumerate(kinds)]
    grouped = [event.kind for name in NAMES[1:] for event in chosen(events, name, "info", "")]
    assert sorted(grouped) == sorted(kinds)
    assert chosen(events, "all", "info", "") == events
