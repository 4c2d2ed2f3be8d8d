"""Pictures of limits and the account. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_risk as scene
from tests.snapshots.scenes import Prepare, app, paint
from tui.app import TradeApp

pytestmark = pytest.mark.snapshot

NARROW, WIDE = (80, 24), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


def looks(messages, *keys: str) -> Prepare:
    """The Risk screen once these were told, after these keys."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        await pilot.press("7")
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
@pytest.mark.parametrize("state", ["quiet", "near", "halted", "unknown"])
def test_risk(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(getattr(scene, state)()))


def test_a_limit_explained(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(scene.near(), "n", "n", "n", "enter"))
