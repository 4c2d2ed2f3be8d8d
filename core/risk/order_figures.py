"""What an order is worth and would change: mid, worst price, notional, the money it risks. Shared by the gates.

Each raises `Missing` when something it needs is not known, which denies the order.
"""

from __future__ import annotations

from decimal import Decimal

from core.risk.heat import same_bets
from core.risk.limits import exact
from core.risk.position_math import Pending, sign, why_not_reducing
from core.risk.verdict import Missing, need
from core.risk.view import Held, RiskView
from core.trading.order import ZERO, OrderSpec
from core.venue import Instrument

PERPETUAL = "linear"
ONE = Decimal(1)


def order_of(view: RiskView) -> OrderSpec:
    """The order, which must be given."""
    return need(view.order, "order")


def rules_of(view: RiskView) -> Instrument:
    """The instrument's rules, which must be known."""
    return need(view.instrument, "instrument")


def perpetual(view: RiskView) -> bool:
    """True for a perpetual with linear margin, False on spot."""
    return rules_of(view).category == PERPETUAL


def positive(value: Decimal | None, name: str) -> Decimal:
    """A number that must be known and above 0."""
    known = need(value, name)
    if not known > ZERO:
        raise Missing(name, known)
    return known


def not_negative(value: Decimal | None, name: str) -> Decimal:
    """A number that must be known and 0 or more."""
    known = need(value, name)
    if known < ZERO:
        raise Missing(name, known)
    return known


def mid(view: RiskView) -> Decimal:
    """Half way between bid and ask."""
    return (positive(view.quote.bid, "bid") + positive(view.quote.ask, "ask")) / 2


def equity(view: RiskView) -> Decimal:
    """What the account is worth; must be above 0."""
    return positive(view.account.equity, "equity")


def price_range(view: RiskView) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price the order may fill at, as far as is known.

    A market order, also one a trigger releases, may slip by `market_slippage`. A limit BUY moves the most money at its
    price; a limit SELL may fill higher, at its trigger or at the bid.
    """
    order = order_of(view)
    slip = exact(view.limits.market_slippage)
    if order.price > ZERO:
        if order.side == "BUY":
            return order.price, order.price
        known = view.act == "ENTRY" and order.stop_price == ZERO
        better = positive(view.quote.bid, "bid") if known else order.stop_price
        return order.price, max(order.price, better)
    low = order.stop_price or positive(view.quote.bid, "bid")
    high = order.stop_price or positive(view.quote.ask, "ask")
    return low * (ONE - slip), high * (ONE + slip)


def quantity(view: RiskView) -> Decimal:
    """The most the order may fill, in the base asset."""
    order = order_of(view)
    if order.quantity > ZERO:
        return order.quantity
    return order.quote_quantity / price_range(view)[0]


def notional(view: RiskView) -> Decimal:
    """The most money the order may move."""
    order = order_of(view)
    return order.quantity * price_range(view)[1] if order.quantity > ZERO else order.quote_quantity


def new_risk(view: RiskView) -> Decimal:
    """The money the order loses at its stop, costs included."""
    return quantity(view) * positive(view.plan.loss_per_unit, "loss per unit")


def positions(view: RiskView) -> tuple[Held, ...]:
    """The positions, each with numbers that are known."""
    held = need(view.account.positions, "positions")
    for one in held:
        need(one.quantity, f"quantity of {one.symbol}")
        positive(one.price, f"price of {one.symbol}")
        not_negative(one.risk, f"risk of {one.symbol}")
    return tuple(one for one in held if one.quantity != ZERO)


def pending(view: RiskView) -> tuple[Pending, ...]:
    """What may still fill, each with numbers that are known, without the order itself and the one it replaces."""
    waiting = need(view.account.pending, "pending orders")
    own = (order_of(view).client_id, view.replaces)
    for one in waiting:
        not_negative(one.quantity, f"quantity of {one.client_id}")
        not_negative(one.price, f"price of {one.client_id}")
        not_negative(one.risk, f"risk of {one.client_id}")
    return tuple(one for one in waiting if one.client_id not in own)


def why_it_could_open(view: RiskView) -> str:
    """Why this order could open, add to or flip the position, in words; empty: it only reduces. See `position_math`."""
    order = order_of(view)
    held = ZERO
    for one in need(view.account.positions, "positions"):
        if one.symbol == view.symbol:
            held += need(one.quantity, f"quantity of {one.symbol}")
    waiting = need(view.account.pending, "pending orders")
    for other in waiting:
        not_negative(other.quantity, f"quantity of {other.client_id}")
    venue_reduces = order.reduce_only and perpetual(view)
    return why_not_reducing(order, held, waiting, venue_reduces=venue_reduces, replaces=view.replaces)


def companions(view: RiskView) -> tuple[str, ...]:
    """Other symbols held or about to be entered that are the same bet as this order."""
    correlations = need(view.account.correlations, "correlations")
    held = [(one.symbol, int(ONE.copy_sign(one.quantity))) for one in positions(view)]
    held += [(one.symbol, sign(one.side)) for one in pending(view) if one.entry]
    found = same_bets(view.symbol, sign(order_of(view).side), held, correlations, view.limits.same_bet)
    return tuple(sorted(set(found)))


def exposure(view: RiskView, symbols: tuple[str, ...] | None = None) -> Decimal:
    """Notional of positions and pending entries, of these symbols (None: of all), without this order."""
    held = sum((abs(one.quantity) * one.price for one in positions(view) if _among(one.symbol, symbols)), ZERO)
    return held + sum(
        (one.quantity * one.price for one in pending(view) if one.entry and _among(one.symbol, symbols)), ZERO
    )


def _among(symbol: str, symbols: tuple[str, ...] | None) -> bool:
    return symbols is None or symbol in symbols


def signed_risks(view: RiskView) -> list[tuple[str, Decimal]]:
    """(symbol, signed money at risk) of every position and pending entry, without this order."""
    held = [(one.symbol, one.risk.copy_sign(one.quantity)) for one in positions(view)]
    return held + [(one.symbol, one.risk * sign(one.side)) for one in pending(view) if one.entry]
