"""What a trade costs besides its own result (methods sheet 7.4 and 9)."""

from __future__ import annotations

import math

from msgspec import Struct

SLIPPAGE_FLOOR = 0.5e-4
SLIPPAGE_IMPACT = 0.1


class Costs(Struct, frozen=True, kw_only=True):
    """Costs as fractions of the notional traded: fees of the way in and out, half the spread and slippage on each side.

    `funding` is what is expected to accrue over the holding time, on the entry's notional. Fees scale with notional, so
    at a near stop they are a large part of the risk.
    """

    fee_in: float
    fee_out: float
    half_spread: float = 0.0
    slippage: float = 0.0
    funding: float = 0.0

    @property
    def entry(self) -> float:
        """Fraction of the notional lost on the way in, funding included."""
        return self.fee_in + self.half_spread + self.slippage + self.funding

    @property
    def exit(self) -> float:
        """Fraction of the notional lost on the way out."""
        return self.fee_out + self.half_spread + self.slippage

    @property
    def round_trip(self) -> float:
        """Fraction of the notional lost on the way in and out."""
        return self.entry + self.exit


FREE = Costs(fee_in=0.0, fee_out=0.0)


def slippage(quantity: float, minute_volume: float, minute_sigma: float) -> float:
    """Default slippage as a fraction: max(0.5 bp, 0.1 sigma sqrt(Q / V)), the square-root impact law.

    `quantity` and `minute_volume` in the same unit, `minute_sigma` the deviation of one-minute log returns. Without a
    volume or a deviation the floor.
    """
    if not (minute_volume > 0.0 and minute_sigma >= 0.0 and quantity >= 0.0):
        return SLIPPAGE_FLOOR
    return max(SLIPPAGE_FLOOR, SLIPPAGE_IMPACT * minute_sigma * math.sqrt(quantity / minute_volume))
