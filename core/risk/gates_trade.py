"""The checks of the trade itself (methods sheet 9): positions, risk, reward, heat, hours, volatility, spread.

The seventh, the day's loss, is in `gates_loss`.
"""

from __future__ import annotations

from core.risk.heat import heat
from core.risk.limits import exact
from core.risk.order_figures import companions, equity, new_risk, order_of, pending, positions, signed_risks
from core.risk.position_math import sign
from core.risk.verdict import Finding, need, objects, passes, percent
from core.risk.view import RiskView


def held_or_entered(view: RiskView) -> list[str]:
    """The symbol of each position and each pending entry, without this order. Raises `Missing`."""
    return [one.symbol for one in positions(view)] + [one.symbol for one in pending(view) if one.entry]


def of_a_kind(view: RiskView) -> tuple[tuple[str, ...], int]:
    """The order's symbol with its same bets, and how many are held or entered of them. Raises `Missing`."""
    alike = (view.symbol, *companions(view))
    return alike, sum(symbol in alike for symbol in held_or_entered(view))


def max_positions(view: RiskView) -> Finding:
    """Positions and pending entries stay few, and one of a kind: another symbol that is the same bet counts as this one."""
    limits = view.limits
    alike, known = of_a_kind(view)
    after, same = len(held_or_entered(view)) + 1, known + 1
    facts = {"positions": after, "limit": limits.max_positions, "same": same, "same_limit": limits.max_per_symbol}
    if after > limits.max_positions:
        return objects(f"would be {after}, limit {limits.max_positions}: close one first", **facts)
    if same > limits.max_per_symbol:
        return objects(
            f"of {' = '.join(alike)} would be {same}, limit {limits.max_per_symbol}: close the other first", **facts
        )
    return passes(**facts)


def risk_per_trade(view: RiskView) -> Finding:
    """What the stop would cost, fees and slippage included, is a small share of the equity."""
    risk, limit = new_risk(view), exact(view.limits.risk_per_trade_cap) * equity(view)
    facts = {"risk": risk, "limit": limit}
    if risk > limit:
        share = percent(view.limits.risk_per_trade_cap)
        return objects(f"{risk:.2f} is at risk, limit {limit:.2f} ({share} of equity): reduce the quantity", **facts)
    return passes(**facts)


def min_ratio(view: RiskView) -> Finding:
    """The target pays enough for the risk, net of costs, and the trade is worth taking at its probability."""
    ratio, probability = need(view.plan.net_ratio, "net reward to risk"), need(view.plan.probability, "probability")
    limit, expected = view.limits.min_net_ratio, probability * ratio - (1.0 - probability)
    facts = {"ratio": ratio, "limit": limit, "probability": probability, "expectancy": expected}
    if not 0.0 <= probability <= 1.0:
        return objects(f"probability is {probability:.6g}: it must be 0 to 1", **facts)
    if ratio < limit:
        return objects(f"{ratio:.2f} net of costs, limit {limit:.2f}: move the target or the stop", **facts)
    if expected <= 0.0:
        return objects(f"{expected:.2f} R is expected at p {probability:.2f}: leave it", **facts)
    return passes(**facts)


def correlation_heat(view: RiskView) -> Finding:
    """Everything at risk together, correlations counted, stays within a share of the equity."""
    correlations = need(view.account.correlations, "correlations")
    mine = (view.symbol, new_risk(view) * sign(order_of(view).side))
    after, limit = heat([*signed_risks(view), mine], correlations), exact(view.limits.heat) * equity(view)
    facts = {"heat": after, "limit": limit}
    if after > limit:
        share = percent(view.limits.heat)
        return objects(
            f"{after:.2f} at risk together, limit {limit:.2f} ({share} of equity): reduce or close one", **facts
        )
    return passes(**facts)


def trading_hours(view: RiskView) -> Finding:
    """The market is open, and neither funding nor news is near."""
    closed, quiet = need(view.conditions.closed, "trading hours"), view.limits.quiet_s
    if closed:
        return objects(f"closed ({closed}): wait", closed=closed)
    for event in need(view.conditions.events, "calendar"):
        away = (event.at_ms - view.now_ms) / 1000
        if abs(away) <= quiet:
            when = f"in {away:.0f} s" if away > 0 else f"{abs(away):.0f} s ago"
            return objects(f"{event.name} {when}, limit {quiet:.0f} s: wait", event=event.name, away_s=away)
    return passes(quiet_s=quiet)


def volatility(view: RiskView) -> Finding:
    """Neither too quiet nor too wild, and no violent last minute."""
    now, limit = view.conditions, view.limits.max_return_sigmas
    natr, low, high = (
        need(now.natr, "NATR"),
        need(now.natr_low, "lower NATR gate"),
        need(now.natr_high, "upper NATR gate"),
    )
    sigmas = need(now.return_sigmas, "last return")
    facts = {"natr": natr, "low": low, "high": high, "sigmas": sigmas, "limit": limit}
    if not low <= natr <= high:
        return objects(f"NATR {natr:.5f} is outside {low:.5f} to {high:.5f}: wait", **facts)
    if abs(sigmas) > limit:
        return objects(f"last minute moved {sigmas:.1f} deviations, limit {limit:.1f}: wait", **facts)
    return passes(**facts)


def spread(view: RiskView) -> Finding:
    """The spread is not much wider than its median."""
    now, usual = need(view.conditions.spread_bp, "spread"), need(view.conditions.usual_spread_bp, "usual spread")
    limit = view.limits.max_spread_ratio * usual
    facts = {"spread_bp": now, "limit_bp": limit}
    if not 0.0 <= now <= limit:
        return objects(
            f"{now:.1f} bp, limit {limit:.1f} bp ({view.limits.max_spread_ratio:.0f} × median): wait", **facts
        )
    return passes(**facts)
