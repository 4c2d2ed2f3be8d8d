"""Pictures of the history of closed trades. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_history as scene
from tests.snapshots.scenes import Prepare, app, paint
from tui.app import TradeApp

pytestmark = pytest.mark.snapshot

SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["narrow", "wide"])
SCENES = {"full": (scene.full, ()), "empty": (scene.empty, ()), "in_r": (scene.full, ("r", "j", "j"))}


def looks(messages, *keys: str) -> Prepare:
    """The history screen once these were told, after these keys."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        await pilot.press("8")
        for message in messages:
            running.desk.bus.publish(message)
        running.desk.store.notice = ""
        await paint(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await paint(pilot)
        await paint(pilot)
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures

    return prepare


@SIZES
@pytest.mark.parametrize("name", SCENES)
def test_history(snap_compare, size, name):
    messages, keys = SCENES[name]
    assert snap_compare(app(), terminal_size=size, run_before=looks(messages(), *keys))


def test_a_trade_in_full(snap_compare):
    assert snap_compare(app(), terminal_size=(80, 24), run_before=looks(scene.full(), "enter"))
