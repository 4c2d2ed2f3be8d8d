"""exchangeInfo to `Instrument`: every filter of exchanges.md A4, exact decimals; and the venue's request limits."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

from core.venue import Instrument, Retryable
from providers.binance_us.wire import WIRE_ERRORS

ZERO = Decimal(0)


class Filter(Struct, frozen=True):
    """One filter: the union of all fields; 0 switches that part of the rule off."""

    filterType: str = ""
    minPrice: Decimal = ZERO
    maxPrice: Decimal = ZERO
    tickSize: Decimal = ZERO
    minQty: Decimal = ZERO
    maxQty: Decimal = ZERO
    stepSize: Decimal = ZERO
    minNotional: Decimal = ZERO
    maxNotional: Decimal = ZERO
    applyToMarket: bool = True
    applyMinToMarket: bool = True
    avgPriceMins: int = 0
    multiplierUp: Decimal = ZERO
    multiplierDown: Decimal = ZERO
    bidMultiplierUp: Decimal = ZERO
    bidMultiplierDown: Decimal = ZERO
    askMultiplierUp: Decimal = ZERO
    askMultiplierDown: Decimal = ZERO
    limit: int = 0
    maxNumOrders: int = 0
    maxNumAlgoOrders: int = 0
    maxNumIcebergOrders: int = 0
    maxNumOrderLists: int = 0
    maxPosition: Decimal = ZERO


NO_FILTER = Filter()


class SymbolInfo(Struct):
    """One entry of `symbols`."""

    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    quoteAssetPrecision: int = 8
    quotePrecision: int = 8
    orderTypes: tuple[str, ...] = ()
    icebergAllowed: bool = False
    ocoAllowed: bool = False
    filters: tuple[Filter, ...] = ()


class RateLimit(Struct):
    """One entry of `rateLimits`."""

    rateLimitType: str = ""
    interval: str = ""
    intervalNum: int = 0
    limit: int = 0


class ExchangeInfo(Struct):
    """`GET /exchangeInfo`; symbols are decoded one by one so that a strange one cannot spoil the rest."""

    symbols: list[Raw]
    rateLimits: list[RateLimit] = []


_decode_info = msgspec.json.Decoder(ExchangeInfo, strict=False).decode
_decode_symbol = msgspec.json.Decoder(SymbolInfo, strict=False).decode


class Listed(Struct, frozen=True):
    """What exchangeInfo told: instruments, weight per minute (0: not told), entries that could not be read."""

    instruments: tuple[Instrument, ...]
    weight_per_minute: int
    unreadable: int


def parse_exchange_info(body: bytes, venue: str, category: str) -> Listed:
    """Read a whole answer. Raises `Retryable` when it is not an exchangeInfo at all."""
    try:
        info = _decode_info(body)
    except WIRE_ERRORS as error:
        raise Retryable(f"{venue} exchangeInfo cannot be read: {error}") from error
    found: list[Instrument] = []
    unreadable = 0
    for raw in info.symbols:
        try:
            found.append(_instrument(_decode_symbol(raw), venue, category))
        except (*WIRE_ERRORS, ArithmeticError, ValueError):
            unreadable += 1
    weight = next(
        (
            limit.limit
            for limit in info.rateLimits
            if (limit.rateLimitType, limit.interval, limit.intervalNum) == ("REQUEST_WEIGHT", "MINUTE", 1)
        ),
        0,
    )
    return Listed(tuple(found), weight, unreadable)


def _instrument(info: SymbolInfo, venue: str, category: str) -> Instrument:
    rules = {rule.filterType: rule for rule in info.filters}

    def rule(*names: str) -> Filter:
        return next((rules[name] for name in names if name in rules), NO_FILTER)

    price, lot, market_lot = rule("PRICE_FILTER"), rule("LOT_SIZE"), rule("MARKET_LOT_SIZE")
    least, notional = rule("MIN_NOTIONAL"), rule("NOTIONAL")
    band, sides = rule("PERCENT_PRICE"), rule("PERCENT_PRICE_BY_SIDE")
    if price.tickSize < 0 or lot.stepSize <= 0:
        raise ValueError(f"{info.symbol}: tick size {price.tickSize}, step size {lot.stepSize}")
    return Instrument(
        venue=venue,
        category=category,
        symbol=info.symbol,
        base=info.baseAsset,
        quote=info.quoteAsset,
        status=info.status,
        trading=info.status == "TRADING",
        tick_size=price.tickSize,
        min_price=price.minPrice,
        max_price=price.maxPrice,
        lot_size=lot.stepSize,
        min_qty=lot.minQty,
        max_qty=lot.maxQty,
        market_lot_size=market_lot.stepSize,
        market_min_qty=market_lot.minQty,
        market_max_qty=market_lot.maxQty,
        min_notional=max(least.minNotional, notional.minNotional),
        max_notional=notional.maxNotional,
        notional_applies_to_market=least.applyToMarket if "MIN_NOTIONAL" in rules else notional.applyMinToMarket,
        quote_precision=Decimal(1).scaleb(-info.quotePrecision),
        price_up_ratio=band.multiplierUp,
        price_down_ratio=band.multiplierDown,
        bid_up_ratio=sides.bidMultiplierUp,
        bid_down_ratio=sides.bidMultiplierDown,
        ask_up_ratio=sides.askMultiplierUp,
        ask_down_ratio=sides.askMultiplierDown,
        average_price_minutes=next((r.avgPriceMins for r in info.filters if r.avgPriceMins), 0),
        max_orders=rule("MAX_NUM_ORDERS").maxNumOrders,
        max_algo_orders=rule("MAX_NUM_ALGO_ORDERS").maxNumAlgoOrders,
        max_iceberg_orders=rule("MAX_NUM_ICEBERG_ORDERS").maxNumIcebergOrders,
        iceberg_parts=rule("ICEBERG_PARTS").limit,
        max_order_lists=rule("MAX_NUM_ORDER_LISTS").maxNumOrderLists,
        max_position=rule("MAX_POSITION").maxPosition,
        order_types=info.orderTypes,
        oco_allowed=info.ocoAllowed,
    )
