"""What an order can cost: at its stop, through its stop, together with everything else; and what happens when its stop fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from core.messages import Consequences
from core.risk import order_figures
from core.risk.gates_trade import correlation_heat
from core.risk.verdict import Missing
from core.risk.view import RiskView
from core.settings_trading import Trading
from core.trading.arming import program_only
from core.trading.broker import Features
from core.trading.plan import TradePlan

T = TypeVar("T")
GAP = Decimal("0.05")
"""A price that leaps this share of itself through the stop."""


def consequences(
    plan: TradePlan, view: RiskView, features: Features, trading: Trading, entry: Decimal, fee: Decimal
) -> Consequences:
    """Of this order, in the picture the gates judge. `entry` is the price it is planned at, `fee` one way as a share.

    What is not known is None or NaN.
    """
    quantity, unit = plan.quantity, view.plan.loss_per_unit
    equity = _known(lambda: order_figures.equity(view))
    worst = _known(lambda: order_figures.new_risk(view))
    notional = _known(lambda: order_figures.notional(view)) or quantity * entry
    others = _known(lambda: order_figures.exposure(view))
    exposure = others + notional if others is not None else None
    return Consequences(
        worst=worst,
        worst_share=_share(worst, equity),
        fees=fee * quantity * (entry + plan.stop),
        notional=notional,
        exposure=exposure,
        exposure_share=_share(exposure, equity),
        heat_share=_share(_heat(view), equity),
        heat_limit=view.limits.heat,
        liquidation=view.plan.liquidation,
        gap=quantity * (unit + GAP * plan.stop) if unit is not None else None,
        gap_share=float(GAP),
        stop_fails=stop_fails(plan.stop, features, trading),
        program_only=program_only(features, trading),
    )


def stop_fails(stop: Decimal, features: Features, trading: Trading) -> tuple[str, ...]:
    """What happens when the stop does not do what it should, one sentence each."""
    if features.stop_market:
        by = "the mark price" if features.mark_trigger else "the last price"
        jumped = (
            f"At {stop.normalize():f}, by {by}, the stop becomes a market order: it fills at whatever price there is."
        )
        slow = f"Not filled after {trading.escalate_s:g} s it is cancelled and the position is closed at the market."
    else:
        jumped = (
            f"At {stop.normalize():f} the stop becomes a limit order {trading.stop_limit_bp:g} bp behind: a price that leaps over "
            "that does not fill it."
        )
        slow = f"After {trading.escalate_s:g} s it is then cancelled, and the position is closed at the market."
    unproven = f"A stop that is refused twice, or not seen at the venue within {trading.stop_within_s:g} s: alarm"
    if trading.naked_policy == "close":
        unproven += f", and after {trading.naked_alarm_s:g} s the position is closed at the market."
    else:
        unproven += f" after {trading.naked_alarm_s:g} s; the position is held: closing it is yours."
    return jumped, slow, unproven


def _heat(view: RiskView) -> Decimal | None:
    """Everything at risk together, as the gate reckons it."""
    told = _known(lambda: correlation_heat(view))
    return Decimal(told.facts["heat"]) if told is not None else None


def _known(figure: Callable[[], T]) -> T | None:
    try:
        return figure()
    except Missing:
        return None


def _share(amount: Decimal | None, equity: Decimal | None) -> float:
    return float(amount / equity) if amount is not None and equity is not None else math.nan
