"""Sort, columns and groups with the real settings behind them: kept in the overrides file, taken back, restored at start."""

from __future__ import annotations

import time
import tomllib
from contextlib import asynccontextmanager
from pathlib import Path

from core.bus import Bus
from core.clock import SimClock
from core.messages import EditSetting, SettingChanged
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import load
from tests import builders as make
from tests.tui.desk_builder import shown
from tests.tui.test_watchlist_screen import flush, told
from tui.app import TradeApp
from tui.screens.kept_sort import REST_S
from tui.screens.watchlist import WatchlistScreen


@asynccontextmanager
async def session(folder: Path, size=(120, 40)):
    """The program on the settings of this folder, as it starts there."""
    settings = load(folder / "settings.toml", {})
    clock = SimClock(make.NOW_MS)
    bus = Bus(clock)
    live = LiveSettings(bus, clock, settings, folder / "overrides.toml")
    running = TradeApp(bus, clock, settings)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, WatchlistScreen)
        assert screen._flush_timer is not None
        screen._flush_timer.stop()
        for message in make.SeededFeed(30).opening(busy=True):
            bus.publish(message)
        await flush(running, pilot, 0)
        yield running, pilot, screen, live


def folder_with(tmp_path: Path, text: str = "") -> Path:
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    return tmp_path


def kept(folder: Path) -> dict:
    file = folder / "overrides.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")).get("screen", {}) if file.exists() else {}


async def test_trying_sorts_writes_once_when_the_choice_rests(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (running, pilot, screen, _):
        edits = told(running, EditSetting)
        await pilot.press(*["s"] * 5)
        await flush(running, pilot, REST_S - 0.5)
        assert edits == []
        await flush(running, pilot, 0.5)
        assert [edit.key for edit in edits] == ["screen.sort"]
        assert kept(folder) == {"sort": screen.view.sort}
        await flush(running, pilot, REST_S)
        assert len(edits) == 1


async def test_sort_and_direction_come_back_at_the_next_start(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (running, pilot, screen, _):
        await screen.perform(running.desk.registry.get("watchlist.sort_rsi"))
        await pilot.press("S")
    assert kept(folder) == {"sort": "rsi", "reverse": True}
    async with session(folder) as (running, _, screen, _):
        assert (screen.view.sort, screen.view.reverse) == ("rsi", False)
        assert "RSI" not in shown(running)[2]
        assert any("sort RSI ↑" in line for line in shown(running))


async def test_another_mode_in_front_keeps_the_sort(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (_, pilot, screen, _):
        await pilot.press("S", "e")
        await pilot.pause()
        assert kept(folder) == {"reverse": True}
        assert screen.view.reverse is False


async def test_undo_takes_back_the_sort_and_nothing_older(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (running, pilot, screen, live):
        running.desk.bus.publish(EditSetting(key="confluence.enter", value="0.7"))
        await screen.perform(running.desk.registry.get("watchlist.sort_rsi"))
        await pilot.press("ctrl+z")
        await flush(running, pilot)
        assert (screen.view.sort, screen.view.reverse) == ("volume", True)
        assert live.current.confluence.enter == 0.7
        await flush(running, pilot, REST_S)
        assert (kept(folder), screen.view.sort) == ({}, "volume")


async def test_columns_are_kept_taken_back_and_restored(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (running, pilot, screen, _):
        await pilot.press("C", "j", "space", "enter")
        await pilot.pause()
        chosen = screen.table.chosen
        assert kept(folder) == {"columns": list(chosen)}
        await pilot.press("ctrl+z")
        await flush(running, pilot)
        assert screen.table.chosen == ()
        await pilot.press("C", "j", "space", "enter")
        await pilot.pause()
    async with session(folder) as (_, _, screen, _):
        assert screen.table.chosen == chosen
        assert [column.key for column in screen.table.arrangement.columns[2:]] == list(chosen)


async def test_a_sort_typed_in_the_palette_is_followed(tmp_path):
    async with session(folder_with(tmp_path)) as (running, pilot, screen, _):
        running.desk.bus.publish(EditSetting(key="screen.sort", value="symbol"))
        await flush(running, pilot)
        assert (screen.view.sort, screen.view.reverse) == ("symbol", False)
        assert screen.table.symbols == sorted(screen.table.symbols)


GROUPS = '[groups]\nmajors = "BTC, ETHUSDT"\nmemes = "DOGE, XR*"\n'


async def test_own_groups_stand_beside_the_others_with_their_counts(tmp_path):
    async with session(folder_with(tmp_path, GROUPS)) as (running, pilot, screen, _):
        assert " majors 2  memes 2" in shown(running)[1]
        await pilot.press("left", "left")
        assert (screen.view.group, set(screen.table.symbols)) == ("majors", {"BTCUSDT", "ETHUSDT"})
        assert "[majors 2]" in shown(running)[1]
        await pilot.press("right", "right")
        assert screen.view.group == "all"


async def test_groups_saved_while_running_are_followed(tmp_path):
    folder = folder_with(tmp_path, GROUPS)
    async with session(folder) as (running, pilot, screen, live):
        await pilot.press("left")
        assert screen.view.group == "memes"
        folder_with(tmp_path, '[groups]\nmajors = "BTC"\n')
        live.adopt(load(folder / "settings.toml", {}))
        await flush(running, pilot, 1.0)
        assert screen.view.group == "all"
        assert " majors 1 " in f"{shown(running)[1]} "
        assert "memes" not in shown(running)[1]


async def test_many_groups_leave_room_for_the_chosen_one_and_the_filter(tmp_path):
    text = "[groups]\n" + "".join(f'group{i} = "BTC"\n' for i in range(9))
    async with session(folder_with(tmp_path, text), size=(80, 24)) as (running, pilot, _, _):
        await pilot.press("left", "/", "b", "t", "c", "enter")
        await flush(running, pilot)
        line = shown(running)[1]
        assert "[group8 1]" in line
        assert line.rstrip().endswith("btc 1 of 30")


async def test_times_follow_the_setting_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        async with session(folder_with(tmp_path)) as (running, pilot, _, _):
            assert shown(running)[0].rstrip().endswith("12:34:56Z")
            running.desk.bus.publish(EditSetting(key="screen.times", value="local"))
            await flush(running, pilot, 1.0)
            assert shown(running)[0].rstrip().endswith("18:04:57+05:30")
            assert " since " in shown(running)[-4]
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_private_mode_is_marked_kept_and_taken_back(tmp_path):
    folder = folder_with(tmp_path)
    async with session(folder) as (running, pilot, _, _):
        changes = told(running, SettingChanged)
        await pilot.press("dollar_sign")
        await flush(running, pilot)
        assert " PRIVATE " in shown(running)[0]
        assert kept(folder) == {"private": True}
        await pilot.press("ctrl+z")
        await flush(running, pilot)
        assert "PRIVATE" not in shown(running)[0]
        assert [change.new for change in changes] == ["true", "false"]


def test_settings_without_a_choice_show_the_largest_volume_first():
    assert (Settings().screen.sort, Settings().screen.reverse) == ("volume", False)
