"""Pictures of the calibration screen. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from core.messages import SettingRejected
from tests import builders as make
from tests.snapshots import scenes_calibration as scene
from tests.snapshots.scenes import Prepare, app, paint, settle, shows
from tui.app import TradeApp
from tui.screens.calibration import CalibrationScreen

pytestmark = pytest.mark.snapshot

NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, NORMAL, WIDE], ids=["narrow", "normal", "wide"])


def looks(messages, symbol: str = "", *keys: str) -> Prepare:
    """The calibration screen on this asset, after these keys."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await shows(messages, "4")(pilot)
        await paint(pilot)
        screen = running.screen
        assert isinstance(screen, CalibrationScreen)
        if symbol:
            screen.show_symbol(symbol)
        await settle(running, pilot, keys)

    return prepare


@SIZES
def test_calibration_at_start(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.empty()))


@SIZES
def test_calibration_with_a_queue(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.busy(), scene.RUNNING))


@SIZES
def test_calibration_of_an_accepted_asset(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.busy(), scene.ACCEPTED))


@pytest.mark.parametrize(("size", "keys"), [(NARROW, ("enter", "shift+tab")), (NORMAL, ("enter",)), (WIDE, ("enter",))])
def test_calibration_in_detail(snap_compare, size, keys):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.busy(), scene.KEPT, *keys))


@SIZES
def test_calibration_asks_before_accepting(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.busy(), scene.KEPT, "a"))


@SIZES
def test_calibration_refuses_an_edit(snap_compare, size):
    async def prepare(pilot) -> None:
        await looks(scene.busy(), scene.KEPT, "e", "j", "e", *"0.00001", "enter")(pilot)
        refused = SettingRejected(
            key=f"{scene.KEPT}.high_gate", value="0.00001", at_ms=make.NOW_MS,
            reason="low_gate 0.0003 is not below high_gate 1e-05: move one of them",
        )  # fmt: skip
        pilot.app.desk.bus.publish(refused)
        await paint(pilot)

    assert snap_compare(app(), terminal_size=size, run_before=prepare)


def test_calibration_typing_out_of_range(snap_compare):
    keys = ("e", "j", "j", "j", "enter", "4", "0", "enter")
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.busy(), scene.KEPT, *keys))


def test_calibration_that_is_off(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks(scene.off(), scene.HISTORY))


def test_calibration_without_an_engine(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=looks([]))


def test_calibration_monochrome(snap_compare):
    assert snap_compare(app(theme="mono"), terminal_size=NORMAL, run_before=looks(scene.busy(), scene.KEPT))


def test_calibration_ascii(snap_compare):
    keys = ("tab", "tab")
    assert snap_compare(app(glyphs="ascii"), terminal_size=NARROW, run_before=looks(scene.busy(), scene.KEPT, *keys))
