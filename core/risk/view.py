"""Everything the gates may know of one order: one frozen picture, taken by the order manager before it asks them.

Every field that must be known is None until it is; a gate that needs it then denies. Money is in the quote currency,
quantities in the base asset, signed where they are positions. Times are Unix ms UTC, ages seconds at `now_ms`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import TradingState
from core.risk.heat import Correlations
from core.risk.locks import Lock, Streak
from core.risk.position_math import Pending
from core.risk.trading_day import TradingDay
from core.risk.trading_state import Act
from core.settings_risk import RiskSettings
from core.trading.order import OrderSpec
from core.venue import Instrument


class SessionView(Struct, frozen=True, kw_only=True):
    """The program itself. `journal_trouble`: empty, it can be written; else why not.

    `rearm_needed`: looser limits are due and wait for the operator to arm again. `private_stream`: SYNCED once the
    snapshot after its last gap has been applied.
    """

    mode: Literal["paper", "live"] | None = None
    armed: bool | None = None
    rearm_needed: bool | None = None
    state: TradingState | None = None
    journal_trouble: str | None = None
    clock_offset_ms: float | None = None
    clock_age_s: float | None = None
    private_stream: Literal["SYNCED", "GAP", "DOWN"] | None = None


class QuoteView(Struct, frozen=True, kw_only=True):
    """The market as last seen. `usual_gap_s` is the median time between quotes. `mark`: perpetuals only.

    `reference` is the price the venue holds its percent-price filter against (an average, or the last one).
    """

    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    age_s: float | None = None
    usual_gap_s: float | None = None
    book: Literal["syncing", "live", "stale"] | None = None
    mark: Decimal | None = None
    reference: Decimal | None = None


class TimedEvent(Struct, frozen=True):
    """Something on the calendar that entries keep clear of: funding, news."""

    name: str
    at_ms: int


class ConditionsView(Struct, frozen=True, kw_only=True):
    """Whether now is a time to trade. `closed` says why it is none (a session, excluded hours, a halt); empty: it is.

    `natr` is ATR14 over the close, `return_sigmas` the last one-minute return in deviations, spreads in basis points,
    `atr_15m` in price. `events`: those ahead and just past.
    """

    closed: str | None = None
    events: tuple[TimedEvent, ...] | None = None
    natr: float | None = None
    natr_low: float | None = None
    natr_high: float | None = None
    return_sigmas: float | None = None
    spread_bp: float | None = None
    usual_spread_bp: float | None = None
    atr_15m: Decimal | None = None


class Held(Struct, frozen=True, kw_only=True):
    """A position: signed quantity, price it is worth now, and the money it loses from there to its stop, costs included.

    On spot: the net of our own fills; coins held before are no position.
    """

    symbol: str
    quantity: Decimal
    price: Decimal
    risk: Decimal


class AccountView(Struct, frozen=True, kw_only=True):
    """What is owned and owed. `free_quote`: as the venue says, before intents it has not seen (`unseen_quote`).

    `pending` are all orders and intents that may still fill, `open_orders` and `open_stops` those of the symbol at the
    venue. Leverage and modes as read from the venue, perpetuals only. `correlations` of all that is held or pending.
    """

    equity: Decimal | None = None
    free_quote: Decimal | None = None
    unseen_quote: Decimal | None = None
    positions: tuple[Held, ...] | None = None
    pending: tuple[Pending, ...] | None = None
    open_orders: int | None = None
    open_stops: int | None = None
    leverage: Decimal | None = None
    margin_mode: Literal["isolated", "cross"] | None = None
    position_mode: Literal["one-way", "hedge"] | None = None
    correlations: Correlations | None = None


class LossView(Struct, frozen=True, kw_only=True):
    """What has been lost. `unrealised` of all positions; `drawdown` a share of the high-water mark, `halted` latched by it."""

    day: TradingDay | None = None
    unrealised: Decimal | None = None
    drawdown: Decimal | None = None
    halted: bool | None = None
    streak: Streak | None = None
    locks: tuple[Lock, ...] | None = None


class RecentIntent(Struct, frozen=True):
    """An intent of before: what it was to do (`key`: symbol, side, quantity, prices) and when."""

    key: str
    at_ms: int


class BudgetView(Struct, frozen=True, kw_only=True):
    """What may still be sent. `used` of the venue's rate limit, as a share; `banned_until_ms` 0: not banned."""

    used: float | None = None
    banned_until_ms: int | None = None
    entries_last_minute: int | None = None
    recent: tuple[RecentIntent, ...] | None = None


class PlanView(Struct, frozen=True, kw_only=True):
    """What the entry is part of.

    `confirmed_price` is the mid the operator confirmed at. `stop` and `stop_quantity` are the protection that follows the
    fill, `stop_orders` how many resting orders that takes; `stop_at_venue`: it will rest there. `loss_per_unit` includes
    costs. `net_ratio` is reward over risk net of costs, `probability` that of the target. `liquidation`: perpetuals.
    """

    confirmed_price: Decimal | None = None
    stop: Decimal | None = None
    stop_quantity: Decimal | None = None
    stop_at_venue: bool | None = None
    stop_orders: int | None = None
    loss_per_unit: Decimal | None = None
    net_ratio: float | None = None
    probability: float | None = None
    liquidation: Decimal | None = None


class AuthorisationView(Struct, frozen=True, kw_only=True):
    """The permission that came with the order. `order_hash` is that of the order as it would be sent now."""

    order_hash: str | None = None
    authorised_hash: str | None = None
    age_s: float | None = None
    used: bool | None = None


class RiskView(Struct, frozen=True, kw_only=True):
    """The order, why it is sent, and what is known. `order` is None for a CANCEL, which sends none.

    `replaces`: the client id of the order the venue swaps for this one in one step; empty: none. `limits` are those in
    force, see `core.risk.limits`.
    """

    now_ms: int
    act: Act
    symbol: str
    limits: RiskSettings
    order: OrderSpec | None = None
    replaces: str = ""
    instrument: Instrument | None = None
    rules_age_s: float | None = None
    session: SessionView = SessionView()
    quote: QuoteView = QuoteView()
    conditions: ConditionsView = ConditionsView()
    account: AccountView = AccountView()
    loss: LossView = LossView()
    budget: BudgetView = BudgetView()
    plan: PlanView = PlanView()
    authorisation: AuthorisationView = AuthorisationView()
