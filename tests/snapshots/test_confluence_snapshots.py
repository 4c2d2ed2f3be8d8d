"""Pictures of the confluence screen. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from core.messages import Message
from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import Prepare, app, paint, settle
from tui.app import TradeApp
from tui.screens.watchlist import WatchlistScreen

pytestmark = pytest.mark.snapshot

NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 50)


def looks(messages, *keys: str) -> Prepare:
    """Open the scene's symbol from the watchlist, tell it these messages, press the keys."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        publish = running.desk.bus.publish
        for message in scene.market():
            publish(message)
        await paint(pilot)
        assert isinstance(running.screen, WatchlistScreen)
        running.screen.show_symbol(scene.SYMBOL)
        await pilot.press("enter")
        for message in messages:
            publish(message)
        await paint(pilot)
        await settle(running, pilot, keys)

    return prepare


def halted() -> list[Message]:
    return [*scene.answers(), make.listing(scene.SYMBOL, trading=False, status="BREAK")]


def test_confluence_busy(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.answers()))


def test_confluence_calm(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.calm()))


def test_confluence_stale_feed(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.stale()))


def test_confluence_error(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.failed()))


def test_confluence_halted(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(halted()))


def test_confluence_waiting(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks([], "t"))


def test_confluence_other_timeframe(snap_compare):
    async def prepare(pilot) -> None:
        await looks(scene.answers(), "t", "t")(pilot)
        for message in scene.answers("15m"):
            pilot.app.desk.bus.publish(message)
        await paint(pilot)

    assert snap_compare(app(), terminal_size=NORMAL, run_before=prepare)


def test_confluence_editing(snap_compare):
    keys = ("j", "enter", "enter", "2", "5")
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.answers(), *keys))


def test_confluence_all_readings(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.answers(), "x"))


def test_confluence_narrow(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(scene.answers()))


def test_confluence_narrow_flow(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(scene.answers(), "tab", "tab"))


def test_confluence_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=looks(scene.answers()))


def test_confluence_monochrome(snap_compare):
    assert snap_compare(app(theme="mono"), terminal_size=NORMAL, run_before=looks(scene.stale()))


def test_confluence_ascii(snap_compare):
    assert snap_compare(app(glyphs="ascii"), terminal_size=NARROW, run_before=looks(scene.answers()))
