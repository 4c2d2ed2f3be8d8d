"""Changes to orders that rest: cancel and amend. Their answers prove nothing; the order must be seen.

A cancel needs neither gates nor a working journal, as it only ever reduces what is open. An amend is an order's worth of risk:
gates, bound, permit and journal come first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal

from msgspec.structs import replace

from core.clock import Clock
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.authority import NotAuthorised, Permit
from core.trading.broker import Broker, Cancelled, NoAnswer, NotSent
from core.trading.delivery import answered
from core.trading.draft import OrderDraft
from core.trading.evidence import AmendAnswered, CancelAnswered, CancelSent, Reported
from core.trading.order import OrderSpec
from core.trading.order_record import OrderRecord
from core.trading.records import OrderRecords
from core.trading.resolver import Resolver, key_of
from core.trading.sending import Sender, Stopped
from core.trading.states import DONE
from core.venue import Rejected

NO_ANSWER = Cancelled(outcome="UNKNOWN", code="NO_ANSWER", text="no answer in time; the venue is being asked")

REPEATS = 7
"""So often the end of a cancelled order is asked for, at growing distances, before a person is called."""

log = logging.getLogger("tradetui.trading")


class Changes:
    """Cancels and amends of one account. A second cancel of an order shares the answer of the one on its way."""

    def __init__(
        self,
        clock: Clock,
        live: LiveSettings,
        broker: Broker,
        records: OrderRecords,
        sender: Sender,
        resolver: Resolver,
        supervisor: Supervisor,
    ) -> None:
        self._clock = clock
        self._live = live
        self._broker = broker
        self._records = records
        self._sender = sender
        self._resolver = resolver
        self._supervisor = supervisor
        self._cancels: dict[str, asyncio.Future[Cancelled]] = {}
        self._amending: set[str] = set()

    # --- cancel ------------------------------------------------------------------------------------------------------

    async def cancel(self, client_id: str) -> Cancelled:
        """Ask the venue to cancel; the answer, which is no proof. REFUSED with words where nothing may be sent."""
        on_its_way = self._cancels.get(client_id)
        if on_its_way is not None:
            return await asyncio.shield(on_its_way)
        record = self._records.orders.get(client_id)
        if record is None:
            return Cancelled(outcome="GONE", code="NOT_OURS", text=f"there is no order {client_id!r} of ours")
        if record.state in DONE or record.state == "VOID":
            return Cancelled(outcome="GONE", code=record.state, text=f"order {client_id} is over: {record.state}")
        words = _why_not_cancelled(record)
        if words:
            return Cancelled(outcome="REFUSED", code=record.quarantine or record.state, text=words)
        self._records.hear(CancelSent(client_id=client_id, at_ms=self._clock.now_ms()))
        answer: asyncio.Future[Cancelled] = asyncio.get_running_loop().create_future()
        self._cancels[client_id] = answer
        self._supervisor.start(f"cancel {client_id}", lambda: self._cancel(record, answer), "once")
        return await asyncio.shield(answer)

    async def _cancel(self, record: OrderRecord, answer: asyncio.Future[Cancelled]) -> None:
        client_id = record.client_id
        try:
            told = await self._ask_cancel(record, answer)
        finally:
            self._cancels.pop(client_id, None)
        await self._see_it_end(record, told)

    async def _ask_cancel(self, record: OrderRecord, answer: asyncio.Future[Cancelled]) -> Cancelled:
        return await self._ask(lambda: self._broker.cancel(key_of(record)), record.client_id, CancelAnswered, answer)

    async def _see_it_end(self, record: OrderRecord, told: Cancelled) -> None:
        """The proof usually comes by the stream. When it does not, ask for it; a cancel that may be lost is sent again.

        So is one the venue said yes to and did not carry out: every second time. Sending it again is safe, as an order is
        cancelled once, however often that is asked for.
        """
        client_id, answer_s = record.client_id, self._live.current.trading.answer_s
        for doubling in range(REPEATS):
            await self._clock.sleep(answer_s * 2.0 ** min(doubling, 3))
            now = self._records.orders.get(client_id)
            if now is None or now.state != "CANCEL_PENDING" or now.quarantine or client_id in self._cancels:
                return
            if told.outcome == "UNKNOWN" or (told.outcome == "ACCEPTED" and doubling % 2):
                self._records.hear(CancelSent(client_id=client_id, at_ms=self._clock.now_ms()))
                told = await self._ask_cancel(now, asyncio.get_running_loop().create_future())
            else:
                self._resolver.ask(client_id, ("QUERY", "TRADES"))
        spec = record.intent.spec
        text = (
            f"order {client_id} ({spec.side} {spec.symbol}) was cancelled, and the venue gave no proof of its end: look at "
            "the venue's website, it may still fill"
        )
        self._records.alarm("CANCEL_UNPROVEN", text, record)

    # --- amend -------------------------------------------------------------------------------------------------------

    async def amend(
        self, client_id: str, *, price: Decimal | None, stop_price: Decimal | None, quantity: Decimal | None
    ) -> Cancelled:
        """Change a protection or exit in place. REFUSED with words where nothing was sent."""
        record = self._records.orders.get(client_id)
        words = self._why_not_amended(record, client_id)
        if record is None or words:
            return Cancelled(outcome="REFUSED", code="NOT_AMENDABLE", text=words)
        spec = replace(
            record.spec,
            price=record.spec.price if price is None else price,
            stop_price=record.spec.stop_price if stop_price is None else stop_price,
            quantity=record.spec.quantity if quantity is None else quantity,
        )
        self._amending.add(client_id)
        try:
            permit = await self._sender.clear_amend(self._draft(record, spec))
        except Stopped as stop:
            self._amending.discard(client_id)
            return Cancelled(outcome="REFUSED", code=stop.code, text=stop.words)
        except BaseException:
            self._amending.discard(client_id)
            raise
        answer: asyncio.Future[Cancelled] = asyncio.get_running_loop().create_future()
        self._supervisor.start(f"amend {client_id}", lambda: self._amend(record, permit, spec, answer), "once")
        return await asyncio.shield(answer)

    def _why_not_amended(self, record: OrderRecord | None, client_id: str) -> str:
        if record is None:
            return f"there is no order {client_id!r} of ours"
        if not self._broker.features.amend:
            return f"{self._broker.venue} cannot amend orders: cancel {client_id} and place another"
        if record.intent.purpose == "ENTRY" or not record.intent.parent:
            return f"order {client_id} is an entry: cancel it and confirm another"
        if client_id in self._amending:  # an answer that comes late must not be taken for the next amend's
            return f"an earlier change of order {client_id} is still on its way: wait for its answer"
        if not record.may_amend:
            return (
                f"order {client_id} is {record.state} {record.quarantine}".strip()
                + ": only a resting order can be changed"
            )
        return ""

    def _draft(self, record: OrderRecord, spec: OrderSpec) -> OrderDraft:
        intent = record.intent
        return OrderDraft(
            intent_id=intent.intent_id,
            act="PROTECT" if intent.purpose == "PROTECTION" else "EXIT",
            purpose=intent.purpose,
            spec=spec,
            parent=intent.parent,
        )

    async def _amend(
        self, record: OrderRecord, permit: Permit, spec: OrderSpec, answer: asyncio.Future[Cancelled]
    ) -> None:
        try:
            await self._ask(
                lambda: self._broker.amend(permit, key_of(record), spec), record.client_id, AmendAnswered, answer
            )
        finally:
            self._amending.discard(record.client_id)

    # --- both --------------------------------------------------------------------------------------------------------

    async def _ask(
        self,
        request: Callable[[], Awaitable[Cancelled]],
        client_id: str,
        kind: type[CancelAnswered | AmendAnswered],
        answer: asyncio.Future[Cancelled],
    ) -> Cancelled:
        """The request, with the limit after which its outcome is unknown; a later answer still counts when it comes."""
        asking = asyncio.ensure_future(_outcome(request))
        try:
            if not await answered(asking, self._clock, self._live.current.trading.answer_s):
                self._hear(kind, client_id, NO_ANSWER)
                _give(answer, NO_ANSWER)
            told = await asking
            self._hear(kind, client_id, told)
            _give(answer, told)
            return told
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            _give(answer, NO_ANSWER)

    def _hear(self, kind: type[CancelAnswered | AmendAnswered], client_id: str, told: Cancelled) -> None:
        now_ms = self._clock.now_ms()
        self._records.hear(
            kind(client_id=client_id, at_ms=now_ms, outcome=told.outcome, code=told.code, text=told.text)
        )
        for report in told.reports:  # those of a list tell of both its legs
            found = self._records.find(report)
            name = found.client_id if found is not None else client_id
            self._records.hear(Reported(client_id=name, at_ms=now_ms, report=report, channel="ANSWER"))


async def _outcome(request: Callable[[], Awaitable[Cancelled]]) -> Cancelled:
    """What the broker answered or raised, as an answer."""
    try:
        return await request()
    except NotSent as error:
        return Cancelled(outcome="REFUSED", code=error.code, text=str(error))
    except Rejected as error:
        return Cancelled(outcome="REFUSED", code=str(error.code), text=str(error))
    except NotAuthorised as error:
        return Cancelled(outcome="REFUSED", code="NOT_AUTHORISED", text=str(error))
    except NoAnswer as error:
        return Cancelled(outcome="UNKNOWN", code=error.why, text=str(error))
    except Exception as error:  # bytes may have left: unknown, and the order is asked for
        log.exception("a cancel or amend failed")
        return Cancelled(outcome="UNKNOWN", code="UNREADABLE", text=f"{type(error).__name__}: {error}")


def _why_not_cancelled(record: OrderRecord) -> str:
    name = record.client_id
    if record.quarantine:
        return f"order {name} is quarantined ({record.quarantine}): compare it with the venue's website and release it first"
    if record.state == "UNKNOWN":
        return f"order {name} is unknown and is not cancelled by guess: wait for the venue's answer, or resolve it"
    return "" if record.may_cancel else f"order {name} is {record.state}: it can be cancelled once the venue has it"


def _give(answer: asyncio.Future[Cancelled], told: Cancelled) -> None:
    if not answer.done():
        answer.set_result(told)
