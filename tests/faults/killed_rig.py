"""Start `order_process` on a rig's exchange, have it killed at a boundary, and go on in this process on what it left."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tests.faults.order_process import Orders
from tests.faults.order_rig import SYMBOL, OrderRig, order_rig

ROOT = Path(__file__).parents[2]
RATE = 20.0
WITHIN_S = 60.0
Moment = Literal["before", "after"]
"""Before the exchange carried the request out, or after that and before it answered."""


@contextlib.asynccontextmanager
async def left_by(
    where: str, folder: Path, *, at: tuple[Moment, int] | None = None, rate: float = RATE, **orders: Any
) -> AsyncIterator[OrderRig]:
    """A rig on what a killed process left; its order path is not yet started. `at`: killed at that request that changes
    orders, counted from 1 on; without it the process kills itself. A process that lives to its end is told by `lived`."""
    trading = {"answer_s": max(5.0, rate * 0.3), "reconcile_orders_s": 10.0} | orders.pop("trading", {})
    async with order_rig(where, folder, rate=rate, desk=False, **trading) as rig:
        clock = rig.exchange.clock
        plan = Orders(
            where=where, folder=str(folder), rest=rig.exchange.rest_url, stream=rig.exchange.stream_url, rate=rate,
            now_ms=clock.now_ms(), at_s=time.monotonic(), trading=trading, **orders,
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.order_process", msgspec.json.encode(plan).decode(),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        if at is not None:
            _kill_at(rig, process, *at)
        try:
            async with asyncio.timeout(WITHIN_S):
                out, err = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode == -signal.SIGKILL, f"it ended with {process.returncode}: {out!r} {err.decode()}"
        yield rig


def _kill_at(rig: OrderRig, process: asyncio.subprocess.Process, moment: Moment, number: int) -> None:
    answer, seen = rig.faults.answer, 0

    async def killing(request: Request, act: Any) -> Response:
        nonlocal seen
        if request.method == "GET" or "order" not in request.url.path:
            return await answer(request, act)
        seen += 1
        if seen != number:
            return await answer(request, act)
        rig.faults.private_freeze(10.0)  # the private stream would tell it before it dies
        if moment == "after":
            act()
        process.kill()
        return Response(status_code=503)

    rig.faults.answer = killing  # type: ignore[method-assign]


async def recovered(rig: OrderRig) -> None:
    """The order path starts on what was left, and comes to the exchange's truth: all that is held is covered or sold, and
    nothing is bought."""
    before = bought(rig)
    await rig.start_desk(settled=False)
    await rig.until_settled()
    await rig.until(lambda: rig.path.reconciler.settled_ms > 0 and rig.stream() == "SYNCED", "everything compared")

    def safe() -> bool:
        held = rig.held() >= rig.rule.lot_size
        return rig.path.trades.truth(SYMBOL).state == "VERIFIED" if held else not rig.stops()

    await rig.until(safe, "a position that is covered or closed")
    await rig.oracle()
    assert bought(rig) == before
    assert rig.held() >= 0


def bought(rig: OrderRig) -> list[str]:
    """Client ids of the exchange's orders that buy."""
    return [order.spec.client_id for order in rig.orders() if order.spec.side == "BUY"]
