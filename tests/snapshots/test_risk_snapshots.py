"""Pictures of limits and the account. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_risk as scene
from tests.snapshots.scenes import app, looks

pytestmark = pytest.mark.snapshot

MODE = "7"
NARROW, WIDE = (80, 24), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


@SIZES
@pytest.mark.parametrize("state", ["quiet", "near", "halted", "unknown"])
def test_risk(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(MODE, getattr(scene, state)()))


def test_a_limit_explained(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(MODE, scene.near(), "n", "n", "n", "enter"))
