"""The least order a venue takes, with room: what is left of it after fees, at its stop, can still be sold."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from core.venue import Instrument

ROOM = Decimal("1.3")
"""Times the venue's least notional: so much is bought at least."""
ROOM_LEFT = Decimal("1.1")
"""Times the venue's least notional: so much is left at least, for the limit of a stop lies below it."""
FEE_MOST = Decimal("0.01")
"""On spot the fee may be taken of what was bought: no venue takes more."""


def least_quantity(rule: Instrument, price: Decimal) -> Decimal:
    """The smallest quantity on the lot that is worth enough at the lowest `price` it may have to be sold at, at the market too."""
    lot, smallest = max(rule.lot_size, rule.market_lot_size), max(rule.min_qty, rule.market_min_qty)
    least = max(rule.min_notional * ROOM / price, smallest)
    if rule.category == "spot":  # cut down to the lot, what the fee leaves may be a whole lot less
        left = _on_lot(max(rule.min_notional * ROOM_LEFT / price, smallest), lot)
        least = max(least, left / (1 - FEE_MOST))
    return _on_lot(least, lot)


def _on_lot(quantity: Decimal, lot: Decimal) -> Decimal:
    return (quantity / lot).to_integral_value(ROUND_CEILING) * lot if lot else quantity
