"""One category's orders at the Bybit sandbox: placing, changing and cancelling them at the account's matching engine.

Deviations of the engine from the venue: spot `StopOrder`s lock what they need at once, as `tpslOrder`s do; TP/SL attached to an
entry close what that entry filled, in mode Full too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from core.messages import Side
from core.trading.conventions import RefusalKey
from core.trading.fees import Fees
from core.trading.market_events import FundingPayment
from core.trading.order import ZERO, OrderReport, OrderSpec
from core.trading.working import OPEN
from core.venue import Rejected
from providers.sandbox.accounts import Accounts
from providers.sandbox.bybit_orders_body import CONDITIONAL_FILTERS, OrderBodies, OrderForm, Reader, amendment
from providers.sandbox.bybit_orders_rows import Change, ExecutionRow, OrderRow, OrderRows
from providers.sandbox.bybit_orders_wire import engine_id, wire_id
from providers.sandbox.bybit_rest import RetError
from providers.sandbox.bybit_wire import mark_price
from providers.sandbox.faults import FaultPlan

MAX_ORDERS = 500
"""Open orders per symbol; on spot those that wait for a trigger count too."""
MAX_WAITING = {"spot": 30, "linear": 10}
"""Orders of a symbol that may wait for a trigger."""

Ids = dict[str, str]
"""The whole acknowledgement: `orderId` and `orderLinkId`."""


class OrderDesk:
    """Carries out order requests; `changed` and `funded` hear what became of the account."""

    def __init__(self, accounts: Accounts, faults: FaultPlan) -> None:
        self.accounts = accounts
        self.category = accounts.feed.category
        self.spot = self.category == "spot"
        self.fees = Fees()
        self.rows = OrderRows(self.category, self.fees, self.last_price)
        self.changed: list[Callable[[Change], None]] = []
        self.funded: list[Callable[[ExecutionRow], None]] = []
        self._faults = faults
        self._bodies = OrderBodies(self.category, self.last_price, self.reducible)
        accounts.listeners.append(self._heard)
        accounts.funding_listeners.append(self._paid)

    # --- requests ----------------------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any]) -> Ids:
        """Place an order. Raises `RetError` with the venue's code when it is refused."""
        symbol = str(body.get("symbol", ""))
        self.accounts.need(symbol)
        spec, form = self._bodies.create(body)
        refused = self._faults.take_refusal()
        if refused is not None:
            raise RetError(int(refused.code), refused.text)
        self._room(spec)
        return self.ids(self.submit(spec, form))

    def _room(self, spec: OrderSpec) -> None:
        """Raise `RetError` when the symbol holds as many open orders, or waiting ones, as the venue takes."""
        engine = self.accounts.engine
        held = engine.open_orders(self.accounts.account, spec.symbol)
        waiting = sum(report.status == "UNTRIGGERED" for report in held)
        counted = len(held) if self.spot else len(held) - waiting
        key: RefusalKey | None = None
        if spec.stop_price and waiting >= MAX_WAITING[self.category]:
            key = "MAX_NUM_ALGO_ORDERS"
        elif counted >= MAX_ORDERS and (self.spot or not spec.stop_price):
            key = "MAX_NUM_ORDERS"
        if key:
            refusal = engine.conventions.refusal(key)
            raise RetError(int(refusal.code), refusal.reason)

    def submit(self, spec: OrderSpec, form: OrderForm) -> OrderRow:
        """Give an order to the engine. Raises `RetError` when it is refused."""
        accounts = self.accounts
        self.rows.expect(spec, form)
        reports = accounts.act(lambda: accounts.engine.submit(accounts.account, spec, accounts.now_ms()), spec.symbol)
        row = self.rows.get(self.rows.made() or "none")
        if row is None:
            refusal = next(report for report in reports if not report.order_id and report.spec == spec)
            raise RetError(int(refusal.reject_code), refusal.reject_reason)
        return row

    def amend(self, body: Mapping[str, Any]) -> Ids:
        """Change an order in place. Raises `RetError` when that is refused."""
        row = self._named(body)
        changes = amendment(body)
        self.change(row, price=changes.price, quantity=changes.quantity, stop_price=changes.stop_price)
        return self.ids(row)

    def change(
        self,
        row: OrderRow,
        *,
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> None:
        """Amend an order at the engine. Raises `RetError` when that is refused."""
        accounts, order_id, open_before = self.accounts, row.report.order_id, row.open
        reports = self._ask(
            lambda: accounts.engine.amend(
                accounts.account,
                accounts.now_ms(),
                order_id=order_id,
                price=price,
                quantity=quantity,
                stop_price=stop_price,
            ),
            row.spec.symbol,
        )
        self._refusal(reports, order_id, open_before)

    def cancel(self, body: Mapping[str, Any]) -> Ids:
        """Cancel an order. On spot the filter must name its kind, until it has triggered."""
        row = self._named(body)
        if self.spot:
            wanted = Reader(body).choice("orderFilter", ("Order", *CONDITIONAL_FILTERS), "Order")
            if wanted not in (row.form.order_filter, self.kind(row)):
                raise self._unknown()
        self.withdraw(row)
        return self.ids(row)

    def withdraw(self, row: OrderRow) -> None:
        """Cancel an order at the engine. Raises `RetError` when it is closed already."""
        accounts, order_id, open_before = self.accounts, row.report.order_id, row.open
        reports = self._ask(
            lambda: accounts.engine.cancel(accounts.account, accounts.now_ms(), order_id=order_id), row.spec.symbol
        )
        self._refusal(reports, order_id, open_before)

    def cancel_all(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel what the filters name. Spot leaves conditional orders alone unless asked for; linear takes every kind."""
        read = Reader(body)
        named = {name: read.text(name, "") for name in ("symbol", "baseCoin", "settleCoin")}
        if not self.spot and not any(named.values()):
            raise RetError(10001, "params error: symbol, baseCoin or settleCoin is required")
        order_filter = read.choice("orderFilter", ("Order", *CONDITIONAL_FILTERS), "Order" if self.spot else "")
        chosen = [row for row in self.rows.newest() if row.open and self.within(row.spec.symbol, named)]
        chosen = [row for row in chosen if order_filter in ("", self.kind(row))]
        for row in chosen:
            self.withdraw(row)
        return {"list": [self.ids(row) for row in chosen], "success": "1"}

    # --- looking things up --------------------------------------------------------------------------------------------

    def ids(self, row: OrderRow) -> Ids:
        """How the venue names an order."""
        return {"orderId": wire_id(row.report.order_id, self.category), "orderLinkId": row.spec.client_id}

    def find(self, order_id: str, link_id: str) -> OrderRow | None:
        """An order by the venue's id or ours."""
        return self.rows.get(engine_id(order_id, self.category)) if order_id else self.rows.get(client_id=link_id)

    def kind(self, row: OrderRow) -> str:
        """The order filter that finds an order. Waiting linear orders are `StopOrder`s; what has triggered is an `Order`."""
        if row.triggered:
            return "Order"
        if self.spot:
            return row.form.order_filter
        return "StopOrder" if row.spec.stop_price else "Order"

    def within(self, symbol: str, named: Mapping[str, str]) -> bool:
        """Whether a symbol fits `symbol`, `baseCoin` and `settleCoin`, as far as they are given."""
        rule = self.accounts.engine.rules[symbol]
        facts = {"symbol": symbol, "baseCoin": rule.base, "settleCoin": rule.settle or rule.quote}
        return all(facts[name] == wanted for name, wanted in named.items() if wanted)

    def last_price(self, symbol: str) -> Decimal:
        """The last trade the account's engine has seen, else the market's; 0 without one."""
        return self.accounts.engine.last_price(symbol) or self.market_price(symbol)

    def market_price(self, symbol: str) -> Decimal:
        """The newest trade the public streams have told; 0 without one."""
        feed = self.accounts.feed
        trade = feed.recent_trade(symbol) if symbol in feed.listings else None
        return trade.price_ticks * feed.units[symbol].tick_size if trade else ZERO

    def mark(self, symbol: str) -> Decimal:
        """The mark price of a perpetual, 0 on spot."""
        mark = None if self.spot else self.accounts.feed.mark(symbol)
        return Decimal(mark_price(mark.mark_ticks, self.accounts.feed.units[symbol])) if mark else ZERO

    def reducible(self, symbol: str, side: Side) -> Decimal:
        """How much an order of `side` can take off the position, at most one order's largest size."""
        size = next((p.size for p in self.accounts.engine.positions(self.accounts.account) if p.symbol == symbol), ZERO)
        open_size = max(ZERO, -size if side == "BUY" else size)
        if not open_size:
            raise RetError(110017, "Reduce-only rule not satisfied.")
        rule = self.accounts.engine.rules[symbol]
        return min(open_size, rule.market_max_qty or rule.max_qty or open_size)

    # --- the engine ---------------------------------------------------------------------------------------------------

    def _named(self, body: Mapping[str, Any]) -> OrderRow:
        read = Reader(body)
        symbol, order_id, link_id = read.text("symbol"), read.text("orderId", ""), read.text("orderLinkId", "")
        if not (order_id or link_id):
            raise RetError(10001, "params error: orderId or orderLinkId is required")
        row = self.find(order_id, link_id)
        if row is None or row.spec.symbol != symbol:
            raise self._unknown()
        return row

    def _ask(self, call: Callable[[], list[OrderReport]], symbol: str) -> list[OrderReport]:
        try:
            return self.accounts.act(call, symbol)
        except Rejected as error:
            raise RetError(int(error.code), str(error)) from None

    @staticmethod
    def _refusal(reports: list[OrderReport], order_id: str, open_before: bool) -> None:
        """Raise `RetError` when the last word on the order is that it stays as it was."""
        last = next((report for report in reversed(reports) if report.order_id == order_id), None)
        if last is not None and last.reject_code.isdecimal() and (last.status in OPEN or not open_before):
            raise RetError(int(last.reject_code), last.reject_reason)

    def _unknown(self) -> RetError:
        refusal = self.accounts.engine.conventions.refusal("UNKNOWN_ORDER")
        return RetError(int(refusal.code), refusal.reason)

    def _heard(self, report: OrderReport) -> None:
        if not report.order_id:  # a refused order leaves no trace
            return
        change = self.rows.heard(report, self.mark(report.spec.symbol))
        for listener in self.changed:
            listener(change)

    def _paid(self, payment: FundingPayment) -> None:
        rule = self.accounts.engine.rules[payment.symbol]
        row = self.rows.funded(
            payment.symbol, payment.size, payment.mark, payment.paid, rule.settle or rule.quote, payment.at_ms
        )
        for listener in self.funded:
            listener(row)
