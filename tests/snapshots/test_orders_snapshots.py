"""Pictures of orders and positions. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_orders as scene
from tests.snapshots.scenes import app, looks

pytestmark = pytest.mark.snapshot

MODE = "5"
NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, NORMAL, WIDE], ids=["narrow", "normal", "wide"])


@SIZES
@pytest.mark.parametrize("state", ["empty", "protected", "naked", "unknown", "halted"])
def test_orders(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(MODE, getattr(scene, state)()))


@SIZES
def test_resolving(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(MODE, scene.unknown(), "R", "R"))


@pytest.mark.parametrize("key", ["x", "m", "f", "q"])
def test_questions(snap_compare, key):
    assert snap_compare(app(), terminal_size=NARROW, run_before=looks(MODE, scene.protected(), key))


def test_what_happened_meanwhile(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(MODE, scene.away()))


def test_orders_without_colour_or_unicode(snap_compare):
    assert snap_compare(app("mono", "ascii"), terminal_size=NORMAL, run_before=looks(MODE, scene.naked()))
