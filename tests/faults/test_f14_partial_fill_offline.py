"""F14: what has filled is protected at once, and what filled while nobody could hear it as soon as it is known."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import PositionStatus
from tests.faults.order_rig import USUAL, order_rig
from tests.faults.stop_watch import StopWatch, last, proven, working

D = Decimal
WITHIN_S = 60.0
"""The limit for a stop in these rows, market seconds: two of real time on a loaded machine."""
RATE = 15.0


@pytest.mark.parametrize("where", USUAL)
async def test_f14_a_rest_that_fills_while_disconnected_is_protected_after_it(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=RATE, stop_within_s=WITHIN_S, naked_alarm_s=WITHIN_S) as rig:
        watch = StopWatch(rig)
        record = await working(rig)
        rig.faults.partial_fill(record.client_id, "0.2")
        await rig.until_protected()
        assert max(watch.windows) <= WITHIN_S
        rig.faults.refuse(20.0)
        rig.faults.private_drop()
        await rig.until(lambda: rig.stream() == "DOWN", "the stream down")
        assert any("STREAM" in words for words in rig.denials())
        rig.faults.fill(record.client_id)
        assert rig.record(record.client_id).filled == D("0.2")
        assert watch.bare > D("0.2")
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the rest")
        await rig.until_protected()
        await rig.until(lambda: last(rig).quantity - last(rig).stop.quantity < rig.rule.lot_size, "that it is shown")
        await rig.until(lambda: rig.stream() == "SYNCED", "everything compared")
        assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]
        assert len([order for order in rig.orders() if order.spec.side == "BUY"]) == 1
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f14_a_rest_that_fills_while_the_program_is_dead_is_protected_at_the_next_start(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, rate=RATE, stop_within_s=WITHIN_S, naked_alarm_s=WITHIN_S) as rig:
        record = await working(rig)
        rig.faults.partial_fill(record.client_id, "0.2")
        await rig.until_protected()
        await rig.stop_desk(close=False)
        (stop,) = rig.stops()
        rig.faults.fill(record.client_id)
        assert rig.stops() == [stop]  # it stands while nobody looks after it
        await rig.start_desk(settled=False)
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the rest")
        await rig.until_protected()
        assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]
        assert len([order for order in rig.orders() if order.spec.side == "BUY"]) == 1
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f14_the_stop_follows_every_part_that_fills(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=RATE, stop_within_s=WITHIN_S, naked_alarm_s=WITHIN_S) as rig:
        watch = StopWatch(rig)
        record = await working(rig)
        for _ in range(5):
            rig.faults.partial_fill(record.client_id, "0.1")
            await rig.until(lambda: watch.bare == 0, "a stop for all of it")
        await rig.until_protected()
        assert watch.longest_s <= WITHIN_S
        assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]
        await proven(rig)
