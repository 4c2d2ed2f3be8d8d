"""Moving money for orders and trades: what an order locks, what a trade pays, funding and liquidation.

The engine's invariant rests here: a resting order's lock covers its fill at its limit price and the fee, so a fill never
fails for want of money. Where a perpetual's loss exceeds what its owner has, the outside world (in truth the venue's
insurance fund) pays the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from core.messages import Side
from core.trading.conventions import Conventions
from core.trading.fees import Fees, settlement
from core.trading.matching_state import State
from core.trading.order import ZERO
from core.trading.order_queue import Step
from core.trading.positions_linear import Position, initial_margin
from core.trading.working import Working
from core.venue import Instrument


class Settlement:
    """Locks and payments over the ledger and the positions of one engine state."""

    def __init__(self, rules: Mapping[str, Instrument], conventions: Conventions, fees: Fees, state: State) -> None:
        self._rules = rules
        self._conventions = conventions
        self._fees = fees
        self._state = state

    def requirement(self, order: Working, reducible: Decimal = ZERO) -> tuple[Decimal, str]:
        """What an order must have locked while it rests or waits, and of which asset.

        Spot stops lock what they will need when they are placed, at the trigger price where they have no limit.
        Perpetuals lock only when live, and only for what exceeds `reducible`; reduce-only orders lock nothing.
        """
        spec = order.spec
        instrument = self._rules[spec.symbol]
        if instrument.category == "spot" and spec.side == "SELL":
            return order.remaining, instrument.base
        price = spec.price or spec.stop_price
        if instrument.category == "spot":
            return self._with_fee(price * order.remaining), instrument.quote
        opening = ZERO if order.waiting or spec.reduce_only else max(ZERO, order.remaining - reducible)
        return self._opening(order, opening, price), settlement(instrument)

    def lock(self, order: Working, reducible: Decimal = ZERO) -> bool:
        """Lock what the order requires, in place of what it has locked; False, with nothing locked, if that is not there."""
        self.unlock(order)
        amount, asset = self.requirement(order, reducible)
        if not self._state.ledger.lock(order.account, asset, amount):
            return False
        order.locked, order.lock_asset = amount, asset
        return True

    def unlock(self, order: Working) -> None:
        """Give back what the order has locked."""
        if order.locked:
            self._state.ledger.unlock(order.account, order.lock_asset, order.locked)
        order.locked = ZERO

    def affordable(self, order: Working, steps: list[Step], promised: Decimal) -> bool:
        """Whether the account can pay the taker's steps and lock what would rest. The order itself holds no lock now.

        `promised`: how much of the position other orders are already meant to close.
        """
        spec = order.spec
        instrument = self._rules[spec.symbol]
        if instrument.category != "spot":
            return self._linear_affordable(order, steps, promised)
        if spec.side == "SELL":
            selling = max(order.remaining, sum((step.quantity for step in steps), ZERO))
            return self._state.ledger.balance(order.account, instrument.base).free >= selling
        if order.limited:
            need = order.remaining * spec.price
        else:
            need = spec.quote_quantity or sum((step.price * step.quantity for step in steps), ZERO)
        return self._state.ledger.balance(order.account, instrument.quote).free >= self._with_fee(need)

    def _linear_affordable(self, order: Working, steps: list[Step], promised: Decimal) -> bool:
        spec = order.spec
        reducible = max(ZERO, self.position(order).reducible(spec.side) - promised)
        wanted = sum((step.quantity for step in steps), ZERO) if not order.limited else order.remaining
        opening = max(ZERO, wanted - reducible)
        if spec.reduce_only or not opening:
            return True
        worst = max([step.price for step in steps] + [spec.price if order.limited else ZERO])
        free = self._state.ledger.balance(order.account, settlement(self._rules[spec.symbol])).free
        return free >= self._opening(order, opening, worst)

    def _opening(self, order: Working, quantity: Decimal, price: Decimal) -> Decimal:
        """Initial margin and fee of opening `quantity` at `price`."""
        if not quantity:
            return ZERO
        leverage = self.position(order).leverage
        return initial_margin(quantity, price, leverage) + quantity * price * self._dearest()

    def _with_fee(self, cost: Decimal) -> Decimal:
        """A purchase and what comes on top of it in quote."""
        return cost if self._fees.charged_in == "received" else cost + cost * self._dearest()

    def _dearest(self) -> Decimal:
        return max(self._fees.taker, self._fees.maker, ZERO)

    def position(self, order: Working) -> Position:
        """The position the order belongs to."""
        return self._state.position(order.account, order.spec.symbol)

    def asset(self, symbol: str) -> str:
        """The asset profit and margin of a symbol are in."""
        return settlement(self._rules[symbol])

    def trade(
        self, order: Working, price: Decimal, quantity: Decimal, maker: bool, outside: bool
    ) -> tuple[Decimal, str]:
        """Settle one side of a trade; `outside`: the other side is not ours. Returns (fee, its asset)."""
        spec = order.spec
        instrument = self._rules[spec.symbol]
        fee, fee_asset = self._fees.of(instrument, spec.side, price, quantity, maker, self._conventions.fee_step)
        ledger = self._state.ledger
        if instrument.category == "spot":
            signed = quantity if spec.side == "BUY" else -quantity
            moves = {instrument.base: signed, instrument.quote: -signed * price}
            if outside:
                for asset, amount in moves.items():
                    ledger.export(asset, -amount)
            moves[fee_asset] -= fee
            for asset, amount in moves.items():
                ledger.add_free(order.account, asset, amount)
            if spec.side == "BUY":
                order.received += moves[instrument.base]
        else:
            signed_cost = quantity * price if spec.side == "BUY" else -quantity * price
            if outside:
                ledger.export(fee_asset, signed_cost)
            self._linear(order, spec.side, price, quantity, fee, fee_asset)
        ledger.collect(fee_asset, fee)
        return fee, fee_asset

    def _linear(self, order: Working, side: Side, price: Decimal, quantity: Decimal, fee: Decimal, asset: str) -> None:
        position = self.position(order)
        reducing = min(quantity, position.reducible(side))
        if reducing:
            profit, margin = position.reduce(side, reducing, price)
            self._state.ledger.unlock(order.account, asset, margin)
            self._pay(order.account, asset, -profit)
        position.fees += fee
        self._pay(order.account, asset, fee)
        opening = quantity - reducing
        if opening:
            free = self._state.ledger.balance(order.account, asset).free
            margin = min(free, initial_margin(opening, price, position.leverage))
            self._state.ledger.lock(order.account, asset, margin)
            position.open(side, opening, price, margin)

    def _pay(self, account: str, asset: str, amount: Decimal) -> None:
        """Take `amount` from free (negative: give); what is not there the outside world pays."""
        free = self._state.ledger.balance(account, asset).free
        paid = min(amount, free)
        self._state.ledger.add_free(account, asset, -paid)
        self._state.ledger.export(asset, paid - amount)

    def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> bool:
        """Use another leverage and move margin accordingly; False, nothing changed, if free money does not allow it."""
        position = self._state.position(account, symbol)
        asset = settlement(self._rules[symbol])
        if position.size:
            margin = initial_margin(abs(position.size), abs(position.entry), leverage)
            more = margin - position.margin
            if more > 0 and not self._state.ledger.lock(account, asset, more):
                return False
            if more < 0:
                self._state.ledger.unlock(account, asset, -more)
            position.margin = margin
        position.leverage = leverage
        return True

    def fund(self, account: str, symbol: str, rate: Decimal, mark: Decimal) -> Decimal:
        """Pay funding on a position: size × mark × rate, longs pay a positive rate. Returns what was paid.

        Free money pays first, then the position's margin; more than both together is forgiven.
        """
        position = self._state.position(account, symbol)
        asset = settlement(self._rules[symbol])
        ledger = self._state.ledger
        due = position.size * mark * rate
        short = max(ZERO, due - ledger.balance(account, asset).free)
        from_margin = min(short, position.margin)
        ledger.unlock(account, asset, from_margin)
        position.margin -= from_margin
        paid = due - (short - from_margin)
        ledger.add_free(account, asset, -paid)
        ledger.export(asset, paid)
        position.funding += paid
        return paid

    def lock_pair(self, first: Working, second: Working) -> bool:
        """Lock what the dearer leg needs, once, on the first; False, with nothing locked, if that is not there."""
        self.unlock(first)
        self.unlock(second)
        amount, asset = max(self.requirement(first), self.requirement(second))
        if not self._state.ledger.lock(first.account, asset, amount):
            return False
        first.locked, first.lock_asset = amount, asset
        return True

    def liquidate(self, account: str, symbol: str) -> None:
        """Hand the position to the outside world at its bankruptcy price: the margin is gone, the position too."""
        position = self._state.position(account, symbol)
        asset = settlement(self._rules[symbol])
        ledger = self._state.ledger
        ledger.unlock(account, asset, position.margin)
        ledger.add_free(account, asset, -position.margin)
        ledger.export(asset, position.margin - position.cost)
        position.realised -= position.margin
        position.size = position.cost = position.margin = ZERO
