"""Where a perpetual with isolated margin is liquidated, how far that must be, and when to be told of it.

LP = (WB + cum - side * Q * E) / (Q * MMR - side * Q), with the maintenance rate and deduction of the bracket the notional
falls in at LP itself (methods sheet 9). The venue's own figure wins; ours is a cross-check.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import Side
from core.risk.position_math import sign
from core.trading.order import ZERO

Alert = Literal["", "NEAR", "CRITICAL"]
NEAR_ATR = Decimal(3)
CRITICAL_ATR = Decimal("1.5")
DISAGREEMENT = Decimal("0.005")
"""Our price and the venue's may differ by this share before it is worth a warning."""


class Bracket(Struct, frozen=True, kw_only=True):
    """Notional up to `up_to` (0: without end) needs `rate` of it as maintenance margin, less `deduction`."""

    up_to: Decimal
    rate: Decimal
    deduction: Decimal = ZERO


def liquidation_price(
    side: Side, quantity: Decimal, entry: Decimal, margin: Decimal, brackets: Sequence[Bracket]
) -> Decimal:
    """The price at which an isolated position is liquidated; 0: none, the margin covers every price of a long.

    `quantity` is positive, in the base asset; `margin` is what is set aside for the position. `brackets` rise. Of the
    prices that fall into the bracket they were worked out with, the one the market reaches first; if none does, the first
    of all. Raises `ValueError` without a bracket or a quantity.
    """
    if not brackets or not quantity > ZERO:
        raise ValueError(
            f"liquidation price needs a quantity above 0 (given {quantity}) and brackets (given {len(brackets)})"
        )
    direction = sign(side)
    fitting: list[Decimal] = []
    every: list[Decimal] = []
    floor = ZERO
    for bracket in brackets:
        slope = quantity * bracket.rate - direction * quantity
        price = max(ZERO, (margin + bracket.deduction - direction * quantity * entry) / slope)
        every.append(price)
        notional = price * quantity
        if floor <= notional and (bracket.up_to == ZERO or notional <= bracket.up_to):
            fitting.append(price)
        floor = bracket.up_to
    return max(fitting or every) if side == "BUY" else min(fitting or every)


def too_near(
    side: Side,
    entry: Decimal,
    stop: Decimal,
    liquidation: Decimal,
    atr: Decimal,
    stop_room: Decimal,
    stop_room_atr: Decimal,
) -> str:
    """Why this liquidation price is too near, in words; empty: |LP - E| >= 2 |SL - E| and 3 ATR(15 m) behind the stop.

    `stop_room` and `stop_room_atr` are those two and three. 0 as `liquidation` is no danger to a long.
    """
    direction = sign(side)
    way, least = direction * (entry - liquidation), stop_room * abs(entry - stop)
    if way < least:
        return f"liquidation {liquidation:.8g} is {way:.6g} from entry {entry:.8g}, limit {least:.6g}"
    behind, least = direction * (stop - liquidation), stop_room_atr * atr
    if behind < least:
        return f"liquidation {liquidation:.8g} is {behind:.6g} behind stop {stop:.8g}, limit {least:.6g}"
    return ""


def alert(side: Side, mark: Decimal, liquidation: Decimal, atr: Decimal) -> Alert:
    """How near the mark price is to liquidation: within 3 ATR of 15 minutes, within 1.5, or neither."""
    distance = sign(side) * (mark - liquidation)
    if distance < CRITICAL_ATR * atr:
        return "CRITICAL"
    return "NEAR" if distance < NEAR_ATR * atr else ""


def disagree(ours: Decimal, venues: Decimal) -> bool:
    """True when the venue's price is another than ours by more than 0.5 %, or says there is one where we see none."""
    return abs(ours - venues) > DISAGREEMENT * abs(venues)
