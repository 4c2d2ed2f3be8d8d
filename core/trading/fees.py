"""Trading fees of one execution: the rate of maker or taker, the asset they are taken in, and their rounding."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct

from core.messages import Side
from core.trading.order import ZERO
from core.trading.working import floor_step
from core.venue import Instrument


class Fees(Struct, frozen=True, kw_only=True):
    """Rates as fractions of the value traded; a negative rate is a rebate.

    `charged_in`: "received" takes a spot fee from what the trade brings in (base on a buy, quote on a sell), as both venues do
    by default; "quote" always takes it in quote. Perpetuals pay in the settlement asset either way.
    """

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    charged_in: Literal["received", "quote"] = "received"

    def rate(self, maker: bool) -> Decimal:
        """The rate of one side of a trade."""
        return self.maker if maker else self.taker

    def in_base(self, instrument: Instrument, side: Side, maker: bool) -> bool:
        """Whether the fee is taken in base. Rebates are always paid in quote."""
        spot = instrument.category == "spot"
        return spot and side == "BUY" and self.charged_in == "received" and self.rate(maker) >= 0

    def of(
        self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal, maker: bool, step: Decimal
    ) -> tuple[Decimal, str]:
        """Fee and its asset, rounded to `step` (0: exact) against us and never above what the trade brings in.

        A fee that comes on top of a purchase is rounded down: what was locked for the order must cover all of its fills.
        """
        rate = self.rate(maker)
        if self.in_base(instrument, side, maker):
            return min(quantity, round_up(quantity * rate, step)), instrument.base
        value = price * quantity
        fee, asset = value * rate, settlement(instrument)
        if instrument.category != "spot":
            return round_up(fee, step), asset
        if side == "BUY" and fee > 0:
            return floor_step(fee, step), asset
        return min(value, round_up(fee, step)), asset


def settlement(instrument: Instrument) -> str:
    """The asset profit, margin and quote-side fees are in."""
    return instrument.quote if instrument.category == "spot" else instrument.settle or instrument.quote


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`; the value itself where `step` is 0."""
    return (value / step).to_integral_value(ROUND_CEILING) * step if step and value else value or ZERO
