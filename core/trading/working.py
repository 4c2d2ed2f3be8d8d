"""An order as the matching engine keeps it: what it asked for, what became of it, and where it stands in the queue."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, structs

from core.messages import Side
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec, OrderStatus

OPEN: frozenset[OrderStatus] = frozenset({"NEW", "PARTIALLY_FILLED", "UNTRIGGERED"})
TRIGGERED_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
LIMIT_TYPES = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


class Working(Struct, kw_only=True):
    """One accepted order. Mutable; only the matching engine changes it.

    `priority` rises with arrival: smaller is earlier in the queue. `ahead` is the outside quantity still in front of it at its
    price. `received` is the base bought net of fees taken in base; `exited` what attached legs
    have closed of it. `locked` is held of `lock_asset`. `pair` is the order
    id of the other leg of an OCO or of an attached take-profit/stop-loss pair; `parent` the entry such a pair protects.
    """

    order_id: str
    account: str
    spec: OrderSpec
    priority: int
    status: OrderStatus
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    received: Decimal = ZERO
    exited: Decimal = ZERO
    locked: Decimal = ZERO
    lock_asset: str = ""
    ahead: Decimal = ZERO
    pair: str = ""
    parent: str = ""
    accepted_ms: int = 0
    updated_ms: int = 0
    reject_code: str = ""
    reject_reason: str = ""

    @property
    def open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.status in OPEN

    @property
    def waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.status == "UNTRIGGERED"

    @property
    def limited(self) -> bool:
        """Whether it has a limit price once live."""
        return self.spec.type in LIMIT_TYPES

    @property
    def remaining(self) -> Decimal:
        """Unfilled quantity in base (0 for an order given in quote)."""
        return max(ZERO, self.spec.quantity - self.filled)

    def resize(self, quantity: Decimal) -> None:
        """Change the quantity asked for."""
        self.spec = structs.replace(self.spec, quantity=quantity)

    def report(self, seq: int, at_ms: int, fill: Fill | None = None) -> OrderReport:
        """What the venue says of it now."""
        return OrderReport(
            order_id=self.order_id, spec=self.spec, status=self.status, filled=self.filled,
            filled_quote=self.filled_quote, at_ms=at_ms, fill=fill, reject_code=self.reject_code,
            reject_reason=self.reject_reason, seq=seq,
        )  # fmt: skip


def opposite(side: Side) -> Side:
    """BUY for SELL and SELL for BUY."""
    return "SELL" if side == "BUY" else "BUY"


def rises_to_trigger(spec: OrderSpec) -> bool:
    """Whether a stop or target triggers when the price rises to its trigger (otherwise: falls to it)."""
    return (spec.side == "BUY") == spec.type.startswith("STOP_LOSS")


def floor_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value` (0 as step: the value itself)."""
    return value // step * step if step else value
