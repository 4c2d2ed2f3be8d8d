"""The event list: words of a line, following, and standing still."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tests.snapshots.scenes import app
from tui.glyphs import ASCII, UNICODE
from tui.screens.events import EventsScreen
from tui.widgets.event_list import EventList, event_runs, glyph_and_style


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


@pytest.mark.parametrize(
    ("event", "mark"),
    [
        (make.event(1, "state", "HOLD → BUY at 1.0"), ("↑", "price_up")),
        (make.event(1, "state", "BUY → SELL at 1.0"), ("↓", "price_down")),
        (make.event(1, "state", "SELL → HOLD at 1.0"), ("•", "hold")),
        (make.event(1, "state", "something else"), ("•", "dim")),
        (make.event(1, "link", "down", severity="warning"), ("!", "warn")),
        (make.event(1, "fault", "bad", severity="error"), ("✗", "danger")),
    ],
)
def test_severity_and_state_have_a_sign_besides_a_colour(event, mark):
    assert glyph_and_style(event, UNICODE) == mark


def test_events_of_other_days_carry_their_date():
    event = make.event(1, "state", "something")
    assert event_runs(event, make.NOW_MS, 80, UNICODE)[0][0] == "12:34:56Z   "
    assert event_runs(event, make.NOW_MS + 86_400_000, 80, UNICODE)[0][0] == "11-21 12:34 "


@given(text=st.text(max_size=200), width=st.integers(45, 200))
def test_a_line_never_exceeds_its_width(text, width):
    event = make.event(1, "channel", text, symbol="A" * 20)
    for glyphs in (UNICODE, ASCII):
        assert sum(len(part) for part, _ in event_runs(event, make.NOW_MS, width, glyphs)) == width


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
