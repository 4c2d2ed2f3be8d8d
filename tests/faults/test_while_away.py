"""The program ends with orders open; what became of them meanwhile is told first at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderAlarm
from tests.faults.order_rig import order_rig


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_fills_and_ends_of_meanwhile_are_told_at_the_next_start(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, on_quit="leave") as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        await rig.stop_desk()
        rig.faults.fill(record.client_id)
        await rig.start_desk(settled=False)
        await rig.until(lambda: "WHILE_AWAY" in rig.alarms(), "what happened meanwhile")
        (alarm,) = [one for one in rig.of(OrderAlarm) if one.code == "WHILE_AWAY"]
        assert alarm.client_id == record.client_id
        assert alarm.text.startswith("while away: entry BUY 0.5")
        assert "is filled, 0.5" in alarm.text
        await rig.until_protected()
        await rig.oracle()


async def test_nothing_is_told_when_nothing_happened(tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path, on_quit="leave") as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        await rig.stop_desk()
        await rig.start_desk(settled=False)
        await rig.until(lambda: rig.path.reconciler.settled_ms > 0, "everything compared")
        begun = rig.clock.monotonic()
        await rig.until(lambda: rig.clock.monotonic() > begun + 3.0, "a moment")
        assert "WHILE_AWAY" not in rig.alarms()
        await rig.oracle()
