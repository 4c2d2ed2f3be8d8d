"""F14 to F19 and F31: what fills is protected, what cannot be is told and closed, what is frozen is shown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import PositionStatus, TradeClosed
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig

D = Decimal
ALL = pytest.mark.parametrize("where", VENUES)


def last(rig: OrderRig) -> PositionStatus:
    return rig.of(PositionStatus)[-1]


async def protected(rig: OrderRig) -> str:
    record = await rig.entered()
    await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the fill")
    await rig.until_protected()
    return record.client_id


@ALL
async def test_f14_a_rest_that_fills_behind_a_cut_stream_is_protected_too(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        rig.faults.partial_fill(record.client_id, "0.2")
        await rig.until_protected()
        rig.faults.private_drop()
        rig.faults.fill(record.client_id)
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the rest")
        await rig.until_protected()
        assert rig.path.trades.truth(SYMBOL).quantity >= D("0.499")
        await rig.oracle()


@ALL
async def test_f15_dust_ends_the_trade(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        least = rig.rule.lot_size
        rig.faults.partial_fill(record.client_id, str(least))
        await rig.until(lambda: rig.record(record.client_id).filled > 0, "the part")
        await rig.path.cancel_order(record.client_id)
        if where.endswith("linear"):
            await rig.until_protected()
            return
        await rig.until(lambda: last(rig).closed, "the end of the trade")
        assert last(rig).dust > 0
        assert not rig.stops()
        await rig.oracle()


@ALL
async def test_f16_a_stop_refused_twice_is_naked_and_closed(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        code, text = (-2010, "Order would trigger immediately.") if where.startswith("bin") else (170204, "no")
        rig.faults.refuse_order(code, text, 2)
        rig.faults.fill(record.client_id)
        await rig.until(lambda: rig.path.trades.naked_count == 1, "naked")
        assert last(rig).stop.policy in ("close", "")
        await rig.until(lambda: rig.of(TradeClosed), "the close")
        assert rig.of(TradeClosed)[0].why == "NAKED"
        assert rig.held() < rig.rule.lot_size
        await rig.oracle()


@ALL
async def test_f16_a_stop_refused_once_rests_after_the_second_try(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        code, text = (-2010, "no") if where.startswith("bin") else (170204, "no")
        rig.faults.refuse_order(code, text, 1)
        rig.faults.fill(record.client_id)
        await rig.until_protected()
        assert "STOP_REFUSED" in rig.alarms()
        await rig.oracle()


@ALL
async def test_f17_a_stop_move_whose_create_fails_leaves_the_old_stop(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await protected(rig)
        before = rig.path.trades.truth(SYMBOL).price
        to = before + 20 * rig.rule.tick_size
        if where.startswith("bin"):
            rig.faults.refuse_order(-2010, "no", 1)
            assert await rig.path.move_stop(SYMBOL, to) == ""
            await rig.until(lambda: "STOP_MOVE_REFUSED" in rig.alarms(), "the refusal")
            await rig.until_protected()
            assert rig.path.trades.truth(SYMBOL).price == before
        else:  # moved in place: there is nothing to fail half-way
            assert await rig.path.move_stop(SYMBOL, to) == ""
            await rig.until(lambda: rig.path.trades.truth(SYMBOL).price == to, "the move")
        await rig.oracle()


@ALL
async def test_f18_a_stop_behind_a_gap_is_followed_by_a_market_order(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await protected(rig)
        rig.faults.gap_price(SYMBOL, 0.90)
        await rig.until(lambda: rig.of(TradeClosed), "the end")
        closed = rig.of(TradeClosed)[0]
        assert closed.why == ("STOP_UNFILLED" if where.startswith("bin") else "STOP")
        assert rig.held() < rig.rule.lot_size
        await rig.oracle()


@ALL
async def test_f19_a_stop_cancelled_on_the_website(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        rig.faults.cancel_elsewhere(stop.spec.client_id)
        await rig.until(lambda: "STOP_GONE" in rig.alarms(), "that it is gone")
        assert not rig.stops()
        await rig.until(lambda: rig.of(TradeClosed), "the policy")
        assert rig.of(TradeClosed)[0].why == "NAKED"
        await rig.oracle()


@ALL
async def test_f31_a_halted_symbol_is_frozen(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await protected(rig)
        rig.faults.halt_symbol(SYMBOL)
        await rig.rules.refresh()
        await rig.until(lambda: last(rig).frozen, "frozen")
        assert "does not trade" in await rig.path.close_position(SYMBOL, D(0))
        await rig.stop_desk()
        await rig.start_desk(settled=False)
        await rig.until(lambda: last(rig).frozen, "frozen again")
        rig.faults.halt_symbol(SYMBOL, False)
        await rig.rules.refresh()
        await rig.until_protected()
        await rig.oracle()
