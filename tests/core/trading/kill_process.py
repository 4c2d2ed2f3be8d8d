"""Runs a session of orders again and again, killing it (SIGKILL) one boundary later each time, and tells what a restart finds.

Boundaries: before, amid and after each write to the journal, before and after each sync, before and after the bytes of each
request are on the wire. The wire is a file: what stands in it has reached the venue. One line of JSON per run.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from core.clock import SimClock
from core.trading.authority import Permit
from core.trading.broker import Cancelled, OrderKey, Placed
from core.trading.journal_records import Note
from core.trading.journal_writer import Disk
from core.trading.order import OrderSpec
from tests.core.risk.views import NOW
from tests.core.trading.fake_broker import FakeBroker
from tests.core.trading.order_office import D, Office

LIMIT = 500
"""More boundaries than a session has: a run without an end is a failure."""


class Boundaries:
    """Counts what it is told, from any thread, and kills this process at the `last` one; 0: never."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._seen += 1
            if self._seen == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


class KillingDisk(Disk):
    """A disk with a boundary around and inside everything it does."""

    def __init__(self, boundary: Callable[[], None]) -> None:
        self._boundary = boundary

    def write(self, fd: int, data: bytes) -> None:
        self._boundary()
        super().write(fd, data[: len(data) // 2])
        self._boundary()
        super().write(fd, data[len(data) // 2 :])
        self._boundary()

    def sync(self, fd: int) -> None:
        self._boundary()
        super().sync(fd)
        self._boundary()


class WireBroker(FakeBroker):
    """A venue whose truth is the file of what was sent to it. Purchases fill at once."""

    def __init__(self, clock: SimClock, wire: Path, boundary: Callable[[], None]) -> None:
        super().__init__(clock)
        self._wire = wire
        self._boundary = lambda: None
        for line in wire.read_text().splitlines() if wire.exists() else ():
            sent = json.loads(line)
            if sent["op"] == "cancel":
                self.ends(sent["id"])
                continue
            spec = msgspec.convert(sent["spec"], OrderSpec)
            if sent["op"] == "place":
                self._hold(spec)
            else:
                self.held[sent["id"]] = msgspec.structs.replace(self.held[sent["id"]], spec=spec)
        self._boundary = boundary

    def _send(self, op: str, client_id: str, spec: OrderSpec | None = None) -> None:
        line = json.dumps({"op": op, "id": client_id, "spec": msgspec.to_builtins(spec)})
        self._boundary()
        with self._wire.open("a") as file:
            file.write(line + "\n")
        self._boundary()

    def _take(self, spec: OrderSpec) -> Placed:
        self._send("place", spec.client_id, spec)
        return self._hold(spec)

    def _hold(self, spec: OrderSpec) -> Placed:
        placed = super()._take(spec)
        if spec.side == "SELL":
            return placed
        return Placed(order_id=placed.order_id, reports=(self.fill(spec.client_id, str(spec.quantity)),))

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        self._send("amend", key.client_id, spec)
        return await super().amend(permit, key, spec)

    async def cancel(self, key: OrderKey) -> Cancelled:
        self._send("cancel", key.client_id)
        return await super().cancel(key)


async def session(folder: Path, last: int) -> None:
    """An entry that fills, its stop, the stop amended, the stop cancelled."""
    boundary = Boundaries(last)
    broker = WireBroker(SimClock(NOW), folder / "wire", boundary)
    office = await Office.open(folder, broker, disk=KillingDisk(boundary))
    bought = await office.send(office.entry("open"))
    assert bought.record is not None
    office.gates.position = D(10)
    stop = await office.manager.submit(office.stop(bought.record.client_id, "10", intent_id="protect"))
    assert stop.record is not None
    await office.manager.amend(stop.record.client_id, stop_price=D("99.5"), price=D("98.5"))
    await office.manager.cancel(stop.record.client_id)
    await office.journal.append(Note(at_ms=NOW, code="END", text=""))


async def recovery(folder: Path) -> dict[str, Any]:
    """What a restart a minute later makes of it; it also tries to do everything again while outcomes are unknown."""
    clock = SimClock(NOW + 60_000)
    broker = WireBroker(clock, folder / "wire", lambda: None)
    office = await Office.open(folder, broker)
    unknown = [record.intent.intent_id for record in office.manager.unknown]
    again = [(await office.send(office.entry(intent_id))).sent for intent_id in unknown]
    for _ in range(400):
        await clock.advance(0.25)
        if all(not _open_question(office, name) for name in office.manager.orders):
            break
    orders = {
        name: {
            "state": record.state, "intent": record.intent.intent_id, "quarantine": record.quarantine,
            "filled": str(record.filled), "stop_price": str(record.spec.stop_price),
        }
        for name, record in office.manager.orders.items()
    }  # fmt: skip
    held = {name: report.status for name, report in broker.held.items()}
    triggers = {name: str(report.spec.stop_price) for name, report in broker.held.items()}
    told = {"unknown": unknown, "again": again, "orders": orders, "held": held, "triggers": triggers}
    await office.close()
    return told | {"alarms": office.alarms()}


def _open_question(office: Office, name: str) -> bool:
    record = office.record(name)
    held = office.broker.held.get(name)
    unseen = held is not None and record.spec != held.spec
    return record.state == "UNKNOWN" or record.unexplained > 0 or unseen or record.state == "CANCEL_PENDING"


def in_child(work: Callable[[], None]) -> bool:
    """Run it in a forked child; False when that was killed. The imports are paid once, by this process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a child failed")
    return not os.WIFSIGNALED(status)


def main(folder: Path) -> None:
    for last in itertools.count(1):
        here = folder / str(last)
        here.mkdir()
        ended = in_child(lambda here=here, last=last: asyncio.run(session(here, last)))  # type: ignore[misc]
        result = here / "result"
        in_child(lambda here=here, result=result: result.write_text(json.dumps(asyncio.run(recovery(here)))) and None)  # type: ignore[misc]
        sys.stdout.write(json.dumps({"boundary": last, "ended": ended, **json.loads(result.read_text())}) + "\n")
        if ended:
            return
        if last >= LIMIT:
            raise SystemExit("the session never ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
