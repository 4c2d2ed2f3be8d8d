"""A trade as it was meant: entry, stop, targets and the rules of its life. Plain data; `trade_desk.py` carries it out."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from core.messages import Side
from core.trading.order import ZERO, Fill


class Target(Struct, frozen=True):
    """Take `share` of the position (of what was filled in all) at `price`."""

    price: Decimal
    share: Decimal


class TradePlan(Struct, frozen=True, kw_only=True, tag="plan"):
    """A record of the journal: it survives a restart.

    `trade_id` is the client id of the entry. `quantity` in base, on the lot. `entry` is the limit price, 0 for a market
    order. `stop` is the first protective stop. `targets` go away from the entry; what their shares leave of 1 trails
    behind. `atr` is ATR22 of the decision timeframe in price (0: no trailing). `time_stop_ms`: closed this long after the
    first fill (0: never). `round_trip_cost` per unit, in price, for the break-even stop. `reasons` say why it was opened.
    `probability` and `net_ratio` are what the gates judged. `account_mode`: PAPER or LIVE.
    """

    at_ms: int
    trade_id: str
    symbol: str
    side: Side
    quantity: Decimal
    entry: Decimal
    stop: Decimal
    targets: tuple[Target, ...] = ()
    atr: Decimal = ZERO
    time_stop_ms: int = 0
    round_trip_cost: Decimal = ZERO
    probability: float = 0.0
    net_ratio: float = 0.0
    reasons: tuple[str, ...] = ()
    by: str = "operator"


class StopMoved(Struct, frozen=True, kw_only=True, tag="stop_moved"):
    """The plan's stop is another one from now on: `why` is BREAK_EVEN, TRAIL, OPERATOR, REVERTED (the venue refused the move).

    A record of the journal, written before anything is sent.
    """

    at_ms: int
    trade_id: str
    stop: Decimal
    why: str


class TradeEnded(Struct, frozen=True, kw_only=True, tag="trade_ended"):
    """The position is closed (or dust). A record of the journal. `result` is net of fees and funding, in quote.

    `fees` in quote, None where an older program wrote it: they then follow from the fills and the venue's list.
    """

    at_ms: int
    trade_id: str
    result: Decimal
    r_multiple: float
    why: str
    dust: Decimal = ZERO
    fees: Decimal | None = None


class OutsideFill(Struct, frozen=True, kw_only=True, tag="outside_fill"):
    """Our position was reduced by an order that is none of ours: a liquidation, a trade on the website. A record of the
    journal.
    """

    at_ms: int
    trade_id: str
    fill: Fill
    why: str


class FundingPaid(Struct, frozen=True, kw_only=True, tag="funding_paid"):
    """Funding of a perpetual position: `amount` in quote, positive is paid by us. A record of the journal."""

    at_ms: int
    trade_id: str
    amount: Decimal
