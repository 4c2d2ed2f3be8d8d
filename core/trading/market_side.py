"""The outside market of one symbol as the matching engine sees it: price levels, last trade, average and mark price.

What our own takers took from a level is gone until the feed speaks of that level again (a diff naming it, or a snapshot): the
recorded or live book does not know of us, so it brings the quantity back.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from msgspec import Struct, field

from core.messages import Side
from core.trading.order import ZERO

Level = tuple[Decimal, Decimal]
"""Price and absolute quantity; 0 removes the level."""
_MINUTE_MS = 60_000


class MarketSide(Protocol):
    """What matching asks of the outside market. `side` is the side of the resting orders: BUY are the bids."""

    def available(self, side: Side, price: Decimal) -> Decimal:
        """Quantity at a level that we have not taken yet."""

    def prices(self, side: Side, limit: Decimal | None) -> list[Decimal]:
        """Levels with something available, best first, no worse than `limit` for the one who takes them."""

    def take(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Remove quantity from a level until the feed refreshes it."""


class LevelBook(Struct, kw_only=True):
    """A `MarketSide` of plain values. Prices and quantities are finite and at or above 0: the feed has checked them."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    last: Decimal = ZERO
    mark: Decimal = ZERO
    minutes: list[tuple[int, Decimal, Decimal]] = field(default_factory=list)
    """(minute, quote volume, base volume), oldest first: the venue's average price is made of them."""

    def levels(self, side: Side) -> dict[Decimal, Decimal]:
        """The side's levels as price -> quantity left for us."""
        return self.bids if side == "BUY" else self.asks

    def update(self, bids: Iterable[Level], asks: Iterable[Level], snapshot: bool) -> None:
        """Apply a snapshot (replaces everything) or a diff (absolute quantities)."""
        for levels, changes in ((self.bids, bids), (self.asks, asks)):
            if snapshot:
                levels.clear()
            for price, quantity in changes:
                if quantity > 0:
                    levels[price] = quantity
                else:
                    levels.pop(price, None)

    def available(self, side: Side, price: Decimal) -> Decimal:
        """Quantity at a level that we have not taken yet."""
        return self.levels(side).get(price, ZERO)

    def prices(self, side: Side, limit: Decimal | None) -> list[Decimal]:
        """Levels with something available, best first, no worse than `limit` for the one who takes them."""
        if side == "BUY":
            return sorted((p for p in self.bids if limit is None or p >= limit), reverse=True)
        return sorted(p for p in self.asks if limit is None or p <= limit)

    def take(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Remove quantity from a level until the feed refreshes it."""
        levels = self.levels(side)
        left = levels[price] - quantity
        if left < 0:
            raise ValueError(f"taking {quantity} at {price}: only {levels[price]} is there")
        if left:
            levels[price] = left
        else:
            del levels[price]

    def best(self, side: Side) -> Decimal:
        """Best price of a side, 0 when it is empty."""
        levels = self.levels(side)
        if not levels:
            return ZERO
        return max(levels) if side == "BUY" else min(levels)

    def traded(self, price: Decimal, quantity: Decimal, at_ms: int, keep_minutes: int) -> None:
        """Note a public trade as the last one, and for the average."""
        self.last = price
        minute = at_ms // _MINUTE_MS
        if self.minutes and self.minutes[-1][0] == minute:
            _, quote, base = self.minutes[-1]
            self.minutes[-1] = (minute, quote + price * quantity, base + quantity)
        else:
            self.minutes.append((minute, price * quantity, quantity))
        while self.minutes[0][0] <= minute - max(1, keep_minutes):
            del self.minutes[0]

    def average(self, now_ms: int, minutes: int) -> Decimal:
        """Volume-weighted price of the last `minutes`; the last price where nothing traded or `minutes` is 0."""
        since = now_ms // _MINUTE_MS - minutes
        recent = [entry for entry in self.minutes if entry[0] > since] if minutes else []
        base = sum((entry[2] for entry in recent), ZERO)
        return sum((entry[1] for entry in recent), ZERO) / base if base else self.last
