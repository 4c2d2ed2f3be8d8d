"""The life of an order as data: every state, every legal move, what causes it and which moves are legal but alarming.

Nothing here acts. `judge` answers whether a move may happen; what may not is an alarm and a quarantine of that one order,
never an exception, so that one impossible report cannot stop the loop that guards all other orders. An illegal act of ours
changes nothing; an illegal move by the venue's evidence is followed all the same, as the evidence is what is.

The venue decides what is. From INTENT on, its evidence may therefore move an order from anywhere to anywhere; the table
says which of those moves a person must hear of. Our own acts (confirm, send, cancel) are legal only where they are listed.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from core.messages import OrderState

Cause = Literal[
    "CONFIRM", "VOID", "JOURNAL", "SEND", "CANCEL_SEND", "AMEND_SEND",
    "OUTCOME_UNKNOWN", "ACKNOWLEDGE", "OPEN", "FILL", "END", "REFUSE", "CANCEL_ANSWER", "AMEND_ANSWER", "NOT_FOUND", "NO_TRACE",
    "OPERATOR",
]  # fmt: skip
"""The first six are our own acts. OUTCOME_UNKNOWN: timeout, disconnect, 5xx, unreadable answer, crash. ACKNOWLEDGE: the
venue took the order. OPEN, FILL, END: a report of a live order, of an execution, of an end. REFUSE: a definitive no to our
send. CANCEL_ANSWER, AMEND_ANSWER: the answer to our cancel or amend. NOT_FOUND: a query or listing without the order, not
yet proof. NO_TRACE: the negative evidence of all three channels is complete. OPERATOR: a person resolved it."""

PRE_SEND: frozenset[OrderState] = frozenset({"DRAFT", "CONFIRMED", "VOID"})
"""States of an order that the venue cannot know."""
LIVE: frozenset[OrderState] = frozenset({"WORKING", "PARTIAL", "CANCEL_PENDING"})
_IN_FLIGHT: frozenset[OrderState] = frozenset({"SENT", "UNKNOWN"})
DONE: frozenset[OrderState] = frozenset({"FILLED", "CANCELLED", "EXPIRED", "REJECTED", "FAILED_CONFIRMED"})
MAYBE_LIVE: frozenset[OrderState] = _IN_FLIGHT | LIVE
"""What may still fill: counts as exposure, and keeps its intent from being sent again."""

OWN_ACTS: frozenset[Cause] = frozenset({"CONFIRM", "VOID", "JOURNAL", "SEND", "CANCEL_SEND", "AMEND_SEND"})


class Move(Struct, frozen=True):
    """One row of the table. `alarm` names what a person must hear of; empty for an ordinary move."""

    before: OrderState
    after: OrderState
    causes: frozenset[Cause]
    alarm: str = ""


def _moves(before: str, after: str, causes: str, alarm: str = "") -> list[Move]:
    reasons = frozenset(_CAUSE[name] for name in causes.split())
    return [Move(_STATE[old], _STATE[new], reasons, alarm) for old in before.split() for new in after.split()]


_STATE: dict[str, OrderState] = {state: state for state in sorted(PRE_SEND | MAYBE_LIVE | DONE)}
_STATE["INTENT"] = "INTENT"
_CAUSES: tuple[Cause, ...] = (
    *sorted(OWN_ACTS), "OUTCOME_UNKNOWN", "ACKNOWLEDGE", "OPEN", "FILL", "END", "REFUSE", "CANCEL_ANSWER",
    "AMEND_ANSWER", "NOT_FOUND", "NO_TRACE", "OPERATOR",
)  # fmt: skip
_CAUSE: dict[str, Cause] = {cause: cause for cause in _CAUSES}

ROWS: tuple[Move, ...] = (
    *_moves("DRAFT", "CONFIRMED", "CONFIRM"),
    *_moves("DRAFT", "VOID", "VOID"),
    *_moves("CONFIRMED", "VOID", "VOID"),
    *_moves("CONFIRMED", "INTENT", "JOURNAL"),
    *_moves("INTENT", "VOID", "VOID"),  # rules or price changed between the journal and the wire
    *_moves("INTENT", "SENT", "SEND"),
    *_moves("INTENT", "UNKNOWN", "OUTCOME_UNKNOWN"),  # a crash left an intent: bytes may have left
    # A crash between send and its record: the venue knows the order although our journal ends at the intent.
    *_moves("INTENT", "WORKING", "ACKNOWLEDGE OPEN"),
    *_moves("INTENT", "PARTIAL", "FILL"),
    *_moves("INTENT", "FILLED", "FILL END"),
    *_moves("INTENT", "CANCELLED EXPIRED REJECTED", "END"),
    *_moves("INTENT", "REJECTED", "REFUSE"),
    *_moves("SENT", "WORKING", "ACKNOWLEDGE OPEN"),
    *_moves("SENT", "PARTIAL", "FILL"),
    *_moves("SENT", "FILLED", "FILL END"),
    *_moves("SENT", "CANCELLED EXPIRED REJECTED", "END"),
    *_moves("SENT", "REJECTED", "REFUSE"),
    *_moves("SENT", "UNKNOWN", "OUTCOME_UNKNOWN"),
    *_moves("UNKNOWN", "WORKING", "ACKNOWLEDGE OPEN"),
    *_moves("UNKNOWN", "PARTIAL", "ACKNOWLEDGE OPEN FILL"),
    *_moves("UNKNOWN", "FILLED", "FILL END"),
    *_moves("UNKNOWN", "CANCELLED EXPIRED REJECTED", "END OPERATOR"),
    *_moves("UNKNOWN", "REJECTED", "REFUSE"),
    *_moves("UNKNOWN", "FAILED_CONFIRMED", "NO_TRACE OPERATOR"),
    *_moves("WORKING", "PARTIAL", "FILL"),
    *_moves("WORKING", "FILLED", "FILL END"),
    *_moves("WORKING", "CANCELLED EXPIRED REJECTED", "END OPERATOR"),
    *_moves("WORKING", "CANCEL_PENDING", "CANCEL_SEND"),
    *_moves("WORKING", "UNKNOWN", "NOT_FOUND", "ORDER_VANISHED"),
    *_moves("PARTIAL", "FILLED", "FILL END"),
    *_moves("PARTIAL", "CANCELLED EXPIRED", "END OPERATOR"),
    *_moves("PARTIAL", "REJECTED", "END", "REJECTED_WITH_FILLS"),
    *_moves("PARTIAL", "CANCEL_PENDING", "CANCEL_SEND"),
    *_moves("PARTIAL", "UNKNOWN", "NOT_FOUND", "ORDER_VANISHED"),
    *_moves("CANCEL_PENDING", "FILLED", "FILL END"),
    *_moves("CANCEL_PENDING", "CANCELLED EXPIRED REJECTED", "END OPERATOR"),
    # The venue refused the cancel, or shows the order open long after a cancel without an answer: the order stands.
    *_moves("CANCEL_PENDING", "WORKING PARTIAL", "CANCEL_ANSWER OPEN"),
    *_moves("CANCEL_PENDING", "PARTIAL", "FILL"),
    # The quantity of an amended order turns out to be what was filled already.
    *_moves("PARTIAL CANCEL_PENDING UNKNOWN", "FILLED", "AMEND_ANSWER OPEN"),
    # Ends are reopened by what happened, never by what was expected.
    *_moves("CANCELLED", "FILLED", "FILL END", "FILLED_AFTER_END"),
    *_moves("CANCELLED", "PARTIAL CANCEL_PENDING", "FILL", "FILLED_AFTER_END"),
    *_moves("CANCELLED", "EXPIRED REJECTED", "END", "END_CHANGED"),
    *_moves("EXPIRED", "FILLED", "FILL END", "FILLED_AFTER_END"),
    *_moves("EXPIRED", "PARTIAL CANCEL_PENDING", "FILL", "FILLED_AFTER_END"),
    *_moves("EXPIRED", "CANCELLED REJECTED", "END", "END_CHANGED"),
    *_moves("REJECTED", "FILLED", "FILL END", "FILLED_AFTER_END"),
    *_moves("REJECTED", "PARTIAL CANCEL_PENDING", "FILL", "FILLED_AFTER_END"),
    *_moves("REJECTED", "CANCELLED EXPIRED", "END", "END_CHANGED"),
    *_moves("FAILED_CONFIRMED", "FILLED", "FILL END", "FILLED_AFTER_END"),
    *_moves("FAILED_CONFIRMED", "PARTIAL CANCEL_PENDING", "FILL", "FILLED_AFTER_END"),
    *_moves("FAILED_CONFIRMED", "CANCELLED EXPIRED REJECTED", "END", "END_CHANGED"),
    *_moves("FAILED_CONFIRMED CANCELLED EXPIRED", "REJECTED", "REFUSE", "END_CHANGED"),
    # The venue said FILLED with less than the order, and then told of more.
    *_moves("FILLED", "PARTIAL CANCEL_PENDING", "FILL", "FILLED_AFTER_END"),
    *_moves("FILLED", "CANCELLED EXPIRED REJECTED", "END", "END_CHANGED"),
    # Two executions known by id alone turn out to be one: the end that was told stands again.
    *_moves("PARTIAL CANCEL_PENDING UNKNOWN FILLED", "CANCELLED EXPIRED REJECTED", "FILL", "COUNTED_TWICE"),
    # A person's word about an end, and a refusal, yield to evidence of life.
    *_moves("CANCELLED EXPIRED", "WORKING PARTIAL CANCEL_PENDING", "ACKNOWLEDGE OPEN", "LIVE_AFTER_END"),
    *_moves("REJECTED FAILED_CONFIRMED", "WORKING CANCEL_PENDING", "ACKNOWLEDGE OPEN", "LIVE_AFTER_END"),
)

_VENUE_TALK: frozenset[Cause] = frozenset(set(_CAUSES) - OWN_ACTS)
STAYS: dict[OrderState, frozenset[Cause]] = {
    "DRAFT": frozenset(),
    "CONFIRMED": frozenset(),
    "VOID": frozenset({"VOID"}),
    "INTENT": frozenset({"NOT_FOUND"}),
    "SENT": frozenset({"NOT_FOUND", "CANCEL_ANSWER", "AMEND_ANSWER"}),
    # The last three: an order that vanished after it had been shown, and what was known of it told again.
    "UNKNOWN": frozenset(
        {"OUTCOME_UNKNOWN", "NOT_FOUND", "CANCEL_ANSWER", "AMEND_SEND", "AMEND_ANSWER", "FILL", "END", "REFUSE"}
    ),
    "WORKING": (_VENUE_TALK - {"NO_TRACE"}) | {"AMEND_SEND"},
    "PARTIAL": (_VENUE_TALK - {"NO_TRACE"}) | {"AMEND_SEND"},
    "CANCEL_PENDING": (_VENUE_TALK - {"NO_TRACE"}) | {"CANCEL_SEND", "AMEND_SEND"},
    # A late NEW after FILLED, a doubled end, a timeout of an answer that the stream had overtaken: known already.
    **{state: _VENUE_TALK | {"CANCEL_SEND", "AMEND_SEND"} for state in sorted(DONE)},
}
"""What may happen in a state without leaving it. AMEND_SEND: an amend is written down before it is sent, and the order may
move on meanwhile; whether to send it is decided afterwards."""

TABLE: dict[tuple[OrderState, OrderState, Cause], Move] = {
    (row.before, row.after, cause): row for row in ROWS for cause in row.causes
}


class Judgement(Struct, frozen=True):
    """Whether a move may happen, and the alarm that goes with it."""

    legal: bool
    alarm: str = ""


def judge(before: OrderState, after: OrderState, cause: Cause) -> Judgement:
    """Legal moves and their alarms; anything not in the table is illegal, with the alarm ILLEGAL_MOVE."""
    if before == after and cause in STAYS[before]:
        return Judgement(True)
    row = TABLE.get((before, after, cause))
    return Judgement(True, row.alarm) if row is not None else Judgement(False, "ILLEGAL_MOVE")


def after_own_act(before: OrderState, cause: Cause) -> OrderState | None:
    """Where one of our own acts leads from here; None where it is illegal."""
    if cause in STAYS[before]:
        return before
    return _OWN.get((before, cause))


_OWN: dict[tuple[OrderState, Cause], OrderState] = {
    (row.before, cause): row.after for row in ROWS for cause in row.causes if cause in OWN_ACTS
}
