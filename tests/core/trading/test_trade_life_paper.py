"""A trade's life through the real order manager and the simulated venue, with each venue's own means (paper)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.messages import Message, OrderAlarm, TradeClosed
from core.risk.position_math import Pending
from core.risk.view import AuthorisationView, RiskView
from core.trading.authority import authorise
from core.trading.draft import OrderDraft
from core.trading.evidence import Confirmed, Sent
from core.trading.journal_records import Entry, Record
from core.trading.manager import OrderManager
from core.trading.order import OrderReport, OrderSpec
from core.trading.plan import Target, TradePlan
from core.trading.position_book import PositionBook
from core.trading.trade_desk import TradeDesk
from tests.core.risk.views import changed
from tests.core.trading.market import SYMBOL, d, instrument
from tests.core.trading.order_office import FakeGatekeeper
from tests.core.trading.paper_rig import Rig

ALL = pytest.mark.parametrize(
    ("venue", "category"),
    [("binance_us", "spot"), ("bybit", "spot"), ("bybit", "linear")],
    ids=["binance_us", "bybit_spot", "linear"],
)


class MemoryJournal:
    """Durable at once, in memory."""

    trouble = None

    def __init__(self) -> None:
        self.records: list[Record] = []

    def keep(self, record: Record) -> None:
        self.records.append(record)

    async def append(self, record: Record, before: Sequence[Record] = ()) -> int:
        self.records += [*before, record]
        return len(self.records)

    @property
    def entries(self) -> list[Entry]:
        return [Entry(seq, record) for seq, record in enumerate(self.records, start=1)]


class Gates(FakeGatekeeper):
    """The real gates on what the desk holds and the manager has pending."""

    life: Life

    def view(self, draft: OrderDraft, authorisation: AuthorisationView) -> RiskView:
        view = super().view(draft, authorisation)
        waiting = tuple(
            Pending(
                client_id=r.client_id, symbol=SYMBOL, side=r.spec.side, quantity=r.remaining, price=r.spec.price,
                entry=r.intent.purpose == "ENTRY", venue_reduces=r.spec.reduce_only, list_id=r.spec.list_id,
            )
            for r in self.life.manager.orders.values() if r.may_fill
        )  # fmt: skip
        return changed(view, account__positions=self.life.desk.held(), account__pending=waiting)


class Life:
    """Everything from the desk to the simulated venue, on a simulated clock."""

    def __init__(self, folder: Path, venue: str, category: str) -> None:
        self.rig = Rig(folder, venue, category)
        rule = instrument(venue, category, min_notional=d(10), min_qty=d("0.001"), max_algo_orders=5, max_orders=50)
        self.rig.venue.listed[SYMBOL] = rule
        self.journal = MemoryJournal()
        self.messages: list[Message] = []
        self.rig.bus.subscribe(Message, self.messages.append)
        self.make()

    def make(self) -> None:
        rig, journal = self.rig, self.journal
        gates = Gates(rig.clock)
        gates.life, gates.instrument = self, self.rig.venue.listed[SYMBOL]
        made: Any = journal
        self.manager = OrderManager(
            rig.bus, rig.clock, made, rig.broker, gates, rig.live, rig.broker.venue, rig.broker.category
        )
        self.book = PositionBook(rig.venue.listed.get)
        self.desk = TradeDesk(
            rig.bus, rig.clock, rig.live, self.manager, self.book, rig.broker.features, rig.venue.listed.get, made
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.manager.open()
        await self.desk.open()
        self.rig.listener.before = self._report
        tasks = [asyncio.create_task(work) for work in (self.manager.run(), self.desk.run())]
        try:
            yield
            for task in tasks:
                assert not task.done(), task.exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.manager.close()

    def _report(self, report: OrderReport) -> None:
        self.manager.on_report(report)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            await self.rig.clock.advance(0.1)

    async def market(self, bid: float, ask: float) -> None:
        """A deep book, a trade at the bid, and the mark."""
        self.rig.book([(bid, 500.0), (bid - 1, 500.0)], [(ask, 500.0), (ask + 1, 500.0)])
        self.rig.trade(bid, 1.0, "SELL")
        if self.rig.broker.features.perpetual:
            self.rig.mark(bid)
        await self.pass_time(1)

    async def enter(self, **fields: Any) -> str:
        client_id = self.manager.next_client_id()
        plan: dict[str, Any] = {
            "quantity": d(1), "entry": d(101), "stop": d(95),
            "targets": (Target(d(105), d("0.5")), Target(d(110), d("0.3"))), "atr": d(1), "round_trip_cost": d("0.2"),
        } | fields  # fmt: skip
        trade = TradePlan(at_ms=self.rig.clock.now_ms(), trade_id=client_id, symbol=SYMBOL, side="BUY", **plan)
        self.desk.begin(trade)
        spec = OrderSpec(
            client_id=client_id, symbol=SYMBOL, side="BUY", type="LIMIT", quantity=trade.quantity, price=trade.entry
        )
        draft = OrderDraft(intent_id=f"open {client_id}", act="ENTRY", purpose="ENTRY", spec=spec)
        work = asyncio.create_task(self.manager.submit(draft, authorise(spec, self.rig.clock.now_ms())))
        await self.pass_time(1)
        submission = work.result()
        assert submission.sent, submission.words
        return client_id

    @property
    def alarms(self) -> list[str]:
        return [message.code for message in self.messages if isinstance(message, OrderAlarm)]

    @property
    def closed(self) -> list[TradeClosed]:
        return [message for message in self.messages if isinstance(message, TradeClosed)]


@ALL
async def test_entry_protection_targets_break_even_and_stop(tmp_path: Path, venue: str, category: str) -> None:
    life = Life(tmp_path, venue, category)
    async with life.rig, life.running():
        await life.market(100, 101)
        await life.enter()
        await life.pass_time(2)
        whole = d(1) if category == "linear" else d("0.999")
        assert (life.desk.truth(SYMBOL).state, life.desk.truth(SYMBOL).quantity) == ("VERIFIED", whole)
        await life.market(106, 106.1)
        await life.pass_time(3)
        truth = life.desk.truth(SYMBOL)
        assert truth.state == "VERIFIED"
        assert truth.quantity in (d("0.5"), d("0.501"), d("0.499"))
        assert truth.price > d(101)
        for _ in range(3):
            await life.market(101, 101.1)
        await life.pass_time(10)
        assert [closed.why in ("BREAK_EVEN", "TRAIL") for closed in life.closed] == [True], life.alarms
        assert not [record for record in life.manager.orders.values() if record.may_fill]
        assert life.alarms == []


@ALL
async def test_the_operator_moves_the_stop_and_closes(tmp_path: Path, venue: str, category: str) -> None:
    life = Life(tmp_path, venue, category)
    async with life.rig, life.running():
        await life.market(100, 101)
        await life.enter()
        await life.pass_time(2)
        assert await life.desk.move_stop(SYMBOL, d(97), "OPERATOR") == ""
        await life.pass_time(3)
        assert (life.desk.truth(SYMBOL).state, life.desk.truth(SYMBOL).price) == ("VERIFIED", d(97))
        assert await life.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        await life.pass_time(3)
        assert [closed.why for closed in life.closed] == ["OPERATOR"]
        assert not [record for record in life.manager.orders.values() if record.may_fill]
        assert life.alarms == []


@ALL
async def test_a_restart_in_the_middle_goes_on(tmp_path: Path, venue: str, category: str) -> None:
    life = Life(tmp_path, venue, category)
    async with life.rig:
        async with life.running():
            await life.market(100, 101)
            await life.enter()
            await life.pass_time(2)
        before = dict(life.book.positions)
        life.make()
        async with life.running():
            await life.pass_time(3)
            assert dict(life.book.positions) == before
            assert life.desk.truth(SYMBOL).state == "VERIFIED"
            sent = [record for record in life.journal.records if isinstance(record, Sent | Confirmed)]
            await life.pass_time(5)
            assert sent == [record for record in life.journal.records if isinstance(record, Sent | Confirmed)]
            assert life.alarms == []


@ALL
async def test_a_price_that_gaps_through_the_stop_ends_in_a_closed_position(
    tmp_path: Path, venue: str, category: str
) -> None:
    life = Life(tmp_path, venue, category)
    async with life.rig, life.running():
        await life.market(100, 101)
        await life.enter()
        await life.pass_time(2)
        await life.market(90, 91)  # below the limit of a stop-limit order
        await life.pass_time(12)
        (closed,) = life.closed
        stops_are_limits = not life.rig.broker.features.stop_market
        assert closed.why == ("STOP_UNFILLED" if stops_are_limits else "STOP")
        assert ("STOP_UNFILLED" in life.alarms) == stops_are_limits
        assert not [record for record in life.manager.orders.values() if record.may_fill]
