"""F15: what is too little to protect or to sell ends its trade as dust, is told, and is not tried over and over."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import TradeClosed
from tests.faults.order_rig import KEY, SYMBOL, USUAL, order_rig
from tests.faults.stop_watch import last, passed, protected, proven, sells, working

D = Decimal
SPOT = ["binance_us-spot", "bybit-spot"]


@pytest.mark.parametrize("where", SPOT)
async def test_f15_an_entry_that_leaves_only_dust_ends_its_trade(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0) as rig:
        record = await working(rig)
        part = rig.rule.lot_size * 3
        assert part * record.intent.spec.price < rig.rule.min_notional
        rig.faults.partial_fill(record.client_id, str(part))
        await rig.until(lambda: rig.record(record.client_id).filled == part, "the part")
        truth = rig.path.trades.truth(SYMBOL)
        assert truth.state == "NONE"
        assert "too little for a stop or a sale" in truth.text
        begun = len(rig.requests)
        assert await rig.path.cancel_order(record.client_id) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        (closed,) = rig.of(TradeClosed)
        assert closed.why == "DUST"
        assert last(rig).closed
        assert 0 < last(rig).dust <= part
        await passed(rig, 60.0)
        assert rig.requested(f"POST {rig.place}", begun) == 0
        assert not sells(rig)
        assert rig.path.trades.truth(SYMBOL).state == "NONE"
        await rig.until(lambda: not rig.denials(), "entries again")
        await proven(rig)
        dust = last(rig).dust
        await rig.stop_desk(close=False)
        begun = len(rig.requests)
        await rig.start_desk()
        assert not rig.path.trades.held()
        assert len(rig.of(TradeClosed)) == 1
        assert rig.requested(f"POST {rig.place}", begun) == 0
        await rig.entered(quantity="0.4")
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "the next position's stop")
        assert sum(stop.spec.quantity for stop in rig.stops()) <= D("0.4")  # nothing of the dust is in it
        assert rig.held() - rig.path.trades.truth(SYMBOL).quantity >= dust
        await rig.oracle()


async def test_f15_a_stop_that_leaves_dust_is_taken_away(tmp_path: Path) -> None:
    """Where stops are limit orders, a stop that has come to life may fill all but a little."""
    async with order_rig("binance_us-spot", tmp_path, rate=20.0) as rig:
        await protected(rig)
        (stop,) = rig.stops()
        rig.faults.hold_fills(SYMBOL)
        rig.faults.gap_price(SYMBOL, 0.95)
        rig.faults.partial_fill(stop.spec.client_id, str(stop.spec.quantity - rig.rule.lot_size * 2))
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        (closed,) = rig.of(TradeClosed)
        assert closed.why == "STOP"
        assert rig.rule.lot_size * 2 <= last(rig).dust < rig.rule.lot_size * 3
        begun = len(rig.requests)
        await passed(rig, 60.0)
        assert not rig.engine.open_orders(KEY)
        assert rig.requested(f"POST {rig.place}", begun) == 0
        assert len([order for order in sells(rig) if order.filled]) == 1
        await proven(rig)


@pytest.mark.parametrize("where", USUAL)
async def test_f15_dust_waits_for_an_entry_that_still_works(where: str, tmp_path: Path) -> None:
    """A first fill too small for a stop is covered together with what fills next."""
    async with order_rig(where, tmp_path, rate=20.0) as rig:
        record = await working(rig)
        rig.faults.partial_fill(record.client_id, str(rig.rule.lot_size))
        await rig.until(lambda: rig.record(record.client_id).filled > 0, "the first part")
        await passed(rig, 10.0)
        assert rig.path.trades.truth(SYMBOL).state == ("VERIFIED" if where == "bybit-linear" else "NONE")
        assert not rig.of(TradeClosed)
        rig.faults.fill(record.client_id)
        await rig.until_protected()
        await proven(rig)


async def test_f15_on_perpetuals_nothing_is_too_small_to_close(tmp_path: Path) -> None:
    """What only reduces has no least value there: one lot gets its stop, and is sold."""
    async with order_rig("bybit-linear", tmp_path, rate=20.0) as rig:
        record = await working(rig)
        rig.faults.partial_fill(record.client_id, str(rig.rule.lot_size))
        assert await rig.path.cancel_order(record.client_id) == ""
        await rig.until_protected()
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        assert rig.of(TradeClosed)[0].why == "OPERATOR"
        assert last(rig).dust == 0
        assert rig.held() == 0
        await proven(rig)
