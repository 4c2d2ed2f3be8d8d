"""The order path without a fault: an entry fills, its stop rests, it is closed; the exchange's books agree with ours."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import TradeClosed
from tests.faults.order_rig import SYMBOL, VENUES, order_rig


@pytest.mark.parametrize("where", VENUES)
async def test_a_trade_from_entry_to_close(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered()
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the fill")
        await rig.until_protected()
        await rig.oracle()
        assert await rig.path.close_position(SYMBOL, Decimal(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        await rig.until_settled()
        assert not rig.stops()
        assert rig.held() < rig.rule.lot_size
        await rig.oracle()
        rig.no_secret_anywhere()


@pytest.mark.parametrize("where", VENUES)
async def test_a_resting_entry_is_cancelled(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        assert await rig.path.cancel_order(record.client_id) == ""
        await rig.until(lambda: rig.record(record.client_id).state == "CANCELLED", "the cancel")
        assert await rig.path.cancel_order(record.client_id) != ""
        await rig.until_settled()
        await rig.oracle()
