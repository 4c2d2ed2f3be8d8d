"""Pictures of the inbox. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_inbox as scene
from tests.snapshots.scenes import Prepare, app, paint
from tui.app import TradeApp

pytestmark = pytest.mark.snapshot

SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["narrow", "wide"])


def looks(messages) -> Prepare:
    """The Inbox screen once these were told."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        await pilot.press("6")
        for message in messages:
            running.desk.bus.publish(message)
        running.desk.store.notice = ""
        await paint(pilot)
        await paint(pilot)
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures

    return prepare


@SIZES
@pytest.mark.parametrize("state", ["full", "empty", "opening"])
def test_inbox(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(getattr(scene, state)()))


async def test_no_key_of_another_screen_is_named():
    """`a` asks for an analysis elsewhere; here it answers the item."""
    running = app()
    async with running.run_test(size=(200, 50)) as pilot:
        await looks(scene.full())(pilot)
        text = "\n".join("".join(part.text for part in line) for line in running.screen._compositor.render_strips())
        assert "SOLUSDT" in text
        assert "asks anew" not in text
