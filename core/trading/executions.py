"""What has been executed of one order at its venue, as a value that any order of arrival and any doubling lead to alike.

Reports and fills only ever add to a set of facts; the filled quantity, the price and the fees are computed from the set. A
fill is counted once per trade id, and once per stretch of the cumulative quantity: the same execution told under two ids
by two channels covers the same stretch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.trading.order import ZERO, Fill, OrderReport, OrderStatus

ENDS: tuple[OrderStatus, ...] = ("REJECTED", "EXPIRED", "CANCELED", "FILLED")
"""Reports of an end; of two with the same cumulative quantity the later in this list holds."""
WAYS = 1024
"""Sums of fills looked at when one execution has two ids: the limit keeps a venue from buying our time."""


class VenueOrder(Struct, frozen=True, kw_only=True):
    """One order id of the venue under our client id. `fills` hold each trade id once, `counted` those that add up to
    `counted_quantity`.

    `listing` holds the trade ids of the venue's complete listings. `contradiction`: one trade id was told with two prices or
    quantities. `cumulative` is the highest the venue told and `quote` the money told with it. `end` is its last word with
    `end_cumulative`: an end told with less than is filled is no end yet.
    """

    order_id: str
    cumulative: Decimal = ZERO
    quote: Decimal = ZERO
    end: OrderStatus | None = None
    end_cumulative: Decimal = ZERO
    reject: str = ""
    fills: tuple[Fill, ...] = ()
    counted: tuple[Fill, ...] = ()
    counted_quantity: Decimal = ZERO
    listing: tuple[str, ...] = ()
    contradiction: bool = False

    @property
    def filled(self) -> Decimal:
        """The most that is proven."""
        return max(self.cumulative, self.counted_quantity)

    @property
    def filled_quote(self) -> Decimal:
        """Money exchanged for `filled`: the venue's own sum where it covers it, else from the fills; 0: not known."""
        if self.quote > ZERO and self.cumulative == self.filled:
            return self.quote
        if self.counted_quantity == self.filled:
            return sum((fill.price * fill.quantity for fill in self.counted), ZERO)
        return ZERO

    @property
    def ended(self) -> OrderStatus | None:
        """How it ended; None while it may still fill."""
        return self.end if self.end is not None and self.end_cumulative >= self.filled else None


def told(order: VenueOrder, report: OrderReport) -> VenueOrder:
    """The order with one report more. `filled` of a report that ends an order must be its final cumulative quantity."""
    fills = () if report.fill is None else (report.fill,)
    order = _summed(executed(order, fills), report.filled, report.filled_quote)
    final = max(report.filled, *(fill.cumulative for fill in fills), ZERO)
    if report.status in ENDS and _end_key(report.status, final) > _end_key(order.end, order.end_cumulative):
        reject = f"{report.reject_code} {report.reject_reason}".strip()
        order = replace(order, end=report.status, end_cumulative=final, reject=reject)
    return order


def executed(order: VenueOrder, fills: Iterable[Fill]) -> VenueOrder:
    """The order with these executions. Of one trade id told in two ways the fuller wording is kept, and counted as one."""
    fills = tuple(fill for fill in fills if fill not in order.fills)
    if not fills:
        return order
    if len(fills) == 1 and _goes_on(order, fills[0]):
        return _appended(order, fills[0])
    known = {fill.trade_id: fill for fill in order.fills}
    contradiction = order.contradiction
    for fill in fills:
        before = known.get(fill.trade_id)
        if before is not None and (before.price, before.quantity) != (fill.price, fill.quantity):
            contradiction = True
        if before is None or _wording(fill) > _wording(before):
            known[fill.trade_id] = fill
    if contradiction == order.contradiction and known == {fill.trade_id: fill for fill in order.fills}:
        return order
    held = tuple(sorted(known.values(), key=_place))
    highest = max((fill.cumulative for fill in held), default=ZERO)
    quote = order.quote if order.cumulative >= highest else ZERO
    cumulative = max(order.cumulative, highest)
    order = replace(order, fills=held, contradiction=contradiction, cumulative=cumulative, quote=quote)
    return _recounted(order)


def listed(order: VenueOrder, fills: Iterable[Fill]) -> VenueOrder:
    """The order with a listing of all its trades: what they add up to is a cumulative quantity told by the venue."""
    fills = tuple(fills)
    order = executed(order, fills)
    names = tuple(sorted({*order.listing, *(fill.trade_id for fill in fills)}))
    if names != order.listing:
        order = _recounted(replace(order, listing=names))
    return _summed(order, sum({fill.trade_id: fill.quantity for fill in fills}.values(), ZERO), ZERO)


def merged(first: VenueOrder, second: VenueOrder) -> VenueOrder:
    """Two views of the same order as one: reports without the venue's id belong to the order that has one."""
    order = executed(first, second.fills)
    if second.listing:
        order = _recounted(replace(order, listing=tuple(sorted({*first.listing, *second.listing}))))
    order = _summed(order, second.cumulative, second.quote)
    if _end_key(second.end, second.end_cumulative) > _end_key(order.end, order.end_cumulative):
        order = replace(order, end=second.end, end_cumulative=second.end_cumulative, reject=second.reject)
    return order


def _summed(order: VenueOrder, cumulative: Decimal, quote: Decimal) -> VenueOrder:
    """The order with a cumulative quantity told by the venue, and the money told with it (0: none)."""
    if (cumulative, quote) <= (order.cumulative, order.quote):
        return order
    order = replace(order, cumulative=cumulative, quote=quote)
    return order if order.counted_quantity == cumulative else _recounted(order)


def _goes_on(order: VenueOrder, fill: Fill) -> bool:
    """Whether a fill begins where all that is known ends: the ordinary case, which needs no counting anew."""
    placed = not order.fills or order.fills[0].cumulative > ZERO
    beyond = order.cumulative <= fill.cumulative - fill.quantity < fill.cumulative
    return placed and beyond and all(known.trade_id != fill.trade_id for known in order.fills)


def _appended(order: VenueOrder, fill: Fill) -> VenueOrder:
    return replace(
        order,
        fills=(*order.fills, fill),
        counted=(*order.counted, fill),
        counted_quantity=order.counted_quantity + fill.quantity,
        cumulative=fill.cumulative,
        quote=ZERO,
    )


def _recounted(order: VenueOrder) -> VenueOrder:
    counted = _counted(_once(order.fills, frozenset(order.listing)), order.cumulative)
    return replace(order, counted=counted, counted_quantity=sum((fill.quantity for fill in counted), ZERO))


def _counted(held: tuple[Fill, ...], cumulative: Decimal) -> tuple[Fill, ...]:
    """Those that add up: in order of their place, each stretch of the cumulative quantity once.

    A fill without a place (cumulative 0) has its trade id alone. As long as all of them together are more than the venue has
    summed, those with the price and quantity of a placed one are taken for that one under another id.
    """
    counted: list[Fill] = []
    covered = ZERO
    for fill in held:
        if fill.cumulative > ZERO and fill.cumulative - fill.quantity >= covered:
            covered = fill.cumulative
            counted.append(fill)
    unplaced = [fill for fill in held if fill.cumulative == ZERO]
    excess = sum((fill.quantity for fill in (*counted, *unplaced)), ZERO) - cumulative
    if not unplaced or excess <= ZERO:
        return (*counted, *unplaced)
    twins = _twins(Counter(map(_alike, counted)), Counter(map(_alike, unplaced)), excess)
    for fill in unplaced:
        if twins[_alike(fill)] > 0:
            twins[_alike(fill)] -= 1
        else:
            counted.append(fill)
    return tuple(counted)


def _once(held: tuple[Fill, ...], listing: frozenset[str]) -> tuple[Fill, ...]:
    """Without those that are in a listing of the venue under one id and were told under another.

    Two fills are one when they are alike to the millisecond, one is listed and has no place, and the other is not listed: the
    one with a place is kept, else the listed one. An execution that looks like one listed before it counts with the next
    listing, which is asked for as soon as the venue sums more than is counted.
    """
    if not listing or all(fill.trade_id in listing for fill in held):
        return held
    known: dict[tuple[Decimal, Decimal, int], list[Fill]] = {}
    for fill in held:
        if fill.trade_id in listing and fill.cumulative == ZERO:
            known.setdefault((*_alike(fill), fill.at_ms), []).append(fill)
    dropped: set[str] = set()
    for fill in reversed(held):  # those with a place first
        twins = known.get((*_alike(fill), fill.at_ms), [])
        if fill.trade_id not in listing and twins:
            twin = twins.pop()
            dropped.add(twin.trade_id if fill.cumulative > ZERO else fill.trade_id)
    return tuple(fill for fill in held if fill.trade_id not in dropped)


def _twins(
    placed: Counter[tuple[Decimal, Decimal]], unplaced: Counter[tuple[Decimal, Decimal]], excess: Decimal
) -> Counter[tuple[Decimal, Decimal]]:
    """How many unplaced fills of each price and quantity are placed ones under another id.

    Those that together make up the excess exactly, where some do: one after the other would take the wrong one of two that
    look alike. Else the fewest that make up for all of it, else all that can be.
    """
    ways: dict[Decimal, Counter[tuple[Decimal, Decimal]]] = {ZERO: Counter()}
    for alike in sorted(placed.keys() & unplaced.keys()):
        for _ in range(min(placed[alike], unplaced[alike])):
            longer = {total + alike[1]: chosen + Counter((alike,)) for total, chosen in ways.items() if total < excess}
            ways = longer | ways
            for total in sorted(ways, reverse=True)[WAYS:]:
                del ways[total]
    return ways[min((total for total in ways if total >= excess), default=max(ways))]


def _alike(fill: Fill) -> tuple[Decimal, Decimal]:
    return fill.price, fill.quantity


def _place(fill: Fill) -> tuple[Decimal, Decimal, str]:
    return fill.cumulative, fill.quantity, fill.trade_id


def _wording(fill: Fill) -> tuple[Decimal, Decimal, Decimal, Decimal, str, int]:
    """Orders two tellings of one trade: the one with its place first, then anything, as long as it is always the same."""
    return fill.cumulative, fill.quantity, fill.price, fill.fee, fill.fee_asset, fill.at_ms


def _end_key(end: OrderStatus | None, cumulative: Decimal) -> tuple[Decimal, int]:
    return (cumulative, ENDS.index(end)) if end is not None else (Decimal(-1), -1)
