"""Positions from our own fills alone: what was bought and sold for one trade, for how much, and what is left of it.

A position is a sum over the facts of its orders, so fills may come in any order and any number of times, and a replay ends
with the same numbers. On spot it is the net of our fills after fees taken in the base asset: coins held before are in none of
these sums and are therefore never touched. A fill by somebody else (a liquidation, the website) counts only when it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from core.messages import Side
from core.risk.position_math import sign
from core.trading.order import ZERO, Fill
from core.trading.order_record import OrderRecord
from core.trading.working import floor_step, opposite
from core.venue import Instrument


class Position(Struct, frozen=True, kw_only=True):
    """One trade's position, or the sum of those of a symbol. Quantities in base, values in quote, both unsigned.

    `entered` was traded in the direction of `side`, `exited` against it. `base_fees` were taken in the base asset of a spot
    market, `quote_fees` in the quote or settlement asset; `other_fees` in assets whose price is not known here, by asset: they
    are in no sum. `funding` is positive when paid. `written_off` is dust of an ended trade. `unexplained` is filled
    quantity whose price the venue has not told yet: it counts, at the best price known. `opened_ms` of the first fill.
    """

    symbol: str
    trade_id: str
    side: Side
    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    base_fees: Decimal = ZERO
    base_fees_value: Decimal = ZERO
    quote_fees: Decimal = ZERO
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    funding: Decimal = ZERO
    written_off: Decimal = ZERO
    unexplained: Decimal = ZERO
    opened_ms: int = 0
    changed_ms: int = 0

    @property
    def quantity(self) -> Decimal:
        """What is held, signed: negative for a short."""
        return sign(self.side) * (self.entered - self.exited - self.written_off) - self.base_fees

    @property
    def size(self) -> Decimal:
        """What is held in the direction of the trade; 0 when flat or, by an outside fill, past it."""
        return max(ZERO, sign(self.side) * self.quantity)

    @property
    def received(self) -> Decimal:
        """All that was ever held at once at most: entered, less the fees that came out of it."""
        return max(ZERO, self.entered - self.base_fees)

    @property
    def entry_price(self) -> Decimal:
        """Average of the fills that opened it; 0 before the first."""
        return self.entry_value / self.entered if self.entered else ZERO

    @property
    def exit_price(self) -> Decimal:
        """Average of the fills that closed it; 0 before the first."""
        return self.exit_value / self.exited if self.exited else ZERO

    @property
    def fees(self) -> Decimal:
        """Fees in quote; those taken in base at the price of their fill."""
        return self.base_fees_value + self.quote_fees

    @property
    def realised(self) -> Decimal:
        """Result of what was closed, net of all fees and funding; dust written off is lost with what it cost."""
        traded = sign(self.side) * (self.exit_value - self.entry_price * self.exited)
        lost = self.entry_price * (self.base_fees + self.written_off)
        return traded - lost - self.quote_fees - self.funding

    def unrealised(self, price: Decimal) -> Decimal:
        """Result of what is still held if closed at `price`, before the fees of that."""
        return self.quantity * (price - self.entry_price)

    def result(self, price: Decimal) -> Decimal:
        """Everything the trade has brought by now, at this price."""
        return self.realised + self.unrealised(price)


class _Part(Struct, frozen=True, kw_only=True):
    """What one order, or one outside fill, adds: (quantity, value) bought and sold, fees by asset with their value."""

    bought: tuple[Decimal, Decimal] = (ZERO, ZERO)
    sold: tuple[Decimal, Decimal] = (ZERO, ZERO)
    fees: tuple[tuple[str, Decimal, Decimal], ...] = ()
    unexplained: Decimal = ZERO
    first_ms: int = 0
    last_ms: int = 0


class PositionBook:
    """Every trade's position. `rules` tells base and quote of a symbol; it may not know it yet, or no longer."""

    def __init__(self, rules: Callable[[str], Instrument | None]) -> None:
        self._rules = rules
        self._trades: dict[str, Position] = {}
        self._parts: dict[str, dict[str, _Part]] = {}

    @property
    def positions(self) -> Mapping[str, Position]:
        """What is held, by symbol: flat trades are left out, two trades of one symbol are added up."""
        found: dict[str, Position] = {}
        for position in self._trades.values():
            if position.quantity:
                known = found.get(position.symbol)
                found[position.symbol] = position if known is None else _added(known, position)
        return MappingProxyType(found)

    @property
    def open_symbols(self) -> frozenset[str]:
        """Symbols something is held of."""
        return frozenset(self.positions)

    def of(self, trade_id: str) -> Position | None:
        """The position of one trade, flat or not; None before its first fill."""
        return self._trades.get(trade_id)

    def apply(self, record: OrderRecord) -> Position | None:
        """Take an order as it stands now. Returns the position of its trade; None while nothing was filled."""
        spec = record.intent.spec
        trade_id = record.intent.parent or record.client_id
        if record.filled == ZERO and record.client_id not in self._parts.get(trade_id, {}):
            return self._trades.get(trade_id)
        side = opposite(spec.side) if record.intent.parent else spec.side
        self._parts.setdefault(trade_id, {})[record.client_id] = _part_of(record)
        return self._sum(trade_id, spec.symbol, side)

    def outside(self, trade_id: str, fill: Fill) -> Position:
        """A fill of an order that is none of ours changed this trade's position. Told twice it counts once.

        What others take from it is gone. What they add beyond that is theirs: it is in no sum here. Raises `KeyError` for a
        trade that has no position.
        """
        known = self._trades[trade_id]
        self._parts[trade_id][f"{OUTSIDE}{fill.trade_id}"] = _part((fill,))
        return self._sum(trade_id, known.symbol, known.side)

    def knows(self, trade_id: str, fill: Fill) -> bool:
        """Whether this fill of somebody else is in the position already."""
        return f"{OUTSIDE}{fill.trade_id}" in self._parts.get(trade_id, {})

    def fund(self, trade_id: str, amount: Decimal) -> Position:
        """Funding of a perpetual position: positive is paid. Raises `KeyError` for a trade that has no position."""
        position = self._trades[trade_id]
        self._trades[trade_id] = replace(position, funding=position.funding + amount)
        return self._trades[trade_id]

    def write_off(self, trade_id: str, dust: Decimal) -> None:
        """The trade is over; `dust` (unsigned) is too small to sell and no position any more."""
        position = self._trades.get(trade_id)
        if position is not None:
            self._trades[trade_id] = replace(position, written_off=dust)

    def _sum(self, trade_id: str, symbol: str, side: Side) -> Position:
        before = self._trades.get(trade_id) or Position(symbol=symbol, trade_id=trade_id, side=side)
        parts = self._parts[trade_id].values()
        entries, exits = ("bought", "sold") if side == "BUY" else ("sold", "bought")
        theirs = [part for name, part in self._parts[trade_id].items() if name.startswith(OUTSIDE)]
        added, added_value = _beyond(
            [getattr(part, entries) for part in theirs], [getattr(part, exits) for part in theirs]
        )
        rule = self._rules(symbol)
        spot = rule is not None and rule.category == "spot"
        base = rule.base if rule is not None and spot else ""
        in_coin = {base, UNTOLD} - {""} if spot else set()
        quote = {rule.quote, rule.settle} - {""} if rule is not None else set()
        in_base = [fee for part in parts for fee in part.fees if fee[0] in in_coin]
        in_quote = [fee for part in parts for fee in part.fees if fee[0] in quote]
        others: dict[str, Decimal] = {}
        for asset, fee, _ in (fee for part in parts for fee in part.fees):
            if asset != UNTOLD and asset not in in_coin and asset not in quote:
                others[asset] = others.get(asset, ZERO) + fee
        times = [part.first_ms for part in parts if part.first_ms]
        self._trades[trade_id] = replace(
            before,
            entered=_total(getattr(part, entries)[0] for part in parts) - added,
            entry_value=_total(getattr(part, entries)[1] for part in parts) - added_value,
            exited=_total(getattr(part, exits)[0] for part in parts),
            exit_value=_total(getattr(part, exits)[1] for part in parts),
            base_fees=_total(fee for _, fee, _ in in_base),
            base_fees_value=_total(value for _, _, value in in_base),
            quote_fees=_total(fee for _, fee, _ in in_quote),
            other_fees=tuple(sorted(others.items())),
            unexplained=_total(part.unexplained for part in parts),
            opened_ms=min(times, default=0),
            changed_ms=max((part.last_ms for part in parts), default=0),
        )
        return self._trades[trade_id]


OUTSIDE = "outside "
"""Begins the name of a part that is somebody else's fill: no client id has a blank."""
UNTOLD = "?"
"""The asset of a fee nobody told yet; on spot counted in the coin that was bought."""
UNTOLD_FEE = Decimal("0.0025")
"""... and how much of the purchase it is thought to be: more than either venue takes."""


def sellable(quantity: Decimal, price: Decimal, rule: Instrument) -> Decimal:
    """How much of it one market order can close now, cut down to the lot; 0: it is dust.

    On perpetuals an order that only reduces is exempt from the value filter.
    """
    lot = max(rule.lot_size, rule.market_lot_size)
    cut = floor_step(max(ZERO, quantity), lot)
    least = max(rule.min_qty, rule.market_min_qty)
    if cut < least or cut == ZERO:
        return ZERO
    if rule.category == "spot" and rule.notional_applies_to_market and cut * price < rule.min_notional:
        return ZERO
    return min(cut, rule.market_max_qty or rule.max_qty or cut)


def _part_of(record: OrderRecord) -> _Part:
    part = _part(record.fills)
    missing = record.unexplained
    if missing <= ZERO:
        return part
    spec = record.intent.spec
    quantity, value = part.bought if spec.side == "BUY" else part.sold
    told = record.average_price * record.filled - value
    guess = spec.price or spec.stop_price or (value / quantity if quantity else ZERO)
    both = (quantity + missing, value + (told if record.average_price else missing * guess))
    first_ms, last_ms = part.first_ms or record.changed_ms, max(part.last_ms, record.changed_ms)
    if spec.side == "BUY":
        # Coins the fee may have taken cannot be sold: until the fills tell, a stop covers the rest for certain.
        fees = (*part.fees, (UNTOLD, missing * UNTOLD_FEE, missing * UNTOLD_FEE * guess))
        return replace(part, bought=both, fees=fees, unexplained=missing, first_ms=first_ms, last_ms=last_ms)
    return replace(part, sold=both, unexplained=missing, first_ms=first_ms, last_ms=last_ms)


def _part(fills: Iterable[Fill]) -> _Part:
    fills = tuple(fills)
    times = [fill.at_ms for fill in fills]
    return _Part(
        bought=_traded(fill for fill in fills if fill.side == "BUY"),
        sold=_traded(fill for fill in fills if fill.side == "SELL"),
        fees=tuple((fill.fee_asset, fill.fee, fill.fee * fill.price) for fill in fills if fill.fee),
        first_ms=min(times, default=0),
        last_ms=max(times, default=0),
    )


def _traded(fills: Iterable[Fill]) -> tuple[Decimal, Decimal]:
    quantity = value = ZERO
    for fill in fills:
        quantity += fill.quantity
        value += fill.quantity * fill.price
    return quantity, value


def _beyond(came: list[tuple[Decimal, Decimal]], went: list[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Quantity and value of what others put in beyond what others took out."""
    quantity = _total(one[0] for one in came)
    over = quantity - _total(one[0] for one in went)
    return (over, _total(one[1] for one in came) * over / quantity) if over > ZERO else (ZERO, ZERO)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


_ADDED = (
    "entered", "entry_value", "exited", "exit_value", "base_fees", "base_fees_value", "quote_fees", "funding",
    "written_off", "unexplained",
)  # fmt: skip


def _added(one: Position, other: Position) -> Position:
    """Two trades of one symbol as one position, in the direction of the first."""
    if one.side != other.side:
        other = replace(
            other, side=one.side, entered=other.exited, entry_value=other.exit_value, exited=other.entered,
            exit_value=other.entry_value, written_off=-other.written_off,
        )  # fmt: skip
    return replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in _ADDED},
        other_fees=one.other_fees + other.other_fees,
        opened_ms=min(one.opened_ms, other.opened_ms),
        changed_ms=max(one.changed_ms, other.changed_ms),
    )
