"""Gates on the order's own numbers: tick, lot, the venue's filters, the collar, what it is worth."""

from __future__ import annotations

from decimal import Decimal

from core.risk.limits import exact
from core.risk.order_figures import mid, notional, order_of, perpetual, positive, price_range, quantity, rules_of
from core.risk.position_math import sign
from core.risk.verdict import Finding, Missing, need, objects, passes, percent, written
from core.risk.view import RiskView
from core.trading.order import ZERO, OrderSpec
from core.venue import Instrument

LIMITED = ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
TRIGGERED = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
POST_ONLY = "LIMIT_MAKER"
PLAIN = {"LIMIT", "MARKET"}


def order_form(view: RiskView) -> Finding:
    """Finite, positive, on tick and lot, of a kind the venue takes."""
    order, rules = order_of(view), rules_of(view)
    why = _numbers(order) or _kind(order, rules) or _prices(order, rules) or _quantity(order, rules)
    return objects(why, price=order.price, quantity=order.quantity) if why else passes()


def _numbers(order: OrderSpec) -> str:
    for name in ("quantity", "price", "stop_price", "quote_quantity", "take_profit", "stop_loss"):
        value = need(getattr(order, name), name)
        if value < ZERO:
            return f"{name} is {value:f}: it must be above 0"
    if (order.quantity > ZERO) == (order.quote_quantity > ZERO):
        return "needs either a quantity or an amount to spend, not both: give one"
    if order.quote_quantity > ZERO and order.type != "MARKET":
        return f"{order.type} cannot be sized in money: give the quantity"
    return ""


def _kind(order: OrderSpec, rules: Instrument) -> str:
    if (order.price > ZERO) != (order.type in LIMITED):
        return f"{order.type} has price {order.price:f}: {'give one' if order.type in LIMITED else 'take it off'}"
    if (order.stop_price > ZERO) != (order.type in TRIGGERED):
        return (
            f"{order.type} has trigger {order.stop_price:f}: {'give one' if order.type in TRIGGERED else 'take it off'}"
        )
    if order.post_only and order.type != "LIMIT":
        return f"{order.type} cannot be post-only: take that off"
    takes = {name.upper() for name in rules.order_types}
    kind = POST_ONLY if order.post_only else str(order.type)
    if not takes - PLAIN:  # the venue names no others: triggers and post-only are marks on a plain order there
        kind = "LIMIT" if order.type in LIMITED else "MARKET"
    if takes and kind not in takes:
        return f"{rules.symbol} takes no {kind} orders: choose one of {', '.join(rules.order_types)}"
    return ""


def _prices(order: OrderSpec, rules: Instrument) -> str:
    tick = positive(rules.tick_size, "tick size")
    for name in ("price", "stop_price", "take_profit", "stop_loss"):
        price = getattr(order, name)
        if price == ZERO:
            continue
        if price % tick != ZERO:
            return f"{name} {price:f} is off the tick {tick:f}: round it"
        if price < rules.min_price or ZERO < rules.max_price < price:
            return f"{name} {price:f} is outside {rules.min_price:f} to {rules.max_price:f}: change it"
    return ""


def _quantity(order: OrderSpec, rules: Instrument) -> str:
    lot = positive(rules.lot_size, "lot size")
    if order.quote_quantity > ZERO:
        step = rules.quote_precision
        off = step > ZERO and order.quote_quantity % step != ZERO
        return f"amount {order.quote_quantity:f} is off the step {step:f}: round it down" if off else ""
    bounds = [(lot, rules.min_qty, rules.max_qty)]
    if order.type == "MARKET":
        bounds.append((rules.market_lot_size, rules.market_min_qty, rules.market_max_qty))
    for step, least, most in bounds:
        if step > ZERO and order.quantity % step != ZERO:
            return f"quantity {order.quantity:f} is off the lot {step:f}: round it down"
        if order.quantity < least:
            return f"quantity {order.quantity:f} is below {least:f}: the venue takes no less"
        if ZERO < most < order.quantity:
            return f"quantity {order.quantity:f} is above {most:f}: split the order"
    return ""


def percent_price(view: RiskView) -> Finding:
    """The limit price lies within the venue's own percent-price filter."""
    order, rules = order_of(view), rules_of(view)
    sided = (
        (rules.bid_up_ratio, rules.bid_down_ratio)
        if order.side == "BUY"
        else (rules.ask_up_ratio, rules.ask_down_ratio)
    )
    up, down = (
        one or general for one, general in zip(sided, (rules.price_up_ratio, rules.price_down_ratio), strict=True)
    )
    if order.price == ZERO or (up == ZERO and down == ZERO):
        return passes(filter="none")
    reference = positive(view.quote.reference, "reference price of the filter")
    low, high = reference * down, reference * up
    facts = {"price": order.price, "low": low, "high": high}
    if order.price < low or ZERO < high < order.price:
        return objects(
            f"{order.price:f} is outside the venue's {written(low)} to {written(high)}: change the price", **facts
        )
    return passes(**facts)


def price_collar(view: RiskView) -> Finding:
    """An entry's prices stay near mid and, on perpetuals, near mark.

    Targets and stops are far off by design. Of an exit only a limit that could trade at once is looked at, and only on
    its losing side; market orders, stops and post-only limits are not, so that an exit never waits for a quote.
    """
    order = order_of(view)
    if view.act != "ENTRY" and (order.type != "LIMIT" or order.post_only):
        return passes(act=view.act)
    limit = exact(view.limits.collar)
    prices = [price for price in (order.price, order.stop_price) if price > ZERO]
    if not prices:
        prices = [positive(view.quote.ask, "ask") if order.side == "BUY" else positive(view.quote.bid, "bid")]
    anchors = [("mid", mid(view))]
    if perpetual(view):
        anchors.append(("mark", positive(view.quote.mark, "mark price")))
    for price in prices:
        for name, anchor in anchors:
            worse = sign(order.side) * (price - anchor) / anchor
            away = abs(worse) if view.act == "ENTRY" else worse
            if away > limit:
                return objects(
                    f"{price:f} is {percent(away)} from {name} {anchor:f}, limit {percent(limit)}: refresh or change the price",
                    **{"price": price, name: anchor, "away": percent(away), "limit": percent(limit)},
                )
    return passes(mid=anchors[0][1], limit=percent(limit))


def confirmed_price(view: RiskView) -> Finding:
    """The market is where it was when the operator confirmed."""
    confirmed, now = positive(view.plan.confirmed_price, "confirmed price"), mid(view)
    limit, away = exact(view.limits.confirmed_drift), abs(now - confirmed) / confirmed
    facts = {"mid": now, "confirmed": confirmed, "limit": percent(limit)}
    if away > limit:
        return objects(
            f"mid {now:f} is {percent(away)} from the confirmed {confirmed:f}, limit {percent(limit)}: confirm again",
            **facts,
        )
    return passes(**facts)


def notional_size(view: RiskView) -> Finding:
    """Worth no less and no more than the venue takes, at the worst price either way, and so is an entry's stop.

    Of an exit at the market or without a price to judge by, and of one the venue itself holds to reduce-only, the venue is
    the judge: a position that may be worth enough is offered, not kept back.
    """
    order, rules = order_of(view), rules_of(view)
    exit_ = view.act != "ENTRY"
    if exit_ and (order.type == "MARKET" or (order.reduce_only and perpetual(view))):
        return passes(judge="venue")
    try:
        low, high = order.quote_quantity or order.quantity * price_range(view)[0], notional(view)
    except Missing:
        if exit_:
            return passes(judge="venue")
        raise
    facts: dict[str, Decimal] = {"least": low, "most": high, "min": rules.min_notional, "max": rules.max_notional}
    held = order.type != "MARKET" or rules.notional_applies_to_market
    if held and low < rules.min_notional:
        return objects(
            f"worth {low:.2f}, the venue takes no less than {rules.min_notional:f}: raise the quantity", **facts
        )
    if held and ZERO < rules.max_notional < high:
        return objects(
            f"worth up to {high:.2f}, the venue takes no more than {rules.max_notional:f}: split it", **facts
        )
    if not exit_:
        stop = quantity(view) * positive(view.plan.stop, "stop")
        if stop < rules.min_notional:
            return objects(
                f"its stop would be worth {stop:.2f}, the venue takes no less than {rules.min_notional:f}: raise the quantity",
                **facts,
            )
    return passes(**facts)
