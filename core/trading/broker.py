"""What the order manager expects of a venue, real or simulated: send, cancel, ask, and listen.

A broker serves one account of one venue and category. It keeps no order and decides nothing: it turns specs into requests
and answers into plain values. Three things may happen to a request, and the caller must be able to tell them apart: it was
taken (a value), it was refused for certain (`Rejected`), or nobody knows (`NoAnswer`). In doubt it is `NoAnswer`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from core.messages import HostKind
from core.trading.authority import Permit
from core.trading.evidence import CancelOutcome, Unknown
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.venue import VenueError

Mode = Literal["PAPER", "LIVE"]
StreamState = Literal["UP", "DOWN"]


class NoAnswer(VenueError):
    """The request may or may not have been carried out: timeout, lost connection, 5xx, an answer that cannot be read.

    Raised for a request that changes something, once its first byte may have left. Never resent by a broker.
    """

    def __init__(self, why: Unknown, message: str) -> None:
        super().__init__(message)
        self.why = why


class NotSent(VenueError):
    """Given up before a byte left: banned, no budget, no connection. For certain not carried out. `code` is stable."""

    def __init__(self, message: str, code: str, retry_in_s: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_in_s = retry_in_s


NOT_NOW = frozenset(
    {"BANNED", "RATE_BUDGET", "NO_CONNECTION", "CLOCK", "NOT_AUTHORISED", "403", "418", "429", "-1003", "-1015"}
    | {"-1021", "10002", "10006", "10018", "10429", "170005", "170222"}
    | {"NOT_AMENDABLE", "NOT_REPLACEABLE", "OLD_OVER", "JOURNAL", "VIEW_FAILED"}
)
"""Codes of refusals that say nothing of the order itself: it was not sent, or too late, or met a limit, a ban, a clock, a
journal that could not be written, or what it was to change has changed meanwhile."""


class Features(Struct, frozen=True, kw_only=True):
    """What the venue's category can do for a position. The rest the program does itself, and says so on the screen.

    `oco`: a target and a stop that bind each other. `replace`: cancel one order and place another in one request (can half
    succeed). `amend`: change price, trigger and quantity of a resting order in place. `stop_market`: stops become market
    orders (else stop-limit orders). `mark_trigger`: stops can trigger on the mark price. `perpetual`: positions, margin,
    reduce-only; else spot. `locks_stop`: a resting stop locks the coins it would sell, so that only one order can protect them.
    """

    oco: bool = False
    replace: bool = False
    amend: bool = False
    stop_market: bool = False
    mark_trigger: bool = False
    perpetual: bool = False
    locks_stop: bool = False


class OrderKey(Struct, frozen=True, kw_only=True):
    """How to name an order to its venue. `conditional`: it waits for a trigger (Bybit spot asks for it by another filter)."""

    symbol: str
    client_id: str
    order_id: str = ""
    list_id: str = ""
    conditional: bool = False


class Placed(Struct, frozen=True, kw_only=True):
    """The venue took the order. `reports` are what its answer already tells of it, oldest first; often none."""

    order_id: str = ""
    reports: tuple[OrderReport, ...] = ()


class Cancelled(Struct, frozen=True, kw_only=True):
    """The answer to a cancel or amend: never proof of an end. `code` and `text` are the venue's words."""

    outcome: CancelOutcome
    code: str = ""
    text: str = ""
    reports: tuple[OrderReport, ...] = ()


class Replaced(Struct, frozen=True, kw_only=True):
    """The answer to cancel-and-replace, which can half succeed. `placed` None: the new order was refused (`code`, `text`)."""

    cancelled: Cancelled
    placed: Placed | None
    code: str = ""
    text: str = ""


class Trades(Struct, frozen=True, kw_only=True):
    """Our executions of one symbol, oldest first, from `since_ms` on. `complete`: none is missing between."""

    since_ms: int
    fills: tuple[Fill, ...]
    complete: bool


class VenueBalance(Struct, frozen=True):
    """What is owned of an asset: `free` may be used, `locked` is held by open orders."""

    free: Decimal
    locked: Decimal = ZERO


class VenuePosition(Struct, frozen=True, kw_only=True):
    """A perpetual position as the venue tells it. `size` is signed base; 0: flat. Prices 0: not told."""

    symbol: str
    size: Decimal
    entry_price: Decimal = ZERO
    mark_price: Decimal = ZERO
    liquidation_price: Decimal = ZERO
    leverage: Decimal = ZERO
    margin: Decimal = ZERO
    margin_mode: Literal["isolated", "cross"] | None = None
    position_mode: Literal["one-way", "hedge"] | None = None


class AccountSnapshot(Struct, frozen=True, kw_only=True):
    """The account as read at `at_ms` (our clock; asked no later than that).

    `positions`: every perpetual position that is not flat, and the settings of symbols that are, where the venue tells.
    `may_withdraw` None: the venue does not say. Fee rates None: not told.
    """

    at_ms: int
    balances: dict[str, VenueBalance]
    positions: tuple[VenuePosition, ...] = ()
    may_trade: bool = True
    may_withdraw: bool | None = None
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None


class Spent(Struct, frozen=True, kw_only=True):
    """The rate budget: share of the tightest limit that is used, and until when (Unix ms) nothing may be sent; 0: free.

    After a plain 429 what protects a position may still be sent: `silent_until_ms` is until when not even that may.
    """

    used: float
    banned_until_ms: int = 0
    silent_until_ms: int = 0


@runtime_checkable
class TellsFunding(Protocol):
    """A broker of perpetuals that tells what positions pay."""

    on_funding: Callable[[str, Decimal], None]
    """Hears each payment once: symbol and amount in the settlement asset (negative: received)."""


class BrokerListener(Protocol):
    """Who hears the private stream. Called on the loop, in the order things arrived; must not raise."""

    def on_report(self, report: OrderReport) -> None:
        """An order changed, ours or foreign."""

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        """Some balances or positions changed: absolute values of those alone."""

    def on_stream(self, state: StreamState, why: str) -> None:
        """UP: connected and subscribed, reports flow from now on; what happened before must be asked for. DOWN: they do not."""


class Broker(Protocol):
    """One account. Requests may run side by side; each is sent at most once."""

    venue: str
    category: str
    account: str
    """A stable name of the account without any secret in it: it names the journal's folder and the lock."""
    mode: Mode
    host: str
    host_kind: HostKind
    features: Features

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        """Send one order. `safety`: a stop or a close, which may use the reserve of the rate budget.

        Raises `NotAuthorised` unless `permit` was made for exactly this spec and is fresh; `Rejected`, `NotSent`, `NoAnswer`.
        """

    async def place_pair(
        self, permits: tuple[Permit, Permit], target: OrderSpec, stop: OrderSpec, *, safety: bool = True
    ) -> tuple[Placed, Placed]:
        """Send an OCO (`features.oco`): limit leg and stop leg with one `list_id`. Both are taken or both refused."""

    async def replace(self, permit: Permit, old: OrderKey, spec: OrderSpec) -> Replaced:
        """Cancel `old` and place `spec` in one request (`features.replace`). If the cancel fails nothing is placed."""

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        """Change a resting order to `spec` in place (`features.amend`): price, trigger, quantity.

        `spec.client_id` is that of the order. `outcome` ACCEPTED, REFUSED, GONE; raises `NotSent`, `NoAnswer`.
        """

    async def cancel(self, key: OrderKey) -> Cancelled:
        """Cancel one order (or the whole list when `key.list_id` is set). Raises `NotSent`; no answer is outcome UNKNOWN."""

    async def query(self, key: OrderKey) -> tuple[OrderReport, ...]:
        """What the venue says of the order by client id, open or closed; empty: no such order. Raises `VenueError`."""

    async def open_orders(self, symbol: str = "") -> tuple[OrderReport, ...]:
        """Every open order of the account (of one symbol), foreign ones too, complete. Raises `VenueError`."""

    async def trades(self, symbol: str, since_ms: int) -> Trades:
        """Our executions since then, all pages. Raises `VenueError`."""

    async def snapshot(self) -> AccountSnapshot:
        """Balances, positions, permissions, read now. Raises `VenueError`."""

    async def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Perpetuals: leverage of a symbol from now on. Raises `VenueError`."""

    def spent(self) -> Spent:
        """The rate budget now."""

    async def run(self, listener: BrokerListener) -> None:
        """Keep the private stream alive until cancelled; every gap is told as DOWN and then UP."""

    async def close(self) -> None:
        """Release connections."""
