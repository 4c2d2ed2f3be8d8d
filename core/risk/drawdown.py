"""Drawdown from the high-water mark, adjusted for deposits; the throttle it puts on sizes and the halt at its end.

In the spirit of Grossman & Zhou (1993). A deposit or withdrawal moves the mark in proportion, as if the account were in
shares: it is no performance and changes no drawdown.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.trading.order import ZERO

ONE = Decimal(1)


class HighWater(Struct, frozen=True):
    """The highest equity so far, in the quote currency. `halted`: the drawdown reached its end; only `rearm` lifts it."""

    mark: Decimal
    halted: bool = False


def drawdown(high: HighWater, equity: Decimal) -> Decimal:
    """Share of the mark that is lost, 0 to 1; 1 when there is no mark to measure from."""
    if not high.mark > ZERO:
        return ONE
    return min(ONE, max(ZERO, ONE - equity / high.mark))


def throttle(share: Decimal, start: Decimal, end: Decimal) -> Decimal:
    """What sizes are multiplied by: 1 up to `start`, 0 from `end` on, straight between. 0 when `end` is not above `start`."""
    if not start < end:
        return ZERO
    return min(ONE, max(ZERO, (end - share) / (end - start)))


def observe(high: HighWater, equity: Decimal, end: Decimal) -> HighWater:
    """The mark with this equity seen, halted from the drawdown `end` on."""
    seen = replace(high, mark=max(high.mark, equity))
    return replace(seen, halted=seen.halted or drawdown(seen, equity) >= end)


def transfer(high: HighWater, equity_before: Decimal, amount: Decimal) -> HighWater:
    """The mark after a deposit (or withdrawal, negative) of `amount` onto `equity_before`."""
    if not equity_before > ZERO:
        return replace(high, mark=max(ZERO, high.mark + amount))
    return replace(high, mark=max(ZERO, high.mark * (equity_before + amount) / equity_before))


def rearm(equity: Decimal) -> HighWater:
    """The operator starts again: the drawdown is measured from this equity."""
    return HighWater(equity)
