"""What a ticket is to open: from a proposal, from the newest recommendation, from a working entry, or by hand.

A wish keeps what was asked for; `trade_of` makes a trade of it at the quote of now. The price is pegged there and then: the
ticket that is shown never follows the market.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from core.messages import InboxItem, OpenTicket, OpenTrade, RiskParameters, Side, TicketField
from core.risk.limits import exact
from core.risk.position_math import sign
from core.risk.verdict import written
from core.trading.least_order import least_quantity
from core.trading.opening import Unfit
from core.trading.order import ZERO
from core.venue import Instrument

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

STOP_ATR = 2
"""By hand the stop lies so many ATR behind the entry."""
RATIO_ROOM = Decimal("1.05")
"""By hand the target pays this much of the least ratio."""
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
SIDES: dict[str, Side] = {"BUY": "BUY", "SELL": "SELL"}
NAN = math.nan


class Wish(Struct, frozen=True, kw_only=True):
    """As asked for. Zeros and empties are filled in when it is planned.

    `zone`: low and high of a recommendation's entry. `entry`: a limit typed by hand, 0: pegged to the quote. `proposed_price`:
    where the market was when it was recommended. `item_id`: of the inbox; `replaces`: client id of a working entry.
    """

    symbol: str
    side: Side
    by: Literal["PROPOSAL", "OPERATOR", "PROGRAM"] = "OPERATOR"
    zone: tuple[Decimal, Decimal] | None = None
    market: bool = False
    entry: Decimal = ZERO
    stop: Decimal = ZERO
    targets: tuple[Decimal, ...] = ()
    quantity: Decimal = ZERO
    proposed_price: float = NAN
    item_id: str = ""
    replaces: str = ""


# --- from a command --------------------------------------------------------------------------------------------------


def wish_of(wanted: OpenTicket, desk: TradingDesk, now_ms: int = 0) -> Wish:
    """What the command asks for. Raises `Unfit`."""
    if wanted.replaces:
        return _amending(wanted, desk)
    if wanted.proposal:
        wish = _proposed(wanted, desk, now_ms)
    else:
        wish = _recommended(wanted, desk) or Wish(symbol=wanted.symbol, side=wanted.side or "BUY")
    return _overridden(wish, wanted)


def _overridden(wish: Wish, wanted: OpenTicket) -> Wish:
    given = [("entry", wanted.entry), ("stop", wanted.stop), ("quantity", wanted.quantity)]
    for name, value in [*given, *(("target", price) for price in wanted.targets)]:
        if not value.is_finite() or value < ZERO:
            raise Unfit(f"{wanted.symbol} {name} {value} must be above 0, or left out")
    return replace(
        wish,
        entry=wanted.entry or wish.entry,
        stop=wanted.stop or wish.stop,
        targets=wanted.targets or wish.targets,
        quantity=wanted.quantity or wish.quantity,
    )


def _proposed(wanted: OpenTicket, desk: TradingDesk, now_ms: int) -> Wish:
    item = desk.inbox.find(wanted.proposal)
    if item is None or item.kind != "PROPOSAL" or item.side is None:
        raise Unfit(f"proposal {wanted.proposal} is not open any more: it ran out, was dismissed, or was used already")
    if item.symbol != wanted.symbol:
        raise Unfit(f"proposal {wanted.proposal} is for {item.symbol}, not {wanted.symbol}: open it from the inbox")
    if wanted.side not in (None, item.side):
        raise Unfit(f"proposal {wanted.proposal} is to {item.side}, not {wanted.side}: open a ticket by hand")
    if 0 < item.expires_ms <= now_ms:
        raise Unfit(f"proposal {wanted.proposal} has expired; wait for the next one, or open a ticket by hand")
    return Wish(
        symbol=item.symbol,
        side=item.side,
        by="PROPOSAL",
        zone=item.entry,
        stop=item.stop,
        targets=item.targets,
        proposed_price=_proposed_price(item, desk),
        item_id=item.item_id,
    )


def _proposed_price(item: InboxItem, desk: TradingDesk) -> float:
    analysis = desk.opening.analysis(item.symbol)
    return analysis.price if analysis is not None and analysis.side == item.side else NAN


def _recommended(wanted: OpenTicket, desk: TradingDesk) -> Wish | None:
    """The newest recommendation, while it is a trade of the side asked for."""
    analysis = desk.opening.analysis(wanted.symbol)
    if analysis is None or not analysis.validation_passed or analysis.recommendation not in ("BUY", "SELL"):
        return None
    terms: RiskParameters | None = analysis.risk_parameters
    if terms is None or wanted.side not in (None, terms.side):
        return None
    return Wish(
        symbol=wanted.symbol,
        side=terms.side,
        by="PROPOSAL",
        zone=terms.optimal_entry,
        stop=terms.sl_level,
        targets=terms.tp_targets,
        proposed_price=analysis.price,
    )


def _amending(wanted: OpenTicket, desk: TradingDesk) -> Wish:
    """The working entry as it stands, with what is left of it and its plan's stop and targets."""
    name = wanted.replaces
    record, plan = desk.manager.orders.get(name), desk.plans.get(name)
    if record is None or record.intent.purpose != "ENTRY" or plan is None:
        raise Unfit(f"order {name} is no entry of ours: only an entry that works can be amended")
    if record.spec.symbol != wanted.symbol:
        raise Unfit(f"order {name} is of {record.spec.symbol}, not {wanted.symbol}: open the ticket of that symbol")
    if not record.may_cancel or record.state == "CANCEL_PENDING" or record.quarantine:
        state = f"{record.state} {record.quarantine}".strip()
        raise Unfit(f"order {name} is {state}: only an entry that works can be amended")
    if record.filled > ZERO:
        raise Unfit(
            f"order {name} has filled {written(record.filled)} already: cancel the rest, and look after the position"
        )
    wish = Wish(
        symbol=plan.symbol,
        side=plan.side,
        entry=record.spec.price,
        stop=plan.stop,
        targets=tuple(target.price for target in plan.targets),
        quantity=record.remaining,
        replaces=name,
    )
    return _overridden(wish, wanted)


# --- to a trade ------------------------------------------------------------------------------------------------------


def trade_of(wish: Wish, desk: TradingDesk, *, least: bool = False) -> OpenTrade:
    """The wish at the quote of now; `least`: of the smallest quantity the venue takes. Raises `Unfit`."""
    rule = desk.rules.get(wish.symbol)
    if rule is None:
        raise Unfit(f"{wish.symbol} is not listed here; choose a watched market")
    quote = desk.opening.quote(wish.symbol)
    if quote is None or not (quote.bid > 0 and quote.ask > 0):
        raise Unfit(f"{wish.symbol} has no quote yet; wait for one")
    far = exact(quote.ask if wish.side == "BUY" else quote.bid)
    entry = ZERO if wish.market else wish.entry or pegged(wish.side, wish.zone, far)
    at = entry or far
    stop = wish.stop or _stop_behind(wish, rule, at, desk)
    quantity = wish.quantity
    if desk.needs_canary or least:
        if not stop > 0:
            raise Unfit(f"{wish.symbol} stop {stop:f} must be above 0; move it")
        quantity = least_quantity(rule, min(stop, at))
    return OpenTrade(
        symbol=wish.symbol,
        side=wish.side,
        stop=stop,
        quantity=quantity,
        entry=entry,
        targets=wish.targets or (_target_for(wish, rule, at, stop, desk),),
    )


def pegged(side: Side, zone: tuple[Decimal, Decimal] | None, far: Decimal) -> Decimal:
    """The limit of now: the far touch, and never worse than the zone's far edge."""
    if zone is None:
        return far
    return min(far, zone[1]) if side == "BUY" else max(far, zone[0])


def _stop_behind(wish: Wish, rule: Instrument, at: Decimal, desk: TradingDesk) -> Decimal:
    atr = desk.opening.atr(wish.symbol)
    if atr is None:
        raise Unfit(f"{wish.symbol} has no volatility yet to place a stop by; wait for a closed bar, or give a stop")
    return _rounded(at - sign(wish.side) * STOP_ATR * atr, rule, up=wish.side == "SELL")


def _target_for(wish: Wish, rule: Instrument, at: Decimal, stop: Decimal, desk: TradingDesk) -> Decimal:
    """Where the reward, net of costs both ways, is a little more than the least that is asked for: costs change meanwhile."""
    cost_in, cost_out = desk.risk.costs(wish.symbol)
    risk = abs(at - stop) + cost_in * at + cost_out * stop
    ratio, direction = exact(desk.risk.book.limits.min_net_ratio) * RATIO_ROOM, sign(wish.side)
    price = (at + direction * (ratio * risk + cost_in * at)) / (1 - direction * cost_out)
    price = _rounded(price, rule, up=wish.side == "BUY") + direction * rule.tick_size
    if not price > ZERO:
        raise Unfit(f"{wish.symbol} has no target that pays for a stop at {stop:f}; move the stop nearer")
    return price


def _rounded(price: Decimal, rule: Instrument, *, up: bool) -> Decimal:
    tick = rule.tick_size
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick if tick else price


# --- edits -----------------------------------------------------------------------------------------------------------


def edited(wish: Wish, part: TicketField, text: str, desk: TradingDesk) -> Wish:
    """The wish with one part as typed. Raises `Unfit` with what is wrong and what to type instead."""
    match part:
        case "side":
            return _turned(wish, text, desk)
        case "type":
            kind = text.strip().upper()
            if kind not in ("LIMIT", "MARKET"):
                raise Unfit(f"{text.strip()!r} is no type of order; type LIMIT or MARKET")
            return replace(wish, market=kind == "MARKET", entry=ZERO if kind == "MARKET" else wish.entry)
        case "entry":
            return replace(wish, entry=number(text, "an entry price"), market=False)
        case "stop":
            return replace(wish, stop=number(text, "a stop price"))
        case "target":
            words = text.replace("/", " ").split()
            if not words:
                raise Unfit("no target was given; type one price, or several separated by spaces, nearest first")
            return replace(wish, targets=tuple(number(word, "a target price") for word in words))
        case "quantity":
            if desk.needs_canary:
                raise Unfit("the first order with these keys is the least the venue takes; its quantity stands")
            return replace(wish, quantity=_on_lot(number(text, "a quantity"), wish.symbol, desk))


def _turned(wish: Wish, text: str, desk: TradingDesk) -> Wish:
    """The other side: prices of the one before mean nothing there, so they are filled in anew."""
    side = SIDES.get(text.strip().upper())
    if side is None:
        raise Unfit(f"{text.strip()!r} is no side; type BUY or SELL")
    if side == wish.side:
        return wish
    if wish.replaces:
        raise Unfit(f"order {wish.replaces} is to {wish.side}; cancel it and open a new ticket to {side}")
    wanted = OpenTicket(symbol=wish.symbol, side=side, quantity=wish.quantity)
    return replace(wish_of(wanted, desk), market=wish.market)


def number(text: str, what: str) -> Decimal:
    """A plain decimal above 0. Raises `Unfit`: no signs, exponents, separators or words."""
    typed = text.strip()
    if not NUMBER.fullmatch(typed) or not Decimal(typed) > ZERO:
        raise Unfit(f"{typed[:40]!r} is not {what}; type a number above 0 like 150.25")
    return Decimal(typed)


def _on_lot(quantity: Decimal, symbol: str, desk: TradingDesk) -> Decimal:
    rule = desk.rules.get(symbol)
    lot = rule.lot_size if rule is not None else ZERO
    if lot and quantity % lot:
        below = quantity // lot * lot
        nearest = f"{below:f} or {below + lot:f}" if below else f"{lot:f}"
        raise Unfit(f"{symbol} quantity {quantity:f} is off the lot {lot:f}; type {nearest}")
    return quantity
