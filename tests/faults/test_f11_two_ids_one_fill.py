"""F11: one execution under two ids, one by the stream and one by REST, counts once and is shown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import Discrepancy, Execution, OrderAlarm, OrderStatus
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, order_rig

D = Decimal


def flagged(rig: OrderRig, client_id: str) -> list[OrderAlarm]:
    return [alarm for alarm in rig.of(OrderAlarm) if (alarm.code, alarm.client_id) == ("TWO_IDS_ONE_FILL", client_id)]


async def counted_once(rig: OrderRig, client_id: str) -> None:
    """Everything that adds up fills: the order, the position, the stop, the balances expected, the screen."""
    await rig.until(lambda: rig.record(client_id).unexplained == 0, "every execution")
    record = rig.record(client_id)
    assert record.filled == sum((fill.quantity for fill in record.fills), D(0)) == D("0.5")
    assert rig.path.book.positions[SYMBOL].entered == D("0.5")
    assert rig.path.book.positions[SYMBOL].quantity == rig.held()
    told = [message for message in rig.of(Execution) if message.client_id == client_id]
    assert sum(message.quantity for message in told) == D("0.5")
    (alarm,) = flagged(rig, client_id)
    assert client_id in alarm.text
    assert "counts once" in alarm.text
    shown = [message for message in rig.of(OrderStatus) if message.client_id == client_id][-1]
    assert shown.alarms == ("TWO_IDS_ONE_FILL",)
    assert not shown.quarantine
    await rig.until_protected()
    compared = rig.path.reconciler.settled_ms
    rig.path.reconciler.ask()
    await rig.until(lambda: rig.path.reconciler.settled_ms > compared, "the account compared")
    assert not [row for row in rig.of(Discrepancy) if not row.settled]
    assert rig.path.risk.standing.state == "ACTIVE"
    await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f11_the_stream_first_then_rest_under_another_id(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        rig.faults.private_other_ids(1)
        rig.faults.partial_fill(client_id, "0.2")
        await rig.until(lambda: rig.record(client_id).filled == D("0.2"), "the first part")
        rig.faults.private_drop()
        await rig.until(lambda: flagged(rig, client_id), "the second id told")
        assert rig.record(client_id).filled == D("0.2")
        await rig.until(lambda: rig.stream() == "SYNCED", "the stream again")
        rig.faults.fill(client_id)
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the rest")
        await counted_once(rig, client_id)


@pytest.mark.parametrize("where", USUAL)
async def test_f11_rest_first_then_the_late_stream_under_another_id(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        rig.faults.private_other_ids(1)
        rig.faults.private_delay(3.0)
        rig.faults.partial_fill(client_id, "0.2")
        rig.path.manager.stream_gap()
        await rig.until(lambda: rig.record(client_id).fills, "the first part by REST")
        await rig.until(lambda: flagged(rig, client_id), "the stream's late word")
        assert rig.record(client_id).filled == D("0.2")
        rig.faults.private_delay(0.0)
        rig.faults.fill(client_id)
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the rest")
        await counted_once(rig, client_id)
