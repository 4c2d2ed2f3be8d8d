"""What happened while the program was not there: orders as it left them against orders as the venue shows them now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from core.messages import Severity
from core.trading.order_record import OrderRecord
from core.trading.states import DONE


class _Left(NamedTuple):
    state: str
    filled: Decimal


class News(NamedTuple):
    """One thing that happened, in words."""

    record: OrderRecord
    severity: Severity
    text: str


class WhileAway:
    """Remembers the orders that were open when the journal was read; `news` once all was compared with the venue."""

    def __init__(self, orders: Mapping[str, OrderRecord]) -> None:
        self._left = {name: _Left(record.state, record.filled) for name, record in orders.items() if record.may_fill}

    def waits(self, orders: Mapping[str, OrderRecord]) -> bool:
        """Whether the venue has not yet told of one of them: it is still on its way or unknown."""
        return any(orders[name].state in ("INTENT", "SENT", "UNKNOWN") for name in self._left if name in orders)

    def news(self, orders: Mapping[str, OrderRecord]) -> list[News]:
        """What became of each that is not as it was left, oldest first."""
        found = []
        for name, left in self._left.items():
            record = orders.get(name)
            if record is None:
                continue
            more = record.filled - left.filled
            if more or record.state in DONE or record.state == "UNKNOWN":
                found.append(_told(record, more))
        return found


def _told(record: OrderRecord, more: Decimal) -> News:
    spec = record.spec
    price = spec.price or spec.stop_price
    name = f"{spec.side} {spec.quantity:f} {spec.symbol}" + (f" at {price:f}" if price else "")
    if record.state == "UNKNOWN":
        return News(record, "error", f"while away: nobody knows what became of {name}; see its evidence")
    words = record.state.lower().replace("_", " ")
    filled = f", {more:f} filled" if more else ""
    stop = record.intent.purpose == "PROTECTION"
    what = "protective stop" if stop else record.intent.purpose.lower()
    severity: Severity = "error" if stop and record.state != "FILLED" else "warning"
    return News(record, severity, f"while away: {what} {name} is {words}{filled}")
