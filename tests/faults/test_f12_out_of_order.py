"""F12: reports in the wrong order. The cumulative quantity decides, and an order told to be cancelled may still turn out filled."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import OrderAlarm
from core.trading.evidence import Moved
from core.trading.order_record import OrderRecord
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, order_rig

D = Decimal


def moves(rig: OrderRig) -> list[Moved]:
    """Every move of every order from now on."""
    found: list[Moved] = []
    rig.path.manager.observe(lambda _, effect: found.append(effect) if isinstance(effect, Moved) else None)
    return found


def filled_sizes(rig: OrderRig) -> list[Decimal]:
    """The filled quantity of the entry after each effect from now on."""
    found: list[Decimal] = []

    def note(record: OrderRecord, _effect: object) -> None:
        if record.intent.purpose == "ENTRY":
            found.append(record.filled)

    rig.path.manager.observe(note)
    return found


async def ends_filled(rig: OrderRig, client_id: str, sizes: list[Decimal]) -> None:
    await rig.until(lambda: rig.record(client_id).state == "FILLED", "the fill")
    await rig.until(lambda: rig.record(client_id).unexplained == 0, "every execution")
    await rig.until_protected()
    record = rig.record(client_id)
    assert record.filled == D("0.5")
    assert sizes == sorted(sizes), "the filled quantity went back"
    assert rig.path.book.positions[SYMBOL].quantity == rig.held()
    await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f12_filled_is_told_before_new(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0) as rig:
        sizes, seen = filled_sizes(rig), moves(rig)
        rig.faults.delay_answer(f"POST {rig.place}", 3.0)
        rig.faults.private_reorder(4)
        client_id = (await rig.entered()).client_id
        await ends_filled(rig, client_id, sizes)
        after = [move.after for move in seen if move.client_id == client_id]
        assert after[after.index("FILLED") :] == ["FILLED"], "nothing told later moved it from its end"
        assert not rig.record(client_id).quarantine


@pytest.mark.parametrize("where", USUAL)
async def test_f12_new_told_again_after_filled_changes_nothing(where: str, tmp_path: Path) -> None:
    """The answer, made when the order was new, comes long after the stream's word of the fill."""
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, answer_s=2.0) as rig:
        sizes, seen = filled_sizes(rig), moves(rig)
        rig.faults.hold_fills(SYMBOL, 3.0)
        rig.faults.delay_answer(f"POST {rig.place}", 8.0)
        client_id = (await rig.entered()).client_id
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the fill while the answer is on its way")
        answered = [piece for piece in rig.record(client_id).evidence if type(piece).__name__ == "Acknowledged"]
        assert not answered, "the answer came first: nothing was proven"
        await rig.until(
            lambda: (
                any(type(piece).__name__ == "Acknowledged" for piece in rig.record(client_id).evidence)
                or rig.record(client_id).repeats > 0
            ),
            "the late answer",
        )
        await ends_filled(rig, client_id, sizes)
        after = [move.after for move in seen if move.client_id == client_id]
        assert after[after.index("FILLED") :] == ["FILLED"]


@pytest.mark.parametrize("where", USUAL)
async def test_f12_cancelled_and_then_a_partial_fill_from_before_the_cancel(where: str, tmp_path: Path) -> None:
    """The part that filled before the cancel is told after it: it counts, and gets its stop."""
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        sizes = filled_sizes(rig)
        rig.faults.private_delay(2.0)
        rig.faults.partial_fill(client_id, "0.2")
        assert await rig.path.cancel_order(client_id) == ""
        rig.faults.private_delay(0.0)
        await rig.until(lambda: rig.record(client_id).state == "CANCELLED", "the cancel")
        await rig.until(lambda: rig.record(client_id).filled == D("0.2"), "the part")
        await rig.until(lambda: rig.record(client_id).unexplained == 0, "its execution")
        await rig.until_protected()
        assert sizes == sorted(sizes)
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f12_cancelled_and_then_filled_is_legal_counts_and_is_told(where: str, tmp_path: Path) -> None:
    """The venue says CANCELED and fills the order all the same, as an end told too early does."""
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        seen, sizes = moves(rig), filled_sizes(rig)
        rig.faults.cancel_elsewhere(client_id)
        await rig.until(lambda: rig.record(client_id).state == "CANCELLED", "the cancel")
        rig.faults.fill(client_id)
        await ends_filled(rig, client_id, sizes)
        assert [(m.before, m.after) for m in seen if m.client_id == client_id][-1] == ("CANCELLED", "FILLED")
        alarm = next(one for one in rig.of(OrderAlarm) if one.code == "FILLED_AFTER_END")
        assert client_id in alarm.text
        assert "the fill counts" in alarm.text
