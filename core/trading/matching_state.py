"""Everything the matching engine knows, as plain values: what `snapshot` hands out and `restore` takes back."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct, field

from core.trading.balances import Ledger
from core.trading.market_side import LevelBook
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.positions_linear import Position
from core.trading.working import Working


class Submit(Struct, frozen=True, tag=True, kw_only=True):
    """Place an order."""

    account: str
    spec: OrderSpec


class SubmitPair(Struct, frozen=True, tag=True, kw_only=True):
    """Place an OCO."""

    account: str
    first: OrderSpec
    second: OrderSpec


class Cancel(Struct, frozen=True, tag=True, kw_only=True):
    """Cancel one order."""

    account: str
    order_id: str = ""
    client_id: str = ""


class CancelAll(Struct, frozen=True, tag=True, kw_only=True):
    """Cancel every open order of the account, or of one symbol of it."""

    account: str
    symbol: str = ""


class Amend(Struct, frozen=True, tag=True, kw_only=True):
    """Change an order in place; None leaves a value as it is."""

    account: str
    order_id: str = ""
    client_id: str = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    stop_price: Decimal | None = None


class Replace(Struct, frozen=True, tag=True, kw_only=True):
    """Cancel one order and place another with nothing in between. `stop_on_failure`: no new order unless the cancel worked."""

    account: str
    spec: OrderSpec
    order_id: str = ""
    client_id: str = ""
    stop_on_failure: bool = True


Request: TypeAlias = Submit | SubmitPair | Cancel | CancelAll | Amend | Replace


class Pending(Struct, frozen=True, kw_only=True):
    """A request on its way to the venue."""

    due_ms: int
    number: int
    request: Request


class State(Struct, kw_only=True):
    """The engine's whole memory. `client_ids` maps account -> client id -> the newest order with it; `outbox` holds the
    reports not yet handed out.
    """

    ledger: Ledger = field(default_factory=Ledger)
    books: dict[str, LevelBook] = field(default_factory=dict)
    orders: dict[str, Working] = field(default_factory=dict)
    client_ids: dict[str, dict[str, str]] = field(default_factory=dict)
    positions: dict[str, dict[str, Position]] = field(default_factory=dict)
    fills: dict[str, list[Fill]] = field(default_factory=dict)
    outbox: list[OrderReport] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    last_due_ms: dict[str, int] = field(default_factory=dict)
    now_ms: int = 0
    seq: int = 0
    next_order: int = 1
    next_trade: int = 1
    next_priority: int = 1
    next_request: int = 1

    def book(self, symbol: str) -> LevelBook:
        """The outside book of a symbol, empty at first sight."""
        return self.books.setdefault(symbol, LevelBook())

    def position(self, account: str, symbol: str) -> Position:
        """The account's position, flat at first sight."""
        return self.positions.setdefault(account, {}).setdefault(symbol, Position())
