"""How each venue behaves around an order: its rejection codes and words, and the rules in which the venues differ.

Three literal tables: Binance.US spot, Bybit spot, Bybit linear. The matching engine names a refusal by a key; the table gives
the code and the words. Codes are the venues' documented ones; Bybit promises no exact words, so match on the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.trading.order import OrderStatus
from core.venue import Instrument

RefusalKey = Literal[
    "SYMBOL", "CLOSED", "PARAMETER", "CLIENT_ID", "DUPLICATE", "ORDER_TYPE",
    "PRICE_FILTER", "PRICE_HIGH", "PRICE_LOW", "LOT_SIZE", "QUANTITY_LOW", "QUANTITY_HIGH", "MARKET_LOT_SIZE",
    "MIN_NOTIONAL", "MAX_NOTIONAL", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_LISTS", "MAX_POSITION",
    "BALANCE", "POST_ONLY", "TRIGGER_RISE", "TRIGGER_FALL", "PRICE_RELATION", "REDUCE_ONLY", "ATTACHED",
    "UNKNOWN_ORDER", "AMEND", "REPLACE", "LEVERAGE",
]  # fmt: skip
"""TRIGGER_RISE: the trigger must lie above the market and does not; TRIGGER_FALL: below."""


class Refusal(Struct, frozen=True):
    """Why a venue refuses, by its own code and words."""

    code: str
    reason: str


class Conventions(Struct, frozen=True, kw_only=True):
    """What the matching engine must know of a venue's category.

    `ids_forever`: a client id is never accepted twice; otherwise only while an order with it is open.
    `unfilled`: the status of what IOC, FOK and market orders leave unfilled, and of the losing leg of a pair.
    `post_only_recorded`: a post-only order that would take becomes an order that is cancelled at once, not a refused
    request. `market_cap`: how far from the best price a market order may fill, as a ratio (0: no bound). `oco`, `amend`,
    `replace`, `attached`: what the venue offers. `types_listed`: instruments name the order types they take.
    `quote_dust`: a market order given in quote that leaves less than a lot's worth unspent counts as not wholly filled.
    `fee_step`: fees are rounded up to it (0: exact); the venues document no direction, up is worse for us.
    """

    codes: Mapping[RefusalKey, Refusal]
    ids_forever: bool
    unfilled: OrderStatus
    unfilled_reason: str
    post_only_recorded: bool
    market_cap: Decimal = Decimal(0)
    fee_step: Decimal = Decimal(0)
    oco: bool = False
    amend: bool = False
    replace: bool = False
    attached: bool = False
    types_listed: bool = False
    quote_dust: bool = False

    def refusal(self, key: RefusalKey) -> Refusal:
        """The venue's code and words for `key`; its parameter error where it has no own code."""
        return self.codes.get(key) or self.codes["PARAMETER"]


def _filter(name: str) -> Refusal:
    return Refusal("-1013", f"Filter failure: {name}")


BINANCE_US_SPOT = Conventions(
    codes={
        "SYMBOL": Refusal("-1121", "Invalid symbol."),
        "CLOSED": Refusal("-2010", "Market is closed."),
        "PARAMETER": Refusal("-1106", "Parameter sent when not required."),
        "CLIENT_ID": Refusal("-1100", "Illegal characters found in parameter 'newClientOrderId'."),
        "DUPLICATE": Refusal("-2010", "Duplicate order sent."),
        "ORDER_TYPE": Refusal("-1116", "Invalid orderType."),
        "PRICE_FILTER": _filter("PRICE_FILTER"),
        "PRICE_HIGH": _filter("PERCENT_PRICE"),
        "PRICE_LOW": _filter("PERCENT_PRICE"),
        "LOT_SIZE": _filter("LOT_SIZE"),
        "QUANTITY_LOW": _filter("LOT_SIZE"),
        "QUANTITY_HIGH": _filter("LOT_SIZE"),
        "MARKET_LOT_SIZE": _filter("MARKET_LOT_SIZE"),
        "MIN_NOTIONAL": _filter("MIN_NOTIONAL"),
        "MAX_NOTIONAL": _filter("NOTIONAL"),
        "MAX_NUM_ORDERS": _filter("MAX_NUM_ORDERS"),
        "MAX_NUM_ALGO_ORDERS": _filter("MAX_NUM_ALGO_ORDERS"),
        "MAX_NUM_ORDER_LISTS": _filter("MAX_NUM_ORDER_LISTS"),
        "MAX_POSITION": _filter("MAX_POSITION"),
        "BALANCE": Refusal("-2010", "Account has insufficient balance for requested action."),
        "POST_ONLY": Refusal("-2010", "Order would immediately match and take."),
        "TRIGGER_RISE": Refusal("-2010", "Order would trigger immediately."),
        "TRIGGER_FALL": Refusal("-2010", "Order would trigger immediately."),
        "PRICE_RELATION": Refusal("-2010", "The relationship of the prices for the orders is not correct."),
        "UNKNOWN_ORDER": Refusal("-2011", "Unknown order sent."),
        "AMEND": Refusal("-1020", "This operation is not supported."),
        "REPLACE": Refusal("-2022", "Order cancel-replace failed."),
    },
    ids_forever=False,
    unfilled="EXPIRED",
    unfilled_reason="",
    post_only_recorded=False,
    fee_step=Decimal("0.00000001"),
    oco=True,
    replace=True,
    types_listed=True,
)

_BYBIT = Conventions(
    codes={},
    ids_forever=True,
    unfilled="CANCELED",
    unfilled_reason="EC_CancelForNoFullFill",
    post_only_recorded=True,
    market_cap=Decimal("0.05"),
    amend=True,
    attached=True,
    quote_dust=True,
)

BYBIT_SPOT = Conventions(
    **{name: getattr(_BYBIT, name) for name in _BYBIT.__struct_fields__ if name != "codes"},
    codes={
        "SYMBOL": Refusal("170121", "Invalid symbol."),
        "CLOSED": Refusal("170151", "This trading pair is not open yet."),
        "PARAMETER": Refusal("10001", "Request parameter error."),
        "DUPLICATE": Refusal("170141", "Duplicate clientOrderId"),
        "PRICE_FILTER": Refusal("170134", "Order price decimal too long."),
        "PRICE_HIGH": Refusal("170132", "Order price is too high."),
        "PRICE_LOW": Refusal("170133", "Order price is too low."),
        "LOT_SIZE": Refusal("170137", "Order volume decimal too long."),
        "MARKET_LOT_SIZE": Refusal("170137", "Order volume decimal too long."),
        "QUANTITY_LOW": Refusal("170136", "Order quantity below the minimum."),
        "QUANTITY_HIGH": Refusal("170124", "Order quantity too large."),
        "MIN_NOTIONAL": Refusal("170140", "Order value below the lower limit."),
        "MAX_NOTIONAL": Refusal("170124", "Order value too large."),
        "MAX_NUM_ORDERS": Refusal("170810", "Too many open orders."),
        "MAX_NUM_ALGO_ORDERS": Refusal("170810", "Too many open conditional orders."),
        "BALANCE": Refusal("170131", "Insufficient balance."),
        "POST_ONLY": Refusal("EC_PostOnlyWillTakeLiquidity", "EC_PostOnlyWillTakeLiquidity"),
        "TRIGGER_RISE": Refusal("170203", "Trigger price must be above the last price."),
        "TRIGGER_FALL": Refusal("170204", "Trigger price must be below the last price."),
        "UNKNOWN_ORDER": Refusal("170213", "Order does not exist."),
    },
)

BYBIT_LINEAR = Conventions(
    **{name: getattr(_BYBIT, name) for name in _BYBIT.__struct_fields__ if name != "codes"},
    codes={
        "SYMBOL": Refusal("10029", "Symbol is invalid."),
        "CLOSED": Refusal("110074", "Contract is not live."),
        "PARAMETER": Refusal("10001", "Request parameter error."),
        "DUPLICATE": Refusal("110072", "OrderLinkedID is duplicate"),
        "PRICE_HIGH": Refusal("110003", "Order price exceeds the allowable range."),
        "PRICE_LOW": Refusal("110003", "Order price exceeds the allowable range."),
        "MIN_NOTIONAL": Refusal("110094", "Order does not meet minimum order value."),
        "MAX_NUM_ORDERS": Refusal("110020", "Too many active orders."),
        "MAX_NUM_ALGO_ORDERS": Refusal("110009", "Too many stop orders."),
        "BALANCE": Refusal("110007", "Available balance is not enough for the new order."),
        "POST_ONLY": Refusal("EC_PostOnlyWillTakeLiquidity", "EC_PostOnlyWillTakeLiquidity"),
        "TRIGGER_RISE": Refusal("110092", "Rising trigger price expected."),
        "TRIGGER_FALL": Refusal("110093", "Falling trigger price expected."),
        "REDUCE_ONLY": Refusal("110017", "Reduce-only rule not satisfied."),
        "ATTACHED": Refusal("110057", "Take profit or stop loss is invalid."),
        "UNKNOWN_ORDER": Refusal("110001", "Order does not exist."),
        "LEVERAGE": Refusal("110013", "Leverage not allowed by the risk limit."),
    },
)

VENUES: dict[tuple[str, str], Conventions] = {
    ("binance_us", "spot"): BINANCE_US_SPOT,
    ("bybit", "spot"): BYBIT_SPOT,
    ("bybit", "linear"): BYBIT_LINEAR,
}


def conventions_of(instrument: Instrument) -> Conventions:
    """The conventions of the instrument's venue and category. Raises `ValueError` for one that has no table."""
    try:
        return VENUES[instrument.venue, instrument.category]
    except KeyError:
        known = ", ".join(f"{venue}.{category}" for venue, category in VENUES)
        raise ValueError(f"no order rules for {instrument.key}; known are {known}") from None
