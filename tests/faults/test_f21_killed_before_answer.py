"""F21: killed after the bytes left and before the answer came. The restart adopts what the venue has; nothing is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderStatus
from tests.faults.killed_rig import bought, left_by, recovered
from tests.faults.order_rig import USUAL, VENUES


@pytest.mark.parametrize("where", USUAL)
async def test_f21_a_resting_entry_is_adopted(where: str, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, resting=True, at=("after", 1)) as rig:
        (theirs,) = rig.orders()
        await rig.start_desk(settled=False)
        assert any(m.client_id == theirs.spec.client_id and m.state == "UNKNOWN" for m in rig.of(OrderStatus))
        await rig.until(lambda: rig.record(theirs.spec.client_id).state == "WORKING", "the order adopted")
        assert len(rig.orders()) == 1
        await rig.oracle()
        assert await rig.path.cancel_order(theirs.spec.client_id) == ""
        await rig.until(lambda: rig.record(theirs.spec.client_id).state == "CANCELLED", "the cancel")
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f21_a_filled_entry_is_adopted_and_protected(where: str, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, at=("after", 1)) as rig:
        assert rig.held() > 0
        await rig.start_desk(settled=False)
        await rig.until_protected()
        assert len(bought(rig)) == 1
        await rig.oracle()


@pytest.mark.parametrize(
    ("where", "number"),
    [(VENUES[0], 2), (VENUES[0], 3), (VENUES[0], 6), (VENUES[2], 2), (VENUES[2], 4), (VENUES[2], 7)],
)
async def test_f21_stops_closes_and_cancels_are_adopted_too(where: str, number: int, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, at=("after", number)) as rig:
        orders = len(rig.orders())
        await recovered(rig)
        again = [order for order in rig.orders()[orders:] if order.spec.side == "SELL"]
        assert len(again) <= 2, "a stop and its target at most, for what is still held"


@pytest.mark.parametrize("where", [VENUES[0], VENUES[2]])
async def test_f21_bytes_the_exchange_never_saw_are_not_sent_again(where: str, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, resting=True, at=("before", 1)) as rig:
        await recovered(rig)
        assert rig.orders() == []
        assert [r.state for r in rig.path.manager.orders.values()] == ["FAILED_CONFIRMED"]
