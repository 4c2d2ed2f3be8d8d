"""What a trade costs besides its own result (methods sheet 7.4 and 9)."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from core.settings_screening import Screening
from core.venue import CandleBlock

SLIPPAGE_FLOOR = 0.5e-4
SLIPPAGE_IMPACT = 0.1
IMPACT_BARS = 60
"""One-minute bars behind the volume and the deviation that slippage is reckoned from."""


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


def fee_of(category: str, settings: Screening) -> float:
    """Taker fee per side as a fraction: of spot, or of perpetuals for every other category."""
    percent = settings.spot_fee_percent if category == "spot" else settings.linear_fee_percent
    return percent / 100.0


def shorts_allowed(category: str, settings: Screening) -> bool:
    """Whether SELL may be recommended; `auto`: where the market can be sold short, which spot cannot."""
    return settings.shorts == "on" or (settings.shorts == "auto" and category != "spot")


def trade_costs(
    minutes: CandleBlock, price: float, spread: float, tick: float, *, fee: float, notional: float
) -> Costs:
    """What a trade of this notional at this price would cost now.

    `spread` is a share of the price; one that is not known, or narrower than the tick, counts as one tick. Slippage is
    reckoned from the last hour of one-minute bars.
    """
    least = tick / price if price > 0.0 else math.nan
    wide = max((share for share in (spread, least) if share > 0.0), default=0.0)
    recent = minutes[-IMPACT_BARS - 1 :]
    closes, volume = recent[:, 4], recent[1:, 5]
    sigma = mean = math.nan
    if len(recent) > IMPACT_BARS and (closes > 0.0).all() and np.isfinite(closes).all() and np.isfinite(volume).all():
        sigma, mean = float(np.std(np.diff(np.log(closes)))), float(volume.mean())
    return Costs(
        fee_in=fee,
        fee_out=fee,
        half_spread=0.5 * wide,
        slippage=slippage(notional / price if price > 0.0 else math.nan, mean, sigma),
    )
