"""Linear perpetual positions: one-way mode, isolated margin, in the settlement asset.

Profit and loss, margin and liquidation price of one position as plain arithmetic. Liquidation price of an isolated position
(Binance's published form, which Bybit's agrees with): (margin + cum − side·Q·E) / (Q·MMR − side·Q), here with one bracket
(cum 0). The bankruptcy price is the same with MMR 0: there the margin is used up.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from core.messages import Side
from core.trading.order import ZERO

_STEP = Decimal(1).scaleb(-18)
"""Shares of a cost are kept to this; the rest stays with the position, so nothing is lost."""


class Position(Struct, kw_only=True):
    """One account's position in one symbol.

    `size` is signed base (negative: short); `cost` the signed value paid for it (size × entry price), kept instead of the entry
    price because it stays exact. `margin` is what the position can lose. `realised` excludes fees and funding, which
    are summed on their own (positive: paid).
    """

    leverage: Decimal = Decimal(1)
    size: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def entry(self) -> Decimal:
        """Average entry price, 0 when flat."""
        return self.cost / self.size if self.size else ZERO

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit if closed at `price`, before fees."""
        return self.size * price - self.cost

    def reducible(self, side: Side) -> Decimal:
        """How much an order of `side` can reduce the position by."""
        return max(ZERO, -self.size if side == "BUY" else self.size)

    def reduce(self, side: Side, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Close `quantity`, at most `reducible(side)`. Returns (profit, margin released)."""
        whole = self.reducible(side)
        if not 0 < quantity <= whole:
            raise ValueError(f"reducing by {quantity}: the position can be reduced by {whole}")
        signed = quantity if side == "BUY" else -quantity
        part = quantity / whole
        cost = self.cost if quantity == whole else (self.cost * part).quantize(_STEP, ROUND_HALF_EVEN)
        margin = self.margin if quantity == whole else (self.margin * part).quantize(_STEP, ROUND_HALF_EVEN)
        profit = -signed * price - cost
        self.size += signed
        self.cost -= cost
        self.margin -= margin
        self.realised += profit
        return profit, margin

    def open(self, side: Side, quantity: Decimal, price: Decimal, margin: Decimal) -> None:
        """Add `quantity` in the direction of `side` with `margin`. The position must be flat or already point there."""
        if self.reducible(side):
            raise ValueError(f"opening {side} against a position of {self.size}: reduce it first")
        signed = quantity if side == "BUY" else -quantity
        self.size += signed
        self.cost += signed * price
        self.margin += margin

    def liquidation_price(self, maintenance: Decimal) -> Decimal:
        """Mark price at which the venue takes the position over; 0 when flat or when no price above 0 would do it."""
        if not self.size:
            return ZERO
        return max(ZERO, (self.margin - self.cost) / (abs(self.size) * maintenance - self.size))

    def bankruptcy_price(self) -> Decimal:
        """Price at which the margin is used up."""
        return self.liquidation_price(ZERO)

    def liquidated_at(self, mark: Decimal, maintenance: Decimal) -> bool:
        """Whether margin and unrealised result no longer cover the maintenance margin at this mark price.

        The same inequality as `liquidation_price`, without a division.
        """
        return bool(self.size) and self.margin + self.unrealised(mark) <= abs(self.size) * mark * maintenance


def initial_margin(quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
    """Margin an opening trade needs: its value over the leverage, rounded up."""
    return (quantity * price / leverage).quantize(_STEP, "ROUND_CEILING")
