"""What the outside market does to our orders: book changes, public trades, mark prices, funding.

Within one event the order is fixed: resting orders fill first, then triggers fire by time of arrival; a mark price first
liquidates, then triggers, which is the worse of the two for the owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from core.messages import Side
from core.trading.admission import trigger_price
from core.trading.conventions import Refusal
from core.trading.execution import Execution
from core.trading.market_side import Level
from core.trading.order import ZERO, Fill, OrderSpec
from core.trading.order_queue import share
from core.trading.working import Working, opposite, rises_to_trigger

_LIQUIDATION = Refusal("", "Liquidation")


class FundingPayment(Struct, frozen=True, kw_only=True):
    """Funding one position paid (negative: received), in the settlement asset."""

    account: str
    symbol: str
    size: Decimal
    mark: Decimal
    rate: Decimal
    paid: Decimal
    at_ms: int


class MarketEvents:
    """Applies the outside market to the orders of an `Execution`."""

    def __init__(self, execution: Execution, maintenance: Decimal) -> None:
        self._execution = execution
        self._state = execution.state
        self._blotter = execution.blotter
        self._maintenance = maintenance

    def book(self, symbol: str, bids: Iterable[Level], asks: Iterable[Level], snapshot: bool) -> None:
        """A snapshot or a diff. Resting orders that an opposite level now reaches fill at their own price."""
        changes: dict[Side, list[Level]] = {"BUY": list(bids), "SELL": list(asks)}
        book = self._state.book(symbol)
        book.update(changes["BUY"], changes["SELL"], snapshot)
        queue = self._blotter.queue(symbol)
        if queue.empty:
            return
        sides: tuple[Side, Side] = ("BUY", "SELL")
        for side in sides:
            resting = {order.spec.price for order in queue.side(side)}
            for price in resting if snapshot else resting.intersection(level[0] for level in changes[side]):
                queue.bound(side, price, book.available(side, price))
        for side in sides:
            prices = sorted({level[0] for level in changes[side]}, reverse=side == "BUY")
            for price in prices:
                self._crossed(symbol, side, price)

    def _crossed(self, symbol: str, side: Side, price: Decimal) -> None:
        """Outside quantity at `price` meets our orders on the other side that it reaches."""
        book = self._state.book(symbol)
        caps = self._execution.caps()
        for maker in self._blotter.queue(symbol).reached(opposite(side), price):
            quantity = min(book.available(side, price), caps.room(maker)) if maker.open else ZERO
            if quantity > 0:
                book.take(side, price, quantity)
                self._execution.fill(maker, maker.spec.price, quantity, maker=True, outside=True)

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, taker: Side, at_ms: int) -> None:
        """A public trade: it goes through our better priced orders, then through the queue at its own price."""
        minutes = self._execution.rules[symbol].average_price_minutes
        self._state.book(symbol).traded(price, quantity, at_ms, minutes)
        side = opposite(taker)
        queue = self._blotter.queue(symbol)
        left = quantity
        for maker in queue.reached(side, price):
            if maker.spec.price == price:
                continue
            part = min(left, self._execution.caps().room(maker)) if maker.open else ZERO
            if part > 0:
                left -= part
                self._execution.fill(maker, maker.spec.price, part, maker=True, outside=True)
        for step in list(share(price, left, queue.at(side, price), left, self._execution.caps())):
            if step.maker is None:
                queue.shorten(side, price, step.quantity)
            elif step.maker.open:
                self._execution.fill(step.maker, price, step.quantity, maker=True, outside=True)
        self._fire(symbol)

    def mark(self, symbol: str, price: Decimal) -> None:
        """A mark price: liquidations, then triggers."""
        self._state.book(symbol).mark = price
        self.liquidate(symbol)
        self._fire(symbol)

    def _fire(self, symbol: str) -> None:
        for order in self._blotter.waiting(symbol):
            price = trigger_price(self._state, order.spec)
            if order.waiting and price and _met(order, price):
                self._execution.trigger(order)

    def fund(self, symbol: str, rate: Decimal, at_ms: int) -> list[FundingPayment]:
        """Every position of the symbol pays or receives funding at the mark price."""
        mark = self._state.book(symbol).mark
        payments = []
        for account in sorted(self._state.positions):
            position = self._state.positions[account].get(symbol)
            if position and position.size and mark:
                paid = self._execution.settlement.fund(account, symbol, rate, mark)
                payments.append(
                    FundingPayment(
                        account=account, symbol=symbol, size=position.size, mark=mark, rate=rate, paid=paid, at_ms=at_ms
                    )
                )
        self.liquidate(symbol)
        return payments

    def liquidate(self, symbol: str) -> None:
        """Take over every position of the symbol whose margin no longer covers its maintenance at the mark price."""
        mark = self._state.book(symbol).mark
        for account in sorted(self._state.positions):
            position = self._state.positions[account].get(symbol)
            if position and mark and position.liquidated_at(mark, self._maintenance):
                self._take_over(account, symbol)

    def _take_over(self, account: str, symbol: str) -> None:
        """Cancel the account's orders in the symbol and close its position at the bankruptcy price, as one last trade."""
        for order in self._blotter.open_orders(symbol, account):
            if order.open:
                self._execution.close(order, "CANCELED", _LIQUIDATION)
        position = self._state.position(account, symbol)
        size = position.size
        side: Side = "SELL" if size > 0 else "BUY"
        tick = self._execution.rules[symbol].tick_size
        rounding = ROUND_FLOOR if size > 0 else ROUND_CEILING
        price = (position.bankruptcy_price() / tick).to_integral_value(rounding) * tick
        spec = OrderSpec(
            client_id="", symbol=symbol, side=side, type="MARKET", quantity=abs(size), reduce_only=True
        )  # fmt: skip
        order = Working(
            account=account, spec=spec, order_id="", priority=self._blotter.next_priority(), status="FILLED",
            filled=abs(size), filled_quote=abs(size) * price, reject_reason=_LIQUIDATION.reason,
        )  # fmt: skip
        self._blotter.record(order)
        self._blotter.retire(order)
        self._execution.settlement.liquidate(account, symbol)
        trade_id = str(self._state.next_trade)
        self._state.next_trade += 1
        asset = self._execution.settlement.asset(symbol)
        self._blotter.filled(
            order,
            Fill(
                trade_id=trade_id, order_id=order.order_id, client_id="", symbol=symbol, side=side, price=price,
                quantity=abs(size), cumulative=abs(size), fee=ZERO, fee_asset=asset, maker=False,
                at_ms=self._state.now_ms,
            ),
        )  # fmt: skip


def _met(order: Working, price: Decimal) -> bool:
    return price >= order.spec.stop_price if rises_to_trigger(order.spec) else price <= order.spec.stop_price
