"""What the gates would say of a ticket's order now, were it confirmed, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.risk.gates import judge
from core.risk.limits import exact
from core.risk.view import AuthorisationView, RiskView
from core.screening.costs import fee_of
from core.settings import Settings
from core.trading.authority import order_hash
from core.trading.consequences import consequences
from core.trading.order import ZERO
from core.trading.order_messages import gate_report
from core.trading.ticket import Ticket

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk


def judge_ticket(ticket: Ticket, desk: TradingDesk, settings: Settings) -> None:
    """Fill in its gates and, from the step on that shows them, its consequences."""
    view = _view(ticket, desk)
    verdicts = judge(view, lambda: 0.0)  # nothing is late here: the send asks again, in its time
    spec, plan = ticket.proposal.draft.spec, ticket.proposal.plan
    report = gate_report(spec.symbol, spec.client_id, "ENTRY", verdicts, desk.venue, desk.category, view.now_ms)
    ticket.gates, ticket.allowed = report.answers, report.allowed
    if ticket.step == "REVIEW" and desk.broker.mode != "PAPER":
        return
    fee = desk.risk.account.taker_fee
    if fee is None:
        fee = exact(fee_of(desk.category, settings.screening))
    touch = view.quote.ask if spec.side == "BUY" else view.quote.bid
    entry = spec.price or touch or ZERO
    ticket.consequences = consequences(plan, view, desk.broker.features, settings.trading, entry, fee)


def denial(ticket: Ticket) -> str:
    """Why the gates, as judged last, hold it; empty: they let it pass."""
    words = [answer.words for answer in ticket.gates if not answer.allowed]
    if ticket.allowed and not words:
        return ""
    more = f" (and {len(words) - 1} more)" if len(words) > 1 else ""
    return f"{words[0] if words else 'the gates gave no answer'}{more}"


def _view(ticket: Ticket, desk: TradingDesk) -> RiskView:
    """The gates' picture, as if it were authorised, and as if the entry it stands in for were gone."""
    draft, old = ticket.proposal.draft, ticket.wish.replaces
    name = order_hash(draft.spec)
    given = AuthorisationView(order_hash=name, authorised_hash=name, age_s=0.0, used=False)
    view = desk.risk.view(replace(draft, replaces=old), given)
    record, free = desk.manager.orders.get(old), view.account.free_quote
    if record is None or free is None or not record.may_fill:
        return view
    locked = record.remaining * record.spec.price
    if desk.broker.features.perpetual:
        locked = locked / view.account.leverage if view.account.leverage else ZERO
    return replace(view, account=replace(view.account, free_quote=free + locked))
