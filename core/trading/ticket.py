"""One order ticket: the plan that is reviewed, the step it stands at, and what the operator is shown of it."""

from __future__ import annotations

import math
import secrets
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from core.messages import Consequences, GateAnswer, Side, ThresholdsInForce, TicketKind, TicketStatus, TicketStep
from core.trading.argument import argument, thresholds_words
from core.trading.opening import Proposal
from core.trading.order import ZERO
from core.trading.reviewed import Facts
from core.trading.wishes import NUMBER, Wish

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

ASKING: frozenset[TicketStep] = frozenset({"REVIEW", "CONSEQUENCES", "AUTHORISE"})
"""Steps that wait for the operator."""
OPEN: frozenset[TicketStep] = ASKING | {"SENDING"}
"""While a ticket stands there no other may be opened."""
DIGITS = 2


class Ticket(Struct, kw_only=True, eq=False):
    """Changed by the ceremony alone. `shown_at` and `until` are of the monotonic clock: since when its step is shown, and
    until when the review counts. `end_with`: why it must not be sent any more.
    """

    ticket_id: str
    wish: Wish
    kind: TicketKind
    proposal: Proposal
    reviewed: Facts
    opened_ms: int
    expires_ms: int
    until: float
    shown_at: float
    nonce: str
    step: TicketStep = "REVIEW"
    gates: tuple[GateAnswer, ...] = ()
    allowed: bool = False
    consequences: Consequences | None = None
    changes: tuple[str, ...] = ()
    words: str = ""
    client_id: str = ""
    end_with: str = ""

    @property
    def open(self) -> bool:
        """Whether it stands in the way of another one."""
        return self.step in OPEN

    @property
    def asking(self) -> bool:
        """Whether it waits for the operator."""
        return self.step in ASKING

    def to(self, step: TicketStep, now: float) -> None:
        """The next step, or the same one of a changed order: what was typed for the one before is of no use any more."""
        self.step, self.shown_at, self.nonce, self.words = step, now, new_nonce(), ""


def new_nonce() -> str:
    """Never told before, and not to be guessed."""
    return secrets.token_hex(8)


def token_of(base: str, side: Side, quantity: Decimal) -> str:
    """What is typed to authorise: base asset, side, size. SOLUSDT BUY 3.280 is `SB32`."""
    digits = f"{quantity.normalize():f}".replace(".", "").lstrip("0")
    return f"{base[:1]}{side[:1]}{digits[:DIGITS].ljust(DIGITS, '0')}".upper()


def same_quantity(typed: str, quantity: Decimal) -> bool:
    """Whether what was typed is this number, however many zeros it was written with."""
    text = typed.strip()
    return bool(NUMBER.fullmatch(text)) and Decimal(text) == quantity


def ticket_status(ticket: Ticket, desk: TradingDesk, thresholds: ThresholdsInForce | None, now_ms: int) -> TicketStatus:
    """The ticket as a screen shows it."""
    plan, spec, wish, broker = ticket.proposal.plan, ticket.proposal.draft.spec, ticket.wish, desk.broker
    why, contrary = argument(wish.side, desk.opening.confluence(wish.symbol), desk.opening.analysis(wish.symbol))
    if wish.item_id and ticket.open and desk.inbox.find(wish.item_id) is None:
        contrary = ("the proposal it came from is not open any more", *contrary)
    mid = ticket.reviewed.mid
    return TicketStatus(
        venue=desk.venue,
        category=desk.category,
        symbol=wish.symbol,
        ticket_id=ticket.ticket_id,
        kind=ticket.kind,
        step=ticket.step,
        nonce=ticket.nonce,
        mode=broker.mode,
        account=broker.account,
        host=broker.host,
        host_kind=broker.host_kind,
        by=wish.by,
        side=spec.side,
        order_type="MARKET" if spec.price == ZERO else "LIMIT",
        quantity=spec.quantity,
        entry=spec.price,
        stop=plan.stop,
        targets=tuple((target.price, float(target.share)) for target in plan.targets),
        ratio=plan.net_ratio,
        probability=plan.probability,
        proposed_price=wish.proposed_price,
        reviewed_price=float(mid) if mid is not None else math.nan,
        why=why,
        contrary=contrary,
        thresholds=thresholds_words(thresholds),
        gates=ticket.gates,
        allowed=ticket.allowed,
        consequences=ticket.consequences,
        token=token_for(ticket, desk) if ticket.step == "AUTHORISE" else "",
        changes=ticket.changes,
        words=ticket.words,
        replaces=wish.replaces,
        time_in_force=spec.time_in_force,
        client_id=ticket.client_id,
        opened_ms=ticket.opened_ms,
        expires_ms=ticket.expires_ms,
        at_ms=now_ms,
    )


def token_for(ticket: Ticket, desk: TradingDesk) -> str:
    """The token of this ticket's order."""
    spec, rule = ticket.proposal.draft.spec, desk.rules.get(ticket.wish.symbol)
    return token_of(rule.base if rule is not None else spec.symbol, spec.side, spec.quantity)
