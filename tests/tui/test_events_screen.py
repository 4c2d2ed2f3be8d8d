"""Every key of the event log, asserted on state."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from textual.events import Key

from core.messages import SettingChanged
from tests import builders as make
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tui.screens.events import REPAINT_S, EventsScreen
from tui.screens.watchlist import WatchlistScreen
from tui.widgets.event_filter import EVERYTHING, GROUP_NAMES, LEVELS


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
        for name in (*GROUP_NAMES[1:], GROUP_NAMES[0]):
            await pilot.press("right")
            assert screen.view.group == name
        await pilot.press("l")
        assert {event.kind for event in screen.list.events} == {"state"}
        await pilot.press("left", "h")
        assert screen.view.group == GROUP_NAMES[-1]


@pytest.mark.parametrize("name", GROUP_NAMES)
async def test_kinds_are_chosen_in_the_palette(name):
    async with log() as (running, pilot, screen):
        action = running.desk.registry.get(f"events.kind_{name}")
        assert action is not None
        assert action.palette
        await screen.perform(action)
        await pilot.pause()
        assert screen.view.group == name
        assert f"[{name} " in shown(running)[1]


async def test_v_raises_the_severity():
    async with log() as (_, pilot, screen):
        for level in (*LEVELS[1:], LEVELS[0]):
            await pilot.press("v")
            assert screen.view.level == level
            assert {e.severity for e in screen.list.events} == set(LEVELS[LEVELS.index(level) :])


def state_line(running) -> str:
    """The line under the log."""
    (line,) = [line for line in shown(running) if line.startswith(("── ", "-- "))]
    return line


async def test_words_filter_symbol_and_text_while_they_are_typed_and_are_lit_up():
    async with log() as (running, pilot, screen):
        await pilot.press("slash", *"macd z")
        assert [event.symbol for event in screen.list.events] == ["SOLUSDT"]
        assert '"macd z"' in state_line(running)
        await pilot.press("backspace", "backspace", "enter")
        assert [event.symbol for event in screen.list.events] == ["DOGEUSDT", "SOLUSDT", "AVAXUSDT"]
        assert screen.list.has_focus
        accent = running.desk.palette.accent
        lit = [part.text for part in screen.list.render_line(0) if part.style == accent]
        assert [text for text in lit if text.strip()] == ["MACD"]


async def test_escape_takes_back_what_is_typed_then_one_filter_after_the_other():
    async with log() as (running, pilot, screen):
        await pilot.press("right", "v", "v", "v", "slash", *"usdt", "enter", "up", "s")
        assert screen.view.symbol == "SOLUSDT"
        await pilot.press("v", "slash", "x", "escape")
        assert (screen.view.text, screen.filter.is_open) == ("usdt", False)
        for left in ("warnings up", "only SOLUSDT", '"usdt"', "kind state"):
            assert left in state_line(running)
            await pilot.press("escape")
            assert left not in state_line(running)
        assert screen.view == EVERYTHING
        assert "15 events" in state_line(running)
        await pilot.press("escape")
        assert running.screen is screen


async def test_only_this_symbol_and_all_again():
    async with log() as (running, pilot, screen):
        await pilot.press("up", "s")
        assert {event.symbol for event in screen.list.events} == {"LUNAUSDT"}
        assert "1 shown, 14 hidden · only LUNAUSDT" in state_line(running)
        assert "[all 1]" in shown(running)[1]
        await pilot.press("s")
        assert screen.view == EVERYTHING
        assert screen.list.current.symbol == "LUNAUSDT"
        await pilot.press("g", "s")
        assert running.desk.store.notice == "this event is about no symbol"


async def test_counts_of_kinds_are_those_under_the_other_filters():
    async with log() as (running, pilot, _):
        assert "[all 15]" in shown(running)[1]
        await pilot.press("v")
        assert "[all 5]" in shown(running)[1]
        assert "state 0 " in shown(running)[1]
        assert "5 shown, 10 hidden · warnings up" in state_line(running)


async def test_what_happened_around_a_find_is_one_escape_away():
    async with log(extra=100) as (running, pilot, screen):
        await pilot.press("slash", *"429", "enter", "up")
        assert not screen.list.following
        await pilot.press("escape")
        assert "status 429" in screen.list.current.text
        lines = shown(running)
        (place,) = [number for number, line in enumerate(lines) if line.startswith("▸")]
        assert "confluence.enter" in lines[place - 1]
        assert "SOLUSDT" in lines[place + 1]
        assert "not following  f newest" in state_line(running)


async def test_following_goes_on_under_filters():
    async with log() as (running, pilot, screen):
        await pilot.press("slash", *"sol", "enter", "escape", "right", "right", "left", "left")
        assert screen.list.following
        assert screen.list.cursor == 14
        assert "following" in state_line(running)


async def test_nothing_found_says_so():
    async with log() as (running, pilot, _):
        await pilot.press("slash", *"zzz", "enter")
        assert any("no event matches; Esc takes the last filter back" in line for line in shown(running))
        assert '0 shown, 15 hidden · "zzz"' in state_line(running)
        await pilot.press("up", "down", "g", "G", "s", "enter", "escape")
        assert "15 events" in state_line(running)


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
        assert "12 new ↓  f newest" in state_line(running)
        assert "engine started" in shown(running)[3]
        await pilot.press("f")
        assert " following " in state_line(running)


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (120, 40)])
async def test_a_long_event_is_told_in_full_below(size):
    async with log(size=size) as (running, pilot, screen):
        usual = screen.detail.size.height
        words = " ".join(f"word{number}" for number in range(30))
        running.desk.bus.publish(make.event(60, "fault", words, severity="error"))
        await flush(running, pilot, REPAINT_S)
        lines = shown(running)
        below = " ".join(" ".join(lines[lines.index(state_line(running)) + 1 : -1]).split())
        assert below.startswith("error fault · 12:34:57Z · word0") or "· word0 " in below
        assert below.endswith("word29")
        await pilot.press("up")
        await pilot.pause()
        assert screen.detail.size.height == usual


async def test_a_text_without_end_leaves_room_for_the_log():
    async with log(size=(80, 24)) as (running, pilot, screen):
        running.desk.bus.publish(make.event(60, "fault", "word " * 500, severity="error"))
        await flush(running, pilot, REPAINT_S)
        assert screen.list.size.height >= 8
        assert shown(running)[-2].endswith("…")


async def test_a_changed_setting_is_said_in_one_line():
    async with log() as (running, pilot, _):
        change = SettingChanged(
            key="confluence.enter", old="0.6", new="0.62", by="operator", undo=False, at_ms=make.NOW_MS
        )
        running.desk.bus.publish(change)
        await flush(running, pilot, 0.25)
        assert "confluence.enter set: 0.6 → 0.62" in shown(running)[-1]


@pytest.mark.parametrize("end", ["enter", "escape"])
async def test_keys_that_come_in_one_go_with_the_end_of_typing_are_the_screens(end):
    async with log() as (running, pilot, screen):
        await pilot.press("slash")
        for key in (*"usdt", end, "k", "up", "k"):
            running.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        await pilot.pause()
        assert screen.view.text == ("usdt" if end == "enter" else "")
        assert screen.list.cursor == len(screen.list.events) - 4
