"""Every key is told on the bus before what it does begins: work in slices gives way to it."""

from __future__ import annotations

from core.messages import KeyPressed
from tests.snapshots import scenes_orders as scene
from tests.tui.confluence_builder import told
from tests.tui.orders_builder import desk


async def test_a_key_is_told_wherever_it_goes():
    async with desk(scene.protected()) as (running, pilot, _):
        heard = told(running, KeyPressed)
        await pilot.press("j")
        assert len(heard) == 1, "to a screen"
        await pilot.press("x")
        await pilot.press("1", "2")
        assert len(heard) == 4, "to a line that is typed into"
        await pilot.press("escape", "1", "slash", "a")
        assert len(heard) == 8
