"""The column chooser by its keys, asserted on the table below and on what the engine is asked to keep."""

from __future__ import annotations

from typing import get_args

import pytest

from core.messages import EditSetting
from core.settings import Column, Sort
from tests.tui.desk_builder import shown
from tests.tui.test_watchlist_screen import desk, flush, told
from tui.screens.columns import ColumnsScreen
from tui.widgets.market_columns import CHOICES, SORTS


def keys_shown(screen) -> list[str]:
    return [column.key for column in screen.table.arrangement.columns[2:]]


def test_the_settings_offer_exactly_the_columns_and_sorts_there_are():
    assert get_args(Column) == tuple(column.key for column in CHOICES)
    assert sorted(get_args(Sort)) == sorted(SORTS)


def test_every_column_says_what_it_means():
    assert all(column.about.endswith(".") and column.title for column in CHOICES)


async def test_space_hides_and_shows_and_enter_keeps():
    async with desk() as (running, pilot, screen):
        edits = told(running, EditSetting)
        await pilot.press("C")
        assert isinstance(running.screen, ColumnsScreen)
        before = keys_shown(screen)
        await pilot.press("j", "space", "enter")
        await pilot.pause()
        assert keys_shown(screen) == [key for key in before if key != "change_state"]
        assert [(e.key, e.value) for e in edits] == [("screen.columns", ", ".join(keys_shown(screen)))]
        await flush(running, pilot)
        assert "Δ STATE" not in shown(running)[2]
        await pilot.press("C", "x", "enter")
        await pilot.pause()
        assert "price" not in keys_shown(screen)


async def test_capital_letters_move_a_column_and_the_cursor_with_it():
    async with desk() as (running, pilot, screen):
        await pilot.press("C", "J", "J", "K", "enter")
        await pilot.pause()
        assert keys_shown(screen)[:2] == ["change_state", "price"]
        await pilot.press("C")
        assert running.screen.list.order[:2] == ["change_state", "price"]
        await pilot.press("K", "down", "K", "J", "enter")
        await pilot.pause()
        assert keys_shown(screen)[:2] == ["change_state", "price"]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("down", "j", "up"), 1),
        (("k",), 0),
        (("end",), len(CHOICES) - 1),
        (("G", "home"), 0),
        (("end", "g", "j"), 1),
        (("end", "J"), len(CHOICES) - 1),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_cursor_stays_in_sight(keys, line, size):
    async with desk(size=size) as (running, pilot, _):
        await pilot.press("C", *keys)
        chooser = running.screen
        assert chooser.list.cursor == line
        title = {column.key: column.title for column in CHOICES}[chooser.list.order[line]]
        assert any("▸" in text and title in text for text in shown(running))


async def test_escape_keeps_what_was():
    async with desk() as (running, pilot, screen):
        edits, before = told(running, EditSetting), keys_shown(screen)
        await pilot.press("C", "space", "J", "escape")
        await pilot.pause()
        assert running.screen is screen
        assert (keys_shown(screen), edits) == (before, [])


async def test_r_goes_back_to_automatic():
    async with desk() as (running, pilot, screen):
        edits, before = told(running, EditSetting), keys_shown(screen)
        await pilot.press("C", "space", "enter")
        await pilot.pause()
        await pilot.press("C", "r", "enter")
        await pilot.pause()
        assert keys_shown(screen) == before
        assert edits[-1] == EditSetting(key="screen.columns", value="")
        await pilot.press("C", "enter")
        await pilot.pause()
        assert len(edits) == 2


async def test_nothing_chosen_means_automatic():
    async with desk() as (running, pilot, screen):
        before = keys_shown(screen)
        await pilot.press("C")
        chooser = running.screen
        chooser.list.put(chooser.list.order, {"age"})
        await pilot.press("end", "space")
        assert "automatic" in str(chooser.list.border_title)
        await pilot.press("enter")
        await pilot.pause()
        assert keys_shown(screen) == before


async def test_what_finds_no_room_is_named():
    async with desk(size=(80, 24)) as (running, pilot, _):
        await pilot.press("C")
        chooser = running.screen
        chooser.list.put(chooser.list.order, {column.key for column in CHOICES})
        await pilot.press("j", "K", "J")
        assert "no room at 80 cells for" in str(chooser.list.border_title)
        assert "VOL24h" in str(chooser.list.border_title)
        await pilot.resize_terminal(200, 50)
        await pilot.pause()
        assert any("K J move" in line for line in shown(running))
