"""F13: the venue fills more than was ordered. It is the truth: recorded, protected, alarmed, and entries halted."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import AccountStatus, Execution, OrderAlarm, OrderStatus, TradeClosed
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, order_rig

D = Decimal


async def beyond_is_true(rig: OrderRig, client_id: str, total: Decimal) -> None:
    """Everything that fills add up to says so, and no entry passes."""
    await rig.until(lambda: rig.record(client_id).filled == total, "the over-fill")
    await rig.until(lambda: rig.record(client_id).unexplained == 0, "its executions")
    record = rig.record(client_id)
    assert (record.state, record.quarantine) == ("FILLED", "OVERFILL")
    assert sum(m.quantity for m in rig.of(Execution) if m.client_id == client_id) == total
    await rig.until(lambda: rig.path.book.positions[SYMBOL].quantity == rig.held(), "all of it in the position")

    assert rig.path.risk.standing.state == "HALTED"
    alarm = [one for one in rig.of(OrderAlarm) if one.code == "OVERFILL"][-1]
    assert (alarm.client_id, alarm.symbol, alarm.severity) == (client_id, SYMBOL, "error")
    assert f"filled {total} of 0.5" in alarm.text
    assert "entries are halted until someone has looked" in alarm.text
    shown = [one for one in rig.of(OrderStatus) if one.client_id == client_id][-1]
    assert (shown.filled, shown.quarantine) == (total, "OVERFILL")
    await rig.until(lambda: rig.of(AccountStatus)[-1].state == "HALTED", "the halt on the screen")
    assert any("OVERFILL" in cause and client_id in cause for cause in rig.of(AccountStatus)[-1].causes)
    assert any("HALTED" in words for words in rig.denials(symbol=SYMBOL))
    denied = await rig.enter(resting=True)
    assert not denied.sent
    await rig.until_protected()


async def ends_well(rig: OrderRig, client_id: str) -> None:
    """The oracle of every row, but for the one quantity the exchange itself filled beyond."""
    await rig.until_settled()
    assert not rig.disagreements()
    assert len(rig.at_exchange(client_id)) == 1
    assert rig.bus.handler_errors == 0
    await rig.until(lambda: not rig.journal_differences(), "the journal")


@pytest.mark.parametrize("where", USUAL)
async def test_f13_a_resting_entry_is_filled_beyond_its_quantity(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        rig.faults.overfill(client_id, "0.1")
        await beyond_is_true(rig, client_id, D("0.6"))
        await ends_well(rig, client_id)

        await rig.stop_desk()
        await rig.start_desk(settled=False)  # the halt is latched, and the truth survives
        await rig.until(lambda: rig.path.reconciler.settled_ms > 0, "everything compared")
        assert rig.path.risk.standing.state == "HALTED"
        assert rig.record(client_id).filled == D("0.6")
        await rig.until_protected()

        assert await rig.path.close_position(SYMBOL, D(0)) == ""  # an exit is no entry
        await rig.until(lambda: rig.of(TradeClosed), "the close of all of it")
        assert rig.held() < rig.rule.lot_size
        await ends_well(rig, client_id)


@pytest.mark.parametrize("where", USUAL)
async def test_f13_a_filled_entry_grows_without_the_stream(where: str, tmp_path: Path) -> None:
    """The second fill comes only by REST, long after the order was over."""
    async with order_rig(where, tmp_path) as rig:
        client_id = (await rig.entered()).client_id
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the fill")
        await rig.until_protected()
        rig.faults.private_freeze(5.0)
        rig.faults.overfill(client_id, "0.1")
        await beyond_is_true(rig, client_id, D("0.6"))
        await ends_well(rig, client_id)
