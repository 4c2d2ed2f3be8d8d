"""Gates on what was lost: the day, the drawdown, the streak, and locks."""

from __future__ import annotations

from decimal import Decimal

from core.risk.limits import exact
from core.risk.locks import cooling, standing
from core.risk.order_figures import new_risk, not_negative, positive, signed_risks
from core.risk.trading_day import allowed_loss, loss_so_far
from core.risk.verdict import Finding, need, objects, passes, percent
from core.risk.view import RiskView
from core.trading.order import ZERO


def lost_and_at_risk(view: RiskView) -> tuple[Decimal, Decimal]:
    """What the day has lost (negative: it is ahead), and what all open stops would add. Raises `Missing`."""
    day = need(view.loss.day, "the day's account")
    so_far = need(loss_so_far(day, need(view.loss.unrealised, "unrealised result")), "the day's loss")
    positive(day.equity, "the day's first equity")
    return so_far, sum((abs(risk) for _, risk in signed_risks(view)), ZERO)


def daily_loss(view: RiskView) -> Finding:
    """The day's loss, what all open stops would add, and this order's worst case stay within the limit."""
    day, limits = need(view.loss.day, "the day's account"), view.limits
    so_far, open_risk = lost_and_at_risk(view)
    limit = allowed_loss(day, exact(limits.daily_loss), exact(limits.daily_loss_money))
    worst = so_far + open_risk + new_risk(view)
    facts = {"lost": so_far, "open_risk": open_risk, "worst": worst, "limit": limit}
    if view.now_ms >= day.ends_ms:
        return objects("the day is over and the new one has not begun: wait for the reset", **facts)
    if day.latched:
        return objects(f"limit {limit:.2f} was hit: no entries before the reset", **facts)
    if worst > limit:
        return objects(
            f"{so_far:.2f} lost, {open_risk:.2f} at open stops, {worst:.2f} with this order, limit {limit:.2f}: reduce or wait",
            **facts,
        )
    return passes(**facts)


def drawdown(view: RiskView) -> Finding:
    """The equity is not too far below its high-water mark, and has not been since the operator armed."""
    share, halted = not_negative(view.loss.drawdown, "drawdown"), need(view.loss.halted, "drawdown halt")
    limit = exact(view.limits.drawdown_halt)
    facts = {"drawdown": percent(share), "limit": percent(limit)}
    if halted or share >= limit:
        return objects(f"{percent(share)}, halt at {percent(limit)}: arm again to measure from here", **facts)
    return passes(**facts)


def loss_streak(view: RiskView) -> Finding:
    """No cool-down after losses in a row."""
    streak = need(view.loss.streak, "loss streak")
    facts = {"losses": streak.losses, "limit": view.limits.loss_streak}
    if cooling(streak, view.now_ms):
        minutes = (streak.cool_until_ms - view.now_ms) / 60_000
        return objects(
            f"{streak.losses} losses in a row, limit {view.limits.loss_streak}: wait {minutes:.0f} min", **facts
        )
    return passes(**facts)


def locks(view: RiskView) -> Finding:
    """Nothing locks the symbol: an order whose outcome is unknown, a cool-down, the operator."""
    found = standing(need(view.loss.locks, "locks"), view.symbol, view.now_ms)
    if found:
        reasons = "; ".join(lock.reason for lock in found)
        return objects(f"{view.symbol} is locked ({reasons}): resolve that first", locks=len(found))
    return passes(locks=0)
