"""Orders, fills, trades, stops, halts and discrepancies in the words of the event log."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from core.event_words import Told, Words, price
from core.messages import (
    AccountStatus,
    Discrepancy,
    Execution,
    HaltReport,
    Message,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    Refused,
    SessionPhase,
    SessionStatus,
    Severity,
    TicketStatus,
    TradeClosed,
)

SAID: dict[str, Severity] = {
    "UNKNOWN": "error",
    "WORKING": "info",
    "CANCELLED": "info",
    "EXPIRED": "info",
    "REJECTED": "warning",
    "FAILED_CONFIRMED": "warning",
    "VOID": "warning",
}
"""States of an order that are told. FILLED and PARTIAL are not: their fills are."""


def order(words: Words, m: OrderStatus) -> Told | None:
    """A new state of an order."""
    if m.foreign or not words.changed((m.state, m.quarantine), "order", m.client_id):
        return None
    if m.state not in SAID and not m.quarantine:
        return None
    if words.is_old(m.changed_ms):
        return None
    what = f"{m.side} {plain(m.remaining or m.quantity)} {m.symbol}{_at(m)}"
    why = f": {m.reason}" if m.reason else ""
    if m.quarantine:
        return Told("order", "error", m.symbol, f"{what} is in quarantine: {m.quarantine}", m.changed_ms)
    state = "outcome unknown, asking the venue" if m.state == "UNKNOWN" else m.state.lower().replace("_", " ")
    key = f"order {m.symbol} {m.purpose} {m.state}"
    return Told("order", SAID[m.state], m.symbol, f"{what} {state}{why}", m.changed_ms, repeat_key=key, free=5)


def execution(words: Words, m: Execution) -> Told:
    """A fill."""
    rate = "maker" if m.maker else "taker"
    text = (
        f"{m.side} {plain(m.quantity)} {m.symbol} filled at {plain(m.price)}, fee {plain(m.fee)} {m.fee_asset} ({rate})"
    )
    return Told("fill", "info", m.symbol, text, m.at_ms, fact=f"fill {m.venue}.{m.category}:{m.symbol} {m.trade_id}")


def trade(words: Words, m: TradeClosed) -> Told:
    """A trade that is over."""
    text = (
        f"{m.symbol} trade closed, {m.why.lower().replace('_', ' ')}: {_signed(m.result)} ({m.r_multiple:+.2f} R) after fees of "
        f"{m.fees:,.2f}"
    ).replace("-", "−")
    return Told("trade", "info", m.symbol, text, m.closed_ms, fact=f"trade {m.trade_id}")


def position(words: Words, m: PositionStatus) -> Told | None:
    """A stop that is gone, and one that protects again."""
    before = words.seen("stop", m.trade_id)
    naked = m.stop.state == "NAKED"
    if not words.changed(naked, "stop", m.trade_id) or m.closed:
        return None
    if naked:
        policy = f"; {m.stop.policy}" if m.stop.policy else ""
        return Told("stop", "error", m.symbol, f"{m.symbol} has no protective stop: {m.stop.text}{policy}", m.at_ms)
    if before:
        return Told("stop", "info", m.symbol, f"{m.symbol} is protected again at {plain(m.stop.price)}", m.at_ms)
    return None


def alarm(words: Words, m: OrderAlarm) -> Told:
    """What somebody must hear of."""
    return Told("order", m.severity, m.symbol, m.text, m.at_ms, repeat_key=f"alarm {m.code} {m.client_id}")


def discrepancy(words: Words, m: Discrepancy) -> Told | None:
    """Venue and journal disagree, or agree again."""
    if not words.changed((m.settled, m.text), "discrepancy", m.key):
        return None
    if m.settled:
        return Told("discrepancy", "info", "", f"settled: {m.text}", m.at_ms)
    return Told("discrepancy", "error", "", m.text, m.at_ms, repeat_key=f"discrepancy {m.key}")


def halt(words: Words, m: HaltReport) -> Told | None:
    """A halt: when it was pressed, and what came of it."""
    if not words.changed((m.asked_ms, m.done), "halt"):
        return None
    if not m.done:
        return Told("halt", "error", "", f"HALTED ({m.why}): no new entries; cancelling those that work", m.at_ms)
    left = "; ".join(f"{name}: {why}" for name, why in m.failed)
    text = f"halt done: {len(m.cancelled)} entries cancelled, {m.stops_kept} stops kept"
    if left or m.waiting:
        text += f"; not cancelled: {left or ', '.join(m.waiting)}"
    return Told("halt", "error" if left or m.waiting else "warning", "", text, m.at_ms)


def account(words: Words, m: AccountStatus) -> Told | None:
    """The trading state changed."""
    before = words.seen("trading state")
    if not words.changed(m.state, "trading state") or (before is None and m.state == "ACTIVE"):
        return None
    why = f": {'; '.join(m.causes)}" if m.causes else ""
    return Told("halt", "info" if m.state == "ACTIVE" else "error", "", f"trading is {m.state}{why}", m.at_ms)


def refused(words: Words, m: Refused) -> Told:
    """A command that was not carried out."""
    return Told("order", "warning", m.symbol, f"{m.command} {m.symbol} refused: {m.words}".replace("  ", " "), m.at_ms)


PHASES: dict[SessionPhase, tuple[Severity, str]] = {
    "PAPER": ("info", "on paper"),
    "DISARMED": ("warning", "disarmed: no real entries"),
    "ARMED": ("error", "ARMED: real entries are sent when they are confirmed"),
    "LEAVING": ("warning", "disarmed: back on paper once nothing of ours is open"),
}
"""What a change of the session comes to. Real money is told as loudly as an error."""


def session(words: Words, m: SessionStatus) -> Told | None:
    """Armed, disarmed, another account."""
    before = words.seen("session")
    if m.phase not in PHASES or not words.changed((m.phase, m.account), "session") or before is None:
        return None
    severity, what = PHASES[m.phase]
    where = "the venue itself" if m.host_kind == "LIVE DATA" else f"{m.host_kind.lower()} exchange"
    at = f", {m.host} ({where})" if m.mode == "LIVE" else ""
    return Told("order", severity, "", f"{what}; account {m.account}{at}", m.at_ms)


def ticket(words: Words, m: TicketStatus) -> Told | None:
    """What became of a ticket; its steps are the operator's own."""
    if m.step not in ("SENT", "EXPIRED", "REFUSED") or not words.changed((m.step, m.nonce), "ticket", m.ticket_id):
        return None
    at = f" at {plain(m.entry)}" if m.entry else " at market"
    what = f"ticket {m.side} {plain(m.quantity)} {m.symbol}{at}"
    if m.step == "SENT":
        return Told("order", "info", m.symbol, f"{what} confirmed and sent as {m.client_id}", m.at_ms)
    end = f"expired, nothing sent: {'; '.join(m.changes)}" if m.step == "EXPIRED" else f"refused: {m.words}"
    return Told("order", "warning", m.symbol, f"{what} {end}", m.at_ms)


def plain(value: Decimal) -> str:
    """Without exponent and without trailing zeros."""
    return price(float(value)) if abs(value) >= 1 else f"{value.normalize():f}"


def _signed(value: Decimal) -> str:
    return f"{value:+,.2f}"


def _at(m: OrderStatus) -> str:
    if m.stop_price:
        return f" stop {plain(m.stop_price)}"
    return f" at {plain(m.price)}" if m.price else " at market"


ORDER_WORDS: dict[type[Message], Callable[[Words, Any], Told | None]] = {
    OrderStatus: order,
    Execution: execution,
    TradeClosed: trade,
    PositionStatus: position,
    OrderAlarm: alarm,
    Discrepancy: discrepancy,
    HaltReport: halt,
    AccountStatus: account,
    Refused: refused,
    SessionStatus: session,
    TicketStatus: ticket,
}
"""Every class of message about orders that can be an event, with its words."""
