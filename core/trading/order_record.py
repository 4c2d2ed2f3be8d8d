"""One order as the manager knows it: what was meant, what was done, what the venue told, and the one state that follows.

A record is a set of facts; its state is computed from them, so that reports may come in any order and any number of times.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from core.messages import OrderState, Purpose, Resolution
from core.trading.evidence import CancelOutcome, Evidence
from core.trading.executions import ENDS, VenueOrder, merged
from core.trading.no_trace import Silence
from core.trading.order import ZERO, Fill, OrderSpec
from core.trading.states import LIVE, MAYBE_LIVE

EVIDENCE_KEPT = 64
"""Pieces of evidence a record keeps for the eye; the journal keeps all."""
AMENDS_KEPT = 8
"""Amends from before the one in force that a record keeps."""

_END_STATE: dict[str, OrderState] = {
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "EXPIRED",
    "REJECTED": "REJECTED",
}


class Intent(Struct, frozen=True, kw_only=True, tag="intent"):
    """What is meant: a record of the journal, and the birth of an `OrderRecord`.

    `intent_id` names the wish, which at most one live order may serve; `parent` is the client id of the entry that a
    protection or an exit belongs to.
    """

    at_ms: int
    intent_id: str
    purpose: Purpose
    spec: OrderSpec
    parent: str = ""


class Amend(Struct, frozen=True, kw_only=True):
    """A change asked for of the resting order. `outcome`: the answer, None so far, told at `answered_ms`. `shown`: the venue
    showed the order so.
    """

    spec: OrderSpec
    outcome: CancelOutcome | None = None
    answered_ms: int = 0
    shown: bool = False

    @property
    def pending(self) -> bool:
        """Whether it may yet be, or become, what the venue holds: only a refusal or the order itself settles it."""
        return not self.shown and self.outcome != "REFUSED"


class OrderRecord(Struct, frozen=True, kw_only=True):
    """The facts of one order and what follows from them. Made by `born`, changed only by `order_reducer.apply`.

    `cancel_lost_ms`: when the newest cancel turned out to have no answer, 0 if it has one. `amends` stand in the order they
    were sent. `filled`, `average_price` (0: not known), `fees` by asset, `anomalies` and `state` follow from the other fields.
    `quarantine` holds the code that put it there, empty for none. `order_ids` of the venue, usually one. `refusal`: the
    venue's words to our send, None for none. `repeats` counts evidence that told nothing new.
    """

    intent: Intent
    state: OrderState
    changed_ms: int
    journalled_ms: int = 0
    sent_ms: int = 0
    seen_ms: int = 0
    acknowledged: bool = False
    refusal: str | None = None
    venue: tuple[VenueOrder, ...] = ()
    cancels_open: int = 0
    cancel_lost_ms: int = 0
    amends: tuple[Amend, ...] = ()
    vanished: bool = False
    silence: Silence | None = None
    absent: bool = False
    resolution: Resolution | None = None
    mismatches: tuple[str, ...] = ()
    filled: Decimal = ZERO
    average_price: Decimal = ZERO
    fees: tuple[tuple[str, Decimal], ...] = ()
    anomalies: tuple[str, ...] = ()
    quarantine: str = ""
    repeats: int = 0
    evidence: tuple[Evidence, ...] = ()

    @property
    def client_id(self) -> str:
        return self.intent.spec.client_id

    @property
    def spec(self) -> OrderSpec:
        """The order as the venue was last proven to hold it: as sent, or as amended since."""
        return next((amend.spec for amend in reversed(self.amends) if amend.shown), self.intent.spec)

    @property
    def quantity(self) -> Decimal:
        """The most the order may fill: while an amend is pending, the larger of the old quantity and the new."""
        if not self.amends:
            return self.intent.spec.quantity
        return max(self.spec.quantity, *(one.quantity for one in self.pending_specs), ZERO)

    @property
    def pending_specs(self) -> tuple[OrderSpec, ...]:
        """What amends without proof may have made of it, oldest first."""
        shown = max((place for place, amend in enumerate(self.amends, start=1) if amend.shown), default=0)
        return tuple(amend.spec for amend in self.amends[shown:] if amend.pending)

    @property
    def order_ids(self) -> tuple[str, ...]:
        return tuple(order.order_id for order in self.venue if order.order_id)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The executions that add up, oldest first."""
        return tuple(fill for order in self.venue for fill in order.counted)

    @property
    def unexplained(self) -> Decimal:
        """Filled quantity without a fill that tells its price and fee yet."""
        return self.filled - sum((order.counted_quantity for order in self.venue), ZERO)

    @property
    def remaining(self) -> Decimal:
        """What may still fill, by quantity; 0 when over-filled."""
        return max(ZERO, self.quantity - self.filled)

    @property
    def exists(self) -> bool:
        """Whether the venue ever showed it."""
        return self.acknowledged or bool(self.venue)

    @property
    def may_send(self) -> bool:
        """Whether the first and only send may happen: nothing is sent twice, and nothing in quarantine."""
        return self.state == "INTENT" and not self.quarantine

    @property
    def may_cancel(self) -> bool:
        """Whether a cancel may be sent: an unknown order is never cancelled by guess."""
        return self.state in LIVE

    @property
    def in_doubt(self) -> bool:
        """Whether the venue must be asked until it is known what became of the order, of its cancel, or of its amend."""
        amending = self.state in LIVE and any(amend.pending and amend.outcome == "UNKNOWN" for amend in self.amends)
        return self.state == "UNKNOWN" or (self.state == "CANCEL_PENDING" and self.cancel_lost_ms > 0) or amending

    @property
    def may_amend(self) -> bool:
        """Whether an amend may be sent: the order rests, and no earlier amend waits for its answer."""
        resting = self.state in ("WORKING", "PARTIAL") and not self.quarantine
        return resting and all(amend.outcome is not None for amend in self.amends)

    @property
    def may_fill(self) -> bool:
        """Whether it must be counted as exposure: also while it is on its way from the gates to the wire."""
        return self.state in MAYBE_LIVE or self.state in ("CONFIRMED", "INTENT")


def kept_amends(amends: tuple[Amend, ...]) -> tuple[Amend, ...]:
    """A trailing stop is amended for days: what is in force, what is pending, and the last few of before, whose late reports
    must not look like somebody else's changes."""
    shown = max((place for place, amend in enumerate(amends) if amend.shown), default=0)
    return (*amends[max(0, shown - AMENDS_KEPT) : shown], *(one for one in amends[shown:] if one.shown or one.pending))


def born(intent: Intent) -> OrderRecord:
    """A new order, proposed and nothing more."""
    return OrderRecord(intent=intent, state="DRAFT", changed_ms=intent.at_ms)


def state_of(record: OrderRecord) -> OrderState:
    """The one state that follows from the facts of an order that has an intent on disk."""
    quantity = record.quantity
    if quantity > ZERO and record.filled >= quantity:
        return "FILLED"
    return _venue_state(record) if record.exists else _unseen_state(record)


def _unseen_state(record: OrderRecord) -> OrderState:
    if record.refusal is not None:
        return "REJECTED"
    if record.resolution is not None and record.resolution != "RELEASE":
        return record.resolution
    if record.absent:
        return "FAILED_CONFIRMED"
    if record.silence is not None:
        return "UNKNOWN"
    return "SENT" if record.sent_ms else "INTENT"


def _venue_state(record: OrderRecord) -> OrderState:
    ends = [order.ended for order in record.venue]
    if ends and None not in ends:
        return _END_STATE[max((end for end in ends if end is not None), key=ENDS.index)]
    if record.resolution is not None and record.resolution != "RELEASE":
        return record.resolution
    if record.cancels_open:
        return "CANCEL_PENDING"
    if record.vanished:
        return "UNKNOWN"
    return "PARTIAL" if record.filled > ZERO else "WORKING"


def sums(venue: tuple[VenueOrder, ...]) -> tuple[Decimal, Decimal, tuple[tuple[str, Decimal], ...]]:
    """Filled quantity, average price (0: not known) and fees by asset."""
    filled = sum((order.filled for order in venue), ZERO)
    quotes = [order.filled_quote for order in venue if order.filled > ZERO]
    average = sum(quotes, ZERO) / filled if quotes and ZERO not in quotes else ZERO
    fees: dict[str, Decimal] = {}
    for order in venue:
        for fill in order.counted:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, ZERO) + fill.fee
    return filled, average, tuple(sorted(fees.items()))


def with_order(venue: tuple[VenueOrder, ...], changed: VenueOrder) -> tuple[VenueOrder, ...]:
    """The venue's orders with one put in, in the order of their ids.

    What was told without an id belongs to the order with the lowest one.
    """
    orders = {order.order_id: order for order in venue}
    orders[changed.order_id] = changed
    nameless = orders.get("")
    if nameless is not None and len(orders) > 1:
        del orders[""]
        first = min(orders)
        orders[first] = merged(orders[first], nameless)
    return tuple(orders[order_id] for order_id in sorted(orders))


def venue_order(venue: tuple[VenueOrder, ...], order_id: str) -> VenueOrder:
    """The order of that id, or a new one; without an id, the first one known."""
    if not order_id and venue:
        return venue[0]
    return next((order for order in venue if order.order_id == order_id), VenueOrder(order_id=order_id))


def anomalies_of(record: OrderRecord) -> tuple[str, ...]:
    """What cannot be if all went well, as stable codes in alphabetical order."""
    spec = record.intent.spec
    least = min(record.spec.quantity, *(one.quantity for one in record.pending_specs), record.quantity)
    quote = sum((order.filled_quote for order in record.venue), ZERO)
    found = set(record.mismatches)
    if ZERO < record.quantity < record.filled or ZERO < spec.quote_quantity < quote:
        found.add("OVERFILL")
    rejected = [order.end == "REJECTED" and order.filled == ZERO for order in record.venue]  # told by the stream, too
    if record.refusal is not None and record.exists and not (rejected and all(rejected)):
        found.add("REFUSED_YET_LIVE")
    if len(record.venue) > 1 and spec.type in ("LIMIT", "MARKET"):  # a stop may get a new id when it is triggered
        found.add("SECOND_ORDER_ID")
    for order in record.venue:
        if order.contradiction:
            found.add("FILL_CONTRADICTS")
        if len(order.fills) > len(order.counted):
            found.add("TWO_IDS_ONE_FILL")
        if order.end is not None and order.ended is None:
            found.add("FILLED_PAST_END")
        if order.end == "REJECTED" and order.filled > ZERO:
            found.add("REJECTED_WITH_FILLS")
        if order.end == "FILLED" and record.filled < least:
            found.add("FILLED_SHORT")
    return tuple(sorted(found))
