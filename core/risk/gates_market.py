"""Gates on the market: does the symbol trade, are its rules fresh, is there a price one can believe."""

from __future__ import annotations

from core.risk.order_figures import positive, rules_of
from core.risk.verdict import Finding, need, objects, passes
from core.risk.view import RiskView


def symbol_status(view: RiskView) -> Finding:
    """The venue trades this symbol, and the rules are of this symbol."""
    rules = rules_of(view)
    if rules.symbol != view.symbol:
        return objects(f"rules are of {rules.symbol}, order of {view.symbol}: ask again", rules=rules.symbol)
    if not rules.trading:
        return objects(f"{view.symbol} is {rules.status}, not trading: wait for the venue", status=rules.status)
    return passes(status=rules.status)


def rules_age(view: RiskView) -> Finding:
    """Tick, lot and notional rules were read lately."""
    age, limit = need(view.rules_age_s, "age of the rules"), view.limits.rules_age_s
    if not 0 <= age <= limit:
        return objects(
            f"{view.symbol} rules are {age:.0f} s old, limit {limit:.0f} s: refresh them", age_s=age, limit_s=limit
        )
    return passes(age_s=age, limit_s=limit)


def quote_age_and_limit(view: RiskView) -> tuple[float, float]:
    """How old the quote is and may be, in seconds. Raises `Missing`."""
    age, gap = need(view.quote.age_s, "age of the quote"), need(view.quote.usual_gap_s, "usual gap of quotes")
    return age, max(view.limits.quote_age_s, view.limits.quote_gaps * gap)


def quote_age(view: RiskView) -> Finding:
    """The quote is younger than two seconds, or than five of its usual gaps where it comes seldom."""
    age, limit = quote_age_and_limit(view)
    facts = {"age_s": age, "limit_s": limit}
    if not 0 <= age <= limit:
        return objects(f"{view.symbol} quote is {age:.1f} s old, limit {limit:.1f} s: refresh", **facts)
    return passes(**facts)


def book(view: RiskView) -> Finding:
    """The book is live, has both sides, and is neither crossed nor locked."""
    state = need(view.quote.book, "book")
    if state != "live":
        return objects(f"{view.symbol} book is {state}: wait until it is live", state=state)
    bid, ask = positive(view.quote.bid, "bid"), positive(view.quote.ask, "ask")
    positive(view.quote.bid_size, "bid size")
    positive(view.quote.ask_size, "ask size")
    if bid >= ask:
        return objects(f"{view.symbol} bid {bid:f} is not below ask {ask:f}: wait for a sound book", bid=bid, ask=ask)
    return passes(bid=bid, ask=ask)
