"""Orders and fills as plain values, in the venue's own units: what the matching engine, the manager and the journal share.

Prices and quantities are `Decimal` on the venue's tick and lot. Times are Unix milliseconds UTC, by the venue's clock where
the venue tells them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import Side

OrderType = Literal[
    "LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
]  # fmt: skip
"""`STOP_LOSS` and `TAKE_PROFIT` become market orders when triggered, the `_LIMIT` forms limit orders at `price`."""
TimeInForce = Literal["GTC", "IOC", "FOK"]
OrderStatus = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "UNTRIGGERED"]
"""The venue's own view of an order. UNTRIGGERED: a stop or target that waits for its trigger."""
TriggerBy = Literal["LAST", "MARK"]

ZERO = Decimal(0)


class OrderSpec(Struct, frozen=True, kw_only=True):
    """An order as it will stand on the wire.

    `price` is the limit (0: none), `stop_price` the trigger (0: none). `quote_quantity` is what a market order may spend
    in the quote currency, in place of `quantity` (one of them is 0). `post_only` orders that would trade at once are
    rejected. `reduce_only` (perpetuals) never opens or flips. `take_profit` and `stop_loss` (0: none) are attached: they
    come to life with the fill and bind each other. `list_id` names the OCO an order belongs to.
    """

    client_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    time_in_force: TimeInForce = "GTC"
    post_only: bool = False
    reduce_only: bool = False
    trigger_by: TriggerBy = "LAST"
    take_profit: Decimal = ZERO
    stop_loss: Decimal = ZERO
    list_id: str = ""


class Fill(Struct, frozen=True, kw_only=True):
    """One execution. `cumulative` is the order's filled quantity after it; `fee` in `fee_asset`, negative is a rebate."""

    trade_id: str
    order_id: str
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    cumulative: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int


class OrderReport(Struct, frozen=True, kw_only=True):
    """What a venue says of an order: its state, and the fill that led to it if one did.

    `filled` and `filled_quote` are cumulative. `reject_code` and `reject_reason` are the venue's own words. `seq` rises
    with every report of one venue, so that a test can put them in order; 0 where the venue has none.
    """

    order_id: str
    spec: OrderSpec
    status: OrderStatus
    filled: Decimal
    filled_quote: Decimal
    at_ms: int
    fill: Fill | None = None
    reject_code: str = ""
    reject_reason: str = ""
    seq: int = 0
