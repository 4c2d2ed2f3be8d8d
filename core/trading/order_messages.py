"""What the bus is told of orders: their state, their executions, the gates' answers, alarms, and evidence in words."""

from __future__ import annotations

from core.messages import EvidenceLine, Execution, GateAnswer, GateReport, OrderStatus
from core.risk.gates import GATES, Verdicts
from core.risk.trading_state import Act
from core.risk.verdict import Deny, written
from core.trading.evidence import (
    Acknowledged,
    AmendAnswered,
    AmendSent,
    CancelAnswered,
    Evidence,
    NotFound,
    NotListed,
    OutcomeUnknown,
    Refused,
    Reported,
    Resolved,
    TradesListed,
    Voided,
)
from core.trading.order import ZERO, Fill
from core.trading.order_record import OrderRecord

_LABELS = {gate.code: gate.label for gate in GATES}


def status_of(record: OrderRecord, venue: str, category: str) -> OrderStatus:
    """The order as a screen shows it."""
    spec, intent = record.spec, record.intent
    explain = record.state == "UNKNOWN" or bool(record.quarantine)
    return OrderStatus(
        venue=venue,
        category=category,
        symbol=spec.symbol,
        client_id=record.client_id,
        order_id=record.order_ids[0] if record.order_ids else "",
        purpose=intent.purpose,
        parent=intent.parent,
        side=spec.side,
        kind=spec.type,
        quantity=spec.quantity,
        price=spec.price,
        stop_price=spec.stop_price,
        state=record.state,
        filled=record.filled,
        remaining=record.remaining if record.may_fill else ZERO,
        average_price=record.average_price,
        fees=record.fees,
        reduce_only=spec.reduce_only,
        post_only=spec.post_only,
        time_in_force=spec.time_in_force,
        trigger_by=spec.trigger_by,
        reason=_reason(record),
        quarantine=record.quarantine,
        alarms=record.anomalies,
        evidence=tuple(evidence_line(piece) for piece in record.evidence) if explain else (),
        created_ms=intent.at_ms,
        changed_ms=record.changed_ms,
    )


def shows_change(before: OrderRecord | None, after: OrderRecord) -> bool:
    """Whether the operator would see a difference."""
    if before is None:
        return True
    if after.state == "UNKNOWN" or after.quarantine or before.quarantine:
        return before != after
    return before.venue is not after.venue or _seen(before) != _seen(after)


def execution_of(record: OrderRecord, fill: Fill, venue: str, category: str) -> Execution:
    """One fill."""
    return Execution(
        venue=venue,
        category=category,
        symbol=fill.symbol,
        client_id=record.client_id,
        trade_id=fill.trade_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
        at_ms=fill.at_ms,
    )


def gate_report(
    symbol: str, client_id: str, act: Act, verdicts: Verdicts, venue: str, category: str, at_ms: int
) -> GateReport:
    """Every gate's answer."""
    answers = tuple(
        GateAnswer(
            code=one.code,
            label=_LABELS.get(one.code, one.code),
            allowed=not isinstance(one, Deny),
            words=one.words if isinstance(one, Deny) else "",
            facts=one.facts,
        )
        for one in verdicts.answers
    )
    return GateReport(
        venue=venue,
        category=category,
        symbol=symbol,
        client_id=client_id,
        act=act,
        allowed=verdicts.allowed,
        answers=answers,
        at_ms=at_ms,
    )


def evidence_line(piece: Evidence) -> EvidenceLine:
    """One piece of evidence in words."""
    channel, text = _told(piece)
    return EvidenceLine(at_ms=piece.at_ms, channel=channel, text=text)


def _told(piece: Evidence) -> tuple[str, str]:
    match piece:
        case Reported(report=report, channel=channel):
            end = f": {report.reject_code} {report.reject_reason}".rstrip(": ")
            filled = written(report.filled)
            return channel, f"{report.status}, filled {filled}, venue id {report.order_id or 'none'}{end}"
        case NotFound():
            return "QUERY", "the venue knows no such order"
        case NotListed():
            return "OPEN_ORDERS", "not among the open orders"
        case TradesListed(fills=fills, complete=complete):
            total = sum((fill.quantity for fill in fills), ZERO)
            said = f"{len(fills)} trades, together {written(total)}" if fills else "no trade of it"
            return "TRADES", said if complete else f"{said}; the listing has gaps"
        case Acknowledged(order_id=order_id):
            return "ANSWER", f"taken, venue id {order_id or 'none'}"
        case Refused(code=code, reason=reason):
            return "ANSWER", f"refused: {code} {reason}".rstrip()
        case OutcomeUnknown(why=why, text=text):
            return "ANSWER", f"no readable answer: {why} {text}".rstrip()
        case CancelAnswered(outcome=outcome, code=code, text=text):
            return "ANSWER", f"cancel {outcome} {code} {text}".rstrip()
        case AmendAnswered(outcome=outcome, code=code, text=text):
            return "ANSWER", f"amend {outcome} {code} {text}".rstrip()
        case AmendSent(spec=spec):
            return "OURS", f"amend to {spec.quantity:f} at {spec.price:f}, trigger {spec.stop_price:f}"
        case Voided(code=code, text=text):
            return "OURS", f"not sent: {code} {text}".rstrip()
        case Resolved(verdict=verdict, by=by, note=note):
            return "OPERATOR", f"{verdict} by {by} {note}".rstrip()
        case _:
            return "OURS", type(piece).__name__.lower()


def _reason(record: OrderRecord) -> str:
    void = next((piece for piece in reversed(record.evidence) if isinstance(piece, Voided)), None)
    if void is not None:
        return f"{void.code} {void.text}".strip()
    return record.refusal or next((order.reject for order in record.venue if order.reject), "")


def _seen(record: OrderRecord) -> tuple[object, ...]:
    return (
        record.state, record.filled, record.quarantine, record.anomalies, record.refusal, record.amends, record.resolution,
    )  # fmt: skip
