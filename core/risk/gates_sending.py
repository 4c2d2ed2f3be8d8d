"""Gates on sending: the rate budget, how often, the same thing twice, the protection that follows, the permission."""

from __future__ import annotations

from core.risk.order_figures import mid, order_of, positive, quantity, rules_of
from core.risk.position_math import sign
from core.risk.trading_state import SAFETY
from core.risk.verdict import Finding, need, objects, passes, percent
from core.risk.view import RiskView
from core.trading.order import ZERO, OrderSpec


def rate_budget(view: RiskView) -> Finding:
    """Entries may use half of the rate budget, exits most of it; the rest is kept for stops, flattening and cancels."""
    if view.act in SAFETY:
        return passes(reserve="yes")
    share = view.limits.entry_budget if view.act == "ENTRY" else view.limits.exit_budget
    used, banned = need(view.budget.used, "rate budget"), need(view.budget.banned_until_ms, "rate ban")
    facts = {"used": percent(used), "limit": percent(share)}
    if view.now_ms < banned:
        return objects(f"venue asks for {(banned - view.now_ms) / 1000:.0f} s of silence: wait", **facts)
    if not 0 <= used < share:
        return objects(f"{percent(used)} is used, limit {percent(share)} for {view.act.lower()} orders: wait", **facts)
    return passes(**facts)


def order_rate(view: RiskView) -> Finding:
    """Not too many entries in one minute."""
    sent, limit = need(view.budget.entries_last_minute, "entries of the last minute"), view.limits.entries_per_minute
    if not 0 <= sent < limit:
        return objects(f"{sent} entries in the last minute, limit {limit}: wait", sent=sent, limit=limit)
    return passes(sent=sent, limit=limit)


def intent_key(order: OrderSpec) -> str:
    """What an order is to do, whatever its client id: the same key twice is a duplicate."""
    figures = (order.quantity, order.quote_quantity, order.price, order.stop_price)
    return " ".join((order.symbol, order.side, order.type, *(f"{one.normalize():f}" for one in figures)))


def duplicate_intent(view: RiskView) -> Finding:
    """The same order was not meant a moment ago."""
    key, window = intent_key(order_of(view)), view.limits.duplicate_window_s
    for one in need(view.budget.recent, "recent intents"):
        age = (view.now_ms - one.at_ms) / 1000
        if one.key == key and age < window:
            return objects(
                f"{key} was sent {age:.0f} s ago, limit {window:.0f} s: look at it before sending it again", age_s=age
            )
    return passes(window_s=window)


def protective_stop(view: RiskView) -> Finding:
    """A stop at the venue follows the fill: behind the entry and the market, for all of it."""
    order, plan = order_of(view), view.plan
    stop, covered = positive(plan.stop, "stop"), positive(plan.stop_quantity, "stop quantity")
    at_venue = need(plan.stop_at_venue, "place of the stop")
    nearest = mid(view)
    if order.price > ZERO:
        nearest = min(order.price, nearest) if order.side == "BUY" else max(order.price, nearest)
    facts = {"stop": stop, "entry": nearest, "covered": covered}
    if not at_venue:
        return objects("stop would be kept by the program only: choose an order the venue can protect", **facts)
    if sign(order.side) * (nearest - stop) <= ZERO:
        return objects(f"stop {stop:f} is not behind {nearest:f} for a {order.side}: move it", **facts)
    tick = positive(rules_of(view).tick_size, "tick size")
    if stop % tick != ZERO:
        return objects(f"stop {stop:f} is off the tick {tick:f}: round it", **facts)
    wanted = quantity(view)
    if covered < wanted:
        return objects(f"stop covers {covered:f} of {wanted:f}: cover all of it", **facts)
    return passes(**facts)


def authorisation(view: RiskView) -> Finding:
    """Live: a permission for exactly this order, young and not used before. Paper needs none."""
    mode, given = need(view.session.mode, "mode"), view.authorisation
    order_of(view)
    if mode == "paper":
        return passes(mode=mode)
    is_hash, wanted = need(given.order_hash, "hash of the order"), need(given.authorised_hash, "authorised hash")
    age, used = need(given.age_s, "age of the authorisation"), need(given.used, "use of the authorisation")
    limit = view.limits.token_age_s
    facts = {"age_s": age, "limit_s": limit}
    if not is_hash or is_hash != wanted:
        return objects("is for another order than this one: confirm this one", **facts)
    if used:
        return objects("was used before: confirm again", **facts)
    if not 0 <= age <= limit:
        return objects(f"is {age:.1f} s old, limit {limit:.0f} s: confirm again", **facts)
    return passes(**facts)
