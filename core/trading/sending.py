"""The way of an order from its draft to the wire: gates, journal, permit, send, answer. Each step is named in `Sender.send`.

Nothing leaves before its intent is durable, nothing is sent twice, and what cannot be proven to have been refused is unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.risk.gates import GATES, Verdicts, judge
from core.risk.trading_state import SAFETY
from core.risk.verdict import Deny
from core.risk.view import AuthorisationView, RiskView
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.authority import Authorisation, NotAuthorised, Permit, authorise, order_hash
from core.trading.broker import Broker
from core.trading.client_ids import recognise
from core.trading.delivery import Delivery, Failed, Wire, ignore
from core.trading.draft import Gatekeeper, OrderDraft, Submission
from core.trading.evidence import AmendAnswered, AmendSent, Confirmed, Journalled, Sent, Voided
from core.trading.family_bound import why_beyond_family
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import AuthorisationUsed, Authorised, GateVerdict
from core.trading.order import ZERO, OrderSpec
from core.trading.order_messages import gate_report
from core.trading.order_record import Intent
from core.trading.records import OrderRecords
from core.venue import Instrument

AT_SEND = frozenset(
    {"ARMED", "TRADING_STATE", "REDUCES_ONLY", "SYMBOL_STATUS", "ORDER_FORM", "NOTIONAL", "AUTHORISATION"}
)
"""Gates asked once more when the intent is durable: what they look at may have changed while the disk worked."""
SEND_GATES = tuple(gate for gate in GATES if gate.code in AT_SEND)
WIRE_GATES = tuple(gate for gate in GATES if gate.code in ("ARMED", "TRADING_STATE", "CONFIRMED_PRICE"))
"""Asked of an entry once more when its first byte may leave: it may have waited for the rate budget."""

log = logging.getLogger("tradetui.trading")


class Stopped(Exception):
    """The order goes no further: why, as a code and in words. No byte was sent."""

    def __init__(self, code: str, words: str, verdicts: Verdicts | None = None, *, retry_in_s: float = 0.0) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.verdicts = verdicts
        self.retry_in_s = retry_in_s


class Ready(Struct, frozen=True, eq=False):
    """An order that passed the gates."""

    draft: OrderDraft
    authorisation: Authorisation
    verdicts: Verdicts
    instrument: Instrument | None

    @property
    def client_id(self) -> str:
        return self.draft.spec.client_id


class Sender:
    """Sends drafts of one account. `locked` names symbols that take no entries."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        journal: Journal,
        broker: Broker,
        gatekeeper: Gatekeeper,
        live: LiveSettings,
        records: OrderRecords,
        supervisor: Supervisor,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._broker = broker
        self._gatekeeper = gatekeeper
        self._live = live
        self._records = records
        self._supervisor = supervisor

    async def send(
        self,
        drafts: Sequence[OrderDraft],
        given: Authorisation | None,
        wire: Wire,
        failed: Failed = ignore,
    ) -> tuple[Submission, ...]:
        """All of these drafts in one request, or none. Returns once each one's outcome is known, or known to be unknown."""
        ready: list[Ready] = []
        self._records.gather()
        try:
            for draft in drafts:
                ready.append(self._admit(draft, given))
                self._begin(ready[-1])
            await self._make_durable(ready)
            permits = tuple(self._permit(one) for one in ready)
        except Stopped as stop:
            return self._stopped(drafts, ready, given, stop)
        except BaseException:
            self._stopped(drafts, ready, given, Stopped("GIVEN_UP", "given up by the program before it was sent"))
            raise
        now_ms = self._clock.now_ms()
        for one in ready:
            self._used(one.authorisation, "SPENT")
            self._records.hear(Sent(client_id=one.client_id, at_ms=now_ms))
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        names = tuple(one.client_id for one in ready)
        deliver = Delivery(self._clock, self._live, self._records, names, wire, failed, settled)
        self._supervisor.start(f"send {names[0]}", lambda: deliver.run(permits), "once")
        await asyncio.shield(settled)
        return tuple(self._submission(one) for one in ready)

    async def clear_amend(self, draft: OrderDraft) -> Permit:
        """The permit for changing a resting order to `draft.spec`, once that is on the disk. Raises `Stopped`."""
        client_id = draft.spec.client_id
        left = draft.spec.quantity - self._records.orders[client_id].filled
        if left <= ZERO:
            raise Stopped(
                "NOTHING_LEFT",
                f"order {client_id} has filled {draft.spec.quantity:f} or more: nothing is left to change",
            )
        rest = replace(draft, spec=replace(draft.spec, quantity=left))  # what it filled, the position has given already
        view = self._view(rest, None)
        self._check_bound(rest, view)
        authorisation = authorise(draft.spec, self._clock.now_ms(), draft.parent)
        view = replace(view, authorisation=self._authorisation_view(draft, authorisation))
        verdicts = judge(view, self._clock.monotonic)
        self._tell_gates(draft, verdicts)
        if not verdicts.allowed:
            raise Stopped(verdicts.denials[0].code, verdicts.denials[0].words, verdicts)
        self._write_authorised(draft, authorisation)
        step = AmendSent(client_id=client_id, at_ms=self._clock.now_ms(), spec=draft.spec)
        await self._append(step)
        record = self._records.orders[client_id]
        may = record.may_amend
        self._records.hear(step, written=True)
        try:
            if not may:
                raise Stopped("NOT_AMENDABLE", f"order {client_id} became {record.state} {record.quarantine}".rstrip())
            self._quiet_venue(draft)
            permit = _spend(authorisation, draft.spec, self._clock.now_ms())
        except Stopped as stop:
            self._used(authorisation, "REVOKED")
            now_ms = self._clock.now_ms()
            self._records.hear(AmendAnswered(client_id=client_id, at_ms=now_ms, outcome="REFUSED", code=stop.code))
            raise
        self._used(authorisation, "SPENT")
        return permit

    # --- before the journal ------------------------------------------------------------------------------------------

    def _admit(self, draft: OrderDraft, given: Authorisation | None) -> Ready:
        """Everything that can be known before anything is written down. Raises `Stopped`."""
        self._check_identity(draft)
        view = self._view(draft, given)
        authorisation = given if given is not None else self._mint(draft, view)
        view = replace(view, authorisation=self._authorisation_view(draft, authorisation))
        verdicts = judge(view, self._clock.monotonic)
        self._tell_gates(draft, verdicts)
        if not verdicts.allowed:
            if given is None:
                authorisation.revoke()
            first = verdicts.denials[0] if verdicts.denials else Deny("GATES", {}, "GATES gave no answer: report this")
            raise Stopped(first.code, first.words, verdicts)
        self._gatekeeper.noted(draft, self._clock.now_ms())
        return Ready(draft, authorisation, verdicts, view.instrument)

    def _check_identity(self, draft: OrderDraft) -> None:
        spec, orders = draft.spec, self._records.orders
        if recognise(spec.client_id) is None or spec.client_id in orders:
            raise Stopped("CLIENT_ID", f"client id {spec.client_id!r} is not a new one of ours: take the next one")
        for record in orders.values():
            if record.state == "UNKNOWN" and draft.act == "ENTRY" and record.intent.spec.symbol == spec.symbol:
                words = f"{spec.symbol} takes no entries while order {record.client_id} is unknown: resolve it first"
                raise Stopped("UNKNOWN_ORDER", words)
            if record.intent.intent_id != draft.intent_id or not record.may_fill:
                continue
            legs = bool(spec.list_id) and record.intent.spec.list_id == spec.list_id
            if record.client_id != draft.replaces and not legs:
                words = f"{draft.intent_id!r} is served by order {record.client_id} ({record.state}): wait for its end"
                raise Stopped("INTENT_LIVE", words)

    def _view(self, draft: OrderDraft, given: Authorisation | None) -> RiskView:
        asked = self._authorisation_view(draft, given) if given is not None else AuthorisationView()
        try:
            return self._gatekeeper.view(draft, asked)
        except Exception as error:  # no picture, no order: told to the caller and to a person
            log.exception("the gates' picture failed")
            words = f"the gates' picture of {draft.spec.symbol} failed ({type(error).__name__}: {error}): report this"
            self._records.alarm("VIEW_FAILED", words)
            raise Stopped("VIEW_FAILED", words) from error

    def _mint(self, draft: OrderDraft, view: RiskView) -> Authorisation:
        """The authorisation an entry gives its own protection and exits. Raises `Stopped` for anything else."""
        self._check_bound(draft, view)
        return authorise(draft.spec, self._clock.now_ms(), draft.parent)

    def _check_bound(self, draft: OrderDraft, view: RiskView) -> None:
        """The order only reduces what its parent filled. Raises `Stopped`, and alarms when it would do more."""
        spec = draft.spec
        if draft.purpose == "ENTRY" or draft.act == "ENTRY" or not draft.parent:
            raise Stopped("NOT_AUTHORISED", f"order {spec.client_id} needs an authorisation: confirm it")
        base = view.instrument.base if view.instrument is not None else ""
        words = why_beyond_family(self._records.orders.values(), draft.parent, spec, base, replaces=draft.replaces)
        if words:
            text = f"{draft.purpose.lower()} for {draft.parent} was not authorised: {words}"
            self._records.alarm("BEYOND_ENTRY", text)
            raise Stopped("BEYOND_ENTRY", text)

    def _authorisation_view(self, draft: OrderDraft, authorisation: Authorisation) -> AuthorisationView:
        grant = authorisation.grant
        return AuthorisationView(
            order_hash=order_hash(draft.spec),
            authorised_hash=grant.spec_hash,
            age_s=(self._clock.now_ms() - grant.minted_ms) / 1000,
            used=authorisation.used,
        )

    def _tell_gates(self, draft: OrderDraft, verdicts: Verdicts) -> None:
        now_ms, spec, broker = self._clock.now_ms(), draft.spec, self._broker
        self._bus.publish(
            gate_report(spec.symbol, spec.client_id, draft.act, verdicts, broker.venue, broker.category, now_ms)
        )
        for denial in verdicts.denials:
            self._records.write(
                GateVerdict(
                    at_ms=now_ms, client_id=spec.client_id, gate=denial.code, code=denial.code, facts=denial.facts
                )
            )
        counts = {"asked": str(len(verdicts.answers)), "denied": str(len(verdicts.denials)), "act": draft.act}
        code = "DENIED" if verdicts.denials else ""
        self._records.write(GateVerdict(at_ms=now_ms, client_id=spec.client_id, gate="ALL", code=code, facts=counts))

    # --- the journal -------------------------------------------------------------------------------------------------

    def _begin(self, ready: Ready) -> None:
        draft, now_ms = ready.draft, self._clock.now_ms()
        self._records.begin(
            Intent(at_ms=now_ms, intent_id=draft.intent_id, purpose=draft.purpose, spec=draft.spec, parent=draft.parent)
        )
        self._write_authorised(draft, ready.authorisation)
        self._records.hear(Confirmed(client_id=ready.client_id, at_ms=now_ms))

    def _write_authorised(self, draft: OrderDraft, authorisation: Authorisation) -> None:
        grant = authorisation.grant
        self._records.write(
            Authorised(
                at_ms=grant.minted_ms,
                authorisation_id=grant.authorisation_id,
                client_id=grant.client_id,
                order_hash=grant.spec_hash,
                purpose=draft.purpose,
                quantity=draft.spec.quantity if draft.purpose != "ENTRY" else ZERO,
                parent=grant.parent,
            )
        )

    async def _make_durable(self, ready: Sequence[Ready]) -> None:
        """Return once every intent is on the disk: that is the permission to send. Raises `Stopped`."""
        now_ms = self._clock.now_ms()
        steps = [Journalled(client_id=one.client_id, at_ms=now_ms) for one in ready]
        for step in steps[:-1]:
            self._records.write(step)
        await self._append(steps[-1])
        for step in steps:
            self._records.hear(step, written=True)

    async def _append(self, step: Journalled | AmendSent) -> None:
        try:
            await self._journal.append(step, self._records.gathered())
        except JournalError as error:
            text = f"order {step.client_id} was not sent: {error}"
            self._records.alarm("JOURNAL", text)
            raise Stopped("JOURNAL", text) from error

    def _permit(self, ready: Ready) -> Permit:
        """The last look before the wire. Raises `Stopped`."""
        draft = ready.draft
        record = self._records.orders[ready.client_id]
        if not record.may_send:
            raise Stopped("NOT_SENDABLE", f"order {ready.client_id} is {record.state} {record.quarantine}".strip())
        view = self._view(draft, ready.authorisation)
        verdicts = judge(view, self._clock.monotonic, SEND_GATES)
        if not verdicts.allowed:
            raise Stopped(verdicts.denials[0].code, verdicts.denials[0].words, ready.verdicts)
        if _rules_of(view.instrument) != _rules_of(ready.instrument):
            words = f"the venue changed the tick, lot or least notional of {draft.spec.symbol}: plan the order anew"
            raise Stopped("RULES_CHANGED", words, ready.verdicts)
        self._quiet_venue(draft)
        permit = _spend(ready.authorisation, draft.spec, self._clock.now_ms())
        if draft.act == "ENTRY":
            permit.objection = lambda: self._objection(ready)
        return permit

    def _objection(self, ready: Ready) -> str:
        """Why an entry must not leave any more, in words; empty: it may."""
        try:
            verdicts = judge(self._view(ready.draft, ready.authorisation), self._clock.monotonic, WIRE_GATES)
        except Stopped as stop:
            return stop.words
        return "" if verdicts.allowed else verdicts.denials[0].words

    def _quiet_venue(self, draft: OrderDraft) -> None:
        """Nothing is sent to a venue that asked for silence, but what protects where that may be. Raises `Stopped`."""
        now_ms, spent = self._clock.now_ms(), self._broker.spent()
        banned_ms = spent.silent_until_ms if draft.act in SAFETY else spent.banned_until_ms
        if now_ms < banned_ms:
            left_s = (banned_ms - now_ms) / 1000
            raise Stopped("BANNED", f"the venue asks for {left_s:.0f} s of silence: wait", retry_in_s=left_s)

    def _stopped(
        self, drafts: Sequence[OrderDraft], ready: Sequence[Ready], given: Authorisation | None, stop: Stopped
    ) -> tuple[Submission, ...]:
        """Nothing is sent: what was written down is void, and no authorisation is left over."""
        for record in self._records.gathered():
            self._records.write(record)
        now_ms = self._clock.now_ms()
        for one in ready:
            self._records.hear(Voided(client_id=one.client_id, at_ms=now_ms, code=stop.code, text=stop.words))
            one.authorisation.revoke()
            self._used(one.authorisation, "EXPIRED" if stop.code == "NOT_AUTHORISED" else "REVOKED")
        if given is not None:
            given.revoke()
        orders = self._records.orders
        return tuple(
            Submission(
                sent=False,
                record=orders[draft.spec.client_id] if any(one.draft is draft for one in ready) else None,
                verdicts=stop.verdicts,
                code=stop.code,
                words=stop.words,
                retry_in_s=stop.retry_in_s,
            )
            for draft in drafts
        )

    def _used(self, authorisation: Authorisation, outcome: Literal["SPENT", "EXPIRED", "REVOKED"]) -> None:
        name, now_ms = authorisation.grant.authorisation_id, self._clock.now_ms()
        self._records.write(AuthorisationUsed(at_ms=now_ms, authorisation_id=name, outcome=outcome))

    def _submission(self, ready: Ready) -> Submission:
        record = self._records.orders.get(ready.client_id)
        refusal = record.refusal if record is not None and record.state == "REJECTED" else None
        code, _, words = (refusal or "").partition(" ")
        return Submission(sent=True, record=record, verdicts=ready.verdicts, code=code, words=words)


def _spend(authorisation: Authorisation, spec: OrderSpec, now_ms: int) -> Permit:
    try:
        return authorisation.spend(spec, now_ms)
    except NotAuthorised as error:
        raise Stopped("NOT_AUTHORISED", str(error)) from error


def _rules_of(instrument: Instrument | None) -> tuple[Decimal, Decimal, Decimal] | None:
    return None if instrument is None else (instrument.tick_size, instrument.lot_size, instrument.min_notional)
