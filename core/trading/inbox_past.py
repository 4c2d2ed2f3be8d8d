"""What the journal tells the inbox at start: answers of the last day, and fills of it that nobody has answered."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, field

from core.messages import ItemState
from core.trading.evidence import Evidence, Reported, TradesListed
from core.trading.inbox_words import Filled, over_words, purpose_word
from core.trading.journal_records import Entry, InboxAnswered
from core.trading.journal_replay import replay
from core.trading.order_messages import status_of
from core.trading.order_record import Intent, OrderRecord
from core.trading.plan import TradeEnded

DAY_MS = 86_400_000


class OldFill(Struct, frozen=True):
    """The fills of one order, when the newest was learned, and whether the operator has answered since."""

    client_id: str
    filled: Filled
    at_ms: int
    answered: bool


class Past(Struct, frozen=True):
    """Answers by item id (state, and until when it is snoozed), and fills, oldest first."""

    answers: dict[str, tuple[ItemState, int]] = field(default_factory=dict)
    fills: list[OldFill] = field(default_factory=list)


def read_past(entries: Iterable[Entry], now_ms: int) -> Past:
    """The last 24 hours of a journal."""
    entries = list(entries)
    since_ms = now_ms - DAY_MS
    past = Past()
    answered: dict[str, int] = {}
    learned: dict[str, tuple[int, int]] = {}
    ends: dict[str, TradeEnded] = {}
    for entry in entries:
        record = entry.record
        match record:
            case InboxAnswered() if record.at_ms >= since_ms or record.until_ms > now_ms:
                over = record.answer == "SNOOZED" and record.until_ms <= now_ms
                past.answers[record.item_id] = ("WAITING", 0) if over else (record.answer, record.until_ms)
                answered[record.item_id] = 0 if record.answer == "SNOOZED" else entry.seq
            case Reported(report=report) if report.fill is not None and report.fill.at_ms >= since_ms:
                learned[record.client_id] = (entry.seq, report.fill.at_ms)
            case TradesListed(fills=fills):
                newest = max((fill.at_ms for fill in fills), default=0)
                if newest >= since_ms and newest > learned.get(record.client_id, (0, 0))[1]:
                    learned[record.client_id] = (entry.seq, newest)
            case TradeEnded():
                ends[record.trade_id] = record
    orders = replay(entry for entry in entries if _is_of(entry, learned)).orders
    closing = _last_exits(orders, learned, ends)
    for client_id, (seq, at_ms) in sorted(learned.items(), key=lambda one: one[1]):
        known = orders.get(client_id)
        if known is not None and known.filled:
            filled = _filled(known, ends.get(closing.get(client_id, "")))
            past.fills.append(OldFill(client_id, filled, at_ms, answered.get(f"f:{client_id}", 0) > seq))
    return past


def _is_of(entry: Entry, names: dict[str, tuple[int, int]]) -> bool:
    record = entry.record
    if isinstance(record, Intent):
        return record.spec.client_id in names
    return isinstance(record, Evidence) and record.client_id in names


def _last_exits(
    orders: dict[str, OrderRecord], learned: dict[str, tuple[int, int]], ends: dict[str, TradeEnded]
) -> dict[str, str]:
    """The order each trade ended with, and that trade."""
    last: dict[str, str] = {}
    for client_id in sorted(orders, key=lambda name: learned[name]):
        parent = orders[client_id].intent.parent
        if parent in ends:
            last[parent] = client_id
    return {client_id: trade_id for trade_id, client_id in last.items()}


def _filled(record: OrderRecord, ended: TradeEnded | None) -> Filled:
    status = status_of(record, "", "")
    what = purpose_word(status)
    return Filled(
        symbol=status.symbol, side=status.side, quantity=status.filled, value=status.filled * status.average_price,
        wanted=max(status.quantity, Decimal(0)), what=what, parent=status.parent,
        result=over_words(ended.why, what, ended.r_multiple, ended.result, "") if ended is not None else "",
        over=ended is not None,
    )  # fmt: skip
