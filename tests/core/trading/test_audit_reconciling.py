"""What an audit asked of reconciliation: a gap while everything is compared is not healed by that comparison."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.trading.broker import AccountSnapshot
from tests.core.trading.order_office import Office
from tests.core.trading.test_reconciler import Bench


async def test_a_gap_during_a_comparison_is_healed_by_the_next_one_alone(tmp_path: Path) -> None:
    office = await Office.open(tmp_path)
    bench = Bench(office)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> AccountSnapshot:
        asked.set()
        await answer.wait()
        return bench.account

    office.broker.snapshot = slow  # type: ignore[method-assign]
    try:
        bench.reconciler.on_stream("UP", "")
        office.start(bench.reconciler.run())
        await asked.wait()
        bench.reconciler.on_stream("DOWN", "cut")
        bench.reconciler.on_stream("UP", "")
        orders = office.broker.count("open_orders")
        answer.set()
        await office.until(lambda: "SYNCED" in bench.risk.said)
        assert office.broker.count("open_orders") > orders
    finally:
        await office.close()
