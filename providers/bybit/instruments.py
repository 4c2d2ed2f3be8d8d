"""Bybit v5 instruments: both shapes of `/v5/market/instruments-info` turned into our `Instrument`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Struct

from core.venue import Instrument


class PriceFilter(Struct):
    """Price grid; spot gives the tick alone."""

    tickSize: str
    minPrice: str = ""
    maxPrice: str = ""


class LotFilter(Struct):
    """Sizes: `qtyStep` is linear's, `basePrecision` spot's word for the lot."""

    minOrderQty: str = ""
    maxOrderQty: str = ""
    qtyStep: str = ""
    maxMktOrderQty: str = ""
    minNotionalValue: str = ""
    basePrecision: str = ""
    quotePrecision: str = ""
    minOrderAmt: str = ""
    maxOrderAmt: str = ""
    maxLimitOrderQty: str = ""
    maxMarketOrderQty: str = ""


class LeverageFilter(Struct):
    """Leverage of a perpetual."""

    minLeverage: str = ""
    maxLeverage: str = ""
    leverageStep: str = ""


class RiskParameters(Struct):
    """Limit-price collar around the mark (linear) or last price (spot), as fractions."""

    priceLimitRatioX: str = ""
    priceLimitRatioY: str = ""


class InstrumentRow(Struct):
    """One item of the list, spot or linear."""

    symbol: str
    status: str
    baseCoin: str
    quoteCoin: str
    priceFilter: PriceFilter
    lotSizeFilter: LotFilter
    contractType: str = ""
    settleCoin: str = ""
    isPreListing: bool = False
    launchTime: str = ""
    fundingInterval: int = 0
    leverageFilter: LeverageFilter = msgspec.field(default_factory=LeverageFilter)
    riskParameters: RiskParameters = msgspec.field(default_factory=RiskParameters)


rows = msgspec.json.Decoder(InstrumentRow)


def served(row: InstrumentRow, category: str) -> bool:
    """Spot: all. Linear: USDT perpetuals that are listed; no dated futures, no USDC contracts, no pre-listing."""
    if category == "spot":
        return True
    return row.contractType == "LinearPerpetual" and row.settleCoin == "USDT" and not row.isPreListing


def instrument(row: InstrumentRow, venue: str, category: str) -> Instrument:
    """Our instrument. Raises `ValueError` naming the symbol and the value when a rule cannot be read.

    The collar binds buys from above and sells from below; its outer bound is ratio Y.
    """
    lots = row.lotSizeFilter
    spot = category == "spot"
    tick = _decimal(row, row.priceFilter.tickSize)
    lot = _decimal(row, lots.basePrecision if spot else lots.qtyStep)
    if not tick or not lot:
        raise ValueError(f"instrument {row.symbol}: tick size {tick} and lot size {lot} must be above 0")
    collar = _decimal(row, row.riskParameters.priceLimitRatioY)
    min_qty = _decimal(row, lots.minOrderQty)
    return Instrument(
        venue=venue,
        category=category,
        symbol=row.symbol,
        base=row.baseCoin,
        quote=row.quoteCoin,
        status=row.status,
        trading=row.status == "Trading",
        tick_size=tick,
        min_price=_decimal(row, row.priceFilter.minPrice),
        max_price=_decimal(row, row.priceFilter.maxPrice),
        lot_size=lot,
        min_qty=min_qty,
        max_qty=_decimal(row, lots.maxLimitOrderQty or lots.maxOrderQty),
        market_lot_size=lot,
        market_min_qty=min_qty,
        market_max_qty=_decimal(row, lots.maxMarketOrderQty if spot else lots.maxMktOrderQty),
        min_notional=_decimal(row, lots.minOrderAmt if spot else lots.minNotionalValue),
        max_notional=_decimal(row, lots.maxOrderAmt),
        quote_precision=_decimal(row, lots.quotePrecision),
        bid_up_ratio=1 + collar if collar else Decimal(0),
        ask_down_ratio=1 - collar if collar else Decimal(0),
        order_types=("Limit", "Market"),
        min_leverage=_decimal(row, row.leverageFilter.minLeverage),
        max_leverage=_decimal(row, row.leverageFilter.maxLeverage),
        leverage_step=_decimal(row, row.leverageFilter.leverageStep),
        funding_interval_min=row.fundingInterval,
        settle=row.settleCoin,
        contract="spot" if spot else row.contractType,
        launched_ms=int(row.launchTime) if row.launchTime.isdecimal() else 0,
    )


def _decimal(row: InstrumentRow, text: str) -> Decimal:
    """A rule's number; the empty text is 0 (no rule)."""
    try:
        value = Decimal(text or 0)
    except InvalidOperation:
        raise ValueError(f"instrument {row.symbol}: rule value {text!r} is not a number") from None
    if not value.is_finite() or value < 0:
        raise ValueError(f"instrument {row.symbol}: rule value {text!r} is not a finite number at or above 0")
    return value
