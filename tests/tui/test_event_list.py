"""The event list: words of a line, following, and standing still."""

from __future__ import annotations

from contextlib import asynccontextmanager

from tests import builders as make
from tests.snapshots.scenes import app
from tui.screens.events import EventsScreen
from tui.widgets.event_list import EventList


def many(count: int, start: int = 1):
    return [make.event(number, "link", f"event {number}") for number in range(start, start + count)]


@asynccontextmanager
async def a_list(size=(100, 30)):
    running = app()
    async with running.run_test(size=size) as pilot:
        await pilot.press("3")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, EventsScreen)
        assert screen._flush_timer is not None
        screen._flush_timer.stop()
        yield screen.list, pilot


def visible(events: EventList) -> list[str]:
    return [events.render_line(y).text.strip() for y in range(events.size.height)]


async def test_following_shows_the_newest_last():
    async with a_list() as (events, pilot):
        events.put(many(100), "")
        await pilot.pause()
        assert visible(events)[-1].endswith("event 100")
        assert events.current is not None
        assert events.current.event_id == 100
        events.put(many(130), "")
        await pilot.pause()
        assert visible(events)[-1].endswith("event 130")


async def test_after_scrolling_up_the_picture_stands_still_and_new_ones_are_counted():
    async with a_list() as (events, pilot):
        events.put(many(100), "")
        events.move_cursor(20)
        await pilot.pause()
        before = visible(events)
        events.put(many(112), "")
        await pilot.pause()
        assert visible(events) == before
        assert (events.unseen, events.following) == (12, False)
        events.put(many(115), "")
        assert events.unseen == 15
        events.move_cursor(len(events.events) - 1)
        assert (events.unseen, events.following) == (0, True)


async def test_the_place_is_kept_when_old_events_fall_off():
    async with a_list() as (events, pilot):
        events.put(many(100), "")
        events.move_cursor(40)
        top = visible(events)[0]
        events.put(many(100, start=11), "")
        await pilot.pause()
        assert events.current is not None
        assert events.current.event_id == 41
        assert visible(events)[0] == top


async def test_an_empty_list_says_why():
    async with a_list() as (events, pilot):
        events.put([], "nothing has happened yet")
        await pilot.pause()
        assert "nothing has happened yet" in "".join(visible(events))
        events.move_cursor(3)
        assert events.current is None


async def test_another_filter_keeps_the_event_and_its_place_on_the_screen():
    async with a_list() as (events, pilot):
        everything = many(200)
        events.put(everything, "")
        events.move_cursor(100)
        events.move_cursor(95)
        await pilot.pause()
        events.replace([event for event in everything if event.event_id % 7 == 0], (), "")
        assert events.current is not None
        assert events.current.event_id == 98  # the next one still shown
        events.replace(everything, (), "")
        await pilot.pause()
        assert events.current.event_id == 96  # the one the operator was at
        assert not events.following


async def test_events_that_a_filter_reveals_are_not_new():
    async with a_list() as (events, _):
        everything = many(100)
        events.put(everything, "")
        events.move_cursor(20)
        events.replace(everything[::10], (), "")
        events.replace(everything, (), "")
        assert events.unseen == 0
        events.put(many(103), "")
        assert events.unseen == 3


async def test_going_up_on_a_lone_line_ends_following():
    async with a_list() as (events, _):
        events.put(many(1), "")
        events.move_cursor(-1)
        assert not events.following
        events.move_cursor(1)
        assert events.following


async def test_lines_carry_their_date_after_midnight():
    async with a_list() as (events, pilot):
        events.put(many(3), "")
        await pilot.pause()
        assert "12:34:56Z" in visible(events)[0]
        clock = events._desk.clock
        clock.set_ms(make.NOW_MS + 86_400_000)
        events.put(many(3), "")
        assert "11-21 12:34" in visible(events)[0]
