"""Changing a working order in place: Bybit's amend. An order that only shrinks keeps its place in the queue."""

from __future__ import annotations

from msgspec import structs

from core.trading import filters
from core.trading.admission import live_rules, market_facts, trigger_rules
from core.trading.conventions import RefusalKey
from core.trading.execution import Execution
from core.trading.matching_state import Amend
from core.trading.order import OrderSpec
from core.trading.working import Working


def amend(execution: Execution, order: Working, request: Amend) -> None:
    """Apply the change or say why not; a refused change leaves the order as it was."""
    old = order.spec
    new = structs.replace(
        old,
        price=old.price if request.price is None else request.price,
        quantity=old.quantity if request.quantity is None else request.quantity,
        stop_price=old.stop_price if request.stop_price is None else request.stop_price,
    )
    key = _rules(execution, order, new)
    if not key:
        key = _waiting(execution, order, new) if order.waiting else _live(execution, order, new)
    if key:
        execution.blotter.decline(order, execution.conventions.refusal(key))


def _rules(execution: Execution, order: Working, new: OrderSpec) -> RefusalKey | None:
    instrument = execution.rules[new.symbol]
    moved_trigger = not order.waiting and new.stop_price != order.spec.stop_price
    if new.quantity <= order.filled or new == order.spec or moved_trigger:
        return "PARAMETER"
    return (
        filters.parameters(new, instrument, execution.conventions)
        or filters.price_rules(new, instrument)
        or filters.quantity_rules(new, instrument)
        or filters.value_rules(new, instrument, market_facts(execution.state, instrument))
        or filters.band_rules(new, instrument, market_facts(execution.state, instrument))
        or (trigger_rules(execution.state, new) if order.waiting else None)
    )


def _waiting(execution: Execution, order: Working, new: OrderSpec) -> RefusalKey | None:
    settlement = execution.settlement
    old, order.spec = order.spec, new
    twin = execution.state.orders.get(order.pair, order)
    if not settlement.lock_pair(order, twin):
        order.spec = old
        settlement.lock_pair(order, twin)
        return "BALANCE"
    execution.blotter.report(order)
    return None


def _live(execution: Execution, order: Working, new: OrderSpec) -> RefusalKey | None:
    old = order.spec
    queue = execution.blotter.queue(old.symbol)
    if new.price == old.price and new.quantity < old.quantity:
        order.spec = new
        execution.blotter.report(order)
        execution.relock(order)
        return None
    queue.remove(order)
    execution.settlement.unlock(order)
    order.spec = new
    key = live_rules(execution.settlement, queue, order, *execution.plan(order))
    if key in ("BALANCE", "REDUCE_ONLY"):
        order.spec = old
        queue.add(order)
        execution.relock(order)
        return key
    order.priority = execution.blotter.next_priority()
    execution.go_live(order)
    return None
