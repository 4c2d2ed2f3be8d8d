"""Correlation heat: the risk of everything held together, H = sqrt(x' C x), and which positions are one bet.

x is the money each position loses at its stop, with the position's sign. C holds exponentially weighted correlations of
five-minute log returns, drawn towards what is assumed of a pair nothing is known of (methods sheet 9). The assumption is
positive, so that neither little data nor a chance negative correlation is mistaken for a hedge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.trading.order import ZERO

Floats = NDArray[np.float64]

FEWEST = 288
"""Returns below which a pair counts as unknown: one day of five-minute bars."""
MOST = 2016
"""Older returns are not used: one week."""
HALF_LIFE = 288
"""Returns after which an observation weighs half."""
SHRINK = 72
"""The assumed correlation weighs as much as this many returns: a fifth at one day, 3 % at one week."""
SAME_CLASS = 0.7
OTHER_CLASS = 0.4


class Correlations(Struct, frozen=True, kw_only=True):
    """`pairs` by (symbol, symbol) in alphabetical order; `classes` is the asset class of each symbol."""

    pairs: dict[tuple[str, str], float]
    classes: dict[str, str]

    def rho(self, one: str, other: str) -> float:
        """The correlation of two symbols; the assumed one where none is known or it is no correlation."""
        if one == other:
            return 1.0
        known = self.pairs.get((min(one, other), max(one, other)), math.nan)
        return known if -1.0 <= known <= 1.0 else assumed(one, other, self.classes)


def assumed(one: str, other: str, classes: Mapping[str, str]) -> float:
    """What is assumed of a pair nothing is known of: 0.7 within a class, 0.4 otherwise. A symbol without class has its own."""
    same = one in classes and classes[one] == classes.get(other)
    return SAME_CLASS if same else OTHER_CLASS


def correlation(own: Floats, other: Floats, prior: float) -> float:
    """Weighted correlation of aligned returns, shape (n,), newest last, drawn towards `prior`; NaN: too few or no movement."""
    own, other = own[-MOST:], other[-MOST:]
    count = len(own)
    if count < FEWEST or len(other) != count:
        return math.nan
    weights = 0.5 ** (np.arange(count - 1, -1, -1) / HALF_LIFE)
    weights /= weights.sum()
    x, y = own - weights @ own, other - weights @ other
    scale = math.sqrt(float(weights @ (x * x)) * float(weights @ (y * y)))
    if not scale > 0.0:
        return math.nan
    rho = min(1.0, max(-1.0, float(weights @ (x * y)) / scale))
    return (count * rho + SHRINK * prior) / (count + SHRINK)


def heat(risks: Sequence[tuple[str, Decimal]], correlations: Correlations) -> Decimal:
    """sqrt(x' C x) in money, for (symbol, signed risk) of each position.

    A matrix put together from pairs need not be one of correlations. Where that would make the sum negative, the risks
    are added up without any credit for hedging.
    """
    total = ZERO
    for one, x in risks:
        for other, y in risks:
            total += x * y * Decimal(repr(float(correlations.rho(one, other))))
    return total.sqrt() if total >= ZERO else sum((abs(x) for _, x in risks), ZERO)


def same_bets(
    symbol: str, direction: int, held: Sequence[tuple[str, int]], correlations: Correlations, limit: float
) -> tuple[str, ...]:
    """Which of `held` (symbol, +1 long or -1 short) move with a position of this symbol and direction as if they were it.

    Long one and short another with a correlation of -0.9 are one bet too.
    """
    return tuple(
        other for other, sign in held if other != symbol and correlations.rho(symbol, other) * direction * sign >= limit
    )
