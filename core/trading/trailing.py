"""Where the stop of a running trade goes next: to break-even after a target, and behind the best price. Pure.

Break-even is the entry plus the cost of the round trip, not the entry. The trail is a chandelier (Le Beau): the best price
since the entry less some ATR, from a gain of so many R on. A stop never loosens, moves at least a tenth of an ATR, and never
past the market, where the venue would refuse it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import Side
from core.risk.position_math import sign
from core.trading.order import ZERO

LEAST_MOVE = Decimal("0.1")
"""Of an ATR."""
Why = Literal["BREAK_EVEN", "TRAIL"]


class Move(Struct, frozen=True):
    """The stop's next price, not rounded, and why."""

    stop: Decimal
    why: Why


class Course(Struct, frozen=True, kw_only=True):
    """How the trade has gone. `entry` is the average paid, `first_stop` the planned one, `stop` the present one.

    `best` is the most favourable price since the entry, `price` the present one to close at (0: not known). `reached`
    counts targets taken. `cost` is that of the round trip per unit.
    """

    side: Side
    entry: Decimal
    first_stop: Decimal
    stop: Decimal
    best: Decimal
    price: Decimal
    atr: Decimal
    cost: Decimal
    reached: int
    tick: Decimal


class Rule(Struct, frozen=True, kw_only=True):
    """The settings: break-even after so many targets (0: never), trail from so many R (0: never), so many ATR behind."""

    break_even_after: int
    trail_after_r: Decimal
    trail_atr: Decimal


def next_move(course: Course, rule: Rule) -> Move | None:
    """The tighter of what break-even and the trail ask for; None: the stop stays."""
    way = sign(course.side)
    if not course.stop or not course.price:
        return None
    asked: list[Move] = []
    if 0 < rule.break_even_after <= course.reached:
        even = course.entry + way * course.cost
        if way * (even - course.stop) >= course.tick:
            asked.append(Move(even, "BREAK_EVEN"))
    trail = _trail(course, rule)
    if trail is not None and way * (trail - course.stop) >= max(LEAST_MOVE * course.atr, course.tick):
        asked.append(Move(trail, "TRAIL"))
    reachable = [move for move in asked if way * (course.price - move.stop) > course.tick]
    return max(reachable, key=lambda move: way * move.stop, default=None)


def _trail(course: Course, rule: Rule) -> Decimal | None:
    way = sign(course.side)
    risk = way * (course.entry - course.first_stop)
    if rule.trail_after_r <= ZERO or course.atr <= ZERO or risk <= ZERO:
        return None
    if way * (course.best - course.entry) < rule.trail_after_r * risk:
        return None
    return course.best - way * rule.trail_atr * course.atr
