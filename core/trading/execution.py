"""Carrying orders out: accept, match, rest, fill, close; pairs and attached legs follow their orders.

`Execution` holds no memory of its own: it moves the engine's `State` through `Blotter` (orders and reports) and `Settlement`
(money and positions).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from core.trading.admission import admission, live_rules
from core.trading.blotter import Blotter
from core.trading.conventions import Conventions, Refusal, RefusalKey
from core.trading.fees import Fees
from core.trading.matching_state import State
from core.trading.oco import attached_legs, list_rules
from core.trading.order import ZERO, Fill, OrderSpec, OrderStatus
from core.trading.order_queue import Caps, Demand, Step, walk
from core.trading.settlement import Settlement
from core.trading.working import TRIGGERED_TYPES, Working, floor_step, opposite
from core.venue import Instrument

_MATCHED_ITSELF = Refusal("", "EXPIRED_IN_MATCH")
_POSITION_CLOSED = Refusal("", "CancelByReduceOnly")
_LEGS_CLEARED = Refusal("", "CancelByTpSlTsClear")
_NOTHING = Refusal("", "")


class ReduceCaps:
    """Reduce-only orders may fill up to the position they reduce, less what the plan at hand already takes of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._planned: dict[str, Decimal] = {}

    def room(self, maker: Working) -> Decimal:
        """What may fill now, at most its remaining quantity."""
        if not maker.spec.reduce_only:
            return maker.remaining
        reducible = self._state.position(maker.account, maker.spec.symbol).reducible(maker.spec.side)
        return max(ZERO, min(maker.remaining, reducible - self._planned.get(maker.account, ZERO)))

    def planned(self, maker: Working, quantity: Decimal) -> None:
        """Note that `quantity` of it is going to fill."""
        self._planned[maker.account] = self._planned.get(maker.account, ZERO) + quantity


class Execution:
    """What happens to orders of one venue's category."""

    def __init__(self, rules: Mapping[str, Instrument], conventions: Conventions, fees: Fees, blotter: Blotter) -> None:
        self.rules = rules
        self.conventions = conventions
        self.blotter = blotter
        self.state = blotter.state
        self.settlement = Settlement(rules, conventions, fees, blotter.state)

    def caps(self) -> Caps:
        """Fresh bounds of reduce-only orders."""
        return ReduceCaps(self.state)

    def place(self, account: str, spec: OrderSpec) -> None:
        """Accept a new order, or refuse it."""
        key = admission(self.state, self.blotter, self.rules, self.conventions, account, spec)
        if key:
            return self.blotter.reject(spec, self.conventions.refusal(key))
        order = Working(account=account, spec=spec, order_id="", priority=self.blotter.next_priority(), status="NEW")
        if spec.type not in TRIGGERED_TYPES:
            return self.go_live(order)
        order.status = "UNTRIGGERED"
        if not self.settlement.lock(order):
            return self.blotter.reject(spec, self.conventions.refusal("BALANCE"))
        self.blotter.record(order)
        self.blotter.report(order)

    def place_pair(self, account: str, first: OrderSpec, second: OrderSpec) -> None:
        """Accept an OCO, both legs or none."""
        book = self.state.book(first.symbol)
        rule = self.rules.get(first.symbol)
        offered = self.conventions.oco and (rule is None or rule.oco_allowed)
        key: RefusalKey | None = None if offered else "PARAMETER"
        key = key or list_rules(first, second, book.last, book.best("BUY"), book.best("SELL"))
        for spec in (first, second):
            key = key or admission(self.state, self.blotter, self.rules, self.conventions, account, spec)
        legs = [
            Working(account=account, spec=spec, order_id="", priority=self.blotter.next_priority(),
                    status="UNTRIGGERED" if spec.type in TRIGGERED_TYPES else "NEW")
            for spec in (first, second)
        ]  # fmt: skip
        if not key:
            key = self._pair_rules(account, first.symbol, legs)
        if key:
            for spec in (first, second):
                self.blotter.reject(spec, self.conventions.refusal(key))
            return
        for leg in legs:
            self.blotter.record(leg)
        legs[0].pair, legs[1].pair = legs[1].order_id, legs[0].order_id
        for leg in legs:
            if not leg.waiting:
                self._queue_up(leg)
            self.blotter.report(leg)

    def _pair_rules(self, account: str, symbol: str, legs: list[Working]) -> RefusalKey | None:
        limit = next(leg for leg in legs if not leg.waiting)
        lists = {o.spec.list_id for o in self.blotter.open_orders(symbol, account) if o.pair and not o.parent}
        most = self.rules[symbol].max_order_lists
        if most and len(lists) >= most:
            return "MAX_NUM_ORDER_LISTS"
        steps, met = self.plan(limit)
        if steps or met:
            return "POST_ONLY"
        return None if self.settlement.lock_pair(*legs) else "BALANCE"

    def plan(self, order: Working) -> tuple[list[Step], list[Working]]:
        """What an order would trade if it came to the market now, and which own orders it would meet."""
        spec = order.spec
        book = self.state.book(spec.symbol)
        limit = spec.price if order.limited else None
        best, cap = book.best(opposite(spec.side)), self.conventions.market_cap
        if limit is None and cap and best:
            limit = best * (1 + cap if spec.side == "BUY" else 1 - cap)
        base = self.caps().room(order)
        demand = Demand(spec.side, order.account, base, spec.quote_quantity, self.rules[spec.symbol].lot_size, limit)
        return walk(book, self.blotter.queue(spec.symbol), demand, self.caps())

    def go_live(self, order: Working) -> None:
        """Bring an order to the market: a new one, one that triggered, one that was amended. It holds no lock."""
        steps, met = self.plan(order)
        key = live_rules(self.settlement, self.blotter.queue(order.spec.symbol), order, steps, met)
        if key:
            return self._refuse(order, key)
        if not order.order_id:
            self.blotter.record(order)
        order.status = "PARTIALLY_FILLED" if order.filled else "NEW"
        self.blotter.report(order)
        if order.spec.time_in_force == "FOK" and sum((s.quantity for s in steps), ZERO) < order.remaining:
            return self.close(order, self.conventions.unfilled, Refusal("", self.conventions.unfilled_reason))
        for maker in met:
            self.close(maker, self.conventions.unfilled, _MATCHED_ITSELF)
        self._execute(order, steps)
        if order.open:
            self._rest(order)

    def _refuse(self, order: Working, key: RefusalKey) -> None:
        refusal = self.conventions.refusal(key)
        recorded = bool(order.order_id)
        if not recorded and not (key == "POST_ONLY" and self.conventions.post_only_recorded):
            return self.blotter.reject(order.spec, refusal)
        if not recorded:
            self.blotter.record(order)
        self.close(order, self.conventions.unfilled, refusal)

    def _execute(self, order: Working, steps: list[Step]) -> None:
        side = opposite(order.spec.side)
        symbol = order.spec.symbol
        for step in steps:
            if step.maker is None:
                self.state.book(symbol).take(side, step.price, step.quantity)
                self.blotter.queue(symbol).shorten(side, step.price, step.quantity)
                self.fill(order, step.price, step.quantity, maker=False, outside=True)
            else:
                self.fill(step.maker, step.price, step.quantity, maker=True, outside=False, last=False)
                self.fill(order, step.price, step.quantity, maker=False, outside=False)

    def _rest(self, order: Working) -> None:
        """What a taker left unfilled rests, or ends with its time in force."""
        if not order.limited or order.spec.time_in_force != "GTC":
            return self.close(order, self.conventions.unfilled, Refusal("", self.conventions.unfilled_reason))
        self._queue_up(order)
        self.relock(order)

    def _queue_up(self, order: Working) -> None:
        spec = order.spec
        order.ahead = self.state.book(spec.symbol).available(spec.side, spec.price)
        self.blotter.queue(spec.symbol).add(order)

    def fill(
        self, order: Working, price: Decimal, quantity: Decimal, *, maker: bool, outside: bool, last: bool = True
    ) -> None:
        """One side of one execution, with everything that follows from it. `last`: no other side shares its trade id."""
        other = self.state.orders.get(order.pair)
        self.settlement.unlock(order)
        if other:
            self.settlement.unlock(other)
        fee, fee_asset = self.settlement.trade(order, price, quantity, maker, outside)
        order.filled += quantity
        order.filled_quote += price * quantity
        order.status = "FILLED" if self._done(order, price) else "PARTIALLY_FILLED"
        if not order.open:
            self.blotter.retire(order)
        trade_id = str(self.state.next_trade)
        self.state.next_trade += last
        self.blotter.filled(
            order,
            Fill(
                trade_id=trade_id, order_id=order.order_id, client_id=order.spec.client_id, symbol=order.spec.symbol,
                side=order.spec.side, price=price, quantity=quantity, cumulative=order.filled, fee=fee,
                fee_asset=fee_asset, maker=maker, at_ms=self.state.now_ms,
            ),
        )  # fmt: skip
        if other:
            self._part(order, other)
        parent = self.state.orders.get(order.parent)
        if parent:
            parent.exited += quantity
        self._protect(order)
        self.relock(order)

    def _done(self, order: Working, price: Decimal) -> bool:
        spec = order.spec
        if not spec.quote_quantity:
            return order.filled >= spec.quantity
        left = spec.quote_quantity - order.filled_quote
        if self.conventions.quote_dust:
            return left <= 0
        return floor_step(left / price, self.rules[spec.symbol].lot_size) <= 0

    def _part(self, order: Working, other: Working) -> None:
        """A leg came to life: the other one ends."""
        order.pair = other.pair = ""
        self.close(other, self.conventions.unfilled, _LEGS_CLEARED if other.parent else _NOTHING)

    def close(self, order: Working, status: OrderStatus, why: Refusal = _NOTHING) -> None:
        """End an open order. The other leg of an OCO ends with it; an attached leg leaves its twin standing."""
        self.settlement.unlock(order)
        order.status = status
        order.reject_code, order.reject_reason = why.code, why.reason
        self.blotter.retire(order)
        self.blotter.report(order)
        other = self.state.orders.get(order.pair)
        if other is None:
            return
        order.pair = other.pair = ""
        if order.parent and why is not _LEGS_CLEARED:
            self.settlement.lock(other)
        else:
            self.close(other, status, why)

    def trigger(self, order: Working) -> None:
        """A stop or target has met its price: it goes to the market."""
        self.settlement.unlock(order)
        other = self.state.orders.get(order.pair)
        if other:
            self._part(order, other)
        order.priority = self.blotter.next_priority()
        self.go_live(order)

    def relock(self, order: Working) -> None:
        """After a fill: what still rests holds exactly what it needs, and what the position no longer allows ends."""
        spec = order.spec
        if self.rules[spec.symbol].category == "spot":
            if order in self.blotter.queue(spec.symbol) and not self.settlement.lock(order):
                self.close(order, "CANCELED", self.conventions.refusal("BALANCE"))
            return
        self.rebalance(order.account, spec.symbol)

    def rebalance(self, account: str, symbol: str) -> None:
        """Renew the locks of an account's orders on a perpetual after its position changed, in the order they would fill."""
        position = self.state.position(account, symbol)
        for order in self.blotter.open_orders(symbol, account):
            gone = not position.reducible(order.spec.side)
            if gone and order.open and order.parent and order.waiting:
                self.close(order, "CANCELED", _LEGS_CLEARED)
            elif gone and order.open and order.spec.reduce_only and not order.waiting:
                self.close(order, "CANCELED", _POSITION_CLOSED)
        queue = self.blotter.queue(symbol)
        for side in (queue.side("BUY"), queue.side("SELL")):
            reducible = position.reducible(side[0].spec.side) if side else ZERO
            for order in side:
                if order.account != account:
                    continue
                if not self.settlement.lock(order, reducible):
                    self.close(order, "CANCELED", self.conventions.refusal("BALANCE"))
                reducible = max(ZERO, reducible - order.remaining)

    def _protect(self, entry: Working) -> None:
        """Attached legs come to life with the entry's first fill and grow with it."""
        spec = entry.spec
        if not (spec.take_profit or spec.stop_loss):
            return
        instrument = self.rules[spec.symbol]
        linear = instrument.category != "spot"
        bought = entry.filled if linear or spec.side == "SELL" else entry.received
        quantity = floor_step(bought - entry.exited, instrument.lot_size)
        legs = self.blotter.legs(entry)
        if quantity <= 0:
            return
        for leg in legs:
            leg.resize(quantity + leg.filled)
        fresh = not legs
        if fresh:
            legs = [
                Working(account=entry.account, spec=leg, order_id="", priority=self.blotter.next_priority(),
                        status="UNTRIGGERED", parent=entry.order_id)
                for leg in attached_legs(spec, quantity, linear)
            ]  # fmt: skip
        if not self.settlement.lock_pair(legs[0], legs[-1]):
            for leg in legs:
                self._refuse(leg, "BALANCE")
            return
        if fresh:
            for leg in legs:
                self.blotter.record(leg)
            if len(legs) == 2:
                legs[0].pair, legs[1].pair = legs[1].order_id, legs[0].order_id
        for leg in legs:
            self.blotter.report(leg)
