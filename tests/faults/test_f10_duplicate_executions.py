"""F10: an execution told again and again, by the stream and then by REST, counts once; the repeats are counted."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import Discrepancy, Execution
from core.trading.evidence import FilledChanged, NewFill
from core.trading.order import Fill
from tests.faults.order_rig import SYMBOL, USUAL, order_rig

TRADES = {"binance_us": "GET /api/v3/myTrades", "bybit": "GET /v5/execution/list"}
D = Decimal


@pytest.mark.parametrize("where", USUAL)
async def test_f10_a_doubled_execution_counts_once_by_stream_and_by_rest(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        client_id = (await rig.entered(resting=True)).client_id
        await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
        fills: list[Fill] = []
        grown: list[Decimal] = []
        rig.path.manager.observe(lambda _, effect: fills.append(effect.fill) if isinstance(effect, NewFill) else None)
        rig.path.manager.observe(
            lambda record, effect: (
                grown.append(effect.quantity)
                if isinstance(effect, FilledChanged) and record.client_id == client_id
                else None
            )
        )
        before = rig.record(client_id).repeats
        rig.faults.private_duplicate(-1)
        rig.faults.partial_fill(client_id, "0.2")
        await rig.until_protected()
        told_twice = rig.record(client_id).repeats
        assert told_twice > before

        since = len(rig.requests)
        rig.faults.private_drop()
        await rig.until(lambda: rig.requested(TRADES[rig.venue], since) > 0, "the trades asked for after the gap")
        await rig.until(lambda: rig.record(client_id).repeats > told_twice, "the same trade by REST")
        assert rig.record(client_id).filled == D("0.2")

        await rig.until(lambda: rig.stream() == "SYNCED", "the stream again")
        rig.faults.fill(client_id)
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the rest")
        await rig.until_protected()
        mine = [message for message in rig.of(Execution) if message.client_id == client_id]
        assert [message.quantity for message in mine] == [D("0.2"), D("0.3")]
        assert [fill.quantity for fill in fills if fill.client_id == client_id] == [D("0.2"), D("0.3")]
        assert grown == [D("0.2"), D("0.3")]
        assert rig.path.book.positions[SYMBOL].entered == D("0.5")
        assert rig.path.book.positions[SYMBOL].quantity == rig.held()
        assert not rig.record(client_id).anomalies
        assert not [row for row in rig.of(Discrepancy) if not row.settled]
        await rig.oracle()
