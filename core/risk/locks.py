"""What keeps entries away for a while: a streak of losses with its cool-down, and locks on a symbol or on everything."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.trading.order import ZERO

EVERYTHING = "*"


class Streak(Struct, frozen=True):
    """Losses in a row, and until when (Unix ms UTC) the cool-down they started lasts; 0: none."""

    losses: int = 0
    cool_until_ms: int = 0


class Lock(Struct, frozen=True, kw_only=True):
    """No entries on `symbol` (`*`: on any) until `until_ms`; 0: until whoever set it takes it off."""

    symbol: str
    reason: str
    until_ms: int = 0


def after_trade(streak: Streak, result: Decimal, now_ms: int, most: int, cool_down_min: float) -> Streak:
    """The streak after a closed trade of this net result: a gain ends it, nil changes nothing.

    From `most` losses on each further one starts the cool-down anew.
    """
    if result > ZERO:
        return replace(streak, losses=0)
    if result == ZERO:
        return streak
    losses = streak.losses + 1
    until = now_ms + round(cool_down_min * 60_000) if losses >= most else 0
    return Streak(losses, max(streak.cool_until_ms, until))


def cooling(streak: Streak, now_ms: int) -> bool:
    """True while the cool-down lasts."""
    return now_ms < streak.cool_until_ms


def standing(locks: Iterable[Lock], symbol: str, now_ms: int) -> tuple[Lock, ...]:
    """The locks that hold for this symbol now."""
    return tuple(
        lock for lock in locks if lock.symbol in (symbol, EVERYTHING) and (lock.until_ms == 0 or now_ms < lock.until_ms)
    )
