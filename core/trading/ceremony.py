"""The order ticket: what the operator reviews, weighs and authorises, step by step, until exactly that order is sent.

The engine owns the ticket; a screen shows `TicketStatus` and sends commands. Every step and every change of the order has a
nonce of its own, which a confirmation must bring back: what is replayed, doubled or late can never advance a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    AccountStatus,
    ConfirmTicket,
    EditTicket,
    OpenTicket,
    OpenTrade,
    OrderAlarm,
    Quote,
    Replay,
    SettingChanged,
    ThresholdsInForce,
    TicketStep,
)
from core.risk.verdict import written
from core.settings_live import LiveSettings
from core.trading.authority import authorise
from core.trading.draft import Submission
from core.trading.opening import NoEdge, Proposal, Unfit
from core.trading.reviewed import Facts, carried, changes, facts_of
from core.trading.standing_in import end_entry
from core.trading.states import DONE
from core.trading.ticket import Ticket, new_nonce, same_quantity, ticket_status, token_for
from core.trading.ticket_gates import denial, judge_ticket
from core.trading.wishes import Wish, edited, trade_of, wish_of

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

LOOK_S = 1.0
NEVER_LEFT = frozenset(
    {"NOT_AUTHORISED", "NO_CONNECTION", "BANNED", "RATE_BUDGET", "CLOCK", "UNSUPPORTED", "PAPER_STATE"}
)
"""Codes of our own side, where no byte left: the venue never saw the order."""
READ_S = 0.3
"""A step confirmed sooner than this after it was first shown was not read."""


class Ceremony:
    """At most one ticket of one account. Methods return words of refusal where no ticket can tell them, or nothing."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, desk: TradingDesk) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._desk = desk
        self._ticket: Ticket | None = None
        self._thresholds: dict[str, ThresholdsInForce] = {}
        self._canary = ""
        """Client id of a canary that was sent and has not yet been seen to hold."""
        bus.subscribe(Replay, lambda _: self._publish(), name="ticket.replay")
        bus.subscribe(ThresholdsInForce, self._on_thresholds, name="ticket.thresholds")
        bus.subscribe(Quote, self._on_quote, name="ticket.quote")
        bus.subscribe(SettingChanged, lambda _: self._on_change(), name="ticket.settings")
        bus.subscribe(AccountStatus, lambda _: self._on_change(), name="ticket.account")

    async def run(self) -> None:
        """Watch the open ticket, and a canary that was sent, until cancelled."""
        while True:
            ticket = self._ticket
            if ticket is not None and ticket.open:
                if ticket.asking and not self._expired(ticket):
                    self._judge(ticket)
                self._publish()
            self._watch_canary()
            await self._clock.sleep(LOOK_S)

    # --- what the operator asks ----------------------------------------------------------------------------------------

    async def open(self, wanted: OpenTicket) -> str:
        """Open a ticket, or come back to the one that is open."""
        ticket = self._ticket
        if ticket is not None and ticket.open:
            if ticket.wish.symbol != wanted.symbol:
                return f"the ticket of {ticket.wish.symbol} is open at {ticket.step}; confirm it or close it first"
            if wanted.proposal not in ("", ticket.wish.item_id) or wanted.replaces not in ("", ticket.wish.replaces):
                ticket.words = f"a ticket of {wanted.symbol} is open already: close it to open the other one"
            self._publish()
            return ""
        try:
            self._ticket = self._planned(wish_of(wanted, self._desk, self._clock.now_ms()))
        except Unfit as error:
            return str(error)
        self._publish()
        return ""

    async def edit(self, change: EditTicket) -> str:
        """Change a part of it. What cannot be read or planned leaves it as it is."""
        return self._anew(change.ticket_id, lambda wish: edited(wish, change.part, change.value, self._desk))

    async def refresh(self, ticket_id: str) -> str:
        """Plan it anew, with the prices and limits of now."""
        return self._anew(ticket_id, lambda wish: wish)

    async def confirm(self, confirmed: ConfirmTicket) -> str:
        """Yes to the step that is shown. Up to the send nothing is awaited: two in one turn are one after the other."""
        ticket = self._ticket
        if ticket is None or ticket.ticket_id != confirmed.ticket_id:
            return "that ticket is not open any more; nothing was sent by this"
        words = self._unfit_answer(ticket, confirmed)
        if not words and self._expired(ticket):
            self._publish()
            return ""
        words = words or self._denied(ticket) or _mistyped(ticket, confirmed.typed, self._desk)
        if words:
            ticket.words = words
            self._publish()
            return ""
        following = self._following(ticket)
        ticket.to(following, self._clock.monotonic())
        self._judge(ticket)
        self._publish()
        if following == "SENDING":
            await self._send(ticket)
        return ""

    async def give_up(self, ticket_id: str) -> str:
        """Close it."""
        ticket = self._ticket
        if ticket is None or ticket.ticket_id != ticket_id:
            return ""
        if ticket.step == "SENDING":
            ticket.words = "it is being sent and cannot be taken back here; cancel the order once it shows"
            self._publish()
            return ""
        self._end(ticket, "given up by the operator" if ticket.asking else "")
        return ""

    def drop(self, why: str) -> None:
        """The account is left, or disarmed: an open ticket ends. One that is on its way is held back if it still can be."""
        ticket = self._ticket
        if ticket is None:
            return
        if ticket.step == "SENDING":
            ticket.end_with = why
        else:
            self._end(ticket, why)

    async def send_now(self, wanted: OpenTrade, by: str = "operator") -> Submission:
        """On paper the command is the confirmation; with real money it is refused."""
        desk = self._desk
        if desk.broker.mode != "PAPER":
            words = "real orders need their confirmation steps; this command opens trades on paper alone"
            return Submission(sent=False, code="CEREMONY", words=words)
        try:
            proposal = desk.propose(wanted, by)
        except Unfit as error:
            return Submission(sent=False, code="UNFIT", words=str(error))
        return await desk.send_entry(proposal, authorise(proposal.draft.spec, self._clock.now_ms()))

    # --- planning ------------------------------------------------------------------------------------------------------

    def _planned(self, wish: Wish) -> Ticket:
        """A ticket at its review. Raises `Unfit`."""
        desk, now_ms, now = self._desk, self._clock.now_ms(), self._clock.monotonic()
        proposal, words = self._proposal(wish)
        span_s = self._live.current.trading.ticket_s
        canary = desk.needs_canary
        ticket = Ticket(
            ticket_id=new_nonce(),
            wish=wish,
            kind="CANARY" if canary else "AMEND" if wish.replaces else "TRADE",
            proposal=proposal,
            reviewed=replace(self._facts(proposal), mid=proposal.draft.plan.confirmed_price),
            opened_ms=now_ms,
            expires_ms=now_ms + round(span_s * 1000),
            until=now + span_s,
            shown_at=now,
            nonce=new_nonce(),
            words=words,
        )
        if canary:
            ticket.words = (
                "the first order with these keys: the least the venue takes, to see entry, fill and stop hold"
            )
        self._judge(ticket)
        return ticket

    def _proposal(self, wish: Wish) -> tuple[Proposal, str]:
        """The plan, and what is to be said of it. By hand a trade without an edge is offered at the least size. Raises `Unfit`."""
        desk = self._desk
        try:
            return desk.propose(trade_of(wish, desk)), ""
        except NoEdge as error:
            if wish.item_id:
                raise
            return desk.propose(trade_of(wish, desk, least=True)), f"{error}. This is the least the venue takes"

    def _anew(self, ticket_id: str, wished: Callable[[Wish], Wish]) -> str:
        """The same ticket with another plan, reviewed from the beginning."""
        ticket = self._ticket
        if ticket is None or ticket.ticket_id != ticket_id:
            return "that ticket is not open any more; open a new one"
        if ticket.step in ("SENDING", "SENT", "CLOSED"):
            ticket.words = f"it is {ticket.step} and cannot be changed; amend or cancel its order instead"
            self._publish()
            return ""
        try:
            fresh = self._planned(wished(ticket.wish))
        except Unfit as error:
            ticket.words = str(error)
        else:
            fresh.ticket_id, fresh.opened_ms = ticket.ticket_id, ticket.opened_ms
            self._ticket = fresh
        self._publish()
        return ""

    # --- looking -------------------------------------------------------------------------------------------------------

    def _facts(self, proposal: Proposal) -> Facts:
        spec = proposal.draft.spec
        known = self._thresholds.get(spec.symbol)
        return facts_of(spec, self._desk, self._live.current, known, self._clock.now_ms())

    def _expired(self, ticket: Ticket) -> bool:
        """Whether something changed since the review, or time is up; then the ticket has expired and says why."""
        now = self._facts(ticket.proposal)
        spec, perpetual = ticket.proposal.draft.spec, self._desk.broker.features.perpetual
        found = changes(ticket.reviewed, now, spec, perpetual=perpetual)
        if self._clock.monotonic() >= ticket.until:
            span_s = self._live.current.trading.ticket_s
            found = (*found, f"reviewed more than {span_s:g} s ago: review it again")
        if found:
            ticket.to("EXPIRED", self._clock.monotonic())
            ticket.changes = found
            return True
        ticket.reviewed = carried(ticket.reviewed, now)
        return False

    def _judge(self, ticket: Ticket) -> None:
        judge_ticket(ticket, self._desk, self._live.current)

    # --- confirming ----------------------------------------------------------------------------------------------------

    def _unfit_answer(self, ticket: Ticket, confirmed: ConfirmTicket) -> str:
        """Why this is no answer to what is shown, in words; empty: it is one."""
        if not ticket.asking:
            return f"it is {ticket.step}: there is nothing to confirm; refresh it, or open a new ticket"
        if confirmed.step != ticket.step or confirmed.nonce != ticket.nonce:
            return f"that answer was used already, or the ticket has changed since: it stands at {ticket.step}"
        if self._clock.monotonic() - ticket.shown_at < READ_S:
            return f"{ticket.step} was confirmed before it could be read: read it, then confirm"
        return ""

    def _denied(self, ticket: Ticket) -> str:
        self._judge(ticket)
        return denial(ticket)

    def _following(self, ticket: Ticket) -> TicketStep:
        if self._desk.broker.mode == "PAPER":
            return "SENDING"
        steps: dict[TicketStep, TicketStep] = {
            "REVIEW": "CONSEQUENCES",
            "CONSEQUENCES": "AUTHORISE",
            "AUTHORISE": "SENDING",
        }
        return steps[ticket.step]

    # --- sending -------------------------------------------------------------------------------------------------------

    async def _send(self, ticket: Ticket) -> None:
        """Everything was checked in this very turn; the send itself checks once more."""
        name = ticket.proposal.draft.spec.client_id
        step: TicketStep = "REFUSED"
        words = f"the send ended without an answer: look for order {name} on the orders screen"
        try:
            step, words = await self._carry_out(ticket)
        finally:
            ticket.to(step, self._clock.monotonic())
            ticket.words = words
            if step == "SENT":
                self._sent(ticket)
            self._publish()

    async def _carry_out(self, ticket: Ticket) -> tuple[TicketStep, str]:
        """Where it ends, with words."""
        proposal = ticket.proposal
        words = await self._end_old(ticket) if ticket.wish.replaces else ""
        if words or ticket.end_with:
            return "REFUSED", words or f"nothing was sent: {ticket.end_with}"
        authorisation = authorise(proposal.draft.spec, self._clock.now_ms())
        submission = await self._desk.send_entry(proposal, authorisation)
        if submission.sent:
            ticket.client_id = proposal.draft.spec.client_id
        return _outcome(submission)

    def _sent(self, ticket: Ticket) -> None:
        if ticket.wish.item_id:
            self._desk.inbox.taken(ticket.wish.item_id)
        if ticket.kind == "CANARY":
            self._canary = ticket.client_id

    async def _end_old(self, ticket: Ticket) -> str:
        """The entry this one stands in for ends first. Words: nothing may be sent."""
        desk, old = self._desk, ticket.wish.replaces
        words = await end_entry(desk, self._clock, old, ticket.wish.symbol)
        if words:
            return words
        now = self._facts(ticket.proposal)
        now = replace(now, free=ticket.reviewed.free)  # what the old one had taken is free again
        found = changes(ticket.reviewed, now, ticket.proposal.draft.spec, perpetual=desk.broker.features.perpetual)
        return f"order {old} was cancelled, and nothing sent in its place: {'; '.join(found)}" if found else ""

    # --- after it was sent -----------------------------------------------------------------------------------------------

    def _watch_canary(self) -> None:
        """A canary that has filled and whose stop the venue shows proves every link of the chain."""
        desk, record = self._desk, self._desk.manager.orders.get(self._canary)
        if record is None:
            return
        if not record.filled:
            self._canary = "" if record.state in DONE else self._canary
            return
        symbol, truth = record.spec.symbol, desk.trades.truth(record.spec.symbol)
        if record.may_fill or truth.state != "VERIFIED":
            return
        self._canary = ""
        text = f"{symbol}: filled {written(record.filled)}, stop {truth.price:f} seen at the venue"
        desk.canary_flown(text)
        told = f"{text}: every link holds. Close the position (x on the orders screen), or keep it"
        self._bus.publish(
            OrderAlarm(
                venue=desk.venue, category=desk.category, symbol=symbol, client_id=record.client_id, code="CANARY", text=told,
                severity="info", at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip

    # --- telling -------------------------------------------------------------------------------------------------------

    def _end(self, ticket: Ticket, words: str) -> None:
        ticket.to("CLOSED", self._clock.monotonic())
        ticket.words = words
        self._publish()
        self._ticket = None

    def _publish(self) -> None:
        ticket = self._ticket
        if ticket is not None:
            known = self._thresholds.get(ticket.wish.symbol)
            self._bus.publish(ticket_status(ticket, self._desk, known, self._clock.now_ms()))

    # --- what is heard -------------------------------------------------------------------------------------------------

    def _on_thresholds(self, thresholds: ThresholdsInForce) -> None:
        self._thresholds[thresholds.symbol] = thresholds
        self._on_change(thresholds.symbol)

    def _on_quote(self, quote: Quote) -> None:
        self._on_change(quote.symbol)

    def _on_change(self, symbol: str = "") -> None:
        """Something the review may rest on."""
        ticket = self._ticket
        if ticket is None or not ticket.asking or (symbol and symbol != ticket.wish.symbol):
            return
        if self._expired(ticket):
            self._publish()


def _mistyped(ticket: Ticket, typed: str, desk: TradingDesk) -> str:
    """What was typed is not what the step asks for, in words; empty: it is, or it asks for nothing."""
    spec = ticket.proposal.draft.spec
    if ticket.step == "CONSEQUENCES" and not same_quantity(typed, spec.quantity):
        return f"{typed.strip()[:40]!r} is not the quantity {spec.quantity:f}: type it to go on"
    if ticket.step == "AUTHORISE" and typed.strip().upper() != token_for(ticket, desk):
        return f"{typed.strip()[:40]!r} is not the token {token_for(ticket, desk)}: type it to send"
    return ""


def _outcome(submission: Submission) -> tuple[TicketStep, str]:
    record, said = submission.record, f"{submission.code} {submission.words}".strip()
    if not submission.sent:
        return "REFUSED", submission.words or submission.code
    if record is not None and record.state == "REJECTED":
        who = "nothing was sent" if submission.code in NEVER_LEFT else "the venue refused it"
        return "REFUSED", f"{who}: {said}"
    if record is not None and record.state == "UNKNOWN":
        return "SENT", "the venue has not answered: what became of it is not known yet and is being asked"
    if record is not None and record.state in DONE and not record.filled:
        return "SENT", f"it is {record.state} already and nothing of it filled: there is nothing to protect"
    return "SENT", ""
