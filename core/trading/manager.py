"""The order manager: every order of one account, from draft to its one true end. The only door to the broker.

`submit` sends, `cancel` and `amend` change, `hear` and `on_report` take what the venue tells, `resolve` takes the operator's
word. What follows is carried out here: questions to the venue, alarms, halts, and word to observers and to the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from msgspec import structs

from core.bus import Bus
from core.clock import Clock
from core.messages import Resolution
from core.risk.trading_state import SAFETY
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.authority import Authorisation, Permit
from core.trading.broker import Broker, Cancelled, NotSent
from core.trading.changing import Changes
from core.trading.client_ids import ClientIds
from core.trading.delivery import took
from core.trading.draft import Gatekeeper, OrderDraft, Submission
from core.trading.evidence import CancelAnswered, CancelSent, Evidence, Refused, Reported, Resolved, StreamGap
from core.trading.journal import Journal
from core.trading.journal_replay import replay
from core.trading.no_trace import NoTraceRule
from core.trading.order import ZERO, OrderReport
from core.trading.order_record import OrderRecord
from core.trading.records import Observer, OrderRecords
from core.trading.resolver import Resolver, key_of
from core.trading.sending import Sender
from core.trading.states import MAYBE_LIVE

LOOK_S = 1.0


class OrderManager:
    """`await open()`, run `run()`, `await close()`. `orders` by client id, oldest first: read, never change it."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        journal: Journal,
        broker: Broker,
        gatekeeper: Gatekeeper,
        live: LiveSettings,
        venue: str,
        category: str,
    ) -> None:
        self.broker = broker
        self.venue, self.category = venue, category
        self.foreign: list[Callable[[OrderReport], None]] = []
        """Hear reports of orders that are not ours."""
        self._clock = clock
        self._journal = journal
        self._ids = ClientIds()
        span_ms = round(live.current.trading.no_trace_s * 1000)
        self._rule = rule = NoTraceRule(span_ms=span_ms)
        self._supervisor = Supervisor(bus, clock)
        self._records = OrderRecords(bus, clock, journal, venue, category, rule)
        self._resolver = Resolver(clock, live, broker, self._records, self._supervisor, rule)
        self._sender = Sender(bus, clock, journal, broker, gatekeeper, live, self._records, self._supervisor)
        self._changes = Changes(clock, live, broker, self._records, self._sender, self._resolver, self._supervisor)
        self._records.ask = self._resolver.ask
        self._records.halt = lambda cause: gatekeeper.tighten("HALTED", cause)

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Rebuild the orders from the journal; what was on its way is unknown, and the venue is asked about all that lives."""
        entries = self._journal.entries  # a journal of years takes seconds to read: not on the loop
        self._records.load(entries, await asyncio.to_thread(replay, entries, self._rule))
        self.stream_gap()
        for record in self.orders.values():
            if record.unexplained > ZERO:  # the program ended before it knew all fills of what has ended
                self._resolver.ask(record.client_id, ("TRADES",))

    async def run(self) -> None:
        """Watch over orders of unknown outcome until cancelled."""
        while True:
            self._resolver.look()
            await self._clock.sleep(LOOK_S)

    async def close(self) -> None:
        """End every question and request; what waits for its answer is of unknown outcome, and written down as such."""
        self._records.ask = lambda client_id, channels: None  # what ends now leaves no question behind
        await self._supervisor.stop()
        self._records.flush()

    # --- what is known -----------------------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[str, OrderRecord]:
        """Every order that is kept, by client id."""
        return self._records.orders

    @property
    def quarantined(self) -> tuple[OrderRecord, ...]:
        """Orders nothing may be done with until a person releases them."""
        return tuple(record for record in self.orders.values() if record.quarantine)

    @property
    def unknown(self) -> tuple[OrderRecord, ...]:
        """Orders nobody knows the outcome of."""
        return tuple(record for record in self.orders.values() if record.state == "UNKNOWN")

    def locked_symbols(self) -> frozenset[str]:
        """Symbols that take no entries, because an order in them is unknown."""
        return frozenset(record.intent.spec.symbol for record in self.unknown)

    def find(self, report: OrderReport) -> OrderRecord | None:
        """The order of ours that a report speaks of."""
        return self._records.find(report)

    def observe(self, listener: Observer) -> None:
        """Hear every effect, with the order as it is after it, in order; called on the loop."""
        self._records.observers.append(listener)

    def next_client_id(self) -> str:
        """An id no order ever had or will have."""
        return self._ids.next(self._clock.now_ms())

    # --- what is done ------------------------------------------------------------------------------------------------

    async def submit(self, draft: OrderDraft, authorisation: Authorisation | None = None) -> Submission:
        """Send one order. An entry needs an authorisation; what protects or closes a parent's position is bound by it."""
        spec, safety = draft.spec, draft.act in SAFETY

        async def wire(permits: tuple[Permit, ...]) -> None:
            placed = await self.broker.place(permits[0], spec, safety=safety)
            took(self._records, spec.client_id, placed, self._clock.now_ms())

        return (await self._sender.send((draft,), authorisation, wire))[0]

    async def submit_pair(self, target: OrderDraft, stop: OrderDraft) -> tuple[Submission, Submission]:
        """Send a target and a stop that bind each other: both or none. Their specs share a `list_id`."""
        if not self.broker.features.oco:
            return _both(f"{self.broker.venue} has no orders that bind each other: send a stop alone")
        if not target.spec.list_id or target.spec.list_id != stop.spec.list_id:
            return _both("a target and a stop that bind each other need one list id: give both the same")

        async def wire(permits: tuple[Permit, ...]) -> None:
            pair = await self.broker.place_pair((permits[0], permits[1]), target.spec, stop.spec, safety=True)
            for draft, placed in zip((target, stop), pair, strict=True):
                took(self._records, draft.spec.client_id, placed, self._clock.now_ms())

        first, second = await self._sender.send((target, stop), None, wire)
        return first, second

    async def replace(self, old_client_id: str, draft: OrderDraft) -> Submission:
        """Cancel one order and place another in one request. `draft.replaces` names the old one."""
        old = self.orders.get(old_client_id)
        if not self.broker.features.replace:
            return _not_sent("NO_REPLACE", f"{self.broker.venue} cannot replace orders: cancel, then place another")
        if old is None or not old.may_cancel or old.quarantine:
            state = "not known" if old is None else f"{old.state} {old.quarantine}".strip()
            return _not_sent("NOT_REPLACEABLE", f"order {old_client_id} is {state}: only a resting order is replaced")
        if draft.replaces != old_client_id or old.intent.spec.symbol != draft.spec.symbol:
            return _not_sent(
                "NOT_REPLACEABLE", f"the draft is not meant to replace order {old_client_id}: plan it anew"
            )
        new_id = draft.spec.client_id

        async def wire(permits: tuple[Permit, ...]) -> None:
            if not self.orders[old_client_id].may_cancel:
                raise NotSent(f"order {old_client_id} ended meanwhile: nothing is left to replace", "OLD_OVER")
            self.hear(CancelSent(client_id=old_client_id, at_ms=self._clock.now_ms()))
            answer = await self.broker.replace(permits[0], key_of(old), draft.spec)
            now_ms = self._clock.now_ms()
            self._old_answered(old_client_id, answer.cancelled)
            if answer.placed is None:
                self.hear(Refused(client_id=new_id, at_ms=now_ms, code=answer.code, reason=answer.text))
            else:
                took(self._records, new_id, answer.placed, now_ms)

        def failed(certain: bool) -> None:
            self._old_answered(old_client_id, Cancelled(outcome="REFUSED" if certain else "UNKNOWN"))

        return (await self._sender.send((draft,), None, wire, failed))[0]

    def _old_answered(self, client_id: str, told: Cancelled) -> None:
        now_ms = self._clock.now_ms()
        self.hear(
            CancelAnswered(client_id=client_id, at_ms=now_ms, outcome=told.outcome, code=told.code, text=told.text)
        )
        self._records.answered(told.reports, now_ms)

    async def amend(
        self,
        client_id: str,
        *,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        quantity: Decimal | None = None,
    ) -> Cancelled:
        """Change a resting protection or exit in place; it keeps its client id. The answer is no proof of the change."""
        return await self._changes.amend(client_id, price=price, stop_price=stop_price, quantity=quantity)

    async def cancel(self, client_id: str) -> Cancelled:
        """Cancel a resting order. The answer is no proof of its end; an unknown order is never cancelled by guess."""
        return await self._changes.cancel(client_id)

    # --- what is told ------------------------------------------------------------------------------------------------

    def hear(self, evidence: Evidence, order_id: str = "") -> OrderRecord | None:
        """Take evidence from elsewhere, by client id or, where that is not known, by the venue's id."""
        if evidence.client_id not in self.orders:
            record = self._records.by_order_id(order_id)
            if record is not None:
                evidence = structs.replace(evidence, client_id=record.client_id)
        return self._records.hear(evidence)

    def on_report(self, report: OrderReport) -> None:
        """The private stream: an order changed. Of orders that are not ours, `foreign` hears."""
        record = self._records.find(report)
        if record is None:
            for listener in self.foreign:
                listener(report)
            return
        self._records.hear(
            Reported(client_id=record.client_id, at_ms=self._clock.now_ms(), report=report, channel="STREAM")
        )

    def stream_gap(self) -> None:
        """The private stream was interrupted: the venue is asked about every order that may have changed meanwhile."""
        now_ms = self._clock.now_ms()
        for record in self._alive():
            self._records.hear(StreamGap(client_id=record.client_id, at_ms=now_ms))

    def ask_trades(self, assets: frozenset[str], limit: int) -> None:
        """What the venue holds is not what our fills say: ask about the newest orders that traded these symbols or assets."""
        concerned = [
            record
            for record in self.orders.values()
            if record.exists and any(asset in record.intent.spec.symbol for asset in assets)
        ]
        for record in concerned[-limit:]:
            self._resolver.ask(record.client_id, ("TRADES",))

    def resolve(self, client_id: str, verdict: Resolution, by: str, note: str = "") -> str:
        """The operator's word about an order; words of refusal, or nothing."""
        record = self.orders.get(client_id)
        if record is None:
            return f"there is no order {client_id!r} of ours"
        resolved = Resolved(client_id=client_id, at_ms=self._clock.now_ms(), verdict=verdict, by=by, note=note)
        after = self._records.hear(resolved)
        taken = after is not None and any(piece is resolved for piece in after.evidence)
        return (
            "" if taken else f"{verdict} does not fit order {client_id}, which is {record.state}: look at its evidence"
        )

    def _alive(self) -> Iterable[OrderRecord]:
        return [record for record in self.orders.values() if record.state in MAYBE_LIVE]


def _not_sent(code: str, words: str) -> Submission:
    return Submission(sent=False, code=code, words=words)


def _both(words: str) -> tuple[Submission, Submission]:
    refusal = _not_sent("NO_PAIR", words)
    return refusal, refusal
