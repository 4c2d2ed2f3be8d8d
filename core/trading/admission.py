"""What the engine itself checks before an order counts: the rules of `filters`, client ids, triggers, and the market now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from core.trading import filters
from core.trading.blotter import Blotter
from core.trading.conventions import Conventions, RefusalKey
from core.trading.matching_state import State
from core.trading.order import ZERO, OrderSpec
from core.trading.order_queue import OrderQueue, Step
from core.trading.settlement import Settlement
from core.trading.working import TRIGGERED_TYPES, Working, rises_to_trigger
from core.venue import Instrument


def admission(
    state: State,
    blotter: Blotter,
    rules: Mapping[str, Instrument],
    conventions: Conventions,
    account: str,
    spec: OrderSpec,
) -> RefusalKey | None:
    """The first rule a new order breaks, whatever the book holds."""
    instrument = rules.get(spec.symbol)
    if instrument is None:
        return "SYMBOL"
    facts = account_facts(state, blotter, instrument, account)
    key = filters.check(spec, instrument, conventions, market_facts(state, instrument), facts)
    if key:
        return key
    if blotter.taken(account, spec.client_id):
        return "DUPLICATE"
    return trigger_rules(state, spec)


def trigger_rules(state: State, spec: OrderSpec) -> RefusalKey | None:
    """Whether a stop or target would trigger at once. Without a price to compare with it is accepted."""
    price = trigger_price(state, spec)
    if spec.type not in TRIGGERED_TYPES or not price:
        return None
    if rises_to_trigger(spec):
        return "TRIGGER_RISE" if spec.stop_price <= price else None
    return "TRIGGER_FALL" if spec.stop_price >= price else None


def trigger_price(state: State, spec: OrderSpec) -> Decimal:
    """The price the order's trigger watches, 0 if not yet known."""
    book = state.book(spec.symbol)
    return book.mark if spec.trigger_by == "MARK" else book.last


def live_rules(
    settlement: Settlement, queue: OrderQueue, order: Working, steps: list[Step], met: list[Working]
) -> RefusalKey | None:
    """Whether an order may come to the market that would give it `steps`. `queue` does not hold it.

    An order that only rests comes after the account's other closing orders; one that takes comes before them.
    """
    spec = order.spec
    if spec.post_only and (steps or met):
        return "POST_ONLY"
    if spec.reduce_only and not settlement.position(order).reducible(spec.side):
        return "REDUCE_ONLY"
    others = () if steps else queue.side(spec.side)
    promised = sum((other.remaining for other in others if other.account == order.account), ZERO)
    return None if settlement.affordable(order, steps, promised) else "BALANCE"


def market_facts(state: State, instrument: Instrument) -> filters.MarketFacts:
    """Prices the filters compare with."""
    book = state.book(instrument.symbol)
    average = book.average(state.now_ms, instrument.average_price_minutes)
    return filters.MarketFacts(average=average, last=book.last, mark=book.mark)


def account_facts(state: State, blotter: Blotter, instrument: Instrument, account: str) -> filters.AccountFacts:
    """What the account has open and holds."""
    orders = blotter.open_orders(instrument.symbol, account)
    base = state.ledger.balance(account, instrument.base) if instrument.category == "spot" else None
    return filters.AccountFacts(
        orders=len(orders),
        waiting=sum(order.waiting for order in orders),
        base_held=base.free + base.locked if base else ZERO,
        base_buying=sum((order.remaining for order in orders if order.spec.side == "BUY"), ZERO),
    )
