"""An order manager whose venue does what a test says, and a trade desk around it on a simulated clock.

Records go through the real reducer. Whoever would sell more than is held shows up in `broken`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.messages import MarkPrice, Message, OrderAlarm, PositionStatus, Quote, StopTruth, TradeClosed
from core.settings import Settings
from core.settings_live import LiveSettings
from core.trading.broker import Cancelled, Features
from core.trading.draft import OrderDraft, Submission
from core.trading.evidence import (
    Acknowledged,
    AmendAnswered,
    AmendSent,
    CancelAnswered,
    CancelSent,
    Confirmed,
    Effect,
    Evidence,
    Journalled,
    OutcomeUnknown,
    Refused,
    Reported,
    Sent,
)
from core.trading.journal_records import Entry, Record
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.order_reducer import apply
from core.trading.plan import Target, TradePlan
from core.trading.position_book import PositionBook
from core.trading.trade_desk import TradeDesk
from core.trading.venue_features import BINANCE_US_SPOT
from core.venue import Instrument
from tests.core.trading.market import SYMBOL, d, instrument

T0 = 1_795_264_496_000


class FakeManager:
    """`acts` lists what was asked of it. `refusals`: codes for the next protective or closing orders, "" lets one pass.

    `silent`: the next sends get no answer. `deaf`: cancels are taken and nothing follows. `price`: where market orders fill,
    None: they rest unfilled.
    """

    venue, category = "binance_us", "spot"

    def __init__(self, clock: SimClock, journal: FakeJournal) -> None:
        self.clock = clock
        self.journal = journal
        self.orders: dict[str, OrderRecord] = {}
        self.listeners: list[Callable[[OrderRecord, Effect], None]] = []
        self.acts: list[str] = []
        self.refusals: list[str] = []
        self.amend_refusals: list[str] = []
        self.silent = 0
        self.deaf = False
        self.price: Decimal | None = None
        self.base_fee = ZERO
        self.broken: list[str] = []
        self.holding = ZERO
        self.number = 0
        self.trades = 0

    # --- what the desk asks ------------------------------------------------------------------------------------------

    def next_client_id(self) -> str:
        self.number += 1
        return f"c{self.number}"

    def observe(self, listener: Callable[[OrderRecord, Effect], None]) -> None:
        self.listeners.append(listener)

    async def submit(self, draft: OrderDraft, authorisation: object = None) -> Submission:
        await asyncio.sleep(0)
        self._begin(draft)
        client_id = draft.spec.client_id
        self.acts.append(f"place {draft.spec.type} {draft.spec.quantity} {draft.spec.stop_price or draft.spec.price}")
        code = self.refusals.pop(0) if self.refusals and draft.purpose != "ENTRY" else ""
        if code:
            self.hear(Refused(client_id=client_id, at_ms=self.now, code=code, reason="no"))
        elif self.silent:
            self.silent -= 1
            self.hear(OutcomeUnknown(client_id=client_id, at_ms=self.now, why="TIMEOUT"))
        else:
            self._check_room(draft.spec)
            self.hear(Acknowledged(client_id=client_id, at_ms=self.now, order_id=f"v-{client_id}"))
            if draft.spec.type == "MARKET" and self.price is not None:
                self.fill(client_id, draft.spec.quantity, self.price)
        return Submission(sent=True, record=self.orders[client_id])

    async def submit_pair(self, target: OrderDraft, stop: OrderDraft) -> tuple[Submission, Submission]:
        await asyncio.sleep(0)
        self._begin(target)
        self._begin(stop)
        self.acts.append(f"pair {stop.spec.quantity} {target.spec.price} {stop.spec.stop_price}")
        code = self.refusals.pop(0) if self.refusals else ""
        if not code:
            self._check_room(stop.spec)
        for draft in (target, stop):
            client_id = draft.spec.client_id
            if code:
                self.hear(Refused(client_id=client_id, at_ms=self.now, code=code, reason="no"))
            else:
                self.hear(Acknowledged(client_id=client_id, at_ms=self.now, order_id=f"v-{client_id}"))
        one, other = (Submission(sent=True, record=self.orders[draft.spec.client_id]) for draft in (target, stop))
        return one, other

    async def replace(self, old_client_id: str, draft: OrderDraft) -> Submission:
        assert draft.replaces == old_client_id
        self.acts.append(f"replace {draft.spec.quantity} {draft.spec.stop_price}")
        await self.cancel(old_client_id)
        self.acts.pop()
        submission = await self.submit(draft)
        self.acts.pop()
        return submission

    async def amend(
        self, client_id: str, *, price: Any = None, stop_price: Any = None, quantity: Any = None
    ) -> Cancelled:
        await asyncio.sleep(0)
        record = self.orders[client_id]
        changed = {"price": price, "stop_price": stop_price, "quantity": quantity}
        spec = replace(record.spec, **{name: value for name, value in changed.items() if value is not None})
        self.acts.append(f"amend {spec.quantity} {spec.stop_price or spec.price}")
        self.hear(AmendSent(client_id=client_id, at_ms=self.now, spec=spec))
        code = self.amend_refusals.pop(0) if self.amend_refusals else ""
        outcome: Any = "REFUSED" if code else "ACCEPTED"
        self.hear(AmendAnswered(client_id=client_id, at_ms=self.now, outcome=outcome, code=code))
        if not code:
            self._check_room(spec)
            self.report(client_id, "NEW", spec=spec)
        return Cancelled(outcome=outcome, code=code)

    async def cancel(self, client_id: str) -> Cancelled:
        await asyncio.sleep(0)
        self.acts.append(f"cancel {self.orders[client_id].intent.purpose}")
        self.hear(CancelSent(client_id=client_id, at_ms=self.now))
        self.hear(CancelAnswered(client_id=client_id, at_ms=self.now, outcome="ACCEPTED"))
        if not self.deaf:
            self.end(client_id, "CANCELED")
        return Cancelled(outcome="ACCEPTED")

    # --- what happens at the venue -----------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.clock.now_ms()

    def hear(self, evidence: Evidence) -> None:
        self.journal.keep(evidence)
        record, effects = apply(self.orders[evidence.client_id], evidence)
        self.orders[evidence.client_id] = record
        for effect in effects:
            for listener in self.listeners:
                listener(record, effect)

    def fill(self, client_id: str, quantity: Any, price: Any = None) -> None:
        """So much of an order trades; the other leg of its pair ends."""
        record = self.orders[client_id]
        spec, quantity = record.spec, d(quantity)
        price = d(price) if price is not None else spec.price or spec.stop_price
        self.trades += 1
        filled = record.filled + quantity
        in_base = spec.side == "BUY" and self.base_fee > ZERO
        fill = Fill(
            trade_id=f"t{self.trades}", order_id=f"v-{client_id}", client_id=client_id, symbol=spec.symbol, side=spec.side,
            price=price, quantity=quantity, cumulative=filled, fee=quantity * self.base_fee if in_base else ZERO,
            fee_asset="BTC" if in_base else "USDT", maker=True, at_ms=self.now,
        )  # fmt: skip
        self.holding += (quantity if spec.side == "BUY" else -quantity) - (fill.fee if in_base else ZERO)
        self.report(client_id, "FILLED" if filled >= spec.quantity else "PARTIALLY_FILLED", filled, fill=fill)
        self.end_sibling(client_id, "EXPIRED")

    def end(self, client_id: str, status: Any) -> None:
        """The order ends, and its pair with it."""
        self.report(client_id, status, self.orders[client_id].filled)
        self.end_sibling(client_id, status)

    def end_sibling(self, client_id: str, status: Any) -> None:
        list_id = self.orders[client_id].intent.spec.list_id
        for other in list(self.orders.values()):
            if list_id and other.intent.spec.list_id == list_id and other.client_id != client_id and other.may_fill:
                self.report(other.client_id, status, other.filled)

    def report(
        self, client_id: str, status: Any, filled: Any = None, *, spec: OrderSpec | None = None, fill: Any = None
    ) -> None:
        record = self.orders[client_id]
        filled = record.filled if filled is None else d(filled)
        told = OrderReport(
            order_id=f"v-{client_id}", spec=spec or record.spec, status=status, filled=filled, filled_quote=ZERO,
            at_ms=self.now, fill=fill,
        )  # fmt: skip
        self.hear(Reported(client_id=client_id, at_ms=self.now, report=told, channel="STREAM"))

    def live(self, *purposes: str) -> list[OrderRecord]:
        return [r for r in self.orders.values() if r.may_fill and (not purposes or r.intent.purpose in purposes)]

    def stop(self) -> OrderRecord:
        """The only protective stop that stands."""
        (found,) = self.live("PROTECTION")
        return found

    def _begin(self, draft: OrderDraft) -> None:
        spec = draft.spec
        assert spec.client_id not in self.orders
        intent = Intent(
            at_ms=self.now, intent_id=draft.intent_id, purpose=draft.purpose, spec=spec, parent=draft.parent
        )
        for other in self.orders.values():
            if other.intent.intent_id == draft.intent_id and other.may_fill:
                self.broken.append(f"two live orders for {draft.intent_id}")
        self.journal.keep(intent)
        self.orders[spec.client_id] = born(intent)
        for piece in (Confirmed, Journalled, Sent):
            self.hear(piece(client_id=spec.client_id, at_ms=self.now))

    def _check_room(self, spec: OrderSpec) -> None:
        """Spot: what would sell together is held."""
        if spec.side == "BUY" or spec.reduce_only:
            return
        lists: dict[str, Decimal] = {spec.list_id or spec.client_id: spec.quantity}
        for other in self.live():
            name = other.intent.spec.list_id or other.client_id
            if other.intent.spec.side == "SELL" and other.client_id != spec.client_id:
                lists[name] = max(lists.get(name, ZERO), other.remaining)
        if sum(lists.values(), ZERO) > self.holding:
            self.broken.append(f"{spec.type} {spec.quantity}: {sum(lists.values(), ZERO)} on sale, {self.holding} held")


class FakeJournal:
    """Keeps records in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def keep(self, record: Record) -> None:
        self.records.append(record)

    @property
    def entries(self) -> list[Entry]:
        return [Entry(seq, record) for seq, record in enumerate(self.records, start=1)]


class Case:
    """A desk with its surroundings. `trading` are settings of the section."""

    def __init__(self, features: Features = BINANCE_US_SPOT, **trading: Any) -> None:
        self.clock = SimClock(T0)
        self.bus = Bus(self.clock)
        settings = Settings()
        section = replace(settings.trading, **trading)
        self.live = LiveSettings(
            self.bus, self.clock, replace(settings, trading=section), Path("/nonexistent/overrides.toml")
        )
        self.features = features
        venue = "bybit" if features.amend else "binance_us"
        self.rule: Instrument | None = instrument(
            venue, "linear" if features.perpetual else "spot", min_notional=d(10), max_algo_orders=5
        )
        self.journal = FakeJournal()
        self.manager = FakeManager(self.clock, self.journal)
        self.refreshed = 0
        self.messages: list[Message] = []
        self.bus.subscribe(Message, self.messages.append)
        self.desk = self.make_desk()

    def make_desk(self) -> TradeDesk:
        self.book = PositionBook(lambda symbol: self.rule)
        desk = TradeDesk(
            self.bus, self.clock, self.live, self.manager, self.book, self.features, lambda symbol: self.rule, self.journal  # type: ignore[arg-type]
        )  # fmt: skip

        async def refresh() -> None:
            self.refreshed += 1

        desk.use(refresh)
        return desk

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.desk.run())
        try:
            yield
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def restart(self) -> None:
        """A new desk from the journal; the old one hears no more."""
        self.manager.listeners.clear()
        self.desk = self.make_desk()
        await self.desk.open()

    async def enter(self, quantity: Any = 1, **plan: Any) -> str:
        """Begin a trade and send its entry: buy at 100, stop 95, targets 105 (half) and 110 (0.3)."""
        entry = self.manager.next_client_id()
        fields: dict[str, Any] = {
            "side": "BUY", "quantity": d(quantity), "entry": d(100), "stop": d(95),
            "targets": (Target(d(105), d("0.5")), Target(d(110), d("0.3"))), "atr": d(1), "round_trip_cost": d("0.2"),
        } | plan  # fmt: skip
        trade = TradePlan(at_ms=self.clock.now_ms(), trade_id=entry, symbol=SYMBOL, **fields)
        self.desk.begin(trade)
        spec = OrderSpec(
            client_id=entry, symbol=SYMBOL, side=trade.side, type="LIMIT", quantity=trade.quantity, price=trade.entry
        )
        await self.manager.submit(OrderDraft(intent_id=f"open {entry}", act="ENTRY", purpose="ENTRY", spec=spec))
        self.manager.acts.clear()
        return entry

    async def held(self, quantity: Any = 1, **plan: Any) -> str:
        """A trade whose entry has filled and whose protection stands."""
        entry = await self.enter(quantity, **plan)
        self.quote(100)
        self.manager.fill(entry, quantity)
        await self.pass_time(1)
        return entry

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def quote(self, price: Any) -> None:
        """Bid and ask at this price, and the mark with them."""
        at = float(price)
        self.manager.price = d(price)
        common: dict[str, Any] = {
            "venue": "binance_us",
            "category": "spot",
            "symbol": SYMBOL,
            "event_ms": self.clock.now_ms(),
        }
        self.bus.publish(Quote(bid=at, bid_size=9, ask=at, ask_size=9, received_ms=self.clock.now_ms(), **common))
        if self.features.perpetual:
            self.bus.publish(
                MarkPrice(mark=at, index=at, funding_rate=0.0, next_funding_ms=0, open_interest=0.0, **common)
            )

    @property
    def truth(self) -> StopTruth:
        return self.desk.truth(SYMBOL)

    def state(self) -> str:
        return self.truth.state

    @property
    def alarms(self) -> list[str]:
        return [message.code for message in self.messages if isinstance(message, OrderAlarm)]

    @property
    def closed(self) -> list[TradeClosed]:
        return [message for message in self.messages if isinstance(message, TradeClosed)]

    @property
    def status(self) -> PositionStatus:
        return [message for message in self.messages if isinstance(message, PositionStatus)][-1]

    def legs(self) -> list[str]:
        """What stands of the protection: "quantity @ stop (target)", largest first."""
        manager = self.manager
        found = []
        for stop in manager.live("PROTECTION"):
            target = next(
                (
                    r
                    for r in manager.live("EXIT")
                    if r.intent.spec.list_id and r.intent.spec.list_id == stop.intent.spec.list_id
                ),
                None,
            )
            of = f" ({target.spec.price.normalize():f})" if target else ""
            found.append(f"{stop.remaining.normalize():f} @ {stop.spec.stop_price.normalize():f}{of}")
        return sorted(found, key=lambda leg: (-float(leg.split()[0]), leg))
