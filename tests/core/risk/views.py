"""A sound entry on a perpetual and one on spot, and the same with single facts changed by their path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from core.risk.gates import GATES, Gate, Verdicts, judge
from core.risk.heat import Correlations
from core.risk.locks import Streak
from core.risk.position_math import Pending
from core.risk.trading_day import TradingDay
from core.risk.verdict import Deny
from core.risk.view import (
    AccountView,
    AuthorisationView,
    BudgetView,
    ConditionsView,
    Held,
    LossView,
    PlanView,
    QuoteView,
    RiskView,
    SessionView,
)
from core.settings_risk import RiskSettings
from core.trading.order import OrderSpec
from core.venue import Instrument

D = Decimal
NOW = 1_795_264_496_000
SYMBOL = "BTCUSDT"


def instrument(category: str = "linear", **rules: Any) -> Instrument:
    base: dict[str, Any] = {
        "venue": "bybit", "category": category, "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "status": "Trading",
        "trading": True, "tick_size": D("0.1"), "lot_size": D("0.001"), "min_qty": D("0.001"), "max_qty": D(1000),
        "min_notional": D(5), "order_types": ("Limit", "Market"), "max_orders": 200, "max_algo_orders": 5,
    }  # fmt: skip
    return Instrument(**(base | rules))


def order(**fields: Any) -> OrderSpec:
    base: dict[str, Any] = {
        "client_id": "t-1", "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": D(10), "price": D(100),
    }  # fmt: skip
    return OrderSpec(**(base | fields))


def pending(**fields: Any) -> Pending:
    base: dict[str, Any] = {
        "client_id": "p-1", "symbol": "ETHUSDT", "side": "BUY", "quantity": D(1), "price": D(100), "entry": True,
        "risk": D(5),
    }  # fmt: skip
    return Pending(**(base | fields))


def held(symbol: str = SYMBOL, quantity: str = "10", price: str = "100", risk: str = "10") -> Held:
    return Held(symbol=symbol, quantity=D(quantity), price=D(price), risk=D(risk))


def entry(category: str = "linear", **changes: Any) -> RiskView:
    """An entry every gate lets through: BUY 10 at 100 with a stop at 99, equity 10,000."""
    view = RiskView(
        now_ms=NOW,
        act="ENTRY",
        symbol=SYMBOL,
        limits=RiskSettings(),
        order=order(),
        instrument=instrument(category),
        rules_age_s=60.0,
        session=SessionView(
            mode="live", armed=True, rearm_needed=False, state="ACTIVE", journal_trouble="", clock_offset_ms=12.0,
            clock_age_s=10.0, private_stream="SYNCED",
        ),
        quote=QuoteView(
            bid=D("99.9"), bid_size=D(5), ask=D("100.1"), ask_size=D(5), age_s=0.2, usual_gap_s=0.1, book="live",
            mark=D(100), reference=D(100),
        ),
        conditions=ConditionsView(
            closed="", events=(), natr=0.002, natr_low=0.001, natr_high=0.01, return_sigmas=0.5, spread_bp=2.0,
            usual_spread_bp=2.0, atr_15m=D("0.5"),
        ),
        account=AccountView(
            equity=D(10_000), free_quote=D(5000), unseen_quote=D(0), positions=(), pending=(), open_orders=2,
            open_stops=1, leverage=D(2), margin_mode="isolated", position_mode="one-way",
            correlations=Correlations(pairs={}, classes={}),
        ),
        loss=LossView(
            day=TradingDay(equity=D(10_000), ends_ms=NOW + 1000), unrealised=D(0), drawdown=D(0), halted=False,
            streak=Streak(), locks=(),
        ),
        budget=BudgetView(used=0.1, banned_until_ms=0, entries_last_minute=0, recent=()),
        plan=PlanView(
            confirmed_price=D(100), stop=D(99), stop_quantity=D(10), stop_at_venue=True, stop_orders=1,
            loss_per_unit=D("1.1"), net_ratio=2.5, probability=0.5, liquidation=D(60),
        ),
        authorisation=AuthorisationView(order_hash="h", authorised_hash="h", age_s=1.0, used=False),
    )  # fmt: skip
    return changed(view, **changes)


def changed(view: RiskView, **changes: Any) -> RiskView:
    """The view with facts replaced: `quote__age_s=3.0` reaches into its part."""
    for path, value in changes.items():
        part, _, field = path.partition("__")
        new = replace(getattr(view, part), **{field: value}) if field else value
        view = replace(view, **{part: new})
    return view


def ask(view: RiskView, gates: tuple[Gate, ...] = GATES) -> Verdicts:
    return judge(view, lambda: 0.0, gates)


def denied(view: RiskView) -> dict[str, str]:
    """Codes of the shut gates with their words."""
    return {answer.code: answer.words for answer in ask(view).answers if isinstance(answer, Deny)}
