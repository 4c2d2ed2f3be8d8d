"""Pictures of the order ticket, every step and every end. Look at the report before accepting a new one: `--snapshot-update`."""

from __future__ import annotations

import pytest

from core.messages import TicketStatus
from tests.snapshots import scenes_ticket as scene
from tests.snapshots.scenes import Prepare, app
from tui.app import TradeApp
from tui.screens.order import OrderScreen

pytestmark = pytest.mark.snapshot

NARROW, WIDE = (80, 24), (200, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


def looks(ticket: TicketStatus, *keys: str) -> Prepare:
    """The ticket over the first screen, after these keys."""

    async def prepare(pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await pilot.pause()
        for message in scene.scene(ticket):
            running.desk.bus.publish(message)
        screen = OrderScreen(running.desk, None)
        await running.push_screen(screen)
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        for _ in range(2):
            screen._tick()
            await pilot.pause()
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures

    return prepare


@SIZES
@pytest.mark.parametrize(
    "state", ["paper", "live", "denied", "second", "third", "expired", "refused", "sent", "canary", "amend"]
)
def test_ticket(snap_compare, size, state):
    assert snap_compare(app(), terminal_size=size, run_before=looks(getattr(scene, state)()))


@SIZES
def test_changing_a_part(snap_compare, size):
    assert snap_compare(app(), terminal_size=size, run_before=looks(scene.live(), "t"))


def test_ticket_without_colour_or_unicode(snap_compare):
    assert snap_compare(app("mono", "ascii"), terminal_size=NARROW, run_before=looks(scene.denied()))
