"""One account's orders on Binance.US: placing, cancelling and replacing them, with the venue's answers and refusals.

The REST endpoints and the WebSocket API both go through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.working import OPEN
from providers.sandbox import binance_us_order_wire as wire
from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us_lists import OrderList, OrderLists
from providers.sandbox.binance_us_order_params import AnswerKind, new_id
from providers.sandbox.binance_us_params import ApiError, Params
from providers.sandbox.faults import FaultPlan
from providers.sandbox.limits import OrderCount

UNKNOWN_ORDER = "Unknown order sent."
RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class OrderDesk:
    """The account's orders in the venue's words.

    `cancel_ids` maps an order's id to the id of the request that cancelled it; the user stream tells both.
    `refused` hears new orders that were refused after another one had been cancelled for them.
    """

    def __init__(self, accounts: Accounts, faults: FaultPlan) -> None:
        self.accounts = accounts
        self.feed = accounts.feed
        self.lists = OrderLists()
        self.counts = OrderCount()
        self.cancel_ids: dict[str, str] = {}
        self.refused: list[Callable[[OrderReport], None]] = []
        self._faults = faults

    # --- new orders --------------------------------------------------------------------------------------------------

    def place(self, spec: OrderSpec, kind: AnswerKind) -> dict[str, Any]:
        """Send an order; the venue's answer. Raises `ApiError` with the refusal."""
        self.count(1)
        report, fills = self._submit(spec)
        self._raise_refusal(report)
        return answer(report, fills, kind)

    def test(self, spec: OrderSpec) -> dict[str, Any]:
        """Check an order as if it were sent, and send nothing."""
        engine, account = self.accounts.engine, self.accounts.account
        self.accounts.act(list, spec.symbol)
        before = engine.snapshot()
        reports = engine.submit(account, spec, self.accounts.now_ms())
        engine.restore(before)
        self._raise_refusal(_own(reports, spec)[-1])
        return {}

    def place_list(self, stop: OrderSpec, limit: OrderSpec, list_client_id: str, kind: AnswerKind) -> dict[str, Any]:
        """Send an OCO, both legs or none."""
        self.count(2)
        self._scripted_refusal()
        engine, account, now_ms = self.accounts.engine, self.accounts.account, self.accounts.now_ms()
        listed = self.lists.open(list_client_id, limit.symbol, now_ms)
        legs = [replace(leg, list_id=str(listed.number)) for leg in (stop, limit)]
        reports = self.accounts.act(lambda: engine.submit_oco(account, legs[0], legs[1], now_ms), limit.symbol)
        last = [_own(reports, leg)[-1] for leg in legs]
        if not last[0].order_id:
            self.lists.drop(listed)
            self._raise_refusal(last[0])
        return wire.list_row(listed, [answer(report, [], kind) for report in last])

    def count(self, orders: int) -> None:
        """Count new orders against the account's limits. Raises `ApiError` -1015 for one too many."""
        over = self.counts.add(orders, self.feed.clock.now_ms())
        if over is not None:
            raise ApiError(-1015, f"Too many new orders; current limit is {over.limit} orders per {over.name}.", 429)

    def _submit(self, spec: OrderSpec) -> tuple[OrderReport, list[Fill]]:
        self._scripted_refusal()
        engine, account, now_ms = self.accounts.engine, self.accounts.account, self.accounts.now_ms()
        reports = _own(self.accounts.act(lambda: engine.submit(account, spec, now_ms), spec.symbol), spec)
        return reports[-1], [report.fill for report in reports if report.fill is not None]

    def _scripted_refusal(self) -> None:
        refusal = self._faults.take_refusal()
        if refusal is not None:
            raise ApiError(int(refusal.code), refusal.text)

    @staticmethod
    def _raise_refusal(report: OrderReport) -> None:
        if not report.order_id:
            raise ApiError(int(report.reject_code), report.reject_reason)

    # --- known orders ------------------------------------------------------------------------------------------------

    def find(self, symbol: str, number: int | None, client_id: str | None) -> OrderReport | None:
        """An order by the venue's number, else the newest with our id."""
        if number is None and client_id is None:
            message = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise ApiError(-1102, message)
        order_id = "" if number is None else str(number)
        report = self.accounts.engine.order(self.accounts.account, order_id=order_id, client_id=client_id or "")
        return report if report is not None and report.spec.symbol == symbol else None

    def row(self, report: OrderReport) -> dict[str, Any]:
        """An order as queries show it."""
        return wire.order_row(report, self.accounts.created_ms.get(report.order_id, report.at_ms))

    def cancel(self, report: OrderReport | None, cancel_id: str, restriction: str | None) -> dict[str, Any]:
        """Cancel an order and, if it belongs to a list, the other leg. Raises `ApiError` -2011."""
        if report is None or report.status not in OPEN:
            raise ApiError(-2011, UNKNOWN_ORDER)
        if restriction is not None and wire.status_of(report) != RESTRICTIONS[restriction]:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")
        engine, account, order_id = self.accounts.engine, self.accounts.account, report.order_id
        self.cancel_ids[order_id] = cancel_id
        self.accounts.act(lambda: engine.cancel(account, self.accounts.now_ms(), order_id=order_id))
        return wire.cancel_row(self.accounts.orders[order_id], cancel_id)

    def cancel_list(self, listed: OrderList | None, cancel_id: str) -> dict[str, Any]:
        """Cancel an order list. Raises `ApiError` -2011."""
        if listed is None or listed.done:
            raise ApiError(-2011, UNKNOWN_ORDER)
        engine, account = self.accounts.engine, self.accounts.account
        standing = [order_id for order_id in listed.legs if self.accounts.orders[order_id].status in OPEN]
        self.cancel_ids.update(dict.fromkeys(standing, cancel_id))
        first = standing[0]  # the other leg goes with it; of a target that filled in part the stop has gone already
        self.accounts.act(lambda: engine.cancel(account, self.accounts.now_ms(), order_id=first))
        return wire.list_row(
            listed, [wire.cancel_row(self.accounts.orders[order_id], cancel_id) for order_id in listed.legs]
        )

    def cancel_all(self, symbol: str) -> list[dict[str, Any]]:
        """Cancel everything open in a symbol; lists come as lists. Raises `ApiError` -2011 when nothing is open."""
        rows = []
        for report in self.accounts.engine.open_orders(self.accounts.account, symbol):
            if self.accounts.orders[report.order_id].status not in OPEN:
                continue  # it went with the other leg of its list
            listed = self.lists.find(wire.list_of(report.spec), None)
            rows.append(self.cancel(report, new_id(), None) if listed is None else self.cancel_list(listed, new_id()))
        if not rows:
            raise ApiError(-2011, UNKNOWN_ORDER)
        return rows

    def cancel_replace(
        self, cancel: Callable[[], dict[str, Any]], spec: OrderSpec, kind: AnswerKind, *, stop_on_failure: bool
    ) -> dict[str, Any]:
        """Cancel one order, then send another, with nothing in between. Raises `ApiError` -2021 and -2022."""
        self.count(1)
        outcome: dict[str, Any] = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        try:
            outcome["cancelResponse"] = cancel()
        except ApiError as error:
            outcome |= {"cancelResult": "FAILURE", "cancelResponse": error.content()}
            if stop_on_failure:
                outcome |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
                raise ApiError(-2022, "Order cancel-replace failed.", data=outcome) from error
        try:
            report, fills = self._submit(spec)
            for listener in self.refused if not report.order_id else ():
                listener(report)
            self._raise_refusal(report)
            outcome["newOrderResponse"] = answer(report, fills, kind)
        except ApiError as error:
            outcome |= {"newOrderResult": "FAILURE", "newOrderResponse": error.content()}
        results = {outcome["cancelResult"], outcome["newOrderResult"]}
        if results == {"FAILURE"}:
            raise ApiError(-2022, "Order cancel-replace failed.", data=outcome)
        if results != {"SUCCESS"}:
            raise ApiError(-2021, "Order cancel-replace partially failed.", 409, outcome)
        return outcome


def answer(report: OrderReport, fills: list[Fill], kind: AnswerKind) -> dict[str, Any]:
    """The answer to a new order, as long as it was asked for."""
    if kind == "ACK":
        return wire.order_ack(report)
    return wire.order_result(report) if kind == "RESULT" else wire.order_full(report, fills)


def cancel_restriction(params: Params) -> str | None:
    """The optional `cancelRestrictions`."""
    if params.text("cancelRestrictions") is None:
        return None
    return params.choice("cancelRestrictions", RESTRICTIONS, -1130, "Data sent for 'cancelRestrictions' is not valid.")


def _own(reports: list[OrderReport], spec: OrderSpec) -> list[OrderReport]:
    """The reports about a new order, of all that its arrival caused."""
    return [
        report for report in reports if report.spec.client_id == spec.client_id and report.spec.symbol == spec.symbol
    ]
