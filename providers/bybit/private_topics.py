"""What Bybit's private topics mean: order, execution, position and wallet frames become reports and account changes.

Each row of a frame is read on its own. A row of ours that cannot be read may have been an order's end or a fill: it is
counted, and the stream is told to have a gap, so that the account is read anew.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import msgspec

from core.market.quality import RejectCounter
from core.trading.broker import BrokerListener, VenueBalance, VenuePosition
from core.trading.executions import ENDS
from core.trading.order import OrderReport
from providers.bybit.account_wire import WALLET, Positions, balances_of
from providers.bybit.order_reports import TRADE_TYPES, Rules, execution_report, fill_of, report_of
from providers.bybit.order_wire import (
    ROW_ERRORS,
    ExecutionRow,
    PrivateEnvelope,
    execution_rows,
    order_rows,
    position_rows,
    raw_rows,
    signed,
    wallet_rows,
)

FUNDING: Final = "Funding"
PAYMENTS_KEPT: Final = 256
"""Funding payments whose ids are remembered, so that each counts once."""

ORDERS_KEPT: Final = 4096
"""Orders whose last report is remembered, so that a fill can be told with its order's state."""

log = logging.getLogger("tradetui.bybit")


def topics_of(category: str) -> tuple[str, ...]:
    """What to subscribe to for one category. Wallets are not told by category."""
    positions = () if category == "spot" else (f"position.{category}",)
    return (f"order.{category}", f"execution.{category}", *positions, "wallet")


class PrivateTopics:
    """Turns frames into calls of the listener. `gap(why)` hears of rows that could not be read, `heard(client_id)` of each

    order that was spoken of.
    """

    def __init__(
        self,
        category: str,
        rules: Rules,
        rejects: RejectCounter,
        *,
        positions: Positions,
        gap: Callable[[str], None],
        heard: Callable[[str], None],
    ) -> None:
        self.listener: BrokerListener | None = None
        self.paid: Callable[[str, Decimal], None] = lambda symbol, amount: None
        """Hears of funding: symbol and what was paid (negative: received)."""
        self._payments: OrderedDict[str, None] = OrderedDict()
        self._category = category
        self._rules = rules
        self._rejects = rejects
        self._gap = gap
        self._heard = heard
        self._orders: OrderedDict[str, OrderReport] = OrderedDict()
        self._positions = positions
        self._readers: dict[str, Callable[[msgspec.Raw, BrokerListener], None]] = {
            "order": self._order,
            "execution": self._execution,
            "position": self._position,
            "wallet": self._wallet,
        }

    def take(self, envelope: PrivateEnvelope) -> None:
        """One frame of a topic. Raises nothing but what the listener raises."""
        topic = envelope.topic.partition(".")[0]
        reader = self._readers.get(topic)
        if reader is None or self.listener is None:
            self._rejects.count("private topic")
            return
        for raw in self._rows(envelope, topic):
            try:
                reader(raw, self.listener)
            except ROW_ERRORS as error:
                self.unread(topic, error)

    def unread(self, what: str, error: Exception) -> None:
        """Count something that could not be read, and tell of the gap."""
        self._rejects.count(f"private {what}")
        log.warning("private %s cannot be read: %s", what, error)
        self._gap(f"a private {what} message cannot be read; the account is asked instead")

    def known(self, order_id: str) -> OrderReport | None:
        """The last report of an order by the order topic."""
        return self._orders.get(order_id)

    def _rows(self, envelope: PrivateEnvelope, topic: str) -> Iterator[msgspec.Raw]:
        try:
            yield from raw_rows.decode(envelope.data)
        except ROW_ERRORS as error:
            self.unread(topic, error)

    def _foreign(self, category: str | None) -> bool:
        """Whether a row belongs to another category of the same account."""
        return bool(category) and category != self._category

    def _order(self, raw: msgspec.Raw, listener: BrokerListener) -> None:
        row = order_rows.decode(raw)
        if self._foreign(row.category):
            return
        report = report_of(row, self._category)
        self._remember(report)
        self._heard(row.orderLinkId or "")
        listener.on_report(report)

    def _remember(self, report: OrderReport) -> None:
        before = self._orders.pop(report.order_id, None)
        overtaken = before is not None and (
            report.filled < before.filled or (before.status in ENDS and report.status not in ENDS)
        )
        self._orders[report.order_id] = before if before is not None and overtaken else report
        while len(self._orders) > ORDERS_KEPT:
            self._orders.popitem(last=False)

    def _execution(self, raw: msgspec.Raw, listener: BrokerListener) -> None:
        row = execution_rows.decode(raw)
        if self._foreign(row.category):
            return
        if row.execType == FUNDING:
            self._funding(row)
            return
        if row.execType not in TRADE_TYPES:
            log.info(
                "%s: %s of %s, fee %s", row.symbol[:40], row.execType[:40], row.execQty[:40], (row.execFee or "")[:40]
            )
            return
        fill = fill_of(row, self._rules)
        self._heard(row.orderLinkId or "")
        if row.execType != "Trade":
            log.warning("%s: the venue closed %s of the position (%s)", fill.symbol, fill.quantity, row.execType)
        listener.on_report(execution_report(fill, row, self._orders.get(row.orderId)))

    def _funding(self, row: ExecutionRow) -> None:
        amount = signed(row.execFee, "execFee")
        if row.execId in self._payments:
            return
        self._payments[row.execId] = None
        while len(self._payments) > PAYMENTS_KEPT:
            self._payments.popitem(last=False)
        self.paid(row.symbol, amount)

    def _position(self, raw: msgspec.Raw, listener: BrokerListener) -> None:
        row = position_rows.decode(raw)
        if not self._foreign(row.category):
            listener.on_account({}, (self._positions.take(row),))

    def _wallet(self, raw: msgspec.Raw, listener: BrokerListener) -> None:
        row = wallet_rows.decode(raw)
        if row.accountType == WALLET:
            balances: dict[str, VenueBalance] = balances_of(row)
            positions: tuple[VenuePosition, ...] = ()
            listener.on_account(balances, positions)
