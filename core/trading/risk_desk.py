"""Everything the gates are told, and the operator's hand on it: the gatekeeper of one account.

It hears the market on the bus, the account from the broker and the reconciler, orders and positions from their keepers. A
fact that nobody told is None in the picture, and the gates deny.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    Analysis,
    Confluence,
    Ladder,
    PositionStatus,
    Replay,
    RestBan,
    SettingChanged,
    Side,
    TradeClosed,
    TradingState,
)  # fmt: skip
from core.risk.gates_sending import intent_key
from core.risk.limits import exact
from core.risk.locks import Lock
from core.risk.sizing import Size
from core.risk.trading_day import allowed_loss, loss_so_far
from core.risk.trading_state import Actor, Standing
from core.risk.view import AuthorisationView, Held, RiskView
from core.settings_live import LiveSettings
from core.trading.bar_facts import Bars
from core.trading.broker import AccountSnapshot, Mode, Spent, VenueBalance, VenuePosition
from core.trading.draft import OrderDraft
from core.trading.order import ZERO
from core.trading.order_record import Intent, OrderRecord
from core.trading.plan import TradePlan
from core.trading.risk_account import RiskAccount
from core.trading.risk_book import RiskBook
from core.trading.risk_market import RiskMarket
from core.trading.risk_sizing import RiskSizing
from core.trading.risk_view import Present, RiskPicture, Stream, Writes
from core.venue import Instrument

TICK_S = 1.0
STEADY_TICKS = 30
"""Equity is observed when nothing moved for a tick, and after so many restless ones all the same."""
DISPUTED = "discrepancy "


class RiskDesk:
    """Implements `core.trading.draft.Gatekeeper`. `use` must be called before the first order."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        journal: Writes,
        folder: Path,
        venue: str,
        category: str,
        *,
        mode: Mode = "LIVE",
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._journal = journal
        self._paper = mode == "PAPER"
        self.market = RiskMarket(bus, clock, live, venue)
        self.account = RiskAccount(live, self.market, category)
        self.book = RiskBook(
            bus, clock, folder / "risk_state.json", live.current.risk, venue, category, paper=self._paper,
            begun=any(isinstance(entry.record, Intent) for entry in journal.entries),
        )  # fmt: skip
        self._sizing = RiskSizing(live, self.market, self.account, category)
        self._picture = RiskPicture(clock, self.market, self.account, self.book, journal, paper=self._paper)
        self._outcomes: dict[str, float] = {}
        self._last: tuple[object, ...] = ()
        self._restless = 0
        self._disputed = False
        for entry in self._journal.entries:
            if isinstance(entry.record, TradePlan):
                self._plan(entry.record)
        bus.subscribe(SettingChanged, self._on_setting, name="risk.settings")
        bus.subscribe(RestBan, self._on_ban, name="risk.ban")
        bus.subscribe(PositionStatus, self._on_position, name="risk.position")
        bus.subscribe(TradeClosed, self._on_closed, name="risk.closed")
        bus.subscribe(Confluence, self._on_confluence, name="risk.confluence")
        bus.subscribe(Analysis, self._on_analysis, name="risk.analysis")

    def use(
        self,
        orders: Callable[[], Mapping[str, OrderRecord]],
        held: Callable[[], tuple[Held, ...]],
        spent: Callable[[], Spent],
        rules: Callable[[str], Instrument | None],
        *,
        bars: Bars | None = None,
        ladder: Callable[[str, int], Ladder | None] | None = None,
    ) -> None:
        """Who to ask for orders, positions, rate budget and rules; `bars` and `ladder` where the market part lends them."""
        picture = self._picture
        picture.orders, picture.held, picture.spent, picture.rules = orders, held, spent, rules
        if bars is not None:
            self.market.bars.lent = bars
        if ladder is not None:
            self.market.ladder = ladder

    async def run(self) -> None:
        """Watch day, drawdown and the account until cancelled. What was said before is asked for again once."""
        self._bus.publish(Replay())
        try:
            while True:
                self.look()
                await self._clock.sleep(TICK_S)
        finally:
            self.book.keep(now=True)

    # --- what is told ------------------------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: AccountSnapshot) -> None:
        """The account as read from the venue."""
        self.account.on_snapshot(snapshot)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        """What of it changed."""
        self.account.on_change(balances, positions)

    def on_stream(self, state: Stream) -> None:
        """SYNCED once the snapshot after the last gap has been applied."""
        self._picture.stream = state

    def rules_read(self, at_ms: int) -> None:
        """The venue's rules were read."""
        self._picture.rules_read_ms = at_ms or None

    def trade_closed(self, trade_id: str, result: Decimal) -> None:
        """A trade is over, with this net result; counted once. Also heard as `TradeClosed` on the bus."""
        self._picture.open.pop(trade_id, None)
        self.account.loss_per_unit.pop(trade_id, None)
        self.book.trade_closed(trade_id, result)

    def transferred(self, amount: Decimal) -> None:
        """A deposit, or (negative) a withdrawal, known as such: it moves the high-water mark and is no performance."""
        if self.book.state.equity is not None:
            self.book.transferred(self.book.state.equity, amount)

    # --- the operator's hand -----------------------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """Trading state and what stands between it and ACTIVE."""
        return self.book.state.standing

    def halt(self, why: str) -> None:
        """HALTED from now on, latched: every gate asked after this call denies."""
        self.book.tighten("HALTED", f"halted: {why}")

    def tighten(self, to: TradingState, cause: str) -> None:
        """Go there, or stay where it is stricter."""
        self._disputed = self._disputed or cause.startswith(f"{DISPUTED}BALANCE")
        self.book.tighten(to, cause)

    def settle(self, cause: str) -> None:
        """A cause no longer stands; the state stays."""
        self.book.settle(cause)

    def move(self, to: TradingState, who: Actor) -> str:
        """Make a move of the trading state; words of refusal, or empty."""
        return self.book.move(to, who, self.equity)

    def arm(self, minutes: float) -> str:
        """Real orders may be sent for so long; looser limits that are due count. Words of refusal, or empty."""
        words = self.book.arm(self.equity)
        if not words:
            self._picture.armed_until = self._clock.monotonic() + minutes * 60.0
        return words

    def disarm(self) -> None:
        """No real entries from now on."""
        self._picture.armed_until = 0.0

    @property
    def armed_s(self) -> float:
        """Seconds for which real entries may still be sent; 0: not armed."""
        return self._picture.armed_s

    def lock(self, lock: Lock) -> None:
        """Keep entries away."""
        self.book.locks_are((*self.book.state.locks, lock))

    def unlock(self, symbol: str) -> None:
        """Take the locks of this symbol off again."""
        self.book.locks_are(tuple(one for one in self.book.state.locks if one.symbol != symbol))

    def begin_anew(self) -> None:
        """The simulated account was reset: nothing was lost on it."""
        self._picture.open.clear()
        self.account.loss_per_unit.clear()
        self.book.begin_anew()

    # --- gatekeeper --------------------------------------------------------------------------------------------------

    def noted(self, draft: OrderDraft, at_ms: int) -> None:
        """See `Gatekeeper`."""
        if draft.plan.loss_per_unit is not None:
            self.account.loss_per_unit[draft.spec.client_id] = draft.plan.loss_per_unit
        if draft.act in ("ENTRY", "EXIT"):
            self.book.sent(intent_key(draft.spec), at_ms, entry=draft.act == "ENTRY")

    def view(self, draft: OrderDraft, authorisation: AuthorisationView) -> RiskView:
        """See `Gatekeeper`."""
        return self._picture.view(draft, authorisation)

    def present(self) -> Present:
        """The account as it stands, for the same gates without an order."""
        return self._picture.present()

    # --- for planning and showing ------------------------------------------------------------------------------------

    @property
    def equity(self) -> Decimal | None:
        """What the account is worth; None: not known."""
        held = self._picture.positions()
        return self.account.equity(held) if held is not None else None

    def costs(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Cost of the way in and of the way out, as shares of the notional."""
        return self._sizing.costs(symbol)

    def liquidation(self, symbol: str, side: Side, quantity: Decimal, entry: Decimal) -> Decimal | None:
        """Where a new position would be liquidated; None: on spot, or not known."""
        return self._sizing.liquidation(symbol, side, quantity, entry, self._picture.rules(symbol))

    def size(
        self, symbol: str, side: Side, entry: Decimal, stop: Decimal, *, market: bool, probability: float, payoff: float
    ) -> Size:
        """The size the limits allow; `refused` says in words why it is none."""
        rule, held, waiting = self._picture.rules(symbol), self._picture.positions(), self._picture.waiting()
        if rule is None or held is None or waiting is None:
            what = "rules" if rule is None else "orders and positions"
            words = f"{what} of {symbol} are not known yet: wait"
            return Size(quantity=ZERO, bound=None, caps=(), loss_per_unit=ZERO, risk=ZERO, refused=words)
        return self._sizing.size(
            symbol, side, entry, stop, market=market, probability=probability, payoff=payoff,
            outcomes=self._outcomes.get(symbol, 0.0), rule=rule, limits=self.book.limits, held=held, waiting=waiting,
            share_lost=self._picture.drawdown(self.account.equity(held)),
        )  # fmt: skip

    def status_fields(self) -> dict[str, Any]:
        """The risk part's fields of `AccountStatus`."""
        limits, day, held, results = (
            self.book.limits,
            self.book.state.day,
            self._picture.positions(),
            self._picture.results(),
        )
        equity = self.account.equity(held) if held is not None else None
        lost = limit = math.nan
        if day is not None:
            limit = float(allowed_loss(day, exact(limits.daily_loss), exact(limits.daily_loss_money)))
            lost = float(loss_so_far(day, self.book.unrealised(results))) if results is not None else math.nan
        share = self._picture.drawdown(equity)
        asset, armed_s = self.account.asset, self._picture.armed_s
        free = next((one for name, one, _ in self.account.balances if name == asset), None)
        return {
            "armed_until_ms": round(self._clock.now_ms() / 1000 + armed_s) * 1000 if armed_s > 0 else 0,
            "state": self.standing.state,
            "causes": self.standing.causes,
            "stream": self._picture.stream,
            "journal": str(self._journal.trouble) if self._journal.trouble is not None else "",
            "asset": asset,
            "equity": float(equity) if equity is not None else math.nan,
            "free": float(free) if free is not None else math.nan,
            "day_loss": lost,
            "day_limit": limit,
            "drawdown": float(share) * 100 if share is not None else math.nan,
            "balances": self.account.balances,
        }

    # --- inside ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Observe the account once it stands still: a fill reaches balances and positions one after the other."""
        held, results = self._picture.positions(), self._picture.results()
        equity = self.account.equity(held) if held is not None else None
        self.market.correlations({one.symbol for one in held or ()})  # so that an order need not wait for them
        if held is None or equity is None or results is None:
            self.book.keep()
            return
        stands = (self.account.version, tuple((one.symbol, one.quantity) for one in held))
        moved, self._last = stands != self._last, stands
        self._restless = self._restless + 1 if moved else 0
        disputed = any(cause.startswith(f"{DISPUTED}BALANCE") for cause in self.standing.causes)
        if disputed or 0 < self._restless < STEADY_TICKS:
            self.book.keep()
            return
        self._restless = 0
        before = self.book.state.equity
        if self._disputed and before is not None:  # what moved while the balance was in dispute was no trade of ours
            self.book.transferred(before, equity - before)
        self._disputed = False
        self.book.observe(equity, results)
        self.book.keep()

    def _plan(self, plan: TradePlan) -> None:
        """An entry of before the restart: what it would lose at its stop."""
        if plan.entry > ZERO:
            self.account.loss_per_unit[plan.trade_id] = abs(plan.entry - plan.stop) + plan.round_trip_cost

    def _on_setting(self, change: SettingChanged) -> None:
        if change.key.startswith("risk."):
            self.book.want(self._live.current.risk)

    def _on_ban(self, ban: RestBan) -> None:
        self.book.banned(ban.until_ms)

    def _on_position(self, status: PositionStatus) -> None:
        if status.closed or status.quantity == ZERO:
            self._picture.open.pop(status.trade_id, None)
        elif self.book.reopened(status.trade_id):
            self._picture.open[status.trade_id] = status

    def _on_closed(self, closed: TradeClosed) -> None:
        self.trade_closed(closed.trade_id, closed.result)

    def _on_confluence(self, view: Confluence) -> None:
        if view.decides:
            self._outcomes.setdefault(view.symbol, float(view.outcomes))

    def _on_analysis(self, analysis: Analysis) -> None:
        if analysis.confidence_metrics is not None:
            self._outcomes[analysis.symbol] = analysis.confidence_metrics.outcomes
