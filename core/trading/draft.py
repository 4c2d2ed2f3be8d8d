"""An order on its way to the manager: what is wanted, why, and as part of which plan; and what became of it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from core.messages import Purpose, TradingState
from core.risk.gates import Verdicts
from core.risk.trading_state import Act
from core.risk.view import AuthorisationView, PlanView, RiskView
from core.trading.order import OrderSpec
from core.trading.order_record import OrderRecord


class OrderDraft(Struct, frozen=True, kw_only=True):
    """`intent_id` names the wish, which at most one live order may serve. `parent`: the entry a protection belongs to.

    `replaces`: client id of the order the venue swaps for this one in one step.
    """

    intent_id: str
    act: Act
    purpose: Purpose
    spec: OrderSpec
    parent: str = ""
    replaces: str = ""
    plan: PlanView = PlanView()


class Submission(Struct, frozen=True, kw_only=True):
    """`sent` tells whether a byte may have left. If not, `code` and `words` say why: a gate's denial, the journal, the permit.

    `retry_in_s`: how long it is of no use to try again, where that is known.
    `record` is the order as it stands now; None when no intent was ever written down.
    """

    sent: bool
    record: OrderRecord | None = None
    verdicts: Verdicts | None = None
    code: str = ""
    words: str = ""
    retry_in_s: float = 0.0


class Gatekeeper(Protocol):
    """Who knows everything the gates ask for."""

    def view(self, draft: OrderDraft, authorisation: AuthorisationView) -> RiskView:
        """The picture at this moment. What is not known is None, and the gate denies."""

    def tighten(self, to: TradingState, cause: str) -> None:
        """Something happened after which the trading state must be `to`, or stricter; `cause` stands until it is settled."""

    def noted(self, draft: OrderDraft, at_ms: int) -> None:
        """The order is on its way to the wire: it counts for the order rate and the duplicate window from now on."""
