"""The rig's order path in a process of its own, on the exchange of the process that started it: a program to be killed.

It trades an entry to its close, then cancels a resting one, telling each step on standard output. With `door` it kills itself
(SIGKILL) when the broker is asked for its n-th change, before a byte is sent; with `disk` around the write of the first
entry's intent. The starting process kills it wherever else it likes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec

import core.trading.journal_writer
from core.clock import LiveClock
from core.trading.journal_writer import Disk
from tests.faults.order_rig import SYMBOL, OrderRig, SteppedClock, eased_gates

CHANGES = ("place", "place_pair", "replace", "amend", "cancel")
"""What a broker does to orders."""

DiskMoment = Literal["", "mid-write", "before-sync", "after-sync"]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do, as JSON in its first argument."""

    where: str
    folder: str
    rest: str
    stream: str
    rate: float
    now_ms: int
    at_s: float
    trading: dict[str, Any] = {}
    resting: bool = False
    door: int = 0
    disk: DiskMoment = ""


def die() -> None:
    """At once, with nothing said good-bye to."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingDisk(Disk):
    """Dies around the write that holds the first permission to send."""

    def __init__(self, moment: DiskMoment) -> None:
        self.moment = moment
        self._permits = False

    def write(self, fd: int, data: bytes) -> None:
        self._permits = b"journalled" in data
        if self._permits and self.moment == "mid-write":
            super().write(fd, data[: len(data) // 2])
            die()
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        if self._permits and self.moment == "before-sync":
            die()
        super().sync(fd)
        if self._permits and self.moment == "after-sync":
            die()


def doors(broker: Any, last: int) -> None:
    """Count what the broker is asked to change, and die at the `last` of it; 0: never."""
    seen = 0

    def guarded(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(*args: Any, **keywords: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == last:
                die()
            return await ask(*args, **keywords)

        return asked

    for name in CHANGES:
        setattr(broker, name, guarded(getattr(broker, name)))


async def session(orders: Orders) -> None:
    """The whole of it, as far as it is let live."""
    clock = LiveClock(orders.rate, orders.now_ms + int((time.monotonic() - orders.at_s) * orders.rate * 1000))
    category = orders.where.partition("-")[2]
    exchange: Any = SimpleNamespace(
        rest_url=orders.rest,
        stream_url=orders.stream,
        clock=clock,
        faults=SimpleNamespace(take_rest=lambda path, method="": None),
        accounts={category: SimpleNamespace(engine=None)},
    )
    rig = OrderRig(orders.where, exchange, SteppedClock(clock), Path(orders.folder), orders.trading, {})
    await rig.start_market()
    desk = await rig.start_desk()
    doors(desk.broker, orders.door)
    say("ready")
    if not orders.resting:
        record = await rig.entered()
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the fill")
        await rig.until(lambda: desk.trades.truth(SYMBOL).state == "VERIFIED", "the stop")
        say("protected")
        await desk.close_position(SYMBOL, Decimal(0))
        await rig.until(lambda: SYMBOL not in desk.book.open_symbols, "the close")
        await rig.until(lambda: SYMBOL not in desk.trades.planned(), "the end of the trade")
        say("closed")
        await rig.until(lambda: not rig.denials(resting=True), "another entry that every gate lets pass")
    record = await rig.entered(resting=True)
    await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
    say("resting")
    await desk.cancel_order(record.client_id)
    await rig.until(lambda: rig.record(record.client_id).state == "CANCELLED", "the cancel")
    say("done")
    await rig.stop()


def say(step: str) -> None:
    """Tell the starting process how far it came."""
    sys.stdout.write(step + "\n")
    sys.stdout.flush()


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    eased_gates(orders.rate)
    if orders.disk:
        core.trading.journal_writer.Disk = lambda: DyingDisk(orders.disk)  # type: ignore[assignment,misc]
    asyncio.run(session(orders))


if __name__ == "__main__":
    main()
