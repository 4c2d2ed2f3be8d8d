"""Random lives of orders with random faults, from seeds: nothing twice, nothing beyond the bound, one truth at the end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.trading.broker import NoAnswer, NotSent
from core.trading.journal import read_journal
from core.trading.journal_replay import replay as replayed
from core.trading.order import ZERO, OrderReport
from core.trading.states import DONE, MAYBE_LIVE
from core.venue import Rejected, Retryable
from tests.core.trading.fake_broker import OPEN
from tests.core.trading.order_office import Office

SEEDS = 25
STEPS = 80
STATES = {
    "NEW": {"WORKING"}, "UNTRIGGERED": {"WORKING"}, "PARTIALLY_FILLED": {"PARTIAL"}, "FILLED": {"FILLED"},
    "CANCELED": {"CANCELLED"},
}  # fmt: skip


class Chaos:
    """One life of an office: each step does one thing a program, a venue or a network may do."""

    def __init__(self, office: Office, dice: random.Random) -> None:
        self.office = office
        self.dice = dice
        self.late: list[OrderReport] = []
        self.steps = [
            self.enter, self.enter, self.protect, self.protect, self.sell, self.sell, self.cancel, self.amend, self.amend,
            self.swap, self.fill, self.fill, self.fill, self.fill, self.end, self.tell, self.tell, self.tell, self.fault,
            self.fault, self.gap, self.wait, self.disk, self.disk, self.disk, self.disk, self.restart,
        ]  # fmt: skip

    async def step(self) -> None:
        await self.dice.choice(self.steps)()
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)

    def names(self, *purposes: str) -> list[str]:
        orders = self.office.manager.orders.values()
        return [one.client_id for one in orders if one.intent.purpose in purposes]

    def some(self, *purposes: str) -> str:
        names = self.names(*purposes)
        return self.dice.choice(names) if names else ""

    def parent(self) -> str:
        """An entry, rather one that has filled."""
        entries = [self.office.record(name) for name in self.names("ENTRY")]
        filled = [one.client_id for one in entries if one.filled]
        return self.dice.choice(filled) if filled else self.some("ENTRY")

    def size(self, most: int = 10) -> str:
        return str(self.dice.randint(1, most))

    async def enter(self) -> None:
        draft = self.office.entry(f"wish {self.dice.randrange(4)}", quantity=Decimal(self.size()))
        self.office.start(self.office.send(draft))

    async def protect(self) -> None:
        parent = self.parent()
        if parent:
            self.office.start(self.office.manager.submit(self.office.stop(parent, self.size())))

    async def sell(self) -> None:
        parent = self.parent()
        if parent:
            self.office.start(self.office.manager.submit(self.office.exit(parent, self.size())))

    async def cancel(self) -> None:
        name = self.some("ENTRY", "PROTECTION", "EXIT")
        self.office.start(self.office.manager.cancel(name))

    async def amend(self) -> None:
        name = self.some("PROTECTION", "EXIT")
        self.office.start(self.office.manager.amend(name, quantity=Decimal(self.size())))

    async def swap(self) -> None:
        old = self.some("PROTECTION")
        if old:
            draft = replace(self.office.stop(self.office.record(old).intent.parent, self.size()), replaces=old)
            self.office.start(self.office.manager.replace(old, draft))

    async def fill(self) -> None:
        broker = self.office.broker
        live = [name for name, one in broker.held.items() if one.status in OPEN and one.filled < one.spec.quantity]
        if live:
            name = self.dice.choice(live)
            held = broker.held[name]
            left = held.spec.quantity - held.filled
            self.later(broker.fill(name, str(min(left, Decimal(self.size(4))))))

    async def end(self) -> None:
        live = [name for name, one in self.office.broker.held.items() if one.status in OPEN]
        if live:
            self.later(self.office.broker.ends(self.dice.choice(live)))

    def later(self, report: OrderReport) -> None:
        """The stream tells of it, perhaps twice, perhaps never."""
        self.late += [report] * self.dice.choice([0, 1, 1, 1, 2])

    async def tell(self) -> None:
        self.dice.shuffle(self.late)
        while self.late and self.dice.random() < 0.8:
            self.office.manager.on_report(self.late.pop())

    async def fault(self) -> None:
        kind = self.dice.choice(["place", "place", "replace", "amend", "cancel", "query", "open_orders", "trades"])
        error: Exception = self.dice.choice(
            [
                NoAnswer("TIMEOUT", "lost"),
                NoAnswer("SERVER_ERROR", "500"),
                Rejected("no", -1013),
                NotSent("no", "BUDGET"),
            ]
        )
        if kind in ("query", "open_orders", "trades"):
            error = Retryable("down")
        carried_out = isinstance(error, NoAnswer) and self.dice.random() < 0.5
        self.office.broker.next(kind, carried_out=carried_out, error=error)

    async def gap(self) -> None:
        self.office.manager.stream_gap()

    async def disk(self) -> None:
        """The disk gets its time."""
        await self.office.all_written()

    async def wait(self) -> None:
        for _ in range(self.dice.randrange(1, 30)):
            await self.office.clock.advance(0.5)

    async def restart(self) -> None:
        self.office = await self.office.restart()

    async def settle(self) -> None:
        """Faults end; time passes; every order is looked at once more."""
        self.office.broker.heal()
        for report in self.late:
            self.office.manager.on_report(report)
        await asyncio.gather(*self.office.tasks, return_exceptions=True)
        for _ in range(5):
            self.office.manager.stream_gap()
            for _ in range(100):
                await self.office.clock.advance(0.5)
        await self.office.all_written()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_happens_one_truth(tmp_path: Path, seed: int) -> None:
    chaos = Chaos(await Office.open(tmp_path), random.Random(seed))
    chaos.office.gates.position = Decimal(1000)
    chaos.office.gates.facts = {"limits__duplicate_window_s": 0.0}
    try:
        for _ in range(STEPS):
            await chaos.step()
            chaos.office.gates.position = Decimal(1000)
            check_bounds(chaos.office)
        await chaos.settle()
        check_truth(chaos.office)
    finally:
        await chaos.office.close()


def check_bounds(office: Office) -> None:
    """At every moment: one live order per wish, and no family that could sell more than its entry bought."""
    live = [one for one in office.manager.orders.values() if one.state in MAYBE_LIVE]
    wishes = Counter(one.intent.intent_id for one in live)
    assert max(wishes.values(), default=0) <= 1, wishes
    placed = Counter(name for kind, name in office.broker.calls if kind in ("place", "replace"))
    assert max(placed.values(), default=0) <= 1, placed


def check_truth(office: Office) -> None:
    """In the end: the venue's state and quantity for each order it holds, none for those it does not, and the journal agrees."""
    orders, held = office.manager.orders, office.broker.held
    assert set(held) <= set(orders)
    for name, record in orders.items():
        told: Any = (record.state, record.quarantine, record.filled, record.evidence[-5:])
        if name in held:
            assert record.state in STATES[held[name].status], told
            assert record.filled == held[name].filled, told
            assert record.spec.quantity == held[name].spec.quantity, told
            assert record.unexplained == ZERO, told
        else:
            assert record.state in DONE - {"FILLED"} | {"VOID"}, told
        assert not record.quarantine, told
    for name, record in orders.items():
        if record.intent.purpose == "ENTRY":
            sold = sum((one.filled for one in orders.values() if one.intent.parent == name), ZERO)
            assert sold <= record.filled
    assert not [code for code in office.alarms() if code in ("ILLEGAL_MOVE", "OVERFILL", "STRAY_EVIDENCE", "JOURNAL")]
    entries = read_journal(office.folder / "journal")
    again = replayed(entries).orders
    assert {name: (one.state, one.venue, one.spec) for name, one in again.items()} == {
        name: (one.state, one.venue, one.spec) for name, one in orders.items()
    }
