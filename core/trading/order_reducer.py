"""Evidence in, record and effects out: the only way an order changes. Pure; never raises on what a venue may say.

The replay of a journal and the live manager both go through `apply`, which is why they end in the same records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from core.trading.evidence import (
    Acknowledged,
    Alarm,
    AmendAnswered,
    AmendSent,
    Ask,
    CancelAnswered,
    CancelSent,
    Channel,
    Confirmed,
    Effect,
    Evidence,
    FilledChanged,
    HaltEntries,
    Journalled,
    Moved,
    NewFill,
    NotFound,
    NotListed,
    OutcomeUnknown,
    Quarantine,
    Refused,
    Reported,
    Resolved,
    Sent,
    StreamGap,
    TradesListed,
    Voided,
)
from core.trading.executions import ENDS, executed, listed, told
from core.trading.no_trace import NoTraceRule, Silence, heard, proven
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.order_record import (
    EVIDENCE_KEPT,
    Amend,
    OrderRecord,
    anomalies_of,
    kept_amends,
    state_of,
    sums,
    venue_order,
    with_order,
)
from core.trading.states import DONE, LIVE, MAYBE_LIVE, OWN_ACTS, PRE_SEND, Cause, after_own_act, judge

Step = tuple[OrderRecord, Cause | None]

ALL_CHANNELS: tuple[Channel, ...] = ("QUERY", "OPEN_ORDERS", "TRADES")
DEFAULT_RULE = NoTraceRule()

REMEDIES: dict[str, str] = {
    "ILLEGAL_MOVE": "the order is quarantined; compare it with the venue's website and resolve it",
    "MISROUTED": "the report was not applied; reconcile with the venue",
    "RESOLUTION_REFUSED": "the evidence says otherwise; look at it again",
    "ORDER_VANISHED": "the venue no longer shows it; its trades are being asked for",
    "FILLED_AFTER_END": "the order filled after an end was told; the fill counts",
    "COUNTED_TWICE": "one execution told under two ids had counted twice; it counts once now",
    "LIVE_AFTER_END": "the order lives although it was held to be over; cancel it or let it work",
    "END_CHANGED": "the venue told a second end; the later one holds",
    "OVERFILL": "more was filled than ordered; all of it counts; entries are halted until someone has looked",
    "REFUSED_YET_LIVE": "the venue refused it and yet shows it; check it on the website",
    "SECOND_ORDER_ID": "the venue has two orders under one client id; check both on the website",
    "FILL_CONTRADICTS": "one trade was told with two prices or quantities; check it on the website",
    "TWO_IDS_ONE_FILL": "one execution was told under two trade ids and counts once",
    "FILLED_PAST_END": "more was filled than at its end; it counts as live until the venue says so again",
    "REJECTED_WITH_FILLS": "the venue rejected it and yet filled a part; the part counts",
    "FILLED_SHORT": "the venue calls it filled with less than ordered; reconcile",
    "QUANTITY_DIFFERS": "the venue's order has another quantity than ours; it was changed elsewhere",
    "SPEC_MISMATCH": "the venue's order under our id is another one; its report was not applied",
}
"""What each alarm means for a person."""

HALTING = frozenset({"OVERFILL", "SECOND_ORDER_ID", "SPEC_MISMATCH"})
HARMLESS = frozenset({"TWO_IDS_ONE_FILL", "FILLED_PAST_END"})
"""Anomalies that are told but do not quarantine."""


def apply(
    record: OrderRecord, evidence: Evidence, rule: NoTraceRule = DEFAULT_RULE
) -> tuple[OrderRecord, tuple[Effect, ...]]:
    """The order after one piece of evidence, and what must follow from it, in the order it should be done."""
    if evidence.client_id != record.client_id:
        return record, (_alarm(record, "MISROUTED", f"evidence for {evidence.client_id}"),)
    if isinstance(evidence, Resolved):
        return _resolved(record, evidence)
    if isinstance(evidence, StreamGap):
        return record, _after_gap(record)
    facts, cause = _STEPS[type(evidence)](record, evidence, rule)
    return _settle(record, facts, cause, evidence) if cause is not None else (facts, ())


def _settle(
    before: OrderRecord, facts: OrderRecord, cause: Cause, evidence: Evidence
) -> tuple[OrderRecord, tuple[Effect, ...]]:
    """Compute what follows from the facts, check the move against the table, and tell the difference."""
    after = facts
    if facts.venue is not before.venue:
        filled, average, fees = sums(facts.venue)
        after = replace(facts, filled=filled, average_price=average, fees=fees)
        if filled > before.filled:  # what was said of its absence or its end is overtaken
            after = replace(after, vanished=False, resolution=None)
    after = replace(after, anomalies=anomalies_of(after))
    if cause in OWN_ACTS:
        # An order that the venue speaks of before we sent it is somebody else's: it is not ours to go on with.
        spoken_of = before.state in PRE_SEND and state_of(before) != "INTENT"
        target = None if spoken_of else after_own_act(before.state, cause)
        legal, alarm = (True, "") if target is not None else (False, "ILLEGAL_MOVE")
        after = after if legal else before
    else:
        target = before.state if before.state in PRE_SEND else state_of(after)
        judgement = judge(before.state, target, cause)
        legal, alarm = judgement.legal, judgement.alarm
    effects: list[Effect] = []
    if target is not None and target != before.state:
        after = replace(after, state=target, changed_ms=evidence.at_ms)
        effects.append(Moved(before.client_id, before.state, target, cause, evidence.at_ms))
    effects += _growth(before, after)
    if alarm:
        effects.append(_alarm(before, alarm, f"{cause} in {before.state}"))
    after = _told(before, after, legal, effects)
    if not legal and cause == "SEND":
        effects.append(HaltEntries(before.client_id, "SENT_TWICE"))
    effects += _questions(before, after, evidence)
    return _noted(before, after, evidence), tuple(effects)


def _growth(before: OrderRecord, after: OrderRecord) -> list[Effect]:
    effects: list[Effect] = []
    if after.venue is not before.venue:
        effects += [NewFill(fill) for fill in _new_fills(before.fills, after.fills)]
    if after.filled != before.filled:
        effects.append(FilledChanged(before.client_id, after.filled - before.filled, after.filled))
    return effects


def _new_fills(before: tuple[Fill, ...], after: tuple[Fill, ...]) -> list[Fill]:
    """Fills that count and did not; one that counts from now on under its other id is not new."""
    known = {fill.trade_id for fill in before}
    counts = {fill.trade_id for fill in after}
    renamed = Counter((fill.price, fill.quantity) for fill in before if fill.trade_id not in counts)
    new: list[Fill] = []
    for fill in after:
        if fill.trade_id in known:
            continue
        if renamed[fill.price, fill.quantity] > 0:
            renamed[fill.price, fill.quantity] -= 1
        else:
            new.append(fill)
    return new


def _told(before: OrderRecord, after: OrderRecord, legal: bool, effects: list[Effect]) -> OrderRecord:
    """Alarms of new anomalies (an over-fill that grew is new), the quarantine and the halt that follow."""
    fresh = [
        code
        for code in after.anomalies
        if code not in before.anomalies or (code == "OVERFILL" and after.filled != before.filled)
    ]
    for code in fresh:
        effects.append(_alarm(after, code, f"filled {after.filled.normalize():f} of {after.quantity.normalize():f}"))
    effects += [HaltEntries(after.client_id, code) for code in fresh if code in HALTING]
    why = next((code for code in fresh if code not in HARMLESS), "" if legal else "ILLEGAL_MOVE")
    if why and not before.quarantine:
        effects.append(Quarantine(after.client_id, why))
        return replace(after, quarantine=why)
    return after


def _questions(before: OrderRecord, after: OrderRecord, evidence: Evidence) -> list[Effect]:
    """What the venue must now be asked."""
    wanted: set[Channel] = set()
    if after.state == "UNKNOWN" and before.state != "UNKNOWN":
        wanted.update(ALL_CHANNELS)
    if after.unexplained > ZERO and after.unexplained != before.unexplained:
        wanted.add("TRADES")
    if isinstance(evidence, CancelAnswered) and after.state in LIVE and evidence.outcome != "ACCEPTED":
        wanted.update(("QUERY", "TRADES") if evidence.outcome == "GONE" else ("QUERY",))
    if isinstance(evidence, AmendAnswered) and after.state in LIVE and evidence.outcome != "REFUSED":
        wanted.add("QUERY")  # the answer is no proof: the order must be seen
    if isinstance(evidence, NotFound | NotListed) and after.state in LIVE and evidence.asked_ms > after.seen_ms:
        wanted.update(("QUERY", "TRADES"))
    if set(after.anomalies) - set(before.anomalies):
        wanted.update(("QUERY", "TRADES"))
    return [Ask(after.client_id, tuple(c for c in ALL_CHANNELS if c in wanted))] if wanted else []


def _after_gap(record: OrderRecord) -> tuple[Effect, ...]:
    if record.state not in MAYBE_LIVE:
        return ()
    return (Ask(record.client_id, ALL_CHANNELS if not record.exists else ("QUERY", "TRADES")),)


def _noted(before: OrderRecord, after: OrderRecord, evidence: Evidence) -> OrderRecord:
    """Reports that told nothing new are counted; everything else stays listed for the operator."""
    if isinstance(evidence, Reported | TradesListed) and after == replace(before, seen_ms=after.seen_ms):
        return replace(after, repeats=before.repeats + 1)
    return replace(after, evidence=(*before.evidence[1 - EVIDENCE_KEPT :], evidence))


def _alarm(record: OrderRecord, code: str, what: str) -> Alarm:
    spec = record.intent.spec
    text = f"order {record.client_id} ({spec.side} {spec.symbol}): {code}, {what}; {REMEDIES[code]}"
    return Alarm(record.client_id, code, text)


def _resolved(record: OrderRecord, evidence: Resolved) -> tuple[OrderRecord, tuple[Effect, ...]]:
    """A person's word ends what is live or unknown; it cannot unmake a fill, nor an order the venue has shown."""
    untrue = (evidence.verdict == "FAILED_CONFIRMED" and record.exists) or (
        evidence.verdict == "REJECTED" and record.filled > ZERO
    )
    open_here = record.state in LIVE or record.state == "UNKNOWN"
    if evidence.verdict != "RELEASE" and (untrue or not open_here):
        return record, (_alarm(record, "RESOLUTION_REFUSED", f"{evidence.verdict} by {evidence.by} in {record.state}"),)
    released = replace(record, quarantine="")
    if evidence.verdict == "RELEASE":
        return _noted(record, released, evidence), ()
    return _settle(record, replace(released, resolution=evidence.verdict), "OPERATOR", evidence)


def _confirmed(record: OrderRecord, evidence: Confirmed, rule: NoTraceRule) -> Step:
    return record, "CONFIRM"


def _voided(record: OrderRecord, evidence: Voided, rule: NoTraceRule) -> Step:
    return record, "VOID"


def _journalled(record: OrderRecord, evidence: Journalled, rule: NoTraceRule) -> Step:
    return replace(record, journalled_ms=evidence.at_ms), "JOURNAL"


def _sent(record: OrderRecord, evidence: Sent, rule: NoTraceRule) -> Step:
    return replace(record, sent_ms=evidence.at_ms), "SEND"


def _acknowledged(record: OrderRecord, evidence: Acknowledged, rule: NoTraceRule) -> Step:
    venue = record.venue
    if evidence.order_id:
        venue = with_order(venue, venue_order(venue, evidence.order_id))
    return _seen(replace(record, acknowledged=True, venue=venue), evidence.at_ms), "ACKNOWLEDGE"


def _refused(record: OrderRecord, evidence: Refused, rule: NoTraceRule) -> Step:
    return replace(record, refusal=f"{evidence.code} {evidence.reason}".strip()), "REFUSE"


def _outcome_unknown(record: OrderRecord, evidence: OutcomeUnknown, rule: NoTraceRule) -> Step:
    silence = record.silence or Silence(since_ms=evidence.at_ms, born_ms=record.journalled_ms)
    return replace(record, silence=silence), "OUTCOME_UNKNOWN"


def _reported(record: OrderRecord, evidence: Reported, rule: NoTraceRule) -> Step:
    report = evidence.report
    mismatch = _mismatch(record, report)
    if mismatch:
        record = replace(record, mismatches=tuple(sorted({*record.mismatches, mismatch})))
    if mismatch == "SPEC_MISMATCH":
        return record, "OPEN"
    record = _unchanged(_stands(_shown(record, report), evidence, rule), evidence, rule)
    before = venue_order(record.venue, report.order_id)
    after = told(before, report)
    venue = with_order(record.venue, after)
    record = replace(record, venue=venue if venue != record.venue else record.venue)
    if report.status in ENDS:
        return record, "FILL" if after.filled > before.filled and after.ended is None else "END"
    return _seen(record, evidence.at_ms), "FILL" if after.filled != before.filled else "OPEN"


def _mismatch(record: OrderRecord, report: OrderReport) -> str:
    ours, theirs = record.intent.spec, report.spec
    if (theirs.client_id or ours.client_id, theirs.symbol, theirs.side) != (ours.client_id, ours.symbol, ours.side):
        return "SPEC_MISMATCH"
    known = {ours.quantity, *(amend.spec.quantity for amend in record.amends)}
    if ZERO not in (ours.quantity, theirs.quantity) and theirs.quantity not in known:
        return "QUANTITY_DIFFERS"
    return ""


def _stands(record: OrderRecord, evidence: Reported, rule: NoTraceRule) -> OrderRecord:
    """An order the venue shows open, asked long after a cancel without an answer, was not cancelled."""
    lost_ms = record.cancel_lost_ms
    if not lost_ms or evidence.report.status in ENDS or evidence.asked_ms < lost_ms + rule.lost_ms:
        return record
    return replace(record, cancels_open=0, cancel_lost_ms=0)


def _unchanged(record: OrderRecord, evidence: Reported, rule: NoTraceRule) -> OrderRecord:
    """An order the venue shows as it was, asked long after an amend was answered or given up, was not changed by it."""
    report = evidence.report
    if report.status in ENDS or _terms(report.spec) != _terms(record.spec):
        return record
    amends = tuple(
        replace(amend, outcome="REFUSED")
        if amend.pending and 0 < amend.answered_ms <= evidence.asked_ms - rule.lost_ms
        else amend
        for amend in record.amends
    )
    return replace(record, amends=amends) if amends != record.amends else record


def _shown(record: OrderRecord, report: OrderReport) -> OrderRecord:
    """A report that shows the order as an amend wants it settles that amend; one from before it says nothing of it."""
    for place, amend in enumerate(record.amends):
        if amend.pending and _terms(report.spec) == _terms(amend.spec) != _terms(record.spec):
            shown = replace(amend, shown=True)
            return replace(record, amends=(*record.amends[:place], shown, *record.amends[place + 1 :]))
    return record


def _terms(spec: OrderSpec) -> tuple[Decimal, Decimal, Decimal]:
    return spec.quantity, spec.price, spec.stop_price


def _seen(record: OrderRecord, at_ms: int) -> OrderRecord:
    """The venue showed it alive: what was said of its absence, by the rule or by a person, is over."""
    return replace(record, seen_ms=max(record.seen_ms, at_ms), vanished=False, absent=False, resolution=None)


def _not_found(record: OrderRecord, evidence: NotFound, rule: NoTraceRule) -> Step:
    if record.state in ("WORKING", "PARTIAL") and evidence.asked_ms >= record.seen_ms + rule.grace_ms:
        return replace(record, vanished=True), "NOT_FOUND"
    return _silent(record, evidence, rule)


def _not_listed(record: OrderRecord, evidence: NotListed, rule: NoTraceRule) -> Step:
    return _silent(record, evidence, rule)


def _silent(record: OrderRecord, evidence: NotFound | NotListed | TradesListed, rule: NoTraceRule) -> Step:
    """Silence counts only while nothing was ever heard of the order."""
    if record.state != "UNKNOWN" or record.exists or record.silence is None:
        return record, "NOT_FOUND"
    silence = heard(record.silence, evidence, rule)
    absent = proven(silence, rule)
    return replace(record, silence=silence, absent=absent), "NO_TRACE" if absent else "NOT_FOUND"


def _trades_listed(record: OrderRecord, evidence: TradesListed, rule: NoTraceRule) -> Step:
    if not evidence.fills:
        return _silent(record, evidence, rule)
    venue = record.venue
    for order_id in sorted({fill.order_id for fill in evidence.fills}):
        fills = [fill for fill in evidence.fills if fill.order_id == order_id]
        order = venue_order(venue, order_id)
        venue = with_order(venue, listed(order, fills) if evidence.complete else executed(order, fills))
    return replace(record, venue=venue if venue != record.venue else record.venue), "FILL"


def _cancel_sent(record: OrderRecord, evidence: CancelSent, rule: NoTraceRule) -> Step:
    return replace(record, cancels_open=record.cancels_open + 1, cancel_lost_ms=0), "CANCEL_SEND"


def _cancel_answered(record: OrderRecord, evidence: CancelAnswered, rule: NoTraceRule) -> Step:
    still_open = max(0, record.cancels_open - (evidence.outcome == "REFUSED"))
    lost_ms = evidence.at_ms if evidence.outcome == "UNKNOWN" and still_open else 0
    return replace(record, cancels_open=still_open, cancel_lost_ms=lost_ms), "CANCEL_ANSWER"


def _amend_sent(record: OrderRecord, evidence: AmendSent, rule: NoTraceRule) -> Step:
    if record.state in DONE:  # it ended while the amend was written down: nothing is sent
        return record, "AMEND_SEND"
    return replace(record, amends=(*kept_amends(record.amends), Amend(spec=evidence.spec))), "AMEND_SEND"


def _amend_answered(record: OrderRecord, evidence: AmendAnswered, rule: NoTraceRule) -> Step:
    waiting = [place for place, amend in enumerate(record.amends) if amend.outcome is None]
    waiting = waiting or [place for place, amend in enumerate(record.amends) if amend.outcome == "UNKNOWN"]
    if not waiting:
        return record, "AMEND_ANSWER"
    amends = list(record.amends)
    amends[waiting[0]] = replace(amends[waiting[0]], outcome=evidence.outcome, answered_ms=evidence.at_ms)
    return replace(record, amends=tuple(amends)), "AMEND_ANSWER"


_STEPS: dict[type[Any], Callable[[OrderRecord, Any, NoTraceRule], Step]] = {
    Confirmed: _confirmed,
    Voided: _voided,
    Journalled: _journalled,
    Sent: _sent,
    Acknowledged: _acknowledged,
    Refused: _refused,
    OutcomeUnknown: _outcome_unknown,
    Reported: _reported,
    NotFound: _not_found,
    NotListed: _not_listed,
    TradesListed: _trades_listed,
    CancelSent: _cancel_sent,
    CancelAnswered: _cancel_answered,
    AmendSent: _amend_sent,
    AmendAnswered: _amend_answered,
}
