"""F09: what waits in the queue longer than the venue's receive window is signed when it leaves, and is never sent stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from providers.bybit.signing import RECV_WINDOW_MS
from tests.faults.order_rig import USUAL, D, OrderRig, order_rig

PLACES = ("/api/v3/order", "/api/v3/order/oco", "/v5/order/create")


def noted_ages(rig: OrderRig) -> list[int]:
    """How old the signature of each order was when it came in, ms of the exchange's clock, from now on."""
    ages: list[int] = []
    answer = rig.faults.answer

    async def noted(request: Request, act: Any) -> Response:
        if request.method == "POST" and request.url.path in PLACES:
            stamp = request.query_params.get("timestamp") or request.headers["x-bapi-timestamp"]
            ages.append(rig.accounts.feed.now_ms() - int(stamp))
        return await answer(request, act)

    rig.faults.answer = noted  # type: ignore[method-assign]
    return ages


async def fill_budget(rig: OrderRig) -> None:
    """Nothing may place an order for longer than the receive window (on Bybit with `fill_again`)."""
    budget = rig.path.broker._rest.budget  # type: ignore[attr-defined]
    if rig.venue == "binance_us":  # windows of ten seconds, aligned
        await rig.until(lambda: 1_500 < rig.clock.now_ms() % 10_000 < 3_500, "the early part of a window")
        limit = budget.limits["ORDERS 10S"]
        limit.take(limit.limit)
    else:  # five seconds that slide
        budget._address.take(budget._address.limit)


async def fill_again(rig: OrderRig, began: float) -> None:
    """Bybit's window is as long as the receive window: it fills up once more while the order waits."""
    if rig.venue == "bybit":
        await rig.until(lambda: rig.clock.monotonic() - began > 3.0, "a part of the window")
        address = rig.path.broker._rest.budget._address  # type: ignore[attr-defined]
        address.take(address.limit)


@pytest.mark.parametrize("where", USUAL)
async def test_f09_a_stop_that_waited_for_the_budget_is_signed_when_it_leaves(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, answer_s=15.0, stop_within_s=30.0, naked_alarm_s=60.0) as rig:
        entry = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(entry.client_id).state == "WORKING", "the order in the book")
        ages = noted_ages(rig)
        await fill_budget(rig)
        begun, began = len(rig.requests), rig.clock.monotonic()
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: [r for r in rig.path.manager.orders.values() if r.state == "SENT"], "a stop that waits")
        await fill_again(rig, began)
        await rig.until(lambda: rig.stops(), "the stop")
        assert (rig.clock.monotonic() - began) * 1000 > RECV_WINDOW_MS, "it did not wait long enough to prove anything"
        placed = [asked for _, asked in rig.requests[begun:] if asked.partition(" ")[2] in PLACES and asked[0] == "P"]
        stops = [order for order in rig.orders() if order.spec.type.startswith("STOP")]
        assert len(stops) == 1
        assert len(placed) == len(ages), "an order was refused for its timestamp"
        assert max(ages) < RECV_WINDOW_MS - 1_000
        assert rig.path.broker._rest.resigned == 0  # type: ignore[attr-defined]
        await rig.until_protected()
        assert sum((order.spec.quantity for order in rig.stops()), D(0)) <= entry.spec.quantity
        await rig.oracle()
