"""What a venue checks of an order before its matching engine sees it: parameters, and the instrument's filters.

Pure functions of an order, its instrument and a few facts; the answer is None or the venue's own refusal. The order of checks is
fixed: parameters, price, quantity, value, price band, counts.
"""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec import Struct

from core.trading.conventions import Conventions, RefusalKey
from core.trading.order import ZERO, OrderSpec
from core.trading.working import LIMIT_TYPES, TRIGGERED_TYPES
from core.venue import Instrument

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{0,36}")


class MarketFacts(Struct, frozen=True, kw_only=True):
    """Prices the filters refer to (0: not known): the venue's average, the last trade, the mark."""

    average: Decimal = ZERO
    last: Decimal = ZERO
    mark: Decimal = ZERO


class AccountFacts(Struct, frozen=True, kw_only=True):
    """What the account has in this symbol: open orders, those waiting for a trigger, pairs, base held and base on order."""

    orders: int = 0
    waiting: int = 0
    pairs: int = 0
    base_held: Decimal = ZERO
    base_buying: Decimal = ZERO


def check(
    spec: OrderSpec, instrument: Instrument, conventions: Conventions, market: MarketFacts, account: AccountFacts
) -> RefusalKey | None:
    """The first rule the order breaks, or None."""
    if not instrument.trading:
        return "CLOSED"
    return (
        parameters(spec, instrument, conventions)
        or price_rules(spec, instrument)
        or quantity_rules(spec, instrument)
        or value_rules(spec, instrument, market)
        or band_rules(spec, instrument, market)
        or count_rules(spec, instrument, account)
    )


def parameters(spec: OrderSpec, instrument: Instrument, conventions: Conventions) -> RefusalKey | None:
    """Whether the parameters belong together and the venue knows them."""
    limited, triggered = spec.type in LIMIT_TYPES, spec.type in TRIGGERED_TYPES
    spot = instrument.category == "spot"
    amounts = (spec.quantity, spec.quote_quantity, spec.price, spec.stop_price, spec.take_profit, spec.stop_loss)
    if not _CLIENT_ID.fullmatch(spec.client_id):
        return "CLIENT_ID"
    if any(not amount.is_finite() or amount < 0 for amount in amounts):
        return "PARAMETER"
    if conventions.types_listed and instrument.order_types and _listed_type(spec) not in instrument.order_types:
        return "ORDER_TYPE"
    wrong = (
        bool(spec.quantity) == bool(spec.quote_quantity),
        bool(spec.quote_quantity) and (spec.type != "MARKET" or not spot),
        limited != bool(spec.price),
        triggered != bool(spec.stop_price),
        spec.post_only and (spec.type != "LIMIT" or spec.time_in_force != "GTC"),
        not limited and spec.time_in_force == "FOK",
        spot and (spec.reduce_only or spec.trigger_by == "MARK"),
    )
    if any(wrong):
        return "PARAMETER"
    if spec.take_profit or spec.stop_loss:
        return _attached(spec, conventions, spot)
    return None


def _attached(spec: OrderSpec, conventions: Conventions, spot: bool) -> RefusalKey | None:
    if not conventions.attached:
        return "PARAMETER"
    if spec.reduce_only or (spot and spec.type != "LIMIT"):
        return "ATTACHED"
    low, high = (spec.stop_loss, spec.take_profit) if spec.side == "BUY" else (spec.take_profit, spec.stop_loss)
    if (low and high and low >= high) or (spec.price and (low >= spec.price or (high and high <= spec.price))):
        return "ATTACHED"
    return None


def price_rules(spec: OrderSpec, instrument: Instrument) -> RefusalKey | None:
    """Every price on the tick and within the instrument's range."""
    for price in filter(None, (spec.price, spec.stop_price, spec.take_profit, spec.stop_loss)):
        off = instrument.tick_size and price % instrument.tick_size
        if off or price < instrument.min_price or (instrument.max_price and price > instrument.max_price):
            return "PRICE_FILTER"
    return None


def quantity_rules(spec: OrderSpec, instrument: Instrument) -> RefusalKey | None:
    """Quantity on the lot and within its range; market orders keep the market lot too."""
    if spec.quote_quantity:
        step = instrument.quote_precision
        return "LOT_SIZE" if step and spec.quote_quantity % step else None
    quantity = spec.quantity
    if quantity % instrument.lot_size:
        return "LOT_SIZE"
    if quantity < instrument.min_qty:
        return "QUANTITY_LOW"
    if instrument.max_qty and quantity > instrument.max_qty:
        return "QUANTITY_HIGH"
    if spec.type == "MARKET":
        if instrument.market_lot_size and quantity % instrument.market_lot_size:
            return "MARKET_LOT_SIZE"
        below = quantity < instrument.market_min_qty
        if below or (instrument.market_max_qty and quantity > instrument.market_max_qty):
            return "MARKET_LOT_SIZE"
    return None


def value_rules(spec: OrderSpec, instrument: Instrument, market: MarketFacts) -> RefusalKey | None:
    """Value within the notional filters; market orders are valued at the average price. Reducing orders are exempt."""
    price = spec.price or spec.stop_price or market.average
    value = spec.quote_quantity or price * spec.quantity
    if spec.type == "MARKET" and not (instrument.notional_applies_to_market and (price or spec.quote_quantity)):
        return None
    if spec.reduce_only:
        return None
    if value < instrument.min_notional:
        return "MIN_NOTIONAL"
    if instrument.max_notional and value > instrument.max_notional:
        return "MAX_NOTIONAL"
    return None


def band_rules(spec: OrderSpec, instrument: Instrument, market: MarketFacts) -> RefusalKey | None:
    """The limit price within the percent-price band: of the average on spot, of the mark price on perpetuals."""
    reference = market.mark if instrument.category != "spot" and market.mark else market.average or market.last
    if not spec.price or not reference:
        return None
    buy = spec.side == "BUY"
    up = (instrument.bid_up_ratio if buy else instrument.ask_up_ratio) or instrument.price_up_ratio
    down = (instrument.bid_down_ratio if buy else instrument.ask_down_ratio) or instrument.price_down_ratio
    if up and spec.price > reference * up:
        return "PRICE_HIGH"
    if down and spec.price < reference * down:
        return "PRICE_LOW"
    return None


def count_rules(spec: OrderSpec, instrument: Instrument, account: AccountFacts) -> RefusalKey | None:
    """Open orders of the account in the symbol, and the base it may come to hold."""
    if instrument.max_orders and account.orders >= instrument.max_orders:
        return "MAX_NUM_ORDERS"
    if spec.type in TRIGGERED_TYPES and instrument.max_algo_orders and account.waiting >= instrument.max_algo_orders:
        return "MAX_NUM_ALGO_ORDERS"
    buying = spec.quantity if spec.side == "BUY" else ZERO
    would = account.base_held + account.base_buying + buying
    if buying and instrument.max_position and would > instrument.max_position:
        return "MAX_POSITION"
    return None


def _listed_type(spec: OrderSpec) -> str:
    return "LIMIT_MAKER" if spec.type == "LIMIT" and spec.post_only else spec.type
