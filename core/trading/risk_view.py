"""The picture the gates judge by: one frozen `RiskView`, put together from market, account, book, orders and positions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from core.clock import Clock
from core.messages import PositionStatus, Side
from core.risk import drawdown
from core.risk.gates_sending import intent_key
from core.risk.limits import exact
from core.risk.view import (
    AuthorisationView,
    BudgetView,
    Held,
    LossView,
    PlanView,
    RecentIntent,
    RiskView,
    SessionView,
)
from core.trading.broker import Spent
from core.trading.draft import OrderDraft
from core.trading.journal_records import Entry
from core.trading.order import ZERO, OrderSpec
from core.trading.order_record import OrderRecord
from core.trading.risk_account import RiskAccount, Waiting
from core.trading.risk_book import RiskBook
from core.trading.risk_market import RiskMarket
from core.trading.risk_state import Sent
from core.venue import Instrument

MINUTE_MS = 60_000
ONE = Decimal(1)
NO_ORDER = OrderSpec(client_id="", symbol="", side="BUY", type="LIMIT", quantity=ZERO, price=ONE)
"""An entry of nothing: what a gate says of it is said of the account as it stands."""
Stream = Literal["SYNCED", "GAP", "DOWN"]


class Present(Struct, frozen=True, kw_only=True):
    """The account as it stands, for the same gates: `view` is of an entry of nothing and of no symbol.

    `of` is the same of each symbol that is held or about to be entered, on the side it is. `armed_s`: see `RiskPicture`.
    """

    view: RiskView
    of: tuple[RiskView, ...]
    armed_s: float
    perpetual: bool


class Writes(Protocol):
    """As much of the journal as is needed here."""

    @property
    def trouble(self) -> Exception | None:
        """Why it cannot be written; None: it can."""

    @property
    def entries(self) -> Sequence[Entry]:
        """What it held when it was opened."""


class RiskPicture:
    """`orders`, `held` and `spent` are whom to ask; None: nobody yet, and what they would tell is not known.

    `open` is the newest status of every open trade. `rules_read_ms` None: the venue's rules were never read.
    """

    def __init__(
        self, clock: Clock, market: RiskMarket, account: RiskAccount, book: RiskBook, journal: Writes, *, paper: bool
    ) -> None:
        self._clock = clock
        self._market = market
        self._account = account
        self._book = book
        self._journal = journal
        self._paper = paper
        self._begun_ms = clock.now_ms()
        self.orders: Callable[[], Mapping[str, OrderRecord]] | None = None
        self.held: Callable[[], tuple[Held, ...]] | None = None
        self.spent: Callable[[], Spent] | None = None
        self.rules: Callable[[str], Instrument | None] = lambda symbol: None
        self.open: dict[str, PositionStatus] = {}
        self.stream: Stream = "DOWN"
        self.armed_until = 0.0
        self.rules_read_ms: int | None = None

    def view(self, draft: OrderDraft, authorisation: AuthorisationView) -> RiskView:
        """See `core.trading.draft.Gatekeeper`."""
        now_ms, symbol, limits = self._clock.now_ms(), draft.spec.symbol, self._book.limits
        rule, held, waiting = self.rules(symbol), self.positions(), self.waiting()
        return RiskView(
            now_ms=now_ms,
            act=draft.act,
            symbol=symbol,
            limits=limits,
            order=draft.spec,
            replaces=draft.replaces,
            instrument=rule,
            rules_age_s=self._rules_age_s(now_ms),
            session=self._session(),
            quote=self._market.quote(symbol, rule),
            conditions=self._market.conditions(symbol, rule),
            account=self._account.view(symbol, rule, held, waiting),
            loss=self._loss(held, waiting),
            budget=self._budget(now_ms),
            plan=draft.plan,
            authorisation=authorisation,
        )

    def present(self) -> Present:
        """The account without an order. What is not known is None in it, as in `view`."""
        now_ms, held, waiting = self._clock.now_ms(), self.positions(), self.waiting()
        account = self._account.view("", None, held, waiting)
        view = RiskView(
            now_ms=now_ms,
            act="ENTRY",
            symbol="",
            limits=self._book.limits,
            order=NO_ORDER,
            rules_age_s=self._rules_age_s(now_ms),
            session=self._session(),
            account=replace(account, equity=self._account.equity(held) if held is not None else None),
            loss=self._loss(held, waiting),
            budget=self._budget(now_ms),
            plan=PlanView(loss_per_unit=ONE),
        )
        sides = {one.symbol: one.side for one in account.pending or () if one.entry}
        sides |= {one.symbol: "BUY" if one.quantity > ZERO else "SELL" for one in held or () if one.quantity != ZERO}
        of = tuple(self._present_of(view, symbol, side) for symbol, side in sorted(sides.items()))
        return Present(view=view, of=of, armed_s=self.armed_s, perpetual=self._account.perpetual)

    def _present_of(self, view: RiskView, symbol: str, side: Side) -> RiskView:
        rule = self.rules(symbol)
        leverage, margin_mode, position_mode = self._account.margin(symbol)
        counted = rule is not None and self._account.counts(rule.settle or rule.quote)
        return replace(
            view,
            symbol=symbol,
            order=replace(NO_ORDER, symbol=symbol, side=side),
            instrument=rule,
            quote=self._market.quote(symbol, rule),
            account=replace(
                view.account,
                equity=view.account.equity if counted else None,
                leverage=leverage,
                margin_mode=margin_mode,
                position_mode=position_mode,
            ),
        )

    @property
    def armed_s(self) -> float:
        """Seconds for which real orders may still be sent; 0: not armed. Setting this machine's clock changes nothing."""
        return max(0.0, self.armed_until - self._clock.monotonic())

    # --- parts ----------------------------------------------------------------------------------------------------

    def _rules_age_s(self, now_ms: int) -> float | None:
        return (now_ms - self.rules_read_ms) / 1000 if self.rules_read_ms is not None else None

    def _session(self) -> SessionView:
        offset, offset_age = self._market.clock_offset()
        return SessionView(
            mode="paper" if self._paper else "live",
            armed=self._paper or self.armed_s > 0,
            rearm_needed=self._book.rearm_needed,
            state=self._book.state.standing.state,
            journal_trouble=str(self._journal.trouble) if self._journal.trouble is not None else "",
            clock_offset_ms=offset,
            clock_age_s=offset_age,
            private_stream=self.stream,
        )

    def positions(self) -> tuple[Held, ...] | None:
        return self.held() if self.held is not None else None

    def waiting(self) -> Waiting | None:
        if self.orders is None:
            return None
        return self._account.waiting(self.orders().values(), self._book.limits)

    def results(self) -> dict[str, Decimal] | None:
        """What every open trade has brought by now; None: of one of them it is not known."""
        held = self.positions()
        if held is None:
            return None
        known = {status.symbol for status in self.open.values()}
        if any(one.quantity != ZERO and one.symbol not in known for one in held):
            return None
        if not all(math.isfinite(status.result) for status in self.open.values()):
            return None
        return {trade_id: exact(status.result) for trade_id, status in self.open.items()}

    def drawdown(self, equity: Decimal | None) -> Decimal | None:
        high = self._book.state.high
        return drawdown.drawdown(high, equity) if high is not None and equity is not None else None

    def _loss(self, held: tuple[Held, ...] | None, waiting: Waiting | None) -> LossView:
        state, results = self._book.state, self.results()
        equity = self._account.equity(held) if held is not None else None
        return LossView(
            day=state.day,
            unrealised=self._book.unrealised(results) if results is not None else None,
            drawdown=self.drawdown(equity),
            halted=state.high.halted if state.high is not None else None,
            streak=state.streak,
            locks=(*state.locks, *waiting.locks) if waiting is not None else None,
        )

    def _budget(self, now_ms: int) -> BudgetView:
        spent = self.spent() if self.spent is not None else None
        recent = self._recent(now_ms)
        return BudgetView(
            used=spent.used if spent is not None else None,
            banned_until_ms=max(spent.banned_until_ms, self._book.state.banned_until_ms) if spent is not None else None,
            entries_last_minute=sum(one.entry and now_ms - one.at_ms < MINUTE_MS for one in recent),
            recent=tuple(RecentIntent(one.key, one.at_ms) for one in recent),
        )

    def _recent(self, now_ms: int) -> tuple[Sent, ...]:
        """What was sent a moment ago; of before the start also by the journal's word, as the newest may not have been kept."""
        recent = self._book.state.recent
        window_ms = max(MINUTE_MS, round(self._book.limits.duplicate_window_s * 1000))
        if now_ms - self._begun_ms > window_ms or self.orders is None:
            return recent
        known = {(one.key, one.entry) for one in recent}
        told = [record.intent for record in self.orders().values() if record.intent.at_ms <= self._begun_ms]
        lost = [
            Sent(intent_key(intent.spec), intent.at_ms, intent.purpose == "ENTRY")
            for intent in told
            if now_ms - intent.at_ms <= window_ms and intent.purpose != "PROTECTION"
        ]
        return (*recent, *(one for one in lost if (one.key, one.entry) not in known))
