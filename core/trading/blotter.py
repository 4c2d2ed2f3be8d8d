"""The orders of an engine: found by id, open ones by symbol, resting ones in their queues, and the reports that go out.

The indexes here are derived from the engine's `State`, so they can be rebuilt from one.
"""

from __future__ import annotations

from msgspec import structs

from core.trading.conventions import Refusal
from core.trading.matching_state import State
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.order_queue import OrderQueue
from core.trading.working import Working


class Blotter:
    """Index over the orders of one `State`, and the outgoing reports in order."""

    def __init__(self, state: State, keep_closed: int, ids_forever: bool) -> None:
        self.state = state
        self._ids_forever = ids_forever
        self._keep_closed = keep_closed
        self._open: dict[str, dict[str, Working]] = {}
        self._queues: dict[str, OrderQueue] = {}
        self._closed = 0
        for order in state.orders.values():
            if not order.open:
                self._closed += 1
                continue
            self._open.setdefault(order.spec.symbol, {})[order.order_id] = order
            if not order.waiting:
                self.queue(order.spec.symbol).add(order)

    def queue(self, symbol: str) -> OrderQueue:
        """The resting orders of a symbol."""
        return self._queues.setdefault(symbol, OrderQueue())

    def open_orders(self, symbol: str = "", account: str = "") -> list[Working]:
        """Open orders by arrival, of all symbols or one, of all accounts or one."""
        groups = [self._open.get(symbol, {})] if symbol else self._open.values()
        found = [order for group in groups for order in group.values() if not account or order.account == account]
        return sorted(found, key=lambda order: order.priority)

    def waiting(self, symbol: str) -> list[Working]:
        """Orders of a symbol that wait for their trigger, by arrival."""
        return sorted((o for o in self._open.get(symbol, {}).values() if o.waiting), key=lambda order: order.priority)

    def legs(self, parent: Working) -> list[Working]:
        """The waiting attached orders of an entry."""
        return [order for order in self.waiting(parent.spec.symbol) if order.parent == parent.order_id]

    def find(self, account: str, order_id: str = "", client_id: str = "") -> Working | None:
        """An order of the account by the venue's id, else the newest with our id."""
        if not order_id:
            order_id = self.state.client_ids.get(account, {}).get(client_id, "") if client_id else ""
        order = self.state.orders.get(order_id)
        return order if order is not None and order.account == account else None

    def taken(self, account: str, client_id: str) -> bool:
        """Whether a client id may not be used now. An empty one is always free."""
        ids = self.state.client_ids.get(account, {})
        if not client_id or client_id not in ids:
            return False
        return self._ids_forever or self.state.orders[ids[client_id]].open

    def next_priority(self) -> int:
        """The next place in time."""
        self.state.next_priority += 1
        return self.state.next_priority - 1

    def record(self, order: Working) -> None:
        """Give a new order its id and keep it as open."""
        order.order_id = str(self.state.next_order)
        self.state.next_order += 1
        order.accepted_ms = order.updated_ms = self.state.now_ms
        self.state.orders[order.order_id] = order
        if order.spec.client_id:
            self.state.client_ids.setdefault(order.account, {})[order.spec.client_id] = order.order_id
        self._open.setdefault(order.spec.symbol, {})[order.order_id] = order

    def retire(self, order: Working) -> None:
        """A closed order leaves queue and index, and is remembered up to the limit."""
        self.queue(order.spec.symbol).remove(order)
        if self._open.get(order.spec.symbol, {}).pop(order.order_id, None) is not None:
            self._closed += 1
        if self._closed > self._keep_closed:
            self._forget()

    def _forget(self) -> None:
        """Drop the older half of the closed orders; a client id that must stay unique stays known."""
        closed = [order for order in self.state.orders.values() if not order.open]
        old = closed[: len(closed) - self._keep_closed // 2]
        for order in old:
            del self.state.orders[order.order_id]
            ids = self.state.client_ids.get(order.account, {})
            if not self._ids_forever and ids.get(order.spec.client_id) == order.order_id:
                del ids[order.spec.client_id]
        self._closed = len(closed) - len(old)

    def report(self, order: Working, fill: Fill | None = None) -> None:
        """Send out what the venue says of an order now."""
        order.updated_ms = self.state.now_ms
        self.state.seq += 1
        self.state.outbox.append(order.report(self.state.seq, self.state.now_ms, fill))

    def reject(self, spec: OrderSpec, refusal: Refusal) -> None:
        """Send out that a new order was refused: it has no id and leaves no trace."""
        self.state.seq += 1
        self.state.outbox.append(
            OrderReport(
                order_id="", spec=spec, status="REJECTED", filled=ZERO, filled_quote=ZERO, at_ms=self.state.now_ms,
                reject_code=refusal.code, reject_reason=refusal.reason, seq=self.state.seq,
            )
        )  # fmt: skip

    def decline(self, order: Working, refusal: Refusal) -> None:
        """Send out that a request about a known order was refused: its state is unchanged, the code says why."""
        self.state.seq += 1
        report = order.report(self.state.seq, self.state.now_ms)
        self.state.outbox.append(structs.replace(report, reject_code=refusal.code, reject_reason=refusal.reason))

    def filled(self, order: Working, fill: Fill) -> None:
        """Keep a fill and send it out."""
        fills = self.state.fills.setdefault(order.account, [])
        fills.append(fill)
        if len(fills) > 2 * self._keep_closed:
            del fills[: -self._keep_closed]
        self.report(order, fill)

    def take(self) -> list[OrderReport]:
        """The reports since the last call, in order."""
        reports, self.state.outbox = self.state.outbox, []
        return reports
