"""The order path: a durable append against a raw one, a confirmed order to the wire, reports through the manager, a replay."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from core.bus import Bus
from core.clock import Clock, LiveClock
from core.credentials import Credentials
from core.messages import Execution, OrderStatus
from core.settings import Settings
from core.settings_live import LiveSettings
from core.trading.authority import Permit, authorise
from core.trading.broker import Placed
from core.trading.draft import OrderDraft
from core.trading.evidence import Acknowledged, Confirmed, Journalled, Reported, Sent
from core.trading.journal import Journal
from core.trading.journal_records import Entry, Note, Record, encode
from core.trading.journal_replay import replay
from core.trading.manager import OrderManager
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.order import OrderStatus as Status
from core.trading.order_record import Intent
from tests.bench.timing import Figure
from tests.core.risk.views import NOW, SYMBOL
from tests.core.trading.fake_broker import FakeBroker
from tests.core.trading.order_office import D, FakeGatekeeper

APPENDS = 400
SUBMITS = 300
RUNS = 3
"""The quickest run counts, as elsewhere: a shared core only ever adds."""
ORDERS = 1_000
FILLS = 10
REPLAYED = 100_000


class BytesBroker(FakeBroker):
    """A venue that stops where the bytes would leave: checked, signed, and no further."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._credentials = Credentials("key", "secret")
        self.left_s: dict[str, float] = {}

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        permit.check(spec, self.clock.now_ms())
        query = f"symbol={spec.symbol}&side={spec.side}&type={spec.type}&quantity={spec.quantity}&price={spec.price}"
        stamped = f"{query}&newClientOrderId={spec.client_id}&timestamp={self.clock.now_ms()}"
        self._credentials.sign(stamped.encode())
        self.left_s[spec.client_id] = time.perf_counter()
        return Placed(order_id=f"v{len(self.left_s)}")


class Party:
    """A manager on a broker, with a real journal in a folder and a live clock."""

    def __init__(self, folder: Path, journal: Journal, clock: Clock, broker: FakeBroker) -> None:
        self.bus = Bus(clock)
        self.clock = clock
        self.journal = journal
        live = LiveSettings(self.bus, clock, Settings(), folder / "overrides.toml")
        gates = FakeGatekeeper(clock)
        self.manager = OrderManager(self.bus, clock, journal, broker, gates, live, broker.venue, broker.category)

    async def close(self) -> None:
        await self.manager.close()
        await self.journal.close()


def spec_of(client_id: str, quantity: int = FILLS) -> OrderSpec:
    return OrderSpec(
        client_id=client_id, symbol=SYMBOL, side="BUY", type="LIMIT", quantity=D(quantity), price=D(100)
    )  # fmt: skip


def birth(client_id: str, order_id: str) -> list[Record]:
    """An order from its intent to the venue's first word."""
    return [
        Intent(at_ms=NOW, intent_id=client_id, purpose="ENTRY", spec=spec_of(client_id)),
        Confirmed(client_id=client_id, at_ms=NOW),
        Journalled(client_id=client_id, at_ms=NOW),
        Sent(client_id=client_id, at_ms=NOW),
        Acknowledged(client_id=client_id, at_ms=NOW, order_id=order_id),
    ]


def reports_of(client_id: str, order_id: str) -> list[OrderReport]:
    """Its fills, one report each."""
    spec, reports = spec_of(client_id), []
    for number in range(1, FILLS + 1):
        fill = Fill(
            trade_id=f"{order_id}-{number}", order_id=order_id, client_id=client_id, symbol=SYMBOL, side="BUY",
            price=D(100), quantity=D(1), cumulative=D(number), fee=D("0.001"), fee_asset="BNB", maker=True, at_ms=NOW,
        )  # fmt: skip
        status: Status = "FILLED" if number == FILLS else "PARTIALLY_FILLED"
        told = {"filled": D(number), "filled_quote": D(100 * number), "at_ms": NOW, "fill": fill}
        reports.append(OrderReport(order_id=order_id, spec=spec, status=status, **told))  # type: ignore[arg-type]
    return reports


def durable_append() -> list[Figure]:
    """Time of an awaited append against a plain write and fdatasync of as many bytes, in turn; p50."""

    async def measure(folder: Path) -> tuple[list[float], list[float]]:
        journal = await Journal.open(folder / "journal")
        record = Journalled(client_id="tt1" + "0" * 31, at_ms=NOW)
        size = len(encode(record)) + 60
        raw_fd = os.open(folder / "raw", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        ours: list[float] = []
        raw: list[float] = []
        for _ in range(APPENDS):
            begun = time.perf_counter()
            os.write(raw_fd, b"x" * size)
            os.fdatasync(raw_fd)
            between = time.perf_counter()
            await journal.append(record)
            ours.append(time.perf_counter() - between)
            raw.append(between - begun)
        os.close(raw_fd)
        await journal.close()
        return ours, raw

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # not in memory: a temporary folder often is
        ours, raw = asyncio.run(measure(Path(name)))
    p50, raw_p50 = statistics.median(ours) * 1e3, statistics.median(raw) * 1e3
    return [
        Figure(
            name="durable append / raw append and fsync, p50", value=p50 / raw_p50, unit="x", target=2.0, better="less",
            must=True, detail=f"{p50:.2f} ms against {raw_p50:.2f} ms",
        )
    ]  # fmt: skip


def submit_to_wire() -> list[Figure]:
    """From `submit` to the signed bytes: gates, journal, permit, signature; p99 of orders one at a time."""

    async def measure(folder: Path) -> list[float]:
        clock = LiveClock(start_ms=NOW)
        broker = BytesBroker(clock)
        party = Party(folder, await Journal.open(folder / "journal"), clock, broker)
        spent: list[float] = []
        for _ in range(SUBMITS):
            name = party.manager.next_client_id()
            draft = OrderDraft(intent_id=name, act="ENTRY", purpose="ENTRY", spec=spec_of(name))
            given = authorise(draft.spec, clock.now_ms())
            begun = time.perf_counter()
            done = await party.manager.submit(draft, given)
            if not done.sent:
                raise AssertionError(f"not sent: {done.code} {done.words}")
            spent.append(broker.left_s[name] - begun)
            await party.journal.append(Note(at_ms=NOW, code="BETWEEN", text=""))
        await party.close()
        return spent

    runs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            runs.append(sorted(asyncio.run(measure(Path(name)))))
    spent = min(runs, key=_p99)
    p99 = _p99(spent)
    return [
        Figure(
            name="submit to signed bytes, p99", value=p99, unit="ms", target=10.0, better="less", must=True,
            detail=f"p50 {statistics.median(spent) * 1e3:.2f} ms, worst {spent[-1] * 1e3:.2f} ms of {len(spent)}",
        )
    ]  # fmt: skip


def reports() -> list[Figure]:
    """Reports with fills through the manager, journalled, told to the bus and an observer: per second of CPU, all threads."""

    async def measure(folder: Path) -> tuple[float, float]:
        journal = await Journal.open(folder / "journal")
        names = [f"order-{number}" for number in range(ORDERS)]
        for name in names:
            for record in birth(name, f"v-{name}"):
                journal.keep(record)
        await journal.close()
        clock = LiveClock(start_ms=NOW)
        broker = FakeBroker(clock)
        for name in names:
            broker.appears(spec_of(name))
        journal = await Journal.open(folder / "journal")
        party = Party(folder, journal, clock, broker)
        party.manager._records.load(journal.entries)
        seen: list[object] = []
        party.manager.observe(lambda record, effect: seen.append(effect))
        party.bus.mailbox(Execution, maxlen=None)
        party.bus.mailbox(OrderStatus, key=lambda status: status.client_id)
        told = [reports_of(name, f"v-{name}") for name in names]
        begun, wall = time.process_time(), time.perf_counter()
        for round_ in zip(*told, strict=True):
            for report in round_:
                party.manager.on_report(report)
        await journal.append(Note(at_ms=NOW, code="END", text=""))
        spent, took = time.process_time() - begun, time.perf_counter() - wall
        if len(party.manager.orders) != ORDERS or any(one.state != "FILLED" for one in party.manager.orders.values()):
            raise AssertionError("not every order was filled")
        await party.close()
        return spent, took

    runs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            runs.append(asyncio.run(measure(Path(name))))
    spent, took = min(runs)
    count = ORDERS * FILLS
    return [
        Figure(
            name="execution reports through the manager", value=count / spent, unit="1/s", target=10_000, better="more",
            detail=f"{spent / count * 1e6:.0f} us each with journal and bus; {took:.2f} s on the wall",
        )
    ]  # fmt: skip


def journal_replay() -> list[Figure]:
    """Opening a journal of 100,000 records and rebuilding its orders."""

    async def fill_up(folder: Path) -> int:
        journal = await Journal.open(folder)
        written = 0
        number = 0
        while written < REPLAYED:
            name = f"order-{number}"
            pieces: list[Record] = birth(name, f"v-{name}")
            for report in reports_of(name, f"v-{name}"):
                pieces.append(Reported(client_id=name, at_ms=NOW, report=report, channel="STREAM"))
            for piece in pieces:
                journal.keep(piece)
            written += len(pieces)
            number += 1
        await journal.close()
        return written

    async def reopen(folder: Path) -> tuple[float, float, int]:
        begun = time.perf_counter()
        journal = await Journal.open(folder)
        opened = time.perf_counter()
        entries: tuple[Entry, ...] = tuple(journal.entries)
        orders = replay(entries).orders
        ended = time.perf_counter()
        await journal.close()
        return opened - begun, ended - opened, len(orders)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "journal"
        written = asyncio.run(fill_up(folder))
        size_mb = sum(path.stat().st_size for path in folder.glob("*.log")) / 1e6
        opening, replaying, orders = asyncio.run(reopen(folder))
    return [
        Figure(
            name=f"journal of {written:,} records opened", value=opening + replaying, unit="s",
            detail=f"{size_mb:.0f} MB checked in {opening:.1f} s, {orders:,} orders replayed in {replaying:.1f} s",
        )
    ]  # fmt: skip


def _p99(spent: list[float]) -> float:
    """Milliseconds, of seconds in order."""
    return spent[int(len(spent) * 0.99)] * 1e3
