"""Pictures of the history of closed trades. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_history as scene
from tests.snapshots.scenes import app, looks

pytestmark = pytest.mark.snapshot

MODE = "8"
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["narrow", "wide"])
SCENES = {"full": (scene.full, ()), "empty": (scene.empty, ()), "in_r": (scene.full, ("r", "j", "j"))}


@SIZES
@pytest.mark.parametrize("name", SCENES)
def test_history(snap_compare, size, name):
    messages, keys = SCENES[name]
    assert snap_compare(app(), terminal_size=size, run_before=looks(MODE, messages(), *keys))


def test_a_trade_in_full(snap_compare):
    assert snap_compare(app(), terminal_size=(80, 24), run_before=looks(MODE, scene.full(), "enter"))
