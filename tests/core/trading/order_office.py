"""An order manager with a real journal, a scripted venue, gates that pass a sound entry, and everything it says."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock, SimClock
from core.messages import Execution, GateReport, Message, OrderAlarm, OrderStatus, TradingState
from core.risk.trading_day import TradingDay
from core.risk.view import AuthorisationView, RiskView
from core.settings import Settings
from core.settings_live import LiveSettings
from core.trading.authority import Authorisation, authorise
from core.trading.draft import OrderDraft, Submission
from core.trading.evidence import Effect
from core.trading.journal import Journal, JournalLimits, read_journal
from core.trading.journal_records import Note, Record
from core.trading.journal_writer import Disk
from core.trading.manager import OrderManager
from core.trading.order import OrderSpec
from core.trading.order_record import OrderRecord
from core.venue import Instrument
from tests.core.risk.views import NOW, SYMBOL, changed, entry, held, instrument
from tests.core.trading.fake_broker import FakeBroker

D = Decimal
M = TypeVar("M", bound=Message)
PATIENCE_S = 20.0


class FakeGatekeeper:
    """Implements `Gatekeeper`: a sound view of every draft, with `facts` replaced; `position` is
    what exits find held."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.facts: dict[str, Any] = {}
        self.instrument: Instrument = instrument("spot", order_types=())
        self.position = D(0)
        self.tightened: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.views = 0
        self.on_view: Callable[[int], None] = lambda number: None

    def view(self, draft: OrderDraft, authorisation: AuthorisationView) -> RiskView:
        self.views += 1
        self.on_view(self.views)
        view = replace(
            entry("spot"), now_ms=self.clock.now_ms(), act=draft.act, order=draft.spec, replaces=draft.replaces,
            instrument=self.instrument, authorisation=authorisation,
        )  # fmt: skip
        day = TradingDay(equity=D(10_000), ends_ms=NOW + 86_400_000)
        positions = (held(SYMBOL, str(self.position)),) if self.position and draft.act != "ENTRY" else ()
        return changed(view, account__positions=positions, loss__day=day, **self.facts)

    def tighten(self, to: TradingState, cause: str) -> None:
        self.tightened.append((to, cause))

    def noted(self, draft: OrderDraft, at_ms: int) -> None:
        self.notes.append(draft.spec.client_id)


class Office:
    """`await Office.open(folder)`; `said` is what the bus carried, `effects` what observers heard."""

    def __init__(self, folder: Path, clock: SimClock, journal: Journal, broker: FakeBroker) -> None:
        self.folder = folder
        self.clock = clock
        self.journal = journal
        self.broker = broker
        self.bus = Bus(clock)
        self.said: list[Message] = []
        self.bus.subscribe(Message, self.said.append)
        self.gates = FakeGatekeeper(clock)
        self.live = LiveSettings(self.bus, clock, Settings(), folder / "overrides.toml")
        self.manager = OrderManager(
            self.bus, clock, journal, broker, self.gates, self.live, broker.venue, broker.category
        )
        self.effects: list[Effect] = []
        self.manager.observe(lambda record, effect: self.effects.append(effect))
        self.tasks: list[asyncio.Task[Any]] = []

    @classmethod
    async def open(
        cls, folder: Path, broker: FakeBroker | None = None, disk: Disk | None = None, within_s: float = 2.0
    ) -> Office:
        clock = broker.clock if broker is not None else SimClock(NOW)
        assert isinstance(clock, SimClock)
        journal = await Journal.open(folder / "journal", JournalLimits(durable_within_s=within_s), disk)
        office = cls(folder, clock, journal, broker or FakeBroker(clock))
        await office.manager.open()
        return office

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.manager.close()
        await self.journal.close()

    async def restart(self) -> Office:
        """The program ends and starts again, on the same venue."""
        await self.close()
        return await Office.open(self.folder, self.broker)

    # --- orders ------------------------------------------------------------------------------------------------------

    def spec(self, **fields: Any) -> OrderSpec:
        base: dict[str, Any] = {
            "client_id": self.manager.next_client_id(), "symbol": SYMBOL, "side": "BUY", "type": "LIMIT",
            "quantity": D(10), "price": D(100),
        }  # fmt: skip
        return OrderSpec(**(base | fields))

    def entry(self, intent_id: str = "", **fields: Any) -> OrderDraft:
        spec = self.spec(**fields)
        return OrderDraft(intent_id=intent_id or f"open {spec.client_id}", act="ENTRY", purpose="ENTRY", spec=spec)

    def stop(self, parent: str, quantity: str, intent_id: str = "", **fields: Any) -> OrderDraft:
        base = {"side": "SELL", "type": "STOP_LOSS_LIMIT", "price": D(98), "stop_price": D(99), "quantity": D(quantity)}
        spec = self.spec(**(base | fields))
        name = intent_id or f"stop {spec.client_id}"
        return OrderDraft(intent_id=name, act="PROTECT", purpose="PROTECTION", spec=spec, parent=parent)

    def exit(self, parent: str, quantity: str, **fields: Any) -> OrderDraft:
        spec = self.spec(**({"side": "SELL", "price": D("100.2"), "quantity": D(quantity)} | fields))
        return OrderDraft(intent_id=f"exit {spec.client_id}", act="EXIT", purpose="EXIT", spec=spec, parent=parent)

    def confirm(self, draft: OrderDraft) -> Authorisation:
        return authorise(draft.spec, self.clock.now_ms())

    async def send(self, draft: OrderDraft | None = None) -> Submission:
        """A confirmed entry, awaited."""
        draft = draft or self.entry()
        return await self.manager.submit(draft, self.confirm(draft))

    async def working(self, **fields: Any) -> str:
        """The client id of an entry that rests at the venue."""
        return (await self.send(self.entry(**fields))).record.client_id  # type: ignore[union-attr]

    async def bought(self, quantity: str = "10") -> str:
        """The client id of an entry that has filled so much."""
        name = await self.working()
        self.manager.on_report(self.broker.fill(name, quantity))
        self.gates.position += D(quantity)
        return name

    def start(self, work: Any) -> asyncio.Task[Any]:
        """Work that goes on beside the test."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        return task

    async def until(self, true: Callable[[], object]) -> None:
        """Let threads and tasks come to where this holds; a wait for what never comes ends in words, not in a hang."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PATIENCE_S
        while not true():
            if loop.time() > give_up:
                raise AssertionError(f"never came true: {inspect.getsource(true).strip()}")
            await asyncio.sleep(0)

    # --- what is known -----------------------------------------------------------------------------------------------

    def record(self, client_id: str) -> OrderRecord:
        return self.manager.orders[client_id]

    def state(self, client_id: str) -> str:
        return self.manager.orders[client_id].state

    def heard(self, kind: type[M]) -> list[M]:
        return [message for message in self.said if isinstance(message, kind)]

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.heard(OrderAlarm)]

    def statuses(self, client_id: str) -> list[OrderStatus]:
        return [status for status in self.heard(OrderStatus) if status.client_id == client_id]

    def executions(self) -> list[Execution]:
        return self.heard(Execution)

    def gate_reports(self) -> list[GateReport]:
        return self.heard(GateReport)

    def written(self) -> list[Record]:
        """The journal as it is on the disk now."""
        return [found.record for found in read_journal(self.folder / "journal")]

    async def all_written(self) -> list[Record]:
        """The journal once everything so far is on the disk."""
        await self.journal.append(Note(at_ms=0, code="MARK", text=""))
        return [one for one in self.written() if not (isinstance(one, Note) and one.code == "MARK")]
