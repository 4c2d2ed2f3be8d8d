"""What the manager learns of one order, and what follows from it: the input and the output of the reducer.

Every struct of `Evidence` is a record of the journal as well, so that a replay applies exactly what was applied live.
`at_ms` is when we learned it and `asked_ms` when we asked, both by our own clock: an answer to a question asked before the
order was sent proves nothing about it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import OrderState, Resolution
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.states import Cause

Channel = Literal["ANSWER", "STREAM", "QUERY", "OPEN_ORDERS", "TRADES"]
"""Where evidence came from: the answer to our own request, the private stream, a query by client id, a listing."""
Unknown = Literal["TIMEOUT", "DISCONNECT", "SERVER_ERROR", "UNREADABLE", "CRASH"]
CancelOutcome = Literal["ACCEPTED", "REFUSED", "GONE", "UNKNOWN"]
"""ACCEPTED: taken, the report follows. REFUSED: definitively not done. GONE: the venue knows no such open order, which may
be a race with a fill. UNKNOWN: no readable answer."""


class _Evidence(Struct, frozen=True, kw_only=True):
    client_id: str
    at_ms: int


class Confirmed(_Evidence, frozen=True, kw_only=True, tag="confirmed"):
    """The operator's single-use yes was accepted."""


class Voided(_Evidence, frozen=True, kw_only=True, tag="voided"):
    """Given up before a byte was sent: dismissed, expired, denied by a gate, rules changed."""

    code: str
    text: str = ""


class Journalled(_Evidence, frozen=True, kw_only=True, tag="journalled"):
    """The intent is on the disk."""


class Sent(_Evidence, frozen=True, kw_only=True, tag="sent"):
    """The write to the socket begins. Written down before it does; legal once in the life of an order."""


class Acknowledged(_Evidence, frozen=True, kw_only=True, tag="acknowledged"):
    """The venue answered that it took the order, without a report of its state."""

    order_id: str = ""


class Refused(_Evidence, frozen=True, kw_only=True, tag="refused"):
    """A definitive no to our send, in the venue's own words. Anything less than definitive is `OutcomeUnknown`."""

    code: str
    reason: str = ""


class OutcomeUnknown(_Evidence, frozen=True, kw_only=True, tag="outcome_unknown"):
    """The send has no readable answer. The order may live, be filled, or never have arrived."""

    why: Unknown
    text: str = ""


class Reported(_Evidence, frozen=True, kw_only=True, tag="reported"):
    """A report of the venue, from any channel, in any order, any number of times."""

    report: OrderReport
    channel: Channel
    asked_ms: int = 0


class StreamGap(_Evidence, frozen=True, kw_only=True, tag="stream_gap"):
    """The private stream was interrupted: reports may be missing."""


class NotFound(_Evidence, frozen=True, kw_only=True, tag="not_found"):
    """A query by client id answered that there is no such order."""

    asked_ms: int


class NotListed(_Evidence, frozen=True, kw_only=True, tag="not_listed"):
    """A complete listing of the open orders of its symbol does not hold the order."""

    asked_ms: int


class TradesListed(_Evidence, frozen=True, kw_only=True, tag="trades"):
    """The trades of this order in a listing that reaches back to `since_ms`; empty: none.

    `complete`: the listing holds every trade from the order's birth to `asked_ms`, oldest first.
    """

    asked_ms: int
    since_ms: int
    fills: tuple[Fill, ...] = ()
    complete: bool = True


class CancelSent(_Evidence, frozen=True, kw_only=True, tag="cancel_sent"):
    """The write of a cancel begins."""


class CancelAnswered(_Evidence, frozen=True, kw_only=True, tag="cancel_answered"):
    """The answer to a cancel. It is no proof of an end: that takes a report."""

    outcome: CancelOutcome
    code: str = ""
    text: str = ""


class AmendSent(_Evidence, frozen=True, kw_only=True, tag="amend_sent"):
    """The write of an amend begins: price, trigger or quantity of the resting order are to be those of `spec`."""

    spec: OrderSpec


class AmendAnswered(_Evidence, frozen=True, kw_only=True, tag="amend_answered"):
    """The answer to the oldest amend without one. It is no proof that the order changed: that takes a report."""

    outcome: CancelOutcome
    code: str = ""
    text: str = ""


class Resolved(_Evidence, frozen=True, kw_only=True, tag="resolved"):
    """A person decided after seeing the evidence."""

    verdict: Resolution
    by: str
    note: str = ""


Evidence = (
    Confirmed | Voided | Journalled | Sent | Acknowledged | Refused | OutcomeUnknown | Reported | StreamGap | NotFound
    | NotListed | TradesListed | CancelSent | CancelAnswered | AmendSent | AmendAnswered | Resolved
)  # fmt: skip


class Moved(Struct, frozen=True, tag="moved"):
    """The state changed."""

    client_id: str
    before: OrderState
    after: OrderState
    cause: Cause
    at_ms: int


class FilledChanged(Struct, frozen=True, tag="filled_changed"):
    """The filled quantity went by `quantity` to `filled`: what a position and its stop must follow.

    Negative only where two executions known by id alone turned out to be one.
    """

    client_id: str
    quantity: Decimal
    filled: Decimal


class NewFill(Struct, frozen=True, tag="new_fill"):
    """An execution not known before, counted once."""

    fill: Fill


class Ask(Struct, frozen=True, tag="ask"):
    """Evidence is needed from these channels."""

    client_id: str
    channels: tuple[Channel, ...]


class Alarm(Struct, frozen=True, tag="alarm"):
    """A person must hear of this. `code` is stable, `text` names the order, the values and what to do."""

    client_id: str
    code: str
    text: str


class Quarantine(Struct, frozen=True, tag="quarantine"):
    """No act of ours on this order until a person releases it; its evidence is still taken."""

    client_id: str
    code: str


class HaltEntries(Struct, frozen=True, tag="halt_entries"):
    """No new exposure until a person has looked."""

    client_id: str
    code: str


Effect = Moved | FilledChanged | NewFill | Ask | Alarm | Quarantine | HaltEntries
