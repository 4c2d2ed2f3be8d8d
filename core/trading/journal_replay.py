"""From the journal's records to the same orders as before: each intent born, each piece of evidence applied, in order."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from core.trading.evidence import Evidence
from core.trading.journal_records import Entry
from core.trading.no_trace import NoTraceRule
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.order_reducer import DEFAULT_RULE, apply


class Replayed(Struct, frozen=True):
    """Orders by client id. `strays` are records that no replay can place: evidence of an order without an intent, and a
    second intent under one client id. There are none unless something is badly wrong."""

    orders: dict[str, OrderRecord]
    strays: list[Entry]


def replay(entries: Iterable[Entry], rule: NoTraceRule = DEFAULT_RULE) -> Replayed:
    """The orders a journal tells of. `rule` must be the one that was in force."""
    replayed = Replayed({}, [])
    orders = replayed.orders
    for entry in entries:
        record = entry.record
        if isinstance(record, Intent):
            if record.spec.client_id in orders:
                replayed.strays.append(entry)
            else:
                orders[record.spec.client_id] = born(record)
        elif isinstance(record, Evidence):
            if record.client_id in orders:
                orders[record.client_id] = apply(orders[record.client_id], record, rule)[0]
            else:
                replayed.strays.append(entry)
    return replayed
