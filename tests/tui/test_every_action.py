"""Every key of the registry does something that can be seen, on the screen it belongs to. A new action is tested by being listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.bus import Bus
from core.clock import SimClock
from core.messages import Command
from core.settings import Settings
from tests import builders as make
from tests import trading_builders
from tests.snapshots import (
    scenes_calibration,
    scenes_confluence,
    scenes_history,
    scenes_inbox,
    scenes_orders,
    scenes_risk,
    scenes_ticket,
)
from tests.snapshots.scenes import app, market, paint
from tests.tui.desk_builder import shown
from tui.actions import Action
from tui.app import TradeApp
from tui.screens.calibration import CalibrationScreen
from tui.screens.columns import ColumnsScreen
from tui.screens.confluence import ConfluenceScreen
from tui.screens.events import EventsScreen
from tui.screens.go_live import GoLiveScreen
from tui.screens.history import HistoryScreen
from tui.screens.order import OrderScreen
from tui.screens.orders import OrdersScreen
from tui.screens.risk import RiskScreen
from tui.screens.watchlist import WatchlistScreen

DESK = app().desk
KEYED = [action for action in DESK.registry if DESK.keymap.keys_of(action.id)]
SIZE = (120, 40)
UNDOES = {
    "confluence.up": "act_down", "confluence.page_up": "act_page_down", "confluence.newer": "act_older",
    "confluence.reset": "act_zoom_in",
}  # fmt: skip
"""What has to be done before an action can undo it."""


def first_run() -> TradeApp:
    clock = SimClock(make.NOW_MS)
    return TradeApp(Bus(clock), clock, Settings(), first_run=lambda choice, looks: Path("settings.toml"))


async def prepare(running: TradeApp, pilot: Pilot, action: Action) -> None:
    """A state in which the action has something to do: the middle of a list, a panel open, a group chosen."""
    screen = running.screen
    if action.scope == "events":
        await running.show_mode("events")
        await paint(pilot)
        screen = running.screen
        assert isinstance(screen, EventsScreen)
        symbols = [line for line, event in enumerate(screen.list.events) if event.symbol]
        screen.list.move_cursor(symbols[len(symbols) // 2])
    elif action.scope == "calibration":
        await calibrate(running, pilot, action)
    elif action.scope == "orders":
        await trade(running, pilot, action)
    elif action.scope == "history":
        await look_back(running, pilot)
    elif action.scope == "inbox":
        await wait_for_answers(running, pilot)
    elif action.scope == "risk":
        await limit(running, pilot)
    elif action.scope == "go_live":
        await go_live(running, pilot, action)
    elif action.scope == "ticket":
        await review(running, pilot)
    elif isinstance(screen, WatchlistScreen):
        screen.table.move_cursor(30)
        if action.id == "app.back":
            screen.act_group_next()
        if action.id == "app.mode_watchlist":
            await running.show_mode("events")
        if action.scope == "confluence":
            await screen.act_open()
            await look_closely(running, pilot, action)
        if action.scope == "columns":
            screen.act_columns()
            await pilot.pause()
            assert isinstance(running.screen, ColumnsScreen)
            running.screen.list.move(8)
            if action.id == "columns.automatic":
                running.screen.act_toggle()
    await pilot.pause()


async def look_closely(running: TradeApp, pilot: Pilot, action: Action) -> None:
    """The confluence screen with everything the engine would tell of its symbol."""
    screen = running.screen
    assert isinstance(screen, ConfluenceScreen)
    screen.show_symbol(scenes_confluence.SYMBOL)
    for message in (*scenes_confluence.market(), *scenes_confluence.answers()):
        running.desk.bus.publish(message)
    await pilot.pause()
    await paint(pilot)
    before = UNDOES.get(action.id)
    if before is not None:
        getattr(screen, before)()
        await paint(pilot)


CALIBRATED = {"calibration.revert": scenes_calibration.ACCEPTED, "calibration.lower": scenes_calibration.URGENT}
"""The asset an action has something to do for, where it is not the one the guards refused."""


async def calibrate(running: TradeApp, pilot: Pilot, action: Action) -> None:
    """The calibration screen at work, its cursor in the middle of the list."""
    for message in scenes_calibration.busy():
        running.desk.bus.publish(message)
    await running.show_mode("calibration")
    await paint(pilot)
    screen = running.screen
    assert isinstance(screen, CalibrationScreen)
    screen.show_symbol(CALIBRATED.get(action.id, scenes_calibration.KEPT))
    if action.id == "calibration.yes":
        screen.act_accept()
    await paint(pilot)


TRADED = {
    "orders.cancel": "tt-9-a",
    "orders.amend": "tt-9-a",
    "orders.resolve": scenes_orders.UNKNOWN,
    "orders.adopt": "BALANCE SOL",
}
"""The line an action has something to do for, where it is not a position in the middle."""


async def trade(running: TradeApp, pilot: Pilot, action: Action) -> None:
    """The Orders screen with something of everything, its cursor on a line the action is for."""
    await running.show_mode("orders")
    for message in (*scenes_orders.unknown(), *scenes_orders.halted()[-2:]):
        running.desk.bus.publish(message)
    await paint(pilot)
    screen = running.screen
    assert isinstance(screen, OrdersScreen)
    for _ in range(40):
        if screen.item is not None and screen.item.key == TRADED.get(action.id, "trade-ETHUSDT"):
            break
        screen.act_down()
    await paint(pilot)


async def wait_for_answers(running: TradeApp, pilot: Pilot) -> None:
    """The inbox with something of everything, its cursor in the middle."""
    await running.show_mode("inbox")
    for message in scenes_inbox.full():
        running.desk.bus.publish(message)
    await paint(pilot)
    for key in ("down", "down", "down"):
        await pilot.press(key)
    await paint(pilot)


async def limit(running: TradeApp, pilot: Pilot) -> None:
    """The Risk screen of a halted account, its cursor in the middle of the list."""
    await running.show_mode("risk")
    for message in scenes_risk.halted():
        running.desk.bus.publish(message)
    await paint(pilot)
    screen = running.screen
    assert isinstance(screen, RiskScreen)
    screen.choose(next(use for use in trading_builders.limits() if use.code == "symbol_exposure"))
    await paint(pilot)


async def look_back(running: TradeApp, pilot: Pilot) -> None:
    """The history screen with trades, its cursor in the middle."""
    await running.show_mode("history")
    for message in scenes_history.full():
        running.desk.bus.publish(message)
    await paint(pilot)
    screen = running.screen
    assert isinstance(screen, HistoryScreen)
    for _ in range(20):
        screen.act_down()
    await paint(pilot)


async def go_live(running: TradeApp, pilot: Pilot, action: Action) -> None:
    """The second question, longer than the screen is high."""
    checks = trading_builders.checks(KEYS="this key can withdraw: make one that cannot " * 60)
    screen = GoLiveScreen(running.desk)
    await running.push_screen(screen)
    running.desk.bus.publish(trading_builders.session())
    await pilot.pause()
    screen.flush()
    if action.id == "go_live.yes":
        return
    screen._asked = screen.session
    running.desk.bus.publish(trading_builders.session("DISARMED", checks=checks))
    if action.id == "go_live.resume":
        running.desk.bus.publish(trading_builders.account(mode="LIVE", state="HALTED", causes=("halted: operator",)))
    await pilot.pause()
    screen.flush()
    await pilot.pause()
    if action.id in ("go_live.up", "go_live.page_up"):
        screen.act_page_down()


async def review(running: TradeApp, pilot: Pilot) -> None:
    """A ticket of real money at its first step."""
    for message in scenes_ticket.scene(scenes_ticket.live()):
        running.desk.bus.publish(message)
    screen = OrderScreen(running.desk, None)
    await running.push_screen(screen)
    await pilot.pause()
    screen._tick()


def seen(running: TradeApp, commands: list[Command]) -> tuple[object, ...]:
    """What an operator or the engine can tell apart."""
    over = running.choice, running.return_code, running._leaving
    return shown(running), running.theme, running.current_mode, len(running.screen_stack), list(commands), over


@pytest.mark.parametrize("action", KEYED, ids=lambda action: action.id)
async def test_every_key_has_an_effect(action: Action) -> None:
    keys = DESK.keymap.keys_of(action.id)
    for key in keys:
        running = first_run() if action.scope == "first_run" else app()
        async with running.run_test(size=SIZE) as pilot:
            await pilot.pause()
            for message in () if action.scope == "first_run" else market():
                running.desk.bus.publish(message)
            if action.scope != "first_run":
                await paint(pilot)
            await prepare(running, pilot, action)
            commands: list[Command] = []
            for kind in Command.__subclasses__():
                running.desk.bus.subscribe(kind, commands.append)
            before = seen(running, commands)
            await pilot.press(key)
            await pilot.pause()
            assert seen(running, commands) != before, f"{action.id} ({key}) changed nothing"
            assert not running.desk.guard.failures
            assert not running.desk.pump.failures


def test_what_has_no_key_is_in_the_palette() -> None:
    registry, keymap = DESK.registry, DESK.keymap
    assert [action.id for action in registry if not keymap.keys_of(action.id) and not action.palette] == []
