"""Gates on what the account can carry: balance, margin modes, liquidation, exposure, open orders."""

from __future__ import annotations

from decimal import Decimal

from core.risk.gates_order import TRIGGERED
from core.risk.limits import exact
from core.risk.liquidation import too_near
from core.risk.order_figures import (
    companions,
    equity,
    exposure,
    not_negative,
    notional,
    order_of,
    perpetual,
    positive,
    price_range,
    rules_of,
)
from core.risk.verdict import Finding, need, objects, passes, percent
from core.risk.view import RiskView


def balance(view: RiskView) -> Finding:
    """What it may cost is free, after intents the venue has not seen. A sale on spot takes coins: `reduces_only` counts them."""
    order, on_margin = order_of(view), perpetual(view)
    if order.side == "SELL" and not on_margin:
        return passes(pays="coins")
    cost = notional(view)
    if on_margin:
        cost /= positive(view.account.leverage, "leverage")
    free = need(view.account.free_quote, "free balance") - not_negative(view.account.unseen_quote, "unseen intents")
    facts = {"cost": cost, "free": free}
    if cost > free:
        return objects(f"{cost:.2f} is needed, {free:.2f} is free after open intents: reduce the quantity", **facts)
    return passes(**facts)


def margin(view: RiskView) -> Finding:
    """Perpetuals: isolated margin, one-way positions and a leverage within the limit, as read from the venue."""
    if not perpetual(view):
        return passes(market="spot")
    account, limit = view.account, exact(view.limits.max_leverage)
    margin_mode, position_mode = need(account.margin_mode, "margin mode"), need(account.position_mode, "position mode")
    leverage = positive(account.leverage, "leverage")
    facts = {"margin": margin_mode, "positions": position_mode, "leverage": leverage, "limit": limit}
    if margin_mode != "isolated":
        return objects(f"mode at the venue is {margin_mode}: set isolated margin there", **facts)
    if position_mode != "one-way":
        return objects(f"position mode at the venue is {position_mode}: set one-way there", **facts)
    if leverage > limit:
        return objects(f"leverage at the venue is {leverage:f}, limit {limit:f}: lower it there", **facts)
    return passes(**facts)


def liquidation(view: RiskView) -> Finding:
    """Perpetuals: liquidation is far behind the stop."""
    if not perpetual(view):
        return passes(market="spot")
    order, limits = order_of(view), view.limits
    low, high = price_range(view)
    entry = high if order.side == "BUY" else low
    stop, price = positive(view.plan.stop, "stop"), not_negative(view.plan.liquidation, "liquidation price")
    atr = positive(view.conditions.atr_15m, "ATR (15 m)")
    why = too_near(order.side, entry, stop, price, atr, exact(limits.stop_room), exact(limits.stop_room_atr))
    facts = {"liquidation": price, "stop": stop, "entry": entry}
    return objects(f"{why}: add margin, lower leverage or bring the stop nearer", **facts) if why else passes(**facts)


def _within(value: Decimal, of_equity: float, view: RiskView, what: str) -> Finding:
    limit = exact(of_equity) * equity(view)
    facts = {"value": value, "limit": limit}
    if value > limit:
        return objects(
            f"{what} is {value:.2f}, limit {limit:.2f} ({percent(of_equity)} of equity): reduce the quantity", **facts
        )
    return passes(**facts)


def order_exposure(view: RiskView) -> Finding:
    """The order alone."""
    return _within(notional(view), view.limits.order_exposure, view, "order")


def symbol_exposure(view: RiskView) -> Finding:
    """The order with what is held and pending of its symbol and of the same bets."""
    symbols = (view.symbol, *companions(view))
    value = exposure(view, symbols) + notional(view)
    return _within(value, view.limits.symbol_exposure, view, " + ".join(symbols))


def total_exposure(view: RiskView) -> Finding:
    """The order with everything held and pending."""
    return _within(exposure(view) + notional(view), view.limits.total_exposure, view, "everything together")


def open_orders(view: RiskView) -> Finding:
    """The venue has room for the order and for the orders that will protect it."""
    rules, order = rules_of(view), order_of(view)
    orders, stops = need(view.account.open_orders, "open orders"), need(view.account.open_stops, "open stops")
    protection = need(view.plan.stop_orders, "protective orders")
    after, stops_after = orders + 1 + protection, stops + protection + (1 if order.type in TRIGGERED else 0)
    facts = {"orders": after, "max": rules.max_orders, "stops": stops_after, "max_stops": rules.max_algo_orders}
    if min(orders, stops, protection) < 0:
        return objects(f"counts are {orders}, {stops} and {protection}: read the open orders again", **facts)
    if 0 < rules.max_orders < after:
        return objects(f"{after} with its protection, the venue takes {rules.max_orders}: cancel one", **facts)
    if 0 < rules.max_algo_orders < stops_after:
        return objects(
            f"{stops_after} stops with its protection, the venue takes {rules.max_algo_orders}: cancel one", **facts
        )
    return passes(**facts)
