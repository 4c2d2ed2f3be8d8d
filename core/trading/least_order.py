"""The least order a venue takes, with room: what is left of it after fees, at its stop, can still be sold."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from core.venue import Instrument

ROOM = Decimal("1.3")
"""Times the venue's least notional: what is left after fees, at the stop, must still be sellable."""


def least_quantity(rule: Instrument, price: Decimal) -> Decimal:
    """The smallest quantity on the lot that is worth enough at the lowest `price` it may have to be sold at."""
    least = max(rule.min_notional * ROOM / price, rule.min_qty)
    return (least / rule.lot_size).to_integral_value(ROUND_CEILING) * rule.lot_size if rule.lot_size else least
