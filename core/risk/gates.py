"""The gates an order passes, in order: all are asked, all answers are shown, and one Deny stops it.

A gate that lacks what it must know, raises, or takes too long denies. Adding a gate is one function in the file of its
subject and one row in `GATES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from core.risk import gates_account, gates_loss, gates_market, gates_order, gates_sending, gates_session, gates_trade
from core.risk.trading_state import SAFETY, Act
from core.risk.verdict import Allow, Deny, Finding, Missing, Verdict
from core.risk.view import RiskView

BUDGET_S = 0.05
"""Time for all gates together: they are arithmetic, and take about a millisecond."""

ENTRY: frozenset[Act] = frozenset({"ENTRY"})
"""Arming, exposure, loss, locks, freshness and everything else that must never keep a position from being closed."""
PLANNED: frozenset[Act] = frozenset({"ENTRY", "EXIT"})
"""What a target or a time stop can wait for, but not a protective stop or a flatten the operator confirmed."""
CHOSEN: frozenset[Act] = frozenset({"ENTRY", "EXIT", "FLATTEN"})
"""Prices somebody chose. A protective stop's price is the plan's; where it breaks a filter, the venue says so."""
ORDERS: frozenset[Act] = frozenset({"ENTRY", "EXIT", "PROTECT", "FLATTEN"})
"""Everything that is sent as an order."""
ALL: frozenset[Act] = ORDERS | {"CANCEL"}
"""Cancels too: they pass whatever is not known."""


class Gate(Struct, frozen=True):
    """One gate: its code, its short name on the screen, the acts it holds, and the check."""

    code: str
    label: str
    acts: frozenset[Act]
    check: Callable[[RiskView], Finding]


GATES: tuple[Gate, ...] = (
    Gate("ARMED", "armed", ENTRY, gates_session.armed),
    Gate("TRADING_STATE", "state", ORDERS, gates_session.trading_state),
    Gate("REDUCES_ONLY", "reduces", ALL, gates_session.reduces_only),
    Gate("JOURNAL", "journal", ORDERS, gates_session.journal),
    Gate("CLOCK", "clock", ENTRY, gates_session.clock),
    Gate("PRIVATE_STREAM", "stream", PLANNED, gates_session.private_stream),
    Gate("SYMBOL_STATUS", "symbol", ORDERS, gates_market.symbol_status),
    Gate("RULES_AGE", "rules", ENTRY, gates_market.rules_age),
    Gate("QUOTE_AGE", "fresh", ENTRY, gates_market.quote_age),
    Gate("BOOK", "book", ENTRY, gates_market.book),
    Gate("ORDER_FORM", "form", ORDERS, gates_order.order_form),
    Gate("PERCENT_PRICE", "filter", CHOSEN, gates_order.percent_price),
    Gate("PRICE_COLLAR", "collar", CHOSEN, gates_order.price_collar),
    Gate("CONFIRMED_PRICE", "confirmed", ENTRY, gates_order.confirmed_price),
    Gate("NOTIONAL", "notional", ORDERS, gates_order.notional_size),
    Gate("BALANCE", "balance", ENTRY, gates_account.balance),
    Gate("MARGIN", "margin", ENTRY, gates_account.margin),
    Gate("LIQUIDATION", "liquidation", ENTRY, gates_account.liquidation),
    Gate("ORDER_EXPOSURE", "order size", ENTRY, gates_account.order_exposure),
    Gate("SYMBOL_EXPOSURE", "symbol size", ENTRY, gates_account.symbol_exposure),
    Gate("TOTAL_EXPOSURE", "total size", ENTRY, gates_account.total_exposure),
    Gate("OPEN_ORDERS", "open orders", ENTRY, gates_account.open_orders),
    Gate("DAILY_LOSS", "daily loss", ENTRY, gates_loss.daily_loss),
    Gate("DRAWDOWN", "drawdown", ENTRY, gates_loss.drawdown),
    Gate("LOSS_STREAK", "streak", ENTRY, gates_loss.loss_streak),
    Gate("LOCKS", "locks", ENTRY, gates_loss.locks),
    Gate("RATE_BUDGET", "rate", ALL, gates_sending.rate_budget),
    Gate("ORDER_RATE", "pace", ENTRY, gates_sending.order_rate),
    Gate("DUPLICATE_INTENT", "duplicate", PLANNED, gates_sending.duplicate_intent),
    Gate("PROTECTIVE_STOP", "stop", ENTRY, gates_sending.protective_stop),
    Gate("AUTHORISATION", "permission", ORDERS, gates_sending.authorisation),
    Gate("MAX_POSITIONS", "positions", ENTRY, gates_trade.max_positions),
    Gate("RISK_PER_TRADE", "risk/trade", ENTRY, gates_trade.risk_per_trade),
    Gate("MIN_RATIO", "reward", ENTRY, gates_trade.min_ratio),
    Gate("CORRELATION_HEAT", "heat", ENTRY, gates_trade.correlation_heat),
    Gate("TRADING_HOURS", "hours", ENTRY, gates_trade.trading_hours),
    Gate("VOLATILITY", "volatility", ENTRY, gates_trade.volatility),
    Gate("SPREAD", "spread", ENTRY, gates_trade.spread),
)
"""Every gate, in the order they are asked and shown."""


class Verdicts(Struct, frozen=True):
    """Every gate's answer, in order. `raised` counts gates that failed by themselves: a fault of ours, to be reported."""

    answers: tuple[Verdict, ...]
    raised: int = 0

    @property
    def denials(self) -> tuple[Deny, ...]:
        """The gates that are shut, first one first."""
        return tuple(answer for answer in self.answers if isinstance(answer, Deny))

    @property
    def allowed(self) -> bool:
        """True when gates were asked and every one is open."""
        return bool(self.answers) and not self.denials


def judge(
    view: RiskView, monotonic: Callable[[], float], gates: Sequence[Gate] = GATES, budget_s: float = BUDGET_S
) -> Verdicts:
    """Ask every gate. `monotonic` is the clock's, in seconds: what comes after the budget is spent counts as no answer.

    Stops, flattening and cancels are not refused for being late.
    """
    started = monotonic()
    answers: list[Verdict] = []
    raised = 0
    for gate in gates:
        if view.act not in gate.acts:
            answers.append(Allow(gate.code, {"skipped": f"does not hold {view.act}"}))
            continue
        try:
            found = gate.check(view)
        except Missing as missing:
            answers.append(Deny(gate.code, {"missing": missing.name}, f"{gate.code} {missing}: wait until it is known"))
            continue
        except Exception as error:  # any failure denies; counted, and named in the words
            raised += 1
            words = f"{gate.code} failed ({type(error).__name__}: {error}): report this"
            answers.append(Deny(gate.code, {"failed": type(error).__name__}, words))
            continue
        spent = monotonic() - started
        if not spent <= budget_s and view.act not in SAFETY:
            words = f"{gate.code} answered after {spent:.3f} s, limit {budget_s:.3f} s: try again"
            answers.append(Deny(gate.code, {"late_s": f"{spent:.3f}"}, words))
        elif found.words:
            answers.append(Deny(gate.code, found.facts, f"{gate.code} {found.words}"))
        else:
            answers.append(Allow(gate.code, found.facts))
    return Verdicts(tuple(answers), raised)
