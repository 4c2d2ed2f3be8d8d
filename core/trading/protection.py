"""Which orders should rest to protect a position, and the smallest change from those that do. Pure.

Three styles, by what the venue offers. PAIRS (Binance.US spot): one OCO per target, and a stop alone for the rest that trails
behind. ALONE (Bybit spot, or where pairs were refused): one stop for everything; the program keeps the targets, as a resting
stop locks the coins. SPLIT (perpetuals): one reduce-only stop for the whole position on the mark price, and reduce-only limits
as targets. Legs the venue's filters would refuse are merged with their neighbour (methods sheet 9). Everything together is never
more than the position cut down to the lot, also between two steps of a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from core.messages import Side
from core.trading.broker import Features
from core.trading.order import ZERO
from core.trading.plan import Target
from core.trading.working import floor_step
from core.venue import Instrument

REST = -1
"""The leg without a target."""
Style = Literal["PAIRS", "ALONE", "SPLIT"]
MANY = 1_000
"""Orders, where the venue sets no bound."""
_TEN_THOUSAND = Decimal(10_000)


class Leg(Struct, frozen=True, kw_only=True):
    """Orders that bind each other, or one alone. `key` is the place of its target in the plan, or REST.

    `stop` is the trigger (0: no stop, a target alone), `stop_limit` the limit behind it (0: it becomes a market order),
    `target` the limit price that takes profit (0: a stop alone).
    """

    key: int
    quantity: Decimal
    stop: Decimal = ZERO
    stop_limit: Decimal = ZERO
    target: Decimal = ZERO

    @property
    def prices(self) -> tuple[Decimal, Decimal, Decimal]:
        return self.stop, self.stop_limit, self.target


class Resting(Struct, frozen=True, kw_only=True):
    """A leg as it stands at the venue. `quantity` of `leg` is what is left of it.

    `client_ids`: the stop's first. `fixed`: not to be touched now: its outcome is not known, it was triggered, or it is being
    changed already.
    """

    leg: Leg
    client_ids: tuple[str, ...]
    fixed: bool = False


class Terms(Struct, frozen=True, kw_only=True):
    """What is to be protected. `entered` was held at most at once, `quantity` is to be protected now (both in base).

    `taken` is what each target has sold already. `dropped`: targets that are not to rest any more. `alone`: the venue refused
    pairs, do without. `stop` and `targets` as planned, not rounded.
    """

    side: Side
    stop: Decimal
    targets: tuple[Target, ...]
    entered: Decimal
    quantity: Decimal
    taken: tuple[Decimal, ...]
    features: Features
    rules: Instrument
    stop_limit_bp: Decimal
    dropped: frozenset[int] = frozenset()
    alone: bool = False

    @property
    def style(self) -> Style:
        if self.features.perpetual:
            return "SPLIT"
        return "PAIRS" if self.features.oco and self.rules.oco_allowed and not self.alone else "ALONE"


class Add(Struct, frozen=True):
    """Place one leg more."""

    leg: Leg


class Swap(Struct, frozen=True):
    """Cancel these, and when that is proven place those. In between, what they cover is unprotected."""

    old: tuple[Resting, ...]
    new: tuple[Leg, ...] = ()


class Amend(Struct, frozen=True):
    """Change one resting order in place."""

    old: Resting
    new: Leg


class Replace(Struct, frozen=True):
    """Let the venue swap one resting order for another in one request."""

    old: Resting
    new: Leg


Change = Add | Swap | Amend | Replace


def stop_prices(
    side: Side, stop: Decimal, rules: Instrument, features: Features, limit_bp: Decimal
) -> tuple[Decimal, Decimal]:
    """Trigger and limit of a stop that closes a position of `side`. The trigger is rounded towards acting earlier.

    The limit lies `limit_bp` behind it and at least one tick; 0 where stops become market orders.
    """
    long = side == "BUY"
    trigger = _on_tick(stop, rules.tick_size, up=long)
    if features.stop_market:
        return trigger, ZERO
    way = trigger * limit_bp / _TEN_THOUSAND
    limit = _on_tick(trigger - way if long else trigger + way, rules.tick_size, up=not long)
    if long:
        return trigger, max(min(limit, trigger - rules.tick_size), rules.min_price, rules.tick_size)
    return trigger, min(max(limit, trigger + rules.tick_size), rules.max_price or limit)


def target_price(side: Side, target: Decimal, rules: Instrument) -> Decimal:
    """The target on the tick, rounded towards filling earlier."""
    return _on_tick(target, rules.tick_size, up=side == "SELL")


def takes(leg: Leg, terms: Terms) -> bool:
    """Whether the venue's filters take every order of the leg."""
    rules = terms.rules
    if leg.quantity <= ZERO or leg.quantity < rules.min_qty:
        return False
    if rules.max_qty and leg.quantity > rules.max_qty:
        return False
    lowest = min(price for price in leg.prices if price > ZERO)
    return terms.features.perpetual or leg.quantity * lowest >= rules.min_notional


def wanted(terms: Terms) -> tuple[Leg, ...]:
    """The legs that should rest, if none did yet. Empty: nothing is held, no stop is planned, or it is too little."""
    return _wanted(terms, _shares(terms), frozenset())


def goals(terms: Terms) -> tuple[Decimal, ...]:
    """What each target is to take in all: its share of what was entered, cut down to the lot."""
    lot = terms.rules.lot_size
    return tuple(
        ZERO if key in terms.dropped else floor_step(terms.entered * target.share, lot)
        for key, target in enumerate(terms.targets)
    )


def changes(terms: Terms, resting: Sequence[Resting]) -> tuple[Change, ...]:
    """The acts that lead from what rests to what should, in order. Empty: it is as it should be.

    What is `fixed` is left alone and counts as it is.
    """
    left, free = _left_alone(terms, resting)
    if terms.style == "PAIRS":
        return _change_pairs(left, free, resting)
    if terms.style == "ALONE":
        return tuple(_change_stop(left, free))
    stops = [one for one in free if one.leg.stop]
    return (*_change_stop(left, stops), *_change_targets(terms, resting))


def _left_alone(terms: Terms, resting: Sequence[Resting]) -> tuple[Terms, list[Resting]]:
    """The terms without what stays as it rests, and the rest of the legs.

    Pairs with the right stop stay too when the venue refuses new ones, as long as one stop can cover what they leave.
    """
    whole = floor_step(max(ZERO, terms.quantity), terms.rules.lot_size)
    kept = [one for one in resting if one.fixed]
    if terms.style == "ALONE":
        trigger, _ = stop_prices(terms.side, terms.stop, terms.rules, terms.features, terms.stop_limit_bp)
        pairs = [one for one in resting if not one.fixed and one.leg.target and one.leg.stop == trigger]
        left = whole - _held([*kept, *pairs])
        if left == ZERO or (left > ZERO and takes(_leg(terms, REST, left), terms)):
            kept += pairs
    taken = list(terms.taken)
    quantity = terms.quantity
    for one in kept:
        if one.leg.stop:
            quantity -= one.leg.quantity
            if one.leg.key != REST:
                taken[one.leg.key] += one.leg.quantity
    reduced = replace(terms, quantity=max(ZERO, quantity), taken=tuple(taken))
    return reduced, [one for one in resting if one not in kept]


def program_targets(terms: Terms) -> tuple[Leg, ...]:
    """Where the program keeps the targets (ALONE): what to sell at each, nearest first, merged so that no leg is dust."""
    if terms.style != "ALONE" or terms.stop <= ZERO:
        return ()
    return tuple(leg for leg in _merged(terms, _shares(terms), frozenset()) if leg.target)


def _shares(terms: Terms) -> dict[int, Decimal]:
    """What is left for each leg, nearest target first, the rest last; together the position cut down to the lot."""
    whole = floor_step(max(ZERO, terms.quantity), terms.rules.lot_size)
    left, shares = whole, {}
    for key, goal in enumerate(goals(terms)):
        shares[key] = min(left, max(ZERO, goal - terms.taken[key]))
        left -= shares[key]
    shares[REST] = left
    return shares


def _leg(terms: Terms, key: int, quantity: Decimal) -> Leg:
    trigger, limit = stop_prices(terms.side, terms.stop, terms.rules, terms.features, terms.stop_limit_bp)
    target = ZERO if key == REST else target_price(terms.side, terms.targets[key].price, terms.rules)
    return Leg(key=key, quantity=quantity, stop=trigger, stop_limit=limit, target=target)


def _wanted(terms: Terms, shares: dict[int, Decimal], kept: frozenset[int]) -> tuple[Leg, ...]:
    """Legs for these shares. Those of `kept` rest already as they should and are not judged again."""
    whole = sum(shares.values(), ZERO)
    if whole == ZERO or terms.stop <= ZERO:
        return ()
    if terms.style == "ALONE":
        legs = [_leg(terms, REST, whole)]
        return tuple(leg for leg in legs if takes(leg, terms))
    if terms.style == "SPLIT":
        stop = _leg(terms, REST, whole)
        targets = [
            replace(_leg(terms, key, part), stop=ZERO, stop_limit=ZERO) for key, part in shares.items() if key != REST
        ]
        return tuple(leg for leg in (stop, *targets) if takes(leg, terms))
    return _merged(terms, shares, kept)


def _merged(terms: Terms, shares: dict[int, Decimal], kept: frozenset[int]) -> tuple[Leg, ...]:
    """Each leg the filters take; one that is too small goes on to the next target, the rest back to the last one."""
    legs: list[Leg] = []
    carried = ZERO
    for key in sorted(shares, key=lambda key: (key == REST, key)):
        quantity = shares[key] + carried
        leg = _leg(terms, key, quantity)
        if quantity > ZERO and (takes(leg, terms) or (key in kept and carried == ZERO)):
            legs.append(leg)
            carried = ZERO
        else:
            carried = quantity
    most = terms.rules.max_algo_orders or len(legs)
    while carried > ZERO or len(legs) > most:
        if not legs or (carried == ZERO and len(legs) == 1):
            break
        if carried == ZERO:
            carried = legs.pop().quantity
            continue
        last = legs.pop()
        legs.append(replace(last, quantity=last.quantity + carried))
        carried = ZERO
    return tuple(legs)


def _change_pairs(terms: Terms, free: Sequence[Resting], resting: Sequence[Resting]) -> tuple[Change, ...]:
    shares = _shares(terms)
    groups = {key: [one for one in free if one.leg.key == key] for key in {*shares, *(one.leg.key for one in free)}}
    kept = frozenset(key for key, group in groups.items() if group and _held(group) == shares.get(key, ZERO) and all(
        one.leg.prices == _leg(terms, key, ZERO).prices for one in group
    ))  # fmt: skip
    legs = {leg.key: leg for leg in _wanted(terms, shares, kept)}
    shrink: list[Change] = []
    grow: list[Change] = []
    rebuild: list[Change] = []
    most = terms.rules.max_algo_orders or MANY
    count = sum(max(1, len(groups[key])) for key in legs) + sum(one.fixed for one in resting)
    for key, group in groups.items():
        leg, held = legs.get(key), _held(group)
        if leg is None:
            shrink += [Swap(tuple(group))] if group else []
            continue
        right = all(one.leg.prices == leg.prices for one in group)
        crowded = count > most and len(group) > 1
        if right and held == leg.quantity and not crowded:
            continue
        more = replace(leg, quantity=leg.quantity - held)
        first = leg.quantity < held or crowded
        if not group:
            grow.append(Add(leg))
        elif right and held < leg.quantity and takes(more, terms) and count < most:
            count += 1
            grow.append(Add(more))
        elif len(group) == 1 and terms.features.replace and not leg.target and not group[0].leg.target:
            (shrink if first else rebuild).append(Replace(group[0], leg))
        else:
            (shrink if first else rebuild).append(Swap(tuple(group), (leg,)))
    return (*shrink, *grow, *rebuild)


def _change_stop(terms: Terms, stops: Sequence[Resting]) -> list[Change]:
    """One stop for everything."""
    leg = next((leg for leg in _wanted(terms, _shares(terms), frozenset()) if leg.stop), None)
    if leg is None:
        return [Swap(tuple(stops))] if stops else []
    if not stops:
        return [Add(leg)]
    alone = [one for one in stops if not one.leg.target]
    if len(stops) == len(alone) == 1:
        old = stops[0]
        if (old.leg.prices, old.leg.quantity) == (leg.prices, leg.quantity):
            return []
        if terms.features.amend:
            return [Amend(old, leg)]
        return [Replace(old, leg)] if terms.features.replace else [Swap((old,), (leg,))]
    return [Swap(tuple(stops), (leg,))]


def _change_targets(terms: Terms, resting: Sequence[Resting]) -> list[Change]:
    """Targets alone, as reduce-only limits: together no more than the position."""
    legs = {leg.key: leg for leg in _wanted(terms, _shares(terms), frozenset()) if not leg.stop}
    found: list[Change] = []
    for one in resting:
        if one.leg.stop:
            continue
        leg = legs.pop(one.leg.key, None)
        if one.fixed or leg == one.leg:
            continue
        if leg is None:
            found.append(Swap((one,)))
        elif terms.features.amend:
            found.append(Amend(one, leg))
        else:
            found.append(Swap((one,), (leg,)))
    return found + [Add(leg) for leg in legs.values()]


def _held(group: Sequence[Resting]) -> Decimal:
    return sum((one.leg.quantity for one in group), ZERO)


def _on_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    if not tick:
        return price
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick
