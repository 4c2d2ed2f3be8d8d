"""Keys, rights or an address the venue refuses: told once, in words, and once when it takes them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderAlarm
from tests.faults.order_rig import VENUES, order_rig

REFUSALS = {
    "binance_us": ("GET /api/v3/openOrders", 401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions."}'),
    "bybit": (
        "/v5/order/realtime",
        200,
        '{"retCode":10003,"retMsg":"Invalid apikey","result":{},"retExtInfo":{},"time":1}',
    ),
}


@pytest.mark.parametrize("where", [VENUES[0], VENUES[2]])
async def test_a_refused_account_is_told_once_and_once_when_it_is_back(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=1.0) as rig:
        rig.faults.fail_after(*REFUSALS[rig.venue], 3)
        rig.path.reconciler.ask()
        await rig.until(lambda: "ACCOUNT_READ" in rig.alarms(), "word that the account is back")
        told = [alarm for alarm in rig.of(OrderAlarm) if alarm.code.startswith("ACCOUNT_")]
        assert [alarm.code for alarm in told] == ["ACCOUNT_REFUSED", "ACCOUNT_READ"]
        for part in (
            rig.path.broker.account,
            "cannot be read",
            "check the keys",
            "apikey" if rig.venue == "bybit" else "-2015",
        ):
            assert part in told[0].text
        await rig.oracle()
        rig.no_secret_anywhere()
