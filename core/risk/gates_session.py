"""Gates on the program itself: may it trade, can it write down what it does, does it know the time and its own orders."""

from __future__ import annotations

from core.messages import TradingState
from core.risk.order_figures import order_of, perpetual, why_it_could_open
from core.risk.trading_state import ALLOWED
from core.risk.verdict import Finding, need, objects, passes
from core.risk.view import RiskView


def armed(view: RiskView) -> Finding:
    """Real orders need the session armed, and armed again when looser limits are due. Paper needs no arming."""
    mode = need(view.session.mode, "mode")
    is_armed, again = need(view.session.armed, "arming"), need(view.session.rearm_needed, "arming due")
    if mode == "paper":
        return passes(mode=mode)
    if not is_armed:
        return objects("live orders are not armed: arm trading first", mode=mode, armed=False)
    if again:
        return objects("looser limits are due since the daily reset: arm trading again", mode=mode, armed=True)
    return passes(mode=mode, armed=True)


def trading_state(view: RiskView) -> Finding:
    """ACTIVE, REDUCING and HALTED let different acts through; REDUCING an entry too, if it can only reduce."""
    state: TradingState = need(view.session.state, "trading state")
    if view.act in ALLOWED[state]:
        return passes(state=state)
    if state == "REDUCING" and view.act == "ENTRY":
        why = why_it_could_open(view)
        if not why:
            return passes(state=state, reduces="yes")
        return objects(f"{state}: {view.symbol} {why}", state=state)
    return objects(f"{state}: {view.act.lower()} orders are blocked; lift the state first", state=state)


def reduces_only(view: RiskView) -> Finding:
    """Whatever is not an entry must only reduce the position, pending orders included; so must every sale on spot."""
    if view.act == "CANCEL":
        return passes(order="none")
    order = order_of(view)
    if order.symbol != view.symbol:
        return objects(f"order is for {order.symbol}, facts are of {view.symbol}: ask again", order=order.symbol)
    if view.act == "ENTRY" and (order.side == "BUY" or perpetual(view)):
        return passes(act=view.act)
    why = why_it_could_open(view)
    return objects(f"{view.symbol} {why}", act=view.act) if why else passes(act=view.act, reduces="yes")


def journal(view: RiskView) -> Finding:
    """No order without its record: nothing is sent that could not be written first."""
    trouble = need(view.session.journal_trouble, "journal")
    return (
        objects(f"cannot be written ({trouble}): free the disk or repair it", trouble=trouble) if trouble else passes()
    )


def clock(view: RiskView) -> Finding:
    """Our clock and the venue's agree, and that was measured lately."""
    limits = view.limits
    offset, age = (
        need(view.session.clock_offset_ms, "clock offset"),
        need(view.session.clock_age_s, "age of the clock offset"),
    )
    facts = {"offset_ms": offset, "age_s": age}
    if not 0 <= age <= limits.clock_age_s:
        return objects(
            f"offset was measured {age:.0f} s ago, limit {limits.clock_age_s:.0f} s: measure it again", **facts
        )
    if abs(offset) >= limits.clock_skew_ms:
        return objects(
            f"is {offset:.0f} ms off the venue's, limit {limits.clock_skew_ms:.0f} ms: synchronise this machine's clock",
            **facts,
        )
    return passes(**facts)


def private_stream(view: RiskView) -> Finding:
    """Our own orders and balances are followed without a gap."""
    state = need(view.session.private_stream, "private stream")
    if state != "SYNCED":
        return objects(f"is {state}: wait until it is back and its snapshot is applied", state=state)
    return passes(state=state)
