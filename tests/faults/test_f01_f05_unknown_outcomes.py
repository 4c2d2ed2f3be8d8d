"""F01 to F05: an order without an answer is unknown, is asked about, and is never sent again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import OrderStatus
from core.trading.evidence import Moved
from tests.faults.order_rig import SYMBOL, USUAL, VENUES, OrderRig, order_rig

READS = {
    "binance_us": ("GET /api/v3/order", "/api/v3/openOrders", "/api/v3/myTrades"),
    "bybit": ("/v5/order/realtime", "/v5/order/history", "/v5/execution/list"),
}
"""Everything that could tell what became of an order."""
SERVER_ERRORS = {
    "binance_us": ((503, ""), (400, '{"code":-1007,"msg":"Timeout waiting."}'), (400, '{"code":-1006,"msg":"x"}')),
    "bybit": ((502, ""), (200, '{"retCode":10000,"retMsg":"Timeout","result":{},"retExtInfo":{},"time":1}')),
}


def sends(rig: OrderRig) -> int:
    """Orders the exchange was sent, whatever became of them."""
    return len(rig.orders())


async def unknown(rig: OrderRig, client_id: str) -> None:
    await rig.until(
        lambda: any(m.client_id == client_id and m.state == "UNKNOWN" for m in rig.of(OrderStatus)), "the order unknown"
    )


@pytest.mark.parametrize("where", USUAL)
async def test_f01_an_accepted_order_without_an_answer_is_adopted(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, answer_s=2.0) as rig:
        rig.faults.lose_answer(f"POST {rig.place}", 1)
        rig.faults.private_freeze(60.0)
        record = await rig.entered(resting=True)
        await unknown(rig, record.client_id)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order adopted")
        assert sends(rig) == 1
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f02_an_accepted_and_filled_order_without_an_answer_is_adopted_with_its_fills(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0) as rig:
        rig.faults.lose_answer(f"POST {rig.place}", 1)
        rig.faults.private_freeze(20.0)
        record = await rig.entered()
        await unknown(rig, record.client_id)
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the fill adopted")
        await rig.until(lambda: rig.record(record.client_id).unexplained == 0, "its executions")
        await rig.until_protected()
        assert len([o for o in rig.orders() if o.spec.side == "BUY"]) == 1
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f03_an_order_that_never_arrived_is_proven_so_by_three_channels(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, rate=20.0) as rig:
        rig.faults.lose_request(f"POST {rig.place}", 1)
        began_ms = rig.clock.now_ms()
        record = await rig.entered(resting=True)
        await unknown(rig, record.client_id)
        assert SYMBOL in rig.path.manager.locked_symbols()
        assert any("LOCKS" in words for words in rig.denials())
        await rig.until(lambda: rig.record(record.client_id).state == "FAILED_CONFIRMED", "the proof")
        assert rig.clock.now_ms() - began_ms >= 30_000
        assert sends(rig) == 0
        await rig.until(lambda: not any("LOCKS" in words for words in rig.denials()), "entries again")
        await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
        again = await rig.entered(resting=True)
        assert again.client_id != record.client_id
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f04_while_nobody_answers_it_stays_unknown_and_the_symbol_locked(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=30.0, answer_s=6.0, unknown_alarm_s=60.0) as rig:
        rig.faults.lose_answer(f"POST {rig.place}", 1)
        for path in READS[rig.venue]:
            rig.faults.rest_error(503, -1, path)
        rig.faults.private_freeze(900.0)
        record = await rig.entered(resting=True)
        await unknown(rig, record.client_id)
        began_ms = rig.clock.now_ms()
        await rig.until(lambda: rig.alarms(), "an alarm")
        await rig.until(lambda: rig.clock.now_ms() - began_ms > 150_000, "five times what a proof takes")
        assert rig.record(record.client_id).state == "UNKNOWN"
        assert any("LOCKS" in words for words in rig.denials())
        assert sends(rig) == 1
        rig.faults.clear()
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the truth at last")
        await rig.oracle()


@pytest.mark.parametrize(
    ("where", "status", "body"),
    [
        pytest.param(where, *error, marks=[pytest.mark.slow] if where == "bybit-spot" else [])
        for where in VENUES
        for error in SERVER_ERRORS[where.partition("-")[0]]
    ],
)
async def test_f05_a_servers_error_after_the_order_was_taken_is_no_refusal(
    where: str, status: int, body: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0) as rig:
        rig.faults.fail_after(f"POST {rig.place}", status, body, 1)
        rig.faults.private_freeze(30.0)
        moves: list[Moved] = []
        rig.path.manager.observe(lambda _, effect: moves.append(effect) if isinstance(effect, Moved) else None)
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order adopted")
        assert "UNKNOWN" in [move.after for move in moves]
        assert "REJECTED" not in [move.after for move in moves]
        assert sends(rig) == 1
        await rig.oracle()
        assert rig.held() == Decimal(0)
