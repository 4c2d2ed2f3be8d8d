"""Price-time priority: our own resting orders, merged with the outside book.

Queue model, conservative as in the risk-averse model of hftbacktest: a new order stands behind everything the outside book
shows at its price. Only trades at that price (and our own takers) shorten the queue ahead; quantity cancelled by others
is thought to have stood behind us, except that no more can be ahead than the level still shows. A trade through our price
fills us for no more than its own size. Fills are at our limit price, never better.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple, Protocol

from core.messages import Side
from core.trading.market_side import MarketSide
from core.trading.order import ZERO
from core.trading.working import Working, floor_step, opposite


class Caps(Protocol):
    """How much of each resting order may fill: reduce-only orders end where the position does."""

    def room(self, maker: Working) -> Decimal:
        """What may fill now, at most its remaining quantity."""

    def planned(self, maker: Working, quantity: Decimal) -> None:
        """Note that `quantity` of it is going to fill."""


class Step(NamedTuple):
    """One execution to be: against the outside book where `maker` is None."""

    price: Decimal
    quantity: Decimal
    maker: Working | None


class Demand(NamedTuple):
    """What a taker wants: `base` quantity, or what `quote` buys on the lot; `limit` None takes any price."""

    side: Side
    account: str
    base: Decimal
    quote: Decimal
    lot: Decimal
    limit: Decimal | None


class OrderQueue:
    """The resting orders of one symbol, each side from best price to worst, at one price by arrival."""

    def __init__(self, orders: Iterable[Working] = ()) -> None:
        self._sides: dict[Side, list[Working]] = {"BUY": [], "SELL": []}
        for order in orders:
            self.add(order)

    def add(self, order: Working) -> None:
        """Put an order behind all others of its price that came earlier."""
        insort(self._sides[order.spec.side], order, key=_rank)

    def remove(self, order: Working) -> None:
        """Take an order out; nothing happens if it does not rest here."""
        self._sides[order.spec.side] = [other for other in self._sides[order.spec.side] if other is not order]

    @property
    def empty(self) -> bool:
        """Whether nothing rests."""
        return not (self._sides["BUY"] or self._sides["SELL"])

    def side(self, side: Side) -> tuple[Working, ...]:
        """The orders of one side in priority order."""
        return tuple(self._sides[side])

    def __contains__(self, order: Working) -> bool:
        return any(other is order for other in self._sides[order.spec.side])

    def at(self, side: Side, price: Decimal) -> list[Working]:
        """The orders resting at one price, in priority order."""
        return [order for order in self._sides[side] if order.spec.price == price]

    def reached(self, side: Side, price: Decimal) -> tuple[Working, ...]:
        """The resting orders of `side` that someone trading at `price` would have to go through, best first."""
        if side == "BUY":
            return tuple(order for order in self._sides[side] if order.spec.price >= price)
        return tuple(order for order in self._sides[side] if order.spec.price <= price)

    def shorten(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Outside quantity at the front of a price is gone."""
        for order in self.at(side, price):
            order.ahead = max(ZERO, order.ahead - quantity)

    def bound(self, side: Side, price: Decimal, shown: Decimal) -> None:
        """No more can be ahead at a price than the outside book shows there."""
        for order in self.at(side, price):
            order.ahead = min(order.ahead, shown)


def share(price: Decimal, outside: Decimal, makers: Iterable[Working], wanted: Decimal, caps: Caps) -> Iterator[Step]:
    """Divide `wanted` at one price between the outside quantity and our makers, by time.

    The outside part ahead of a maker goes first, and what is behind all makers last.
    """
    eaten = ZERO
    for maker in makers:
        front = min(wanted, max(ZERO, min(maker.ahead, outside) - eaten))
        if front > 0:
            yield Step(price, front, None)
            eaten += front
            wanted -= front
        part = min(wanted, caps.room(maker))
        if part > 0:
            yield Step(price, part, maker)
            caps.planned(maker, part)
            wanted -= part
    rest = min(wanted, outside - eaten)
    if rest > 0:
        yield Step(price, rest, None)


def walk(book: MarketSide, queue: OrderQueue, demand: Demand, caps: Caps) -> tuple[list[Step], list[Working]]:
    """The executions a taker would get now, best price first, and its own account's orders it would meet on the way.

    Own orders are never traded with (self-trade prevention, the resting one expires).
    """
    steps: list[Step] = []
    met: list[Working] = []
    side = opposite(demand.side)
    resting = [o for o in queue.side(side) if demand.limit is None or _within(demand, o.spec.price)]
    levels = book.prices(side, demand.limit)
    base, quote = demand.base, demand.quote
    for price in sorted({*levels, *(order.spec.price for order in resting)}, reverse=side == "BUY"):
        wanted = floor_step(quote / price, demand.lot) if demand.quote else base
        if wanted <= 0:
            break
        here = [order for order in resting if order.spec.price == price]
        met += [order for order in here if order.account == demand.account]
        makers = [order for order in here if order.account != demand.account]
        for step in share(price, book.available(side, price), makers, wanted, caps):
            steps.append(step)
            base -= step.quantity
            quote -= step.quantity * price
        if demand.quote and floor_step(quote / price, demand.lot) <= 0:
            break  # a seller would find a cheaper level where the rest is a lot again
    return steps, met


def _within(demand: Demand, price: Decimal) -> bool:
    assert demand.limit is not None
    return price <= demand.limit if demand.side == "BUY" else price >= demand.limit


def _rank(order: Working) -> tuple[Decimal, int]:
    return (-order.spec.price if order.spec.side == "BUY" else order.spec.price, order.priority)
