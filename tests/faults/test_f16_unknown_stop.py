"""F16 where the answer to a stop is no answer: it is asked about, never doubled, and its position is naked until it is known."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import OrderStatus, PositionStatus
from tests.faults.order_rig import SYMBOL, order_rig
from tests.faults.stop_watch import StopWatch, alarm, ended, last, passed, proven, sells, working

D = Decimal
CREATE = {"binance_us": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
"""Everything that places a stop: pairs too."""


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f16_a_stop_whose_answer_is_lost_is_found_and_not_doubled(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=20.0, stop_within_s=60.0, naked_alarm_s=90.0) as rig:
        watch, record = StopWatch(rig), await working(rig)
        rig.faults.private_freeze()
        rig.faults.lose_answer(CREATE[rig.venue])
        rig.faults.fill(record.client_id)
        await rig.until(lambda: any(one.state == "UNKNOWN" for one in rig.of(OrderStatus)), "the unknown stop")
        await rig.until_protected()
        assert len(rig.stops()) == 1
        assert watch.longest_s <= 60.0
        assert not [status for status in rig.of(PositionStatus) if status.stop.state == "NAKED"]
        assert "STOP_REFUSED" not in rig.alarms()
        await proven(rig)


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f16_a_stop_that_never_arrived_leaves_its_position_naked_and_closed(where: str, tmp_path: Path) -> None:
    """On spot nothing is sold while the stop may yet lock the coins; on perpetuals a sale that only reduces is sent at once."""
    async with order_rig(where, tmp_path, rate=20.0) as rig:
        record = await working(rig)
        rig.faults.rest_error(503, 1, CREATE[rig.venue])
        rig.faults.fill(record.client_id)
        await rig.until(lambda: "NAKED" in rig.alarms(), "the end of the countdown")
        if where == "bybit-linear":
            closed = await ended(rig)
        else:
            await rig.until(lambda: "CLOSE_BLOCKED" in rig.alarms(), "that it cannot be sold yet")
            assert "(UNKNOWN) may still fill; resolve or cancel it" in alarm(rig, "CLOSE_BLOCKED").text
            assert (last(rig).stop.state, last(rig).stop.policy) == ("NAKED", "closing")
            assert not sells(rig)
            closed = await ended(rig)
        assert closed.why == "NAKED"
        await passed(rig, 40.0)
        assert len([order for order in sells(rig) if order.filled]) == 1
        assert not rig.stops()
        await proven(rig)


async def test_f16_a_short_position_is_protected_and_stopped_above(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, rate=20.0) as rig:
        bid = D(repr(rig.quotes[SYMBOL].bid))
        tick = rig.rule.tick_size
        entry, stop, target = (bid * D(part) // tick * tick for part in ("0.998", "1.04", "0.88"))
        await rig.entered(side="SELL", entry=entry, stop=stop, targets=(target,))
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop")
        (order,) = [one for one in rig.orders(open_only=True) if one.spec.stop_price]
        assert (order.spec.side, order.spec.stop_price, order.spec.reduce_only) == ("BUY", stop, True)
        assert last(rig).side == "SELL"
        rig.faults.gap_price(SYMBOL, 1.06)
        closed = await ended(rig)
        assert closed.why == "STOP"
        assert closed.result < 0
        await proven(rig)
