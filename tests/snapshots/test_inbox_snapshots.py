"""Pictures of the inbox. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_inbox as scene
from tests.snapshots.scenes import app, looks

pytestmark = pytest.mark.snapshot

MODE = "6"
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["narrow", "wide"])


@SIZES
@pytest.mark.parametrize("state", ["full", "empty", "opening"])
def test_inbox(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(MODE, getattr(scene, state)()))


async def test_no_key_of_another_screen_is_named():
    """`a` asks for an analysis elsewhere; here it answers the item."""
    running = app()
    async with running.run_test(size=(200, 50)) as pilot:
        await looks(MODE, scene.full())(pilot)
        text = "\n".join("".join(part.text for part in line) for line in running.screen._compositor.render_strips())
        assert "SOLUSDT" in text
        assert "asks anew" not in text
