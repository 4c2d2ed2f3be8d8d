"""How much an entry's own protection and exits may take: what it filled, less what its family took or waits to take.

Computed from the orders themselves, so that a restart, which replays them from the journal, comes to the same bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from core.risk.position_math import Pending, sign, why_not_reducing
from core.trading.order import ZERO, OrderSpec
from core.trading.order_record import OrderRecord


def net_filled(members: Iterable[OrderRecord], parent: str, base: str) -> Decimal:
    """Base quantity the family of an entry holds, signed by side; fees taken in `base` (empty: none are) are not held."""
    net = ZERO
    for record in members:
        if parent not in (record.client_id, record.intent.parent):
            continue
        paid = sum((fee for asset, fee in record.fees if base and asset == base), ZERO)
        net += sign(record.intent.spec.side) * record.filled - paid
    return net


def why_beyond_family(
    orders: Iterable[OrderRecord], parent: str, spec: OrderSpec, base: str, *, replaces: str = ""
) -> str:
    """Why this order is not the entry's to authorise, in words; empty: it only reduces what that entry filled."""
    members = [record for record in orders if parent in (record.client_id, record.intent.parent)]
    entry = next((record for record in members if record.client_id == parent), None)
    if entry is None or entry.intent.purpose != "ENTRY":
        return f"there is no entry {parent} of ours that could authorise it: authorise it by hand"
    ours = entry.intent.spec
    if spec.symbol != ours.symbol or spec.side == ours.side:
        return f"{spec.side} {spec.symbol} does not reduce what entry {parent} ({ours.side} {ours.symbol}) opened: change it"
    pending = [
        Pending(
            client_id=record.client_id,
            symbol=record.intent.spec.symbol,
            side=record.intent.spec.side,
            quantity=record.remaining,
            price=record.spec.price,
            entry=record.client_id == parent,
            venue_reduces=record.intent.spec.reduce_only,
            list_id=record.intent.spec.list_id,
        )
        for record in members
        if record.may_fill
    ]
    net = net_filled(members, parent, base)
    return why_not_reducing(spec, net, pending, venue_reduces=spec.reduce_only, replaces=replaces)
