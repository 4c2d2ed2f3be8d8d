"""What a running trade asks for next, from its prices and its clock: cancel the entry, take a target, move the stop, close.

Nothing here acts; the trade desk asks these questions every turn. Where the program keeps the targets, a price that crosses one
is sold at the market. A stop whose price was passed and that has not filled after `escalate_s` is not waited for any longer.
"""

from __future__ import annotations

from decimal import Decimal

from core.risk.limits import exact
from core.settings_trading import Trading
from core.trading.broker import Features
from core.trading.order import ZERO
from core.trading.position_book import sellable
from core.trading.protection import REST, Terms, program_targets, stop_prices
from core.trading.trade import Closing, Trade
from core.trading.trailing import Course, Move, Rule, next_move


def entry_is_over(trade: Trade, now_ms: int, trading: Trading, *, halted: bool = False) -> bool:
    """Whether a working entry is to be cancelled: it waited too long, the trade has begun to end, or trading is halted."""
    entry = trade.entry
    if entry is None or not entry.may_cancel or entry.cancels_open:
        return False
    ending = trade.closing is not None or (trade.position is not None and trade.position.exited > ZERO)
    waited_ms = now_ms - trade.plan.at_ms
    return halted or ending or (0 < trading.entry_expires_s * 1000 <= waited_ms)


def time_is_up(trade: Trade, now_ms: int) -> bool:
    """The time stop: so long after the first fill."""
    opened_ms = trade.position.opened_ms if trade.position is not None else 0
    return 0 < trade.plan.time_stop_ms <= now_ms - opened_ms and opened_ms > 0 and trade.size > ZERO


def target_met(trade: Trade, terms: Terms) -> Closing | None:
    """The target of the program that the price has come to; None: none, or it cannot be sold now."""
    if not trade.price or trade.on_the_way:
        return None
    for leg in program_targets(terms):
        if trade.behind(leg.target, trade.price) >= ZERO and sellable(leg.quantity, trade.price, terms.rules):
            return Closing(why="TARGET", act="EXIT", until=trade.size - leg.quantity, key=leg.key)
    return None


def market_of_stops(trade: Trade, features: Features) -> Decimal:
    """The price stops are held against; 0: not known."""
    return trade.mark if features.perpetual and features.mark_trigger else trade.price


def stop_is_late(trade: Trade, features: Features, now: float, escalate_s: float) -> bool:
    """Whether a stop was met `escalate_s` ago and still stands. Begins to count when it is met."""
    market = market_of_stops(trade, features)
    met = any(
        trade.triggered(stop) or (market > ZERO and trade.behind(stop.spec.stop_price, market) <= ZERO)
        for stop in trade.stops
    )
    if not met:
        trade.crossed_at = None
        return False
    if trade.crossed_at is None:
        trade.crossed_at = now
    return now - trade.crossed_at >= escalate_s


def program_stop(trade: Trade, features: Features) -> bool:
    """Whether the price has passed the stop of a position that has none at the venue."""
    market = market_of_stops(trade, features) or trade.price
    return trade.stop > ZERO and market > ZERO and trade.behind(trade.stop, market) <= ZERO


def stop_move(trade: Trade, terms: Terms, features: Features, trading: Trading) -> Move | None:
    """Where break-even or the trail put the stop now."""
    course = Course(
        side=trade.side, entry=trade.entry_price, first_stop=trade.plan.stop, stop=trade.stop, best=trade.best,
        price=market_of_stops(trade, features), atr=trade.plan.atr, cost=trade.plan.round_trip_cost,
        reached=sum(trade.reached(terms)), tick=terms.rules.tick_size,
    )  # fmt: skip
    rule = Rule(
        break_even_after=trading.break_even_after,
        trail_after_r=exact(trading.trail_after_r),
        trail_atr=exact(trading.trail_atr),
    )
    return next_move(course, rule)


def why_not_there(trade: Trade, stop: Decimal, terms: Terms, features: Features) -> str:
    """Why the operator's stop cannot be put there; empty: it can."""
    symbol = trade.plan.symbol
    trigger, _ = stop_prices(trade.side, stop, terms.rules, features, terms.stop_limit_bp)
    market = market_of_stops(trade, features)
    if stop <= ZERO:
        return f"stop {stop:f} of {symbol} must be above 0; give a price"
    if market > ZERO and trade.behind(trigger, market) <= ZERO:
        return f"stop {trigger:f} of {symbol} is past the market at {market:f}: it would close at once; close the position instead"
    if trade.plan.stop > ZERO and trade.behind(trigger, trade.plan.stop) > ZERO:
        return f"stop {trigger:f} of {symbol} is farther than planned ({trade.plan.stop:f}); choose one nearer to the price"
    return ""


def why_not_closed(trade: Trade, quantity: Decimal, terms: Terms) -> str:
    """Why so much cannot be closed; empty: it can. 0 is all."""
    symbol, rules = trade.plan.symbol, terms.rules
    if quantity < ZERO or quantity > trade.size:
        return f"{quantity.normalize():f} of {symbol} cannot be closed: {trade.size.normalize():f} is held"
    wanted = quantity or trade.size
    if not sellable(wanted, trade.worth, rules):
        return (
            f"{wanted.normalize():f} {symbol} is too little to sell (at least "
            f"{max(rules.min_qty, rules.lot_size).normalize():f}, worth {rules.min_notional.normalize():f}); close more of it"
        )
    left = trade.size - wanted
    if left >= rules.lot_size and not sellable(left, trade.stop or trade.worth, rules):
        return f"{left.normalize():f} {symbol} would be left, too little to be protected or sold; close all of it"
    return ""


def closing_all(why: str) -> Closing:
    """Close everything: by the operator, or because the position cannot stay as it is."""
    if why in ("OPERATOR", "FLATTEN"):
        return Closing(why=why, act="FLATTEN", until=ZERO, key=REST)
    return Closing(why=why, act="EXIT" if why == "TIME_STOP" else "PROTECT", until=ZERO, key=REST)
