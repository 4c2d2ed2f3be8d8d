"""Every key of the watchlist, asserted on state and on the messages it publishes."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from textual import events

from core.messages import PinSymbol
from core.settings import GROUPS
from tests import builders as make
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.screens.events import EventsScreen
from tui.screens.watchlist import CALM_S, RESORT_S, WatchlistScreen
from tui.widgets.market_columns import SORTS
from tui.widgets.market_order import SORT_WORDS


@asynccontextmanager
async def desk(size=(120, 40), busy=True, messages=None):
    """The running app, its pilot and its watchlist, with the flush timer stopped."""
    running = app()
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, WatchlistScreen)
        assert screen._flush_timer is not None
        screen._flush_timer.stop()
        feed = make.SeededFeed(60)
        for message in messages if messages is not None else (*feed.opening(busy), *feed.log()):
            running.desk.bus.publish(message)
        await flush(running, pilot, 0)
        yield running, pilot, screen
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def flush(running: TradeApp, pilot, seconds: float = 0.25) -> None:
    clock = running.desk.clock
    clock.set_ms(clock.now_ms() + int(seconds * 1000))  # type: ignore[attr-defined]
    running.screen._tick()  # type: ignore[attr-defined]
    await pilot.pause()


def told(running: TradeApp, kind) -> list:
    found: list = []
    running.desk.bus.subscribe(kind, found.append)
    return found


MOVES = [
    (("down",), 1),
    (("j", "j"), 2),
    (("down", "down", "up"), 1),
    (("j", "j", "k"), 1),
    (("up",), 0),
    (("end",), 59),
    (("G",), 59),
    (("end", "down"), 59),
    (("end", "home"), 0),
    (("G", "g"), 0),
]


@pytest.mark.parametrize(("keys", "line"), MOVES)
async def test_keys_move_the_cursor(keys, line):
    async with desk() as (_, pilot, screen):
        await pilot.press(*keys)
        assert screen.table.cursor_line == line
        assert screen.table.cursor == screen.table.symbols[line]


@pytest.mark.parametrize(("down", "up"), [("pagedown", "pageup"), ("ctrl+f", "ctrl+b")])
async def test_pages_keep_the_cursor_in_sight(down, up):
    async with desk(size=(80, 24)) as (running, pilot, screen):
        await pilot.press(down, down)
        assert screen.table.cursor_line == 2 * screen.table.page
        assert any(screen.table.cursor in line for line in shown(running)[3:-3])
        await pilot.press(up)
        assert screen.table.cursor_line == screen.table.page


async def test_the_argument_follows_the_cursor():
    async with desk() as (running, pilot, screen):
        await pilot.press("down", "down")
        assert any(line.startswith(f" {screen.table.cursor}  ") for line in shown(running)[-4:])


async def test_s_goes_through_the_columns_and_capital_s_turns_round():
    async with desk() as (_, pilot, screen):
        seen = []
        columns = {column.key for column in screen.table.arrangement.columns if column.sortable}
        for _ in columns:
            await pilot.press("s")
            seen.append(screen.view.sort)
        assert set(seen) == columns
        await pilot.press("<")
        assert screen.view.sort == seen[-2]
        await pilot.press("S")
        assert screen.view.reverse is (screen.view.sort in SORT_WORDS)


@pytest.mark.parametrize("key", SORTS)
async def test_the_palette_can_sort_by_each_column(key):
    async with desk() as (running, _, screen):
        action = running.desk.registry.get(f"watchlist.sort_{key}")
        assert action is not None
        await screen.perform(action)
        assert screen.view.sort == key
        if key == "symbol":
            assert screen.table.symbols == sorted(screen.table.symbols)


async def test_arrows_go_through_the_groups_and_come_round():
    async with desk() as (running, pilot, screen):
        for group in (*GROUPS[1:], GROUPS[0]):
            await pilot.press("right")
            assert screen.view.group == group
        await pilot.press("l")
        assert {running.desk.store.rows[s].confluence.state for s in screen.table.symbols} == {"BUY"}
        await pilot.press("h", "left")
        assert screen.view.group == GROUPS[-1]


async def test_the_filter_follows_every_letter_and_enter_keeps_it():
    async with desk() as (_, pilot, screen):
        await pilot.press("/", "e", "t")
        assert screen.filter.is_open
        assert set(screen.table.symbols) == {"ETHUSDT", "ETCUSDT", "THETAUSDT", "FETUSDT", "VETUSDT"}
        await pilot.press("h", "enter")
        assert (screen.view.text, screen.filter.is_open) == ("eth", False)
        assert screen.table.symbols == ["ETHUSDT"]
        assert screen.table.has_focus


async def test_letters_typed_in_one_breath_with_the_slash_are_no_commands_and_are_not_lost():
    async with desk() as (running, pilot, screen):
        assert running._driver is not None
        for key, character in (("slash", "/"), ("s", "s"), ("o", "o"), ("l", "l")):
            running._driver.send_message(events.Key(key, character))
        await pilot.pause()
        await pilot.pause()
        assert (screen.view.text, screen.view.sort) == ("sol", "volume")
        assert screen.table.symbols == ["SOLUSDT"]
        await pilot.press("enter")
        assert screen.focused is screen.table


async def test_keys_are_letters_while_a_filter_is_typed():
    async with desk() as (running, pilot, screen):
        await pilot.press("/", "q", "s")
        assert screen.view.text == "qs"
        assert running.is_running


async def test_escape_goes_back_one_step_at_a_time():
    async with desk() as (_, pilot, screen):
        await pilot.press("right", "/", "e", "t", "enter", "/", "h")
        assert screen.view.text == "eth"
        await pilot.press("escape")
        assert (screen.view.text, screen.filter.is_open) == ("et", False)
        await pilot.press("escape")
        assert (screen.view.text, screen.view.group) == ("", "buy")
        await pilot.press("escape")
        assert screen.view.group == "all"
        await pilot.press("escape")
        assert screen.is_active


async def test_a_filter_without_a_match_says_so():
    async with desk() as (running, pilot, screen):
        await pilot.press("/", "x", "y", "z", "enter")
        assert screen.table.symbols == []
        assert any("matches 'xyz'; Esc clears the filter" in line for line in shown(running))
        await pilot.press("down", "enter", "p")
        assert screen.is_active


async def test_p_pins_and_unpins_and_tells_the_engine():
    async with desk() as (running, pilot, screen):
        pins = told(running, PinSymbol)
        await pilot.press("down", "p")
        symbol = screen.table.cursor
        await flush(running, pilot)
        assert any(line.startswith("▸* " + symbol) for line in shown(running))
        await pilot.press("p")
        assert [(pin.symbol, pin.pinned) for pin in pins] == [(symbol, True), (symbol, False)]


async def test_other_screens_by_their_keys():
    async with desk() as (running, pilot, screen):
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(running.screen, EventsScreen)
        await pilot.press("1")
        await pilot.pause()
        assert running.screen is screen


async def test_rows_keep_their_places_while_the_operator_acts_and_move_later():
    async with desk() as (running, pilot, screen):
        await screen.perform(running.desk.registry.get("watchlist.sort_probability"))
        await flush(running, pilot, RESORT_S)
        await pilot.press("down")
        first = list(screen.table.symbols)
        running.desk.bus.publish(make.confluence(first[-1], "BUY", 0.99, 1.0))
        await flush(running, pilot, CALM_S - 0.5)
        assert screen.table.symbols == first
        await flush(running, pilot, RESORT_S)
        assert screen.table.symbols[0] == first[-1]
        assert screen.table.cursor == first[1]


async def test_rows_do_not_move_twice_within_seconds():
    async with desk() as (running, pilot, screen):
        await screen.perform(running.desk.registry.get("watchlist.sort_probability"))
        await flush(running, pilot, RESORT_S)
        first = list(screen.table.symbols)
        running.desk.bus.publish(make.confluence(first[-1], "BUY", 0.99, 1.0))
        await flush(running, pilot, RESORT_S - 1)
        assert screen.table.symbols == first
        await flush(running, pilot, 1.5)
        assert screen.table.symbols != first


async def test_new_symbols_appear_at_once():
    async with desk(messages=[make.universe("AUSDT", "BUSDT")]) as (running, pilot, screen):
        assert screen.table.symbols == ["AUSDT", "BUSDT"]
        running.desk.bus.publish(make.universe("AUSDT", "CUSDT", "BUSDT"))
        await flush(running, pilot)
        assert screen.table.symbols == ["AUSDT", "CUSDT", "BUSDT"]


async def test_jumping_to_a_hidden_symbol_opens_group_and_filter():
    async with desk() as (running, pilot, screen):
        await pilot.press("right", "/", "e", "t", "h", "enter")
        screen.show_symbol("SOLUSDT")
        assert (screen.view.group, screen.view.text, screen.table.cursor) == ("all", "", "SOLUSDT")
        screen.show_symbol("NOSUCH")
        assert "NOSUCH is not watched" in running.desk.store.notice


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (120, 40), (160, 45), (200, 50)])
async def test_every_size_shows_state_and_price(size):
    async with desk(size=size) as (running, pilot, screen):
        lines = shown(running)
        assert any("BTCUSDT" in line and "61,602.01" in line and "HOLD" in line for line in lines)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert screen.table.arrangement.width == 120


async def test_before_the_engine_speaks_the_screen_says_so():
    async with desk(messages=[make.engine_status("starting", "asking binance_us for its symbols")]) as (running, _, _):
        assert any("asking binance_us for its symbols" in line for line in shown(running))


async def test_a_new_theme_repaints_every_line():
    async with desk() as (running, pilot, screen):
        before = screen.table.render_line(0)
        running.use_theme("mono")
        await pilot.pause()
        assert [s.style for s in screen.table.render_line(0)] != [s.style for s in before]


async def test_titles_stand_over_their_columns_at_the_first_flush_after_a_resize():
    async with desk(size=(80, 24)) as (running, pilot, screen):
        await pilot.resize_terminal(120, 40)
        await flush(running, pilot, 0.25)
        assert "24h %" in shown(running)[2]
        assert screen.header._arrangement is screen.table.arrangement
